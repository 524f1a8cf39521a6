# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The description judged as a whole, or for some participants: what ``description_check`` reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import DescriptionError, Problem
from .documents import shown
from .loading import load_description
from .model import Participant
from .notes import notes

_NOWHERE = "participants"
"""What a problem concerns when it is no single participant's: it counts for every selection."""


@dataclass(frozen=True)
class Verdict:
    """All problems as lines for people, the participants that are right, and whether the selection may be worked on."""

    environment: str
    problems: tuple[str, ...]
    participants: tuple[dict[str, str], ...]
    right: bool
    notes: tuple[str, ...] = ()
    """What is right and yet not to be overlooked."""


def check_description(folder: Path, *, state: str = "", participants: Iterable[str] = ()) -> Verdict:
    """Judge a description; DescriptionError when hub.yml is wrong or a selected participant does not exist.

    ``participants`` are ids; none means all. Problems of other participants are reported, but do not count.
    """
    description = load_description(folder, state=state)
    names = frozenset(participants)
    broken = {PurePath(file).stem: problems for file, problems in description.broken}
    if unknown := sorted(names - description.known_names):
        place = str(folder / "participants")
        raise DescriptionError(
            [Problem(place, 1, "participants", shown(name), "ids of participants of this description") for name in unknown]
        )
    selected = [participant for participant in description.participants if not names or participant.name in names]
    return Verdict(
        environment=description.environment,
        problems=tuple(problem for problems in broken.values() for problem in problems),
        participants=tuple(_facts(participant) for participant in selected),
        notes=tuple(notes(description)),
        right=not any(not names or name in names or name == _NOWHERE for name in broken),
    )


def _facts(participant: Participant) -> dict[str, str]:
    return {
        "id": participant.name,
        "state": participant.state.value,
        "hosting": participant.hosting,
        "transport": participant.transport.kind,
        "connector": participant.connector.kind,
        "kind": "probe" if participant.probe else "participant",
    }
