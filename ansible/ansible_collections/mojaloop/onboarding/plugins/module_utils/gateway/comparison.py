# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway should have in force against what it has: findings, and what would be sent to end them.

With narrowing, other participants keep what is observed of them: their files stay on the host, their map entries too.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..description.model import HUB
from ..document_steps import Phase
from ..errors import GatewayError
from ..findings import Disposition, Finding
from .model import GatewayModel
from .release import FileRule, Release, owner_of_file, release_digest
from .tables import SHARED, Maps, narrowed, owner_of, without_revoked, written

_MAP_STEPS = {
    "fingerprints": Phase.CALLER_ACCEPTED, "subjects": Phase.CALLER_ACCEPTED, "sources": Phase.CALLER_ACCEPTED,
    "networks": Phase.ADDRESSES, "allowed": Phase.ADDRESSES,
    "shares": Phase.ADDRESSES, "clients": Phase.OAUTH, "roles": Phase.OAUTH, "destinations": Phase.URLS,
    "operators": Phase.OAUTH,
}  # fmt: skip

ADDRESSES = Phase.ADDRESSES
"""The document step of address allowlists."""


@dataclass(frozen=True)
class Plan:
    """What a gateway lacks and what ends it. ``files``: digest of every file; ``sent``: those the host has not got."""

    findings: tuple[Finding, ...]
    digest: str
    files: Mapping[str, str]
    maps: Maps
    sent: tuple[str, ...]
    release: Release = field(repr=False)

    @property
    def changes(self) -> bool:
        """Whether the run must act."""
        return any(finding.disposition is Disposition.CHANGE for finding in self.findings)


def plan(model: GatewayModel, release: Release, observed: Mapping[str, Any], participants: Collection[str] | None = None) -> Plan:
    """Compare a release with an observation (see ``driver.Target``); ``participants``: only theirs, None: all.

    GatewayError when files of someone else are gone, who is called with them.
    """
    there: Mapping[str, str] = observed["files"]
    _expect_kept(model, observed, participants)
    files = {name: digest for name, digest in release.digests.items() if _in_scope(name, participants)}
    files.update({name: digest for name, digest in there.items() if not _in_scope(name, participants)})
    maps = release.maps if participants is None else narrowed(release.maps, observed["maps"], participants)
    maps = without_revoked(maps, model.clients_left)
    digest = release_digest(files)
    place = f"gateway/{model.host}"
    found = [
        *_release_findings(model.side, place, observed, digest, release),
        *_file_findings(model.side, place, files, there, release),
        *_map_findings(model.side, place, maps, observed["maps"]),
        *_egress_findings(model.side, place, observed["absent"]),
    ]
    sent = tuple(name for name in files if there.get(name) != files[name])
    return Plan((*model.findings, *sorted(set(found))), digest, files, maps, sent, release)


def plan_addresses(model: GatewayModel, release: Release, observed: Mapping[str, Any], participants: Collection[str] | None = None) -> Plan:
    """As ``plan``, for the address allowlists alone: everything else stays as it is observed."""
    place = f"gateway/{model.host}"
    wanted = release.maps if participants is None else narrowed(release.maps, observed["maps"], participants)
    maps = {**observed["maps"], **{name: wanted[name] for name in wanted if _MAP_STEPS.get(name) == ADDRESSES}}
    found = list(_map_findings(model.side, place, maps, observed["maps"]))
    if not observed["running"]:
        detail = "its addresses are installed with it: run the role gateway"
        maps = dict(observed["maps"])
        found = [Finding(model.side, ADDRESSES, model.side, place, "gateway-not-installed", Disposition.FAULT, detail=detail)]
    about = (finding for finding in model.findings if finding.step == ADDRESSES)
    files: Mapping[str, str] = observed["files"]
    return Plan((*about, *sorted(set(found))), release_digest(files), files, maps, (), release)


def vanished(model: GatewayModel, observed: Mapping[str, Any], known: Collection[str]) -> list[Finding]:
    """A fault for everyone who is still let in or called and whom no one describes any more: a lost file ends no access."""
    owners = {owner_of(name, key, value) for name, entries in observed["maps"].items() for key, value in entries.items()}
    owners |= {owner_of_file(name) for name in observed["files"]}
    detail = "its file is gone: describe it again with state: offboarded, run onboard.yml, then remove its file"
    about = (model.side, f"gateway/{model.host}", "participant-unknown", Disposition.FAULT)
    return [Finding(name, Phase.ADDRESSES, *about, detail=detail) for name in sorted(owners - {"", *known})]


def tried(model: GatewayModel, observed: Mapping[str, Any]) -> list[Finding]:
    """A fault where the gateway itself gets no connection to the authorization server: every token request would be answered 503."""
    why = str(observed.get("token_endpoint") or "")
    if not why:
        return []
    detail = f"the gateway cannot connect to the authorization server ({why}): its certificate must name the host of token_endpoint"
    return [
        Finding(HUB, Phase.OAUTH, HUB, f"gateway/{model.host}/token-endpoint", "token-endpoint-fails", Disposition.FAULT, detail=detail)
    ]


