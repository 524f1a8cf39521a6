# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run works with: the description, the state folder, which sides and participants, the clock, the keys."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath

from ..description.building import OWN_FILES
from ..description.model import HUB, Description, EnvironmentKind, Participant, Side, State
from ..description.trust import Artefact, counterparts_of, requests_between
from ..errors import DescriptionError, Problem
from ..exchange.publication import Address
from ..exchange.published import PublishedFile, published_files
from ..exchange.transport import Transport
from ..findings import Disposition, Finding
from ..guarding import guarded
from ..pki.certificates import Chain
from ..pki.keys import KDF_ROUNDS, KDF_ROUNDS_FOR_PEOPLE, DryRunKeys, FreshKeys, KeyFactory
from ..store import layout
from ..store.journal import Issuance
from ..store.tree import DiskTree, Overlay, Tree
from .ownership import kept_elsewhere
from .passphrases import given_passphrase, not_given
from .registers import IssuingJournal, KnownKeys


@dataclass(frozen=True)
class Relation:
    """One side and one of its counterparts, seen from that side."""

    side: Side
    counterpart: Side

    @property
    def participant(self) -> str:
        """The participant of the two."""
        return self.counterpart.name if self.side.name == HUB else self.side.name


@dataclass(frozen=True)
class Run:
    """One run over some sides and some participants.

    ``sides`` are those whose half is carried out here; ``chosen`` the participants of this run, sorted by id.
    ``dry_run``: nothing is written, ``tree`` is an overlay. ``rekey`` names artefacts (``<side>/<label>``) whose loss
    a person has accepted: only these are replaced when they are damaged or lost.
    """

    description: Description
    tree: Tree
    sides: tuple[str, ...]
    chosen: tuple[Participant, ...]
    now: datetime
    keys: KeyFactory
    dry_run: bool = False
    rekey: frozenset[str] = frozenset()
    renew: frozenset[str] = frozenset()
    """Artefacts that are in order and get a new key and certificate, with overlap."""
    disclosed: frozenset[str] = frozenset()
    """Artefacts whose key may be known to others: they get a new one at once (``rekey`` names them too)."""
    findings: list[Finding] = field(default_factory=list)
    online: bool = True
    """Whether a transport may ask a server: a status that is read from files alone may not."""
    transports: dict[str, Transport] = field(default_factory=dict)
    """How publications travel, by participant, as far as asked for (see ``transports``)."""
    _elsewhere: dict[str, Tree] = field(default_factory=dict)
    _certificates: dict[str, tuple[int, Chain]] = field(default_factory=dict)
    _requests: dict[tuple[str, str], list[Artefact]] = field(default_factory=dict)

    def beside(self, folder: str) -> tuple[Tree, str]:
        """A file or folder that the description names, anywhere on this machine: the tree that reaches it, and its path there.

        What a participant's file names is reached from the description's folder, so that no link leads out of it.
        """
        place, root = Path(folder), Path(self.description.folder)
        top = str(root if place.is_relative_to(root / OWN_FILES) else place.parent)
        if top not in self._elsewhere:
            disk = DiskTree(Path(top))
            self._elsewhere[top] = Overlay(disk) if self.dry_run else disk
        return self._elsewhere[top], str(place.relative_to(top))

    def certificates(self, path: str, parse: Callable[[bytes], Chain]) -> Chain:
        """The certificates in a file of the store, read again only after something was changed; empty when there is none."""
        changes, chain = self._certificates.get(path, (-1, ()))
        if changes != self.tree.changes:
            pem = self.tree.read(path)
            chain = () if pem is None else parse(pem)
            self._certificates[path] = (self.tree.changes, chain)
        return chain

    def requests_between(self, holder: Side, signer: Side) -> list[Artefact]:
        """See ``description.trust``; worked out once."""
        key = (holder.name, signer.name)
        if key not in self._requests:
            self._requests[key] = requests_between(self.description, holder, signer)
        return self._requests[key]

    @property
    def known_keys(self) -> KnownKeys:
        """Whose every known key is."""
        return KnownKeys(self.tree)

    def journal(self, issuer: str, holder: str, artefact: str, key: str, *, why: str, provenance: str) -> IssuingJournal:
        """The write-ahead journal of one signature; ``key`` is the digest of the certified public key."""
        profile = self.description.profile
        policy = f"{profile.name} {profile.version}"
        return IssuingJournal(self.tree, Issuance(issuer, holder, artefact, why, policy, key, provenance, self.now.isoformat()))

    @property
    def files(self) -> Mapping[str, PublishedFile]:
        """What sides publish to each other by the profile."""
        return published_files(self.description.profile)

    def address(self, sender: str, receiver: str) -> Address:
        """The publication of one side for another."""
        return Address(self.description.environment, sender, receiver, self.files)

    def own_sides(self) -> Iterator[Side]:
        """The sides carried out here: the hub first, then the chosen participants in order."""
        if HUB in self.sides:
            yield self.description.hub
        for participant in self.chosen:
            if participant.name in self.sides and participant.state is not State.OFFBOARDED:
                yield participant

    def counterparts(self, side: Side) -> tuple[Side, ...]:
        """Whom this side deals with in this run."""
        return counterparts_of(self.description, side.name, self.chosen)

    def relations(self, side: Side) -> Iterator[Relation]:
        """This side with each of its counterparts."""
        yield from (Relation(side, counterpart) for counterpart in self.counterparts(side))

    def passphrase(self, side: str) -> bytes:
        """The passphrase of a side's CA key: as given, or (labs only) a random one kept in the store."""
        given = given_passphrase(side, os.environ)
        if given is not None:
            return given
        path = layout.passphrase_path(side)
        kept = self.tree.read(path)
        if kept is not None:
            return kept
        # A dry run needs none for the CA that it makes itself, so that a first run can be planned by who does not know it.
        to_open = self.tree.status(f"{layout.store_folder(side, 'ca')}/key.pem") is not None
        if self.description.kind is not EnvironmentKind.LAB and (to_open or not self.dry_run):
            raise not_given(side)
        made = secrets.token_urlsafe(32).encode()
        self.tree.write(path, made)
        return made

    def passphrase_missing(self, side: Side) -> bool:
        """Whether a CA is to be made for this side whose passphrase was given nowhere."""
        to_make = side.ca.kind == "internal" and self.tree.status(f"{layout.store_folder(side.name, 'ca')}/key.pem") is None
        given = given_passphrase(side.name, os.environ) is not None or self.tree.status(layout.passphrase_path(side.name)) is not None
        return self.description.kind is not EnvironmentKind.LAB and to_make and not given

    def derivation_rounds(self, side: str) -> int:
        """Rounds with which a CA key is encrypted: many where a person has chosen the passphrase."""
        return KDF_ROUNDS if given_passphrase(side, os.environ) is None else KDF_ROUNDS_FOR_PEOPLE

    def note(self, finding: Finding) -> None:
        """Keep a finding."""
        self.findings.append(finding)

    def guarded(self, participant: str, step: str, side: str, artefact: str) -> AbstractContextManager[None]:
        """Turn an error about one participant into a fault, so that the run goes on with the others."""

        def tell(reason: str, detail: str) -> None:
            self.note(Finding(participant, step, side, artefact, reason, Disposition.FAULT, detail=detail))

        return guarded(tell)


