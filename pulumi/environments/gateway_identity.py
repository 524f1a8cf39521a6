# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What identity at an Istio gateway stands on, as specifications: who calls is proved by certificate, token, header and address.

The rules of one participant are not here: they follow the state of its onboarding, and Ansible writes them. What is here
closes the ways around them, and lets nothing pass as long as no rule does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .hub_facts import TokenIssuer

Spec = dict[str, Any]
_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
_CONNECTION_MANAGER_TYPE = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_LUA_TYPE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
# Envoy judges each value of a repeated header by itself, so a policy alone does not see the second one; and no policy compares a
# header with the request, or sees what is encoded twice. The base path is one of a description: nothing in it ends Lua's text.
_SOURCE_ONCE = """\
local base = "BASE"
local unclear = {["25"] = true, ["2e"] = true, ["2f"] = true, ["3b"] = true, ["5c"] = true, ["7f"] = true}
local function refuse(handle, status, code, text)
  handle:respond({[":status"] = status, ["content-type"] = "application/json"},
    '{"errorInformation":{"errorCode":"' .. code .. '","errorDescription":"' .. text .. '"}}')
end
local function clear(path)
  if not string.find(path, "^/[%w/._~!$&()*+,=:@%%-]*$") then return false end
  for code in string.gmatch(path, "%%(.?.?)") do
    if not string.find(code, "^%x%x$") or unclear[string.lower(code)] or tonumber(code, 16) < 32 then return false end
  end
  return true
end
local function agrees(headers, name, wanted)
  local count = headers:getNumValues(name)
  return count == 0 or (count == 1 and headers:get(name) == wanted)
end
function envoy_on_request(handle)
  local headers = handle:headers()
  local value, target = headers:get("fspiop-source"), headers:get(":path")
  if headers:getNumValues("fspiop-source") ~= 1 or value == "" or string.find(value, ",", 1, true) then
    refuse(handle, "400", "3100", "Exactly one FSPIOP-Source header is required")
  elseif headers:getNumValues("fspiop-destination") > 1 then
    refuse(handle, "400", "3101", "At most one FSPIOP-Destination header is allowed")
  elseif not clear(string.match(target, "^[^?]*")) then
    refuse(handle, "404", "3002", "Unknown URI")
  elseif not agrees(headers, "fspiop-http-method", headers:get(":method"))
    or not agrees(headers, "fspiop-uri", string.sub(target, #base + 1)) then
    refuse(handle, "400", "3101", "A header does not agree with the request")
  end
end
"""


def gateway_spec(selector: Mapping[str, str], *, host: str, port: int, certificate: str) -> Spec:
    """A listener with mutual TLS for one host."""
    return {
        "selector": dict(selector),
        "servers": [
            {
                "hosts": [host],
                "port": {"number": port, "name": "https", "protocol": "HTTPS"},
                "tls": {"mode": "MUTUAL", "credentialName": certificate, "minProtocolVersion": "TLSV1_2"},
            }
        ],
    }


def allow_nothing_spec(selector: Mapping[str, str]) -> Spec:
    """A policy without a rule: with it, only what another policy allows passes; without any, everything would."""
    return {"selector": {"matchLabels": dict(selector)}}


def allow_networks_spec(selector: Mapping[str, str], networks: Sequence[str]) -> Spec:
    """A policy that lets calls from some networks pass, which must be some."""
    if not networks:
        raise ValueError("a rule without a network would let everything pass")
    return {"selector": {"matchLabels": dict(selector)}, "rules": [{"from": [{"source": {"ipBlocks": list(networks)}}]}]}


def token_spec(selector: Mapping[str, str], issuer: TokenIssuer) -> Spec:
    """Tokens of one issuer for one audience, from the header alone: Istio would take them from the URL too."""
    rule = {
        "issuer": issuer.issuer,
        "audiences": [issuer.audience],
        "jwksUri": issuer.jwks_url,
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
    }
    return {"selector": {"matchLabels": dict(selector)}, "jwtRules": [rule]}


def strict_requests_spec(selector: Mapping[str, str]) -> Spec:
    """Paths are judged as the services behind will read them; header names with underscores, which some of those mistake, end there."""
    value = {
        "@type": _CONNECTION_MANAGER_TYPE,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
    }
    patch = {"applyTo": "NETWORK_FILTER", "match": _match(), "patch": {"operation": "MERGE", "value": {"typed_config": value}}}
    return {"workloadSelector": {"labels": dict(selector)}, "configPatches": [patch]}


def source_once_spec(selector: Mapping[str, str], base: str = "") -> Spec:
    """A request without exactly one value of FSPIOP-Source gets 400, as one whose headers say another method or URI than it has.

    An unclear path gets 404. ``base`` is the path in front of the resources, which FSPIOP-URI leaves out.
    """
    code = {"inline_string": _SOURCE_ONCE.replace("BASE", base)}
    value = {"name": "fspiop-source-once", "typed_config": {"@type": _LUA_TYPE, "default_source_code": code}}
    match = _match(subFilter={"name": "envoy.filters.http.router"})
    patch = {"applyTo": "HTTP_FILTER", "match": match, "patch": {"operation": "INSERT_BEFORE", "value": value}}
    return {"workloadSelector": {"labels": dict(selector)}, "configPatches": [patch]}


def _match(**within: Mapping[str, str]) -> Spec:
    return {"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": _CONNECTION_MANAGER, **within}}}}
