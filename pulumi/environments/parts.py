# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parts that a stack may have or not, each an object of its configuration: where their images come from, and what they stand on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from .reading import DOMAIN, NAME, Reader, keys

Part = TypeVar("Part")
_URL = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


class DatabaseKind(StrEnum):
    """What Keycloak's image was built for."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    MARIADB = "mariadb"


@dataclass(frozen=True)
class ConnectionManagerSettings:
    """Where Connection Manager comes from, and the systems that it stands on, which are in the cluster already."""

    api_image: str
    ui_image: str
    database: str
    """Its MySQL: ``<service>.<namespace>.svc[…]:<port>``."""
    vault: str
    """Its Vault, by URL: ``http[s]://<service>.<namespace>.svc[…]:<port>``."""
    openid_namespace: str
    """Namespace of the OpenID provider, whose keys the API reads."""
    variables: tuple[tuple[str, str], ...]
    """Further variables of the API: every one that it reads and that follows from nothing else."""
    ui_variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KeycloakSettings:
    """An optimised image of Keycloak, and its database, which is in the cluster already.

    The image: ``kc.sh build --db=<kind> --https-client-auth=request --features=client-secret-rotation``.
    """

    image: str
    database: str
    database_kind: DatabaseKind
    sources: tuple[str, ...]
    """Networks of the participants, who ask it for tokens; none: nothing but the internal gateway reaches it."""


@dataclass(frozen=True)
class TestingToolkitSettings:
    """The Testing Toolkit, which plays participants and sends the hub's provisioning."""

    backend_image: str
    frontend_image: str


@dataclass(frozen=True)
class PaymentManagerSettings:
    """Payment Manager's three services, what they stand on in this cluster, and what of the hub they reach."""

    management_image: str
    experience_image: str
    portal_image: str
    vault: str
    """The Vault of the description, as this cluster reaches it: ``http[s]://<service>.<namespace>.svc[…]:<port>``."""
    portal_domain: str
    """The portal is ``portal-<participant>.<domain>``."""
    portal_sources: tuple[str, ...]
    """Networks of the participant's staff; none: nothing reaches the portal."""
    identity_provider: str
    """Base URL of the Keycloak in which the portal's users are: its realm is ``pm4mls-<participant>``."""
    identity_networks: tuple[str, ...]
    """Where that is."""
    manager_networks: tuple[str, ...]
    """Where the hub's Connection Manager and the provider of its tokens are."""
    certificate_issuer: str
    """ClusterIssuer of cert-manager for the portal's hosts; empty: someone else writes their Secret."""


def connection_manager(of_the_hub: Reader) -> ConnectionManagerSettings | None:
    """The hub's Connection Manager; None where the stack has none."""

    def read(reader: Reader) -> ConnectionManagerSettings:
        return ConnectionManagerSettings(
            api_image=reader.image("apiImage"),
            ui_image=reader.image("uiImage"),
            database=reader.service("database"),
            vault=reader.service("vault", "https?"),
            openid_namespace=reader.matching("openidNamespace", NAME, "the name of a namespace"),
            variables=tuple(sorted(reader.mapping("variables").items())),
            ui_variables=tuple(sorted(reader.mapping("uiVariables").items())),
        )

    return _part(of_the_hub, "connectionManager", ConnectionManagerSettings, read)


def keycloak(of_the_hub: Reader) -> KeycloakSettings | None:
    """The hub's Keycloak; None where the stack has none."""

    def read(reader: Reader) -> KeycloakSettings:
        image, database = reader.image("image"), reader.service("database")
        return KeycloakSettings(image, database, reader.choice("databaseKind", DatabaseKind), reader.networks("sources"))

    return _part(of_the_hub, "keycloak", KeycloakSettings, read)


def testing_toolkit(of_the_hub: Reader) -> TestingToolkitSettings | None:
    """The hub's Testing Toolkit; None where the stack has none."""

    def read(reader: Reader) -> TestingToolkitSettings:
        return TestingToolkitSettings(reader.image("backendImage"), reader.image("frontendImage"))

    return _part(of_the_hub, "testingToolkit", TestingToolkitSettings, read)


def payment_manager(of_the_dfsp: Reader) -> PaymentManagerSettings | None:
    """A participant's Payment Manager; None where the stack has none."""

    def read(reader: Reader) -> PaymentManagerSettings:
        return PaymentManagerSettings(
            management_image=reader.image("managementImage"),
            experience_image=reader.image("experienceImage"),
            portal_image=reader.image("portalImage"),
            vault=reader.service("vault", "https?"),
            portal_domain=reader.matching("portalDomain", DOMAIN, "a domain name"),
            portal_sources=reader.networks("portalSources"),
            identity_provider=reader.matching("identityProvider", _URL, "an https URL").rstrip("/"),
            identity_networks=reader.networks("identityNetworks", least=1),
            manager_networks=reader.networks("managerNetworks", least=1),
            certificate_issuer=issuer(reader),
        )

    return _part(of_the_dfsp, "paymentManager", PaymentManagerSettings, read)


def issuer(reader: Reader) -> str:
    """The name of a ClusterIssuer, or none."""
    return reader.matching("certificateIssuer", re.compile(rf"{NAME.pattern}|"), "the name of a ClusterIssuer")


def _part(reader: Reader, key: str, settings: type[Part], read: Callable[[Reader], Part]) -> Part | None:
    given = reader.mapping(key)
    return read(reader.inside(key, given, keys(settings))) if given else None