def select_sides(description: Description, wanted: list[str]) -> tuple[str, ...]:
    """The sides named: ``hub``, ``managed``, ``all`` (those of this installation), or participants' ids."""
    own = [side.name for side in description.own_sides]
    managed = [name for name in own if name != HUB]
    groups = {"all": own, "managed": managed}
    chosen: list[str] = []
    for name in wanted or ["all"]:
        if name not in groups and name not in own:
            found = "a side that this installation does not act for (installation: in hosts.yml)"
            raise DescriptionError([Problem("sides", 0, name, found, ", ".join([*own, *groups]))])
        chosen += groups.get(name, [name])
    return tuple(dict.fromkeys(chosen))


def select_participants(description: Description, wanted: list[str]) -> tuple[Participant, ...]:
    """The participants named, or all; DescriptionError names those that are not described."""
    known = {participant.name: participant for participant in description.participants}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DescriptionError([_not_known(description, name, ", ".join(known) or "none is described") for name in unknown])
    return tuple(participant for participant in description.participants if not wanted or participant.name in wanted)


def _not_known(description: Description, name: str, known: str) -> Problem:
    reported = [problems[0] for file, problems in description.broken if PurePath(file).stem == name]
    found = f"a participant whose file is not in order ({reported[0]})" if reported else "no such participant"
    return Problem("participants", 0, name, found, known)


def make_run(
    description: Description,
    tree: Tree,
    *,
    sides: list[str],
    participants: list[str],
    now: datetime,
    dry_run: bool,
    rekey: list[str] | None = None,
) -> Run:
    """A run over the named sides and participants; a dry run gets an overlay (one that is given goes on) and throw-away keys."""
    wanted = select_sides(description, sides)
    permitted = frozenset(rekey or ())
    foreign = {side: fault for side in wanted if (fault := kept_elsewhere(tree, side, permitted, rekey_switch(f"{side}/exchange")))}
    return Run(
        description=description,
        tree=Overlay(tree) if dry_run and not isinstance(tree, Overlay) else tree,
        sides=tuple(side for side in wanted if side not in foreign),
        chosen=select_participants(description, participants),
        now=now,
        keys=DryRunKeys() if dry_run else FreshKeys(),
        dry_run=dry_run,
        rekey=permitted,
        findings=list(foreign.values()),
    )


def rekey_switch(artefact: str) -> str:
    """The words by which a person permits playbooks/onboard.yml a new key for an artefact (``<side>/<label>``)."""
    return f"-e rekey={artefact}"
