# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoint items, which both eras have: single addresses and URLs by direction, without an update that can be relied on.

A changed item keeps the mark of having been confirmed; so what is not wanted is deleted, and what is wanted is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ..description.model import Side
from ..document_steps import Phase
from . import forms
from .server import Task
from .service import Json, Service

KINDS = {("INGRESS", "IP"): "ingress/ips", ("INGRESS", "URL"): "ingress/urls", ("EGRESS", "IP"): "egress/ips"}


@dataclass(frozen=True)
class EndpointItems:
    """The items of the hub or of one participant, under ``place``; ``kinds``: those that this caller keeps."""

    service: Service
    place: str
    kinds: tuple[tuple[str, str], ...] = tuple(KINDS)

    def of(self, *kind: str) -> EndpointItems:
        """Those of one direction and type alone."""
        direction, what = kind
        return EndpointItems(self.service, self.place, ((direction, what),))

    def tasks(self, files: Mapping[str, bytes]) -> Iterator[Task]:
        """What is to be added and deleted for ``endpoints.json``."""
        if "endpoints.json" not in files:
            return
        facts = forms.read_endpoints(files["endpoints.json"])
        url, egress = str(facts.get("url") or ""), forms.carried(facts.get("egress_addresses", ()))
        port = str(urlsplit(url).port or 443)
        wanted = {
            ("INGRESS", "IP"): forms.carried(facts.get("addresses", ())),
            ("INGRESS", "URL"): {url} if url else set(),
            ("EGRESS", "IP"): egress,
        }
        for kind in self.kinds:
            step = Phase.URLS if kind[1] == "URL" else Phase.ADDRESSES
            for value in sorted(wanted[kind]):
                body = {"value": {"url": value} if kind[1] == "URL" else {"address": _short(value), "ports": [port]}}
                add = partial(self.service.send, "POST", f"{self.place}/{KINDS[kind]}", "adding an endpoint", body)
                yield Task("endpoints.json", step, partial(self._has, kind, value), add)
            for item in [one for one in self._listed(kind) if not _values(one) & wanted[kind]]:
                remove = partial(self.service.send, "DELETE", f"{self.place}/{item['id']}", "deleting an endpoint")
                yield Task("endpoints.json", step, partial(self._gone, item), remove, "publication-unwanted")

    def confirmations(self, addresses: set[str], url: str) -> Iterator[Task]:
        """Confirms the new items whose value is as described."""
        for item in [one for one in self._all() if one.get("state") == "NEW" and _values(one) & {*addresses, url}]:
            act = partial(self.service.send, "POST", f"{self.place}/{item['id']}/confirmation", "confirming an endpoint")
            yield Task("endpoints.json", Phase.ADDRESSES, partial(self._confirmed, item), act, "not-confirmed")

    def facts(self) -> dict[str, Any]:
        """The newest URL, and all addresses."""
        urls = [value for one in self._listed(("INGRESS", "URL")) for value in _values(one)]
        found = {kind: sorted(set().union(*map(_values, self._listed(kind)))) for kind in (("INGRESS", "IP"), ("EGRESS", "IP"))}
        addresses = [_short(one) for one in found["INGRESS", "IP"]]
        return {"url": urls[-1] if urls else "", "addresses": addresses, "egress_addresses": found["EGRESS", "IP"]}

    def file(self, side: Side) -> bytes | None:
        """``endpoints.json`` of this side; None while there is nothing."""
        facts = self.facts()
        if any(facts.values()):
            facts |= forms.not_carried(side, facts)
        return forms.endpoints({"fspiop_id": side.fspiop_id, **facts}) if any(facts.values()) else None

    def _all(self) -> list[Json]:
        return self.service.records(self.place, "listing endpoints")

    def _listed(self, kind: tuple[str, str]) -> list[Json]:
        return [one for one in self._all() if (one.get("direction"), one.get("type")) == kind]

    def _has(self, kind: tuple[str, str], value: str) -> bool:
        return any(value in _values(one) for one in self._listed(kind))

    def _gone(self, item: Json) -> bool:
        return all(one.get("id") != item.get("id") for one in self._all())

    def _confirmed(self, item: Json) -> bool:
        return any(one.get("id") == item.get("id") and one.get("state") == "CONFIRMED" for one in self._all())


def _values(item: Json) -> set[str]:
    value = item.get("value")
    if not isinstance(value, dict):
        return set()
    return {str(value["url"])} if "url" in value else forms.addresses([value.get("address", "")])


def _short(network: str) -> str:
    """One address without a prefix length."""
    return network.removesuffix("/32").removesuffix("/128")
