# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every refusal of the hub's inbound listener, each with its control: the same attempt with the one wrong fact right passes."""

from __future__ import annotations

import base64
import json
import select
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.connections import SHARE
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.policy import OWNED, OWNED_FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Destination

    from .conftest import Bench, Connection

HOUR = 3600
TO_GREENBANK = [("fspiop-destination", "greenbank")]
SUSPICIOUS = (
    "//parties/1", "/parties//1", "/parties/./1", "/parties/../quotes/1", "/parties/..", "/parties/.", "/parties/%2e%2E/quotes",
    "/parties/a%2Fb", "/parties/a%5cb", "/parties/a\\b", "/parties/1;x=1", "/parties/%00", "/parties/%0d%0a", "/parties/%252e",
    "/parties/%zz", "/parties/%", "/parties/%4", "http://api.hub.test/parties/1", '/parties/1"', "/parties/%3b",
)  # fmt: skip
"""Paths that another reader may understand differently."""
SPOOFED = (
    *((name, "fspiop-source") for name in OWNED),
    *((f"{family}x".title() if number % 2 else f"{family}x", "x") for number, family in enumerate(OWNED_FAMILIES)),
    *((name, "x") for name in ("X-Forwarded-For", "x-forwarded-client-cert", "x-refused-by", "x-client-certificate", "X-Original-URL")),
    *((name, "x") for name in ("X-HTTP-Method-Override", "X-Rewrite-URL", "CF-Connecting-IP", "x-envoy-original-path")),
)
"""Headers in which a gateway speaks to what is behind it."""


def spoofed(bench: Bench) -> list[tuple[str, str]]:
    return [header for header in SPOOFED if header[0] != "connection" or not bench.driver.heeds_connection]


@pytest.fixture
def hub(bench: Bench) -> Bench:
    bench.install()
    return bench


def refused(
    bench: Bench, reason: str, wrong: dict[str, Any], right: dict[str, Any], *, caller: str = "greenbank", source: str = ""
) -> None:
    """``wrong`` is refused for ``reason`` and never reaches the backend; ``right`` passes on the same connection."""
    connection = bench.connect(caller, source)
    before = len(bench.backend.seen)
    answer = connection.ask(**wrong)
    assert len(bench.backend.seen) == before
    bare = not bench.driver.bare.isdisjoint((wrong.get("method"), wrong.get("path")))
    assert (answer.reason, answer.status // 100) == ("" if bare else reason, 4)
    passed = (bench.connect(caller, source) if bare or bench.driver.closes(reason) else connection).ask(**right)
    assert (passed.status, passed.reason) == (200, "")
    assert len(bench.backend.seen) == before + 1
    if not bare:
        assert reason in json.loads(answer.body)["errorInformation"]["errorDescription"]
        assert f"refused={reason} " in log(bench, reason)


def missing(bench: Bench, reason: str, wrong: list[tuple[str, str]], right: list[tuple[str, str]], *, caller: str) -> None:
    """A message without its mandatory header gets FSPIOP's own code for that (3102)."""
    refused(bench, reason, {"headers": wrong}, {"headers": right}, caller=caller)
    answer = bench.connect(caller).ask(headers=wrong)
    assert (answer.status, json.loads(answer.body)["errorInformation"]["errorCode"]) == (400, "3102")


def log(bench: Bench, text: str) -> str:
    file = Path(bench.place.folder, "gateway.log")
    deadline = time.monotonic() + 5
    while text not in file.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    return file.read_text()


def test_certificate_that_is_not_mapped(hub: Bench) -> None:
    stranger = hub.hub_ca.identity("greenbank")
    answer = hub.connect("greenbank", identity=stranger).ask(headers=hub.headers())
    assert (answer.status, answer.reason) == (403, "certificate-unknown")
    assert hub.connect("greenbank").ask(headers=hub.headers()).status == 200


def test_certificate_of_another_authority_ends_in_tls(hub: Bench) -> None:
    foreign = hub.authority("Hub CA").identity("greenbank")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        hub.connect("greenbank", identity=foreign).ask(headers=hub.headers())
    assert hub.connect("greenbank").ask(headers=hub.headers()).status == 200


def test_address_of_another_participant(hub: Bench) -> None:
    answer = hub.connect("greenbank", "127.0.0.31").ask(headers=hub.headers())
    assert (answer.status, answer.reason) == (403, "address-mismatch")
    assert hub.connect("greenbank", "127.0.0.22").ask(headers=hub.headers()).status == 200
    assert hub.connect("greenbank", "127.0.0.99").ask(headers=hub.headers()).reason == "address-mismatch"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"exp": 1}, "token-expired"), ({"exp": None}, "token-expired"), ({"exp": "soon"}, "token-expired"),
        ({"nbf": int(time.time()) + HOUR}, "token-not-yet-valid"), ({"nbf": "later"}, "token-not-yet-valid"),
        ({"iss": "https://auth.hub.tes"}, "token-issuer"), ({"iss": None}, "token-issuer"),
        ({"aud": "https://api.hub.test.evil"}, "token-audience"), ({"aud": None}, "token-audience"),
        ({"aud": ["https://a.test", "https://b.test"]}, "token-audience"), ({"aud": {"x": "https://api.hub.test"}}, "token-audience"),
        ({"cnf": None}, "token-binding"), ({"cnf": {"x5t#S256": "A" * 43}}, "token-binding"), ({"cnf": {}}, "token-binding"),
        ({"client_id": "client-bluebank"}, "token-client"), ({"client_id": "no-one"}, "token-client"),
        ({"client_id": None}, "token-client"),
        ({"client_id": "client-bluebank", "azp": "client-greenbank"}, "token-client"),
        ({"scope": "openid quotes"}, "role-missing"), ({"scope": None}, "role-missing"), ({"scope": "partiesx xparties"}, "role-missing"),
    ],
)  # fmt: skip
def test_claim(hub: Bench, fault: dict[str, Any], reason: str) -> None:
    refused(hub, reason, {"headers": hub.headers(**fault)}, {"headers": hub.headers()})


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["https://a.test", "https://api.hub.test"]}, {"nbf": int(time.time()) - 5},
        {"client_id": None, "azp": "client-greenbank"}, {"scope": "parties"},
    ],
)  # fmt: skip
def test_token_in_another_shape_passes(hub: Bench, claims: dict[str, Any]) -> None:
    assert hub.connect("greenbank").ask(headers=hub.headers(**claims)).status == 200


