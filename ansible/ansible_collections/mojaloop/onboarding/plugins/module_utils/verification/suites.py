# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The suites of a verification, each with the step of the documents that it fulfils.

Source of the steps: Mojaloop Hub Operations, "Technical onboarding of DFSPs", section "Testing and validation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..description.model import EnvironmentKind, Participant
from ..errors import DescriptionError, Problem
from ..steps.run import Run
from .business import Business
from .campaign import all_cases
from .evidence import SECURITY
from .material import Material
from .model import Case, Result, Site
from .running import run_cases
from .service_level import Load, Service
from .settlement_window import Windows

NOT_IN_PRODUCTION = "it makes payments and disables a participant for a moment: run it in pre-production"


@dataclass(frozen=True)
class Suite:
    """One suite: its name, the documents' words for what it fulfils, and its cases."""

    name: str
    step: str
    cases: Callable[[Material], Iterator[Case]]


def _each(kind: type[Business | Service | Load | Windows]) -> Callable[[Material], Iterator[Case]]:
    """The cases of every participant of the run that has a counterpart."""

    def cases(material: Material) -> Iterator[Case]:
        for participant in material.run.chosen:
            if _takes_part(participant):
                yield from _with_counterpart(material, participant, kind)

    return cases


def _with_counterpart(material: Material, participant: Participant, kind: type[Business | Service | Load | Windows]) -> Iterator[Case]:
    counterpart = counterpart_of(material, participant)
    if counterpart is None:
        return
    production = material.run.description.kind is EnvironmentKind.PRODUCTION
    obstacle = material.site.obstacle or (NOT_IN_PRODUCTION if production else "")
    for case in kind(material, participant, counterpart).cases():
        yield replace(case, obstacle=obstacle) if obstacle else case


def counterpart_of(material: Material, participant: Participant) -> Participant | None:
    """Who plays the other part: the described one, else the next active participant; None when there is no one else."""
    others = [each for each in material.run.description.participants if _takes_part(each) and each.name != participant.name]
    named = material.run.description.hub.testing.counterpart
    later = [each for each in others if each.name > participant.name]
    return next((each for each in others if each.name == named), None) or next(iter([*later, *others]), None)


def _takes_part(participant: Participant) -> bool:
    return participant.active and not participant.probe and participant.endpoint is not None


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(SECURITY, "security setup validation", all_cases),
        Suite("end-to-end", "end-to-end integration and application layer validation against real, friendly DFSPs", _each(Business)),
        Suite("sla", "validation of response time Service Level Agreements (SLAs)", _each(Service)),
        Suite("performance", "performance testing", _each(Load)),
        Suite("settlement", "settlement process validation", _each(Windows)),
    )
}


def suites_named(names: Sequence[str]) -> tuple[Suite, ...]:
    """These suites, in the order of the table; DescriptionError for a name that is none of them."""
    unknown = sorted(set(names) - SUITES.keys())
    if unknown:
        raise DescriptionError([Problem("suites", 0, name, "no such suite", ", ".join(SUITES)) for name in unknown])
    return tuple(suite for suite in SUITES.values() if suite.name in names)


def carry_out(run: Run, site: Site, suites: Sequence[Suite]) -> list[Result]:
    """Run the cases of these suites; see ``evidence`` and ``signed`` for keeping what they came to."""
    return [replace(each, suite=suite.name) for suite in suites for each in run_cases(suite.cases(Material(run, site)))]
