# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a participant's connector must be, from the description and its side's store, and what is wrong with that."""

from __future__ import annotations

from datetime import UTC, datetime

from ..description.model import HUB, Description, Participant, SdkConnector
from ..description.trust import has_authority
from ..findings import Disposition, Finding
from ..store import layout
from ..store.interface import Tree
from .material import read_material
from .model import Settings
from .preflight import Expected, Installed, preflight
from .settings import sdk_settings

_STEPS = (
    ("jws-3", ("JWS_VERIFICATION", "VALIDATE_INBOUND")),
    ("jws-4", ("JWS_",)),
    ("oauth", ("OAUTH_", "clock")),
    ("tls-1", ("IN_",)),
    ("tls-7", ("OUT_", "PEER_ENDPOINT")),
)


def connector_model(
    description: Description, participant: Participant, sdk: SdkConnector, tree: Tree
) -> tuple[Settings | None, list[Finding]]:
    """The settings and the faults of the pre-flight; None while artefacts are missing."""
    material, missing = read_material(description, participant, tree)
    if material is None:
        return None, missing
    settings = sdk_settings(description, participant, sdk, material)
    faults = preflight(_installed(settings, sdk), _expected(description, participant, sdk, tree), datetime.now(UTC))
    findings = [_finding(participant.name, fault.file, fault.reason, fault.detail) for fault in faults]
    return settings, [*findings, *_ilp_versions(description, participant, sdk)]


def live_finding(participant: str, host: str, fault: tuple[str, str, str]) -> Finding:
    """A fault that the connector's host found (see ``host.connector_live``)."""
    reason, variable, detail = fault
    return _finding(participant, f"{host}/{variable}", reason, detail, variable)


def _ilp_versions(description: Description, participant: Participant, sdk: SdkConnector) -> list[Finding]:
    """Both ends of a transfer speak the same ILP version, or none of their transfers is fulfilled."""
    others = {other.name: other.sdk.ilp_version for other in description.participants if other.sdk and other.active}
    differing = sorted(name for name, version in others.items() if version != sdk.ilp_version)
    detail = f"speaks version {sdk.ilp_version}; other than {', '.join(differing)}"
    return [_finding(participant.name, "ILP_VERSION", "ilp-version-differs", detail)] if differing else []


def _installed(settings: Settings, sdk: SdkConnector) -> Installed:
    files = {f"{sdk.folder}/current/{name}": content for name, content in settings.files.items()}
    return Installed(settings.variables, files, settings.peer_keys)


def _expected(description: Description, participant: Participant, sdk: SdkConnector, tree: Tree) -> Expected:
    own = tree.read(f"{layout.store_folder(participant.name, 'jws')}/public.pem") or b""
    received = layout.received_folder(participant.name, HUB)
    own_ca = f"{layout.store_folder(participant.name, 'ca')}/certificate.pem" if has_authority(description, participant.name) else ""
    folder = layout.jws_keys_folder(participant.name)
    peers = {name.removesuffix(".pem"): tree.read(f"{folder}/{name}") or b"" for name in tree.names(folder)}
    return Expected(
        era=sdk.era,
        hub=description.hub.fspiop_id,
        peers=peers,
        signing_key=own,
        server_name=participant.endpoint.host if participant.endpoint else "",
        own_ca=(tree.read(own_ca) if own_ca else None) or b"",
        hub_ca=tree.read(f"{received}/ca.pem") or b"",
        ilp_version=sdk.ilp_version,
    )


def _finding(participant: str, artefact: str, reason: str, detail: str, variable: str = "") -> Finding:
    name = variable or artefact
    step = next((step for step, starts in _STEPS if name.startswith(starts)), "endpoints-2")
    return Finding(participant, step, participant, f"connector/{artefact}", reason, Disposition.FAULT, detail=detail)
