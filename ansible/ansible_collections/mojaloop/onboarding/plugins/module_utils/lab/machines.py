# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Machines as they run: made, seen and taken away inside the lab (see ``holder.in_lab``).

A machine is a process that holds a network and a mount namespace. Its /etc and /run are its own, so that gateways and
firewalls run with the paths of production: /etc is a folder of the state folder (it survives a crash as a disk would)
in which whatever the machine has no own version of links to this computer's, read-only; /run is in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError
from . import namespaces
from .holder import NETWORKS, RUNTIME
from .processes import alive, spawn, started_at
from .topology import CONTROLLER_ADDRESS, INTERNAL, PUBLIC, Interface, Machine, port_name

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_HOST_ETC = Path("/run/host-etc")
_OWN_FOLDERS = ("haproxy", "envoy", "nftables.d")
_OWN_FILES = ("nftables.conf",)
_COMMAND_SECONDS = 20
_NETWORK_MADE = RUNTIME / "network"
_MACHINES = RUNTIME / "machines"


@dataclass(frozen=True)
class RunningMachine:
    """A machine as it runs: its process inside the lab, and the addresses of each of its cards."""

    pid: int
    addresses: dict[str, list[str]]


def running_machines() -> dict[str, RunningMachine]:
    """The machines that run, by name."""
    found = {}
    for name, record in records(_MACHINES).items():
        if alive(record["pid"], record["started"]):
            found[name] = RunningMachine(record["pid"], record["addresses"])
    return found


def machine_process(name: str) -> int:
    """The process of a machine inside the lab; LabError when it does not run."""
    machine = running_machines().get(name)
    if machine is None:
        raise LabError("does not run", where=f"machine {name}", remedy="Run playbooks/lab.yml.")
    return machine.pid


def make_network() -> None:
    """The two bridges, and the operator's leg on the internal one; nothing happens when they are there."""
    if _NETWORK_MADE.exists():
        return
    lines = ["link set lo up"]
    for bridge in (PUBLIC, INTERNAL):
        # Without snooping, neighbour discovery works from the first packet: no querier is needed.
        lines += [f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0", f"link set {bridge} up"]
    _ip([*lines, f"addr add {CONTROLLER_ADDRESS} dev {INTERNAL}"])
    _NETWORK_MADE.touch()


def make_machine(machine: Machine, folder: Path) -> None:
    """Make a machine whose /etc is ``<folder>/etc``; remains of one that ended half way are swept first."""
    _sweep(machine)
    etc = folder / "etc"
    etc.mkdir(mode=0o755, parents=True, exist_ok=True)
    pid = spawn(["sleep", "infinity"], prepare=lambda: _settle(etc), environment={"PATH": PATH})
    _pin(machine.name, pid)
    for file in sorted((etc / "nftables.d").glob("*.nft")):  # as at boot: no packet before the filter
        _run(["nsenter", "--target", str(pid), "--net", "--mount", "nft", "--file", f"/etc/nftables.d/{file.name}"])
    _ip([line for interface in machine.interfaces for line in _plug(machine.name, interface)])
    _ip(["link set lo up"], within=machine.name)
    set_addresses(machine, {})
    _write_record(machine, pid)


def set_addresses(machine: Machine, present: dict[str, list[str]]) -> None:
    """Give the cards of a machine the described addresses, and take others away."""
    for interface in machine.interfaces:
        there = present.get(interface.name, [])
        surplus = [f"addr del {address} dev {interface.name}" for address in there if address not in interface.addresses]
        missing = [_address_line(address, interface.name) for address in interface.addresses if address not in there]
        _ip([*surplus, *missing, f"link set {interface.name} up"], within=machine.name)


def correct_addresses(machine: Machine, running: RunningMachine) -> None:
    """Change the addresses of a running machine to the described ones."""
    set_addresses(machine, running.addresses)
    _write_record(machine, running.pid)


def described_addresses(machine: Machine) -> dict[str, list[str]]:
    """The addresses of each card, as ``RunningMachine`` has them."""
    return {interface.name: list(interface.addresses) for interface in machine.interfaces}


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """The JSON records of a folder in the lab's memory, by name."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}


def write_record(file: Path, record: dict[str, Any]) -> None:
    """Write one record, whole or not at all."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    staged = file.with_suffix(".new")
    staged.write_text(json.dumps(record), encoding="utf-8")
    staged.replace(file)


def _write_record(machine: Machine, pid: int) -> None:
    write_record(_MACHINES / f"{machine.name}.json", {"pid": pid, "started": started_at(pid), "addresses": described_addresses(machine)})


def _settle(etc: Path) -> None:
    """In the machine's process: its own network, and its own /etc and /run."""
    namespaces.unshare(namespaces.NEW_NETWORK | namespaces.NEW_MOUNTS)
    namespaces.mount_memory("/run")
    for folder in (_HOST_ETC, Path("/run/haproxy"), Path("/run/envoy"), Path("/run/lock")):
        folder.mkdir(mode=0o755)
    namespaces.bind_read_only("/etc", str(_HOST_ETC))
    _furnish(etc)
    namespaces.bind(str(etc), "/etc")


def _furnish(etc: Path) -> None:
    """Put into a machine's /etc what is not there: own folders, copies of what gateways and firewalls edit, links for the rest."""
    for name in _OWN_FOLDERS:
        (etc / name).mkdir(mode=0o755, exist_ok=True)
    for entry in os.scandir(_HOST_ETC):
        target = etc / entry.name
        if os.path.lexists(target):
            continue
        if entry.name in _OWN_FILES:
            shutil.copyfile(entry.path, target)
        else:
            target.symlink_to(Path(entry.path).readlink() if entry.is_symlink() else entry.path)


def _pin(name: str, pid: int) -> None:
    file = NETWORKS / name
    file.touch(mode=0o600)
    namespaces.bind(f"/proc/{pid}/ns/net", str(file))


def _sweep(machine: Machine) -> None:
    """End what a machine that is no more has left: its processes, its pinned network (and with it its cables)."""
    file = NETWORKS / machine.name
    if not file.exists():
        return
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("ns/net").samefile(file):
                os.kill(int(process.name), signal.SIGKILL)
    with suppress(OSError):
        namespaces.unmount(str(file))
    file.unlink()
    for interface in machine.interfaces:
        _run(["ip", "link", "delete", port_name(machine.name, interface.name)], may_fail=True)


def _plug(machine: str, interface: Interface) -> list[str]:
    port = port_name(machine, interface.name)
    return [
        f"link add {port} type veth peer name {interface.name} netns {machine}",
        f"link set {port} master {interface.bridge} up",
    ]


def _address_line(address: str, interface: str) -> str:
    # No one else can have the address, and a tentative one would refuse connections for two seconds (RFC 4862 section 5.4).
    return f"addr add {address} dev {interface}{' nodad' if ':' in address else ''}"


def _ip(lines: Sequence[str], *, within: str = "") -> None:
    _run(["ip", *(["-netns", within] if within else []), "-batch", "-"], given="\n".join(lines) + "\n")


def _run(arguments: Sequence[str], *, given: str = "", may_fail: bool = False) -> None:
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        list(arguments), input=given, capture_output=True, text=True, timeout=_COMMAND_SECONDS, env=environment, check=False
    )
    if done.returncode and not may_fail:
        raise LabError(f"refused: {done.stderr.strip()}", where=" ".join(arguments))
