# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every participant's OAuth clients with the days on which they are replaced or end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from ..description.model import AuthorizationServer, Description, Participant
from ..errors import StoreError
from ..oauth.records import read_clients
from ..store.layout import NEXT, PREVIOUS
from ..store.tree import Tree


@dataclass(frozen=True)
class ListedClients:
    """The clients of one participant. Moments are ISO 8601 in UTC, empty for never (``replaced``) or for none (``earlier_ends``)."""

    participant: str
    client_id: str
    registered: str
    replaced: str
    """From when a run registers its successor."""
    prepared: bool
    """Whether the successor is registered, and not handed over yet."""
    earlier_ends: str

    @property
    def next_day(self) -> str:
        """The first of its days to come; last in the alphabet when there is none."""
        return min((moment for moment in (self.earlier_ends, self.replaced) if moment), default="~")

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        replaced = f"replaced from {self.replaced[:10]}" if self.replaced else "not replaced by age"
        prepared = "; its successor is registered, and handed over by the next run once the gateways accept it" if self.prepared else ""
        ends = f"; the earlier one ends on {self.earlier_ends[:10]}" if self.earlier_ends else ""
        return f"{self.participant}: registered on {self.registered[:10]}, {replaced}{prepared}{ends}"


def list_clients(tree: Tree, description: Description) -> list[ListedClients]:
    """Every participant that has a client, the next to change first. What cannot be read is left to the run, which reports it."""
    server = description.hub.authorization_server
    if server is None:
        return []
    found = [_listed(tree, server, participant) for participant in description.participants]
    return sorted((one for one in found if one), key=lambda one: (one.next_day, one.participant))


def _listed(tree: Tree, server: AuthorizationServer, participant: Participant) -> ListedClients | None:
    try:
        clients = read_clients(tree, participant.name)
        present, earlier = clients.get(""), clients.get(PREVIOUS)
        if present is None:
            return None
        replaced = _text(present.registered + timedelta(days=server.client_days)) if server.client_days else ""
        ends = _text(earlier.ends(server.client_overlap_days)) if earlier else ""
        return ListedClients(participant.name, present.client_id, _text(present.registered), replaced, NEXT in clients, ends)
    except StoreError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