def test_our_audience_may_stand_anywhere_among_the_first_eight(hub: Bench) -> None:
    connection, listed = hub.connect("greenbank"), [f"https://{number}.test" for number in range(9)]
    for place in range(9):
        aud = [*listed[:place], "https://api.hub.test", *listed[place + 1 :]]
        answer = connection.ask(headers=hub.headers(aud=aud))
        assert (answer.status, answer.reason) == ((200, "") if place < 8 else (401, "token-audience"))


def test_token_itself(hub: Bench) -> None:
    claims, first = hub.claims("greenbank"), hub.signers[0]
    good = {"headers": hub.headers()}
    foreign = hub.signer("key-1", "RS256").token(claims)
    unsigned = first.token(claims, alg="none").rsplit(".", 1)[0] + "."
    head, body, signature = first.token(claims).split(".")
    tampered = f"{head}.{base64.urlsafe_b64encode(json.dumps({**claims, 'admin': True}).encode()).rstrip(b'=').decode()}.{signature}"
    cases = {
        "token-signature": [foreign, tampered, f"{head}.{body}.", f"{head}.{body}"],
        "token-algorithm": [unsigned, first.token(claims, alg="HS256"), first.token(claims, alg=None), "nonsense",
                            hub.signer("key-1", "PS256").token(claims), first.token(claims, crit=["exp"])],
        "token-key-unknown": [first.token(claims, kid="key-9"), first.token(claims, kid=None), first.token(claims, kid="../tokens/key-1")],
    }  # fmt: skip
    for reason, tokens in cases.items():
        for token in tokens:
            refused(hub, reason, {"headers": hub.headers(token=token)}, good)
    assert hub.connect("greenbank").ask(headers=hub.headers(token=hub.signers[1].token(claims))).status == 200, "second key, ES256"
    refused(hub, "token-signature", {"headers": hub.headers(token=hub.signers[1].token(claims, alg="RS256"))}, good)


def test_bad_signatures_of_one_do_not_cut_the_others_off(hub: Bench) -> None:
    bad = hub.headers(token=hub.signer("key-1", "RS256").token(hub.claims("greenbank")))
    others = [hub.connect("bluebank") for _ in range(4)]
    good = hub.headers("bluebank")
    for _ in range(25):
        assert hub.connect("greenbank").ask(headers=bad).reason == "token-signature"
        assert {other.ask(headers=good).status for other in others} == {200}


