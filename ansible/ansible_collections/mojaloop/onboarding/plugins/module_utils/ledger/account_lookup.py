# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Oracles in the account lookup service: which service knows the participant of an identifier. The one place that knows its API.

Source: Mojaloop account-lookup-service, admin API 1.1, and its domain/oracle. An update cannot make an oracle less than a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..description.model import Oracle
from ..errors import RemoteError
from ..findings import Disposition
from ..remote.changes import Changes
from ..remote.http import json_body
from .convergence import Convergence, Difference, Order


@dataclass(frozen=True)
class ObservedOracle:
    """An oracle as the service lists it."""

    number: str
    url: str
    default: bool


Key = tuple[str, str]
"""Type of identifier and currency (empty: any); the service keeps one oracle for each."""


class AccountLookupClient:
    """Reads and changes oracles."""

    def __init__(self, changes: Changes, url: str) -> None:
        self._changes = changes
        self._url = url

    def oracles(self) -> dict[Key, ObservedOracle]:
        """Every oracle; RemoteError when the answer is no list of them."""
        listed = self._changes.read(f"{self._url}/oracles", "reading the oracles").parsed()
        try:
            return dict(map(_oracle, listed))  # type: ignore[call-overload]
        except (TypeError, KeyError, AttributeError):
            remedy = "Check account_lookup.url in hub.yml."
            raise RemoteError("the oracles were answered with something else", where=self._url, remedy=remedy) from None

    def send(self, order: Order) -> None:
        """Send a change; raises Refused, Unknown or Unreachable."""
        self._changes.write(order.method, self._url + order.path, order.why, json_body(order.body))


def _oracle(found: Mapping[str, Any]) -> tuple[Key, ObservedOracle]:
    key = (str(found["oracleIdType"]), str(found.get("currency") or ""))
    return key, ObservedOracle(str(found["oracleId"]), str(found["endpoint"]["value"]), bool(found.get("isDefault")))


def oracles_in_lookup(wanted: tuple[Oracle, ...], client: AccountLookupClient, *, dry_run: bool) -> Iterator[Difference]:
    """Keep the described oracles, or (dry run) say what would be done. Others are left alone: participants may bring their own."""
    return Convergence(client.oracles, client.send, [partial(oracles, wanted)]).differences(dry_run=dry_run)


def oracles(wanted: tuple[Oracle, ...], observed: Mapping[Key, ObservedOracle]) -> list[Difference]:
    """Oracles that are missing or differ."""
    return [each for oracle in wanted for each in _difference(oracle, observed.get((oracle.identifier, oracle.currency)))]


def _difference(oracle: Oracle, has: ObservedOracle | None) -> Iterator[Difference]:
    artefact = f"oracle/{oracle.identifier}" + (f"/{oracle.currency}" if oracle.currency else "")
    currency = {"currency": oracle.currency} if oracle.currency else {}
    endpoint = {"value": oracle.url, "endpointType": "URL"}
    body = {"oracleIdType": oracle.identifier, "endpoint": endpoint, "isDefault": oracle.default, **currency}
    if has is None:
        yield Difference(artefact, "oracle-missing", (Order("POST", "/oracles", body, f"adding the {artefact}"),))
    elif has.default and not oracle.default:
        detail = "the service cannot make a default oracle less than that; delete it there and run again, or describe it as default"
        yield Difference(artefact, "oracle-stays-default", detail=detail, disposition=Disposition.FAULT)
    elif (has.url, has.default) != (oracle.url, oracle.default):
        order = Order("PUT", f"/oracles/{has.number}", body, f"changing the {artefact}")
        yield Difference(artefact, "oracle-differs", (order,), f"{has.url}, to be {oracle.url}" if has.url != oracle.url else "")