def archive(made: Plan) -> bytes:
    """The tar archive that a host needs: the files it has not got, and all maps."""
    buffer = io.BytesIO()
    contents = {name: made.release.files[name] for name in made.sent}
    contents.update({f"maps/{name}.map": written(entries) for name, entries in made.maps.items()})
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def readable(made: Plan, observed: Mapping[str, Any]) -> dict[str, str]:
    """Before and after for ``--diff``: names, digests and map entries, never the content of a file."""
    before, after = (
        "".join(sorted([*(f"{name} sha256:{digest[:16]}\n" for name, digest in files.items()), *_entries(maps)]))
        for files, maps in ((observed["files"], observed["maps"]), (made.files, made.maps))
    )
    return {"before": before, "after": after, "before_header": "in force", "after_header": "described"}


def _entries(maps: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    return (f"map {name}: {key} {value}\n" for name, entries in maps.items() for key, value in entries.items())


def _in_scope(name: str, participants: Collection[str] | None) -> bool:
    return participants is None or owner_of_file(name) in {"", *participants}


def _expect_kept(model: GatewayModel, observed: Mapping[str, Any], participants: Collection[str] | None) -> None:
    """The running process has loaded them; a release without them would end the calls to others than this run is about."""
    called = {owner_of("destinations", key, value) for key, value in observed["maps"].get("destinations", {}).items()}
    kept = {owner_of_file(name) for name in observed["files"]}
    lost = sorted(name for name in called - kept if not _in_scope(f"destinations/{name}/backend.cfg", participants))
    if lost:
        what = f"the installed files of {', '.join(lost)} are gone, and this run is not about them"
        raise GatewayError(
            what, where=f"gateway/{model.host}", remedy="Run for all participants. Each must be described, by a file that is in order."
        )


def _release_findings(side: str, place: str, observed: Mapping[str, Any], digest: str, release: Release) -> Iterator[Finding]:
    if not observed["running"]:
        yield Finding(side, Phase.GATEWAY_MADE, side, place, "gateway-not-installed")
        return
    if observed["running"] != digest and release_digest(observed["files"]) == digest:
        yield Finding(
            side, Phase.GATEWAY_MADE, side, place, "running-config-stale", detail="the process runs another release than the one installed"
        )
    for name in observed["stale"]:
        yield Finding(owner_of_file(name) or side, _file_rule(release, name).steps[0], side, f"{place}/{name}", "running-config-stale")


def _egress_findings(side: str, place: str, absent: Iterable[str]) -> Iterator[Finding]:
    for address in absent:
        detail = f"the host has no address {address}, so every call from there fails: name what it has at the gateway, as egress_addresses"
        yield Finding(side, Phase.ADDRESSES, side, place, "egress-address-absent", Disposition.FAULT, detail=detail)


def _file_rule(release: Release, name: str) -> FileRule:
    if name.startswith("maps/"):
        return FileRule(name, "running-config-stale", (_MAP_STEPS.get(name[len("maps/") : -len(".map")], Phase.GATEWAY_MADE),))
    return release.rule(name)


def _file_findings(side: str, place: str, files: Mapping[str, str], there: Mapping[str, str], release: Release) -> Iterator[Finding]:
    for name in sorted({*files, *there}):
        if files.get(name) != there.get(name):
            rule = _file_rule(release, name)
            detail = "to be removed" if name not in files else "missing" if name not in there else "differs"
            for step in rule.steps:
                yield Finding(owner_of_file(name) or side, step, side, f"{place}/{name}", rule.reason, detail=detail)


def _map_findings(side: str, place: str, maps: Maps, there: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    allowed = set(maps.get("allowed", {})) ^ set(there.get("allowed", {}))
    reported = {entry.partition("|")[2] for entry in allowed}
    for name, step in _MAP_STEPS.items():
        wanted, running = set(maps.get(name, {}).items()), set(there.get(name, {}).items())
        for entries, reason in ((wanted - running, "map-entry-missing"), (running - wanted, "map-entry-unwanted")):
            for owner, keys in _by_owner(name, entries, skipped=reported if name in SHARED else set()).items():
                yield Finding(owner or side, step, side, f"{place}/{name}", reason, detail=", ".join(keys))


def _by_owner(name: str, entries: set[tuple[str, str]], *, skipped: set[str]) -> dict[str, list[str]]:
    """Keys by participant; a prefix that an ``allowed`` entry tells of already needs no finding of its own."""
    owners: dict[str, list[str]] = {}
    for key, value in sorted(entries):
        if key not in skipped:
            owners.setdefault(owner_of(name, key, value), []).append(key)
    return owners