def test_token_header(hub: Bench) -> None:
    good = hub.headers()
    bearer, source = good
    for wrong in ([source], [bearer, bearer, source], [("authorization", "Basic eDp5"), source], [("authorization", "Bearer "), source]):
        refused(hub, "token-missing", {"headers": wrong}, {"headers": good})


def test_certificate_bound_token_of_the_other_participant(hub: Bench) -> None:
    stolen = hub.signers[0].token(hub.claims("bluebank"))
    refused(hub, "token-binding", {"headers": hub.headers(token=stolen)}, {"headers": hub.headers()})
    assert hub.connect("bluebank").ask(headers=hub.headers("bluebank")).status == 200


def test_source_header(hub: Bench) -> None:
    bearer, source = hub.headers()
    name = "fspiop-source"
    missing(hub, "source-missing", [bearer], [bearer, source], caller="greenbank")
    wrong = [
        [bearer, (name, "bluebank")], [bearer, source, source], [bearer, source, (name, "bluebank")],
        [bearer, (name, "bluebank"), source], [bearer, (name, "bluebank,greenbank")], [bearer, (name, "greenbank,bluebank")],
        [bearer, (name, "GreenBank")], [bearer, (name, "greenbank2")], [bearer, (name, "green")], [bearer, (name, "")],
    ]  # fmt: skip
    for headers in wrong:
        refused(hub, "source-header", {"headers": headers}, {"headers": [bearer, source]})


def test_uri_and_method_headers(hub: Bench) -> None:
    good, path = hub.headers(), "/parties/MSISDN/1?currency=USD"
    uri, method = ("fspiop-uri", path), ("fspiop-http-method", "GET")
    right = {"headers": [*good, uri, method], "path": path}
    for value in ("/parties/MSISDN/1", "/quotes", "", "/parties/MSISDN/1?currency=EUR"):
        refused(hub, "uri-header", {"headers": [*good, ("fspiop-uri", value)], "path": path}, right)
    refused(hub, "uri-header", {"headers": [*good, uri, uri], "path": path}, right)
    for value in ("PUT", "get", ""):
        refused(hub, "method-header", {"headers": [*good, ("fspiop-http-method", value)], "path": path}, right)
    refused(hub, "method-header", {"headers": [*good, method, method], "path": path}, right)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "get", "PROPFIND", "X"])
def test_method(hub: Bench, method: str) -> None:
    for right in ("GET", "PUT", "PATCH", "DELETE"):
        refused(hub, "method-unknown", {"headers": hub.headers(), "method": method}, {"headers": hub.headers(), "method": right})


@pytest.mark.parametrize("path", SUSPICIOUS)
def test_path(hub: Bench, path: str) -> None:
    refused(hub, "path-suspicious", {"headers": hub.headers(), "path": path}, {"headers": hub.headers(), "path": "/parties/M%20S/1..2"})


def test_role(hub: Bench) -> None:
    refused(
        hub,
        "role-missing",
        {"headers": hub.headers("bluebank"), "path": "/quotes"},
        {"headers": hub.headers("bluebank")},
        caller="bluebank",
    )
    refused(hub, "role-missing", {"headers": hub.headers(scope="parties transfers"), "path": "/fxQuotes"}, {"headers": hub.headers()})
    refused(hub, "role-missing", {"headers": hub.headers(), "path": "/"}, {"headers": hub.headers()})


def test_scope_permits_the_resource_of_its_name_alone(hub: Bench) -> None:
    connection, resources = hub.connect("greenbank"), ("parties", "quotes", "transfers")
    for scope in resources:
        for resource in resources:
            answer = connection.ask(headers=hub.headers(scope=scope), path=f"/{resource}/1")
            assert (answer.status, answer.reason) == ((200, "") if resource == scope else (403, "role-missing"))


