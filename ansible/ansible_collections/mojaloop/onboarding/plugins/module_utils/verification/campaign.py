# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All cases of one verification, for the participants of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..description.model import HUB, Participant
from ..steps.run import Run
from .flows import ring
from .handshakes import Handshakes
from .hub_listener import HubListener
from .impostors import Impostors
from .material import Material
from .model import Case, Result, Site
from .on_clusters import as_seen_on_a_cluster
from .participant_listener import ParticipantListener
from .running import run_cases
from .shut_out import ShutOut

NO_PLACE = "no host here owns its address: name one in probe_hosts of hosts.yml"


def verify(run: Run, site: Site, *, progress: Callable[[Result], None] = lambda _result: None) -> list[Result]:
    """Prove what can be proved from here about the participants of a run; see ``evidence`` for keeping it."""
    return run_cases(all_cases(Material(run, site)), progress=progress)


def all_cases(material: Material) -> Iterator[Case]:
    """Every case, listener by listener; where nothing can be tried, each with the reason."""
    obstacle = material.site.obstacle
    for case in _cases(material):
        seen = as_seen_on_a_cluster(material.run.description, case)
        yield replace(seen, obstacle=obstacle or seen.obstacle)


def _cases(material: Material) -> Iterator[Case]:
    """The profile names the suite."""
    return _handshakes(material) if material.run.description.profile.suite == "handshakes" else _fspiop(material)


def _handshakes(material: Material) -> Iterator[Case]:
    hub = material.run.description.hub
    for participant in (each for each in material.run.chosen if each.active and each.endpoint is not None):
        yield from Handshakes(material, participant, hub).cases()
        yield from Handshakes(material, hub, participant).cases()


def _fspiop(material: Material) -> Iterator[Case]:
    run, site = material.run, material.site
    active = [participant for participant in run.chosen if participant.active]
    held = [participant for participant in run.description.participants if participant.active and _held(run, site, participant)]
    yield from _shut_out(material, held)
    for participant in active:
        if participant in held:
            yield from HubListener(material, participant, _other(held, participant)).cases()
        elif _keys_here(run, participant):
            yield from _open(HubListener(material, participant, None).cases(), NO_PLACE)
    listeners = [participant for participant in active if participant.endpoint is not None]
    for participant in listeners:
        yield from _open(ParticipantListener(material, participant).cases(), _from_the_hub(material, participant))
        if participant.managed:
            yield from Impostors(material, participant, run.description.hub, participant.name).cases()
        yield from Impostors(material, run.description.hub, participant, participant.name).cases()
    every_listener = [
        participant for participant in run.description.participants if participant.active and participant.endpoint is not None
    ]
    yield from (case for case in ring(material, every_listener) if case.participant in {participant.name for participant in active})


def _open(cases: Iterator[Case], obstacle: str) -> Iterator[Case]:
    """The cases, each with the obstacle where there is one."""
    yield from (replace(case, obstacle=obstacle) if obstacle else case for case in cases)


def _from_the_hub(material: Material, participant: Participant) -> str:
    """Why nothing is sent from the hub's side to this participant's listener; empty where it is.

    A listener of another organisation is tried where one of its hosts is here, so that its people know of it.
    """
    site = material.site
    if HUB not in material.run.sides:
        return "the hub's keys are not here"
    if site.machine_of(HUB) is None:
        return "no host here owns the hub's egress address"
    return "" if site.machine_of(participant.name) is not None else NO_PLACE


def _shut_out(material: Material, held: list[Participant]) -> Iterator[Case]:
    """Those of this run that are not active, each beside the first active one whose material is here."""
    for participant in material.run.chosen:
        if not participant.active and _held(material.run, material.site, participant):
            yield from ShutOut(material, participant, held[0] if held else None).cases()


def _held(run: Run, site: Site, participant: Participant) -> bool:
    """Whether this run holds the participant's keys and can act from its place."""
    here = bool(site.obstacle) or site.machine_of(participant.name) is not None
    return _keys_here(run, participant) and here


def _keys_here(run: Run, participant: Participant) -> bool:
    return participant.managed and participant.name in run.sides


def _other(held: list[Participant], participant: Participant) -> Participant | None:
    """The next of those whose material is here: whose certificate, token and address are tried in place of its own."""
    position = held.index(participant)
    return held[(position + 1) % len(held)] if len(held) > 1 else None
