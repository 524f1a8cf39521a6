# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub as its description has it, as far as Kubernetes needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description, EnvironmentKind, KeycloakServer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError


@dataclass(frozen=True)
class TokenIssuer:
    """Whose tokens the hub accepts, and for whom they must be made out."""

    issuer: str
    audience: str
    jwks_url: str


@dataclass(frozen=True)
class HubFacts:
    """The hub's FSPIOP host, and what identity at its gateway stands on."""

    environment: str
    fspiop_id: str
    host: str
    port: int
    base_path: str
    """Path in front of the resources of FSPIOP: empty, or ``/…`` without a slash at its end."""
    token_issuer: TokenIssuer
    realm: str = ""
    """Where the authorization server is a Keycloak: its realm for participants."""
    production: bool = False


def read_hub_facts(folder: Path) -> HubFacts:
    """The facts from a folder of descriptions; DescriptionError with every problem of hub.yml, OnboardingError where a fact lacks."""
    return hub_facts(load_description(folder), where=str(folder / "hub.yml"))


def hub_facts(description: Description, *, where: str) -> HubFacts:
    """The facts from a description."""
    hub = description.hub
    if hub.endpoint is None or hub.authorization_server is None:
        lacking = "endpoint" if hub.endpoint is None else "authorization_server"
        raise OnboardingError(f"the hub has no {lacking}", where=where, remedy="Its environment on Kubernetes cannot be made without it.")
    server = hub.authorization_server
    return HubFacts(
        environment=description.environment,
        fspiop_id=hub.fspiop_id,
        host=hub.endpoint.host,
        port=hub.endpoint.port,
        base_path=hub.endpoint.base_path,
        token_issuer=TokenIssuer(server.issuer, server.audience, server.jwks_url),
        realm=server.realm if isinstance(server, KeycloakServer) else "",
        production=description.kind is EnvironmentKind.PRODUCTION,
    )
