# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An API hub and one LFI in pre-production, and a stand-in for the directory that signs for both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.trust_framework import Organisation, StandInDirectory
from unit.steps.conftest import NOW, Site, _keys, _unsynced

__all__ = ["_keys", "_unsynced"]

OZONE = Organisation("11111111-aaaa-4aaa-8aaa-000000000001", "Stand-in API Hub Operator")
LFI = Organisation("22222222-bbbb-4bbb-8bbb-000000000002", "Oasis Bank PJSC", ("33333333-cccc-4ccc-8ccc-000000000003",))
HUB: dict[str, Any] = {
    "format": 1,
    "environment": "tests",
    "kind": "lab",
    "profile": "uae-api-hub",
    "directory": {"environment": "sandbox"},
    "hub": {
        "id": "ozone",
        "organisation": OZONE.legal_name,
        "country": "AE",
        "registration": {"organisation_id": OZONE.id},
        "endpoint": {"url": "https://cm.oasis.preprod.apihub.example", "addresses": ["203.0.113.10"]},
        "further_hosts": {
            "server": ["hh.oasis.preprod.apihub.example"],
            "tenant-server": ["as1.oasis.preprod.apihub.example", "rs1.oasis.preprod.apihub.example"],
        },
        "egress_addresses": ["203.0.113.11/32"],
    },
    "defaults": {"roles": ["consents", "hello-mtls"]},
}
BANK: dict[str, Any] = {
    "format": 1,
    "id": "oasis",
    "organisation": LFI.legal_name,
    "country": "AE",
    "registration": {"organisation_id": LFI.id, "client_id": LFI.clients[0]},
    "hosting": "managed",
    "endpoint": {"url": "https://connect.oasis.example", "addresses": ["203.0.113.20"]},
    "egress_addresses": ["203.0.113.21/32"],
    "gateways": [
        {
            "host": "oasis-gateway",
            "kind": "haproxy",
            "inbound": [{"address": "203.0.113.20", "port": 443}],
            "inbound_backend": {"address": "127.0.0.1", "port": 3000},
            "outbound": {"address": "127.0.0.1", "port": 3100},
        },
    ],
}


@pytest.fixture(scope="session")
def stand_in() -> StandInDirectory:
    return StandInDirectory.make(OZONE, LFI, now=NOW)


@pytest.fixture
def directory(stand_in: StandInDirectory) -> StandInDirectory:
    """The same CAs for all tests, its key sets empty."""
    return StandInDirectory(stand_in.organisations, stand_in.root, stand_in.issuer, stand_in.key, NOW)


@pytest.fixture
def oasis(tmp_path: Path, directory: StandInDirectory) -> Site:
    """Described with the directory's CAs pinned; nothing carried out yet."""
    values = {**HUB, "directory": {**HUB["directory"], "authorities": directory.digests}}
    return Site(tmp_path, values, {"oasis": BANK}).describe()
