# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab as verification sees it: every machine is a place to act from, every refuser's own record can be read."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from ..description.model import Description, Participant
from ..errors import LabError
from ..verification.model import Identity, InboundListener, Witness
from .connectors import parties
from .holder import NETWORKS
from .impostor import Impostor, divert
from .services import CONTROL_PORT
from .topology import PROBES, STRANGER, Topology, topology
from .vantage import machines_here, open_socket

_TABLE = ("inet", "mojaloop_onboarding")
_REFUSED_IN, _REFUSED_OUT = "refused_in", "refused_out"
_HANDSHAKE_ENDED = (
    b"SSL handshake failure",
    b"SSL client CA chain cannot be verified",
    b"SSL client certificate not trusted",
    b"tls=TLS_error",
    b"UF TLS_error",
)
"""HAProxy's three words for a peer whose certificate is missing or not the right CA's, and Envoy's for a caller and for a server."""
_SECONDS = 10


@dataclass(frozen=True)
class LogWitness:
    """Counts the lines in a log that hold one of some texts."""

    name: str
    log: Path
    texts: tuple[bytes, ...]

    def count(self) -> int:
        """See ``verification.model.Witness``."""
        content = self.log.read_bytes() if self.log.exists() else b""
        return sum(content.count(text) for text in self.texts)


@dataclass(frozen=True)
class CounterWitness:
    """Reads a named counter of the packet filter from the kernel of a machine's network."""

    name: str
    machine: str
    counter: str = _REFUSED_IN

    def count(self) -> int:
        """See ``verification.model.Witness``; LabError when the kernel has no such counter."""
        command = ["nsenter", f"--net={NETWORKS / self.machine}", "nft", "--json", "list", "counter", *_TABLE, self.counter]
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        if done.returncode:
            msg = f"has no counter {self.counter}: {done.stderr.decode(errors='replace').strip()}"
            raise LabError(msg, where=self.machine, remedy="Run playbooks/onboard.yml.")
        return sum(entry["counter"]["packets"] for entry in json.loads(done.stdout)["nftables"] if "counter" in entry)


@dataclass(frozen=True)
class LabSite:
    """The places of a raised lab; nothing is provable where none is raised (see ``verification.model.Site``)."""

    description: Description
    state: Path
    obstacle: str = ""
    diverts: bool = True

    @cached_property
    def _topology(self) -> Topology:
        return topology(self.description)

    @cached_property
    def _here(self) -> frozenset[str]:
        return frozenset(machines_here())

    def machine_of(self, side: str, source: str = "") -> str | None:
        """Of a side's machines the one with this address, else the first; probe participants share one."""
        described = self.description.side(side)
        if isinstance(described, Participant) and described.probe:
            return PROBES if PROBES in self._here else None
        here = [machine for machine in self._topology.machines if machine.side == side and machine.name in self._here]
        return next((machine.name for machine in sorted(here, key=lambda machine: source not in machine.addresses)), None)

    def strangers(self, version: int = 4) -> tuple[str, str] | None:
        """The stranger's machine and its address of this IP version."""
        found = [address for address in self._topology.machine(STRANGER).addresses if ip_address(address).version == version]
        return (STRANGER, found[0]) if STRANGER in self._here else None

    def connect(self, machine: str, source: str, address: str, port: int, timeout: float) -> socket.socket:
        """A connection made on that machine."""
        return open_socket(machine, source, (address, port), timeout=timeout)

    def handshake_witness(self, side: str) -> Witness | None:
        """The log of the side's gateway."""
        machine = self.machine_of(side)
        gateways = self.description.side(side).gateways
        if machine is None or not gateways:
            return None
        log = self.state / "lab" / "machines" / machine / "log" / f"{gateways[0].kind}.log"
        return LogWitness(f"{machine}'s log", log, _HANDSHAKE_ENDED)

    def packet_witness(self, side: str, *, outward: bool = False) -> Witness | None:
        """The drop counter in the kernel of the side's gateway machine."""
        machine = self.machine_of(side)
        if machine is None or self.description.side(side).firewall.kind == "none":
            return None
        return CounterWitness(f"{machine}'s firewall counter", machine, _REFUSED_OUT if outward else _REFUSED_IN)

    @contextmanager
    def impostor(self, victim: str, listener: InboundListener, addresses: tuple[str, ...], identity: Identity) -> Iterator[None]:
        """The stranger takes the listener's addresses on the wire, as a forged neighbour does, and shows the given certificate."""
        with divert(victim, STRANGER, addresses), Impostor(STRANGER, addresses, listener.port, identity):
            yield

    def control(self, side: str) -> InboundListener | None:
        """The control service of the lab's own backend; none where the Mojaloop SDK stands there, or at the hub its switch."""
        described = self.description.side(side)
        own = not described.sdk if isinstance(described, Participant) else not parties(self.description)
        return InboundListener("127.0.0.1", CONTROL_PORT, side, b"") if own and self.machine_of(side) else None
