# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refusals that need a CA, a key or a counterpart of one's own: each differs from its control in one fact, and the log names it."""

from __future__ import annotations

import hmac
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.counting import record_count
from support.depth import sample
from support.ports import free_port
from support.tls_offers import CURVES, OTHER_CURVES, Offer, offers, outside_at_once, scanned, taken, with_curves

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Identity

from .conftest import b64
from .test_gateway_changes import ask_plain, until
from .test_gateway_refusals import log, refused

if TYPE_CHECKING:
    from .conftest import Bench, Recorder

HANDSHAKE_ENDED = "SSL handshake failure"
PAIRS = "refusal pairs of the gateway matrix"


def allowed(bench: Bench, *identities: Identity) -> Any:  # noqa: ANN401
    """A listener where these certificates are greenbank's: nothing but the handshake can refuse them."""
    digests = tuple(bench.digest(identity.certificate).hex() for identity in identities)
    return bench.with_inbound(callers=(replace(bench.inbound.callers[0], certificates=digests), *bench.inbound.callers[1:]))


def call(bench: Bench, identity: Identity, *, chain: bytes = b"") -> int:
    """The status of a right request with this certificate, shown with this chain; 0 when the handshake is ended."""
    claims: dict[str, Any] = {"cnf": {"x5t#S256": b64(bench.digest(identity.certificate))}}
    shown = replace(identity, certificate=identity.certificate + chain)
    try:
        return bench.connect("greenbank", identity=shown).ask(headers=bench.headers(**claims)).status
    except (ssl.SSLError, ConnectionError):
        return 0


def ended(bench: Bench, number: int) -> bool:
    """Whether the gateway's log tells that it ended so many handshakes."""
    file = Path(bench.place.folder, "gateway.log")
    return until(lambda: file.read_text().count(HANDSHAKE_ENDED) >= number)


def test_a_server_certificate_is_no_client_certificate(bench: Bench) -> None:
    client, server = bench.hub_ca.identity("greenbank"), bench.hub_ca.identity("greenbank", server=True)
    bench.install(allowed(bench, client, server))
    assert (call(bench, server), call(bench, client)) == (0, 200)
    assert ended(bench, 1)
    assert bench.backend.seen[1:] == []
    record_count(PAIRS, 1)


def test_a_chain_without_its_intermediate_is_refused(bench: Bench) -> None:
    root = bench.authority("Root", depth=1)
    issuing = bench.authority("Issuing CA", root)
    leaf = issuing.identity("greenbank")
    bench.install(replace(bench.model, inbound=replace(allowed(bench, leaf).inbound, trusted=root.pem)))
    assert call(bench, leaf) == 0
    assert ended(bench, 1)
    assert call(bench, leaf, chain=issuing.pem) == 200
    record_count(PAIRS, 1)


OUTBOUND = {
    "other name": "presented an SSL certificate different from the expected one",
    "client certificate": "certificate verify failed",
    "other CA": "SSL handshake failure",
    "intermediate missing": "certificate verify failed",
}
"""What is wrong with the server's certificate, and how the gateway's log says so."""


@pytest.mark.parametrize("fault", OUTBOUND)
def test_a_counterpart_that_is_not_itself_is_not_called(bench: Bench, destination: Any, recorder: Any, fault: str) -> None:  # noqa: ANN401
    root, host = bench.authority("Green root", depth=1), "fspiop.greenbank.test"
    issuing = bench.authority("Green CA", root)
    right = issuing.identity(host, server=True)
    right = replace(right, certificate=right.certificate + right.chain)
    wrong = {
        "other name": issuing.identity("fspiop.bluebank.test", server=True),
        "client certificate": issuing.identity(host),
        "other CA": bench.authority("Green CA", bench.authority("Green root", depth=1)).identity(host, server=True),
        "intermediate missing": issuing.identity(host, server=True),
    }[fault]
    if fault != "intermediate missing":
        wrong = replace(wrong, certificate=wrong.certificate + wrong.chain)
    statuses = []
    for shown in (wrong, right):
        server: Recorder = recorder(shown, bench.root, root.pem)
        made = destination("greenbank", server, root.pem, issuing.identity("switch"))
        made = replace(made, identity=replace(made.identity, chain=issuing.pem))
        bench.install(bench.with_destinations(made))
        statuses.append((ask_plain(bench, "/parties/1", {"FSPIOP-Destination": "greenbank"})[0], len(server.seen)))
        if shown is wrong:
            assert OUTBOUND[fault] in log(bench, OUTBOUND[fault])
    assert statuses == [(503, 0), (200, 1)]
    record_count(PAIRS, 1)


