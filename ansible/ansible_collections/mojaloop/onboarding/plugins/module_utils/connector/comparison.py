# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connector's release, and what differs on its host."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from ..findings import Finding
from . import model
from .model import Settings
from .settings import environment_file, loopback_script

_STEPS = {
    "jwsSigningKey.key": "jws-4",
    "endpoint-security.json": "jws-3",
    model.SIGNING_KEY: "jws-4",
    model.SERVER: "tls-1",
    model.SERVER_KEY: "tls-1",
    model.CALLERS_CA: "tls-1",
    model.CLIENT: "tls-7",
    model.CLIENT_KEY: "tls-7",
    model.HUB_CA: "tls-8",
}
_SETTINGS_STEP = "endpoints-2"


@dataclass(frozen=True)
class ConnectorRelease:
    """The files of a release by name; ``digest`` names it."""

    files: Mapping[str, bytes] = field(repr=False)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file."""
        return {name: sha256(content).hexdigest() for name, content in self.files.items()}

    @property
    def digest(self) -> str:
        """SHA-256 over names and digests, 32 hexadecimal characters."""
        lines = "".join(f"{name} {digest}\n" for name, digest in sorted(self.digests.items()))
        return sha256(lines.encode()).hexdigest()[:32]

    def archive(self) -> bytes:
        """All files as a tar archive."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o600
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


@dataclass(frozen=True)
class ConnectorPlan:
    """What differs: ``release`` has to be installed and the connector restarted, ``keys`` have to be put in place live."""

    findings: tuple[Finding, ...]
    release: bool
    keys: bool
    start: bool = False


def release_of(settings: Settings) -> ConnectorRelease:
    """The files of these settings."""
    if not settings.variables:
        return ConnectorRelease(settings.files)
    fixed = {model.ENVIRONMENT: environment_file(settings), model.LOOPBACK: loopback_script(settings.public_ports)}
    return ConnectorRelease({**fixed, **settings.files})


def plan_connector(participant: str, host: str, settings: Settings, observed: Mapping[str, object], *, starts: bool) -> ConnectorPlan:
    """Compare with what the host reports; ``starts``: a connector that does not run is started."""
    release = release_of(settings)
    held, wanted = _table(observed["files"]), release.digests
    differing = sorted(name for name in {*held, *wanted} if held.get(name) != wanted.get(name))
    findings = [_finding(participant, host, _STEPS.get(name, _SETTINGS_STEP), name, _reason(held, wanted, name)) for name in differing]
    stale = not differing and observed["installed"] != release.digest
    if stale:
        findings.append(_finding(participant, host, _SETTINGS_STEP, model.ENVIRONMENT, "release-differs"))
    keys = _keys(participant, host, settings, _table(observed["peer_keys"]))
    start = starts and not differing and not stale and not observed["running"]
    if start:
        findings.append(_finding(participant, host, _SETTINGS_STEP, "service", "not-running"))
    return ConnectorPlan((*findings, *keys), bool(differing) or stale, bool(keys), start)


def _keys(participant: str, host: str, settings: Settings, held: Mapping[str, str]) -> list[Finding]:
    wanted = {f"{name}.pem": sha256(pem).hexdigest() for name, pem in settings.peer_keys.items()}
    differing = [name for name in sorted({*held, *wanted}) if held.get(name) != wanted.get(name)]
    reasons = {name: "peer-key-differs" if name in held else "peer-key-missing" for name in differing if name in wanted}
    found = [(name, reasons.get(name, "peer-key-unknown")) for name in differing]
    return [_finding(participant, host, "jws-3", f"{model.PEER_KEYS}/{name}", reason) for name, reason in found]


def _reason(held: Mapping[str, str], wanted: Mapping[str, str], name: str) -> str:
    if name not in wanted:
        return "unwanted"
    return "differs" if name in held else "not-installed"


def _finding(participant: str, host: str, step: str, name: str, reason: str) -> Finding:
    return Finding(participant, step, participant, f"connector/{host}/{name}", reason)


def _table(found: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}
