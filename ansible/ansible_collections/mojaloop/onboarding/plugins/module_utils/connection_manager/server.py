# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this pack asks of a Connection Manager, whatever its era: one file an era stands behind this interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..description.model import Hub, Participant
from ..errors import RemoteError
from ..remote.errors import Unknown

SIGNED = "CERT_SIGNED"
"""The state of a request that has a certificate: a wrong one as well."""


@dataclass(frozen=True)
class Task:
    """One thing that the server shall have: whether it has it, and the one request that gives it.

    Nothing here is idempotent at the server, and some of it destroys when it is repeated: so it is read before and after.
    """

    artefact: str
    step: str
    done: Callable[[], bool]
    act: Callable[[], None]
    reason: str = "not-delivered"

    def carry_out(self, *, dry_run: bool) -> None:
        """Act, and read back. An answer 5xx, or none, says nothing: where it is there all the same, that is that."""
        try:
            self.act()
        except Unknown:
            if not self.done():
                raise
            return
        if not dry_run and not self.done():
            remedy = "Look into Connection Manager's log; nothing is sent again before the next run."
            raise RemoteError(f"{self.artefact} was accepted, and something else is given back", where="Connection Manager", remedy=remedy)


@dataclass(frozen=True)
class Case:
    """Whose exchange with the hub it is, and when."""

    hub: Hub
    participant: Participant
    now: datetime

    @property
    def id(self) -> str:
        """The participant's id at the server: its FSPIOP id."""
        return self.participant.fspiop_id


@dataclass(frozen=True)
class Waiting:
    """What someone else has to do before it goes on."""

    artefact: str
    step: str
    on: str
    detail: str
    reason: str = "awaiting-counterpart"


@dataclass(frozen=True)
class Activation:
    """What an activation would put into force.

    ``digest``: of what counts, without the certificate itself, which some clients renew all the time; ``until``: when that ends.
    """

    digest: str
    until: datetime


class Server(Protocol):
    """One era. Its requests change nothing in a dry run, and are noted."""

    signs: bool
    """Whether it signs the participants' requests with a CA of its own, and takes no certificate that another CA has signed."""

    def known(self, case: Case, *, by_hub: bool) -> bool:
        """Whether the participant is registered: before, nothing can be exchanged."""

    def published(self, case: Case, *, by_hub: bool, own: Mapping[str, bytes]) -> dict[str, bytes]:
        """What the hub, or the participant, has published, by the names of the exchange; ``own``: what the reader publishes."""

    def tasks(self, case: Case, files: Mapping[str, bytes], *, by_hub: bool) -> Iterator[Task]:
        """What is to be there for these files of the exchange, in the order in which it is sent; each is judged when it is its turn."""

    def peer_tasks(self, case: Case, keys: Mapping[str, bytes]) -> Iterator[Task]:
        """That those who exchange elsewhere are known there by their JWS keys; ``keys``: everybody's, by FSPIOP id."""

    def waiting(self, case: Case, *, by_hub: bool) -> Iterator[Waiting]:
        """What is awaited of a person or of the other side."""

    def keys(self) -> dict[str, bytes]:
        """Every side's JWS public key by FSPIOP id, as the server lists them."""

    def authority(self) -> bytes | None:
        """The CA that signs participants' requests (its chain), as the server tells it."""

    def activation(self, case: Case) -> Activation | None:
        """What may be put into force; None while something is missing, or where this era knows no such thing."""

    def activate(self, case: Case) -> None:
        """Have the server hand the hub's key, certificate and the participant's addresses to the hub's own gateways."""

    def certificate(self, case: Case, key: str) -> bytes | None:
        """The certificate that was signed for this participant's key (its digest), where the server signs itself."""

    def client(self, case: Case) -> tuple[str, str] | None:
        """Id and secret of the participant's OAuth client, where the server has made one."""

    def make_client(self, case: Case) -> None:
        """Have the server make that client: once, because every call makes another secret."""

    def sign(self, case: Case, key: str) -> None:
        """Have the server sign the request with this key: once, because every call makes another certificate."""
