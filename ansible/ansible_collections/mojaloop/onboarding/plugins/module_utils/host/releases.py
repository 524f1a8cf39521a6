# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases on a managed host: folders that never change, and a link to the one in force.

``<folder>/releases/<digest>/``, ``<folder>/current`` (link), ``<folder>/.staging-<random>/`` (what the controller
brings: ``release.tar``), ``<folder>/.lock`` (see ``alone``). Staging is swept at the start of every change: a killed run leaves
no secret behind.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Mapping

from ..errors import HostError

STAGING = ".staging-"
MEANWHILE = "another run is changing this folder"
_PATIENCE = 120
"""Seconds to wait for another run: more than a change with its reload takes."""
ARCHIVE = "release.tar"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.=-]*){0,2}")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Keep other runs from this folder. A record lock: it ends with its process, and the roll-back timer does not inherit it.

    HostError when another run keeps it for longer than a change takes.
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
                    raise HostError(MEANWHILE, where=folder, remedy="Wait for it, then run again.") from error
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def expect(folder: str, installed: str | None) -> None:
    """HostError when another release is in force than the one that the change was made for; None expects nothing."""
    if installed is not None and current(folder) != installed:
        raise HostError(f"{MEANWHILE}: another release is in force", where=folder, remedy="Run again.")


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


def unpack(staging: str, folder: str, wanted: Mapping[str, str], digests: Callable[[Path], Mapping[str, str]]) -> Path:
    """The staged release as a folder, complete: what was not brought is taken from the current one.

    ``wanted``: digest of each file that ``digests`` looks at. HostError when a file is not what it should be.
    """
    made, held = Path(staging) / "release", Path(folder) / "current"
    if not (Path(staging) / ARCHIVE).exists():
        raise HostError(f"{MEANWHILE}: what was brought is gone", where=folder, remedy="Run again.")
    made.mkdir(mode=0o700)
    with tarfile.open(str(Path(staging) / ARCHIVE)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and _NAME.fullmatch(member.name) else None
            if stream is None:
                raise HostError(f"the archive holds {member.name!r}, which is no file of a release")
            write(made / member.name, stream.read())
    for name in wanted:
        if not (made / name).exists() and _NAME.fullmatch(name):
            write(made / name, _held(held / name))
    there = digests(made)
    wrong = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    if wrong:
        raise HostError("these files arrived damaged or unasked: " + ", ".join(wrong))
    return made


def _held(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(f"{path} should be kept and is gone", remedy="Run for all participants.") from error


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
    """Remove all releases but these; what is no folder is not ours."""
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


def _sync(folder: Path) -> None:
    handle = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
