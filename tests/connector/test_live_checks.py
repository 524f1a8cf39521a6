# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The live part of the pre-flight against a real TLS server: each fault beside the same call without it."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from support.authorities import NOW, Authority, key_pem, pem

from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.connector_live import live_faults

SECRET = "right / secret"


class Hub(BaseHTTPRequestHandler):
    """The hub's token endpoint; ``answer`` overrides what it says to a right client."""

    answer: ClassVar[tuple[int, dict[str, str], bytes] | None] = None
    expected: ClassVar[str] = "Basic " + base64.b64encode(b"green:right%20%2F%20secret").decode()

    def do_GET(self) -> None:
        self._send(404, {}, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Authorization"] == self.expected
        good: tuple[int, dict[str, str], bytes] = (200, {}, json.dumps({"access_token": "a", "expires_in": 300}).encode())
        self._send(*((self.answer or good) if right else (401, {}, b'{"error": "invalid_client"}')))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Date", headers.get("Date") or self.date_time_string())
        for name, value in headers.items():
            if name != "Date":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Silent."""


@pytest.fixture(scope="module")
def authorities() -> dict[str, Authority]:
    return {name: Authority(name) for name in ("hub", "stranger")}


@pytest.fixture
def variables(authorities: dict[str, Authority], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What a connector without a gateway would use, and a hub that accepts it."""
    server = authorities["hub"].identity("localhost", server=True)
    client = authorities["hub"].identity("greenbank")
    for name, content in {
        "server.pem": server.certificate + server.key,
        "ca.pem": authorities["hub"].pem,
        "other-ca.pem": authorities["stranger"].pem,
        "client.pem": client.certificate,
        "client.key": client.key,
    }.items():
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setattr(Hub, "answer", None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub, ThreadingHTTPServer(("127.0.0.1", 0), Hub) as plain:
        hub.socket = context.wrap_socket(hub.socket, server_side=True)
        for each in (hub, plain):
            threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        place, near = f"localhost:{hub.server_port}", f"127.0.0.1:{plain.server_port}"
        try:
            yield {
                "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
                "PEER_ENDPOINT": place,
                "OAUTH_TOKEN_ENDPOINT": f"https://{place}/oauth2/token",
                "OAUTH_CLIENT_KEY": "green",
                "OAUTH_CLIENT_SECRET": SECRET,
                "OUT_CA_CERT_PATH": str(tmp_path / "ca.pem"),
                "OUT_CLIENT_CERT_PATH": str(tmp_path / "client.pem"),
                "OUT_CLIENT_KEY_PATH": str(tmp_path / "client.key"),
                "CACHE_URL": f"redis://{near}",
                "BACKEND_ENDPOINT": near,
            }
        finally:
            hub.shutdown()
            plain.shutdown()


def _reasons(variables: dict[str, str]) -> list[str]:
    found = live_faults(variables)
    assert not any(SECRET in words or 'access_token"' in words for _reason, _name, words in found)
    return [reason for reason, _name, _words in found]


def _client(folder: Path, authority: Authority, *, days: int) -> None:
    """Replace the client certificate by one of this CA that ended, or ends, so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "greenbank")]))
        .issuer_name(authority.name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9)).not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )  # fmt: skip
    (folder / "client.pem").write_bytes(pem(builder.sign(authority.key, hashes.SHA256())))
    (folder / "client.key").write_bytes(key_pem(key))


def test_a_stale_certificate_fails_in_the_handshake_and_a_fresh_one_does_not(
    variables: dict[str, str], authorities: dict[str, Authority], tmp_path: Path
) -> None:
    assert _reasons(variables) == []
    _client(tmp_path, authorities["hub"], days=-1)
    assert "hub-handshake" in _reasons(variables)
    _client(tmp_path, authorities["hub"], days=1)
    assert _reasons(variables) == []


def test_a_certificate_of_another_ca_fails_in_the_handshake(
    variables: dict[str, str], authorities: dict[str, Authority], tmp_path: Path
) -> None:
    _client(tmp_path, authorities["stranger"], days=1)
    assert "hub-handshake" in _reasons(variables)


def test_a_hub_of_another_ca_is_refused(variables: dict[str, str], tmp_path: Path) -> None:
    assert _reasons(variables) == []
    variables["OUT_CA_CERT_PATH"] = str(tmp_path / "other-ca.pem")
    assert _reasons(variables) == ["hub-certificate", "token-certificate"]


def test_a_wrong_secret_is_refused(variables: dict[str, str]) -> None:
    assert _reasons(variables) == []
    assert _reasons({**variables, "OAUTH_CLIENT_SECRET": "wrong"}) == ["token-refused"]


ANSWERS = {
    "gateway-refused": (403, {"x-refused-because": "certificate-unknown"}, b""),
    "hub-handshake": (503, {}, b""),
    "token-failed": (500, {}, b""),
    "token-malformed": (200, {}, b"<html>"),
    "clock-skew": (200, {"Date": format_datetime(NOW - timedelta(minutes=5), usegmt=True)}, b'{"access_token": "a"}'),
}


@pytest.mark.parametrize("reason", sorted(ANSWERS))
def test_what_the_hub_says_has_its_reason(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    assert _reasons(variables) == []
    monkeypatch.setattr(Hub, "answer", ANSWERS[reason])
    assert _reasons(variables) == [reason]


def test_what_does_not_listen_is_named(variables: dict[str, str]) -> None:
    closed = "127.0.0.1:9"
    moved = {**variables, "CACHE_URL": f"redis://{closed}", "BACKEND_ENDPOINT": closed, "PEER_ENDPOINT": closed}
    moved["OAUTH_TOKEN_ENDPOINT"] = f"https://{closed}/oauth2/token"
    assert _reasons(moved) == ["cache-unreachable", "backend-unreachable", "hub-handshake", "token-unreachable"]


def test_files_that_cannot_be_used_are_named(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "client.key").write_bytes(b"x")
    assert _reasons(variables)[0] == "tls-files"
