# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The complete settings of a participant's SDK, from description and store: nothing is left to defaults that matter.

Behind a gateway the SDK speaks plain HTTP with it on one machine; the gateway ends and starts mutual TLS. Without a
gateway the SDK does both itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..description.model import Description, Participant, SdkConnector
from ..errors import ConnectorError
from ..oauth.model import TOKEN_PATH
from . import model
from .material import Material
from .model import Settings
from .schema import check, variables
from .unit import unit_file

_QUOTABLE = re.compile(r"[ -&(-~]*")
"""Printable ASCII without the apostrophe that quotes it: systemd, Node.js and dotenv read it alike."""
_PLAIN = re.compile(r"[A-Za-z0-9._~:/@%+=,-]*")


def sdk_settings(description: Description, participant: Participant, connector: SdkConnector, material: Material) -> Settings:
    """The settings of this participant's SDK; ConnectorError (``settings-wrong``) when the description asks for wrong ones."""
    plain = common_variables(participant, connector, material)
    unit = unit_file(connector, participant.name, behind_gateway=bool(participant.gateways))
    files = {model.SIGNING_KEY: _signing_key(material.signing_key), model.UNIT: unit}
    if participant.gateways:
        plain |= _behind_gateway(participant)
        public: tuple[int, ...] = ()
    else:
        plain |= _alone(description, connector, material)
        files |= _tls_files(material)
        public = (connector.inbound_port,)
    made = with_further(connector.era, connector.settings, plain)
    return Settings(connector.era, checked(connector.era, made, participant.name), files, material.peer_keys, public)


def checked(era: str, made: dict[str, str], participant: str) -> dict[str, str]:
    """These variables, when this major version of the SDK reads all of them as they are; ConnectorError (``settings-wrong``) else."""
    wrong = check(era, made)
    if wrong:
        what = "; ".join(f"{one.name} {one.what}" for one in wrong)
        raise ConnectorError(f"the settings are wrong: {what}", where=f"{participant}.yml: connector", reason="settings-wrong")
    return made


def environment_file(settings: Settings) -> bytes:
    """The variables as a file that systemd (EnvironmentFile), Node.js (--env-file) and dotenv read alike."""
    return "".join(f"{name}={_quoted(name, value)}\n" for name, value in sorted(settings.variables.items())).encode("ascii")


def loopback_script(public_ports: tuple[int, ...]) -> bytes:
    """A file for ``node --require``: every port but these is bound to 127.0.0.1, because the SDK cannot be given an address."""
    ports = ", ".join(str(port) for port in public_ports)
    return (
        "// Written by mojaloop.onboarding: the SDK listens at all addresses, its unauthenticated outbound API included.\n"
        "'use strict';\n"
        "const net = require('node:net');\n"
        f"const open = new Set([{ports}]);\n"
        "const listen = net.Server.prototype.listen;\n"
        "net.Server.prototype.listen = function (port, ...rest) {\n"
        "  const plain = typeof port === 'number' && typeof rest[0] !== 'string' && !open.has(port);\n"
        "  return plain ? listen.call(this, port, '127.0.0.1', ...rest) : listen.call(this, port, ...rest);\n"
        "};\n"
    ).encode()


def decided(era: str, ilp_version: str) -> dict[str, str]:
    """What every SDK of a major version has, wherever it runs: its behaviour, no place and no secret."""
    return {
        "JWS_SIGN": "true",
        "JWS_SIGN_PUT_PARTIES": "true",
        "VALIDATE_INBOUND_JWS": "true",
        "VALIDATE_INBOUND_PUT_PARTIES_JWS": "true",
        "OAUTH_REFRESH_SECONDS": "60",
        "CHECK_ILP": "true",
        "EXPIRY_SECONDS": "60",
        "AUTO_ACCEPT_PARTY": "true",
        "AUTO_ACCEPT_QUOTES": "true",
        "REJECT_EXPIRED_QUOTE_RESPONSES": "true",
        "REJECT_TRANSFERS_ON_EXPIRED_QUOTES": "true",
        "REJECT_EXPIRED_TRANSFER_FULFILS": "true",
        "REQUEST_PROCESSING_TIMEOUT_SECONDS": "30",
        "ENABLE_TEST_FEATURES": "false",
        "ENABLE_OAUTH_TOKEN_ENDPOINT": "false",
        "PM4ML_ENABLED": "false",
        "LOG_INDENT": "0",
        **_era(era, ilp_version),
    }


def common_variables(participant: Participant, connector: SdkConnector, material: Material) -> dict[str, str]:
    """What does not depend on who ends TLS for the SDK."""
    return decided(connector.era, connector.ilp_version) | {
        "DFSP_ID": participant.fspiop_id,
        "OUTBOUND_LISTEN_PORT": str(connector.outbound_port),
        "METRICS_SERVER_LISTEN_PORT": str(connector.metrics_port),
        "BACKEND_ENDPOINT": connector.backend,
        "CACHE_URL": f"redis://{connector.cache}",
        "JWS_SIGNING_KEY_PATH": _path(connector, model.SIGNING_KEY),
        "JWS_VERIFICATION_KEYS_DIRECTORY": f"{connector.folder}/{model.PEER_KEYS}",
        "OAUTH_CLIENT_KEY": material.credentials["client_id"],
        "OAUTH_CLIENT_SECRET": material.credentials["client_secret"],
        "ILP_SECRET": material.ilp_secret,
    }


