# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs of the lab's machines, and the material they start with."""

from __future__ import annotations

import json
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab import material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.programs import Service
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.services import Places, services
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.topology import topology


@pytest.fixture
def found(repository: Path, tmp_path: Path) -> dict[str, Service]:
    description = load_description(repository / "inventories" / "lab", state=str(tmp_path))
    places = Places(tmp_path, repository / "tests" / "lab", "/usr/sbin/haproxy", "/usr/bin/node")
    return {service.key: service for service in services(description, topology(description), places)}


def _configuration(service: Service) -> dict[str, Any]:
    configuration: dict[str, Any] = json.loads(service.configuration)
    return configuration


def test_each_machine_has_its_programs(found: dict[str, Service]) -> None:
    assert sorted(found) == [
        "authorization-server.authorization_server",
        "bluebank-gateway.backend",
        "bluebank-gateway.haproxy",
        "greenbank-gateway.backend",
        "greenbank-gateway.haproxy",
        "hub-gateway.backend",
        "hub-gateway.haproxy",
        "redbank.backend",
    ]


def test_gateways_run_as_a_distribution_runs_them(found: dict[str, Service]) -> None:
    command = "/usr/sbin/haproxy -W -S /run/haproxy/master.sock -f /etc/haproxy/mojaloop/current/haproxy.cfg"
    assert " ".join(found["hub-gateway.haproxy"].arguments) == command


def test_the_hubs_backend_forwards_and_has_no_key_of_its_own(found: dict[str, Service], tmp_path: Path) -> None:
    configuration = _configuration(found["hub-gateway.backend"])
    assert (configuration["id"], configuration["mode"]) == ("switch", "hub")
    assert configuration["keys_folder"] == str(tmp_path / "store/hub/jws-keys")
    assert not {"signing_key_file", "credentials_file"} & set(configuration)


def test_a_managed_participants_backend_reads_its_store_and_calls_its_gateway(found: dict[str, Service], tmp_path: Path) -> None:
    configuration = _configuration(found["bluebank-gateway.backend"])
    assert configuration["signing_key_file"] == str(tmp_path / "store/bluebank/jws/key.pem")
    assert configuration["credentials_file"] == str(tmp_path / "store/bluebank/oauth/credentials.json")
    assert configuration["outbound"] == {"url": "http://127.0.0.1:3100"}
    assert configuration["base_path"] == "/fspiop"


def test_a_participant_without_gateway_does_its_own_tls(found: dict[str, Service]) -> None:
    service = found["redbank.backend"]
    configuration = _configuration(service)
    assert configuration["listen"] == {"address": "203.0.113.40", "port": 8443}
    assert configuration["inbound_tls"]["fingerprints"] == []
    assert configuration["outbound"]["url"] == "https://api.hub.lab:8443"
    assert (configuration["outbound"]["connect_address"], configuration["outbound"]["local_address"]) == ("203.0.113.10", "203.0.113.41")


def test_it_waits_for_what_the_participant_makes(found: dict[str, Service]) -> None:
    service = found["redbank.backend"]
    assert {file.name for file in service.missing} == {"server.key", "server.pem", "ca.pem"}
    before = service.digest
    for file in service.needs:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("made")
    assert service.missing == ()
    assert service.digest != before


def test_only_the_hubs_gateway_may_name_client_certificates(found: dict[str, Service]) -> None:
    configuration = _configuration(found["authorization-server.authorization_server"])
    assert configuration["gateway_addresses"] == ["198.18.0.10"]
    assert (configuration["address"], configuration["port"]) == ("198.18.0.20", 9443)


def test_the_authorization_servers_material_fits_together() -> None:
    files = material.authorization_server_files("198.18.0.20")
    authority, server = (x509.load_pem_x509_certificate(files[name]) for name in ("ca.pem", "certificate.pem"))
    server.verify_directly_issued_by(authority)
    assert load_pem_private_key(files["key.pem"], None).public_key() == server.public_key()
    assert ssl.create_default_context(cadata=files["ca.pem"].decode()).cert_store_stats()["x509_ca"] == 1
    key = json.loads(files["jwks.json"])["keys"][0]
    assert (key["kty"], key["alg"]) == ("RSA", "RS256")
    assert {"n", "e", "d", "p", "q", "dp", "dq", "qi", "kid"} <= set(key)


def test_material_is_private_and_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    material.write_folder(folder, {"key.pem": b"one"})
    material.write_folder(folder, {"key.pem": b"two"})
    assert (folder / "key.pem").read_bytes() == b"one"
    assert (folder.stat().st_mode & 0o777, (folder / "key.pem").stat().st_mode & 0o777) == (0o700, 0o600)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_gateways_first_release_serves_nothing_and_never_replaces_another(tmp_path: Path) -> None:
    material.first_release(tmp_path)
    text = (tmp_path / "current" / "haproxy.cfg").read_text()
    assert "bind" not in text
    shutil.rmtree(tmp_path / "releases")
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("releases/other")
    material.first_release(tmp_path)
    assert (tmp_path / "current").readlink() == Path("releases/other")
