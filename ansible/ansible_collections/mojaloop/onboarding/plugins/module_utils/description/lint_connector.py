# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules about a participant's connector that need more than one key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Problem
from .documents import shown
from .lint import Circumstances, SideText
from .model import EnvironmentKind
from .profile_uae import UAE_API_HUB

_SDK = "sdk"
_PLACES = {
    "folder": (r"/etc/mojaloop/[A-Za-z0-9_-]+", "/etc/mojaloop/<name>"),
    "program": (r"/opt/mojaloop/[A-Za-z0-9_@/.-]+", "a folder below /opt/mojaloop/"),
    "node": (r"/usr/(local/)?bin/node(js)?|/opt/[A-Za-z0-9_./-]+/node", "/usr/bin/node, /usr/local/bin/node, or node below /opt/"),
    "account": (r"mojaloop-[a-z0-9-]+", "mojaloop-…"),
    "service": (r"mojaloop-[a-z0-9@.-]+\.service", "mojaloop-….service"),
}
"""A participant's file may come from the participant, and runs write as root: it names these places only."""


def lint_transport(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """The faults of one participant's transport."""
    if side.get("transport.kind") == "connection-manager" and not around.connection_manager:
        yield side.problem("transport.kind", "'connection-manager'", "local or bundle; or connection_manager in hub.yml beside it")


def lint_payment_manager(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """The faults of a Payment Manager: it carries out the participant's half itself, through Connection Manager."""
    del around
    if side.get("connector.kind") != "payment-manager":
        return
    if side.get("hosting") == "managed":
        yield side.problem("hosting", "'managed'", "self-hosted: Payment Manager carries out the participant's half itself")
    if side.get("transport.kind") != "connection-manager":
        yield side.problem("connector.kind", "'payment-manager'", "transport: connection-manager beside it")
    if not side.get("endpoint.url"):
        yield side.problem("connector.kind", "'payment-manager'", "an endpoint beside it")


def lint_connector(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """The faults of one participant's connector."""
    if side.get("connector.kind") == "ozone-connect" and around.profile and around.profile.name != UAE_API_HUB.name:
        yield side.problem("connector.kind", "'ozone-connect'", f"another one (it is of profile {UAE_API_HUB.name})")
    if side.get("connector.kind") != _SDK:
        return
    if side.get("hosting") != "managed":
        yield side.problem("connector.kind", "'sdk'", "sdk for hosting: managed (others configure their own)")
    yield from _gateway(side)
    if not side.get("gateways") and not side.get("connector.host"):
        yield side.problem("connector.host", "no such key", "it is required for a participant without gateways")
    if str(side.get("connector.version") or "").startswith("18.") and side.get("connector.ilp_version") == "4":
        yield side.problem("connector.ilp_version", "'4'", "1 (version 18 speaks no other)")
    for key, (pattern, allowed) in _PLACES.items():
        value = side.get(f"connector.{key}")
        if value and not re.fullmatch(pattern, value) and around.kind is not EnvironmentKind.LAB:
            yield side.problem(f"connector.{key}", shown(value), allowed)


def _gateway(side: SideText) -> Iterator[Problem]:
    """The SDK serves the resources at the root, and the gateway leaves the base path where it is."""
    url = side.get("endpoint.url")
    if url and url.path:
        yield side.problem("endpoint.url", f"the base path {shown(url.path)}", "a URL without a path: the SDK serves none")
    for key, gateway in side.items("gateways"):
        backend = gateway.get("inbound_backend") or {}
        if backend.get("address") is not None and str(backend["address"]) != "127.0.0.1":
            allowed = "127.0.0.1: the SDK runs on the gateway's host, and listens there only"
            yield side.problem(f"{key}.inbound_backend.address", shown(str(backend["address"])), allowed)
