# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registrar of ``authorization_server.kind: keycloak``."""

from __future__ import annotations

from ...description.model import KeycloakServer
from ...errors import AuthorizationServerError
from ..registrar import RegistryRegistrar
from ..registry import ClientRegistry
from ..workplace import Workplace
from .admin import RealmAdmin
from .realm import Realm
from .registry import KeycloakRegistry


def keycloak_registrar(work: Workplace) -> RegistryRegistrar:
    """Keeps clients in one realm, those of the hub's operators too."""
    return RegistryRegistrar(work, _registry, operators=True)


def _registry(work: Workplace) -> ClientRegistry:
    server = work.server
    if not isinstance(server, KeycloakServer):
        raise AuthorizationServerError("is not of kind keycloak", where=server.issuer, remedy="Correct its kind.")
    http = work.connect(server)
    work.closing.callback(http.close)
    admin = RealmAdmin(http, server, work.description.environment, work.check)
    return KeycloakRegistry(admin, Realm(admin, work.description.profile.resources))
