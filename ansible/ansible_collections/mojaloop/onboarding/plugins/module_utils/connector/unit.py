# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The systemd unit of an SDK: an account of its own, no rights, no network but what it needs (systemd.exec, systemd.resource-control)."""

from __future__ import annotations

from ipaddress import ip_address

from ..description.model import SdkConnector
from . import model

_ROTTEN_LOG = "18"
"""This version's log holds the client's secret and every token: it is dropped."""


def unit_file(sdk: SdkConnector, participant: str, *, behind_gateway: bool) -> bytes:
    """The unit. It restarts whatever the status is: the SDK ends with status 0 when a key does not match its certificate."""
    current = f"{sdk.folder}/current"
    lines = [
        "# Written by mojaloop.onboarding.",
        "[Unit]",
        f"Description=Mojaloop SDK of {participant}",
        "Wants=network-online.target",
        "After=network-online.target redis-server.service",
        "",
        "[Service]",
        f"User={sdk.account}",
        f"EnvironmentFile={current}/{model.ENVIRONMENT}",
        f"WorkingDirectory={sdk.folder}",
        f"ExecStart={sdk.node} --require {current}/{model.LOOPBACK} {sdk.program}/src/index.js",
        "Restart=always",
        "RestartSec=5",
        "TimeoutStopSec=20",
        "UMask=0077",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=true",
        "PrivateTmp=true",
        "PrivateDevices=true",
        "ProtectKernelTunables=true",
        "ProtectControlGroups=true",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        *(_addresses(sdk) if behind_gateway else []),
        *(["StandardOutput=null"] if sdk.era == _ROTTEN_LOG else []),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return "\n".join(lines).encode()


def _addresses(sdk: SdkConnector) -> list[str]:
    """Behind a gateway it speaks with this machine, its backend and its cache; a name among them cannot be filtered by address."""
    hosts = {sdk.backend.rpartition(":")[0], sdk.cache.rpartition(":")[0]} - {"localhost"}
    try:
        addresses = sorted({str(ip_address(host)) for host in hosts} - {"127.0.0.1"})
    except ValueError:
        return []
    return ["IPAddressDeny=any", " ".join(["IPAddressAllow=localhost", *addresses])]
