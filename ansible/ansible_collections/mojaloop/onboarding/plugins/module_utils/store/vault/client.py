# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vault's and OpenBao's HTTP API, as far as it is needed: key/value engines of both versions, tokens, AppRole and Kubernetes.

Source: "KV secrets engine - version 2 (API)", "AppRole auth method (API)", "Token auth method (API)", "Kubernetes auth method (API)".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ...errors import StoreError
from ...remote.errors import Unknown, Unreachable
from ...remote.http import Answer, Http
from ...remote.tokens import read_token
from ..interface import Unavailable
from .place import VaultPlace

Json = dict[str, Any]
_SEALED = "Unseal it, and run again."
_RENEW_AT = 2 / 3
"""Share of a token's lifetime after which it is renewed, or asked for anew."""


class Conflict(StoreError):
    """Someone else has written this secret since it was read."""


@dataclass
class Vault:
    """One server, as one caller. Nothing here shows a secret or a token."""

    http: Http
    place: VaultPlace
    _token: str = field(default="", repr=False)
    _renew_at: float = 0.0

    def read(self, path: str) -> tuple[Json, int]:
        """The data of a secret and its version (KV v2); empty and 0 when there is none."""
        answer = self._ask("GET", f"{self.place.mount}/data/{_quoted(path)}", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return {}, _version(answer)
        return _member(answer, "data", "data"), _version(answer)

    def write(self, path: str, data: Mapping[str, str], version: int) -> int:
        """Write a secret that has this version (0: none yet); its version then. Conflict when it has another."""
        body = {"options": {"cas": version}, "data": dict(data)}
        place = f"{self.place.mount}/data/{_quoted(path)}"
        try:
            answer = self._ask("POST", place, path, body, also={HTTPStatus.BAD_REQUEST})
        except Unknown:
            found, there = self.read(path)
            if found == dict(data) and there != version:
                return there
            raise
        if answer.status == HTTPStatus.BAD_REQUEST:
            if b"check-and-set" not in answer.body:
                raise self._refused(answer, path)
            raise Conflict("was changed by someone else meanwhile", where=self._where(path), remedy="Run again.")
        return int(_member(answer, "data").get("version") or 0)

    def keep_one_version(self, path: str) -> None:
        """What is replaced there is gone: a retired key is not kept as an earlier version."""
        self._ask("POST", f"{self.place.mount}/metadata/{_quoted(path)}", path, {"max_versions": 1})

    def names(self, path: str) -> list[str]:
        """What stands below: secrets, and (with a slash at the end) folders."""
        place = f"{self.place.mount}/metadata/{_quoted(path)}"
        answer = self._ask("GET", f"{place}?list=true", path)
        found = [] if answer.status == HTTPStatus.NOT_FOUND else _member(answer, "data").get("keys")
        return [str(name) for name in found] if isinstance(found, list) else []

    def delete(self, path: str) -> None:
        """Delete a secret with all its versions."""
        self._ask("DELETE", f"{self.place.mount}/metadata/{_quoted(path)}", path)

    def read_plain(self, path: str) -> Json | None:
        """The data of a secret of a KV v1 engine (``<mount>/…``); None when there is none."""
        answer = self._ask("GET", _quoted(path), path)
        return None if answer.status == HTTPStatus.NOT_FOUND else _member(answer, "data")

    def write_plain(self, path: str, data: Mapping[str, object]) -> None:
        """Write one of a KV v1 engine."""
        self._ask("POST", _quoted(path), path, dict(data))

    def make(self, path: str) -> Json:
        """Have the server make something, such as a secret id; what it answers."""
        return _member(self._ask("POST", _quoted(path), path, {}), "data")

    def delete_plain(self, path: str) -> None:
        """Delete one of a KV v1 engine."""
        self._ask("DELETE", _quoted(path), path)

    def _ask(self, method: str, place: str, path: str, body: object = None, *, also: frozenset[int] | set[int] = frozenset()) -> Answer:
        answer = self._sent(method, place, body, token=self._current(), path=path)
        if answer.status == HTTPStatus.FORBIDDEN and self._renew_at:
            # A token may end before its time: once more with another one.
            self._renew_at = 0.0
            answer = self._sent(method, place, body, token=self._current(), path=path)
        if answer.status // 100 == 2 or answer.status in {HTTPStatus.NOT_FOUND, *also}:  # noqa: PLR2004 -- success
            return answer
        raise self._refused(answer, path)

    def _sent(self, method: str, place: str, body: object, *, token: str, path: str) -> Answer:
        headers = {"Accept": "application/json", "X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        content = b"" if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"} if content else {}
        try:
            return self.http.request(method, f"{self.place.url}/v1/{place}", headers, content)
        except Unreachable as error:
            remedy = "Nothing was changed: start it, or correct its url, and run again."
            raise Unavailable(f"cannot be reached ({error.what})", where=self._where(path), remedy=remedy) from error

    def _refused(self, answer: Answer, path: str) -> StoreError:
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return Unavailable("is sealed, or not ready", where=self._where(path), remedy=_SEALED)
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST}:
            what = f"is refused to this caller ({answer.status})"
            return StoreError(what, where=self._where(path), remedy="Check its policy, and the files with its credentials.")
        return Unavailable(f"was answered with {answer.status}", where=self._where(path), remedy="Look into Vault's log, and run again.")

    def _where(self, path: str) -> str:
        return f"{self.place.url}: {path}"

    def _current(self) -> str:
        if not self._token or (self._renew_at and time.monotonic() >= self._renew_at) or not self._renew_at:
            self._token, seconds = self._login() if self.place.logs_in else self._renewed()
            self._renew_at = time.monotonic() + (seconds * _RENEW_AT if seconds else 3600.0)
        return self._token

    def _login(self) -> tuple[str, float]:
        own = self.place
        if own.kubernetes_role:
            body = {"role": own.kubernetes_role, "jwt": read_token(own.service_account_token_file, "Run in a pod with a service account.")}
        else:
            body = {"role_id": read_token(own.role_id_file), "secret_id": read_token(own.secret_id_file)}
        place = f"auth/{own.login_path}/login"
        answer = self._sent("POST", place, body, token="", path=place)
        found = _member(answer, "auth")
        token = found.get("client_token")
        if answer.status != HTTPStatus.OK or not isinstance(token, str):
            raise self._refused(answer, place)
        return token, float(found.get("lease_duration") or 0)

    def _renewed(self) -> tuple[str, float]:
        """The token of the file, which others may replace; renewed where it may be."""
        token = read_token(self.place.token_file)
        answer = self._sent("GET", "auth/token/lookup-self", None, token=token, path="auth/token/lookup-self")
        if answer.status != HTTPStatus.OK:
            raise self._refused(answer, self.place.token_file)
        found = _member(answer, "data")
        if found.get("renewable") is True and found.get("ttl"):
            again = self._sent("POST", "auth/token/renew-self", {}, token=token, path="auth/token/renew-self")
            return token, float(_member(again, "auth").get("lease_duration") or found["ttl"])
        return token, float(found.get("ttl") or 0)


def _member(answer: Answer, *names: str) -> Json:
    found: object = answer.json()
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _version(answer: Answer) -> int:
    version = _member(answer, "data", "metadata").get("version")
    return version if isinstance(version, int) else 0


def _quoted(path: str) -> str:
    return quote(path, safe="/?=")
