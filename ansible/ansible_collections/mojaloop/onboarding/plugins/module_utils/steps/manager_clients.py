# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OAuth clients that the hub's Connection Manager hands out (releases from 3.0): a participant's own half."""

from __future__ import annotations

from ..description.model import Participant
from ..description.transports import ConnectionManagerTransport
from ..document_steps import Phase
from ..exchange.managed import ManagerTransport
from ..findings import Finding
from ..oauth.model import credentials
from ..oauth.records import canonical
from .oauth_credentials import install_credentials
from .run import Relation, Run
from .transports import transport_of, travels


def take_clients(run: Run) -> None:
    """Fetch the client of each participant of this installation that is to have it from there, and keep it for its connector."""
    for side in run.own_sides():
        described = side.transport if isinstance(side, Participant) else None
        if run.online and isinstance(side, Participant) and isinstance(described, ConnectionManagerTransport) and described.oauth_token_url:
            for relation in (each for each in run.relations(side) if travels(run, each)):
                with run.guarded(side.name, Phase.OAUTH, side.name, "credentials"):
                    _take(run, relation, side, described.oauth_token_url)


def _take(run: Run, relation: Relation, participant: Participant, token_url: str) -> None:
    transport = transport_of(run, participant.name)
    assert isinstance(transport, ManagerTransport)  # noqa: S101 -- of that kind
    found, asked = transport.client()
    if asked:
        detail = "asked for at Connection Manager"
        run.note(Finding(participant.name, Phase.OAUTH, participant.name, "client", "not-delivered", detail=detail))
    if found is not None:
        install_credentials(run, relation, canonical(credentials(run.description, participant, *found) | {"token_url": token_url}))