def test_a_token_signed_with_the_public_key_as_a_shared_secret(bench: Bench) -> None:
    bench.install()
    signer, claims = bench.signers[0], bench.claims("greenbank")
    text = f"{b64(json.dumps({'alg': 'HS256', 'kid': signer.kid}).encode())}.{b64(json.dumps(claims).encode())}"
    forged = f"{text}.{b64(hmac.digest(signer.public, text.encode(), 'sha256'))}"
    refused(bench, "token-algorithm", {"headers": bench.headers(token=forged)}, {"headers": bench.headers()})
    record_count(PAIRS, 1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls-1.2", "tls-1.3"])
@pytest.mark.parametrize("how", ["suspended", "revoked"])
def test_who_is_shut_out_is_refused_on_live_resumed_and_new_connections(
    bench: Bench,
    recorder: Any,  # noqa: ANN401
    how: str,
    version: ssl.TLSVersion,
) -> None:
    file = bench.root / "client.pem"
    file.write_bytes(bench.clients["greenbank"].certificate + bench.clients["greenbank"].key)
    bench.install()
    right, green, blue = bench.headers(), bench.inbound.callers[0], bench.inbound.callers[1]
    willing: Recorder = recorder(bench.hub_ca.identity("api.hub.test", server=True), bench.root, b"")
    with resumable(bench, file, version) as ask:
        assert [ask(right, willing.server_port) for _ in range(2)] == [(200, False), (200, True)], "the client would resume"
        live, other = bench.connect("greenbank"), bench.connect("bluebank")
        assert (live.ask(headers=right).status, ask(right), other.ask(headers=bench.headers("bluebank")).status) == (200, (200, False), 200)
        passed = len(bench.backend.seen)
        renewed = replace(green, certificates=(bench.digest(bench.hub_ca.identity("greenbank").certificate).hex(),))
        bench.install(bench.with_inbound(callers=(blue,) if how == "suspended" else (renewed, blue)))
        assert live.ask(headers=right).reason == "certificate-unknown"
        assert ask(right) == (403, False)
        assert bench.connect("greenbank").ask(headers=right).reason == "certificate-unknown"
        assert len(bench.backend.seen) == passed
        assert other.ask(headers=bench.headers("bluebank")).status == 200, "the other one's live connection goes on"
    assert log(bench, "refused=certificate-unknown ").count("refused=certificate-unknown ") == 3
    record_count(PAIRS, 3)


@contextmanager
def resumable(bench: Bench, file: Path, version: ssl.TLSVersion) -> Iterator[Any]:
    """Asks on a new connection that offers the last one's session, by id or ticket; tells the status and whether it was taken up."""
    context = ssl.create_default_context(cadata=bench.hub_ca.pem.decode())
    context.load_cert_chain(file)
    context.minimum_version = context.maximum_version = version
    kept: dict[int, ssl.SSLSession | None] = {}
    inbound = bench.inbound.listeners[0].port

    def ask(headers: list[tuple[str, str]], port: int = inbound) -> tuple[int, bool]:
        raw = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.21", 0))
        with context.wrap_socket(raw, server_hostname="api.hub.test", session=kept.get(port)) as stream:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            stream.sendall(f"GET /parties/1 HTTP/1.1\r\nhost: api.hub.test\r\n{lines}\r\n".encode())
            answer = stream.recv(65536)
            kept[port] = stream.session
            return int(answer.split()[1]), bool(stream.session_reused)

    yield ask


EVERY_CURVE = ("-groups", ":".join((*CURVES, "X448", "P-521", "secp256k1", "brainpoolP256r1", "secp224r1")))


@contextmanager
def permissive(bench: Bench, *identities: Identity) -> Iterator[str]:
    """OpenSSL's own server that takes everything it knows: whoever is refused elsewhere is accepted here."""
    port, words = free_port(), []
    for word, identity in zip(("", "d"), identities, strict=True):
        file = bench.root / f"permissive{word}.pem"
        file.write_bytes(identity.certificate + identity.key)
        words += [f"-{word}cert", str(file), f"-{word}key", str(file)]
    suites = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-ciphersuites", ":".join(_strong())]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", *EVERY_CURVE, "-dhparam", str(_dh(bench)), *words, *suites]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: _answers(port))
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _strong() -> list[str]:
    return [offer.suites for offer in offers() if offer.version == "tls1_3"]


