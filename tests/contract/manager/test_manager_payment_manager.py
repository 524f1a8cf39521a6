# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payment Managers that are hosted here: their part of a real Vault, apart from each other, and the real client with nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_csr
from support.connection_manager.api import serving
from support.connection_manager.client import TRACKS, Client, settings_of, until
from support.connection_manager.era3 import Era3
from support.openbao import TOKEN, OpenBao, running
from unit.steps.conftest import Site, _keys, _unsynced, changes, faults, site  # noqa: F401 -- cheap keys here too

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("connection-manager")]
BANKS = ("bluebank", "greenbank")
BUNDLES = "bundles/onboarding_pm4mls"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """An empty Vault."""
    with running(tmp_path_factory.mktemp("openbao")) as server:
        server.done("POST", "sys/mounts/bundles", {"type": "kv", "options": {"version": "1"}})
        yield server


@pytest.fixture
def server(bao: OpenBao) -> Iterator[Era3]:
    """The hub's Connection Manager."""

    def keep(dfsp: str, bundle: dict[str, Any]) -> None:
        bao.done("POST", f"{BUNDLES}/{dfsp}", bundle)

    with serving(Era3(switch_fqdn="api.switch.example", on_onboard=keep)) as made:
        assert isinstance(made, Era3)
        yield made
        assert made.contract.violations == []


@pytest.fixture
def place(bao: OpenBao, server: Era3, tmp_path: Path) -> Site:
    """A hub, and two Payment Managers that the same installation hosts."""
    made = site(tmp_path, *BANKS, approval="automatic")
    made.hub["hub"] |= {"connection_manager": {"url": server.url}, "ca": {"kind": "internal", "key": "rsa-3072"}}
    (tmp_path / "bundles.token").write_text(TOKEN, encoding="utf-8")
    made.hub["hub"]["vault_bundles"] = {"url": bao.url, "path": BUNDLES, "token_file": str(tmp_path / "bundles.token")}
    for name in BANKS:
        values = made.participants[name]
        del values["gateways"]
        values |= {"hosting": "self-hosted", "transport": "connection-manager", "keys": {"tls": "rsa-2048", "jws": "rsa-2048"}}
        facts = {"vault_url": bao.url, "vault_token_file": "vault.token", "credentials_file": "oauth.json", "key_bits": 2048}
        values["connector"] = {"kind": "payment-manager", **facts}
    made.describe()
    for name in BANKS:
        folder = made.root / "description" / "participants-files" / name
        folder.mkdir(parents=True)
        (folder / "vault.token").write_text(TOKEN, encoding="utf-8")
        (folder / "oauth.json").write_text(json.dumps({"client_id": name, "client_secret": f"secret-of-{name}"}), encoding="utf-8")
    return made


def run(made: Site, *, check: bool = False, later: timedelta = timedelta()) -> list[Finding]:
    return made.run(now=datetime.now(UTC) + later, check=check)


def environment(made: Site, name: str) -> dict[str, str]:
    text = made.read(f"store/{name}/payment-manager/management-api.env").decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def login(bao: OpenBao, made: Site, name: str) -> str:
    role, secret = (made.read(f"store/{name}/payment-manager/{file}").decode() for file in ("role-id", "secret-id"))
    token: str = bao.done("POST", "auth/approle/login", {"role_id": role, "secret_id": secret})["client_token"]
    return token


def test_each_has_its_part_of_vault_and_another_run_changes_nothing(place: Site, bao: OpenBao) -> None:
    planned = [finding for finding in run(place, check=True) if finding.artefact.startswith("payment-manager/")]
    assert "pki-greenbank/" not in bao.done("GET", "sys/mounts")
    made = [finding for finding in run(place) if finding.artefact.startswith("payment-manager/")]
    assert sorted(planned) == sorted(made)
    assert bao.done("GET", "secrets-greenbank/pm4ml")["AUTH_CLIENT_SECRET"] == "secret-of-greenbank"
    before = place.read("store/greenbank/payment-manager/secret-id")
    assert [finding for finding in run(place) if finding.artefact.startswith("payment-manager/")] == []
    assert place.read("store/greenbank/payment-manager/secret-id") == before
    assert b"secret-of" not in place.read("store/greenbank/payment-manager/management-api.env")


