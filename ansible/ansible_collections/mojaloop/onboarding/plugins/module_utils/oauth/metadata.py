# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an authorization server says of itself (RFC 8414), against what the pack needs and what the description says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from ..description.model import Rfc7591Server
from ..remote.http import Http, origin
from .model import METHOD

GRANT = "client_credentials"
_PLACES = ("oauth-authorization-server", "openid-configuration")


def metadata_urls(server: Rfc7591Server) -> tuple[str, ...]:
    """Where its metadata may lie: RFC 8414 section 3.1 and, as most servers have it, OpenID Connect Discovery section 4.

    Asked where clients are registered: an issuer is a name, whose host the hub's network need not know.
    """
    reached, path = origin(server.registration_url), urlsplit(server.issuer).path.rstrip("/")
    return (f"{reached}/.well-known/{_PLACES[0]}{path}", f"{reached}{path}/.well-known/{_PLACES[1]}")


def metadata_faults(server: Rfc7591Server, http: Http) -> list[str]:
    """What in the server's metadata forbids registering clients there, each in words; none where it publishes no metadata.

    RemoteError where it gives no answer.
    """
    for url in metadata_urls(server):
        answer = http.request("GET", url, {"Accept": "application/json"})
        found = answer.json()
        if answer.status == HTTPStatus.OK and found:
            return list(_faults(server, found))
    return []


def _faults(server: Rfc7591Server, found: Mapping[str, object]) -> Iterator[str]:
    if found.get("issuer") != server.issuer:
        yield f"its issuer is {_shown(found.get('issuer'))}, described is {server.issuer}"  # RFC 8414 section 3.3
    if GRANT not in _listed(found, "grant_types_supported", "authorization_code implicit"):
        yield f"grant_types_supported lacks {GRANT}"
    if METHOD not in _listed(found, "token_endpoint_auth_methods_supported", METHOD):
        yield f"token_endpoint_auth_methods_supported lacks {METHOD}"
    if not found.get("registration_endpoint"):
        yield "it has no registration_endpoint (RFC 7591)"
    bound = found.get("tls_client_certificate_bound_access_tokens") is True
    if server.certificate_bound_tokens and not bound:
        yield "its tokens are not bound to certificates (tls_client_certificate_bound_access_tokens, RFC 8705 section 3.3)"


def _listed(found: Mapping[str, object], name: str, default: str) -> list[object]:
    """A list of the metadata; what is left out has the default of RFC 8414 section 2."""
    value = found.get(name, default.split())
    return value if isinstance(value, list) else []


def _shown(value: object) -> str:
    """Text of a stranger, short and plain."""
    return ascii(value)[:80]
