# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder tree as one tar file that says what is in it, so that a damaged or cut copy is known before anything is restored."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO

from ..errors import StoreError
from ..formats import FORMAT, read_json, refuse_newer
from .files import DEEPEST, make_folder, split_path, temporary, write_new
from .layout import is_input

CONTENTS = "backup.json"
"""The last member: what the archive is of, and the SHA-256 of every file in it."""
_LARGEST_CONTENTS = 1 << 30
_MOST_REPORTED = 20
_REMEDY = "Use another copy; nothing was changed."


@dataclass(frozen=True)
class Contents:
    """What an archive holds: of which environment, as of when (ISO 8601), and the SHA-256 (hex) of each file by its path."""

    environment: str
    at: str
    files: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """What is taken of folders in which others write: plain files of these names and of so many bytes at most, no more."""

    largest: Mapping[str, int]
    """The names, each with the bytes that a file of this name may have."""
    left_out: list[str] = field(default_factory=list)
    """Paths of what is not taken: a few of each folder."""

    def taken(self, root: Path, folder: str) -> Iterator[tuple[str, os.stat_result, bytes]]:
        """The files of one folder with their content; never through a link, nor from a pipe that has no end."""
        for name, largest in sorted(self.largest.items()):
            try:
                found = self._read(root / folder / name, largest)
            except FileNotFoundError:
                continue
            except OSError:
                found = None
            if found is None:
                self.left_out.append(f"{folder}/{name}")
            else:
                yield f"{folder}/{name}", *found
        self._note_others(root, folder)

    def _read(self, place: Path, largest: int) -> tuple[os.stat_result, bytes] | None:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            content = stream.read(largest + 1) if stat.S_ISREG(found.st_mode) else None
        return None if content is None or len(content) > largest else (found, content)

    def _note_others(self, root: Path, folder: str) -> None:
        try:
            with os.scandir(root / folder) as entries:
                others = (entry.name for entry in entries if entry.name not in self.largest)
                self.left_out.extend(f"{folder}/{name}" for name in sorted(islice(others, _MOST_REPORTED)))
        except OSError:
            self.left_out.append(folder)


def pack(
    root: Path, parts: Collection[str], target: IO[bytes], *, skip: Collection[str], inputs: Inputs, environment: str, at: str
) -> Contents:
    """Write the parts of a folder to a tar file; StoreError for what is neither a file nor a folder. ``skip``: folders left out."""
    files: dict[str, str] = {}
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        first: dict[tuple[int, int], str] = {}
        for path in _walk(root, sorted(parts), frozenset(skip)):
            found = (root / path).lstat()
            if stat.S_ISDIR(found.st_mode):
                tar.addfile(_member(path, tarfile.DIRTYPE, found))
                for file, status, content in inputs.taken(root, path) if is_input(path) else ():
                    tar.addfile(_member(file, tarfile.REGTYPE, status, size=len(content)), io.BytesIO(content))
                    files[file] = sha256(content).hexdigest()
                continue
            if is_input(path):
                inputs.left_out.append(path)
                continue
            inode = (found.st_dev, found.st_ino)
            if inode in first:
                tar.addfile(_member(path, tarfile.LNKTYPE, found, link=first[inode]))
                files[path] = files[first[inode]]
                continue
            content = _content(root / path)
            tar.addfile(_member(path, tarfile.REGTYPE, found, size=len(content)), io.BytesIO(content))
            files[path] = sha256(content).hexdigest()
            first[inode] = path
        contents = Contents(environment, at, files)
        described = json.dumps({"format": FORMAT, **asdict(contents)}, indent=1, sort_keys=True).encode() + b"\n"
        member = tarfile.TarInfo(CONTENTS)
        member.size, member.mode = len(described), 0o600
        tar.addfile(member, io.BytesIO(described))
    return contents


