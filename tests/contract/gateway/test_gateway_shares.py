# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one participant may hold of a gateway: however it loads it, the others come in as before."""

from __future__ import annotations

import re
import resource
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.connections import LOW_SHARE, SHARE
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.policy import CONNECTIONS, SPARED
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_haproxy as host

from .test_gateway_changes import until

PRODUCTS = ("haproxy",)

if TYPE_CHECKING:
    from .conftest import Bench

ADDRESSES, EACH = 17, 500
"""Addresses of the participant that attacks, and connections from each: more than the process can have."""
ROUNDS, REQUESTS = 4, 80
PATIENCE = 10.0
"""Seconds for one request of another participant."""
PROXIED = pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxy-protocol"])


@pytest.fixture(autouse=True)
def many_files() -> None:
    """Let this process have as many connections as the machine permits."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass
class Front:
    """A way to the gateway's listener: from an address of one's own, or as a load balancer that tells the address."""

    bench: Bench
    proxied: bool = False
    waits: float = PATIENCE

    def reach(self, source: str) -> socket.socket:
        """A new connection that counts as from there."""
        listener = self.bench.inbound.listeners[0]
        raw = socket.create_connection(("127.0.0.1", listener.port), self.waits, None if self.proxied else (source, 0))
        if self.proxied:
            raw.sendall(f"PROXY TCP4 {source} 127.0.0.1 1000 {listener.port}\r\n".encode())
        return raw

    def secured(self, participant: str, source: str) -> ssl.SSLSocket:
        """One with a finished handshake of this participant."""
        identity = self.bench.clients[participant]
        context = ssl.create_default_context(cadata=self.bench.hub_ca.pem.decode())
        file = self.bench.root / f"share-{participant}.pem"
        if not file.exists():
            file.write_bytes(identity.certificate + identity.key)
        context.load_cert_chain(file)
        return context.wrap_socket(self.reach(source), server_hostname="api.hub.test")


@dataclass
class Others:
    """Requests of a participant that does nothing wrong, each over a connection of its own, with how long it took in seconds."""

    front: Front
    quiet: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def ask(self, times: list[float], count: int = REQUESTS) -> None:
        request = message(self.front.bench.headers())
        for _ in range(count):
            begun = time.perf_counter()
            try:
                with self.front.secured("greenbank", "127.0.0.21") as stream:
                    stream.sendall(request)
                    answer = stream.recv(4096)
            except OSError as error:
                self.lost.append(repr(error))
            else:
                times.append(time.perf_counter() - begun)
                self.lost += [] if answer.startswith(b"HTTP/1.1 200 ") else [repr(answer[:80])]


PATIENT = (b"timeout client 5s", b"timeout client 5m")
MOST_LATE = 5
"""Connections that a full gateway is given to take one more."""
UNSHARED = (b"(?m)^.* reject if { .*\n", b"")


def rewritten(bench: Bench, *changes: tuple[bytes, bytes]) -> Plan:
    """The release with lines of its main part changed: pattern and what comes in its place."""
    release = render(bench.model)
    part = release.files["parts/10-listeners.cfg"]
    for pattern, instead in changes:
        part = re.sub(pattern, instead, part)
    return plan(bench.model, replace(release, files={**release.files, "parts/10-listeners.cfg": part}), host.observe(bench.place))


@pytest.fixture
def patient(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent connections are not ended: how many there may be is counted on a machine of any speed."""
    monkeypatch.setattr(bench, "plan", lambda: rewritten(bench, PATIENT))


def message(headers: list[tuple[str, str]], start: str = "GET /parties/1 HTTP/1.1", body: bytes = b"") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{start}\r\nhost: api.hub.test\r\n{lines}\r\n".encode() + body


def passes(front: Front, caller: str, source: str, headers: list[tuple[str, str]]) -> bool:
    """Whether a request over a new connection is answered by the services."""
    try:
        with front.secured(caller, source) as stream:
            stream.sendall(message(headers))
            return stream.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@contextmanager
