# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Descriptions and models for the tests of the firewall: the lab's, with one thing changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import FirewallModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned

from . import repository


def lab() -> Description:
    """The description of the lab."""
    return load_description(repository.ROOT / "inventories" / "lab")


def changed(description: Description, name: str, **values: Any) -> Description:  # noqa: ANN401 -- any field of a participant
    """The description with some fields of one participant replaced."""
    participants = tuple(replace(each, **values) if each.name == name else each for each in description.participants)
    return replace(description, participants=participants)


def without(description: Description, name: str) -> Description:
    """The description without one participant, as if its file had vanished."""
    return replace(description, participants=tuple(each for each in description.participants if each.name != name))


def names(description: Description) -> set[str]:
    """The ids of all participants."""
    return {participant.name for participant in description.participants}


def observation(model: FirewallModel | None, **values: Any) -> dict[str, Any]:  # noqa: ANN401 -- as above
    """What a host tells on which a model is in force and persisted."""
    content = desired_content(assigned(model)) if model else None
    persisted = hashlib.sha256(render(assigned(model)).encode()).hexdigest() if model else ""
    return {"content": content, "counters": {}, "persisted": persisted, "lost": "", "loaded_at_boot": True, "neighbours": [], **values}


def model(allowed_in: dict[str, list[str]] | None = None, allowed_out: dict[str, list[tuple[str, int]]] | None = None) -> FirewallModel:
    """A model of the hub's side with a listener at 8443 and the egress addresses 203.0.113.10, 2001:db8::10."""
    outbound = allowed_out or {}
    return FirewallModel(
        side="hub",
        guarded_inbound=(8443,),
        guarded_outbound=tuple(sorted({port for destinations in outbound.values() for _, port in destinations})),
        egress=(ip_network("203.0.113.10"), ip_network("2001:db8::10")),
        allowed_in={name: tuple(ip_network(each) for each in listed) for name, listed in (allowed_in or {}).items()},
        allowed_out={name: tuple((ip_address(host), port) for host, port in destinations) for name, destinations in outbound.items()},
    )
