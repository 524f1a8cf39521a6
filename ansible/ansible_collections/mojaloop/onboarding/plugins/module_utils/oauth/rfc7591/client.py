# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Client registration (RFC 7591) and its management (RFC 7592)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from ...errors import AuthorizationServerError
from ...identifiers import CLIENT_ID
from ...remote.http import Answer, Http, bearer, json_body
from ..records import Registration

GONE = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
"""RFC 7592 section 2.1: a client that does not exist is answered with 401; some servers say 404."""
ERROR_CODE = re.compile(r"[a-z_]{1,60}")
"""RFC 6749 section 5.2: error codes are plain words; anything else a server says is not repeated."""


class RegistrationRefused(AuthorizationServerError):
    """The server said no before doing anything: repeating later cannot make a second client."""


class RegistrationClient:
    """Speaks to one authorization server. Error texts carry the server's error code, never a token or a secret."""

    def __init__(self, http: Http, registration_url: str) -> None:
        self._http = http
        self._url = registration_url

    def create(self, fields: Mapping[str, object], initial_access_token: str) -> dict[str, object]:
        """Register a client (RFC 7591 section 3.1); the answer holds id, secret and management token.

        Raises RegistrationRefused when certainly none was made, else AuthorizationServerError.
        """
        answer = self._send("POST", self._url, initial_access_token, fields)
        if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return _complete(answer.json(), self._url)
        kind = RegistrationRefused if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else AuthorizationServerError
        raise kind(_said("registering a client", answer), where=self._url, remedy=_remedy(answer.status))

    def read(self, registration: Registration) -> dict[str, object] | None:
        """The client as the server has it (RFC 7592 section 2.1), or None when the server does not know it."""
        answer = self._send("GET", registration.registration_client_uri, registration.registration_access_token)
        return self._known(answer, "reading a client")

    def update(self, registration: Registration, fields: Mapping[str, object]) -> dict[str, object] | None:
        """Replace the client's metadata (RFC 7592 section 2.2); None when the server does not know it."""
        body = {"client_id": registration.client_id, **fields}
        answer = self._send("PUT", registration.registration_client_uri, registration.registration_access_token, body)
        return self._known(answer, "updating a client")

    def delete(self, registration: Registration) -> bool:
        """Delete the client (RFC 7592 section 2.3); False when the server did not know it."""
        answer = self._send("DELETE", registration.registration_client_uri, registration.registration_access_token)
        if answer.status == HTTPStatus.NO_CONTENT:
            return True
        self._known(answer, "deleting a client")
        return False

    def _send(self, method: str, url: str, token: str, fields: Mapping[str, object] | None = None) -> Answer:
        if urlsplit(url).scheme != "https":
            raise AuthorizationServerError("tokens are sent over https only", where=url, remedy="Correct the server's own URL.")
        headers = {"Accept": "application/json", **bearer(token)}
        if fields is None:
            return self._http.request(method, url, headers)
        body = json_body(fields)
        return self._http.request(method, url, headers | {"Content-Type": body.kind}, body.content)

    def _known(self, answer: Answer, what: str) -> dict[str, object] | None:
        if answer.status == HTTPStatus.OK:
            return answer.json()
        if answer.status in GONE:
            return None
        raise AuthorizationServerError(_said(what, answer), where=self._url, remedy=_remedy(answer.status))


def _complete(found: dict[str, object], url: str) -> dict[str, object]:
    needed = ("client_id", "client_secret", "registration_client_uri", "registration_access_token")
    missing = [name for name in needed if not isinstance(found.get(name), str) or not found[name]]
    if missing:
        what = f"the registration answer lacks {', '.join(missing)}"
        raise AuthorizationServerError(what, where=url, remedy="The server must support RFC 7592 and issue client secrets.")
    if not CLIENT_ID.fullmatch(str(found["client_id"])):
        raise AuthorizationServerError("the client id has unusual characters", where=url, remedy="Have the server issue plain ids.")
    return found


def _said(what: str, answer: Answer) -> str:
    code = answer.json().get("error")
    plain = isinstance(code, str) and ERROR_CODE.fullmatch(code)
    return f"{what} was answered with {answer.status}" + (f" {code}" if plain else "")


def _remedy(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "Renew the initial access token in the file named in the description."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Look into the server's log; the next run tells whether a client was left behind."
    return "Compare the registration with what the server supports."
