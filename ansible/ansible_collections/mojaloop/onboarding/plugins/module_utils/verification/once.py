# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One right call by each way after a change: a token through the hub's gateway, and each inbound listener once.

It keeps no evidence: what must be refused is for the verification. What it notes is for which material a call has passed, so that
nothing is sent again until something changes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ..description.model import HUB, Description
from ..document_steps import Phase
from ..findings import Disposition, Finding
from ..steps.run import Run, make_run
from ..steps.sequence import Request, clock
from ..store.opening import leased_tree, open_tree
from .campaign import all_cases
from .material import Material
from .model import Case, Result, Site, Verdict
from .running import run_cases
from .tried import is_tried, note_tried

RIGHT_CALLS = {"token-and-call": Phase.OAUTH, "hub-call": Phase.URLS, "hello-mtls": Phase.URLS}
"""The cases that are right in every fact, and the document step that each shows to be done."""


NO_SERVICE = "503"
"""What a gateway answers while nothing behind it does: it refuses nothing, and names no reason."""


def try_once(request: Request, site_of: Callable[[Description, Path], Site]) -> list[Finding]:
    """Call for those of the request whose material was never tried; a fault for each call that does not pass, or a wait for services."""
    description, root = request.load(), Path(request.state)
    tree = open_tree(root)
    run = make_run(description, tree, sides=list(request.sides), participants=list(request.participants), now=clock(request), dry_run=True)
    due = tuple(each for each in run.chosen if each.active and not is_tried(tree, description, each.name))
    if not due:
        return []
    run = replace(run, chosen=due)
    results = run_cases(right_calls(run, site_of(description, root)))
    _note(root, run, results)
    return [_fault(result) for result in results if result.verdict in {Verdict.FAILED, Verdict.ERROR}]


def right_calls(run: Run, site: Site) -> Iterator[Case]:
    """The right call of each way of the participants of a run that are managed here: another organisation's part may not be done."""
    return (case for case in all_cases(Material(run, site)) if case.key in RIGHT_CALLS and _is_due(run, case))


def _is_due(run: Run, case: Case) -> bool:
    """Not where the token is served elsewhere, nor in a cluster: its listener may not be reached from here."""
    server = run.description.hub.authorization_server
    at_the_gateway = server is not None and server.client_certificate == "header"
    called = run.description.side(HUB if case.key == "token-and-call" else case.participant)
    in_a_cluster = any(gateway.kind == "kubernetes" for gateway in called.gateways)
    managed = run.description.participant(case.participant).managed
    return managed and not in_a_cluster and (at_the_gateway or RIGHT_CALLS[case.key] != Phase.OAUTH)


def _note(root: Path, run: Run, results: list[Result]) -> None:
    """Record whose calls have all passed; what could not be sent counts for nothing."""
    seen: dict[str, set[Verdict]] = {}
    for result in results:
        seen.setdefault(result.participant, set()).add(result.verdict)
    passed = [name for name, verdicts in seen.items() if Verdict.PASSED in verdicts <= {Verdict.PASSED, Verdict.NOT_PROVABLE}]
    if passed:
        with leased_tree(root, holder=f"first calls on {socket.gethostname()}") as tree:
            for name in passed:
                note_tried(tree, run.description, name, run.now)


def _fault(result: Result) -> Finding:
    said = result.detail or f"expected {result.expected}, seen {result.seen}"
    side = HUB if result.key == "token-and-call" else result.participant
    if side != HUB and result.seen == NO_SERVICE:
        where = (result.participant, RIGHT_CALLS[result.key], side, "call")
        detail = "its gateway has taken the call, and the services behind it do not answer (503)"
        return Finding(*where, "services-not-up", Disposition.PENDING, result.participant, detail)
    return Finding(result.participant, RIGHT_CALLS[result.key], side, "call", "call-not-passed", Disposition.FAULT, detail=said)