def test_base_path_is_cut_off_before_the_resource_is_read(bench: Bench) -> None:
    bench.install(bench.with_inbound(base_path="/fspiop/v1"))
    headers = [*bench.headers(), ("fspiop-uri", "/parties/MSISDN/1")]
    refused(bench, "path-suspicious", {"headers": headers}, {"headers": headers, "path": "/fspiop/v1/parties/MSISDN/1"})
    assert bench.backend.seen[-1][1] == "/fspiop/v1/parties/MSISDN/1"
    asked = len(bench.backend.seen)
    assert bench.connect("greenbank").ask("GET", "/fspiop/v1/oauth2/token").status >= 400
    assert (len(bench.backend.seen), len(bench.authorization.seen)) == (asked, 0)
    assert bench.connect("greenbank").ask("POST", "/fspiop/v1/oauth2/token").status == 200
    tokenless = [header for header in bench.headers() if header[0].lower() != "authorization"]
    assert bench.connect("greenbank").ask("POST", "/fspiop/v1/quotes", tokenless).reason == "token-missing"
    assert bench.connect("greenbank").ask("POST", "/fspiop/v1/quotes", bench.headers()).status == 200
    assert (bench.backend.seen[-1][:2], len(bench.authorization.seen)) == (("POST", "/fspiop/v1/quotes"), 1)


def test_headers_of_the_gateway_cannot_be_brought_from_outside(hub: Bench) -> None:
    connection = hub.connect("greenbank")
    if hub.driver.heeds_connection:
        assert hub.connect("greenbank").ask(headers=[*hub.headers(), ("connection", "fspiop-source")]).reason == "source-missing"
    assert connection.ask(headers=[*hub.headers(), *spoofed(hub)]).status == 200
    assert not any(hub.backend.header(name.lower()) for name, _value in SPOOFED)
    assert hub.backend.header("fspiop-source") == ["greenbank"]
    assert connection.ask(headers=[*hub.headers(), ("x-request-id", "x"), ("accept", "x")]).status == 200, "the connection is kept"
    assert (hub.backend.header("x-request-id"), hub.backend.header("accept")) == (["x"], ["x"]), "the control: others pass"
    underscored = hub.connect("greenbank").ask(headers=[*hub.headers(), ("x_client_certificate", "x")])
    assert underscored.status in {400, 403}


def test_token_endpoint_needs_certificate_and_address_only(hub: Bench) -> None:
    asked: dict[str, Any] = {"method": "POST", "path": "/oauth2/token", "headers": [("x-client-certificate", "spoofed")]}
    assert hub.connect("greenbank").ask(**asked).status == 200
    method, path, _headers = hub.authorization.seen[-1]
    assert (method, path) == ("POST", "/token")
    assert hub.authorization.header("host") == [f"127.0.0.1:{hub.authorization.server_port}"]
    [given] = hub.authorization.header("x-client-certificate")
    pem = "-----BEGIN CERTIFICATE-----\n" + given + "\n-----END CERTIFICATE-----\n"
    assert hub.digest(pem.encode()) == hub.digest(hub.clients["greenbank"].certificate)
    assert hub.connect("greenbank", "127.0.0.31").ask(**asked).reason == "address-mismatch"
    for method, path in (
        ("GET", "/oauth2/token"),
        ("POST", "/oauth2/token/x"),
        ("POST", "/oauth2/token?x=1"),
        ("POST", "/oauth2/../oauth2/token"),
    ):
        answer = hub.connect("greenbank").ask(method, path)
        assert answer.status >= 400
        assert answer.reason
    assert len(hub.authorization.seen) == 1
    assert hub.connect("greenbank").ask("POST", "/quotes", hub.headers()).status == 200
    assert (hub.backend.seen[-1][:2], len(hub.authorization.seen)) == (("POST", "/quotes"), 1)


def test_sessions_with_the_authorization_server_are_never_resumed(hub: Bench) -> None:
    for _ in range(4):
        assert hub.connect("greenbank").ask("POST", "/oauth2/token").status == 200
    counted = hub.authorization.socket.context.session_stats()  # type: ignore[attr-defined]
    assert counted["accept_good"] > 1
    assert counted["hits"] == 0


def test_impostor_of_the_authorization_server_is_not_spoken_to(hub: Bench) -> None:
    assert hub.inbound.token_endpoint is not None
    right = hub.model
    for changed in ({"name": "other.hub.test"}, {"ca": hub.authority("Other CA").pem}):
        hub.install(replace(hub.model, inbound=replace(hub.inbound, token_endpoint=replace(hub.inbound.token_endpoint, **changed))))
        assert hub.connect("greenbank").ask("POST", "/oauth2/token").status == 503
        assert hub.driver.observe(hub.place)["token_endpoint"]
        hub.install(right)
        assert hub.driver.observe(hub.place)["token_endpoint"] == ""
    assert hub.connect("greenbank").ask("POST", "/oauth2/token").status == 200
    assert len(hub.authorization.seen) == 1


