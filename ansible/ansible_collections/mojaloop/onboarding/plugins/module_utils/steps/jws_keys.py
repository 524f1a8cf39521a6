# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every side's folder of JWS public keys, one file for each FSPIOP id (JWS 3): what its backends verify with."""

from __future__ import annotations

from ..description.model import HUB, Side
from ..document_steps import Phase
from ..exchange.first_contact import read_contact
from ..exchange.jws_list import JwsListing
from ..findings import OPERATOR, Disposition, Finding
from ..store import layout
from ..store.interface import MOST, contents
from .run import Run


class JwsKeys:
    """Keeps the folders of all sides of a run; the hub's list is read once. Two sides share no file."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._listing: JwsListing | None = None

    def keep(self, side: Side) -> None:
        """Bring a side's folder up to date: a participant's from the hub's signed list, the hub's from its own verified copies."""
        wanted = hub_keys(self._run) if side.name == HUB else self._listed(side)
        if not wanted:
            self._run.note(Finding(side.name, Phase.JWS_RECEIVED, side.name, "jws-keys", "awaiting-counterpart", Disposition.PENDING, HUB))
            return
        self._change(side, self._differing(side, {f"{name}.pem": content for name, content in wanted.items()}))

    def report_left_out(self) -> None:
        """Say of which sides, whom a narrowed run is not about, the keys are not those of the hub's list now."""
        run, chosen = self._run, {participant.name for participant in self._run.chosen}
        left = [each.name for each in run.description.participants if each.active and each.name not in chosen and each.name in run.sides]
        listed = contents(run.tree, layout.JWS_LIST_FOLDER) if left else {}
        keys = {name: content for name, content in listed.items() if name.endswith(".pem")}
        behind = [name for name in left if keys != contents(run.tree, layout.jws_keys_folder(name))]
        if keys and behind:
            detail = f"open for {', '.join(behind)}: run without -e participants"
            run.note(Finding(HUB, Phase.JWS_RECEIVED, HUB, "jws-keys", "open-for-others", Disposition.PENDING, OPERATOR, detail))

    def _differing(self, side: Side, files: dict[str, bytes]) -> dict[str, tuple[str, bytes | None]]:
        """Reason and wanted content of each file that is not right."""
        there = self._run.tree.folder(layout.jws_keys_folder(side.name), most=max(MOST, 2 * len(files)))
        found: dict[str, tuple[str, bytes | None]] = {name: ("unwanted", None) for name in there if name not in files}
        for name, content in files.items():
            if name not in there or there[name].content != content:
                found[name] = ("replaced" if name in there else "not-installed", content)
        return found

    def _change(self, side: Side, differing: dict[str, tuple[str, bytes | None]]) -> None:
        for reason in sorted({reason for reason, _content in differing.values()}):
            names = sorted(name.removesuffix(".pem") for name, (why, _content) in differing.items() if why == reason)
            self._run.note(Finding(side.name, Phase.JWS_RECEIVED, side.name, "jws-keys", reason, detail=", ".join(names)))
        if differing:
            contents = {name: content for name, (_reason, content) in sorted(differing.items())}
            # Single files: a backend that reads the folder at this moment finds every key.
            self._run.tree.update_folder(layout.jws_keys_folder(side.name), contents)

    def _listed(self, side: Side) -> dict[str, bytes]:
        contact = read_contact(self._run.tree, side.name, HUB)
        if contact is None:
            return {}
        if not contact.exchange_certificates:
            # Of the channel, which authenticates the hub: no one has signed a list.
            return {name.removesuffix(".pem"): key for name, key in contents(self._run.tree, layout.listed_keys_folder(side.name)).items()}
        if self._listing is None:
            self._listing = JwsListing(self._run.tree)
        listed = self._listing.keys(self._run.description.environment, side.name, contact.certificates())
        self._listing.accept(side.name)
        return listed


def hub_keys(run: Run) -> dict[str, bytes]:
    """The JWS public keys that the hub vouches for, by FSPIOP id: its own and every active participant's.

    A participant whose file is broken keeps the entry it has: a slip of the pen withdraws no one's key. So do those whom a
    narrowed run is not about: their keys come and go with their listeners.
    """
    found = {run.description.hub.fspiop_id: run.tree.read(f"{layout.store_folder(HUB, 'jws')}/public.pem")}
    for participant in run.chosen:
        if participant.active:
            found[participant.fspiop_id] = run.tree.read(f"{layout.received_folder(HUB, participant.name)}/jws.pem")
    return {**_kept(run), **{name: content for name, content in found.items() if content is not None}}


def _kept(run: Run) -> dict[str, bytes]:
    """The entries of participants not judged in this run; no two holders share a key, so the key tells which entry is theirs."""
    everybody = {participant.name for participant in run.description.participants}
    names = run.description.broken_names - run.description.closed_names | everybody - {participant.name for participant in run.chosen}
    theirs = {run.tree.read(f"{layout.received_folder(HUB, name)}/jws.pem") for name in names}
    if not theirs - {None}:
        return {}
    entries = contents(run.tree, layout.jws_keys_folder(HUB))
    return {file.removesuffix(".pem"): content for file, content in entries.items() if content and content in theirs}
