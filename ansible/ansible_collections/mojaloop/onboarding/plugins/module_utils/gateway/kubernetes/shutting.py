# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a participant is shut out at once: a route that answers 403 to a certificate, on connections that are open already too.

A changed policy is a new listener, and open connections end with the old one: up to 45 seconds later (Istio's drain time). Routes
change in place. So the route comes first, then the policy goes. The route stays for as long as its participant is not let in
again with that certificate: it is what the next run finds of a run that was killed in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...remote.kubernetes import ENVOY_FILTER
from .inbound import CERTIFICATE_HEADER, presented
from .place import Object, Place, made, slug

_START, _END = "Hash=", ";"


def shut_name(participant: str) -> str:
    """The name of a participant's route."""
    return f"shut-{slug(participant)}"


def shut_route(place: Place, participant: str, certificates: Collection[str]) -> Object:
    """The route that refuses these certificates of a participant (SHA-256, hex), before all routes of the gateway's host.

    Istio puts further VirtualServices of a host after the first: only an EnvoyFilter comes before what Pulumi made.
    """
    patches = [_patch(place, certificate) for certificate in sorted(certificates)]
    spec = {"workloadSelector": {"labels": place.selector}, "configPatches": patches}
    return made(ENVOY_FILTER, place, shut_name(participant), {"spec": spec}, participant=participant)


def shut_certificates(route: Mapping[str, Any]) -> frozenset[str]:
    """The certificates that a route refuses."""
    patches = route["spec"].get("configPatches", [])
    prefixes = (header["string_match"]["prefix"] for patch in patches for header in patch["patch"]["value"]["match"]["headers"])
    return frozenset(prefix.removeprefix(_START).removesuffix(_END) for prefix in prefixes)


def allowed_certificates(policy: Mapping[str, Any]) -> frozenset[str]:
    """The certificates that a policy lets pass."""
    return frozenset(_certificates(policy))


def _certificates(policy: Mapping[str, Any]) -> Iterator[str]:
    for rule in policy["spec"].get("rules", []):
        for condition in rule.get("when", []):
            if condition["key"] == f"request.headers[{CERTIFICATE_HEADER}]":
                yield from (value.removeprefix(_START).removesuffix(f"{_END}*") for value in condition.get("values", []))


def _patch(place: Place, certificate: str) -> dict[str, Any]:
    header = {"name": CERTIFICATE_HEADER, "string_match": {"prefix": f"{presented(certificate)}{_END}"}}
    route = {"match": {"prefix": "/", "headers": [header]}, "direct_response": {"status": 403}}
    host = {"routeConfiguration": {"vhost": {"name": f"{place.host}:{place.port}"}}}
    return {
        "applyTo": "HTTP_ROUTE",
        "match": {"context": "GATEWAY", **host},
        "patch": {"operation": "INSERT_FIRST", "value": route},
    }
