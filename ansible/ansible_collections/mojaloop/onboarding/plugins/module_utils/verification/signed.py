# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signed evidence: one file for each participant and run, that others can believe who have the signer's exchange certificate.

Its form is that of every signed document of the pack (``exchange.envelope``); the certificate lies inside, and is worth nothing by
itself: a reader compares its fingerprint with one that came over another channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..description.model import HUB, Participant
from ..description.portable import portable_digest
from ..errors import OnboardingError
from ..exchange.envelope import read_envelope, sign_envelope, signed_by
from ..formats import FORMAT
from ..pki.certificates import CertificateUnreadable, read_certificate
from ..steps.publications import exchange_key
from ..steps.run import Run
from ..store import layout
from .evidence import counts, material_digest, verdicts
from .model import Result
from .suites import SUITES

KIND = "evidence"
LIMIT = 16 * 1024 * 1024
"""Bytes of one file."""
FIELDS = {"environment", "kind", "hub", "participant", "organisation", "profile", "at", "portable", "material", "suites", "cases", "signer"}


class EvidenceRefused(OnboardingError):
    """Evidence that is not what it says, or not from who must have signed it."""


@dataclass(frozen=True)
class Evidence:
    """Evidence whose signature holds. ``signer``: SHA-256 (hex) of the exchange certificate; ``suites``: name -> whether it passed."""

    content: Mapping[str, Any]
    signer: str

    @property
    def passed(self) -> frozenset[str]:
        """The suites of which everything that could be tried was as described, and something was."""
        return frozenset(name for name, found in self.content["suites"].items() if found["passed"] is True)


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
        run.tree.write(path, sign_envelope(KIND, _content(run, described[name], own, pem), key))
        written[name] = path
    return written


def _content(run: Run, participant: Participant, results: Sequence[Result], certificate: bytes) -> dict[str, object]:
    description = run.description
    return {
        "format": FORMAT,
        "environment": description.environment,
        "kind": description.kind.value,
        "hub": description.hub.fspiop_id,
        "participant": participant.fspiop_id,
        "organisation": participant.organisation,
        "profile": f"{description.profile.name} {description.profile.version}",
        "at": run.now.isoformat(),
        "portable": portable_digest(participant),
        "material": material_digest(run.tree, participant, description.hub),
        "suites": {name: _suite(name, results) for name in dict.fromkeys(result.suite for result in results)},
        "cases": [result.as_dict() for result in results],
        "signer": certificate.decode(),
    }


def _suite(name: str, results: Sequence[Result]) -> dict[str, object]:
    own = [result for result in results if result.suite == name]
    passed = next(iter(verdicts(own).values()))
    return {"step": SUITES[name].step, "passed": passed, "counts": dict(counts(own))}


def read_signed(data: bytes, where: str) -> Evidence:
    """Parse evidence and check its signature by the certificate that lies inside; EvidenceRefused, or PublicationRefused."""
    envelope = read_envelope(KIND, data, fields=FIELDS, limit=LIMIT, where=where)
    certificate = _certificate(envelope.content["signer"], where)
    if not signed_by(envelope.content, envelope.signature, certificate):
        raise EvidenceRefused(
            "is not what was signed", where=where, remedy="It was changed after the run. Ask for it again.", reason="evidence-signature"
        )
    return Evidence(envelope.content, certificate.fingerprint(hashes.SHA256()).hex())


def made_at(evidence: Evidence) -> datetime:
    """When the run was."""
    return datetime.fromisoformat(str(evidence.content["at"]))


def _certificate(text: object, where: str) -> x509.Certificate:
    try:
        return read_certificate(str(text).encode())
    except CertificateUnreadable as error:
        raise EvidenceRefused(f"has no certificate of its signer ({error})", where=where, reason="evidence-signature") from error
