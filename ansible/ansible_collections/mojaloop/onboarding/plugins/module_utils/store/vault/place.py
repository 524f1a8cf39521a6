# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a state folder keeps its store, when that is in Vault: the file ``vault.json`` in it says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from ...errors import StoreError
from ...formats import FORMAT, read_json

FILE = "vault.json"
_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_EXAMPLE = '{"format": 1, "url": "https://…", "ca_file": "…", "mount": "secret", "prefix": "mojaloop/<environment>", "token_file": "…"}'


@dataclass(frozen=True)
class VaultPlace:
    """A KV v2 engine, a prefix in it, and who asks: the token of a file, or an AppRole with its two files."""

    url: str
    mount: str
    prefix: str
    ca_file: str = ""
    token_file: str = ""
    role_id_file: str = ""
    secret_id_file: str = ""
    auth_path: str = "approle"


def vault_place(root: Path) -> VaultPlace | None:
    """What the state folder says; None where its store is on disk. StoreError when it cannot be understood."""
    path = root / FILE
    try:
        found = read_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = "Run as the user who owns the state folder."
        raise StoreError(f"cannot be read ({error.strerror})", where=str(path), remedy=remedy) from error
    except ValueError as error:
        raise _wrong(path, "is not the expected JSON") from error
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise _wrong(path, "is of no format that is known here")
    known = {field.name for field in fields(VaultPlace)}
    wrong = [name for name, value in found.items() if name not in known or not isinstance(value, str)]
    missing = [name for name in ("url", "mount", "prefix") if not found.get(name)]
    if wrong or missing:
        raise _wrong(path, f"has {'unknown' if wrong else 'no'} {', '.join(wrong or missing)}")
    place = VaultPlace(**{name: str(root / value) if name.endswith("_file") else value for name, value in found.items()})
    if not all(_PATH.fullmatch(each) for each in (place.mount, place.prefix, place.auth_path)) or not place.url.startswith("http"):
        raise _wrong(path, "has a url, mount or prefix that is none")
    if bool(place.token_file) == bool(place.role_id_file and place.secret_id_file):
        raise _wrong(path, "names no credentials, or two kinds: token_file, or role_id_file with secret_id_file")
    return VaultPlace(**{**vars(place), "url": place.url.rstrip("/")})


def _wrong(path: Path, what: str) -> StoreError:
    return StoreError(what, where=str(path), remedy=f"Write {_EXAMPLE}")