def _dh(bench: Bench) -> Path:
    file = bench.root / "dh.pem"
    subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", str(file)],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return file


def _answers(port: int) -> bool:
    try:
        return bool(taken(Offer("tls1_3", "TLS_AES_128_GCM_SHA256"), f"127.0.0.1:{port}"))
    except ConnectionError:
        return False


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_every_version_and_suite_outside_the_policy_is_refused_and_every_one_within_accepted(bench: Bench, kind: str) -> None:
    ec_key, rsa_key = (bench.hub_ca.identity("api.hub.test", server=True, key=key) for key in (None, rsa.generate_private_key(65537, 2048)))
    bench.install(bench.with_inbound(identity=ec_key if kind == "ec" else rsa_key))
    inbound, foreign = f"127.0.0.1:{bench.inbound.listeners[0].port}", "RSA" if kind == "ec" else "ECDSA"
    within = [offer for offer in offers() if offer.permitted and f"-{foreign}-" not in offer.suites]
    assert [offer for offer in within if taken(offer, inbound) != offer.suites] == []
    outside = [offer for offer in offers() if not offer.permitted]
    chosen = [*sample(outside, 5), *outside_at_once()]
    with permissive(bench, ec_key, rsa_key) as control:
        proved = [offer for offer in dict.fromkeys(chosen) if taken(offer, control)]
    assert {offer.version for offer in proved} == {"tls1", "tls1_1", "tls1_2", "tls1_3"}
    assert len(proved) > len(chosen) // 2
    assert [str(offer) for offer in proved if taken(offer, inbound)] == []
    assert ended(bench, len(proved))
    record_count("TLS versions and suites refused, each taken by a permissive server", len(proved))
    record_count("TLS suites of the policy accepted", len(within))


def test_sslyze_complains_of_a_permissive_server_and_of_no_listener(bench: Bench) -> None:
    ec_key, rsa_key = (bench.hub_ca.identity("api.hub.test", server=True, key=key) for key in (None, rsa.generate_private_key(65537, 2048)))
    ca, own = bench.root / "hub-ca.pem", bench.root / "greenbank.pem"
    ca.write_bytes(bench.hub_ca.pem)
    own.write_bytes(bench.clients["greenbank"].certificate + bench.clients["greenbank"].key)
    options = ("--authority", str(ca), "--certificate", str(own), "--key", str(own))
    bare = {"certificate_path_validation"}  # the certificates made here have the bare minimum; those of the lab are judged too
    for identity in (rsa_key, ec_key):
        bench.install(bench.with_inbound(identity=identity))
        assert scanned(f"127.0.0.1:{bench.inbound.listeners[0].port}", "api.hub.test", *options)["issues"].keys() == bare
    with permissive(bench, ec_key, rsa_key) as control:
        issues = scanned(control, "api.hub.test", *options)["issues"]
    assert issues.keys() == {"tls_versions", "ciphers", "ciphersuites", "tls_curves", *bare}
    record_count("listeners and servers judged by sslyze", 3)


def test_curves_outside_the_policy_are_refused_in_both_tls_versions(bench: Bench) -> None:
    ec_key, rsa_key = (bench.hub_ca.identity("api.hub.test", server=True, key=key) for key in (None, rsa.generate_private_key(65537, 2048)))
    bench.install(bench.with_inbound(identity=rsa_key))
    inbound = f"127.0.0.1:{bench.inbound.listeners[0].port}"
    assert [str(offer) for offer in with_curves(CURVES) if not taken(offer, inbound)] == []
    with permissive(bench, ec_key, rsa_key) as control:
        proved = [offer for offer in with_curves(OTHER_CURVES) if taken(offer, control)]
    assert {offer.curve for offer in proved} >= {"X448", "P-521"}
    assert [str(offer) for offer in proved if taken(offer, inbound)] == []
    record_count("curves refused, each taken by a permissive server", len(proved))
