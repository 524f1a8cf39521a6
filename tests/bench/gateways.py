# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gateway products compared on this machine: added latency, handshakes and memory, with few participants and with many.

All rules hold: certificate, address, token bound to it, client, header, role. One client, one backend, HTTP/1.1, EC P-256.
"""

from __future__ import annotations

import http.client
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from contract.gateway.conftest import Bench, bench_of
from contract.gateway.drivers import Envoy, Haproxy

PARTICIPANTS = (10, 1000)
REQUESTS, HANDSHAKES = 2000, 200
TICKS = os.sysconf("SC_CLK_TCK")
HEAD = ("gateway", "participants", "added p50", "added p99", "handshake CPU", "memory")


def many(bench: Bench, number: int) -> None:
    """Install the gateway with so many participants; the two that call are among them."""
    green = bench.inbound.callers[0]
    others = [
        replace(
            green, participant=f"bank{one}", fspiop_id=f"bank{one}", certificates=(f"{one:064x}",), clients=(f"client{one}",),
            networks=(ip_network(f"10.{one >> 8}.{one & 255}.1/32"),),
        )
        for one in range(number - 2)
    ]  # fmt: skip
    bench.install(bench.with_inbound(callers=(*bench.inbound.callers, *others)))


def timed(ask: Callable[[], object], number: int) -> list[float]:
    """Milliseconds of each call, sorted."""
    found = []
    for _ in range(number):
        began = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - began))
    return sorted(found)


def floor(bench: Bench) -> list[float]:
    """The same request to the backend itself."""
    client = http.client.HTTPConnection("127.0.0.1", bench.backend.server_port)

    def ask() -> None:
        client.request("GET", "/parties/MSISDN/1", headers=dict(bench.headers()))
        client.getresponse().read()

    return timed(ask, REQUESTS)


def cpu(bench: Bench) -> float:
    """Seconds of processor time that the gateway's processes have taken."""
    fields = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in bench.processes()]
    return sum(int(one[11]) + int(one[12]) for one in fields) / TICKS


def memory(bench: Bench) -> float:
    """MiB of the gateway's processes, shared pages in proportion."""
    rollups = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in bench.processes()]
    return sum(int(line.split()[1]) for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def measured(bench: Bench, number: int) -> tuple[str, ...]:
    """One row: what the gateway adds to a request, what a new connection costs it, what it holds."""
    many(bench, number)
    headers, kept = bench.headers(), bench.connect("greenbank")
    assert kept.ask(headers=headers).status == 200
    through, direct = timed(lambda: kept.ask(headers=headers), REQUESTS), floor(bench)
    before = cpu(bench)
    for _ in range(HANDSHAKES):
        bench.connect("greenbank").ask(headers=headers)
        bench.open.pop().close()
    spent = 1000 * (cpu(bench) - before) / HANDSHAKES
    added = [statistics.quantiles(through, n=100)[at] - statistics.quantiles(direct, n=100)[at] for at in (49, 98)]
    return bench.driver.kind, str(number), *(f"{one:.2f} ms" for one in added), f"{spent:.2f} ms", f"{memory(bench):.0f} MiB"


def main() -> None:
    """Print the table."""
    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|", flush=True)  # noqa: T201
    for product in (Haproxy(), Envoy()):
        for number in PARTICIPANTS:
            with bench_of(product) as bench:
                print("| " + " | ".join(measured(bench, number)) + " |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
