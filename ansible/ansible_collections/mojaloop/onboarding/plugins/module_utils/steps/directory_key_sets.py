# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The directory's key sets, read by the run itself where the description names the CA of their server: public, and anyone's to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import OnboardingError
from ..pki.inputs import InputRefused
from ..remote.changes import Changes
from ..remote.http import HttpClient, Route
from .directory_inbox import key_ids_of
from .run import Run


class KeyId(NamedTuple):
    """The directory's id of one key; ``key``: digest of the public key that it is about."""

    key: str
    kid: str


def read_key_ids(content: bytes | None) -> dict[str, KeyId]:
    """The record of a side's key ids, by certificate."""
    found = json.loads(content) if content else {"key_ids": {}, "keys": {}}
    return {str(name): KeyId(str(found["keys"][name]), str(kid)) for name, kid in found["key_ids"].items()}


def written_key_ids(known: Mapping[str, KeyId]) -> bytes:
    """The record as a file (``format`` 1): what signs messages reads its ``kid`` here."""
    data = {
        "format": 1,
        "key_ids": {name: each.kid for name, each in known.items()},
        "keys": {name: each.key for name, each in known.items()},
    }
    return json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"


class KeySets:
    """Each key set is asked for once; nothing is, where no CA is described."""

    def __init__(self, run: Run) -> None:
        authority = run.description.directory.keystore_ca_file
        self._http = Changes(HttpClient(Route(authority)), dry_run=run.dry_run) if authority else None
        self._seen: dict[str, dict[str, str] | str] = {}

    def key_id(self, url: str, key: str) -> tuple[str, str]:
        """The key id of a public key (by its digest), and why there is none where the set could not be read."""
        if self._http is None or not url:
            return "", ""
        if url not in self._seen:
            self._seen[url] = self._read(self._http, url)
        found = self._seen[url]
        return ("", found) if isinstance(found, str) else (found.get(key, ""), "")

    def _read(self, http: Changes, url: str) -> dict[str, str] | str:
        try:
            return dict(key_ids_of(http.read(url, "reading a key set").body, url))
        except (OnboardingError, InputRefused) as error:
            return str(error)
