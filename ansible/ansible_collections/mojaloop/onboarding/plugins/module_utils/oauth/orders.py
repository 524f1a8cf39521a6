# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a client or its secret is to be replaced: by age, or because a person ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..description.model import AuthorizationServer, Description, Participant
from .listeners import revoked
from .records import Registration


@dataclass(frozen=True)
class Orders:
    """What holds for one participant's client now."""

    description: Description
    server: AuthorizationServer
    participant: Participant
    now: datetime

    def due(self, present: Registration) -> bool:
        """Whether it is to be replaced."""
        days = self.server.client_days
        aged = bool(days) and present.registered + timedelta(days=days) <= self.now
        return aged or self._before(present, self.participant.oauth.renew_before) or self.revoked(present)

    def revoked(self, client: Registration) -> bool:
        """Whether it is to end at once."""
        return revoked(self.description, self.participant, client, self.now)

    def why(self, present: Registration) -> str:
        """Why one that is due is replaced."""
        ordered = next((name for name, moment in self._named().items() if self._before(present, moment)), "client_days")
        ahead = " by a clock that ran ahead" if present.registered > self.now else ""
        return f"the present one was registered on {present.registered:%Y-%m-%d}{ahead}: {ordered}"

    def to_come(self) -> list[str]:
        """Orders of a moment that is still to come, mostly one of another time zone: who gave them believes that they are carried out."""
        return [
            f"{name} takes effect at {moment:%Y-%m-%d %H:%M} UTC, not now"
            for name, moment in self._named().items()
            if moment is not None and moment > self.now
        ]

    def _named(self) -> dict[str, datetime | None]:
        orders = self.participant.oauth
        return {"oauth.revoke_before": orders.revoke_before, "oauth.renew_before": orders.renew_before}

    def _before(self, client: Registration, moment: datetime | None) -> bool:
        return client.before(moment, self.now, self.description.profile.skew)
