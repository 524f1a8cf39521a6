# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking for an access token as a participant's connector does: with its client certificate, at the hub's inbound listener."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from ..formats import read_json
from ..remote.http import Answer, Http, basic, form_body


@dataclass(frozen=True)
class TokenAnswer:
    """What came of it: the HTTP status, the token (empty when refused), seconds it lives, why it was refused and by whom."""

    status: int
    token: str = ""
    expires_in: int = 0
    reason: str = ""
    refused_by: str = ""

    def __repr__(self) -> str:
        """The token itself is never shown."""
        return f"TokenAnswer(status={self.status}, token={'yes' if self.token else 'no'}, reason={self.reason!r})"

    @property
    def claims(self) -> dict[str, object]:
        """The claims of a JWT, unverified (the gateway verifies); empty when it is none."""
        try:
            _, payload, _ = self.token.split(".")
            found = read_json(base64.urlsafe_b64decode(payload + "=="))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def fetch_token(http: Http, credentials: Mapping[str, object], *, url: str = "", scope: str | None = None) -> TokenAnswer:
    """Ask for a token (RFC 6749 sections 2.3.1 and 4.4); ``http`` carries the client certificate and the route.

    ``credentials`` are those of ``credentials.json``; ``url`` and ``scope`` replace theirs. Raises Unreachable or Unknown.
    """
    headers, body = token_request(credentials, scope=scope)
    return _read(http.request("POST", url or str(credentials["token_url"]), headers, body))


def token_request(credentials: Mapping[str, object], *, scope: str | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body of a token request (RFC 6749 sections 2.3.1 and 4.4) with these credentials."""
    wanted = str(credentials.get("scope", "")) if scope is None else scope
    form = {"grant_type": "client_credentials"} | ({"scope": wanted} if wanted else {})
    identity = [quote(str(credentials[name]), safe="") for name in ("client_id", "client_secret")]
    body = form_body(form)
    return {"Accept": "application/json", **basic(*identity), "Content-Type": body.kind}, body.content


def _read(answer: Answer) -> TokenAnswer:
    found = answer.json()
    token, lifetime = found.get("access_token"), found.get("expires_in")
    if answer.status == HTTPStatus.OK and isinstance(token, str) and token:
        return TokenAnswer(answer.status, token, lifetime if isinstance(lifetime, int) else 0)
    reason = answer.headers.get("x-refused-because") or found.get("error") or ""
    return TokenAnswer(answer.status, reason=str(reason), refused_by=answer.headers.get("x-refused-by", ""))
