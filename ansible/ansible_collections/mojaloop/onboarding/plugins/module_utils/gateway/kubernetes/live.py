# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cluster has of a gateway: its objects by the names of a release, those that let participants pass, those that refuse.

An object that carries this gateway's labels and is none of these was made by another hand: it is found under ``unknown/``, and goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...remote.kubernetes import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    ENVOY_FILTER,
    NETWORK_POLICY,
    SECRET,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    Cluster,
    kind_of,
    name_of,
)
from ...remote.kubernetes import GATEWAY as LISTENER
from ..release import owner_of_file
from .callbacks import callback_name
from .inbound import narrowed_name, policy_name
from .place import GATEWAY, Place, file_of, participant_of
from .release import NARROWED, SERVER
from .shutting import shut_name

ORDER = (SECRET, SERVICE_ENTRY, DESTINATION_RULE, LISTENER, VIRTUAL_SERVICE, NETWORK_POLICY, AUTHORIZATION_POLICY, ENVOY_FILTER)
"""The kinds of a gateway's objects, in the order in which they are made: what is named before what names it."""
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Live:
    """``files`` by name, in their order; ``policies`` and ``openings`` and ``routes`` (that refuse) by participant."""

    files: dict[str, Found] = field(default_factory=dict)
    policies: dict[str, Found] = field(default_factory=dict)
    openings: dict[str, Found] = field(default_factory=dict)
    routes: dict[str, Found] = field(default_factory=dict)
    objects: dict[str, Found] = field(default_factory=dict)
    """All of them, by ``name_of``."""


def read_live(cluster: Cluster, place: Place) -> Live:
    """The objects that carry the gateway's labels."""
    live = Live()
    for found in _labelled(cluster, place):
        name, participant = file_of(found), participant_of(found)
        live.objects[name_of(found)] = found
        called = (kind_of(found), found["metadata"]["name"])
        if participant and called == (ENVOY_FILTER, shut_name(participant)):
            live.routes[participant] = found
        elif participant and called == (AUTHORIZATION_POLICY, policy_name(participant)):
            live.policies[participant] = found
        elif participant and called == (NETWORK_POLICY, policy_name(participant)):
            live.openings[participant] = found
        elif name and name not in live.files and called[1].removesuffix("-mesh") == _expected(place, name):
            live.files[name] = found
        else:
            live.files[f"unknown/{found['kind']}/{found['metadata']['namespace']}/{called[1]}"] = found
    return live


def _labelled(cluster: Cluster, place: Place) -> Iterator[Found]:
    label = {GATEWAY: place.labels[GATEWAY]}
    for kind in ORDER:
        for namespace in place.namespaces:
            yield from cluster.listed(kind, namespace, label)


def _expected(place: Place, file: str) -> str:
    """How the object of a file is called."""
    own = {SERVER: place.on.certificate, NARROWED: narrowed_name(place)}
    return own.get(file) or callback_name(owner_of_file(file))
