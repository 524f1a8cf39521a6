# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The secret from which a participant's connector makes ILP fulfilments: made once, and never replaced without being asked."""

from __future__ import annotations

from ..connector.material import fresh_ilp_secret, ilp_secret_fault
from ..description.model import Participant
from ..document_steps import Phase
from ..findings import Disposition, Finding
from ..pki.faults import Fault
from ..store import layout
from .authorities import restore_or_replace
from .run import Run

LABEL = "ilp"


def keep_ilp_secret(run: Run, participant: Participant, *, held: bool) -> bool:
    """Make the secret where there was none before; whether the participant has a usable one.

    ``held``: it had one before. A lost or unusable secret is a fault: with another one, transfers that were quoted fail.
    """
    path = layout.ilp_secret_path(participant.name)
    secret = run.tree.read(path)
    fault = _fault(secret, held=held)
    if fault is None:
        return True
    artefact = f"{participant.name}/{LABEL}"
    if fault.reason != "missing" and artefact not in run.rekey:
        detail = f"{path}: {fault.detail}. {restore_or_replace(artefact, fault)}"
        run.note(_finding(participant, fault.reason, Disposition.FAULT, detail))
        return False
    run.note(_finding(participant, fault.reason))
    run.tree.write(path, fresh_ilp_secret())
    return True


def _fault(secret: bytes | None, *, held: bool) -> Fault | None:
    if secret is None:
        return Fault("secret-lost", "is gone, although this side had it before") if held else Fault("missing")
    return ilp_secret_fault(secret.decode("ascii", "replace"))


def _finding(participant: Participant, reason: str, disposition: Disposition = Disposition.CHANGE, detail: str = "") -> Finding:
    return Finding(participant.name, Phase.URLS, participant.name, LABEL, reason, disposition, detail=detail)
