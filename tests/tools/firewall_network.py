# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small network of namespaces for the tests of the firewall: one machine to guard, and others plugged into it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
REFUSED_AFTER = 0.7
"""Seconds without an answer that count as dropped; an answer within a namespace takes less than a millisecond."""


def why_not() -> str:
    """Why namespaces cannot be made here; empty when they can."""
    if os.geteuid() != 0:
        return "needs root: network namespaces and nftables"
    done = subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no namespace with nftables can be made here: {done.stderr.strip()}"


@dataclass(frozen=True)
class Machine:
    """A network namespace. Sockets made by ``call`` belong to it wherever they are used afterwards."""

    name: str

    def call(self, function: Callable[[], T]) -> T:
        """Run a function inside; its sockets and child processes are born there."""
        answer: list[Any] = []

        def work() -> None:
            try:
                _enter(self.name)
                answer.extend((function(), None))
            except BaseException as error:  # noqa: BLE001 -- raised again by the caller's thread
                answer.extend((None, error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if answer[1] is not None:
            raise answer[1]
        return answer[0]  # type: ignore[no-any-return]

    def run(self, *command: str, given: str = "") -> str:
        """The output of a program run inside; it must succeed."""
        line = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(line, input=given, capture_output=True, text=True, check=True, timeout=60).stdout

    def nft(self, *arguments: str, given: str = "") -> str:
        """The output of nft."""
        return self.run("nft", *arguments, given=given)

    def connect(self, address: str, port: int, *, source: str = "", patience: float = REFUSED_AFTER) -> socket.socket:
        """A connection from here; TimeoutError when it is dropped."""

        def dial() -> socket.socket:
            return socket.create_connection((address, port), timeout=patience, source_address=(source, 0) if source else None)

        return self.call(dial)

    def passes(self, address: str, port: int, *, source: str = "", patience: float = REFUSED_AFTER) -> bool:
        """Whether a connection can be opened and answered."""
        try:
            with self.connect(address, port, source=source, patience=patience) as connection:
                return connection.recv(1) == b"."
        except TimeoutError:
            return False

    def counter(self, name: str) -> int:
        """Packets counted in the pack's table."""
        text = self.nft("list", "counter", "inet", "mojaloop_onboarding", name)
        return int(text.split("packets ")[1].split()[0])


def _enter(name: str) -> None:
    """Move this thread into a namespace."""
    with Path("/run/netns", name).open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {name}")


@dataclass
class Server:
    """Accepts on a port, sends a full stop, then keeps sending (``pushing``) or holds the connection."""

    machine: Machine
    address: str
    port: int
    pushing: bool = False
    held: list[socket.socket] = field(default_factory=list)

    def start(self) -> Server:
        """Listen; IPv6 addresses serve IPv4 as well."""
        wide = self.address == "::"
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        make = lambda: socket.create_server((self.address, self.port), family=family, dualstack_ipv6=wide, backlog=256)  # noqa: E731
        self.listener = self.machine.call(make)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.held:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            with contextlib.suppress(OSError):
                connection.sendall(b".")
            if self.pushing:
                threading.Thread(target=_push, args=(connection,), daemon=True).start()


def _push(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"still here\n")
            time.sleep(0.01)


def still_receives(connection: socket.socket, *, within: float) -> bool:
    """Whether anything arrives after what is already under way has been read."""
    connection.settimeout(0.3)
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < within:
            if not connection.recv(65536):
                return False
    except OSError:
        return False
    return True


@dataclass
class Network:
    """Machines plugged into one that has the bridge; everything goes with ``close``."""

    guarded: Machine
    machines: dict[str, Machine] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)

    def plug(self, name: str, *addresses: str) -> Machine:
        """Another machine with these addresses (``address/length``)."""
        machine = Machine(f"{self.guarded.name}-{name}")
        _ip("netns", "add", machine.name)
        self.machines[name] = machine
        port = f"p{len(self.machines)}"
        _ip("-n", self.guarded.name, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
        _ip("-n", self.guarded.name, "link", "set", port, "master", "bridge", "up")
        _address(machine, "eth0", addresses)
        return machine

    def serve(self, machine: Machine, address: str, port: int, *, pushing: bool = False) -> Server:
        """A server that ends with the network."""
        server = Server(machine, address, port, pushing).start()
        self.servers.append(server)
        return server

    def close(self) -> None:
        """Take everything away; a namespace ends with its processes' sockets."""
        for server in self.servers:
            server.stop()
        for machine in (*self.machines.values(), self.guarded):
            subprocess.run(["ip", "netns", "delete", machine.name], capture_output=True, check=False)


@contextlib.contextmanager
def network(*addresses: str) -> Iterator[Network]:
    """A network whose guarded machine has these addresses."""
    made = Network(Machine(f"fw-{os.getpid()}-{secrets.token_hex(3)}"))
    try:
        _ip("netns", "add", made.guarded.name)
        _ip("-n", made.guarded.name, "link", "add", "bridge", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        _address(made.guarded, "bridge", addresses)
        yield made
    finally:
        made.close()


def _address(machine: Machine, interface: str, addresses: tuple[str, ...]) -> None:
    _ip("-n", machine.name, "link", "set", "lo", "up")
    _ip("-n", machine.name, "link", "set", interface, "up")
    for address in addresses:
        _ip("-n", machine.name, "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, check=True, timeout=30)
