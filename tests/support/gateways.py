# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The description's record of a gateway, for tests that make a model without a description."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from subprocess import PIPE, run
from typing import Any

from tools.repository import ROOT

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import EnvoyGateway, Gateway, HaproxyGateway, Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel

_NOWHERE = Listener(ip_address("127.0.0.1"), 1)


def haproxy(**facts: Any) -> Gateway:  # noqa: ANN401
    """A described HAProxy called ``hub-gateway`` whose listeners do not matter."""
    return HaproxyGateway("haproxy", "hub-gateway", "hub-gateway", (_NOWHERE,), _NOWHERE, _NOWHERE, **{"log": "stdout", **facts})


def envoy(**facts: Any) -> Gateway:  # noqa: ANN401
    """A described Envoy called ``hub-gateway`` whose listeners do not matter."""
    return EnvoyGateway("envoy", "hub-gateway", "hub-gateway", (_NOWHERE,), _NOWHERE, _NOWHERE, **facts)


@cache
def envoy_program() -> str:
    """The path of Envoy, unpacked once on this machine."""
    return run([ROOT / "tests/tools/envoy_program"], check=True, stdout=PIPE, text=True).stdout.strip()


def described(model: GatewayModel, **facts: Any) -> GatewayModel:  # noqa: ANN401
    """The model with other facts of its gateway's description."""
    return replace(model, gateway=replace(model.gateway, **facts))
