# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OAuth step against a real authorization server: registration, tokens bound to certificates, rotation of keys."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    Approval,
    CertificateAuthority,
    ClientOrders,
    Description,
    Endpoint,
    EnvironmentKind,
    Firewall,
    HaproxyGateway,
    Hub,
    KeyChoices,
    Listener,
    Participant,
    Rfc7591Server,
    State,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import RemoteError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.listeners import keep_accepted
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import read_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.signing_keys import JWKS_PATH, follow_signing_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer, fetch_token
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Unreachable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer, HttpClient, Route
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay

NODE = Path(__file__).resolve().parents[1] / "lab" / "node"
NOW = datetime.now(UTC)
AUTHORITY = CertificateAuthority("internal", "ec-p256")

pytestmark = pytest.mark.skipif(
    not (NODE / "node_modules" / "oidc-provider").is_dir() or shutil.which("node") is None,
    reason="Node.js packages are not installed: run `make node`",
)


def self_signed(name: str, folder: Path) -> Path:
    """A key and certificate for 127.0.0.1: <folder>/<name>.key and .pem; returns the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    lifetime = (NOW - timedelta(days=1), NOW + timedelta(days=2))
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), *lifetime)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    certificate = folder / f"{name}.pem"
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    certificate.with_suffix(".key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate


def signing_key(kid: str) -> dict[str, str]:
    """A private JWK (RFC 7518 section 6.3)."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    public = numbers.public_numbers
    values = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    values |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")
        for name, value in values.items()
    }
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, **encoded}


@dataclass
class Server:
    """The authorization server's process, its folder and its port."""

    folder: Path
    port: int
    process: subprocess.Popen[str] | None = None

    def start(self, **changes: object) -> None:
        settings = {
            "address": "127.0.0.1",
            "port": self.port,
            "certificate_file": str(self.folder / "server.pem"),
            "key_file": str(self.folder / "server.key"),
            "issuer": "https://auth.hub.lab",
            "audience": "https://api.hub.lab",
            "jwks_file": str(self.folder / "signing-keys.json"),
            "initial_access_token_file": str(self.folder / "initial-access-token"),
            "clients_file": str(self.folder / "clients.json"),
            "gateway_addresses": ["127.0.0.1"],
            "scopes": list(MOJALOOP.resources),
        }
        (self.folder / "server.json").write_text(json.dumps(settings | changes))
        command = ["node", str(NODE / "authorization_server.mjs"), str(self.folder / "server.json")]
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert line.startswith("authorization server ready"), (self.folder / "server.log").read_text()

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        status = self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None
        return status

    def use_keys(self, *keys: dict[str, str]) -> None:
        """Replace the signing keys and have them read; the first one signs."""
        (self.folder / "signing-keys.json").write_text(json.dumps({"keys": keys}))
        if self.process:
            self.process.send_signal(signal.SIGHUP)


KEYS = [signing_key("first"), signing_key("second")]


@pytest.fixture
def server(tmp_path: Path, free_port: int) -> Iterator[Server]:
    self_signed("server", tmp_path)
    (tmp_path / "initial-access-token").write_text("initial-token-of-this-test\n")
    server = Server(tmp_path, free_port)
    server.use_keys(KEYS[0])
    server.start()
    yield server
    if server.process:
        server.stop()


def participant(name: str) -> Participant:
    roles = ("parties", "quotes")
    keys = KeyChoices("ec-p256", "rsa-3072", "rsa-3072")
    return Participant(name, name, name, None, (), AUTHORITY, keys, (), Firewall("none", ()), roles=roles, hosting="managed")


@dataclass
class Bench:
    """A state folder and a description for one server."""

    server: Server
    tree: DiskTree
    description: Description

    def run(self, *, check: bool = False, now: datetime = NOW) -> list[Finding]:
        tree = Overlay(self.tree) if check else self.tree
        people = self.description.participants
        return onboard_clients(description=self.description, participants=people, tree=tree, now=now, check=check)

    def change(self, **values: Any) -> None:  # noqa: ANN401 -- fields of a participant
        self.description = replace(self.description, participants=tuple(replace(one, **values) for one in self.description.participants))

    def credentials(self, name: str = "greenbank") -> dict[str, object]:
        content = self.tree.read(f"store/{name}/oauth/credentials.json")
        assert content
        found: dict[str, object] = json.loads(content)
        return found

    def token(
        self,
        certificate: Path | None = None,
        scope: str | None = None,
        name: str = "greenbank",
        credentials: dict[str, object] | None = None,
    ) -> TokenAnswer:
        """Ask for a token as the hub's gateway would pass it on: the client's certificate in the gateway's own header."""
        client = HttpClient(Route(str(self.server.folder / "server.pem")))
        return fetch_token(
            _Gateway(client, certificate),
            credentials or self.credentials(name),
            url=f"https://127.0.0.1:{self.server.port}/token",
            scope=scope,
        )


