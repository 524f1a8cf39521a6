# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a driver makes of a gateway model: files, and tables that change without a reload; each belongs to a participant or to the side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256

from ..document_steps import Phase
from .tables import Maps

OWNED_FOLDERS = ("destinations", "participants")
"""A file below one of these belongs to the participant whose folder it lies in; every other belongs to the side."""


@dataclass(frozen=True)
class FileRule:
    """What a file whose whole name matches ``pattern`` is for: the reason when it differs, the document steps it carries out."""

    pattern: str
    reason: str
    steps: tuple[str, ...]


_ANY = FileRule("*", "configuration-differs", (Phase.GATEWAY_MADE,))


@dataclass(frozen=True)
class Release:
    """``files``: relative name -> content (mode 0600 on a host); ``maps``: table -> key -> value (see ``tables``)."""

    files: Mapping[str, bytes] = field(repr=False)
    maps: Maps
    rules: tuple[FileRule, ...] = ()
    """What its files are for; the first that fits counts."""

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by name."""
        return {name: sha256(content).hexdigest() for name, content in sorted(self.files.items())}

    def rule(self, name: str) -> FileRule:
        """What a file is for, whether it is in here or only observed."""
        return next((rule for rule in self.rules if fnmatchcase(name, rule.pattern)), _ANY)


def release_digest(digests: Mapping[str, str]) -> str:
    """What names a release: SHA-256 over the names and digests of its files, 32 hex characters; maps do not count."""
    return sha256("".join(f"{name} {digest}\n" for name, digest in sorted(digests.items())).encode()).hexdigest()[:32]


def owner_of_file(name: str) -> str:
    """The participant whose file it is; empty: the side's own."""
    folder, _slash, rest = name.partition("/")
    return rest.partition("/")[0] if folder in OWNED_FOLDERS and "/" in rest else ""
