# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps one connector: an action, because description and store are on the controller and the connector is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..module_utils.connection_manager.hosting import manager_settings
from ..module_utils.connector.comparison import ConnectorPlan, plan_connector, release_of
from ..module_utils.connector.desired import connector_model, live_finding
from ..module_utils.connector.hub_services import hub_settings
from ..module_utils.connector.model import Settings
from ..module_utils.description.model import HUB, Description, EnvironmentKind, SdkConnector
from ..module_utils.description.transports import ManagerHost
from ..module_utils.errors import ConnectorError
from ..module_utils.findings import Finding, faults
from ..module_utils.host.releases import ARCHIVE
from ..module_utils.remote.tokens import read_token
from ..module_utils.store.opening import open_tree
from ..module_utils.store.planned import load_plan
from ..module_utils.store.tree import Overlay, Tree
from ..plugin_utils.hosts import HostAction


class ActionModule(HostAction):
    """Compares on the controller, has the host change itself, and has it try what it was given."""

    _VALID_ARGS = HostAction.COMMON - {"confirm_within"}
    REQUIRED = ("description", "state", "side")
    ERROR = ConnectorError
    UNDONE = "The settings of before are in force."

    def carry_out(self, description: Description) -> dict[str, Any]:
        """See the base."""
        side = self._task.args["side"]
        if side == HUB:
            return self._hub(description)
        if side not in self._chosen(description):
            return self.result((), changed=False)
        participant = description.participant(side)
        sdk = participant.sdk
        if sdk is None or not participant.active:
            return self.result((), changed=False)
        settings, findings = connector_model(description, participant, sdk, self._tree())
        return self._compared(side, settings, findings, self._place(description, sdk))

    def _hub(self, description: Description) -> dict[str, Any]:
        """The hub's own services: their keys, and no variables to try."""
        manager = description.hub.connection_manager
        if manager and manager.server and manager.server.host == self._host():
            return self._manager(description, manager.server)
        services = description.hub.services
        if services is None:
            return self.result((), changed=False)
        settings, findings = hub_settings(description, services, self._tree())
        if description.kind is EnvironmentKind.LAB:
            services = replace(services, service="", account="")
        order = {"folder": services.folder, "service": services.service, "account": services.account, "port": 0}
        return self._compared(HUB, settings, findings, order)

    def _manager(self, description: Description, place: ManagerHost) -> dict[str, Any]:
        """The hub's Connection Manager."""
        settings = manager_settings(description, place, read_token)
        if description.kind is EnvironmentKind.LAB:
            place = replace(place, service="", account="")
        order = {"folder": place.folder, "service": place.service, "account": place.account, "port": place.port}
        return self._compared(HUB, settings, [], order)

    def _compared(self, side: str, settings: Settings | None, findings: list[Finding], order: dict[str, Any]) -> dict[str, Any]:
        self._refuse_escalation(f"{self._host()}:{order['folder']}")
        if settings is None:
            return self.result(findings, changed=any(finding.pending_on == "" for finding in findings))
        result = self._compare(side, settings, order)
        return {**result, **self._counted([*findings, *(Finding.from_dict(one) for one in result["findings"])])}

    def _compare(self, side: str, settings: Settings, order: dict[str, Any]) -> dict[str, Any]:
        observation = self._order({**order, "do": "observe"})["observation"]
        plan = plan_connector(side, self._host(), settings, observation, starts=bool(order["service"]))
        changed = plan.release or plan.keys or plan.start
        result = self.result(plan.findings, changed=changed)
        if self._task.diff:
            before = {**observation["files"], **observation["peer_keys"]}
            result["diff"] = {"before": _lines(before), "after": _lines(release_of(settings).digests)}
        if changed and not self._task.check_mode:
            result["restarts"] = self._change(settings, plan, {**order, "installed": observation["installed"]})
        if settings.variables and (observation["installed"] or not self._task.check_mode):
            live = [live_finding(side, self._host(), fault) for fault in self._order({**order, "do": "check"})["faults"]]
            result |= self._counted([*plan.findings, *live])
        return result

    def _change(self, settings: Settings, plan: ConnectorPlan, order: dict[str, Any]) -> int:
        """Have the host change itself; returns the number of restarts."""
        if plan.keys:
            self._order({**order, "do": "keys", "keys": {name: pem.decode("ascii") for name, pem in settings.peer_keys.items()}})
        if plan.release:
            release = release_of(settings)
            staging = self._order({**order, "do": "stage"})["staging"]
            self._send(release.archive(), f"{staging}/{ARCHIVE}")
            change = {"staging": staging, "digest": release.digest, "files": release.digests}
            return int(self._order({**order, "do": "apply", **change})["restarts"])
        return int(self._order({**order, "do": "start"})["restarts"]) if plan.start else 0

    def result(self, findings: Sequence[Finding], *, changed: bool) -> dict[str, Any]:
        """The result of a task that found this, before any restart."""
        return {"changed": changed, "restarts": 0, **self._counted(findings)}

    def _counted(self, findings: Sequence[Finding]) -> dict[str, Any]:
        return {"findings": [finding.as_dict() for finding in findings], "faults": len(faults(findings))}

    def _host(self) -> str:
        return str(self._task.args.get("host") or self._variables["inventory_hostname"])

    def _tree(self) -> Tree:
        """The state folder: as it is, or in check mode as the tasks before this one would leave it."""
        disk = open_tree(Path(self._task.args["state"]))
        return (load_plan(self._folder.plan, disk) or Overlay(disk)) if self._task.check_mode else disk

    def _place(self, description: Description, sdk: SdkConnector) -> dict[str, Any]:
        """A lab has neither systemd nor accounts: its own supervisor starts the connector."""
        if description.kind is EnvironmentKind.LAB:
            sdk = replace(sdk, service="", account="")
        return {"folder": sdk.folder, "service": sdk.service, "account": sdk.account, "port": sdk.metrics_port}


def _lines(digests: dict[str, str]) -> str:
    return "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
