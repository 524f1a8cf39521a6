# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a participant's OAuth client must be, and how it differs from what the server has."""

from __future__ import annotations

from collections.abc import Mapping

from ..description.model import Description, Participant

TOKEN_PATH = "/oauth2/token"  # noqa: S105 -- a path
METHOD = "client_secret_basic"


def desired_registration(description: Description, participant: Participant) -> dict[str, object]:
    """The client metadata (RFC 7591 section 2, RFC 8705 section 3.4) for a participant: its roles are its scope."""
    server = description.hub.authorization_server
    return {
        "client_name": f"{description.environment}/{participant.name}",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
        "token_endpoint_auth_method": METHOD,
        "scope": " ".join(sorted(participant.roles)),
        "tls_client_certificate_bound_access_tokens": bool(server and server.certificate_bound_tokens),
    }


def differences(desired: Mapping[str, object], observed: Mapping[str, object]) -> list[str]:
    """Names of the fields in which the server's client is not as desired; the order of scopes means nothing."""
    return [name for name, value in desired.items() if _plain(name, value) != _plain(name, observed.get(name))]


def token_url(description: Description) -> str:
    """Where participants ask for tokens: at the hub's gateway, or where TLS is to end in the server at that."""
    server, endpoint = description.hub.authorization_server, description.hub.endpoint
    if server and server.client_certificate == "tls":
        return server.token_endpoint
    return (endpoint.url if endpoint else "") + TOKEN_PATH


def credentials(description: Description, participant: Participant, client_id: str, secret: str) -> dict[str, object]:
    """What a participant's connector needs: ``client_id``, ``client_secret``, ``token_url``, ``scope``."""
    scope = desired_registration(description, participant)["scope"]
    return {"client_id": client_id, "client_secret": secret, "token_url": token_url(description), "scope": scope}


def _plain(name: str, value: object) -> object:
    """A value in which spelling is taken away: servers leave out empty lists and false."""
    if name == "scope":
        return sorted(str(value or "").split())
    if isinstance(value, list):
        return sorted(map(str, value)) or None
    return value or None
