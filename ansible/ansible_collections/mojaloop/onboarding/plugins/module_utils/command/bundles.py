# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Export and import: one side of the exchange as a file that a person carries to the other installation."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..description.model import HUB
from ..errors import OnboardingError, StoreError
from ..exchange.bundle import Bundle, read_bundle
from ..exchange.carrying import Taken, make_bundle, take_bundle
from ..exchange.digests import place_of, short_form
from ..exchange.first_contact import first_publication_digest
from ..exchange.refusal import PublicationRefused
from ..steps.publications import exchange_key
from ..steps.run import Relation, Run, make_run, select_participants
from ..steps.sequence import Request, clock, leased
from ..steps.transports import travels, trust_in
from ..store.files import write_new
from ..store.interface import LARGEST
from ..store.opening import open_tree


def export(request: Request, participant: str, target: Path) -> tuple[Bundle, Path, str]:
    """Write what stands published for the counterpart of this relation; the bundle, its file, and the lines for people.

    ``target`` is a folder, or a file that is not there yet. A file that stands there with the same content is left alone.
    """
    run = make_run(request.load(), open_tree(Path(request.state)), sides=["all"], participants=[], now=clock(request), dry_run=True)
    select_participants(run.description, [participant])
    relation = _relation(run, participant)
    address = run.address(relation.side.name, relation.counterpart.name)
    made = make_bundle(run.tree, address, exchange_key(run, relation.side.name))
    if made is None:
        raise OnboardingError("nothing is published", where=address.folder, remedy="Run playbooks/onboard.yml first.")
    bundle, data = made
    file = target / bundle.name if target.is_dir() else target
    _write(file, data)
    digest = first_publication_digest(bundle.folder("publication/"), address.files)
    place = place_of(address.sender, address.receiver)
    said = f"{file}: publication {bundle.sequence} {address}. Send it; nothing in it is secret to its reader's exchange key."
    lines = [
        said,
        f"Its digest: {digest}",
        f"  short form: {short_form(digest)} ({address.receiver} compares it, then writes it into {place})",
    ]
    return bundle, file, "\n".join(lines)


def take(request: Request, file: Path) -> tuple[Taken, str]:
    """Store what a file holds; the lines for people. PublicationRefused with a reason code, and nothing is stored."""
    bundle = read_bundle(_content(file), str(file))
    with leased(request, f"import of {file.name}") as run:
        if bundle.environment != run.description.environment:
            raise _misdirected(file, bundle, f"this is {run.description.environment}")
        own = [side.name for side in run.description.own_sides]
        known = {HUB, *(participant.name for participant in run.description.participants)}
        if bundle.receiver not in own or bundle.sender in own or bundle.sender not in known or HUB not in {bundle.sender, bundle.receiver}:
            raise _misdirected(file, bundle, f"this installation acts for {', '.join(own)}")
        relation = Relation(run.description.side(bundle.receiver), run.description.side(bundle.sender))
        address = run.address(bundle.sender, bundle.receiver)
        taken = take_bundle(run.tree, bundle, address, trust_in(run, relation), now=run.now, where=str(file))
    return taken, "\n".join(_said(taken, str(address)))


def _said(taken: Taken, about: str) -> list[str]:
    sender, receiver = taken.bundle.sender, taken.bundle.receiver
    lines = [f"Publication {taken.bundle.sequence} {about} is {'stored' if taken.new else 'here already'}. Run playbooks/onboard.yml next."]
    if taken.unconfirmed:
        lines.append(
            f"Not confirmed: compare its digest with {sender} over another channel, then write it into {place_of(sender, receiver)}:"
        )
        lines += [f"  {taken.digest}", f"  short form: {short_form(taken.digest)}"]
    return lines


def _relation(run: Run, participant: str) -> Relation:
    side = run.description.participant(participant)
    relations = [Relation(run.description.hub, side), Relation(side, run.description.hub)]
    own = {each.name for each in run.description.own_sides}
    found = [relation for relation in relations if relation.side.name in own and travels(run, relation)]
    if not found:
        both = {HUB, participant} <= own
        what = "both sides are here: nothing travels" if both else "this installation acts for neither side"
        raise OnboardingError(
            what, where=participant, remedy="Name a participant whose counterpart is elsewhere (installation: in hosts.yml)."
        )
    return found[0]


def _write(file: Path, data: bytes) -> None:
    if os.path.lexists(file):
        if file.is_file() and not file.is_symlink() and file.read_bytes() == data:
            return
        raise StoreError("is there already, with another content", where=str(file), remedy="Move it away, or name another file.")
    write_new(str(file), data)


def _content(file: Path) -> bytes:
    """The file, if it is a plain one, as far as a bundle may be long and one byte more."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise PublicationRefused("not-a-plain-file", "is no plain file", where=str(file), remedy="Name the file that came.")
        return stream.read(LARGEST + 1)


def _misdirected(file: Path, bundle: Bundle, here: str) -> PublicationRefused:
    what = f"is from {bundle.sender[:64]!a} for {bundle.receiver[:64]!a} in {bundle.environment[:64]!a}; {here}"
    return PublicationRefused("bundle-misdirected", what, where=str(file), remedy="Nothing was stored.")
