# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backup and restore of a state folder: one private tar file, taken and brought back under the lease.

The store comes back as it was. What others have seen does not go back in time: serial numbers, keys and signatures in the
journal only grow; of each publication the later one stays; and where the journal of what was published is lost, its sequence
numbers are raised beyond any that may have been used.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import StoreError, printable
from ..exchange.published import LIMIT_OF_FILE
from .archive import Inputs, pack, unpack
from .files import DEEPEST, STAGE, discard, settle, staging, sync
from .layout import LEASE_FOLDER
from .lease import lease
from .merging import merge
from .opening import refuse_vault
from .tree import DiskTree

PARTS = ("evidence", "exchange", "journal", "store")
"""The folders of a state folder that a backup holds; a lab's own things are not among them."""


@dataclass(frozen=True)
class Outcome:
    """What was backed up or restored: of which environment, as of when, how many files; which sequence numbers were raised."""

    environment: str
    at: str
    files: int
    raised: tuple[str, ...] = ()
    """Journal paths (see ``layout``) whose later numbers were lost."""
    newer: tuple[str, ...] = ()
    """Publications of the exchange that stand there later than in the archive, and so were left alone."""
    left_out: tuple[str, ...] = ()
    """What stands in participants' folders of the exchange and cannot be a publication's: a few of each folder."""


def back_up(root: Path, archive: Path, *, environment: str, now: datetime, replace: bool = False) -> Outcome:
    """Write an archive of mode 0600, all of it or nothing. StoreError when it stands already, unless ``replace``.

    LeaseHeld while a run works on the folder.
    """
    if not root.is_dir():
        raise StoreError("is not there", where=str(root), remedy="Name the environment's state folder with --state.")
    refuse_vault(root, "backed up")
    if archive.parent.resolve().is_relative_to(root.resolve()):
        raise StoreError("lies inside the state folder", where=str(archive), remedy="Keep backups elsewhere, best on another machine.")
    if os.path.lexists(archive) and not replace:
        raise StoreError("is there already", where=str(archive), remedy="Choose another name, or permit its replacement with --replace.")
    with lease(root, holder=f"backup on {socket.gethostname()}", now=time.time) as held:
        DiskTree(root, guard=held.check).recover()
        try:
            return _write(root, archive, held.check, environment, now, replace=replace)
        except OSError as error:
            raise StoreError(f"cannot be written ({error.strerror})", where=str(archive), remedy="No archive was made.") from error


def restore(root: Path, archive: Path, *, environment: str, replace: bool = False) -> Outcome:
    """Bring an archive back. StoreError when it is damaged or another environment's; or when there is a state, unless ``replace``.

    Ended in between, it is simply run again.
    """
    refuse_vault(root, "restored")
    _refuse_occupied(root, replace=replace)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lease(root, holder=f"restore on {socket.gethostname()}", now=time.time) as held:
        present = DiskTree(root, guard=held.check)
        present.recover()
        _refuse_occupied(root, replace=replace)
        with staging(str(root / "restore")) as stage:
            staged = Path(stage)
            staged.mkdir(mode=0o700)
            contents = unpack(archive, staged, PARTS)
            if contents.environment != environment:
                what = f"is of the environment {contents.environment!r}; the description's is {environment!r}"
                raise StoreError(what, where=str(archive), remedy="Name the right archive or the right inventory; nothing was changed.")
            merged = merge(DiskTree(staged), present)
            _settle(staged, root, held.check)
    return Outcome(contents.environment, contents.at, len(contents.files), merged.raised, merged.newer)


def _write(root: Path, archive: Path, guard: Callable[[], None], environment: str, now: datetime, *, replace: bool) -> Outcome:
    target = archive.absolute()
    for stray in [each for each in target.parent.iterdir() if each.name.startswith(f".{target.name}{STAGE}")]:
        # An earlier backup that was killed left all keys in it.
        discard(str(stray))
    inputs = Inputs(LIMIT_OF_FILE)
    with staging(str(target)) as staged:
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            at = now.isoformat(timespec="seconds")
            contents = pack(root, PARTS, stream, skip=[LEASE_FOLDER], inputs=inputs, environment=environment, at=at)
            os.fchmod(handle, 0o600)
            stream.flush()
            os.fsync(handle)
        guard()
        (os.replace if replace else os.link)(staged, target)
        sync(str(target.parent))
    return Outcome(environment, contents.at, len(contents.files), left_out=tuple(map(printable, inputs.left_out)))


def _refuse_occupied(root: Path, *, replace: bool) -> None:
    occupied = [part for part in PARTS if _holds_files(root / part, root / LEASE_FOLDER)]
    if occupied and not replace:
        what = f"holds a state already ({', '.join(occupied)})"
        remedy = "Make a backup of it, then permit its replacement with --replace: what its store holds now is lost."
        raise StoreError(what, where=str(root), remedy=remedy)


def _holds_files(folder: Path, without: Path | None = None, levels: int = DEEPEST) -> bool:
    """Whether anything but folders is in a folder; what is deeper than any folder of ours counts as that."""
    if not folder.is_dir() or folder == without:
        return False
    inner = list(folder.iterdir()) if levels else []
    return not levels or any(each.is_symlink() or not each.is_dir() or _holds_files(each, without, levels - 1) for each in inner)


def _settle(staged: Path, root: Path, guard: Callable[[], None]) -> None:
    """Put in place what came back whole: the store always, the exchange and the evidence where there were none."""
    for part in ("exchange", "evidence", "store"):
        if (staged / part).is_dir() and (part == "store" or not _holds_files(root / part)):
            # What stood there is left under the staged name.
            with staging(str(root / part)) as place:
                (staged / part).rename(place)
                settle(place, guard)
