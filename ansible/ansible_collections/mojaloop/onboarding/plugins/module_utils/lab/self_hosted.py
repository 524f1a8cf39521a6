# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""stub"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..description.model import Description


@dataclass(frozen=True)
class SelfHosted:
    state: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.state / "store" / self.name

    @property
    def jws_keys(self) -> Path:
        return self.folder / "jws-keys"

    @property
    def jws_key(self) -> Path:
        return self.folder / "jws" / "key.pem"

    @property
    def credentials(self) -> Path:
        return self.folder / "oauth" / "credentials.json"

    def inbound_tls(self) -> dict[str, Any]:
        return {}

    def outbound_tls(self) -> dict[str, Any]:
        return {}

    @property
    def needed(self) -> tuple[Path, ...]:
        return (self.folder / "server" / "certificate.pem",)


def turns(description: Description, state: Path, tools: Path, *, check: bool) -> tuple[str, ...]:
    return ()
