# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as objects: one file an object, and the participants' policies as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...description.kubernetes_gateway import KubernetesGateway
from ...document_steps import Phase
from ...errors import GatewayError
from ..model import GatewayModel
from ..release import FileRule, Release
from .inbound import narrowing_policy, server_secret
from .place import Object, Place
from .policies import policies, tables

SERVER, NARROWED = "server.json", "narrowed.json"
RULES = (FileRule(SERVER, "certificate-differs", (Phase.SERVER_MADE,)),)


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
    if inbound.token_endpoint:
        remedy = "Describe authorization_server.client_certificate: tls, or a gateway of another kind."
        raise GatewayError("cannot hand a caller's certificate to the authorization server", where=model.host, remedy=remedy)
    admitted = policies(model, place, inbound.callers)
    objects = {SERVER: server_secret(place, inbound), NARROWED: narrowing_policy(place, inbound)}
    return Release(
        {name: content(each) for name, each in objects.items()},
        tables(caller for caller in inbound.callers if caller.participant in admitted),
        RULES,
    )


def content(found: Mapping[str, Any]) -> bytes:
    """An object as a file's content: the same object gives the same bytes."""
    return json.dumps(found, sort_keys=True).encode()


def parsed(made: bytes) -> Object:
    """The object of a file."""
    found: Object = json.loads(made)
    return found
