# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases on a gateway host: folders that never change, but for their maps, and a link to the one in force.

``<folder>/releases/<digest>/``, ``<folder>/current`` (link), ``<folder>/.staging-<random>/`` (what the controller
brings: ``release.tar``), ``<folder>/.lock`` (see ``alone``). Staging is swept at the start of every change: a killed run leaves
no secret behind.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import secrets
import shutil
import tarfile
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Iterator, Mapping

from ..errors import GatewayError

STAGING = ".staging-"
MEANWHILE = "another run is changing this gateway"
_PATIENCE = 120
"""Seconds to wait for another run: more than a change with its reload takes."""
ARCHIVE = "release.tar"
CONFIGURATION = "haproxy.cfg"
LIVE = frozenset({"server.pem"})
"""Files that a running process takes up over its socket. A counterpart's client certificate is none: connections kept open to
it would go on with the old one, and a reload is what drains them. Trust is none: HAProxy 2.6 says that it took up a CA file,
then serves later certificates no more, and dies of the next ones (found by trying)."""
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.=-]*){0,2}")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Keep other runs from this folder. A record lock: it ends with its process, and the roll-back timer does not inherit it.

    GatewayError when another run keeps it for longer than a change takes.
    """
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(str(Path(folder) / ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise GatewayError(MEANWHILE, where=folder, remedy="Wait for it, then run again.") from error
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def expect(folder: str, installed: str | None) -> None:
    """GatewayError when another release is in force than the one that the change was made for; None expects nothing."""
    if installed is not None and current(folder) != installed:
        raise GatewayError(f"{MEANWHILE}: another release is in force", where=folder, remedy="Run again.")


def stage(folder: str) -> str:
    """Sweep old staging folders and make a new one, mode 0700 from its first instant; returns its path."""
    root = Path(folder)
    if not root.is_dir():
        root.mkdir(mode=0o700, parents=True)
    sweep(folder)
    made = root / (STAGING + secrets.token_hex(8))
    made.mkdir(mode=0o700)
    return str(made)


def sweep(folder: str) -> list[str]:
    """Remove every staging folder; returns their names."""
    found = sorted(path for path in Path(folder).glob(STAGING + "*") if path.is_dir() and not path.is_symlink())
    for path in found:
        shutil.rmtree(str(path))
    return [path.name for path in found]


def current(folder: str) -> str:
    """The digest of the release that the link names; empty when there is none."""
    try:
        return Path(os.readlink(str(Path(folder) / "current"))).name
    except FileNotFoundError:
        return ""


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


def unpack(staging: str, folder: str, wanted: Mapping[str, str]) -> Path:
    """The staged release as a folder, complete: what was not brought is taken from the current one.

    ``wanted``: digest of each file but the maps. GatewayError when a file is not what it should be.
    """
    made, held = Path(staging) / "release", Path(folder) / "current"
    if not (Path(staging) / ARCHIVE).exists():
        raise GatewayError(f"{MEANWHILE}: what was brought is gone", where=folder, remedy="Run again.")
    made.mkdir(mode=0o700)
    with tarfile.open(str(Path(staging) / ARCHIVE)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and _NAME.fullmatch(member.name) else None
            if stream is None:
                raise GatewayError(f"the archive holds {member.name!r}, which is no file of a release")
            write(made / member.name, stream.read())
    for name in wanted:
        if not (made / name).exists() and _NAME.fullmatch(name):
            write(made / name, _held(held / name))
    there = digests(made)
    wrong = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    if wrong:
        raise GatewayError("these files arrived damaged or unasked: " + ", ".join(wrong))
    return made


def _held(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GatewayError(f"{path} should be kept and is gone", remedy="Run for all participants.") from error


def publish(made: Path, folder: str, digest: str) -> Path:
    """Give a complete release its name; one of the same name that was damaged makes room."""
    target = Path(folder) / "releases" / digest
    if not target.parent.is_dir():
        target.parent.mkdir(mode=0o700)
    if target.exists():
        target.rename(made.parent / "replaced")
    made.rename(target)
    _sync(target.parent)
    return target


def link(folder: str, digest: str) -> None:
    """Let ``current`` name this release, atomically; an empty digest takes the link away."""
    root = Path(folder)
    if not digest:
        (root / "current").unlink()
        return
    fresh = root / (".current-" + secrets.token_hex(4))
    fresh.symlink_to("releases/" + digest)
    fresh.replace(root / "current")
    _sync(root)


def prune(folder: str, keep: list[str]) -> None:
    """Remove all releases but these; what is no folder is somebody else's."""
    for path in (Path(folder) / "releases").iterdir():
        if path.name not in keep and path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically, mode 0600 from its first instant."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(str(staged), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


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


def _sync(folder: Path) -> None:
    handle = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