@dataclass
class _Gateway:
    client: HttpClient
    certificate: Path | None

    def request(self, method: str, url: str, headers: Any, body: bytes = b"") -> Answer:  # noqa: ANN401 -- as Http
        own = {}
        if self.certificate:
            der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
            own["X-Client-Certificate"] = base64.b64encode(der).decode()
        return self.client.request(method, url, {**headers, **own}, body)

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Bench:
    base = f"https://127.0.0.1:{server.port}"
    ca, token = str(tmp_path / "server.pem"), str(tmp_path / "initial-access-token")
    urls: dict[str, Any] = {"registration_url": f"{base}/reg", "token_endpoint": f"{base}/token", "jwks_url": f"{base}/jwks"}
    files: dict[str, Any] = {"ca_file": ca, "initial_access_token_file": token}
    described = Rfc7591Server("rfc7591", "https://auth.hub.lab", audience="https://api.hub.lab", **urls, **files)
    keys = KeyChoices("ec-p256", "rsa-3072", "rsa-3072")
    listener = Endpoint("api.hub.lab", 8443, "", (IPv4Address("203.0.113.10"),))
    hub = Hub("hub", "switch", "Lab", listener, (), AUTHORITY, keys, (), Firewall("none", ()), authorization_server=described)
    people = (participant("bluebank"), participant("greenbank"))
    description = Description(str(tmp_path), "lab", EnvironmentKind.LAB, Approval.AUTOMATIC, MOJALOOP, hub, people)
    return Bench(server, DiskTree(tmp_path / "state"), description)


def reasons(findings: list[Finding]) -> set[str]:
    return {finding.reason for finding in findings}


def test_a_client_lives_from_registration_to_offboarding(bench: Bench, tmp_path: Path) -> None:
    certificate = self_signed("greenbank", tmp_path)
    planned = bench.run(check=True)
    assert bench.run() == planned
    assert len(planned) == 2
    assert reasons(planned) == {"oauth-client-missing"}
    assert bench.run() == []
    assert bench.token(certificate).status == 200
    assert bench.token(certificate, scope="transfers").reason == "invalid_scope"
    bench.change(roles=("transfers",))
    planned = bench.run(check=True)
    assert bench.run() == planned
    assert reasons(planned) == {"oauth-client-differs", "oauth-credentials-missing"}
    assert bench.run() == []
    assert bench.token(certificate).claims["scope"] == "transfers"
    bench.change(state=State.SUSPENDED)
    assert bench.run() == []
    credentials = bench.credentials()
    bench.change(state=State.OFFBOARDED)
    assert reasons(bench.run()) == {"oauth-client-retired"}
    assert bench.run() == []
    bench.tree.write("store/greenbank/oauth/credentials.json", json.dumps(credentials).encode())
    assert bench.token(certificate).reason == "invalid_client"


def test_what_the_server_says_of_itself_is_held_against_the_description(bench: Bench) -> None:
    """RFC 8414, of the real server: as described it can have clients; described wrongly, no client is registered."""
    described = bench.description.hub.authorization_server
    assert isinstance(described, Rfc7591Server)
    wrong = replace(described, issuer="https://other.hub.lab")
    bench.description = replace(bench.description, hub=replace(bench.description.hub, authorization_server=wrong))
    (found,) = bench.run()
    assert (found.reason, found.disposition) == ("metadata-unfit", Disposition.FAULT)
    assert "its issuer is 'https://auth.hub.lab', described is https://other.hub.lab" in found.detail
    assert not (bench.server.folder / "clients.json").exists()
    bench.description = replace(bench.description, hub=replace(bench.description.hub, authorization_server=described))
    assert reasons(bench.run()) == {"oauth-client-missing"}


