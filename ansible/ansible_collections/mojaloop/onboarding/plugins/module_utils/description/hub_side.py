# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parts of the hub's side: who may administer its back end and where they come in, and where its services read keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Listener, Network


class OperatorRole(StrEnum):
    """What an operator may do; ``gateway.administration`` says it in verbs and paths."""

    READ_ONLY = "read-only"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Operator:
    """A person or a program: the OAuth client that it has at the hub's authorization server, and its role."""

    client: str
    role: OperatorRole


@dataclass(frozen=True)
class OwnClient:
    """The operator as which the pack itself carries out the ledger's steps.

    ``secret_file`` holds the client's secret; empty: this pack made the client, and has its secret in the hub's store.
    """

    client: str
    secret_file: str = field(default="", repr=False)


@dataclass(frozen=True)
class Administration:
    """``audience``: what tokens for the internal listener must name, another one than that of participants' tokens."""

    audience: str = "hub-administration"
    operators: tuple[Operator, ...] = ()
    own: OwnClient | None = None


@dataclass(frozen=True)
class InternalListener:
    """Where the hub's operators come, from ``networks``, and the administration APIs behind it (plain HTTP)."""

    listener: Listener
    networks: tuple[Network, ...]
    ledger: Listener
    account_lookup: Listener | None = None


@dataclass(frozen=True)
class HubServices:
    """Where the hub's own services read JWS keys: ``host`` is an inventory entry, ``service`` the systemd unit to restart (empty: none)."""

    host: str
    folder: str = "/etc/mojaloop/hub"
    service: str = ""
    account: str = "mojaloop-hub"
    """The account that the services run as: it alone reads the keys."""