def test_one_cannot_read_or_sign_in_the_others_part(place: Site, bao: OpenBao) -> None:
    run(place)
    token = login(bao, place, "greenbank")
    request: dict[str, Any] = {"common_name": "greenbank.example"}
    assert bao.ask("GET", "secrets-greenbank/pm4ml", token=token)[0] == 200
    assert bao.ask("POST", "pki-greenbank/issue/server", request, token=token)[0] == 200
    refused = [
        ("GET", "secrets-bluebank/pm4ml", None),
        ("POST", "pki-bluebank/issue/server", {"common_name": "bluebank.example"}),
        ("GET", "sys/mounts", None),
        ("POST", "pki-greenbank/roles/server", {"allow_any_name": True}),
        ("DELETE", "pki-greenbank/root", None),
    ]
    assert [bao.ask(method, path, body, token=token)[0] for method, path, body in refused] == [403] * len(refused)
    assert bao.ask("POST", "pki-greenbank/issue/server", {"common_name": "bluebank.example"}, token=token)[0] == 400


def test_what_others_have_changed_is_put_right_and_old_credentials_are_renewed(place: Site, bao: OpenBao) -> None:
    run(place)
    bao.done("PUT", "sys/policies/acl/pm4ml-greenbank", {"policy": 'path "*" { capabilities = ["sudo"] }'})
    assert ("greenbank", "payment-manager/policy", "differs") in changes(run(place))
    assert "sudo" not in bao.done("GET", "sys/policies/acl/pm4ml-greenbank")["policy"]
    before = place.read("store/greenbank/payment-manager/secret-id")
    assert ("greenbank", "payment-manager/secret-id", "differs") in changes(run(place, later=timedelta(days=61)))
    assert place.read("store/greenbank/payment-manager/secret-id") != before
    assert login(bao, place, "greenbank")


def test_a_vault_that_is_silent_is_one_fault_of_its_participant(place: Site) -> None:
    place.participants["greenbank"]["connector"]["vault_url"] = "http://127.0.0.1:9"
    files = place.root / "description" / "participants-files"
    kept = {path.relative_to(files): path.read_bytes() for path in files.rglob("*") if path.is_file()}
    place.describe()
    for path, content in kept.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_bytes(content)
    found = [(side, artefact) for side, artefact, _reason in faults(run(place)) if artefact == "payment-manager"]
    assert found == [("greenbank", "payment-manager")]


def test_the_real_client_needs_nothing_but_these_files(place: Site, server: Era3, tmp_path: Path) -> None:
    run(place)
    facts = environment(place, "greenbank")
    names = ("role-id", "secret-id", "ca-csr.json", "client-csr.json", "server-csr.json")
    settings = settings_of(facts, {name: place.read(f"store/greenbank/payment-manager/{name}") for name in names})
    (tmp_path / "client.json").write_text(json.dumps(settings), encoding="utf-8")
    client = Client(tmp_path / "client.json")
    try:
        dfsp = server.dfsps["greenbank"]
        until(lambda: bool(dfsp.inbound and dfsp.egress and "greenbank" in server.jws), client)
        run(place)
        until(lambda: {name for name, status in client.last["states"].items() if status == "completed"} >= TRACKS, client)
        assert [fault for fault in faults(run(place)) if "greenbank" in fault] == []
        assert place.read("store/hub/issued/greenbank/client.pem")
        _hub_has_the_key_that_the_server_made(place, server, client)
        _hub_follows_a_rotation(place, server, client)
    finally:
        client.stop()


def _hub_has_the_key_that_the_server_made(place: Site, server: Era3, client: Client) -> None:
    """And what the participant has signed for it, which stays as it is while the client signs it anew all the time."""
    (outbound,) = server.dfsps["greenbank"].outbound.values()
    request = load_pem_x509_csr(outbound["csr"].encode())
    certificate = load_pem_x509_certificate(place.read("store/hub/client/greenbank/certificate.pem"))
    key = load_pem_private_key(place.read("store/hub/client/greenbank/key.pem"), None)
    assert key.public_key() == certificate.public_key() == request.public_key()
    before = outbound["certificate"]
    until(lambda: outbound["certificate"] != before, client)
    assert changes(run(place)) == []


def _hub_follows_a_rotation(place: Site, server: Era3, client: Client) -> None:
    """Of the JWS key, which the client starts by itself."""
    before = server.jws["greenbank"]["publicKey"]
    client.rotate()
    until(lambda: server.jws["greenbank"]["publicKey"] != before, client)
    run(place)
    published = load_pem_public_key(server.jws["greenbank"]["publicKey"].encode())
    assert load_pem_public_key(place.read("store/hub/jws-keys/greenbank.pem")) == published
