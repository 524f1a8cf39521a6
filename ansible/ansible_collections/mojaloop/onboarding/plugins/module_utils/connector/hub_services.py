# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The JWS keys of the hub's own services, in the form that they read.

Source: ``ENDPOINT_SECURITY`` and ``HUB_PARTICIPANT`` in the configuration of ml-api-adapter, quoting-service and
account-lookup-service (repositories mojaloop/*; read, not run: none of them is on npm).
"""

from __future__ import annotations

import json

from ..description.hub_side import HubServices
from ..description.model import HUB, Description
from ..findings import Disposition, Finding
from ..store import layout
from ..store.interface import Tree, contents
from .model import PEER_KEYS, Settings

SIGNING_KEY, SECURITY = "jwsSigningKey.key", "endpoint-security.json"


def hub_settings(description: Description, services: HubServices, tree: Tree) -> tuple[Settings | None, list[Finding]]:
    """The hub's signing key, every side's public key, and the part of the services' configuration that names them."""
    key = tree.read(f"{layout.store_folder(HUB, 'jws')}/key.pem")
    if key is None:
        return None, [Finding(HUB, "jws-4", HUB, "services/jws", "artefact-missing", Disposition.PENDING, HUB)]
    peers = {name.removesuffix(".pem"): pem for name, pem in contents(tree, layout.jws_keys_folder(HUB)).items() if pem}
    files = {SIGNING_KEY: key, SECURITY: _security(description, services)}
    return Settings("", {}, files, peers), []


def _security(description: Description, services: HubServices) -> bytes:
    """Errors that the switch raises are signed as the hub: participants look for the key under its FSPIOP id."""
    signing = {
        "JWS_SIGN": True,
        "JWS_SIGNING_KEY_PATH": f"{services.folder}/current/{SIGNING_KEY}",
        "JWS_VALIDATE": True,
        "JWS_VERIFICATION_KEYS_DIRECTORY": f"{services.folder}/{PEER_KEYS}",
    }
    content = {"ENDPOINT_SECURITY": {"JWS": signing}, "HUB_PARTICIPANT": {"ID": 1, "NAME": description.hub.fspiop_id}}
    return json.dumps(content, indent=2, sort_keys=True).encode() + b"\n"