def test_a_client_is_renewed_with_an_overlap_in_which_both_get_tokens(bench: Bench, tmp_path: Path) -> None:
    """Prepared, handed over once the gateway accepts it, the earlier one ended: at the server that has both."""
    certificate, due = self_signed("greenbank", tmp_path), NOW + timedelta(days=30)
    listener = Listener(IPv4Address("127.0.0.1"), 8443)
    server = bench.description.hub.authorization_server
    assert server
    hub = replace(bench.description.hub, gateways=(HaproxyGateway("haproxy", "listener", "listener", (listener,), listener, listener),))
    people = (participant("greenbank"),)
    bench.description = replace(bench.description, participants=people, hub=hub)
    bench.run()
    first = bench.credentials()
    bench.description = replace(bench.description, hub=replace(hub, authorization_server=replace(server, client_days=30)))
    planned = bench.run(check=True, now=due)
    assert bench.run(now=due) == planned
    assert [found.reason for found in planned] == ["oauth-client-renewed", "awaiting-gateways"]
    assert bench.credentials() == first
    assert [found.reason for found in bench.run(now=due)] == ["awaiting-gateways"]
    keep_accepted(bench.tree, "listener", [one.client_id for one in read_clients(bench.tree, "greenbank").values()])
    planned = bench.run(check=True, now=due)
    assert bench.run(now=due) == planned
    assert reasons(planned) == {"oauth-credentials-renewed"}
    second = bench.credentials()
    for credentials in (first, second):
        assert bench.token(certificate, credentials=credentials).claims["client_id"] == credentials["client_id"]
    assert first["client_id"] != second["client_id"]
    assert bench.run(now=due) == []
    ending = due + timedelta(days=server.client_overlap_days)
    planned = bench.run(check=True, now=ending)
    assert bench.run(now=ending) == planned
    assert reasons(planned) == {"oauth-client-retired"}
    assert bench.token(certificate, credentials=first).reason == "invalid_client"
    assert bench.token(certificate).status == 200
    assert bench.run(now=ending) == []


def test_a_revoked_client_ends_in_the_run_that_replaces_it(bench: Bench, tmp_path: Path) -> None:
    certificate = self_signed("greenbank", tmp_path)
    bench.run()
    leaked = bench.credentials()
    assert bench.token(certificate).status == 200
    later = NOW.replace(microsecond=0) + timedelta(hours=1)
    bench.change(oauth=ClientOrders(revoke_before=later))
    planned = bench.run(check=True, now=later)
    assert bench.run(now=later) == planned
    assert reasons(planned) == {"oauth-client-renewed", "oauth-credentials-renewed", "oauth-client-retired"}
    assert bench.token(certificate, credentials=leaked).reason == "invalid_client"
    assert bench.token(certificate).status == 200
    assert bench.run(now=later) == []
    assert len(json.loads((tmp_path / "clients.json").read_text())["Client"]) == 2


