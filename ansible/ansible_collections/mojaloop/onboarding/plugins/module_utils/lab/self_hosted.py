# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Self-hosted participants of the lab: their half of the onboarding is done by their own tools, not by this pack.

Their folder is beside the lab's and not in it, for a participant keeps its keys when a lab is removed and raised again.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..description.model import Description, Participant, State
from ..errors import LabError
from ..store import layout
from .machines import PATH

FOLDER = "self-hosted"
"""Below the state folder: what these participants keep for themselves."""
SCRIPT = "openssl_participant.sh"

_SECONDS = 60
_OWN_SERVER = ("server.key", "server.pem", "ca.pem")
_VERBS = ("publish", "sign", "collect")


@dataclass(frozen=True)
class SelfHosted:
    """Where the files of one such participant are."""

    state: Path
    participant: Participant

    @property
    def folder(self) -> Path:
        """Its own folder."""
        return self.state / FOLDER / self.participant.name

    @property
    def exchange(self) -> Path:
        """What all share."""
        return self.state / "exchange"

    @property
    def published(self) -> Path:
        """What it publishes."""
        return self.state / layout.exchange_folder(self.participant.name, from_hub=False)

    @property
    def offered(self) -> Path:
        """What the hub publishes for it."""
        return self.state / layout.exchange_folder(self.participant.name, from_hub=True)

    @property
    def needed(self) -> tuple[Path, ...]:
        """The files without which its listener cannot open."""
        return tuple(self.folder / name for name in _OWN_SERVER)

    def file(self, name: str) -> str:
        """The path of one of its files."""
        return str(self.folder / name)

    def inbound_tls(self) -> dict[str, str | list[str]]:
        """How its listener asks for certificates: its own CA signed the hub's, and exactly that one passes."""
        fingerprint = self.folder / "hub-client.sha256"
        allowed = [fingerprint.read_text(encoding="ascii").strip()] if fingerprint.exists() else []
        files = {"certificate_file": "server.pem", "key_file": "server.key", "client_ca_file": "ca.pem"}
        return {**{key: self.file(name) for key, name in files.items()}, "fingerprints": allowed}

    def outbound_tls(self) -> dict[str, str]:
        """What it calls the hub with."""
        files = {"ca_file": "hub-ca.pem", "certificate_file": "client.pem", "key_file": "client.key"}
        return {key: self.file(name) for key, name in files.items()}


def uses_own_tools(participant: Participant) -> bool:
    """Whether this participant is played by the script: self-hosted, publishing plain files, with a listener of its own."""
    own = not participant.managed and not participant.probe and participant.manifest == "none"
    return own and participant.endpoint is not None and participant.state is not State.OFFBOARDED


def publish_first(description: Description, state: Path, tools: Path, *, check: bool) -> tuple[str, ...]:
    """Let those publish that have not yet; returns a line for each."""
    return tuple(
        line for own in _players(description, state) if _due(own)["publish"] for line in _act(own, tools, ("publish",), check=check)
    )


def advance(description: Description, state: Path, tools: Path, *, check: bool) -> tuple[str, ...]:
    """Let each do all of its half that can be done now; returns a line for each thing that changed."""
    return tuple(line for own in _players(description, state) for line in _act(own, tools, _VERBS, check=check))


def _players(description: Description, state: Path) -> Iterator[SelfHosted]:
    return (SelfHosted(state, participant) for participant in description.participants if uses_own_tools(participant))


def _act(own: SelfHosted, tools: Path, verbs: tuple[str, ...], *, check: bool) -> list[str]:
    if check:
        due = _due(own)
        return [f"{own.participant.name} {verb}" for verb in verbs if due[verb]]
    done = []
    for verb in verbs:
        before = _digest(own)
        _run(own, tools, verb)
        if _digest(own) != before:
            done.append(f"{own.participant.name} {verb}")
    return done


def _run(own: SelfHosted, tools: Path, verb: str) -> None:
    participant = own.participant
    named = [participant.endpoint.host, participant.organisation] if verb == "publish" and participant.endpoint else []
    command = ["/bin/sh", str(tools / SCRIPT), verb, str(own.folder), str(own.exchange), participant.name, *named]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env={"PATH": PATH}, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise LabError(f"{SCRIPT} {verb} failed: {said}", where=participant.name, remedy=f"Repeat it by hand: {' '.join(command)}")


def _due(own: SelfHosted) -> dict[str, bool]:
    """Which verbs would change something, as far as files tell."""
    copies = {own.offered / "ca.pem": "hub-ca.pem", own.offered / "client.pem": "client.pem"}
    copies |= {file: f"jws-keys/{file.name}" for file in (own.exchange / "jws").glob("*.pem")}
    sealed = (own.offered / "oauth.p7m").exists() and not (own.folder / "credentials.json").exists()
    return {
        "publish": not (own.published / "exchange.pem").exists(),
        "sign": _request_key(own.offered / "client.csr") != _certificate_key(own.published / "client.pem"),
        "collect": sealed or any(_content(source) not in {None, _content(own.folder / name)} for source, name in copies.items()),
    }


def _request_key(file: Path) -> bytes | None:
    content = _content(file)
    return None if content is None else _spki(x509.load_pem_x509_csr(content))


def _certificate_key(file: Path) -> bytes | None:
    content = _content(file)
    return None if content is None else _spki(x509.load_pem_x509_certificate(content))


def _spki(holder: x509.CertificateSigningRequest | x509.Certificate) -> bytes:
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _digest(own: SelfHosted) -> str:
    hashed = hashlib.sha256()
    for folder in (own.folder, own.published):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            hashed.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()
