# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OAuth clients of the participants, and the authorization server's signing keys, as a step of a run."""

from __future__ import annotations

from ..description.model import HUB
from ..findings import Disposition, Finding
from ..oauth.onboarding import onboard_clients
from ..oauth.signing_keys import follow_signing_keys
from ..oauth.workplace import STEP
from ..store import layout
from .run import Run


def register_clients(run: Run) -> None:
    """Keep one client for each chosen participant, and follow the authorization server's signing keys. A dry run only reads there."""
    if HUB not in run.sides:
        return
    revoking = run.description.revoking if len(run.chosen) == len(run.description.participants) else ()
    everybody = (*run.chosen, *revoking)
    asked = onboard_clients(description=run.description, participants=everybody, tree=run.tree, now=run.now, check=run.dry_run)
    for finding in asked:
        run.note(finding)
    _report_forgotten(run)
    with run.guarded(HUB, STEP, HUB, "signing-keys"):
        for finding in follow_signing_keys(description=run.description, tree=run.tree):
            run.note(finding)


def _report_forgotten(run: Run) -> None:
    """A client whose participant no one describes any more: a lost file takes no client away, and the next run would say nothing."""
    names = run.tree.names(layout.registrations_folder())
    known = {name.partition(".")[0] for name in names if name.endswith(".json") and not name.endswith(".intent.json")}
    detail = "its file is gone, its client at the authorization server is not; restore it, or set state: offboarded and run again"
    for name in sorted(known - run.description.known_names):
        run.note(Finding(name, STEP, HUB, "client", "participant-unknown", Disposition.FAULT, detail=detail))
