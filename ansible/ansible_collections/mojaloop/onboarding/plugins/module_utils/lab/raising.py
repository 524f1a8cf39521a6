# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raise a lab, see what differs, remove it: the described machines and programs against those that run."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..description.loading import load_description
from ..description.model import Description, EnvironmentKind, EnvoyGateway
from ..errors import LabError
from . import machines, material, programs, self_hosted
from .holder import Holder, find_holder, in_lab, lab_folder, locked, start_holder, stop_holder
from .programs import Service
from .services import Places, services
from .topology import AUTHORIZATION_SERVER, Machine, Topology, topology

_NEEDED = ("ip", "nsenter", "nft", "haproxy", "node")
_INSTALL = "Install them (make system; Envoy has to be in PATH), then repeat."
_STATE_FOLDERS = ("lab", self_hosted.FOLDER, "store", "exchange", "directory", "journal", "evidence")
"""Named one by one: a state folder that was mistyped loses nothing else."""


@dataclass(frozen=True)
class Difference:
    """One thing of the lab that is not as described.

    ``reason`` is ``lab-down``, ``machine-missing``, ``addresses-differ``, ``service-down`` or ``service-differs``; of a removal
    ``running`` or ``present``.
    """

    machine: str
    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.machine or 'lab'} {self.what}: {self.reason}".replace(" :", ":")


