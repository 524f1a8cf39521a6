# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an Envoy process has in force, held against the release that is installed."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import envoy_admin as admin
from . import envoy_files as content

_SECTIONS = (("listeners", "listeners.json"), ("clusters", "clusters.json"), ("filters", "tokens.json"))


@dataclass(frozen=True)
class InForce:
    """``digest`` of the release that it has; its ``tables``; ``stale``: files that it holds otherwise; ``refused``: why."""

    digest: str
    tables: dict[str, dict[str, str]]
    stale: list[str]
    refused: list[str] = field(default_factory=list)


def in_force(socket: str, release: Path, tables: content.Tables) -> InForce:
    """Ask the process, and compare with what a release and these tables ask for. OSError when none answers."""
    dump = admin.dump(socket)
    digest = content.digest_of(dump["routes"])
    held = content.tables_of(dump["routes"])
    refused = [str(one.get("details", "")) for one in dump["errors"]]
    try:
        wanted, routes = (content.messages(release, one, digest) for one in (tables, held))
    except (ValueError, KeyError, IndexError, OSError):  # damaged on the disk, which its digest says too
        return InForce(digest, held, ["listeners.json"], refused)
    stale = [file for section, file in _SECTIONS if _by_name(dump[section]) != _by_name(wanted[section])]
    secrets = _by_name(_redacted(wanted["secrets"]))
    running = _by_name(_redacted(dump["secrets"]))
    stale += [content.file_of(name) for name in sorted({*secrets, *running}) if secrets.get(name) != running.get(name)]
    expected = _by_name(routes["routes"])
    stale += ["routes-" + name + ".json" for name, one in _by_name(dump["routes"]).items() if expected.get(name) != one]
    stale += ["maps/" + name + ".map" for name in sorted({*held, *tables}) if held.get(name, {}) != dict(tables.get(name, {}))]
    return InForce(digest, held, stale, refused)


def is_held(found: InForce, tables: content.Tables, digest: str) -> bool:
    """Whether all of it is in force."""
    return found.digest == digest and not found.stale and all(found.tables.get(name, {}) == dict(one) for name, one in tables.items())


def _by_name(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["name"]: one for one in messages}


def _redacted(secrets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without keys, which Envoy does not show."""
    found = copy.deepcopy(secrets)
    for one in found:
        one.get("tls_certificate", {}).pop("private_key", None)
    return found
