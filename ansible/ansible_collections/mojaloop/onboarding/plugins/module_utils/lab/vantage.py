# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Standing on a machine of the lab: commands for those outside, sockets for those inside."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

from ..errors import LabError
from . import namespaces
from .holder import NETWORKS, RUNTIME, find_holder
from .topology import CONTROLLER

PRIVATE = ("/etc", "/run")
"""Folders that a machine has for itself; everything else is this computer's."""

_NSENTER = "nsenter"
_REMEDY = "Run playbooks/lab.yml."


def enter_command(state: Path, machine: str) -> list[str]:
    """The command, up to where the one to run follows, that enters a machine from outside; ``controller`` is the operator's place.

    LabError when the lab is down, or has no such machine.
    """
    holder = find_holder(state)
    if holder is None:
        raise LabError("the lab is not up", where=str(state), remedy=_REMEDY)
    outer = [_NSENTER, "--target", str(holder.pid), *_as_user(holder.pid), "--mount", "--net", "--pid", "--"]
    if machine == CONTROLLER:
        return outer
    record = Path(f"/proc/{holder.pid}/root{RUNTIME}/machines/{machine}.json")
    try:
        process = json.loads(record.read_text(encoding="utf-8"))["pid"]
    except FileNotFoundError as error:
        raise LabError(f"the lab has no machine {machine}", where=str(state), remedy=_REMEDY) from error
    return [*outer, _NSENTER, "--target", str(process), "--mount", "--net", "--"]


def _as_user(process: int) -> list[str]:
    """A lab of an ordinary user has a user namespace of its own; root's has none, and no one can enter the one they are in."""
    own = Path("/proc/self/ns/user").samefile(f"/proc/{process}/ns/user")
    return [] if own else ["--user", "--preserve-credentials"]


def machines_here() -> list[str]:
    """The machines that can be stood on from here: those of the lab this process runs in, none outside of one."""
    return sorted(file.name for file in NETWORKS.iterdir()) if RUNTIME.is_dir() and NETWORKS.is_dir() else []


def open_socket(machine: str, source: str, destination: tuple[str, int], *, timeout: float) -> socket.socket:
    """A TCP connection from an address of a machine (empty: any) to an address and port; ``timeout`` in seconds.

    For processes that run in the lab as ``controller``; LabError elsewhere. OSError as of ``socket.connect``. A thread
    goes to the machine and ends there, so that the caller's own network stays as it is: a socket belongs to the network it was made in.
    """
    made: list[socket.socket | BaseException] = []

    def connect() -> None:
        try:
            made.append(_connect_from(machine, source, destination, timeout))
        except BaseException as error:  # noqa: BLE001 -- raised again in the caller's thread
            made.append(error)

    thread = threading.Thread(target=connect, name=f"vantage-{machine}", daemon=True)
    thread.start()
    thread.join()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _connect_from(machine: str, source: str, destination: tuple[str, int], timeout: float) -> socket.socket:
    file = NETWORKS / machine
    if not (RUNTIME.is_dir() and file.exists()):
        raise LabError(f"there is no machine {machine} here", where="the lab", remedy="Run as the lab's controller, in a raised lab.")
    namespaces.enter_network(str(file))
    family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout)
        if source:
            opened.bind((source, 0))
        opened.connect(destination)
    except BaseException:
        opened.close()
        raise
    return opened