@dataclass(frozen=True)
class Running:
    """What runs in a lab; nothing at all when it is down."""

    holder: Holder | None = None
    machines: dict[str, machines.RunningMachine] = field(default_factory=dict)
    services: dict[str, programs.RunningService] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What should run: machines, the programs that can start, and those that await a file."""

    topology: Topology
    services: tuple[Service, ...]
    awaiting: tuple[Service, ...]


@dataclass(frozen=True)
class Outcome:
    """What a run found and so did (in check mode: would do), and what runs now."""

    differences: tuple[Difference, ...]
    running: Running
    plan: Plan | None
    seconds: float
    advanced: tuple[str, ...] = ()

    def as_result(self) -> dict[str, object]:
        """The result of a module."""
        return {
            "changed": bool(self.differences or self.advanced),
            "differences": [str(difference) for difference in self.differences],
            "advanced": list(self.advanced),
            "holder": self.running.holder.pid if self.running.holder else 0,
            "machines": _machine_results(self.plan, self.running) if self.plan else [],
            "awaiting": [f"{service.key}: {file}" for service in self.plan.awaiting for file in service.missing] if self.plan else [],
            "seconds": round(self.seconds, 2),
            "summary": self.summary(),
        }

    def lines(self) -> list[str]:
        """What was, or would be, done: a line each."""
        return [*self.advanced, *(str(difference) for difference in self.differences)]

    def summary(self) -> list[str]:
        """A line for each machine, for people."""
        if self.plan is None:
            return [f"the lab is removed ({self.seconds:.1f} s)" if self.differences else "there is no lab"]
        lines = [f"{result['name']:24} {_state_text(result)}" for result in _machine_results(self.plan, self.running)]
        awaiting = [f"{service.key} awaits {service.missing[0]}" for service in self.plan.awaiting]
        differences = "1 difference" if len(self.differences) == 1 else f"{len(self.differences)} differences"
        return [*lines, *awaiting, *self.advanced, f"{differences}, {self.seconds:.1f} s"]


@dataclass(frozen=True)
class Request:
    """What one call asks for: ``state`` is ``present``, ``advance`` or ``absent``; folders as paths on this computer."""

    state: str
    description: str
    state_folder: str
    tools: str
    purge: bool = False
    check: bool = False


def run(request: Request) -> Outcome:
    """Carry out one request; with ``check``, only see what it would do."""
    folder = Path(request.state_folder).resolve()
    if request.state == "absent":
        if request.purge:
            _load(request, folder)
        return remove_lab(folder, check=request.check, purge=request.purge)
    description = _load(request, folder)
    places = find_places(folder, Path(request.tools), with_envoy=uses_envoy(description))
    return raise_lab(description, places, check=request.check, advance=request.state == "advance")


def _load(request: Request, folder: Path) -> Description:
    """The description, of a lab: no slip in a command line may take down or purge anything else."""
    description = load_description(Path(request.description), state=str(folder))
    if description.kind is not EnvironmentKind.LAB:
        raise LabError(
            f"is of kind {description.kind.value}", where=request.description, remedy="Only environments of kind lab are raised here."
        )
    return description


def uses_envoy(description: Description) -> bool:
    """Whether a gateway of the lab is an Envoy."""
    sides = (description.hub, *description.participants)
    return any(isinstance(gateway, EnvoyGateway) for side in sides for gateway in side.gateways)


def find_places(state: Path, tools: Path, *, with_envoy: bool = False) -> Places:
    """Where everything is on this computer; LabError names the programs that are missing."""
    path = f"{os.environ.get('PATH', '')}:{machines.PATH}"
    found = {name: shutil.which(name, path=path) for name in (*_NEEDED, *(("envoy",) if with_envoy else ()))}
    missing = [name for name, program in found.items() if program is None]
    if missing:
        raise LabError(f"needs {', '.join(missing)}", where="the lab", remedy=_INSTALL)
    return Places(state.resolve(), tools.resolve(), found["haproxy"] or "", found["node"] or "", envoy=found.get("envoy") or "")


def raise_lab(description: Description, places: Places, *, check: bool = False, advance: bool = False) -> Outcome:
    """Make what is missing of the lab and leave the rest untouched.

    Self-hosted participants publish first; with ``advance`` they do all of their half that can be done now.
    """
    began = time.monotonic()
    lab = lab_folder(places.state)
    if advance and find_holder(places.state) is None:
        raise LabError("the lab is not up", where=str(places.state), remedy="Run playbooks/lab.yml first.")
    play = self_hosted.advance if advance else self_hosted.publish_first
    if check:
        advanced = play(description, places.state, places.tools, check=True)
        plan, running = _plan(description, places, published=bool(advanced)), _observe(find_holder(places.state))
        return Outcome(_compare(plan, running), running, plan, time.monotonic() - began, advanced)
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lab.mkdir(mode=0o700, exist_ok=True)
    with locked(places.state):
        advanced = play(description, places.state, places.tools, check=False)
        differences, plan, running = _raise(description, places)
    return Outcome(differences, running, plan, time.monotonic() - began, advanced)


def remove_lab(state: Path, *, check: bool = False, purge: bool = False) -> Outcome:
    """End everything in the lab and remove its folder; ``purge`` removes stores, exchange, journal and evidence as well."""
    began = time.monotonic()
    holder = find_holder(state)
    doomed = [state / name for name in (_STATE_FOLDERS if purge else _STATE_FOLDERS[:1]) if (state / name).exists()]
    differences = ([Difference("", "", "running")] if holder else []) + [Difference("", str(folder), "present") for folder in doomed]
    if not check and differences:
        _end(state)  # before the lock: it also ends a run that is still at work in the lab
        with locked(state):
            _end(state)
            for folder in doomed:
                shutil.rmtree(folder, ignore_errors=not folder.exists())
            if not any(state.iterdir()):
                state.rmdir()
    return Outcome(tuple(differences), Running(), None, time.monotonic() - began)


def _end(state: Path) -> None:
    holder = find_holder(state)
    if holder is not None:
        stop_holder(holder)


def _plan(description: Description, places: Places, *, published: bool = False) -> Plan:
    """What should run; ``published``: a dry run in which the participants would have made the files that programs await."""
    machines_described = topology(description)
    wanted = services(description, machines_described, places)
    awaiting = () if published else tuple(service for service in wanted if service.missing)
    return Plan(machines_described, tuple(service for service in wanted if service not in awaiting), awaiting)


def _observe(holder: Holder | None) -> Running:
    if holder is None:
        return Running()
    found = in_lab(holder, _seen)
    return Running(
        holder,
        {name: machines.RunningMachine(**machine) for name, machine in found["machines"].items()},
        {key: programs.RunningService(**service) for key, service in found["services"].items()},
    )


def _seen() -> dict[str, Any]:
    return {
        "machines": {name: asdict(machine) for name, machine in machines.running_machines().items()},
        "services": {key: asdict(service) for key, service in programs.running_services().items()},
    }


def _compare(plan: Plan, running: Running) -> tuple[Difference, ...]:
    found = [] if running.holder else [Difference("", "", "lab-down")]
    for machine in plan.topology.machines:
        present = running.machines.get(machine.name)
        if present is None:
            found.append(Difference(machine.name, "", "machine-missing"))
        elif present.addresses != machines.described_addresses(machine):
            found.append(Difference(machine.name, "", "addresses-differ"))
    for service in plan.services:
        started = running.services.get(service.key)
        if started is None or service.machine not in running.machines:
            found.append(Difference(service.machine, service.name, "service-down"))
        elif started.digest != service.digest:
            found.append(Difference(service.machine, service.name, "service-differs"))
    return tuple(found)


def _raise(description: Description, places: Places) -> tuple[tuple[Difference, ...], Plan, Running]:
    plan, running = _plan(description, places), _observe(find_holder(places.state))
    _prepare(plan, places)
    differences = _compare(plan, running)
    if not differences:
        return differences, plan, running
    holder = running.holder or start_holder(places.state)
    in_lab(holder, lambda: _act(plan, running, differences, places))
    return differences, plan, _observe(holder)


def _prepare(plan: Plan, places: Places) -> None:
    """Files that programs find when they start."""
    for machine in plan.topology.machines:
        if machine.gateway is not None:
            folder = places.machine(machine.name) / machine.gateway.folder.lstrip("/")
            if isinstance(machine.gateway, EnvoyGateway):
                material.first_envoy_files(folder, machine.gateway)
            else:
                material.first_release(folder)
        if machine.name == AUTHORIZATION_SERVER and not places.authorization_server.exists():
            material.write_folder(places.authorization_server, material.authorization_server_files(machine.addresses[0]))


def _act(plan: Plan, running: Running, differences: Sequence[Difference], places: Places) -> None:
    """Inside the lab: make and start what differs; programs start together and are awaited together."""
    machines.make_network()
    for machine in plan.topology.machines:
        _make(machine, running, differences, places)
    wanted = {(difference.machine, difference.what) for difference in differences}
    started = [(service, *programs.start_service(service)) for service in plan.services if (service.machine, service.name) in wanted]
    for service, pid, written in started:
        programs.await_service(service, pid, written)


def _make(machine: Machine, running: Running, differences: Sequence[Difference], places: Places) -> None:
    reasons = {difference.reason for difference in differences if difference.machine == machine.name and not difference.what}
    if "machine-missing" in reasons:
        machines.make_machine(machine, places.machine(machine.name))
    elif "addresses-differ" in reasons:
        machines.correct_addresses(machine, running.machines[machine.name])


def _state_text(result: dict[str, Any]) -> str:
    if not result["running"]:
        return "does not run"
    programs_text = ", ".join(f"{name} ({pid})" for name, pid in result["services"].items())
    return f"{' '.join(result['addresses'])}{': ' if programs_text else ''}{programs_text}"


def _machine_results(plan: Plan, running: Running) -> list[dict[str, Any]]:
    return [
        {
            "name": machine.name,
            "addresses": list(machine.addresses),
            "running": machine.name in running.machines,
            "services": {
                service.name: running.services[service.key].pid
                for service in plan.services
                if service.machine == machine.name and service.key in running.services
            },
        }
        for machine in plan.topology.machines
    ]
