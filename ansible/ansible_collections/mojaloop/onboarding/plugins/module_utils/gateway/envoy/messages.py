# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages of Envoy's v3 API that several parts of a release need (protocol buffers as JSON, fields by their proto names).

Values are written as Envoy's ``config_dump`` prints them, without defaults: what is in force is compared with what was written.
"""

from __future__ import annotations

from typing import Any

from ...description.model import EnvoyGateway, Listener
from .. import policy, rules
from .script import NAMESPACE

Message = dict[str, Any]
TYPE = "type.googleapis.com/envoy."
BUFFER = 65536
"""Bytes that are held of one connection."""
_RETRIES = {"retry_on": "connect-failure", "num_retries": 3}


def from_file(gateway: EnvoyGateway, name: str) -> Message:
    """A file that Envoy watches: a new one that is moved there takes effect."""
    folder = rules.checked(rules.FILE, gateway.folder, what="folder")
    return {"path_config_source": {"path": f"{folder}/live/{name}"}, "resource_api_version": "V3"}


def secret(gateway: EnvoyGateway, name: str) -> Message:
    """A certificate or trust by SDS."""
    return {"name": name, "sds_config": from_file(gateway, f"secret-{name}.json")}


def tls_parameters() -> Message:
    """TLS as the policy has it; which suites of TLS 1.3 there are is fixed in BoringSSL, and they are the policy's."""
    return {
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
        "cipher_suites": list(policy.CIPHERS),
        "ecdh_curves": list(policy.CURVES),
    }


def address(where: Listener | tuple[str, int]) -> Message:
    """A socket address; GatewayError when it may not enter."""
    host, port = (str(where.address), where.port) if isinstance(where, Listener) else where
    return {"socket_address": {"address": rules.checked(rules.HOST, host, what="address"), "port_value": port}}


def access_log(name: str, gateway: EnvoyGateway, facts: str) -> list[Message]:
    """One line a request. Its end tells why a server could not be spoken with: an impostor's certificate, for one."""
    line = f"%DOWNSTREAM_REMOTE_ADDRESS% [%START_TIME%] {name} %UPSTREAM_CLUSTER% %DURATION% %RESPONSE_CODE% %BYTES_SENT% {facts} "
    return _log(gateway, f"{line}server=%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%")


def connections_log(gateway: EnvoyGateway) -> list[Message]:
    """One line for each connection that has ended: with why, where it was no TLS connection that the policy permits."""
    return _log(gateway, "%DOWNSTREAM_REMOTE_ADDRESS% [%START_TIME%] connection ended tls=%DOWNSTREAM_TRANSPORT_FAILURE_REASON%")


def of_request(name: str) -> str:
    """A fact that the script noted, for the log."""
    return f"%DYNAMIC_METADATA({NAMESPACE}:{name})%"


def connection_manager(name: str, gateway: EnvoyGateway, filters: list[Message], facts: str) -> Message:
    """What reads requests: HTTP/1.1 alone, nothing rewritten, what is ambiguous refused."""
    ended = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{TYPE}extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }
    return {
        "@type": f"{TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "codec_type": "HTTP1",
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": from_file(gateway, f"routes-{name}.json")},
        "http_filters": [*filters, ended],
        "common_http_protocol_options": {
            "idle_timeout": f"{policy.SERVER_SECONDS}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http_protocol_options": {
            "allow_absolute_url": False,
            "ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}],
        },
        "access_log": access_log(name, gateway, facts),
        "use_remote_address": True,
        "stream_idle_timeout": f"{policy.SERVER_SECONDS}s",
        "request_timeout": f"{policy.REQUEST_SECONDS}s",
        "request_headers_timeout": f"{policy.REQUEST_SECONDS}s",
        "generate_request_id": False,
        "normalize_path": False,
        "skip_xff_append": True,
        "server_header_transformation": "PASS_THROUGH",
    }


def script_filter(script: str) -> Message:
    """The filter that judges."""
    config = {"@type": f"{TYPE}extensions.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": script}}
    return {"name": "envoy.filters.http.lua", "typed_config": config}


def route(verdict: str, action: Message) -> Message:
    """What the script let pass goes on; a server that cannot be connected to is tried again."""
    matched = {"filter": NAMESPACE, "path": [{"key": "verdict"}], "value": {"string_match": {"exact": verdict}}}
    return {
        "match": {"prefix": "", "dynamic_metadata": [matched]},
        "route": {"timeout": f"{policy.SERVER_SECONDS}s", "retry_policy": dict(_RETRIES), **action},
        "request_headers_to_remove": ["x-forwarded-proto"],
    }


def refusing(facts: Message) -> Message:
    """The last route: no one passes without a verdict. Its metadata is what the script knows; the host adds the tables."""
    answers = {f"refusal:{reason}": {"status": str(one.status), "body": one.body(reason)} for reason, one in policy.REFUSALS.items()}
    return {
        "match": {"prefix": ""},
        "direct_response": {"status": 403},
        "metadata": {"filter_metadata": {"envoy.filters.http.lua": {"facts": facts, **answers}}},
    }


def routes_of(name: str, routes: list[Message]) -> Message:
    """A route configuration (RDS)."""
    return {"name": name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}


def _log(gateway: EnvoyGateway, line: str) -> list[Message]:
    text = {"text_format_source": {"inline_string": f"{line}\n"}}
    loggers = f"{TYPE}extensions.access_loggers"
    if gateway.log == "stdout":
        return [{"name": "log", "typed_config": {"@type": f"{loggers}.stream.v3.StdoutAccessLog", "log_format": text}}]
    path = rules.checked(rules.FILE, gateway.log, what="log")
    return [{"name": "log", "typed_config": {"@type": f"{loggers}.file.v3.FileAccessLog", "path": path, "log_format": text}}]
