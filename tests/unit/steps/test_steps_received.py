# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a participant takes from the hub's publication where the two never run together: credentials, and the overlap of certificates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.sides import side as outsider
from unit.oauth.conftest import INITIAL, Server
from unit.steps.conftest import RENEWAL, Site, changes, faults, marks, participant, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import Address, publish
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import oauth_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

CREDENTIALS = "store/greenbank/oauth/credentials.json"
PUBLISHED = "exchange/greenbank/hub"


def side(made: Site, name: str, *, check: bool = False, rekey: tuple[str, ...] = ()) -> list[Finding]:
    """A run at one side's place: the hub knows greenbank as hosted elsewhere, greenbank itself as its own."""
    own = made.participants["greenbank"]
    there = participant(3, "greenbank") | {key: value for key, value in own.items() if key == "first_publication"}
    made.participants["greenbank"] = there | ({"hosting": "self-hosted", "gateways": []} if name == "hub" else {})
    made.describe()
    return made.run(sides=["hub" if name == "hub" else "greenbank"], check=check, rekey=rekey)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(oauth_clients, "onboard_clients", partial(onboard_clients, connect=lambda _server: made))
    monkeypatch.setattr(oauth_clients, "follow_signing_keys", lambda **_: [])
    return made


@pytest.fixture
def apart(tmp_path: Path, server: Server) -> Site:
    """Both sides are through with each other, but for the credentials that the hub has published last."""
    made = site(tmp_path, "greenbank", approval="automatic")
    (tmp_path / "token").write_text(INITIAL)
    made.hub["hub"]["authorization_server"] = {
        "kind": "rfc7591",
        "issuer": "https://auth.test",
        "registration_url": "https://auth.test/reg",
        "token_endpoint": "https://auth.test/token",
        "jwks_url": "https://auth.test/jwks",
        "audience": "https://api.test",
        "ca_file": "ca.pem",
        "initial_access_token_file": str(tmp_path / "token"),
    }
    for name in ("hub", "greenbank", "hub"):
        assert faults(side(made, name)) == []
    assert made.path(f"{PUBLISHED}/oauth.p7m").exists()
    assert not made.path(CREDENTIALS).exists()
    assert list(server.clients) != []
    return made


def secret_of(server: Server) -> str:
    (client,) = server.clients.values()
    return str(client["client_secret"])


def republished(made: Site, change: dict[str, bytes]) -> None:
    """The hub's publication with some files changed, under a signature that is right."""
    folder = made.path(PUBLISHED)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    key = serialization.load_pem_private_key(made.read("store/hub/exchange/key.pem"), None)
    assert isinstance(key, RSAPrivateKey)
    publish(DiskTree(made.state), Address("tests", "hub", "greenbank"), {**files, **change}, key)


def test_credentials_are_opened_kept_and_followed_and_never_reported(apart: Site, server: Server) -> None:
    before = marks(apart.state)
    planned = side(apart, "greenbank", check=True)
    assert marks(apart.state) == before
    found = side(apart, "greenbank")
    assert ("greenbank", "credentials", "not-installed") in changes(planned)
    assert [f for f in planned if f.artefact == "credentials"] == [f for f in found if f.artefact == "credentials"]
    kept = json.loads(apart.read(CREDENTIALS))
    assert set(kept) == {"client_id", "client_secret", "token_url", "scope"}
    assert kept["client_secret"] == secret_of(server)
    assert apart.path(CREDENTIALS).stat().st_mode & 0o777 == 0o600
    assert secret_of(server) not in str(planned) + str(found)
    for name in ("hub", "greenbank"):
        side(apart, name)
    state = marks(apart.state)
    assert side(apart, "greenbank") == []
    assert marks(apart.state) == state
    # What is altered here is put right, and what the hub changes is followed.
    apart.path(CREDENTIALS).write_text("{}")
    assert changes(side(apart, "greenbank")) == [("greenbank", "credentials", "replaced")]
    assert json.loads(apart.read(CREDENTIALS)) == kept
    server.clients.clear()
    side(apart, "hub")
    assert ("greenbank", "credentials", "replaced") in changes(side(apart, "greenbank"))
    assert json.loads(apart.read(CREDENTIALS))["client_secret"] == secret_of(server) != kept["client_secret"]


def certificate_of(made: Site) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.read("store/greenbank/exchange/certificate.pem"))


@pytest.mark.parametrize(
    ("sealed", "reason"),
    [
        (lambda _made: seal(b"{}", outsider("bluebank").exchange), "sealed-for-another"),
        (lambda _made: b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "sealed-unreadable"),
        (lambda made: seal(b'{"client_secret": "s3cret"}', certificate_of(made)), "credentials-unreadable"),
    ],
    ids=["foreign", "damaged", "without-fields"],
)
def test_what_does_not_open_is_a_fault_and_keeps_what_is_there(apart: Site, sealed: Callable[[Site], bytes], reason: str) -> None:
    assert faults(side(apart, "greenbank")) == []
    kept, right = apart.read(CREDENTIALS), apart.read(f"{PUBLISHED}/oauth.p7m")
    republished(apart, {"oauth.p7m": sealed(apart)})
    found = side(apart, "greenbank")
    assert set(faults(found)) == {("greenbank", "oauth.p7m", reason)}
    assert "s3cret" not in str(found)
    assert apart.read(CREDENTIALS) == kept
    republished(apart, {"oauth.p7m": right})
    assert faults(side(apart, "greenbank")) == []


def test_credentials_outlive_the_exchange_key_to_which_they_were_sealed(apart: Site) -> None:
    side(apart, "greenbank")
    kept = apart.read(CREDENTIALS)
    apart.path("store/greenbank/exchange/key.pem").unlink()
    assert faults(side(apart, "greenbank", rekey=("greenbank/exchange",))) == []
    assert apart.read(CREDENTIALS) == kept
    (digest,) = {found for f in side(apart, "hub") for found in re.findall(r"sha256:[0-9a-f]{64}", f.detail)}
    apart.participants["greenbank"]["first_publication"] = digest
    for name in ("hub", "greenbank", "hub", "greenbank"):
        assert faults(side(apart, name)) == []
    assert apart.read(CREDENTIALS) == kept


def test_a_refused_certificate_beside_a_changed_file_ends_no_overlap(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank", approval="automatic", profile="mojaloop-scheme-ca")
    assert faults(made.run()) == []
    assert faults(made.run(now=RENEWAL)) == []
    received = "store/greenbank/received/hub"
    previous, current = made.read(f"{received}/own-client.previous.pem"), made.read(f"{received}/own-client.pem")
    assert previous != current
    # A field with the same meaning, so that the stored file changes and nothing awaits a person.
    stated = json.loads(made.read(f"{PUBLISHED}/endpoints.json"))
    endpoints = json.dumps(stated | {"addresses": stated["addresses"] * 2}, indent=2, sort_keys=True).encode() + b"\n"
    outside = outsider("bluebank").exchange.public_bytes(serialization.Encoding.PEM)
    republished(made, {"own-client.pem": outside, "endpoints.json": endpoints})
    found = made.step("receive", sides=["greenbank"], now=RENEWAL)
    assert {artefact for _side, artefact, _reason in faults(found)} == {"own-client.pem"}
    assert made.read(f"{received}/endpoints.json") == endpoints
    assert made.read(f"{received}/own-client.pem") == current
    assert made.read(f"{received}/own-client.previous.pem") == previous
