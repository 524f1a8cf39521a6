# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on Kubernetes with 3, 100 and 1,000 participants: what a run costs, and what a request does.

A real API server, Istio's real control plane and a plain Envoy, on one machine. A run is what the role does at this gateway: look,
change, look again. The latencies are those of one connection that is kept open, client and Envoy included.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPSConnection
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from support.authorities import Authority
from support.istio import running_istio
from support.istio_hub import Hub, running_hub, until
from support.kubernetes import running_cluster
from support.token_server import TokenServer

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, GatewayModel

SIZES = (3, 100, 1000)
REQUESTS = 400
Made = TypeVar("Made")
OPEN, REFUSED = 200, 403


def main() -> int:
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
            _say("participants  objects  first run s  second run s  in force s  one more role s  accepted ms  refused ms")
            for size in SIZES:
                _say(_row(hub, size))
    return 0


def _row(hub: Hub, size: int) -> str:
    model = with_callers(hub, size)
    first, _ = _timed(lambda: hub.install(model))
    in_force = until(lambda: hub.status("greenbank") == OPEN)
    second, plan = _timed(lambda: hub.plan(model))
    assert not plan.changes
    accepted, refused = (_latency(hub, source, status) for source, status in (("greenbank", OPEN), ("bluebank", REFUSED)))
    wider = replace(hub.caller("greenbank"), roles=("parties", "quotes", "transfers"))
    changed, _ = _timed(lambda: _widen(hub, model, wider))
    figures = (first, second, in_force, changed, accepted, refused)
    return f"{size:12}  {2 * size + 2:7}" + "".join(f"  {figure:{width}.2f}" for figure, width in zip(figures, WIDTHS, strict=True))


WIDTHS = (11, 12, 10, 15, 11, 10)


def _widen(hub: Hub, model: GatewayModel, wider: Caller) -> None:
    """Give one participant one more role, until it can use it."""
    assert model.inbound is not None
    others = [caller for caller in model.inbound.callers if caller.participant != wider.participant]
    hub.install(hub.with_callers(wider, *others))
    until(lambda: hub.status("greenbank", path="/quotes", headers=hub.headers("greenbank", scope="quotes")) == OPEN)


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


def _latency(hub: Hub, source: str, status: int) -> float:
    """The median in milliseconds of a request of greenbank that says it is this participant."""
    client: HTTPSConnection = hub.connect("greenbank")  # type: ignore[assignment]
    headers = hub.headers("greenbank", source=source)
    taken = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        assert hub.ask(client, headers) == status
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- what the command is for


if __name__ == "__main__":
    sys.exit(main())
