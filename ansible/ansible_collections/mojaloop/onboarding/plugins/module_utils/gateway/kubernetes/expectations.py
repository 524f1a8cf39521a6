# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be on the cluster before anybody is let in: without it, a participant's policy would allow more than it says.

The Pulumi program makes it, and makes it anew where someone changed it; here it is only read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...remote.kubernetes import (
    AUTHORIZATION_POLICY,
    DEPLOYMENT,
    ENVOY_FILTER,
    GATEWAY,
    REQUEST_AUTHENTICATION,
    Cluster,
    Kind,
)
from ..model import GatewayModel, TokenRules
from .place import GATEWAY as GATEWAY_LABEL
from .place import Place

_STRICT = ("normalize_path", "merge_slashes")
_FROM_THE_HEADER = [{"name": "Authorization", "prefix": "Bearer "}]


def lacking(cluster: Cluster, place: Place, model: GatewayModel) -> list[str]:
    """What is missing or otherwise than it must be, each as a sentence without its end; empty when all is there."""
    return list(_Environment(cluster, place).lacking(model))


class _Environment:
    def __init__(self, cluster: Cluster, place: Place) -> None:
        self._cluster, self._place = cluster, place
        self._labels = {"matchLabels": place.selector}

    def lacking(self, model: GatewayModel) -> Iterator[str]:
        yield from self._floor()
        yield from self._other_policies()
        yield from self._listener()
        yield from self._certificate_header()
        yield from self._strict_requests()
        if model.inbound and model.inbound.tokens:
            yield from self._tokens(model.inbound.tokens)
            yield from self._source_once()

    def _spec(self, kind: Kind, name: str) -> dict[str, Any]:
        found = self._cluster.read(kind, self._place.on.namespace, name)
        return dict(found["spec"]) if found else {}

    def _related(self, kind: Kind, subject: str) -> dict[str, Any]:
        return self._spec(kind, f"{self._place.on.listener}-{subject}")

    def _floor(self) -> Iterator[str]:
        spec = self._related(AUTHORIZATION_POLICY, "floor")
        if spec.get("selector") != self._labels or spec.get("rules") or spec.get("action", "ALLOW") != "ALLOW":
            yield f"AuthorizationPolicy {self._place.on.listener}-floor, which lets nothing pass, is missing or differs"

    def _other_policies(self) -> Iterator[str]:
        """One more policy that allows would let pass what no participant's does."""
        for found in self._cluster.listed(AUTHORIZATION_POLICY, self._place.on.namespace):
            # Whatever carries this gateway's labels is compared with what it should be, and goes where it should not be.
            ours = found["metadata"].get("labels", {}).get(GATEWAY_LABEL) == self._place.labels[GATEWAY_LABEL]
            spec = found.get("spec", {})
            selected = spec.get("selector", {}).get("matchLabels", {})
            meets = selected.items() <= self._place.selector.items() or "targetRefs" in spec
            if not ours and meets and spec.get("action", "ALLOW") == "ALLOW" and spec.get("rules"):
                yield f"AuthorizationPolicy {found['metadata']['name']} allows requests too, and is not this pack's"

    def _listener(self) -> Iterator[str]:
        servers = self._spec(GATEWAY, self._place.on.listener).get("servers", [])
        modes = [(server.get("tls", {}).get("mode"), server.get("tls", {}).get("credentialName")) for server in servers]
        if not modes or set(modes) != {("MUTUAL", self._place.on.certificate)}:
            yield f"Gateway {self._place.on.listener} is missing, or is not MUTUAL with the Secret {self._place.on.certificate}"

    def _certificate_header(self) -> Iterator[str]:
        template = self._spec(DEPLOYMENT, self._place.on.gateway).get("template", {})
        config = _parsed(template.get("metadata", {}).get("annotations", {}).get("proxy.istio.io/config", ""))
        if config.get("gatewayTopology", {}).get("forwardClientCertDetails") != "SANITIZE_SET":
            yield f"Deployment {self._place.on.gateway} does not set forwardClientCertDetails: SANITIZE_SET"

    def _strict_requests(self) -> Iterator[str]:
        found = [patch["patch"]["value"].get("typed_config", {}) for patch in self._patches("strict-requests")]
        strict = [
            config
            for config in found
            if all(config.get(key) is True for key in _STRICT)
            and config.get("path_with_escaped_slashes_action") == "REJECT_REQUEST"
            and config.get("common_http_protocol_options", {}).get("headers_with_underscores_action") == "REJECT_REQUEST"
        ]
        if not strict:
            yield f"EnvoyFilter {self._place.on.listener}-strict-requests, which normalises paths and headers, is missing or differs"

    def _source_once(self) -> Iterator[str]:
        codes = [json.dumps(patch["patch"]["value"]) for patch in self._patches("source-once")]
        if not any('getNumValues(\\"fspiop-source\\") ~= 1' in code for code in codes):
            yield f"EnvoyFilter {self._place.on.listener}-source-once, which counts FSPIOP-Source, is missing or differs"

    def _patches(self, subject: str) -> list[Mapping[str, Any]]:
        spec = self._related(ENVOY_FILTER, subject)
        selected = spec.get("workloadSelector", {}).get("labels") == self._place.selector
        return [patch for patch in spec.get("configPatches", []) if "patch" in patch] if selected else []

    def _tokens(self, rules: TokenRules) -> Iterator[str]:
        spec = self._related(REQUEST_AUTHENTICATION, "tokens")
        wanted = (rules.issuer, [rules.audience], _FROM_THE_HEADER)
        found = [(rule.get("issuer"), rule.get("audiences"), rule.get("fromHeaders")) for rule in spec.get("jwtRules", [])]
        if spec.get("selector") != self._labels or found != [wanted]:
            yield f"RequestAuthentication {self._place.on.listener}-tokens is missing, or is not for the described issuer and audience"


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
