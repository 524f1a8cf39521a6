# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway's release is made of: files, maps that change while it runs, and the configuration put together from parts.

How releases are brought, kept and switched: ``releases``.
"""

from __future__ import annotations

import os
import pwd
from hashlib import sha256
from pathlib import Path
from typing import Mapping

from .releases import write

CONFIGURATION = "haproxy.cfg"
LIVE = frozenset({"server.pem"})
"""Files that a running process takes up over its socket. A counterpart's client certificate is none: connections kept open to
it would go on with the old one, and a reload is what drains them. Trust is none: HAProxy 2.6 says that it took up a CA file,
then serves later certificates no more, and dies of the next ones (found by trying)."""


def digests(release: Path) -> dict[str, str]:
    """SHA-256 of every file of a release but maps and the assembled configuration, by relative name."""
    names = [path for path in release.rglob("*") if path.is_file()]
    relative = {str(path.relative_to(release)): path for path in names}
    return {
        name: sha256(path.read_bytes()).hexdigest()
        for name, path in relative.items()
        if name != CONFIGURATION and not name.startswith("maps/")
    }


def maps(release: Path) -> dict[str, dict[str, str]]:
    """The maps as they are on the disk: what the next start would load."""
    found = {}
    for path in sorted(release.glob("maps/*.map")):
        pairs = (line.partition(" ") for line in path.read_text(encoding="ascii", errors="replace").splitlines())
        found[path.stem] = {key: value for key, _space, value in pairs}
    return found


def fixed(files: Mapping[str, str]) -> str:
    """What names the part of a release that changes by a reload only: SHA-256 over names and digests, 32 hex characters."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()) if name not in LIVE)
    return sha256(lines.encode()).hexdigest()[:32]


def assembled(release: Path, folder: str, files: Mapping[str, str], account: str) -> bytes:
    """The configuration of a release: the name of its fixed part, the account to fall back to, and its parts in order."""
    lines = [
        "global",
        "    setenv ONBOARDING_RELEASE " + fixed(files),
        f'    presetenv ONBOARDING_CURRENT "{folder}/current"',
    ]
    if account:
        lines += ["    user " + account, "    group " + account]
    parts = sorted(release.glob("parts/*.cfg")) + sorted(release.glob("destinations/*/backend.cfg"))
    return "\n".join(lines).encode() + b"\n" + b"".join(part.read_bytes() for part in parts)


def write_maps(release: Path, entries: Mapping[str, Mapping[str, str]]) -> None:
    """Put maps on the disk, for the next start, and no others; those that are there already as they should be stay untouched."""
    held = maps(release)
    for name in set(held) - set(entries):
        (release / "maps" / (name + ".map")).unlink()
    for name, wanted in entries.items():
        if held.get(name) != wanted:
            text = "".join("{} {}\n".format(*pair) for pair in sorted(wanted.items()))
            write(release / "maps" / (name + ".map"), text.encode("ascii", "replace"))


def account() -> str:
    """The account that workers fall back to: ``haproxy`` where root may give up its rights, else none."""
    if os.geteuid() != 0:
        return ""
    try:
        number = pwd.getpwnam("haproxy").pw_uid
    except KeyError:
        return ""
    ranges = [line.split() for line in _text("/proc/self/uid_map").splitlines()]
    mapped = any(int(start) <= number < int(start) + int(count) for start, _outside, count in ranges)
    return "haproxy" if mapped and _text("/proc/self/setgroups").strip() != "deny" else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""
