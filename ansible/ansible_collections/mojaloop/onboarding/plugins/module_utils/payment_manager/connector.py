# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of the Mojaloop SDK beside a Payment Manager: keys and certificates are pushed to it, so that none is named here.

Source: ``src/index.js`` and ``src/config.js`` of ``@mojaloop/sdk-scheme-adapter`` 18.0.2: with ``PM4ML_ENABLED`` it reads what
management-api sends over a WebSocket, at its start and for every change.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..connector.material import Material
from ..connector.model import Settings
from ..connector.settings import checked, common_variables, environment_file
from ..description.model import Description, Participant, SdkConnector
from ..description.transports import PaymentManagerConnector
from ..oauth.model import token_url

CONNECTOR = "connector.env"
_PUSHED = frozenset({"JWS_SIGNING_KEY_PATH", "JWS_VERIFICATION_KEYS_DIRECTORY"})


def connector_environment(
    description: Description, participant: Participant, connector: PaymentManagerConnector, client: Mapping[str, str], ilp_secret: str
) -> bytes:
    """The file of variables; ConnectorError (``settings-wrong``) when the description asks for wrong ones."""
    sdk = SdkConnector(version=connector.version, backend=connector.backend, cache=connector.cache, outbound_port=connector.outbound_port)
    material = Material(client, b"", ilp_secret, {})
    plain = {name: value for name, value in common_variables(participant, sdk, material).items() if name not in _PUSHED}
    hub, (host, _colon, port) = description.hub.endpoint, connector.control.rpartition(":")
    plain |= {
        "PM4ML_ENABLED": "true",
        "MGMT_API_WS_URL": host,
        "MGMT_API_WS_PORT": port,
        "INBOUND_LISTEN_PORT": str(connector.inbound_port),
        "INBOUND_MUTUAL_TLS_ENABLED": "true",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "PEER_ENDPOINT": f"{hub.host}:{hub.port}{hub.base_path}" if hub else "",
        "OAUTH_TOKEN_ENDPOINT": client.get("token_url") or token_url(description),
        **({"OAUTH_MUTUAL_TLS_ENABLED": "true"} if sdk.era != "18" else {}),
    }
    return environment_file(Settings(sdk.era, checked(sdk.era, plain, participant.name), {}, {}))
