# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The access token with which the pack itself comes to the hub's internal listener, as one of the hub's operators."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..description.hub_side import OwnClient
from ..description.model import AuthorizationServer
from ..errors import RemoteError, StoreError
from ..remote.http import Http, HttpClient, Route, bearer
from ..remote.tokens import read_token
from ..store.layout import operator_path
from ..store.tree import Tree
from .records import read_object
from .token import fetch_token

EARLY = 10.0
"""Seconds before its end at which a token is replaced."""


@dataclass
class OwnToken:
    """Asked for when it is needed first, and again before it ends (RFC 6749 section 4.4)."""

    http: Http
    server: AuthorizationServer
    own: OwnClient
    tree: Tree
    _headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    _until: float = 0.0

    def headers(self) -> Mapping[str, str]:
        """The headers of a request; RemoteError when there is no token."""
        if time.monotonic() >= self._until:
            answer = fetch_token(self.http, self._credentials(), url=self.server.token_endpoint)
            if not answer.token:
                remedy = f"Check the client {self.own.client} and its secret in {self.own.secret_file or operator_path(self.own.client)}."
                what = f"asking for a token was answered with {answer.status}"
                raise RemoteError(what, where=self.server.token_endpoint, remedy=remedy)
            self._headers, self._until = bearer(answer.token), time.monotonic() + max(answer.expires_in - EARLY, 1.0)
        return self._headers

    def _credentials(self) -> dict[str, object]:
        if self.own.secret_file:
            secret = read_token(self.own.secret_file, "Put the secret of the client there (mode 0600).")
            return {"client_id": self.own.client, "client_secret": secret}
        place = operator_path(self.own.client)
        found = read_object(self.tree, place)
        if found is None:
            raise StoreError("is missing", where=place, remedy="Run the role oauth_clients: it makes the client.")
        return dict(found)


@contextmanager
def own_token(server: AuthorizationServer, own: OwnClient, tree: Tree, timeout: float) -> Iterator[OwnToken]:
    """The token of the pack's own client, for as long as the context lasts; ``timeout``: seconds for an answer."""
    http = HttpClient(Route(server.ca_file, internal=True), timeout=timeout)
    try:
        yield OwnToken(http, server, own, tree)
    finally:
        http.close()
