# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on Kubernetes with 3, 100 and 1,000 participants: what a run costs, and what a request does.

A real API server, Istio's real control plane and a plain Envoy, on one machine. A run is what the role does at this gateway: look,
change, look again. The latencies are medians over connections that are kept open, client and Envoy included: of an accepted request
what it takes longer than the same request to the service itself, of a refused one all that it takes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPConnection
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from support.authorities import Authority
from support.istio import running_istio
from support.istio_hub import Hub, running_hub, until
from support.istio_site import KINDS
from support.kubernetes import running_cluster
from support.token_server import TokenServer

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.place import GATEWAY
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, GatewayModel

SIZES = (3, 100, 1000)
REQUESTS, WARM = 400, 20
PUSHED = "pilot_proxy_convergence_time"
"""Istio's own measure: from a change at the API server until the gateway has acknowledged it."""
COLUMNS = {
    "participants": 12, "objects": 7, "first run s": 11, "in force s": 10, "second run s": 12,
    "one more role s": 15, "in force s ": 10, "push ms": 7, "accepted adds ms": 16, "refused ms": 10,
}  # fmt: skip
Made = TypeVar("Made")
OPEN, REFUSED = 200, 403
ASKED = (("greenbank", OPEN), ("bluebank", REFUSED))


def main(sizes: tuple[int, ...]) -> int:
    """Print a table, one row for each number of participants."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("tokens", "hub"):
            (folder / name).mkdir()
        with (
            TokenServer(folder / "tokens", Authority("Authorization CA")) as tokens,
            running_cluster(folder / "cluster") as cluster,
            running_istio(cluster, folder / "istio", tokens.authority_file) as istio,
            running_hub(istio, tokens, folder / "hub") as hub,
        ):
            _say("  ".join(COLUMNS))
            for size in sizes:
                _say("  ".join(f"{figure:>{width}}" for figure, width in zip(_row(hub, size), COLUMNS.values(), strict=True)))
                _without_greenbank(hub, size)
    return 0


def _row(hub: Hub, size: int) -> list[str]:
    model = with_callers(hub, size)
    first, _ = _timed(lambda: hub.install(model))
    in_force = until(lambda: hub.status("greenbank") == OPEN)
    second, plan = _timed(lambda: hub.plan(model))
    assert not plan.changes
    objects = _objects(hub)
    accepted, refused = (_latency(hub, lambda: hub.connect("greenbank"), source, status) for source, status in ASKED)
    added = accepted - _direct(hub)
    wider = replace(hub.caller("greenbank"), roles=("parties", "quotes", "transfers"))
    before = hub.istio.measured(PUSHED)
    changed, _ = _timed(lambda: hub.install(_with(hub, model, wider)))
    usable = until(lambda: hub.status("greenbank", path="/quotes", headers=hub.headers("greenbank", scope="quotes")) == OPEN)
    seconds, pushes = (after - earlier for after, earlier in zip(hub.istio.measured(PUSHED), before, strict=True))
    figures = (first, in_force, second, changed, usable, 1000 * seconds / max(pushes, 1), added, refused)
    return [str(size), str(objects), *(f"{figure:.2f}" for figure in figures)]


def _with(hub: Hub, model: GatewayModel, *callers: Caller) -> GatewayModel:
    """The model with greenbank as it is given here, or without it."""
    assert model.inbound is not None
    return hub.with_callers(*callers, *(caller for caller in model.inbound.callers if caller.participant != "greenbank"))


def _without_greenbank(hub: Hub, size: int) -> None:
    """Shut greenbank out, so that the next size shows when it is let in."""
    hub.install(_with(hub, with_callers(hub, size)))
    until(lambda: hub.status("greenbank") == REFUSED)


def _objects(hub: Hub) -> int:
    """How many objects the cluster has of the gateway."""
    return len(hub.istio.cluster.kubectl("get", KINDS, "--all-namespaces", f"--selector={GATEWAY}", "--output=name").stdout.split())


def with_callers(hub: Hub, size: int) -> GatewayModel:
    """The three real participants, and as many more as it takes."""
    more = [
        Caller(
            f"bank{number}",
            f"bank{number}",
            (sha256(f"certificate {number}".encode()).hexdigest(),),
            (ip_network(f"198.51.{number // 250}.{number % 250}/32"),),
            (f"client-{number}",),
            ("parties", "transfers"),
        )
        for number in range(size - len(hub.clients))
    ]
    return hub.with_callers(*more, *(hub.caller(name) for name in hub.clients))


def _timed(work: Callable[[], Made]) -> tuple[float, Made]:
    begun = time.monotonic()
    made = work()
    return time.monotonic() - begun, made


def _direct(hub: Hub) -> float:
    """The same for the service itself."""
    return _latency(hub, lambda: HTTPConnection("127.0.0.1", hub.backend.server_port, timeout=10), "greenbank", OPEN)


def _latency(hub: Hub, connected: Callable[[], HTTPConnection], source: str, status: int) -> float:
    """The median in milliseconds of a request of greenbank that says it is this participant."""
    headers, taken = hub.headers("greenbank", source=source), []
    client = connected()
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        assert hub.ask(client, headers) == status
        taken.append(time.perf_counter() - begun)
        if client.sock is None:  # the listener has been replaced by a new one
            client = connected()
    client.close()
    return statistics.median(taken[WARM:]) * 1000


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- what the command is for


if __name__ == "__main__":
    sys.exit(main(tuple(int(size) for size in sys.argv[1:]) or SIZES))
