# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a dry run has planned, kept for the later tasks of one playbook: an overlay as two private files.

The folder is the caller's: private (0700), and removed with the playbook. It is no format of the state folder.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO

from .overlay import File, Kept, Layer, Overlay
from .tree import DiskTree

INDEX = "plan.json"
ADDED = "added-"


def load_plan(folder: Path, below: DiskTree) -> Overlay | None:
    """The overlay that earlier tasks have planned over this state folder; None when none has."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except FileNotFoundError:
        return None
    planned = Overlay(below, _layer(index))
    for file in sorted(folder.glob(f"{ADDED}*")):
        path, content = json.loads(file.read_bytes())
        planned.write(path, content.encode())
    planned.changes = 0
    return planned


def save_plan(folder: Path, planned: Overlay) -> None:
    """Keep an overlay for later tasks; a reader sees the plan before or this one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    contents, index = folder / f"contents-{name}", folder / f"index-{name}"
    with _private(contents) as stream:
        made = _Writer(contents, stream, planned).layer(planned.top, "")
    with _private(index) as stream:
        stream.write(json.dumps(made).encode())
    index.replace(folder / INDEX)
    for file in folder.glob(f"{ADDED}*"):  # they are part of it now
        file.unlink()


def add_to_plan(folder: Path, path: str, content: bytes) -> None:
    """Add one text file to the plan; tasks of many hosts may do so at the same time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = folder / f"index-{secrets.token_hex(8)}"
    with _private(staged) as stream:
        stream.write(json.dumps([path, content.decode()]).encode())
    staged.rename(folder / f"{ADDED}{staged.name}")


def _private(place: Path) -> BinaryIO:
    """A new file that only its owner reads, to be written. It need not outlive a power cut."""
    return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _layer(index: dict[str, Any]) -> Layer:
    return Layer(index["opaque"], {name: _child(child) for name, child in index["children"].items()})


def _child(child: dict[str, Any] | list[Any] | None) -> File | Layer | None:
    if child is None:
        return None
    if isinstance(child, dict):
        return _layer(child)
    place, start, size = child
    return Kept(Path(place), start, size)


class _Writer:
    """Writes the contents of an overlay; what stands in the state folder with the same content is not copied."""

    def __init__(self, place: Path, stream: BinaryIO, planned: Overlay) -> None:
        self._place = place
        self._stream = stream
        self._state = planned.below.root if isinstance(planned.below, DiskTree) else None

    def layer(self, layer: Layer, path: str) -> dict[str, Any]:
        """The index of a folder, its contents written."""
        return {"opaque": layer.opaque, "children": {name: self._child(child, f"{path}{name}") for name, child in layer.children.items()}}

    def _child(self, child: File | Layer | None, path: str) -> dict[str, Any] | list[Any] | None:
        if child is None:
            return None
        if isinstance(child, Layer):
            return self.layer(child, f"{path}/")
        kept = child if isinstance(child, Kept) else self._kept(child, path)
        return [str(kept.place), kept.start, kept.size]

    def _kept(self, content: bytes, path: str) -> Kept:
        """Where a content lies: a key that only moves within the store does not leave it."""
        folder, _, name = path.rpartition("/")
        for known in (self._state / path, self._state / f"{folder}.next" / name) if self._state else ():
            if known.is_file() and not known.is_symlink() and known.read_bytes() == content:
                return Kept(known, 0, len(content))
        start = self._stream.tell()
        self._stream.write(content)
        return Kept(self._place, start, len(content))