def test_a_run_killed_before_it_could_keep_the_answer_is_reported_and_made_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = bench.tree.write

    def killed(path: str, content: bytes) -> None:
        if path.endswith("credentials.json"):
            raise KeyboardInterrupt
        plain(path, content)

    monkeypatch.setattr(bench.tree, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    monkeypatch.undo()
    planned = bench.run(check=True)
    assert bench.run() == planned
    assert [finding.reason for finding in planned] == ["oauth-orphan-possible", "oauth-client-missing", "oauth-client-missing"]
    assert bench.run() == []
    registered = [client["client_name"] for client in json.loads((tmp_path / "clients.json").read_text())["Client"].values()]
    assert sorted(registered) == ["lab/bluebank", "lab/bluebank", "lab/greenbank"]  # the orphan that was reported


def test_a_participant_with_plain_openssl_opens_its_credentials_and_gets_a_token(bench: Bench, tmp_path: Path) -> None:
    folder, exchange = tmp_path / "redbank", tmp_path / "exchange"
    exchange.mkdir()
    script = NODE.parent / "openssl_participant.sh"
    subprocess.run([script, "publish", folder, exchange, "redbank", "fspiop.redbank.lab", "Red Bank"], check=True, capture_output=True)
    bench.description = replace(bench.description, participants=(replace(participant("redbank"), hosting="self-hosted"),))
    assert reasons(bench.run()) == {"awaiting-counterpart"}
    bench.tree.write("store/hub/received/redbank/exchange.pem", (exchange / "redbank/participant/exchange.pem").read_bytes())
    assert reasons(bench.run()) == {"oauth-client-missing"}
    assert bench.run() == []
    sealed = bench.tree.read("store/hub/oauth/redbank.p7m") or b""
    (exchange / "redbank/hub").mkdir()
    (exchange / "redbank/hub/oauth.p7m").write_bytes(sealed)
    subprocess.run([script, "collect", folder, exchange, "redbank"], check=True, capture_output=True)
    credentials = (folder / "credentials.json").read_bytes()
    secret = json.loads(credentials)["client_secret"].encode()
    assert not [path for path in bench.tree.root.rglob("*") if path.is_file() and secret in path.read_bytes()]
    bench.tree.write("store/redbank/oauth/credentials.json", credentials)
    certificate = self_signed("client", tmp_path)
    assert bench.token(certificate, name="redbank").status == 200


def test_a_restart_keeps_the_clients(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    assert bench.server.stop() == 0
    unreachable = bench.run()
    assert reasons(unreachable) == {"authorization-server-unreachable"}
    assert {finding.disposition for finding in unreachable} == {Disposition.FAULT}
    bench.server.start()
    assert bench.run() == []
    assert bench.token(self_signed("greenbank", tmp_path)).status == 200
    assert (tmp_path / "clients.json").stat().st_mode & 0o077 == 0


def test_tokens_are_bound_to_the_certificate_and_not_given_without_one(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    certificate = self_signed("greenbank", tmp_path)
    token = bench.token(certificate)
    assert (token.status, token.expires_in) == (200, 300)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).digest()
    assert token.claims["cnf"] == {"x5t#S256": base64.urlsafe_b64encode(digest).decode().rstrip("=")}
    expected = {"iss": "https://auth.hub.lab", "aud": "https://api.hub.lab", "client_id": bench.credentials()["client_id"]}
    assert {name: token.claims[name] for name in expected} == expected
    assert token.token not in repr(token)
    refused = bench.token()
    assert (refused.status, refused.reason, refused.token) == (400, "invalid_grant", "")


def test_the_certificate_header_counts_from_the_gateway_only(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    certificate = self_signed("greenbank", tmp_path)
    assert bench.token(certificate).status == 200
    bench.server.stop()
    bench.server.start(gateway_addresses=["198.18.0.10"])
    assert bench.token(certificate).reason == "invalid_grant"


def test_a_wrong_initial_access_token_registers_no_one(bench: Bench, tmp_path: Path) -> None:
    right = (tmp_path / "initial-access-token").read_text()
    (tmp_path / "initial-access-token").write_text("wrong")
    found = bench.run()
    assert reasons(found) == {"authorization-server-refused"}
    assert "401 invalid_token" in found[0].detail
    (tmp_path / "initial-access-token").write_text(right)
    assert reasons(bench.run()) == {"oauth-client-missing"}


def test_a_client_deleted_at_the_server_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    bench.server.stop()
    (tmp_path / "clients.json").unlink()
    bench.server.start()
    assert reasons(bench.run()) == {"oauth-client-missing"}
    assert bench.run() == []
    assert bench.token(self_signed("greenbank", tmp_path)).status == 200


def test_keys_rotate_with_both_of_them_served_for_a_while(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    certificate = self_signed("greenbank", tmp_path)

    def follow() -> tuple[set[str], list[str]]:
        found = reasons(follow_signing_keys(description=bench.description, tree=bench.tree))
        return found, [key["kid"] for key in json.loads(bench.tree.read(JWKS_PATH) or b"")["keys"]]

    assert follow() == ({"token-keys-changed"}, ["first"])
    assert follow() == (set(), ["first"])
    bench.server.use_keys(KEYS[0], KEYS[1])
    until(lambda: follow()[1] == ["first", "second"])
    assert key_of(bench.token(certificate)) == "first"
    bench.server.use_keys(KEYS[1], KEYS[0])
    until(lambda: key_of(bench.token(certificate)) == "second")
    assert follow() == (set(), ["first", "second"])
    bench.server.use_keys(KEYS[1])
    until(lambda: follow()[1] == ["second"])
    (tmp_path / "signing-keys.json").write_text("no keys")
    time.sleep(1.2)
    assert key_of(bench.token(certificate)) == "second"


def key_of(answer: TokenAnswer) -> str:
    header = answer.token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


def until(condition: Callable[[], bool]) -> None:
    for _ in range(50):
        if condition():
            return
        time.sleep(0.1)
    assert condition()


def test_another_server_certificate_is_refused_and_the_right_one_accepted(bench: Bench, tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{bench.server.port}/jwks"
    with closing(HttpClient(Route(str(tmp_path / "server.pem")))) as client:
        assert client.request("GET", url, {}).status == 200
    with pytest.raises(Unreachable, match="its certificate is refused"):
        HttpClient(Route(str(self_signed("impostor", tmp_path)))).request("GET", url, {})
    elsewhere = HttpClient(Route(str(tmp_path / "server.pem"), connect_address="127.0.0.1"))
    with pytest.raises(Unreachable, match="its certificate is refused"):
        elsewhere.request("GET", url.replace("127.0.0.1", "auth.hub.lab"), {})
    with pytest.raises(RemoteError, match="cannot be used for TLS"):
        HttpClient(Route(str(tmp_path / "nowhere.pem")))
    with pytest.raises(RemoteError, match="not an https URL"):
        HttpClient(Route(str(tmp_path / "server.pem"))).request("GET", "http://auth.hub.lab/jwks", {})


def test_a_kept_connection_that_the_server_closed_is_opened_again(bench: Bench, tmp_path: Path) -> None:
    client = HttpClient(Route(str(tmp_path / "server.pem")))
    url = f"https://127.0.0.1:{bench.server.port}/jwks"
    first = client.request("GET", url, {})
    bench.server.stop()
    bench.server.start()
    assert client.request("GET", url, {}).body == first.body
    client.close()