def test_participants_listener_wants_its_own_name(participants: Bench) -> None:
    assert participants.plan().findings == ()
    name = "fspiop-destination"
    missing(participants, "destination-missing", [], TO_GREENBANK, caller="hub")
    for wrong in (
        [(name, "bluebank")],
        [(name, "greenbank"), (name, "greenbank")],
        [(name, "greenbank"), (name, "bluebank")],
        [(name, "bluebank"), (name, "greenbank")],
        [(name, "greenbank,bluebank")],
        [(name, "Greenbank")],
    ):
        refused(participants, "destination-header", {"headers": wrong}, {"headers": TO_GREENBANK}, caller="hub")


def test_participants_listener_lets_in_the_hub_alone(participants: Bench) -> None:
    green, foreign = participants.clients["greenbank"], participants.authority("Hub CA").identity("hub")
    assert participants.connect("hub", identity=green).ask(headers=TO_GREENBANK).reason == "certificate-unknown"
    assert participants.connect("hub", "127.0.0.12").ask(headers=TO_GREENBANK).reason == "address-mismatch"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        participants.connect("hub", identity=foreign).ask(headers=TO_GREENBANK)
    assert participants.connect("hub").ask(headers=TO_GREENBANK).status == 200
    assert "participant=hub refused=- GET resource=parties " in log(participants, "resource=parties")


def test_participants_listener_knows_addresses_of_others(participants: Bench) -> None:
    hub = participants.inbound.callers[0]
    other = replace(hub, participant="other", fspiop_id="other", certificates=("a" * 64,), networks=(ip_network("127.0.0.12/32"),))
    participants.install(participants.with_inbound(callers=(hub, other)))
    assert participants.connect("hub", "127.0.0.12").ask(headers=TO_GREENBANK).reason == "address-mismatch"
    assert participants.connect("hub").ask(headers=TO_GREENBANK).status == 200


def test_participants_listener_refuses_suspicious_paths(participants: Bench) -> None:
    for path in SUSPICIOUS:
        wrong = {"headers": TO_GREENBANK, "path": path}
        refused(participants, "path-suspicious", wrong, {"headers": TO_GREENBANK, "path": "/parties/M%20S/1..2"}, caller="hub")


def test_participants_listener_refuses_methods_that_no_api_has(participants: Bench) -> None:
    for method in ("OPTIONS", "TRACE", "put"):
        wrong = {"headers": TO_GREENBANK, "method": method}
        refused(participants, "method-unknown", wrong, {"headers": TO_GREENBANK, "method": "PUT"}, caller="hub")


def test_participants_listener_is_not_held_by_one_address(participants: Bench) -> None:
    with held_by_one_address(participants.inbound.listeners[0].port):
        assert participants.connect("hub").ask(headers=TO_GREENBANK).status == 200


def test_participants_listener_keeps_the_gateways_headers_to_itself(participants: Bench) -> None:
    assert participants.connect("hub").ask(headers=[*TO_GREENBANK, *spoofed(participants)]).status == 200
    assert not any(participants.backend.header(name.lower()) for name, _value in SPOOFED)


def ends_with_an_answer(bench: Bench, kept: Connection, headers: list[tuple[str, str]]) -> None:
    """A reload takes no request from a connection that is kept: the next is answered, and marked as the last."""
    assert kept.ask(headers=headers).status == 200
    assert kept.client.sock is not None
    assert bench.install(bench.with_inbound(trusted=bench.inbound.trusted + bench.authority("Next CA").pem))["reloads"] == 1
    assert kept.ask(headers=headers).status == 200
    assert kept.client.sock is None


def test_a_kept_connection_ends_with_an_answer_after_a_reload(bench: Bench) -> None:
    bench.install()
    ends_with_an_answer(bench, bench.connect("greenbank"), bench.headers())


def test_participants_listener_ends_a_kept_connection_with_an_answer_after_a_reload(participants: Bench) -> None:
    ends_with_an_answer(participants, participants.connect("hub"), TO_GREENBANK)


def test_overlapping_networks_let_in_all_who_contain_the_address(bench: Bench) -> None:
    green, blue = bench.inbound.callers
    callers = (replace(green, networks=(ip_network("127.0.0.0/24"),)), replace(blue, networks=(ip_network("127.0.0.31/32"),)))
    bench.install(bench.with_inbound(callers=callers))
    assert bench.connect("greenbank", "127.0.0.31").ask(headers=bench.headers()).status == 200
    assert bench.connect("bluebank", "127.0.0.31").ask(headers=bench.headers("bluebank")).status == 200
    assert bench.connect("bluebank", "127.0.0.32").ask(headers=bench.headers("bluebank")).reason == "address-mismatch"


