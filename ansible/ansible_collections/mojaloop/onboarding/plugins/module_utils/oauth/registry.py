# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an authorization server must offer so that clients can be kept in it: the interface of the drivers.

A server that can be searched, and that replaces a secret within a client, is a ``ClientRegistry``: ``registrar`` does the rest.
RFC 7591 offers neither, so its driver (``rfc7591``) needs more: intents before requests, orphans, a successor for each client.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..description.model import Description, Participant, State
from ..errors import AuthorizationServerError


@dataclass(frozen=True)
class ClientSpec:
    """What a participant's client must be, in no server's words."""

    participant: str
    """Empty: an operator's of the hub."""
    client_id: str
    """The participant's FSPIOP identifier, or as the operator is described."""
    name: str
    environment: str
    """Whose client it is: one of another environment, or of none, is never touched."""
    scopes: tuple[str, ...]
    """The API resources it may call, one role each."""
    audience: str
    bound: bool
    """Whether its tokens are bound to the client certificate (RFC 8705)."""
    enabled: bool


@dataclass(frozen=True)
class Client:
    """A client as the server has it. ``differs`` names the fields in which it is not as specified."""

    client_id: str
    place: str
    """URL that manages it."""
    secret: str
    """Empty where the server does not show it."""
    since: datetime
    """When its secret was made, as the server's clock said."""
    differs: tuple[str, ...] = ()
    earlier_until: datetime | None = None
    """Until when the secret before works beside it; None: there is none."""
    awaits: str = ""
    """What a person has to do at the server before it is usable; empty: nothing."""

    def __repr__(self) -> str:
        """The secret is never shown."""
        return f"Client({self.client_id!r}, differs={self.differs!r})"


@dataclass(frozen=True)
class Preparation:
    """Something that all clients need was not there or differed, and is made so."""

    artefact: str
    reason: str
    detail: str = ""
    pending_on: str = ""
    """Who has to do it; empty: it was done."""


class ForeignClient(AuthorizationServerError):
    """A client of this id exists and is not of this environment. Threat: it would be changed, or deleted when a participant leaves."""


class ClientRegistry(Protocol):
    """One authorization server. Each method raises RemoteError; in a dry run what changes something is only noted."""

    def prepare(self) -> Iterator[Preparation]:
        """Make what all clients need: a realm, roles, scopes, the policy of secrets."""

    def find(self, spec: ClientSpec) -> Client | None:
        """The client of this id, or None; raises ForeignClient."""

    def create(self, spec: ClientSpec) -> None:
        """Make it; ``find`` then shows it."""

    def update(self, spec: ClientSpec) -> None:
        """Correct the fields in which it differs, and no other; one that is disabled loses its sessions too."""

    def rotate_secret(self, client: Client) -> None:
        """Replace its secret; the one before goes on working where ``overlap`` says so."""

    def end_earlier(self, client: Client) -> None:
        """End the secret before, where there is one."""

    def end_tokens(self, client: Client) -> None:
        """Have the server call tokens that it issued until now inactive, where it can; gateways judge signatures, and do not ask it."""

    def delete(self, client: Client) -> None:
        """Delete it, with its sessions."""

    @property
    def overlap(self) -> str:
        """Empty when a rotated secret overlaps with the one before; else why it does not."""


def client_spec(description: Description, participant: Participant) -> ClientSpec:
    """The client that a participant is to have."""
    server = description.hub.authorization_server
    return ClientSpec(
        participant=participant.name,
        client_id=participant.fspiop_id,
        name=f"{description.environment}/{participant.name}",
        environment=description.environment,
        scopes=tuple(sorted(participant.roles)),
        audience=server.audience if server else "",
        bound=bool(server and server.certificate_bound_tokens),
        enabled=participant.state is State.ACTIVE,
    )
