# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps one gateway: an action, because description and store are on the controller and the running gateway is not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.description.model import HUB, Description, Gateway
from ..module_utils.errors import GatewayError
from ..module_utils.findings import Finding, faults
from ..module_utils.gateway.comparison import Plan, plan, plan_addresses, readable, tried, vanished
from ..module_utils.gateway.desired import gateway_model
from ..module_utils.gateway.driver import Driver, Target
from ..module_utils.gateway.drivers import driver_of
from ..module_utils.gateway.model import GatewayModel
from ..module_utils.gateway.release import Release
from ..module_utils.gateway.token_keys import authorization_facts
from ..module_utils.host.releases import MEANWHILE
from ..module_utils.oauth.listeners import keep_accepted
from ..module_utils.store.layout import accepted_path
from ..module_utils.store.opening import open_tree
from ..module_utils.store.planned import add_to_plan, load_plan
from ..module_utils.store.tree import Overlay, Tree
from ..plugin_utils.gateway_host import HostTarget
from ..plugin_utils.hosts import HostAction

TRIES = 3
"""Looks at a gateway that another run changes at the same time."""


class ActionModule(HostAction):
    """Compares on the controller, has the host change itself, and confirms over a new connection."""

    _VALID_ARGS = HostAction.COMMON | {"service", "addresses_only"}
    REQUIRED = ("description", "state", "side")
    ERROR = GatewayError

    def carry_out(self, description: Description) -> dict[str, Any]:
        """See the base."""
        side, chosen = self._task.args["side"], self._chosen(description)
        if side != HUB and side not in chosen:
            return self.result((), changed=False)
        gateway = self._gateway(description)
        driver = driver_of(gateway)
        model = self._model(description, gateway)
        target = self._target(driver, model)
        if model.inbound is None:
            return self.result(model.findings, changed=False)
        known = description.known_names if side == HUB and not self._wanted() else None
        for left in reversed(range(TRIES)):
            try:
                return self._compare(model, driver.render(model), target, chosen - model.kept if side == HUB else None, known)
            except GatewayError as error:
                if MEANWHILE not in str(error) or not left:
                    raise
        raise AssertionError

    def _compare(
        self, model: GatewayModel, release: Release, target: Target, scope: Collection[str] | None, known: Collection[str] | None
    ) -> dict[str, Any]:
        """Look, and change what differs; an error with ``MEANWHILE`` when someone else changes it at the same time."""
        compared = plan_addresses if self._addresses_only() else plan
        observation = target.observe()
        if known is None:
            model = replace(model, clients_left={})
        else:
            model = replace(model, findings=(*model.findings, *vanished(model, observation, known)))
        made = compared(model, release, observation, scope)
        result = self.result(made.findings, changed=made.changes)
        if self._task.diff:
            result["diff"] = readable(made, observation)
        if made.changes and not self._task.check_mode:
            result["reloads"], observation = target.change(made, observation)
            self._expect_nothing_left(compared(model, release, observation, scope))
        if not (made.changes and self._task.check_mode):
            result.update(self._reported((*made.findings, *tried(model, observation))))
        if model.side == HUB:
            self._keep_accepted(model.host, (made.maps if self._task.check_mode else observation["maps"]).get("clients", {}))
        return result

    def result(self, findings: Sequence[Finding], *, changed: bool) -> dict[str, Any]:
        """The result of a task that found this, before any reload."""
        return {"changed": changed, **self._reported(findings), "reloads": 0}

    def _reported(self, findings: Sequence[Finding]) -> dict[str, Any]:
        return {"findings": [finding.as_dict() for finding in findings], "faults": len(faults(findings))}

    def _addresses_only(self) -> bool:
        return bool(boolean(self._task.args.get("addresses_only") or False))

    def _gateway(self, description: Description) -> Gateway:
        """The gateway that the description has under the name of this host."""
        side, name = self._task.args["side"], self._task.args.get("host") or self._variables["inventory_hostname"]
        try:
            return next(gateway for gateway in description.side(side).gateways if gateway.name == name)
        except (KeyError, StopIteration) as error:
            remedy = "Name hub or a participant's id as side, and the name of one of its gateways as host."
            raise GatewayError(f"{side} has no gateway here", where=str(name), remedy=remedy) from error

    def _target(self, driver: Driver, model: GatewayModel) -> Target:
        """Where the gateway runs: on this host, or where its driver reaches it from here."""
        if driver.place is None:
            return driver.target(model, self._seconds)
        place = {**driver.place(model.gateway), "service": self._task.args.get("service") or ""}
        self._refuse_escalation(f"{model.host}:{place['folder']}")
        return HostTarget(model, place, self._order, self._send, self._renew_connection)

    def _model(self, description: Description, gateway: Gateway) -> GatewayModel:
        """What the gateway must do."""
        side, tree = self._task.args["side"], self._tree
        facts = authorization_facts(description.hub.authorization_server if side == HUB else None, tree)
        return gateway_model(description, side, gateway, tree, facts)

    @cached_property
    def _tree(self) -> Tree:
        """The state folder: as it is, or in check mode as the tasks before this one would leave it."""
        disk = open_tree(Path(self._task.args["state"]))
        return (load_plan(self._folder.plan, disk) or Overlay(disk)) if self._task.check_mode else disk

    def _keep_accepted(self, host: str, running: Collection[str]) -> None:
        """For the role oauth_clients: which clients the gateway accepts, or in check mode would."""
        tree = self._tree
        keep_accepted(tree, host, running)
        if self._task.check_mode and tree.changes:
            content = tree.read(accepted_path(host)) or b""
            add_to_plan(self._folder.plan, accepted_path(host), content)

    def _expect_nothing_left(self, left: Plan) -> None:
        if left.changes:
            remaining = "; ".join(str(finding) for finding in left.findings)
            raise GatewayError("the change did not take effect", where=str(self._variables.get("inventory_hostname", "")), remedy=remaining)
