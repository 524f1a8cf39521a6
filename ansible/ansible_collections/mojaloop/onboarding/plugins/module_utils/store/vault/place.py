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
    """A KV v2 engine, a prefix in it, and who asks: the token of a file, an AppRole with its two files, or a pod of Kubernetes.

    ``kubernetes_role``: the role there of the pod's service account, whose token is in ``service_account_token_file``.
    """

    url: str
    mount: str
    prefix: str
    ca_file: str = ""
    token_file: str = ""
    role_id_file: str = ""
    secret_id_file: str = ""
    kubernetes_role: str = ""
    service_account_token_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 -- a path
    auth_path: str = ""

    @property
    def login_path(self) -> str:
        """Where the method of authentication is mounted."""
        return self.auth_path or ("kubernetes" if self.kubernetes_role else "approle")

    @property
    def logs_in(self) -> bool:
        """Whether a token is asked for, and not given."""
        return bool(self.role_id_file or self.kubernetes_role)


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
    if not all(_PATH.fullmatch(each) for each in (place.mount, place.prefix, place.login_path)) or not place.url.startswith("http"):
        raise _wrong(path, "has a url, mount or prefix that is none")
    if [bool(place.token_file), bool(place.role_id_file and place.secret_id_file), bool(place.kubernetes_role)].count(True) != 1:
        raise _wrong(path, "names no credentials, or two kinds: token_file, role_id_file with secret_id_file, or kubernetes_role")
    return VaultPlace(**{**vars(place), "url": place.url.rstrip("/")})


def _wrong(path: Path, what: str) -> StoreError:
    return StoreError(what, where=str(path), remedy=f"Write {_EXAMPLE}")
