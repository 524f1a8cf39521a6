# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over steps of the table: passes under one lease until no step has anything left to do; with ``check``, in memory."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ..description.claims import PATH, read_claims, written_claims
from ..description.loading import load_description
from ..description.model import HUB, Description
from ..description.profiles import PROFILES, Profile
from ..document_steps import Phase
from ..errors import StoreError
from ..findings import Disposition, Finding, changes, faults
from ..pki.verification import stray_faults
from ..store.layout import LEASE_FOLDER
from ..store.opening import leased_tree, open_tree
from ..store.overlay import Overlay
from ..store.planned import load_plan, save_plan
from ..store.tree import Tree
from .rotation import check_orders
from .run import Run, make_run
from .table import TABLE, Step

MOST_PASSES = 8
"""Three are enough for all that is known: requests, signatures, installation."""


@dataclass(frozen=True)
class Request:
    """What one call asks for; folders as paths on this machine.

    ``plan`` is a private folder in which check mode keeps what it would make, for the later calls of one playbook;
    ``profiles`` are those that the description may name.
    """

    description: str
    state: str
    sides: Sequence[str] = ("all",)
    participants: Sequence[str] = ()
    rekey: Sequence[str] = ()
    renew: Sequence[str] = field(default=(), kw_only=True)
    disclosed: Sequence[str] = field(default=(), kw_only=True)
    check: bool = False
    now: datetime | None = None
    plan: str = ""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: PROFILES, compare=False, repr=False)

    def load(self) -> Description:
        """The description this request is about."""
        return load_description(Path(self.description), state=self.state, profiles=self.profiles)


@dataclass(frozen=True)
class Outcome:
    """What the steps found, and so did or would do."""

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


def run(request: Request, steps: Sequence[Step] = TABLE) -> Outcome:
    """Carry out steps in one process, under one lease; with ``check``, as a dry run on what earlier calls have planned."""
    if request.check:
        return _dry_run(request, steps)
    with leased(request, ", ".join(step.name for step in steps)) as made:
        check_orders(made)
        outcome = carry_out(made, steps)
        _note_claims(made, request.state)
        return outcome


def _note_claims(run: Run, state: str) -> None:
    """Record what is in force of those whom the run was about: in a later conflict they keep it."""
    kept = {name: found for name, found in read_claims(state).items() if name in run.description.known_names}
    content = written_claims({**kept, **{each.name: run.description.claims[each.name] for each in run.chosen}})
    if run.tree.read(PATH) != content:
        run.tree.write(PATH, content)


def carry_out(run: Run, steps: Sequence[Step]) -> Outcome:
    """Passes over the steps; a step runs again when one whose changes it must see has changed something since."""
    admitted = tuple(dict.fromkeys([*steps, *(follower for step in steps for follower in step.then)]))
    found: dict[str, list[Finding]] = {"": list(run.findings)}
    due = {step.name for step in steps}
    for _ in range(MOST_PASSES):
        for step in (each for each in admitted if each.name in due):
            due.discard(step.name)
            if _changes(run, step):
                due |= {each.name for each in admitted if step.name in each.reads or each in step.then}
            found[step.name] = [*_earlier(found.get(step.name, ()), run.findings), *run.findings]
        if not due:
            break
    unsettled = [Finding(HUB, Phase.STORE, HUB, name, "not-settled", Disposition.FAULT, detail=UNSETTLED) for name in sorted(due)]
    return Outcome(tuple(finding for findings in (*found.values(), unsettled) for finding in findings))


UNSETTLED = f"this step still had changes to make after {MOST_PASSES} passes: a defect of this collection. Report it."


def _changes(run: Run, step: Step) -> bool:
    """Carry out one step, whose findings are then those of the run; whether it has changed anything."""
    before = run.tree.changes
    run.findings.clear()
    step.carry_out(run)
    return run.tree.changes != before


def _earlier(found: Iterable[Finding], later: Collection[Finding]) -> list[Finding]:
    """What counts of an earlier pass: what it awaited may have come since, and what is reported again is reported once."""
    lasting = (finding for finding in found if finding.disposition is not Disposition.PENDING)
    return [finding for finding in lasting if finding.disposition is Disposition.CHANGE or finding not in later]


def _dry_run(request: Request, steps: Sequence[Step]) -> Outcome:
    disk = open_tree(Path(request.state))
    planned = load_plan(Path(request.plan), disk) if request.plan else None
    made = _run(request, request.load(), disk if planned is None else planned)
    if planned is None:
        _report_strays(made, disk.unfinished())
    check_orders(made)
    outcome = carry_out(made, steps)
    if request.plan:
        assert isinstance(made.tree, Overlay)  # noqa: S101 -- make_run gives a dry run an overlay
        save_plan(Path(request.plan), made.tree)
    return outcome


@contextmanager
def leased(request: Request, what: str) -> Iterator[Run]:
    """A run that holds the lease for ``what``, on a state folder in which what a killed run began is finished or removed."""
    description = request.load()
    root = Path(request.state)
    with leased_tree(root, holder=f"{what} on {socket.gethostname()}", now=time.time) as tree:
        failed: list[StoreError] = []
        strays = tree.recover(failed.append)
        made = _run(request, description, tree)
        _report_strays(made, strays)
        for error in failed:
            made.note(Finding(HUB, Phase.STORE, HUB, error.where, "stray-temporary-file", Disposition.FAULT, detail=str(error)))
        yield made


def _report_strays(run: Run, found: list[str]) -> None:
    """Report what a killed run left behind; not the leases of runs that wait at this moment."""
    for fault in stray_faults(path for path in found if not path.startswith(LEASE_FOLDER)):
        run.note(Finding(HUB, Phase.STORE, HUB, fault.file, fault.reason, detail=fault.detail))


def clock(request: Request) -> datetime:
    """The time of a run: injected by tests, else now (UTC)."""
    return request.now or datetime.now(UTC)


def _run(request: Request, description: Description, tree: Tree) -> Run:
    made = make_run(
        description,
        tree,
        sides=list(request.sides),
        participants=list(request.participants),
        now=clock(request),
        dry_run=request.check,
        rekey=list(request.rekey),
    )
    return replace(made, renew=frozenset(request.renew), disclosed=frozenset(request.disclosed))
