# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS at the inbound listeners and on the way out: what is too old or too weak is refused, also where the host's OpenSSL permits it."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.drivers import driver_of

if TYPE_CHECKING:
    from .conftest import Bench, Recorder

ANY = ["-cipher", "ALL:@SECLEVEL=0"]
GOOD = [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ["-tls1_3"]]
BAD = [
    ["-tls1_1", *ANY],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
]


def _shaken(bench: Bench, options: list[str]) -> bool:
    """Whether the listener shook hands with a client of these options; it shows its certificate when it did."""
    identity, listener = bench.clients["greenbank"], bench.inbound.listeners[0]
    file = bench.root / "c.pem"
    file.write_bytes(identity.certificate + identity.key)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.port}", "-cert", str(file), "-key", str(file), *options]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    return b"BEGIN CERTIFICATE" in done.stdout


def test_tls_versions_and_suites_of_the_listener(permissive: None, bench: Bench) -> None:
    bench.install()
    assert [_shaken(bench, options) for options in GOOD] == [True] * len(GOOD)
    assert [_shaken(bench, [*options]) for options in BAD] == [False] * len(BAD)
    assert not _shaken(bench, ["-tls1_2", "-cipher", "AES128-GCM-SHA256"])


def test_the_listener_speaks_the_protocol_that_its_rules_were_written_for(bench: Bench) -> None:
    bench.install()
    speaks_it(bench)


def test_participants_listener_speaks_it_too(participants: Bench) -> None:
    participants.install()
    speaks_it(participants)


def speaks_it(bench: Bench) -> None:
    """Of the protocols that a client offers the listener chooses HTTP/1.1 (RFC 7301)."""
    listener = bench.inbound.listeners[0]
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.port}", "-alpn", "h2,http/1.1"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    assert b"ALPN protocol: http/1.1" in done.stdout


@contextmanager
def _openssl_server(bench: Bench, options: list[str]) -> Iterator[Any]:
    """A counterpart's server by openssl; its page tells whether the session was resumed."""
    identity = bench.hub_ca.identity("fspiop.greenbank.test", server=True)
    file = bench.root / "server.pem"
    file.write_bytes(identity.certificate + identity.key)
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(file), "-key", str(file), "-www", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            assert server.stdout
            line = next(line for line in server.stdout if line.startswith(b"ACCEPT "))
            yield SimpleNamespace(server_port=int(line.rsplit(b":", 1)[1]))
        finally:
            server.kill()


def _ask(bench: Bench, path: str = "/parties/1", headers: list[tuple[str, str]] | None = None) -> tuple[int, str, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", bench.model.outbound.listener.port, timeout=10)
    try:
        client.putrequest("GET", path)
        for name, value in headers if headers is not None else [("fspiop-destination", "greenbank")]:
            client.putheader(name, value)
        client.endheaders()
        response = client.getresponse()
        return response.status, response.headers.get("x-refused-because", ""), response.read()
    finally:
        client.close()


def _call(bench: Bench, *destinations: Any, routed: bool = True) -> None:  # noqa: ANN401
    bench.install(replace(bench.model, outbound=replace(bench.model.outbound, destinations=destinations, routed=routed)))


@pytest.mark.parametrize(("options", "status"), [*((options, 200) for options in GOOD), *((options, 503) for options in BAD)])
def test_outbound_tls_versions_and_suites(
    permissive: None,
    bench: Bench,
    destination: Callable[..., Any],
    options: list[str],
    status: int,
) -> None:
    with _openssl_server(bench, options) as server:
        _call(bench, destination("greenbank", server, bench.hub_ca.pem, bench.clients["greenbank"]))
        assert _ask(bench)[0] == status


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_outbound_sessions_are_never_resumed(bench: Bench, destination: Callable[..., Any], version: str) -> None:
    with _openssl_server(bench, [version]) as server:
        _call(bench, destination("greenbank", server, bench.hub_ca.pem, bench.clients["greenbank"]))
        pages = [_ask(bench)[2] for _ in range(4)]
    assert all(b"New, TLS" in page for page in pages)
    assert not any(b"Reused, TLS" in page for page in pages)


@pytest.fixture
def green(bench: Bench, recorder: Callable[..., Recorder]) -> Recorder:
    """The counterpart greenbank's server, which demands a certificate of the hub's CA."""
    return recorder(bench.hub_ca.identity("fspiop.greenbank.test", server=True), bench.root, bench.hub_ca.pem)


def test_outbound_calls_name_the_host_and_leave_from_the_egress_address(
    bench: Bench, destination: Callable[..., Any], green: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    sources: list[str] = []
    green.socket.context.sni_callback = lambda _socket, name, _context: names.append(name)  # type: ignore[attr-defined]

    def note(_request: object, address: tuple[str, int]) -> bool:
        sources.append(address[0])
        return True

    monkeypatch.setattr(green, "verify_request", note)
    made = destination("greenbank", green, bench.hub_ca.pem, bench.clients["greenbank"])
    _call(bench, replace(made, sources=(ip_network("127.0.0.11/32"),)))
    assert _ask(bench)[0] == 200
    assert (set(names), set(sources)) == ({"fspiop.greenbank.test"}, {"127.0.0.11"})
    assert green.header("host") == [f"fspiop.greenbank.test:{green.server_port}"]


def test_an_address_to_call_from_that_the_host_has_not_is_a_fault_before_a_call_fails(
    bench: Bench, destination: Callable[..., Any], green: Recorder
) -> None:
    made = destination("greenbank", green, bench.hub_ca.pem, bench.clients["greenbank"])
    for address, absent, status in (("127.0.0.11", [], 200), ("192.0.2.77", ["192.0.2.77"], 503)):
        _call(bench, replace(made, sources=(ip_network(address),)))
        observed = bench.driver.host.observe(bench.place, bench.model.called_from)
        found = plan(bench.model, driver_of(bench.model.gateway).render(bench.model), observed).findings
        assert observed["absent"] == absent
        assert [finding.reason for finding in found] == ["egress-address-absent"] * len(absent)
        assert _ask(bench)[0] == status


def test_outbound_refuses_suspicious_paths_and_unclear_destinations(bench: Bench, destination: Callable[..., Any], green: Recorder) -> None:
    from .test_gateway_refusals import SUSPICIOUS  # noqa: PLC0415

    _call(bench, destination("greenbank", green, bench.hub_ca.pem, bench.clients["greenbank"]))
    for path in SUSPICIOUS:
        assert _ask(bench, path)[:2] == (404, "" if path in bench.driver.bare else "path-suspicious")
    name = "fspiop-destination"
    for wrong in ([(name, "greenbank"), (name, "greenbank")], [(name, "redbank"), (name, "greenbank")], [(name, "greenbank,greenbank")]):
        assert _ask(bench, headers=wrong)[:2] == (404, "destination-unknown")
    assert green.seen == []
    assert _ask(bench)[:2] == (200, "")


def test_outbound_of_a_participant_goes_to_the_hub_whatever_the_header_says(
    bench: Bench, destination: Callable[..., Any], green: Recorder
) -> None:
    _call(bench, destination("greenbank", green, bench.hub_ca.pem, bench.clients["greenbank"]), routed=False)
    for headers in ([], [("fspiop-destination", "redbank")]):
        assert _ask(bench, headers=headers)[:2] == (200, "")
    _call(bench, routed=False)
    assert _ask(bench)[:2] == (404, "destination-unknown")
