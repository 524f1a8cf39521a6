# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's own stack, where one organisation runs the hub and the participant: it stands in for what the hub publishes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HUB
from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import stack_outputs
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

from .components import Component
from .dfsp_facts import DfspFacts


class HubReference(Component):
    """A reference to the hub's stack; until its outputs were compared with the description, ``options`` hold everything back."""

    def __init__(self, name: str, stack: str, facts: DfspFacts) -> None:
        """``stack``: its name as Pulumi's back end has it (``organization/mojaloop-hub/live``); empty: there is none."""
        super().__init__(name, None)
        self._compared: pulumi.Output[list[pulumi.Resource]] | None = None
        if stack:
            reference = pulumi.StackReference(stack, opts=self.child)
            self._compared = reference.outputs.apply(lambda found: _agreeing(reference, stack, facts, found))
        self.register_outputs({})

    def options(self, given: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """These options, and that what the hub's stack says agrees with the description."""
        return pulumi.ResourceOptions.merge(given, pulumi.ResourceOptions(depends_on=self._compared)) if self._compared else given


def _agreeing(reference: pulumi.Resource, stack: str, facts: DfspFacts, found: Mapping[str, Any]) -> list[pulumi.Resource]:
    try:
        compare(stack, facts, found)
    except OnboardingError as error:
        raise pulumi.RunError(str(error)) from error
    return [reference]


def compare(stack: str, facts: DfspFacts, found: Mapping[str, Any]) -> None:
    """OnboardingError where the outputs are not those of this environment's hub, at the place that a person approved."""
    # A reference knows no whole numbers, only numbers.
    plain = json.loads(json.dumps(dict(found)), parse_float=lambda text: int(float(text)) if float(text).is_integer() else float(text))
    outputs = stack_outputs(json.dumps(plain).encode(), where=f"the stack {stack}")
    if outputs.side != HUB:
        raise OnboardingError(f"is the stack of {outputs.side}", where=f"the stack {stack}", remedy="Name the hub's in hubStack.")
    gateway = outputs.values["fspiopGateway"]
    has = (outputs.environment, gateway["host"], gateway["port"])
    approved = (facts.environment, facts.hub_host, facts.hub_port)
    if has != approved:
        says, kept = ("{} at {}:{}".format(*each) for each in (has, approved))
        what = f"awaiting approval: the hub's stack is of {says}; approved: {kept}"
        raise OnboardingError(what, where=f"the stack {stack}", remedy="Approve it in hub.yml, or name another stack.")
