# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the onboarding stands, from the description and the state folder alone: no host and no server is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..exchange.digests import awaited_digests
from ..status.summary import Summary, summarise, with_calls
from ..steps.run import make_run
from ..steps.sequence import Request, carry_out, clock
from ..steps.table import CERTIFICATES, steps_of
from ..store.opening import open_tree
from ..verification.evidence import latest_pages, latest_verdicts
from ..verification.tried import tried_participants
from .carried import unread
from .certificates import Listed, list_certificates
from .clients import ListedClients, list_clients


def standing(request: Request) -> tuple[Summary, list[Listed], list[ListedClients]]:
    """Participant by document step, as a run would find it now; certificates and OAuth clients with their ends; writes nothing.

    With participants chosen, the lists hold what is theirs, or about them.
    """
    tree = open_tree(Path(request.state))
    run = make_run(
        request.load(),
        tree,
        sides=list(request.sides),
        participants=list(request.participants),
        now=clock(request),
        dry_run=True,
    )
    run = replace(run, online=False)
    findings = carry_out(run, steps_of(CERTIFICATES)).findings
    verdicts = latest_verdicts(tree, run.description)
    summary = summarise(run.description, findings, verdicts, chosen=request.participants, check=True, hosts_asked=False)
    summary = with_calls(summary, run.description, tried_participants(tree, run.description))
    summary = replace(summary, to_send=tuple(unread(tree, run.description)))
    summary = replace(summary, pages=latest_pages(tree), sent=tuple(awaited_digests(tree, run.description, summary.pending)))
    certificates, clients = list_certificates(tree, run.description, run.now), list_clients(tree, run.description)
    if request.participants:
        chosen = {participant.name for participant in run.chosen}
        certificates = [each for each in certificates if chosen & {each.holder, *each.path.split("/")}]
        clients = [each for each in clients if each.participant in chosen]
    return summary, certificates, clients
