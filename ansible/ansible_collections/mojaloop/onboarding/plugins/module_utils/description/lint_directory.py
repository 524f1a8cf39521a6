# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of a scheme whose directory signs: as what each side is registered there, which of its environments, one participant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import Problem
from .documents import shown
from .lint import Circumstances, SideText, hub_side
from .profile_rows import Profile
from .spec import Checked

_NEEDED = ("registration.organisation_id", "country")
_ABSENT_AT_HUB = ("authorization_server", "ledger", "account_lookup")


def lint_directory(hub_file: Checked, around: Circumstances) -> Iterator[Problem]:
    """Every fault of hub.yml about the directory; nothing while the profile is not known."""
    if around.profile is None:
        return
    side, written = hub_side(hub_file), "directory" in hub_file.lines
    yield from lint_registration(side, around)
    if not around.profile.tenant:
        if written:
            yield hub_file.problem("directory", "a key of profiles whose directory signs", f"no such key in profile {around.profile.name}")
        return
    if not written:
        yield hub_file.problem("directory", "no such key", f"it is required in profile {around.profile.name}")
    for key in _ABSENT_AT_HUB:
        if key in side.values:
            yield side.problem(key, "a system of Mojaloop", f"no such key in profile {around.profile.name}")
    described = hub_file.values.get("directory") or {}
    if "hub_server_ca_file" in described and around.for_the_hub:
        found = "a key for a participant's own installation"
        yield hub_file.problem(
            "directory.hub_server_ca_file", found, "no such key where the installation acts for the hub, whose S3 it keeps"
        )
    name = described.get("environment")
    place = around.profile.places.get(name or "")
    if name and around.kind and (place is None or around.kind.value not in place.kinds):
        fit = [each for each, found in around.profile.places.items() if around.kind.value in found.kinds]
        yield hub_file.problem("directory.environment", shown(name), f"{' | '.join(fit)} in kind {around.kind.value}")


def lint_registration(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """What the directory's certificates say of this side must be described, and what a scheme without a directory has not must not."""
    if around.profile is None:
        return
    yield from _registered(side, around.profile) if around.profile.tenant else _unregistered(side, around.profile)


def _unregistered(side: SideText, profile: Profile) -> Iterator[Problem]:
    if "registration" in side.values:
        yield side.problem("registration", "a key of profiles whose directory signs", f"no such key in profile {profile.name}")
    for key, gateway in side.items("gateways"):
        if "hello" in gateway:
            yield side.problem(f"{key}.hello", "a listener without client certificates", f"none in profile {profile.name}")


def _registered(side: SideText, profile: Profile) -> Iterator[Problem]:
    hub = side.prefix != ""
    for key in (*_NEEDED, *(() if hub else ("registration.client_id",))):
        if side.get(key) is None and f"{side.prefix}{key}" not in side.document.lines:
            yield side.problem(key, "no such key", f"it is required in profile {profile.name}")
    for key, gateway in side.items("gateways"):
        if gateway.get("kind") not in {None, "haproxy"}:
            yield side.problem(f"{key}.kind", shown(gateway.get("kind")), f"haproxy in profile {profile.name}: it knows callers by OU")
        if hub and "hello" in gateway:
            yield side.problem(f"{key}.hello", "a listener", "none at the hub: participants alone answer without a certificate")
    if not hub and side.get("probe"):
        yield side.problem("probe", "true", f"no probe participants in profile {profile.name}: its directory signs for organisations")
    if not hub and side.get("manifest") == "none":
        yield side.problem("manifest", "'none'", f"signed in profile {profile.name}")


def lint_tenant(documents: Iterable[Checked], around: Circumstances) -> Iterator[Problem]:
    """One hub serves one participant by such a profile: a second one has an environment of its own."""
    if around.profile is None or not around.profile.tenant:
        return
    first, *others = [*sorted((each for each in documents if each.values), key=lambda each: each.file), None]
    for other in others:
        if first is not None and other is not None:
            yield other.problem("id", f"a participant beside {shown(first.values.get('id'))}", "one participant in an environment")
