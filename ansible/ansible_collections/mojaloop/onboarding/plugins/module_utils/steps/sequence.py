# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of the steps on the state folder, and how one of them is carried out or rehearsed."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..description.loading import load_description
from ..description.model import HUB, Description
from ..errors import StoreError
from ..findings import Disposition, Finding, changes, faults
from ..pki.verification import stray_faults
from ..store.layout import LEASE_FOLDER
from ..store.lease import lease
from ..store.tree import DiskTree
from .certificate_signing import sign_requests
from .oauth_clients import register_clients
from .own_certificates import make_own_certificates
from .publications import publish_all
from .received_certificates import receive_all
from .run import Run, Step, make_run

OWN_CERTIFICATES = "own_certificates"
EXCHANGE = "exchange"
RECEIVED_CERTIFICATES = "received_certificates"
CERTIFICATE_SIGNING = "certificate_signing"
OAUTH_CLIENTS = "oauth_clients"

SEQUENCE: tuple[tuple[str, int, Step], ...] = (
    (OWN_CERTIFICATES, 1, make_own_certificates),
    (EXCHANGE, 1, publish_all),
    (RECEIVED_CERTIFICATES, 1, receive_all),
    (CERTIFICATE_SIGNING, 1, sign_requests),
    (OAUTH_CLIENTS, 1, register_clients),
    (EXCHANGE, 2, publish_all),
    (RECEIVED_CERTIFICATES, 2, receive_all),
)
"""Name, turn, step. The exchange has two turns: requests and public keys first, what was signed second."""


@dataclass(frozen=True)
class Request:
    """What one call asks for; folders as paths on this machine."""

    description: str
    state: str
    sides: Sequence[str] = ("all",)
    participants: Sequence[str] = ()
    rekey: Sequence[str] = ()
    check: bool = False
    now: datetime | None = None

    def load(self) -> Description:
        """The description this request is about."""
        return load_description(Path(self.description), state=self.state)


@dataclass(frozen=True)
class Outcome:
    """What a step found, and so did or would do."""

    findings: tuple[Finding, ...]

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, changed."""
        return bool(changes(self.findings))

    def as_result(self) -> dict[str, object]:
        """The result of a module: ``changed``, ``findings`` as plain data, the number of ``faults``."""
        return {
            "changed": self.changed,
            "findings": [finding.as_dict() for finding in self.findings],
            "faults": len(faults(self.findings)),
        }


def perform(request: Request, name: str, turn: int = 1) -> Outcome:
    """Carry out one step under the lease; with ``check``, rehearse it after the steps before it."""
    step = next(step for known, number, step in SEQUENCE if (known, number) == (name, turn))
    if request.check:
        run = rehearsed(request, before=(name, turn))
        _tell_strays(run, DiskTree(Path(request.state)).unfinished() if _is_first(name, turn) else [])
        step(run)
    else:
        with _leased(request, name, search=_is_first(name, turn)) as run:
            step(run)
    again = any(known == name and number > turn for known, number, _step in SEQUENCE)
    return Outcome(tuple(_first_turn(run.findings, ()) if again else run.findings))


def perform_all(request: Request) -> Outcome:
    """Carry out all steps in their order, under one lease and in one process; with ``check``, rehearse them."""
    if request.check:
        tree = DiskTree(Path(request.state))
        run = _run(request, request.load(), tree)
        _tell_strays(run, tree.unfinished())
        return _all_steps(run)
    with _leased(request, "all steps", search=True) as run:
        return _all_steps(run)


def _all_steps(run: Run) -> Outcome:
    """The second turn of a step is left out when nothing has changed since its first began: that has told the same."""
    found: dict[str, list[Finding]] = {"": list(run.findings)}
    begun: dict[str, int] = {}
    for name, turn, step in SEQUENCE:
        if turn > 1 and run.tree.changes == begun[name]:
            continue
        begun.setdefault(name, run.tree.changes)
        run.findings.clear()
        step(run)
        found[name] = [*_first_turn(found.get(name, ()), run.findings), *run.findings]
    return Outcome(tuple(finding for findings in found.values() for finding in findings))


def _first_turn(found: Iterable[Finding], later: Collection[Finding]) -> list[Finding]:
    """What counts of a first turn: what it awaits may come in the second, which asks again; what is told again is told once."""
    lasting = (finding for finding in found if finding.disposition is not Disposition.PENDING)
    return [finding for finding in lasting if finding.disposition is Disposition.CHANGE or finding not in later]


@contextmanager
def _leased(request: Request, what: str, *, search: bool) -> Iterator[Run]:
    """A run that holds the lease. The folder is searched for leftovers where a run ended half-way, and when asked to."""
    description = request.load()
    root = Path(request.state)
    with lease(root, holder=f"{what} on {socket.gethostname()}", now=time.time) as held:
        tree = DiskTree(root, guard=held.check)
        failed: list[StoreError] = []
        strays = tree.recover(failed.append) if held.after_another or search else []
        run = _run(request, description, tree)
        _tell_strays(run, strays)
        for error in failed:
            run.note(Finding(HUB, "tls-1", HUB, error.where, "stray-temporary-file", Disposition.FAULT, detail=str(error)))
        yield run


def _is_first(name: str, turn: int) -> bool:
    return (name, turn) == SEQUENCE[0][:2]


def _tell_strays(run: Run, found: list[str]) -> None:
    """Report what a killed run left behind; not the leases of runs that wait at this moment."""
    for fault in stray_faults(path for path in found if not path.startswith(LEASE_FOLDER)):
        run.note(Finding(HUB, "tls-1", HUB, fault.file, fault.reason, detail=fault.detail))


def clock(request: Request) -> datetime:
    """The time of a run: injected by tests, else now (UTC)."""
    return request.now or datetime.now(UTC)


def rehearsed(request: Request, *, before: tuple[str, int] | None = None) -> Run:
    """A run in which every step up to ``before`` (default: all of them) has been rehearsed in memory."""
    run = _run(request, request.load(), DiskTree(Path(request.state)))
    before_it = replace(run, online=False)
    for name, turn, step in SEQUENCE:
        if (name, turn) == before:
            break
        step(before_it)
    run.findings.clear()
    return run


def _run(request: Request, description: Description, tree: DiskTree) -> Run:
    return make_run(
        description,
        tree,
        sides=list(request.sides),
        participants=list(request.participants),
        now=clock(request),
        rehearsal=request.check,
        rekey=list(request.rekey),
    )