def _era(era: str, ilp_version: str) -> dict[str, str]:
    """What has another name in each major version, or exists in one only."""
    if era == "18":
        if ilp_version != "1":
            remedy = "Set ilp_version: 1, or use a 24.x version."
            raise ConnectorError("version 18 speaks ILP version 1 only", where="connector", remedy=remedy, reason="ilp-version-unsupported")
        return {"WSO2_AUTH_FAILURE_REQUEST_RETRIES": "1"}
    return {
        "OIDC_AUTH_FAILURE_REQUEST_RETRIES": "1",
        "OAUTH_REFRESH_RETRY_SECONDS": "10",
        "ILP_VERSION": ilp_version,
        "API_TYPE": "fspiop",
        "LOG_LEVEL": "info",
        "LOG_IS_JSON_OUTPUT": "true",
        "ENABLE_BACKEND_EVENT_HANDLER": "false",
        "ENABLE_FSPIOP_EVENT_HANDLER": "false",
        "MULTI_DFSP": "false",
    }


def _behind_gateway(participant: Participant) -> dict[str, str]:
    gateway = participant.gateways[0]
    host = f"[{gateway.outbound.address}]" if gateway.outbound.address.version == 6 else str(gateway.outbound.address)  # noqa: PLR2004
    peer = f"{host}:{gateway.outbound.port}"
    return {
        "INBOUND_LISTEN_PORT": str(gateway.inbound_backend.port),
        "INBOUND_MUTUAL_TLS_ENABLED": "false",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "false",
        "PEER_ENDPOINT": peer,
        "OAUTH_TOKEN_ENDPOINT": f"http://{peer}{TOKEN_PATH}",
    }


def _alone(description: Description, connector: SdkConnector, material: Material) -> dict[str, str]:
    hub = description.hub.endpoint
    peer = f"{hub.host}:{hub.port}{hub.base_path}" if hub else ""
    return {
        "INBOUND_LISTEN_PORT": str(connector.inbound_port),
        "INBOUND_MUTUAL_TLS_ENABLED": "true",
        "IN_CA_CERT_PATH": _path(connector, model.CALLERS_CA),
        "IN_SERVER_CERT_PATH": _path(connector, model.SERVER),
        "IN_SERVER_KEY_PATH": _path(connector, model.SERVER_KEY),
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "OUT_CA_CERT_PATH": _path(connector, model.HUB_CA),
        "OUT_CLIENT_CERT_PATH": _path(connector, model.CLIENT),
        "OUT_CLIENT_KEY_PATH": _path(connector, model.CLIENT_KEY),
        "PEER_ENDPOINT": peer,
        "OAUTH_TOKEN_ENDPOINT": material.credentials["token_url"],
        **({"OAUTH_MUTUAL_TLS_ENABLED": "true"} if connector.era != "18" else {}),
    }


def _tls_files(material: Material) -> dict[str, bytes]:
    tls = material.tls
    return {
        model.SERVER: tls["server"] + tls["own-ca"],
        model.SERVER_KEY: tls["server-key"],
        model.CALLERS_CA: tls["own-ca"],
        model.CLIENT: tls["client"],
        model.CLIENT_KEY: tls["client-key"],
        model.HUB_CA: tls["hub-ca"],
    }


def _signing_key(pem: bytes) -> bytes:
    """An EC key in SEC1: the library takes one in PKCS#8 for RSA, and no side accepts the signature."""
    try:
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError):
        return pem
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return pem
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def with_further(era: str, settings: Iterable[tuple[str, str]], plain: Mapping[str, str]) -> dict[str, str]:
    """The variables with the description's own; the ones that follow from the onboarding cannot be set by hand (ConnectorError)."""
    further = dict(settings)
    protected = {name for name in plain if name not in _FREE} | (set(variables(era)) & _PROTECTED)
    clash = sorted(name for name in further if name in protected)
    if clash:
        remedy = "Leave it out: it follows from the description and the store."
        raise ConnectorError(f"{', '.join(clash)} cannot be set", where="connector.settings", remedy=remedy, reason="settings-wrong")
    return {**plain, **further}


_FREE = frozenset({
    "EXPIRY_SECONDS", "OAUTH_REFRESH_SECONDS", "AUTO_ACCEPT_PARTY", "AUTO_ACCEPT_QUOTES", "REQUEST_PROCESSING_TIMEOUT_SECONDS",
    "LOG_INDENT", "LOG_LEVEL", "LOG_IS_JSON_OUTPUT", "WSO2_AUTH_FAILURE_REQUEST_RETRIES", "OIDC_AUTH_FAILURE_REQUEST_RETRIES",
    "OAUTH_REFRESH_RETRY_SECONDS", "API_TYPE", "REJECT_EXPIRED_QUOTE_RESPONSES", "REJECT_TRANSFERS_ON_EXPIRED_QUOTES",
    "REJECT_EXPIRED_TRANSFER_FULFILS", "JWS_SIGN_PUT_PARTIES", "VALIDATE_INBOUND_PUT_PARTIES_JWS", "ENABLE_BACKEND_EVENT_HANDLER",
    "ENABLE_FSPIOP_EVENT_HANDLER",
})  # fmt: skip
"""Decided here, and free to be decided otherwise."""
_PROTECTED = frozenset({
    "WSO2_BEARER_TOKEN", "OIDC_BEARER_TOKEN", "OAUTH_TOKEN_ENDPOINT_CLIENT_KEY", "OAUTH_TOKEN_ENDPOINT_CLIENT_SECRET",
    "OAUTH_TOKEN_ENDPOINT_LISTEN_PORT", "ALLOW_TRANSFER_WITHOUT_QUOTE",
})  # fmt: skip


def _path(connector: SdkConnector, name: str) -> str:
    return f"{connector.folder}/current/{name}"


def _quoted(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not _QUOTABLE.fullmatch(value):
        remedy = "Use printable ASCII characters without an apostrophe."
        raise ConnectorError(f"{name} holds a character that no environment file carries", remedy=remedy, reason="settings-wrong")
    return f"'{value}'"
