# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signed evidence, judged for people: whether it is as it was signed, by whom, and what it says."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import hashes

from ..description.model import HUB
from ..exchange.signed_evidence import read_evidence
from ..pki.certificates import read_certificate
from ..store import layout
from ..store.opening import open_tree

_WORDS = {True: "passed", False: "FAILED", None: "nothing could be tried"}


def judged(file: Path, state: Path) -> tuple[bool, dict[str, object], str]:
    """Whether it is signed by this hub's exchange key; the facts; the text. PublicationRefused where it is altered."""
    evidence = read_evidence(file.read_bytes(), str(file))
    pem = open_tree(state).read(f"{layout.store_folder(HUB, 'exchange')}/certificate.pem")
    ours = pem is not None and read_certificate(pem).fingerprint(hashes.SHA256()).hex() == evidence.signer
    content = evidence.content
    suites = {name: suite["passed"] for name, suite in content["suites"].items()}
    facts = {"participant": content["participant"], "at": content["at"], "signer": evidence.signer, "own": ours, "suites": suites}
    whose = "the exchange key of this hub" if ours else "a key that this installation does not hold"
    lines = [
        f"{content['participant']} ({content['organisation']}) in {content['environment']}, {content['at']}: the signature holds.",
        f"Signed by {whose}: sha256:{evidence.signer}",
        *(f"  {_WORDS[suites[name]]:<24} {name}: {suite['step']}" for name, suite in content["suites"].items()),
    ]
    return ours, facts, "\n".join(lines)
