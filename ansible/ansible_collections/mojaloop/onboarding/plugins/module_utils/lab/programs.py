# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs on the machines, started, seen and ended inside the lab (see ``holder.in_lab``)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError
from . import namespaces
from .holder import RUNTIME
from .machines import PATH, machine_process, records, write_record
from .processes import alive, end, spawn, started_at, wait_until

_READY_SECONDS = 90.0
"""Idle, the slowest program (the ledger) takes four."""
_SERVICES = RUNTIME / "services"


@dataclass(frozen=True)
class Service:
    """One program on one machine.

    ``configuration`` is written to ``<folder>/<name>.json`` when the program starts (empty: none). It is ready when
    ``ready_text`` stands in its log, or the file ``ready_file`` of its machine exists. ``needs`` are files of the state folder
    without which it cannot start, ``follows`` files whose change it must be started anew for.
    """

    name: str
    machine: str
    folder: Path
    arguments: tuple[str, ...]
    configuration: str = ""
    ready_text: str = ""
    ready_file: str = ""
    needs: tuple[Path, ...] = ()
    follows: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """Unique in the lab."""
        return f"{self.machine}.{self.name}"

    @property
    def configuration_file(self) -> Path:
        """Where ``configuration`` is written."""
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log" / f"{self.name}.log"

    @property
    def missing(self) -> tuple[Path, ...]:
        """The files it cannot start without that are not there yet."""
        return tuple(file for file in self.needs if not file.exists())

    @property
    def digest(self) -> str:
        """What it was started with, as one value: arguments, configuration, contents of what it needs and follows."""
        hashed = hashlib.sha256("\0".join((*self.arguments, self.configuration)).encode())
        for file in (*self.needs, *self.follows):
            hashed.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
        return hashed.hexdigest()


@dataclass(frozen=True)
class RunningService:
    """A program as it runs: its process inside the lab, and the digest it was started with."""

    pid: int
    digest: str


def running_services() -> dict[str, RunningService]:
    """The programs that run, by key."""
    found = {}
    for key, record in records(_SERVICES).items():
        if alive(record["pid"], record["started"]):
            found[key] = RunningService(record["pid"], record["digest"])
    return found


def start_service(service: Service) -> tuple[int, int]:
    """Start a program, ending the one before it; returns its process id and the length its log had."""
    record = records(_SERVICES).get(service.key)
    if record is not None:
        end(record["pid"], record["started"])
    service.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if service.configuration:
        service.configuration_file.write_text(service.configuration, encoding="utf-8")
    written = service.log.stat().st_size if service.log.exists() else 0
    machine = machine_process(service.machine)
    if service.ready_file:
        Path(f"/proc/{machine}/root{service.ready_file}").unlink(missing_ok=True)
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
    return spawn(service.arguments, prepare=lambda: _settle(service, machine), log=service.log, environment=environment), written


def await_service(service: Service, pid: int, written: int) -> None:
    """Wait until a program started at this length of its log is ready; LabError when it ends, or takes longer than 90 s."""
    machine = machine_process(service.machine)

    def ready() -> bool:
        return _ready(service, machine, written)

    wait_until(lambda: ready() or started_at(pid) is None, _READY_SECONDS)
    if not ready():
        last = _output(service, written).strip().rpartition("\n")[2]
        fate = "ended" if started_at(pid) is None else f"is not ready after {_READY_SECONDS:.0f} s"
        raise LabError(f"{service.key} {fate}: {last}", where=str(service.log), remedy="The log says why.")


def _settle(service: Service, machine: int) -> None:
    """In the program's process: recorded by itself, so that a killed run leaves no program that the next one does not know."""
    pid = os.getpid()
    write_record(_SERVICES / f"{service.key}.json", {"pid": pid, "started": started_at(pid), "digest": service.digest})
    namespaces.enter(machine, namespaces.NEW_NETWORK | namespaces.NEW_MOUNTS)


def _ready(service: Service, machine: int, written: int) -> bool:
    if service.ready_file:
        return Path(f"/proc/{machine}/root{service.ready_file}").exists()
    return service.ready_text in _output(service, written)


def _output(service: Service, written: int) -> str:
    with service.log.open("rb") as stream:
        stream.seek(written)
        return stream.read(1_000_000).decode(errors="replace")
