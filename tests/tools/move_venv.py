# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a virtual environment usable at another path: its programs name their Python by its full path."""

from __future__ import annotations

import sys
from pathlib import Path

LONGEST = 127
"""Bytes of a first line that every kernel reads; pip's own rule for longer ones, and for paths with blanks, is the shell line below."""


def move(folder: Path, old: str, new: str) -> None:
    """Replace the path in the environment's programs and settings; ``folder`` is where its files are now."""
    for path in [*(folder / "bin").iterdir(), folder / "pyvenv.cfg"]:
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if old.encode() in content:
            path.write_bytes(_startable(content.replace(old.encode(), new.encode()), new))


def _startable(content: bytes, home: str) -> bytes:
    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"#!" + home.encode()) or (b" " not in first and len(first) <= LONGEST):
        return content
    return b"#!/bin/sh\n'''exec' \"" + first[2:] + b'" "$0" "$@"\n' + b"' '''\n" + rest


if __name__ == "__main__":
    now, then = sys.argv[1:3]
    move(Path(now), sys.argv[3] if sys.argv[3:] else now, then)
