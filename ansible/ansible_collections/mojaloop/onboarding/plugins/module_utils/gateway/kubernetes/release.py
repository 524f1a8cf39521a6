# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as objects: one file an object, and the participants' policies as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from ...description.kubernetes_gateway import KubernetesGateway
from ...document_steps import Phase
from ...errors import GatewayError
from .. import rules
from ..model import GatewayModel, Inbound
from ..release import FileRule, Release
from .callbacks import callback_objects
from .inbound import narrowing_policy, server_secret
from .place import FILE, Object, Place
from .policies import policies, tables

SERVER, NARROWED = "server.json", "narrowed.json"
RULES = (
    FileRule(SERVER, "certificate-differs", (Phase.SERVER_MADE,)),
    FileRule("destinations/*/secret.json", "certificate-differs", (Phase.CLIENT_INSTALLED, *Phase.AUTHORITY_INSTALLED)),
    FileRule("destinations/*/opening.json", "configuration-differs", (Phase.ADDRESSES,)),
    FileRule("destinations/*", "configuration-differs", (Phase.URLS,)),
)


def place_of(model: GatewayModel) -> Place:
    """Where the gateway of a model is; GatewayError for one that is not on a cluster."""
    gateway = model.gateway
    if not isinstance(gateway, KubernetesGateway) or model.inbound is None:
        raise GatewayError("is not on a cluster", where=gateway.name, remedy="Describe kind: kubernetes.")
    return Place(model.side, model.inbound.host, model.inbound.listeners[0].port, gateway)


def render(model: GatewayModel) -> Release:
    """The release of a model; GatewayError when a value may not enter, or the gateway would need what Istio cannot do."""
    place = place_of(model)
    inbound = model.inbound
    assert inbound is not None  # place_of has seen to it  # noqa: S101
    _refuse_unfit(inbound, model.host)
    admitted = policies(model, place, inbound.callers)
    objects = {SERVER: server_secret(place, inbound), NARROWED: narrowing_policy(place, inbound)}
    # A participant's connector begins TLS to the hub itself.
    for each in model.outbound.destinations if model.outbound.routed else ():
        objects.update({f"destinations/{each.participant}/{name}.json": one for name, one in callback_objects(place, each).items()})
    for name, made in objects.items():
        made["metadata"].setdefault("annotations", {})[FILE] = name
    return Release(
        {name: content(each) for name, each in objects.items()},
        tables(caller for caller in inbound.callers if caller.participant in admitted),
        RULES,
    )


def _refuse_unfit(inbound: Inbound, where: str) -> None:
    """GatewayError for what Istio cannot do, or not as safely as it would look."""
    if inbound.token_endpoint:
        remedy = "Describe authorization_server.client_certificate: tls, or a gateway of another kind."
        raise GatewayError("cannot hand a caller's certificate to the authorization server", where=where, remedy=remedy)
    if inbound.pins:
        raise GatewayError("knows callers by their certificates, not by subjects", where=where, remedy="Describe kind: haproxy.")
    if inbound.proxy_protocol:
        remedy = "Describe source_address: direct, and let the load balancer hand on the addresses of callers as they are."
        raise GatewayError("cannot judge addresses that a load balancer tells", where=where, remedy=remedy)
    if any(isinstance(name, x509.UniformResourceIdentifier) for name in _names(inbound.identity.certificate)):
        remedy = "Renew the server certificate without it."
        raise GatewayError("has a server certificate with a URI, which would stand before every caller's", where=where, remedy=remedy)


def _names(certificate: bytes) -> list[x509.GeneralName]:
    """The names of a certificate (PEM)."""
    extensions = rules.certificates(certificate)[0].extensions
    try:
        return list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def content(found: Mapping[str, Any]) -> bytes:
    """An object as a file's content: the same object gives the same bytes."""
    return json.dumps(found, sort_keys=True).encode()


def parsed(made: bytes) -> Object:
    """The object of a file."""
    found: Object = json.loads(made)
    return found
