# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real client of Connection Manager (@mojaloop/mcm-client) with its own Vault, at the stand-in, with this pack as the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract.transport.drivers import BANK, apart, described
from support.connection_manager import pki
from support.connection_manager.api import serving
from support.connection_manager.client import TRACKS, Client, until
from support.connection_manager.era3 import Era3
from support.openbao import OpenBao, running
from unit.steps.conftest import Site, _keys, _unsynced, faults, pending  # noqa: F401 -- cheap keys here too

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("connection-manager")]

SUBJECT = {"subject": {"CN": f"{BANK}.example", "O": "Greenbank", "OU": "FSP", "L": "Nairobi", "C": "KE"}}


class World:
    """The hub's installation, the server, and the client."""

    def __init__(self, folder: Path, server: Era3, bao: OpenBao) -> None:
        self.server = server
        self.hub, _bank = apart(folder, "connection-manager", connection_manager={"url": server.url})
        for values in (self.hub.hub["hub"], self.hub.participants[BANK]):
            values["keys"] = {"tls": "rsa-2048", "jws": "rsa-2048"}
            values["ca"] = {"kind": "internal", "key": "rsa-3072"}
        described(self.hub, "hub")
        settings = folder / "client.json"
        egress = self.hub.participants[BANK]["egress_addresses"]
        settings.write_text(json.dumps(_settings(server, bao) | {"whitelistIP": egress}), encoding="utf-8")
        self.settings = settings

    def run(self) -> list[Any]:
        """All steps of the hub."""
        return list(self.hub.run(now=datetime.now(UTC)))


def _settings(server: Era3, bao: OpenBao) -> dict[str, Any]:
    bao.done("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    bao.done("POST", "sys/mounts/secrets", {"type": "kv", "options": {"version": "1"}})
    bao.done("POST", "pki/root/generate/internal", {"common_name": "Greenbank CA", "ttl": "8760h", "key_bits": 3072})
    role = {"allow_any_name": True, "enforce_hostnames": False, "require_cn": False, "max_ttl": "720h", "key_bits": 2048}
    for name in ("server", "client"):
        bao.done("POST", f"pki/roles/{name}", role)
    policy = 'path "pki/*" {capabilities=["create","read","update","list","delete","sudo"]}\n'
    policy += 'path "secrets/*" {capabilities=["create","read","update","list","delete"]}\n'
    bao.done("PUT", "sys/policies/acl/client", {"policy": policy})
    bao.done("POST", "sys/auth/approle", {"type": "approle"})
    bao.done("POST", "auth/approle/role/client", {"token_policies": "client"})
    role_id = bao.done("GET", "auth/approle/role/client/role-id")["role_id"]
    secret_id = bao.done("POST", "auth/approle/role/client/secret-id")["secret_id"]
    return {
        "dfspId": BANK,
        "hubEndpoint": server.url,
        "hubIamProviderUrl": server.url.removesuffix("/api"),
        "auth": {"enabled": False},
        "refreshIntervalSeconds": 2,
        "callbackURL": f"https://{BANK}.example:443",
        "serverCsr": {**SUBJECT, "extensions": {"subjectAltName": {"dns": [f"{BANK}.example"], "ips": []}}},
        "clientCsr": SUBJECT,
        "caCsr": SUBJECT,
        "vault": {
            "endpoint": bao.url,
            "mounts": {"pki": "pki", "kv": "secrets"},
            "pkiServerRole": "server",
            "pkiClientRole": "client",
            "auth": {"appRole": {"roleId": role_id, "roleSecretId": secret_id}},
            "signExpiryHours": "720",
            "keyLength": 2048,
            "keyAlgorithm": "rsa",
            "commonName": f"{BANK}.example",
        },
    }


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """The client's own Vault."""
    with running(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def world(tmp_path: Path, bao: OpenBao) -> Iterator[World]:
    """The hub's installation and the server; nothing was exchanged yet."""
    with serving(Era3(switch_fqdn="api.switch.example")) as server:
        assert isinstance(server, Era3)
        yield World(tmp_path, server, bao)
        assert server.contract.violations == []


def test_all_tracks_of_the_real_client_are_completed_with_this_pack_as_the_hub(world: World) -> None:
    world.run()
    client = Client(world.settings)
    try:
        dfsp = world.server.dfsps[BANK]
        until(lambda: bool(dfsp.inbound and dfsp.egress and BANK in world.server.jws), client)
        world.run()
        issued = world.hub.read(f"store/hub/issued/{BANK}/client.pem").decode()
        until(lambda: pki.certificates(issued) == pki.certificates(client.last["client"] or issued), client)
        until(lambda: {name for name, status in client.last["states"].items() if status == "completed"} >= TRACKS, client)
        found = world.run()
        assert faults(found) == []
        assert [finding for finding in pending(found) if finding[1] not in {"client/greenbank", "server.pem", "client.pem"}] == []
        assert set(client.last["peers"]) >= {"switch"}
        _steady(world, client)
    finally:
        client.stop()


def _steady(world: World, client: Client) -> None:
    """While the client signs the hub's request again and again, the hub's runs change nothing at the server."""
    (outbound,) = world.server.dfsps[BANK].outbound.values()
    hub_writes = [each for each in world.server.writes if "/onboard" in each or "/sign" in each]
    before = outbound["certificate"]
    until(lambda: outbound["certificate"] != before, client)
    world.run()
    assert [each for each in world.server.writes if "/onboard" in each or "/sign" in each] == hub_writes
    assert len(hub_writes) == 2