def unpack(archive: Path, folder: Path, parts: Collection[str]) -> Contents:
    """Unpack into an empty folder of one's own (mode 0700) and check every file; StoreError leaves what was unpacked to the caller.

    Nothing but plain files and folders of plain names below ``parts`` is accepted, whatever the archive says.
    """
    try:
        with tarfile.open(archive, mode="r:") as tar:
            return _unpacked(tar, archive, folder, parts)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _refused(archive, f"is not a whole backup ({error})") from error
    except OSError as error:
        raise _refused(archive, f"cannot be restored ({error.strerror})") from error


def _unpacked(tar: tarfile.TarFile, archive: Path, folder: Path, parts: Collection[str]) -> Contents:
    seen: dict[str, str] = {}
    folders: dict[str, int] = {}
    contents: Contents | None = None
    for member in tar:
        if member.name == CONTENTS and member.isreg() and member.size <= _LARGEST_CONTENTS:
            contents = _contents(_bytes(tar, member), archive)
            continue
        try:
            inside = split_path(member.name)[0] in parts
        except StoreError:
            inside = False
        if not inside or member.name in seen or member.name in folders:
            raise _refused(archive, f"holds {member.name!r}, which no backup holds, or twice")
        if member.isdir():
            make_folder(str(folder / member.name))
            folders[member.name] = member.mode
        else:
            seen[member.name] = _file(tar, member, archive, folder, seen)
    if contents is None or contents.files != seen:
        raise _refused(archive, "is not a whole backup: it does not hold what its list says")
    for path, mode in folders.items():
        (folder / path).chmod(_mode(path, mode) | 0o700)
    return contents


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path, seen: dict[str, str]) -> str:
    """Unpack one file; its SHA-256."""
    target = folder / member.name
    make_folder(str(target.parent))
    if member.islnk() and member.linkname in seen:
        os.link(folder / member.linkname, target, follow_symlinks=False)
        return seen[member.linkname]
    if not member.isreg():
        raise _refused(archive, f"holds {member.name!r}, which is neither a file nor a folder")
    content = _bytes(tar, member)
    write_new(str(target), content)
    os.utime(target, (member.mtime, member.mtime))
    target.chmod(_mode(member.name, member.mode) | 0o600)
    return sha256(content).hexdigest()


def _mode(path: str, mode: int) -> int:
    """The mode to restore: only what is published may be open to others."""
    return mode & (0o755 if path.startswith("exchange/") or path == "exchange" else 0o700)


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return b"" if stream is None else stream.read()


def _contents(content: bytes, archive: Path) -> Contents:
    found = read_json(content)
    refuse_newer(found, where=str(archive))
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict) or found.get("format") != FORMAT or set(found) != {"format", "environment", "at", "files"}:
        raise _refused(archive, f"holds no list of contents of format {FORMAT}")
    return Contents(str(found["environment"]), str(found["at"]), files)


def _walk(root: Path, parts: Collection[str], skip: frozenset[str]) -> Iterator[str]:
    """Folders before what is in them, without what a killed run left and without what is not there."""
    for path in parts:
        place = root / path
        if path.count("/") > DEEPEST:
            what = "is deeper than anything that belongs here"
            raise StoreError(
                what, where="/".join(path.split("/")[:4]), remedy="Remove it, or have its maker remove it; no archive was made."
            )
        if path in skip or not os.path.lexists(place):
            continue
        yield path
        if place.is_dir() and not place.is_symlink() and not is_input(path):
            names = sorted(each.name for each in place.iterdir() if not temporary(each.name))
            yield from _walk(root, [f"{path}/{name}" for name in names], skip)


def _content(place: Path) -> bytes:
    # Neither through a link nor from a pipe that has no end.
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise StoreError("is neither a file nor a folder", where=str(place), remedy="Move it away: a backup would be without it.")
        return stream.read()


def _member(path: str, kind: bytes, found: os.stat_result, *, size: int = 0, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.size, member.linkname = kind, size, link
    member.mode, member.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    return member


def _refused(archive: Path, what: str) -> StoreError:
    return StoreError(what, where=str(archive), remedy=_REMEDY)
