# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections that begin at another host: as seen there, and never a proof when the way to that host fails."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import relay
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Attempt, InboundListener, Kind
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.probe import perform
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.probe_site import HERE, ProbeSite
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.relaying import relayed, way_broken

LAB = load_description(Path(__file__).parents[3] / "inventories" / "lab", state="/nowhere")


class Host:
    """A host whose Python carries out orders: here a process of this machine. ``fails`` names the order at which the way to it fails."""

    name = "elsewhere"

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def carry_out(self, order: Mapping[str, object]) -> Mapping[str, Any]:
        if order["do"] == self.fails:
            raise OnboardingError("cannot be reached", where=self.name)
        source = Path(relay.__file__).read_bytes()
        program = f"import sys;exec(sys.stdin.buffer.read({len(source)}))"
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], input=source + json.dumps(order).encode(), capture_output=True, check=True, timeout=30
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


class Scripted(Host):
    """A host with addresses of the test's choice."""

    def __init__(self, name: str, own: list[str], calls: str) -> None:
        super().__init__()
        self.name, self._own, self._calls = name, own, calls

    def carry_out(self, order: Mapping[str, object]) -> Mapping[str, Any]:
        assert order["do"] == "addresses"
        return {"own": self._own, "calls": {"203.0.113.10": self._calls}}


@contextmanager
def echoing(port: int) -> Iterator[list[str]]:
    """A server that answers each line with the line, and ends at an empty one; whom it has heard of."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            caller, address = server.accept()
            heard.append(address[0])
            with caller, caller.makefile("rb") as lines:
                for line in lines:
                    if line == b"\n":
                        return
                    caller.sendall(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        thread.join(10)


def test_bytes_go_to_and_fro_from_the_named_address(free_port: int) -> None:
    with echoing(free_port) as heard, relayed(Host(), "127.0.0.7", "127.0.0.1", free_port, 2.0) as near:
        near.settimeout(20)
        for word in (b"one\n", b"two\n"):
            near.sendall(word)
            assert near.recv(100) == word
        near.sendall(b"\n")
        assert near.recv(100) == b""
        assert way_broken(near) == ""
    assert heard == ["127.0.0.7"]


def test_what_the_network_says_there_is_said_here(free_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        relayed(Host(), "", "127.0.0.1", free_port, 2.0)
    with pytest.raises(OSError, match="EADDRNOTAVAIL"):
        relayed(Host(), "203.0.113.51", "127.0.0.1", free_port, 2.0)


def test_a_way_that_fails_is_no_refusal() -> None:
    port = free_port()
    with echoing(port):
        site = ProbeSite(LAB, {"elsewhere": Host(fails="exchange")})
        attempt = Attempt("elsewhere", "", InboundListener("127.0.0.1", port, "listener.example", _any_ca()), None, "GET", "/")
        answer = perform(site, attempt)
        socket.create_connection(("127.0.0.1", port)).close()
    assert (answer.kind, "cannot be reached" in answer.reason) == (Kind.UNREACHABLE, True)


def test_who_owns_an_address_of_a_side_sends_as_that_side() -> None:
    probes = Scripted("probes", ["203.0.113.51", "203.0.113.52"], "203.0.113.51")
    site = ProbeSite(LAB, {"probes": probes, "gone": Host(fails="addresses")}, frozenset({"probes", "gone"}))
    assert site.machine_of("probe-one", "203.0.113.51") == site.machine_of("probe-two") == "probes"
    assert (site.machine_of("greenbank"), site.machine_of("probe-one", "203.0.113.99")) == (None, None)
    assert site.strangers() is None, "an address that is allowed is no stranger's"
    assert "cannot be reached" in site.unreached["gone"]
    assert site.obstacle == ""


def test_only_a_host_that_was_named_for_it_calls_as_a_stranger() -> None:
    place = Scripted("other", [], "198.51.100.7")
    assert ProbeSite(LAB, {"other": place}, frozenset({"other"})).strangers() == ("other", "198.51.100.7")
    assert ProbeSite(LAB, {"other": place}).strangers() is None
    assert ProbeSite(LAB, {"other": place}, frozenset({"other"})).strangers(6) is None


def test_without_an_address_of_a_side_nothing_is_sent() -> None:
    site = ProbeSite(LAB, {"gone": Host(fails="addresses")})
    # Asked first, as a verification does.
    assert "probe_hosts" in site.obstacle
    assert "cannot be reached" in site.obstacle
    assert site.machine_of("hub") is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        site.connect(HERE, "127.0.0.1", "127.0.0.1", server.getsockname()[1], 2.0).close()


def _any_ca() -> bytes:
    from support.sides import side  # noqa: PLC0415 -- its keys are made when asked for

    return side("greenbank").files["ca.pem"]
