# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the packet filter of a gateway host: an action, because the description is on the controller and the kernel is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..module_utils.description.model import HUB, Description, Firewall, NftablesFirewall
from ..module_utils.errors import FirewallError
from ..module_utils.findings import Finding, changes, faults
from ..module_utils.firewall.comparison import FirewallPlan, plan_firewall, readable
from ..module_utils.firewall.model import firewall_model
from ..plugin_utils.hosts import HostAction


class ActionModule(HostAction):
    """Compares on the controller, has the host change itself, and confirms over a new connection."""

    _VALID_ARGS = HostAction.COMMON
    ERROR = FirewallError
    UNDONE = "The rules of before are in force."

    def carry_out(self, description: Description) -> dict[str, Any]:
        """See the base."""
        side, firewall = self._task.args["side"], self._firewall(description)
        chosen = self._chosen(description)
        if not isinstance(firewall, NftablesFirewall) or (side != HUB and side not in chosen):
            return self.result((), changed=False)
        order = {"persist_file": firewall.persist_file, "ports": list(firewall_model(description, side).guarded_inbound)}
        host = self._task.args.get("host") or self._variables["inventory_hostname"]
        observation = self._order({**order, "do": "observe"})["observation"]
        plan = plan_firewall(description, side, host, observation, chosen)
        result = self.result(plan.findings, changed=bool(changes(plan.findings)))
        if self._task.diff:
            result["diff"] = {"before": readable(observation["content"]), "after": readable(plan.content)}
        if result["changed"] and not self._task.check_mode:
            observation = self._change(plan, order)
            left = changes(plan_firewall(description, side, host, observation, chosen).findings)
            if left:
                raise FirewallError("the change did not take effect", where=host, remedy="; ".join(str(finding) for finding in left))
            result["transactions"] = 0 if plan.in_force else 1
        return result

    def result(self, findings: Sequence[Finding], *, changed: bool) -> dict[str, Any]:
        """The result of a task that found this, before any transaction."""
        reported = [finding.as_dict() for finding in findings]
        return {"changed": changed, "findings": reported, "faults": len(faults(findings)), "transactions": 0}

    def _firewall(self, description: Description) -> Firewall:
        try:
            return description.side(self._task.args["side"]).firewall
        except KeyError as error:
            remedy = "Name hub or the id of a described participant."
            raise FirewallError("no such side", where=str(self._task.args["side"]), remedy=remedy) from error

    def _change(self, plan: FirewallPlan, order: dict[str, Any]) -> dict[str, Any]:
        """Have the host change itself; returns what it observes after the confirmation."""
        order = {**order, "rules": plan.rules, "content": plan.content}
        if plan.in_force:
            return dict(self._order({**order, "do": "persist"})["observation"])
        ticket = self._order({**order, "do": "apply"})["ticket"]
        self._renew_connection()
        return dict(self._order({**order, "do": "confirm", "ticket": ticket})["observation"])
