# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application layer of a participant: messages that are signed and come through every gateway, and are not what the API says.

Source: FSPIOP API 1.1, section 7.6: validation errors have codes 31xx. The identical message with the one fault mended is the control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..description.model import Participant
from ..formats import read_json
from ..remote.http import json_body
from .forgeries import signed_by
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case
from .outcomes import found, outcome
from .participant_listener import ParticipantListener
from .payments import error_code
from .probe import perform
from .wrong_requests import without_header

_VALIDATION = "31"
Wrong = Callable[[dict[str, Any]], dict[str, Any]]


def _without(name: str) -> Wrong:
    return lambda body: {key: value for key, value in body.items() if key != name}


_BODIES: tuple[tuple[str, str, Wrong], ...] = (
    ("field-missing", "an answer to a quote without its condition", _without("condition")),
    ("amount-malformed", "an amount with a comma", lambda body: {**body, "transferAmount": {"amount": "1,00", "currency": "USD"}}),
    ("condition-malformed", "a condition of the wrong length", lambda body: {**body, "condition": "A"}),
)


@dataclass(frozen=True)
class Application:
    """What a participant's own services must refuse of the hub."""

    material: Material
    participant: Participant
    direction: str

    def cases(self) -> Iterator[Case]:
        """Each fault of body and header, signed anew, so that nothing else is wrong."""
        for key, title, change in _BODIES:
            yield self._case(key, title, partial(self._with_body, change))
        yield self._case("date-missing", "no date", lambda: self._signed(without_header("date")(self._right())))

    def _right(self) -> Attempt:
        return ParticipantListener(self.material, self.participant).base()

    def _with_body(self, change: Wrong) -> Attempt:
        attempt = self._right()
        return self._signed(replace(attempt, body=json_body(change(dict(read_json(attempt.body)))).content))

    def _signed(self, attempt: Attempt) -> Attempt:
        return signed_by(self.material.jws_key(self.material.run.description.hub), attempt)

    def _case(self, key: str, title: str, attempt: Callable[[], Attempt]) -> Case:
        obstacle = "" if self.participant.sdk else "its services are not the Mojaloop SDK"
        return Case(
            key, title, self.direction, self.participant.name, outcome("400 with an error code 31xx", refusal=True),
            lambda: self._refused(attempt()), control=self._accepted, control_key=f"{self.participant.name} answer", obstacle=obstacle,
        )  # fmt: skip

    def _accepted(self) -> Answer:
        answer = perform(self.material.site, self._right())
        return found(f"{answer}", answer.transcript, holds=ACCEPTED.met_by(answer))

    def _refused(self, attempt: Attempt) -> Answer:
        answer = perform(self.material.site, attempt)
        code = error_code(answer.body)
        holds = answer.status == 400 and code.startswith(_VALIDATION)  # noqa: PLR2004 -- bad request (FSPIOP API, section 3.2.3)
        return found(f"{answer}{f', error {code}' if code else ''}", answer.transcript, holds=holds)
