# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole conversations: one participant's call, through the hub, to another one, and its callback all the way back."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..description.model import Participant
from ..errors import OnboardingError
from .material import Material
from .model import Answer, Case, Expected, Kind
from .plain_http import exchange

DIRECTION = "end to end"
CALLBACK_SECONDS = 15.0
_LOGS = "See its backend's log; a self-hosted participant has to read the keys of new participants first."
COMPLETED = Expected(Kind.ANSWERED, (200,))


@dataclass(frozen=True)
class Flow:
    """One quote request from payer to payee; both sides' services say what they saw."""

    material: Material
    payer: Participant
    payee: Participant

    def cases(self) -> Iterator[Case]:
        """The conversation, once as the payer's case and once as the payee's."""
        site = self.material.site
        obstacle = (
            ""
            if site.control(self.payer.name) and site.control(self.payee.name)
            else "the services behind the listeners are not ours to ask"
        )
        title = f"quote to {self.payee.name}, its callback received"
        yield Case(f"payer-to-{self.payee.name}", title, DIRECTION, self.payer.name, COMPLETED, self._run, obstacle=obstacle)
        title = f"quote from {self.payer.name}, callback sent"
        yield Case(f"payee-of-{self.payer.name}", title, DIRECTION, self.payee.name, COMPLETED, self._run, obstacle=obstacle)

    def _run(self) -> Answer:
        quote = str(uuid.uuid4())
        body = {"quoteId": quote, "transactionId": str(uuid.uuid4()), "amount": {"currency": "USD", "amount": "1"}}
        order = {"method": "POST", "path": "/quotes", "destination": self.payee.fspiop_id, "body": body}
        sent = self._ask(self.payer, "POST", "/send", order)
        if sent.get("status") != 202:  # noqa: PLR2004 -- accepted for processing (FSPIOP API section 3.2.3)
            msg = f"the payer's call was not accepted: {sent.get('status') or sent.get('error') or sent}"
            raise OnboardingError(msg, where=self.payer.name, remedy=_LOGS)
        deadline = time.monotonic() + CALLBACK_SECONDS
        while True:
            asked = self._seen(self.payee, quote, "message")
            answered = self._seen(self.payer, quote, "callback")
            if asked and answered:
                return Answer(Kind.ANSWERED, 200, transcript=json.dumps([asked, answered], indent=1))
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        msg = "the callback did not arrive" if asked else "the payee did not see the request"
        raise OnboardingError(msg, where=(self.payer if asked else self.payee).name, remedy=_LOGS)

    def _seen(self, side: Participant, quote: str, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._ask(side, "GET", f"/messages?id={quote}")
        return [entry for entry in entries if entry.get("kind") == kind]

    def _ask(self, side: Participant, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 -- the service's JSON
        listener = self.material.site.control(side.name)
        if listener is None:
            msg = f"no control service of {side.name}"
            raise LookupError(msg)
        machine = self.material.site.machine_of(side.name) or ""
        return json.loads(exchange(self.material.site, machine, listener, method, path, body).body)


def ring(material: Material, participants: Sequence[Participant]) -> Iterator[Case]:
    """Each participant once as payer and once as payee, in a ring; two at least are needed."""
    if len(participants) > 1:
        for payer, payee in zip(participants, [*participants[1:], participants[0]], strict=True):
            yield from Flow(material, payer, payee).cases()