def test_proxy_protocol_address_counts_and_mapped_addresses_are_the_same(bench: Bench) -> None:
    bench.install(bench.with_inbound(proxy_protocol=True))
    context = ssl.create_default_context(cadata=bench.hub_ca.pem.decode())
    file = bench.root / "client.pem"
    file.write_bytes(bench.clients["greenbank"].certificate + bench.clients["greenbank"].key)
    context.load_cert_chain(file)
    listener = bench.inbound.listeners[0]

    def ask(family: str, source: str, own: str) -> bytes:
        with socket.create_connection(("127.0.0.1", listener.port), 5) as raw:
            raw.sendall(f"PROXY {family} {source} {own} 1000 {listener.port}\r\n".encode())
            with context.wrap_socket(raw, server_hostname="api.hub.test") as stream:
                headers = "".join(f"{name}: {value}\r\n" for name, value in bench.headers())
                stream.sendall(f"GET /parties/1 HTTP/1.1\r\nhost: api.hub.test\r\n{headers}\r\n".encode())
                return stream.recv(65536)

    assert b" 200 " in ask("TCP4", "127.0.0.21", "127.0.0.1")
    assert b" 200 " in ask("TCP6", "::ffff:127.0.0.21", "::ffff:127.0.0.1")
    assert b"address-mismatch" in ask("TCP4", "127.0.0.31", "127.0.0.1")
    assert b"address-mismatch" in ask("TCP6", "::ffff:127.0.0.31", "::ffff:127.0.0.1")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_never_resumed(hub: Bench, version: str) -> None:
    file, listener = hub.root / "c.pem", hub.inbound.listeners[0]
    file.write_bytes(hub.clients["greenbank"].certificate + hub.clients["greenbank"].key)
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{listener.port}",
        "-cert",
        str(file),
        "-key",
        str(file),
        version,
        "-reconnect",
    ]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    assert b"New, TLS" in done.stdout
    assert b"Reused, TLS" not in done.stdout


def test_listeners_of_both_families(bench: Bench) -> None:
    port = bench.inbound.listeners[0].port
    bench.install(bench.with_inbound(listeners=(*bench.inbound.listeners, Listener(ip_address("::1"), port))))
    with socket.create_connection(("::1", port), 5):
        pass


def test_destination_over_ipv6_leaves_from_the_egress_address_of_its_family(bench: Bench, destination: Callable[..., Destination]) -> None:
    sources = (ip_network("2001:db8::11/128"), ip_network("127.0.0.11/32"))
    made = destination("greenbank", bench.backend, bench.hub_ca.pem, bench.clients["greenbank"])
    over_both = replace(made, addresses=(ip_address("2001:db8::20"), ip_address("127.0.0.1")), sources=sources)
    bench.install(bench.with_destinations(over_both))
    text = Path(bench.place.folder, "current", "haproxy.cfg").read_text()
    servers = [line.split() for line in text.splitlines() if line.startswith("    server at-")]
    assert [(line[1], line[line.index("source") + 1]) for line in servers] == [
        ("at-127.0.0.1", "127.0.0.11"),
        ("at-2001-db8--20", "[2001:db8::11]"),
    ]


def test_one_address_cannot_hold_every_connection(hub: Bench) -> None:
    with held_by_one_address(hub.inbound.listeners[0].port):
        assert hub.connect("greenbank").ask(headers=hub.headers()).status == 200


@contextmanager
def held_by_one_address(port: int) -> Iterator[None]:
    """An address asks for more than its share, and loses what is above it; inside others come in, and later itself again."""
    where = ("127.0.0.1", port), 10, ("127.0.0.77", 0)
    with ExitStack() as held:
        many = [held.enter_context(socket.create_connection(*where)) for _ in range(SHARE + 20)]
        ended, _, _ = select.select(many, [], [], 10)
        assert ended, "those above its share are closed at once"
        yield
    with socket.create_connection(*where) as again:
        again.settimeout(0.5)
        with pytest.raises(TimeoutError):
            again.recv(1)


def test_http_2_is_not_spoken_unasked(hub: Bench) -> None:
    client = hub.connect("greenbank").client
    client.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    answer = client.sock.recv(100)
    assert answer.startswith(b"HTTP/1.1 400"), "HTTP/2 would begin with its settings"
