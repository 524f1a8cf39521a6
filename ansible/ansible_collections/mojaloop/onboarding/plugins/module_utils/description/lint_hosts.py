# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a participant's file may say of hosts, where runs write as root with the operator's login: which hosts, and where on them.

hub.yml and hosts.yml are the operator's own, and are free; a participant's file may come from the participant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Problem
from .addresses import local_name
from .documents import shown
from .lint import RESERVED_IDS, Circumstances, SideText
from .model import EnvironmentKind

_SOCKET = (r"/run/haproxy/[A-Za-z0-9_-]+\.sock", "a .sock in /run/haproxy/")
_PLACES = {
    "haproxy": {
        "folder": (r"/etc/haproxy/(mojaloop|onboarding)[A-Za-z0-9_-]*", "/etc/haproxy/mojaloop… or /etc/haproxy/onboarding…"),
        "master_socket": _SOCKET,
        "stats_socket": _SOCKET,
        "log": (r"stdout|stderr|/dev/log|[^/]+", "stdout, stderr, /dev/log or <address>:<port>"),
    },
    "envoy": {
        "folder": (r"/etc/envoy/(mojaloop|onboarding)[A-Za-z0-9_-]*", "/etc/envoy/mojaloop… or /etc/envoy/onboarding…"),
        "admin_socket": (r"/run/envoy/[A-Za-z0-9_-]+\.sock", "a .sock in /run/envoy/"),
        "log": (r"stdout|/var/log/envoy/[A-Za-z0-9_-]+\.log", "stdout or a .log in /var/log/envoy/"),
    },
}
"""By kind of gateway: where on a host its files may be."""
_PERSIST_FILE = (r"/etc/nftables\.d/[A-Za-z0-9_-]*onboarding[A-Za-z0-9_-]*\.nft", "/etc/nftables.d/…onboarding….nft")
_OF_A_LAB = "/tmp/"  # noqa: S108 -- nothing is made there: it is what a lab, where nothing is at stake, may name besides


def lint_hosts(side: SideText, around: Circumstances, listed: frozenset[str] | None) -> Iterator[Problem]:
    """The faults of one participant; ``listed`` are the hosts of hosts.yml, None where there is no such file."""
    in_lab = around.kind is EnvironmentKind.LAB
    for key, gateway in side.items("gateways"):
        host = gateway.get("host", "")
        if host in RESERVED_IDS:
            pass  # has been said
        elif local_name(host):
            yield side.problem(f"{key}.host", f"{shown(host)}, which is the controller itself", "another host name")
        elif host and not in_lab and listed is not None and host not in listed:
            yield side.problem(f"{key}.host", shown(host), "a host that the operator has listed in hosts.yml (below hosts:)")
        if local_name(name := gateway.get("name", "")):
            yield side.problem(f"{key}.name", f"{shown(name)}, which is the controller itself", "another name")
        for part, place in _PLACES.get(gateway.get("kind", ""), {}).items():
            yield from _place(side, f"{key}.{part}", gateway.get(part), place, in_lab=in_lab)
    yield from _place(side, "firewall.persist_file", side.get("firewall.persist_file"), _PERSIST_FILE, in_lab=in_lab)


def _place(side: SideText, key: str, path: str | None, place: tuple[str, str], *, in_lab: bool) -> Iterator[Problem]:
    pattern, allowed = place
    if path is None or re.fullmatch(pattern, path) or (in_lab and path.startswith(_OF_A_LAB) and "/.." not in path):
        return
    yield side.problem(key, shown(path), f"{allowed} (other places are for hub.yml alone)")
