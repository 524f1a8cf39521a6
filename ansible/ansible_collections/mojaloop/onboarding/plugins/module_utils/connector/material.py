# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a connector needs of its side's store; what is not there yet is named, each with the side that it waits for."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..description.model import HUB, Description, Participant
from ..errors import StoreError
from ..findings import Disposition, Finding
from ..formats import read_json
from ..pki.faults import Fault
from ..store import layout
from ..store.interface import Tree, contents

ILP_BYTES = 32
DEFAULT_ILP_SECRETS = frozenset({"mojaloop-sdk", "Quaixohyaesahju3thivuiChai5cahng"})
"""The SDK's default, and the one of the published deployment files."""
SHORTEST_ILP_SECRET = 43
"""Characters: 32 bytes in base64url."""


@dataclass(frozen=True)
class Material:
    """A participant's own secrets and certificates, and the public keys of the others (by FSPIOP id)."""

    credentials: Mapping[str, str] = field(repr=False)
    signing_key: bytes = field(repr=False)
    ilp_secret: str = field(repr=False)
    peer_keys: Mapping[str, bytes]
    tls: Mapping[str, bytes] = field(repr=False, default_factory=dict)
    """Of a participant without gateways: ``server``, ``server-key``, ``own-ca``, ``client``, ``client-key``, ``hub-ca`` (PEM)."""


def fresh_ilp_secret() -> bytes:
    """A new ILP secret: 32 random bytes in base64url, 43 characters."""
    return base64.urlsafe_b64encode(secrets.token_bytes(ILP_BYTES)).rstrip(b"=")


def ilp_secret_fault(secret: str) -> Fault | None:
    """Why no one should make fulfilments from this secret; None when it is in order."""
    if not secret or secret in DEFAULT_ILP_SECRETS:
        return Fault("ilp-secret-default", "is the published default: everyone can make its fulfilments", "ILP_SECRET")
    if len(secret) < SHORTEST_ILP_SECRET:
        return Fault("ilp-secret-short", f"has {len(secret)} characters; allowed: {SHORTEST_ILP_SECRET} and more", "ILP_SECRET")
    return None


def read_material(description: Description, participant: Participant, tree: Tree) -> tuple[Material | None, list[Finding]]:
    """What the store holds for this participant's connector; None, with findings, until all of it is there."""
    reader = _Reader(participant, tree)
    signing_key = reader.file("jws-4", "jws", f"{layout.store_folder(participant.name, 'jws')}/key.pem", participant.name)
    ilp_secret = reader.file("endpoints-2", "ilp", layout.ilp_secret_path(participant.name), participant.name)
    credentials = reader.file("oauth", "credentials", layout.credentials_path(participant.name), HUB)
    tls = {} if participant.gateways else _tls(reader, participant.name)
    folder = layout.jws_keys_folder(participant.name)
    keys = {name.removesuffix(".pem"): key for name, key in contents(tree, folder).items() if key}
    if description.hub.fspiop_id not in keys:
        reader.awaited("jws-3", "jws-keys", HUB)
    if reader.findings:
        return None, reader.findings
    return Material(_credentials(credentials, participant.name), signing_key, ilp_secret.decode("ascii", "replace"), keys, tls), []


class _Reader:
    def __init__(self, participant: Participant, tree: Tree) -> None:
        self._name = participant.name
        self._tree = tree
        self.findings: list[Finding] = []

    def awaited(self, step: str, artefact: str, on: str) -> None:
        place = f"connector/{artefact}"
        self.findings.append(Finding(self._name, step, self._name, place, "artefact-missing", Disposition.PENDING, on))

    def file(self, step: str, artefact: str, path: str, on: str) -> bytes:
        content = self._tree.read(path)
        if content is None:
            self.awaited(step, artefact, on)
        return content or b""


def _tls(reader: _Reader, name: str) -> dict[str, bytes]:
    server, client = layout.store_folder(name, "server"), layout.store_folder(name, "client", HUB)
    wanted = {
        "server": ("tls-1", f"{server}/certificate.pem", name),
        "server-key": ("tls-1", f"{server}/key.pem", name),
        "own-ca": ("tls-1", f"{layout.store_folder(name, 'ca')}/certificate.pem", name),
        "client": ("tls-7", f"{client}/certificate.pem", HUB),
        "client-key": ("tls-7", f"{client}/key.pem", name),
        "hub-ca": ("tls-8", f"{layout.received_folder(name, HUB)}/ca.pem", HUB),
    }
    return {what: reader.file(step, what, path, on) for what, (step, path, on) in wanted.items()}


def _credentials(content: bytes, participant: str) -> dict[str, str]:
    try:
        found = read_json(content)
    except ValueError:
        found = None
    needed = ("client_id", "client_secret", "token_url")
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in needed):
        remedy = "Restore the file, or remove it: the next run of the hub hands the credentials over again."
        raise StoreError("does not hold a client's credentials", where=layout.credentials_path(participant), remedy=remedy)
    return {name: found[name] for name in needed}
