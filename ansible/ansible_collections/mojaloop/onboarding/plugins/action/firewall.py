# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the packet filter of a gateway host: an action, because the description is on the controller and the kernel is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase

from ..module_utils.description.loading import load_description
from ..module_utils.description.model import HUB, Description, Firewall
from ..module_utils.errors import FirewallError, OnboardingError
from ..module_utils.findings import changes, faults
from ..module_utils.firewall.comparison import FirewallPlan, plan_firewall, readable
from ..module_utils.firewall.model import firewall_model
from ..module_utils.steps.run import select_participants

CONFIRM_WITHIN = 30
"""Seconds until the host undoes a change that was not confirmed."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Compares on the controller, has the host change itself, and confirms over a new connection."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"description", "state", "participants", "side", "host", "confirm_within"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        missing = [name for name in ("description", "side") if not self._task.args.get(name)]
        if missing:
            raise AnsibleActionFail(f"missing required arguments: {', '.join(missing)}")
        try:
            return self._carry_out(load_description(Path(self._task.args["description"]), state=self._task.args.get("state") or ""))
        except OnboardingError as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 -- as every action plugin ends

    def _carry_out(self, description: Description) -> dict[str, Any]:
        side, firewall = self._task.args["side"], self._firewall(description)
        chosen = {participant.name for participant in select_participants(description, self._wanted())}
        if firewall.kind == "none" or (side != HUB and side not in chosen):
            return {"changed": False, "findings": [], "faults": 0, "transactions": 0}
        order = {"persist_file": firewall.persist_file, "ports": list(firewall_model(description, side).guarded_inbound)}
        host = self._task.args.get("host") or self._variables["inventory_hostname"]
        observation = self._order({**order, "do": "observe"})["observation"]
        plan = plan_firewall(description, side, host, observation, chosen)
        result = _result(plan)
        if self._task.diff:
            result["diff"] = {"before": readable(observation["content"]), "after": readable(plan.content)}
        if result["changed"] and not self._task.check_mode:
            observation = self._change(plan, order)
            left = changes(plan_firewall(description, side, host, observation, chosen).findings)
            if left:
                raise FirewallError("the change did not take effect", where=host, remedy="; ".join(str(finding) for finding in left))
            result["transactions"] = 0 if plan.in_force else 1
        return result

    def _firewall(self, description: Description) -> Firewall:
        try:
            return description.side(self._task.args["side"]).firewall
        except KeyError as error:
            remedy = "Name hub or the id of a described participant."
            raise FirewallError("no such side", where=str(self._task.args["side"]), remedy=remedy) from error

    def _wanted(self) -> list[str]:
        wanted = self._task.args.get("participants") or []
        return [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else list(wanted)

    def _change(self, plan: FirewallPlan, order: dict[str, Any]) -> dict[str, Any]:
        """Have the host change itself; returns what it observes after the confirmation."""
        order = {**order, "rules": plan.rules, "content": plan.content}
        if plan.in_force:
            return dict(self._order({**order, "do": "persist"})["observation"])
        seconds = int(self._task.args.get("confirm_within") or CONFIRM_WITHIN)
        ticket = self._order({**order, "do": "apply", "seconds": seconds})["ticket"]
        self._renew_connection()
        return dict(self._order({**order, "do": "confirm", "ticket": ticket})["observation"])

    def _renew_connection(self) -> None:
        """A connection that was there before the change proves nothing: the next one has to pass the new rules."""
        if type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()
        else:
            self._connection.close()

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="mojaloop.onboarding.firewall", module_args={"order": order}, task_vars=self._variables
        )
        if answer.get("failed") or answer.get("unreachable"):
            remedy = "The rules of before are in force." if order["do"] in {"apply", "confirm"} else ""
            what = f"{order['do']} failed: {answer.get('msg', 'no answer')} {answer.get('module_stderr', '')}".strip()
            raise FirewallError(what, where=str(self._variables.get("inventory_hostname", "")), remedy=remedy)
        return answer


def _result(plan: FirewallPlan) -> dict[str, Any]:
    return {
        "changed": bool(changes(plan.findings)),
        "findings": [finding.as_dict() for finding in plan.findings],
        "faults": len(faults(plan.findings)),
        "transactions": 0,
    }
