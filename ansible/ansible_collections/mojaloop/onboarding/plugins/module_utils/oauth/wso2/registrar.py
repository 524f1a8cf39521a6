# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registrar of ``authorization_server.kind: wso2``."""

from __future__ import annotations

from ...description.authorization_servers import Wso2Server
from ...description.model import HUB
from ...errors import AuthorizationServerError
from ...store.layout import issued_path
from ..registrar import RegistryRegistrar
from ..registry import ClientRegistry
from ..workplace import Workplace
from .access import Access
from .catalogue import Catalogue
from .old_catalogue import OldCatalogue
from .publisher import client_alias
from .registry import Wso2Registry
from .user_store import UserStore


def wso2_registrar(work: Workplace) -> RegistryRegistrar:
    """Keeps clients in one API Manager."""
    return RegistryRegistrar(work, _registry)


def _registry(work: Workplace) -> ClientRegistry:
    server, environment = work.server, work.description.environment
    if not isinstance(server, Wso2Server):
        raise AuthorizationServerError("is not of kind wso2", where=server.issuer, remedy="Correct its kind.")
    http = work.connect(server)
    work.closing.callback(http.close)
    access = Access(http, server, work.tree, environment, work.check)
    users = UserStore(access.user_store(), server.user_store_url.rstrip("/") or server.base_url)
    kind = Catalogue if server.version == "4.2" else OldCatalogue
    catalogue = kind(server, http, users, work.description.profile.resources, environment, _client_certificates(work))
    return Wso2Registry(access, users, catalogue, server.client_overlap_days)


def _client_certificates(work: Workplace) -> dict[str, bytes]:
    """What the hub has signed for active participants: of a renewed one, the certificate before it too."""
    found: dict[str, bytes] = {}
    for participant in (one for one in work.description.participants if one.active):
        for name in ("client", "client.previous"):
            certificate = work.tree.read(issued_path(HUB, participant.name, name))
            found |= {client_alias(participant.name, certificate): certificate} if certificate else {}
    return found
