# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a verification leaves for others: evidence of each participant, signed with the exchange key of whose run it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..description.model import HUB, Participant
from ..description.portable import portable_digest
from ..exchange.signed_evidence import sign_evidence
from ..steps.publications import exchange_key
from ..steps.run import Run
from ..store import layout
from .evidence import counts, material_digest, verdicts
from .model import Result
from .suites import SUITES

_TRANSCRIPTS = ("transcript", "control_transcript")


def write_signed(run: Run, results: Sequence[Result]) -> dict[str, str]:
    """Write the evidence of each participant of the results; participant -> path in the state folder. Nothing without an exchange key."""
    signer = HUB if HUB in run.sides else next(iter(run.sides), "")
    pem = run.tree.read(f"{layout.store_folder(signer, 'exchange')}/certificate.pem") if signer else None
    if pem is None:
        return {}
    key, written = exchange_key(run, signer), {}
    described = {each.name: each for each in run.description.participants}
    for name in dict.fromkeys(result.participant for result in results):
        own = [result for result in results if result.participant == name]
        path = f"evidence/{name}/{run.now.strftime('%Y%m%dT%H%M%S.%fZ')}.json"
        run.tree.write(path, sign_evidence(_content(run, described[name], own), pem, key))
        written[name] = path
    return written


def _content(run: Run, participant: Participant, results: Sequence[Result]) -> dict[str, object]:
    description = run.description
    return {
        "environment": description.environment,
        "kind": description.kind.value,
        "hub": description.hub.fspiop_id,
        "participant": participant.fspiop_id,
        "organisation": participant.organisation,
        "profile": f"{description.profile.name} {description.profile.version}",
        "at": run.now.isoformat(),
        "portable": portable_digest(participant),
        "material": material_digest(run.tree, participant, description.hub),
        "override": participant.unproved or description.hub.gate.reason,
        "suites": {name: _suite(name, results) for name in dict.fromkeys(result.suite for result in results)},
        "cases": [_case(result) for result in results],
    }


def _case(result: Result) -> dict[str, object]:
    """A case with the digests of its transcripts, which stay in the evidence of the run: addresses and bodies go to no one else."""
    found = result.as_dict()
    kept = {name: value for name, value in found.items() if name not in _TRANSCRIPTS}
    return {**kept, **{f"{name}_sha256": hashlib.sha256(str(found[name]).encode()).hexdigest() for name in _TRANSCRIPTS if found[name]}}


def _suite(name: str, results: Sequence[Result]) -> dict[str, object]:
    own = [result for result in results if result.suite == name]
    passed = next(iter(verdicts(own).values()))
    return {"step": SUITES[name].step, "passed": passed, "counts": dict(counts(own))}