def held(front: Front, sources: list[str], each: int, most: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing, from all these addresses; inside, those that are open once at most so many are."""
    with ExitStack() as stack:
        made, late = [], 0
        for source in sources * each:
            try:
                made.append(stack.enter_context(front.reach(source)))
            except TimeoutError:
                late += 1
                if late == MOST_LATE:  # so full that no more are taken, and not merely busy
                    break
            except ConnectionError:
                continue
        yield alive(made, most)


def alive(connections: list[socket.socket], most: int) -> list[socket.socket]:
    """Those that the gateway leaves open; it has time to end the others."""
    watch, ended, deadline = select.poll(), set[int](), time.monotonic() + 60
    for connection in connections:
        watch.register(connection, select.POLLIN)
    while (found := watch.poll(500)) or (len(connections) - len(ended) > most and time.monotonic() < deadline):
        for number, _event in found:
            watch.unregister(number)
            ended.add(number)
    return [connection for connection in connections if connection.fileno() not in ended]


def comes_in(front: Front, source: str) -> bool:
    """Whether one more connection from there is left open."""
    with suppress(ConnectionError), front.reach(source) as again:
        return bool(alive([again], 0))
    return False


def attacked(bench: Bench, *, proxied: bool) -> Front:
    """A gateway at which bluebank has many addresses."""
    green, blue = bench.inbound.callers
    callers = (green, replace(blue, networks=tuple(ip_network(address) for address in of_bluebank())))
    bench.install(bench.with_inbound(callers=callers, proxy_protocol=proxied))
    return Front(bench, proxied)


def of_bluebank() -> list[str]:
    return [f"127.0.1.{number + 1}" for number in range(ADDRESSES)]


@PROXIED
@pytest.mark.usefixtures("patient")
def test_all_addresses_of_one_participant_cannot_shut_the_others_out(bench: Bench, proxied: bool) -> None:  # noqa: FBT001
    """With and without the attack, alternately: nothing is lost, and the slowest of a hundred takes at most twice as long."""
    others = Others(attacked(bench, proxied=proxied))
    for _ in range(ROUNDS):
        others.ask(others.quiet)
        with held(others.front, of_bluebank(), EACH, SHARE) as kept:
            assert len(kept) <= SHARE
            others.ask(others.attacked)
        if p99(others.attacked) <= 2 * p99(others.quiet):
            break
    assert others.lost == []
    assert p99(others.attacked) <= 2 * p99(others.quiet)
    name = "proxy protocol" if proxied else "direct"
    for state, times in (("quiet", others.quiet), ("attacked", others.attacked)):
        record_count(f"shares, {name}: requests of the others, {state}, p99 in microseconds", int(p99(times) * 1e6))
    record_count(f"shares, {name}: requests of the others lost", len(others.lost), of=len(others.quiet) + len(others.attacked))


@PROXIED
def test_without_shares_the_same_attack_shuts_the_others_out(bench: Bench, monkeypatch: pytest.MonkeyPatch, proxied: bool) -> None:  # noqa: FBT001
    """The control: it is the counting by participant that keeps the others in."""

    monkeypatch.setattr(bench, "plan", lambda: rewritten(bench, PATIENT, UNSHARED))
    others = Others(replace(attacked(bench, proxied=proxied), waits=1))
    with held(others.front, of_bluebank(), EACH, ADDRESSES * EACH):
        others.ask(others.attacked, 1)
    assert others.lost


@PROXIED
@pytest.mark.usefixtures("patient")
def test_a_participant_has_its_share_and_no_more(bench: Bench, proxied: bool) -> None:  # noqa: FBT001
    """From one address or from all; what it gave back is its own again, and strangers have one share together."""
    front = attacked(bench, proxied=proxied)
    bench.install(bench.with_inbound(callers=(*bench.inbound.callers, *crowd(1))))
    for sources, each in ((of_bluebank(), 40), (["127.0.2.1"], SHARE + 30), ([f"127.0.3.{n}" for n in range(1, 6)], 120)):
        with held(front, sources, each, SHARE) as kept:
            assert len(kept) == SHARE
    assert until(lambda: passes(front, "bluebank", of_bluebank()[0], bench.headers("bluebank")))


def crowd(count: int) -> tuple[Caller, ...]:
    """So many participants more, of one address each."""
    names = [f"bank{number}" for number in range(count)]
    return tuple(
        Caller(name, name, (f"{number:064x}",), (ip_network(f"127.0.2.{number + 1}/32"),), (f"client-{name}",), ("parties",))
        for number, name in enumerate(names)
    )


def keeps_a_reserve(front: Front, caller: str, source: str, headers: list[tuple[str, str]]) -> None:
    """Many together take no more than is free for all; who holds little still comes in, and who holds much does not."""
    bench, free = front.bench, (CONNECTIONS - SPARED) // (2 if front.proxied else 1) * 5 // 7
    banks = free // SHARE + 2
    bench.install(bench.with_inbound(callers=(*bench.inbound.callers, *crowd(banks)), proxy_protocol=front.proxied))
    most = free + banks * LOW_SHARE
    with held(front, [f"127.0.2.{number + 1}" for number in range(banks)], SHARE, most) as kept:
        # A busy machine resets a few on their way in.
        assert free - MOST_LATE <= len(kept) <= most
        assert not comes_in(front, "127.0.2.1")
        assert passes(front, caller, source, headers)


@PROXIED
@pytest.mark.usefixtures("patient")
def test_a_reserve_is_kept_for_those_who_hold_little(bench: Bench, proxied: bool) -> None:  # noqa: FBT001
    keeps_a_reserve(Front(bench, proxied), "greenbank", "127.0.0.21", bench.headers())


@pytest.mark.usefixtures("patient")
def test_participants_listener_keeps_a_reserve(participants: Bench) -> None:
    keeps_a_reserve(Front(participants), "hub", "127.0.0.11", [("fspiop-destination", "greenbank")])


class Slow(BaseHTTPRequestHandler):
    """Answers what has `slow` in its path after longer than the gateway waits for a silent client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        time.sleep(7 if "slow" in self.path else 0)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def slow() -> Iterator[Listener]:
    """Services that take their time."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield Listener(ip_address("127.0.0.1"), server.server_port)
    server.shutdown()
    server.server_close()


def dripped(connection: socket.socket, content: bytes) -> bytes:
    """Send a byte now and again until the gateway answers or ends it; what it answered. TimeoutError when it takes all that comes."""
    deadline = time.monotonic() + 40
    for byte in content:
        with_answer, _, _ = select.select([connection], [], [], 1)
        if with_answer:
            return received(connection)
        if time.monotonic() > deadline:
            break
        connection.sendall(bytes([byte]))
    message = "the gateway let it go on"
    raise TimeoutError(message)


def received(connection: socket.socket) -> bytes:
    """What comes until the end, or until nothing comes for long; a broken connection gives nothing."""
    connection.settimeout(30)
    try:
        return connection.recv(4096)
    except ConnectionError:
        return b""


def at_once(*works: Callable[[], bytes]) -> list[bytes]:
    """What each gave, all carried out at the same time."""
    found: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda number=number, work=work: found.update({number: work()})) for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found.get(number, b"failed") for number in range(len(works))]


def ends_what_drips(front: Front, caller: str, source: str, headers: list[tuple[str, str]]) -> None:
    """Silence, and what comes byte by byte, ends at every stage; the same messages pass when they come as a whole, or slowly answered."""
    post = [*headers, ("content-length", "300")]
    head = message(post, "POST /parties HTTP/1.1")
    hello = bytes.fromhex("16030100c8010000c40303") + b"\1" * 190

    def whole() -> bytes:
        with front.secured(caller, source) as stream:
            stream.sendall(head + b"x" * 100)
            time.sleep(1)
            stream.sendall(b"x" * 200)
            first = received(stream)
            stream.sendall(message(headers, "GET /parties/slow HTTP/1.1"))
            return b"" if not first.startswith(b"HTTP/1.1 200 ") else received(stream)

    def in_drops(begun: bytes, rest: bytes) -> bytes:
        with front.secured(caller, source) as stream:
            stream.sendall(begun)
            return dripped(stream, rest)

    with front.reach(source) as silent, front.reach(source) as slowly, front.secured(caller, source) as idle:
        outcomes = at_once(
            whole,
            lambda: in_drops(head, b"x" * 300),
            lambda: in_drops(b"", head),
            lambda: received(idle),
            lambda: received(silent),
            lambda: dripped(slowly, hello),
        )
    assert outcomes[0].startswith(b"HTTP/1.1 200 ")
    assert [answer[:13] for answer in outcomes[1:3]] == [b"HTTP/1.1 408 "] * 2
    assert [answer[:13] for answer in outcomes[3:]] in ([b"", b"", b""], [b"HTTP/1.1 408 ", b"", b""])


@PROXIED
def test_a_connection_without_handshake_and_a_request_that_drips_are_ended(bench: Bench, slow: Listener, proxied: bool) -> None:  # noqa: FBT001
    bench.install(bench.with_inbound(backend=slow, proxy_protocol=proxied))
    ends_what_drips(Front(bench, proxied, 10), "greenbank", "127.0.0.21", bench.headers())


def test_participants_listener_ends_what_drips(participants: Bench, slow: Listener) -> None:
    participants.install(participants.with_inbound(backend=slow))
    ends_what_drips(Front(participants, waits=10), "hub", "127.0.0.11", [("fspiop-destination", "greenbank")])
