# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps one gateway: an action, because description and store are on the controller and the running gateway is not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase

from ..module_utils.description.loading import load_description
from ..module_utils.description.model import HUB, Description, Gateway
from ..module_utils.errors import GatewayError, OnboardingError
from ..module_utils.findings import faults
from ..module_utils.gateway.comparison import Plan, archive, plan, readable, vanished
from ..module_utils.gateway.desired import gateway_model
from ..module_utils.gateway.haproxy import render
from ..module_utils.gateway.model import GatewayModel
from ..module_utils.gateway.token_keys import authorization_facts, stand_in
from ..module_utils.host.gateway_release import ARCHIVE
from ..module_utils.steps.run import select_participants
from ..module_utils.steps.sequence import Request, rehearsed
from ..module_utils.store.tree import DiskTree, Tree

CONFIRM_WITHIN = 30
"""Seconds until the host undoes a change that was not confirmed."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Compares on the controller, has the host change itself, and confirms over a new connection."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"description", "state", "participants", "side", "host", "service", "confirm_within"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        missing = [name for name in ("description", "state", "side") if not self._task.args.get(name)]
        if missing:
            raise AnsibleActionFail(f"missing required arguments: {', '.join(missing)}")
        try:
            return self._carry_out(load_description(Path(self._task.args["description"]), state=self._task.args["state"]))
        except OnboardingError as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 -- as every action plugin ends

    def _carry_out(self, description: Description) -> dict[str, Any]:
        side = self._task.args["side"]
        chosen = {participant.name for participant in select_participants(description, self._wanted())}
        if side != HUB and side not in chosen:
            return _result((), changed=False)
        gateway = self._gateway(description)
        model = self._model(description, gateway)
        if model.inbound is None:
            return _result(model.findings, changed=False)
        order = self._place(gateway)
        observation = self._order({**order, "do": "observe"})["observation"]
        release, scope = render(model), chosen if side == HUB else None
        if scope is not None and not self._wanted():
            model = replace(model, findings=(*model.findings, *vanished(model, observation, description.known_names)))
        made = plan(model, release, observation, scope)
        result = _result(made.findings, changed=made.changes)
        if self._task.diff:
            result["diff"] = readable(made, observation)
        if made.changes and not self._task.check_mode:
            result["reloads"], observation = self._change(model, made, order)
            self._expect_nothing_left(plan(model, release, observation, scope))
        return result

    def _gateway(self, description: Description) -> Gateway:
        """The gateway that the description has on this host."""
        side, host = self._task.args["side"], self._task.args.get("host") or self._variables["inventory_hostname"]
        try:
            return next(gateway for gateway in description.side(side).gateways if gateway.host == host)
        except (KeyError, StopIteration) as error:
            remedy = "Name hub or a participant's id as side, and a host that its gateways name."
            raise GatewayError(f"{side} has no gateway here", where=str(host), remedy=remedy) from error

    def _model(self, description: Description, gateway: Gateway) -> GatewayModel:
        """What the gateway must do; in check mode from a rehearsal of the steps on the store."""
        side, tree = self._task.args["side"], self.tree_for(self._wanted())
        facts = authorization_facts(description.hub.authorization_server if side == HUB else None, tree)
        if self._task.check_mode and side == HUB and not facts.keys and description.hub.authorization_server:
            facts = replace(facts, keys=(stand_in(),))
        return gateway_model(description, side, gateway, tree, facts)

    def tree_for(self, participants: Collection[str]) -> Tree:
        """The state folder: as it is, or in check mode as the steps before this one would leave it."""
        if not self._task.check_mode:
            return DiskTree(Path(self._task.args["state"]))
        request = Request(self._task.args["description"], self._task.args["state"], participants=list(participants), check=True)
        return rehearsed(request).tree

    def _wanted(self) -> list[str]:
        wanted = self._task.args.get("participants") or []
        return [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else list(wanted)

    def _place(self, gateway: Gateway) -> dict[str, Any]:
        return {
            "folder": gateway.folder,
            "master_socket": gateway.master_socket,
            "stats_socket": gateway.stats_socket,
            "service": self._task.args.get("service") or "",
        }

    def _change(self, model: GatewayModel, made: Plan, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Have the host change itself; returns the number of reloads and what is in force after the confirmation."""
        if self._connection.become:
            remedy = "Connect as the user that owns the gateway's folder."
            raise GatewayError("keys are not sent with privilege escalation", where=order["folder"], remedy=remedy)
        staging = self._order({**order, "do": "stage"})["staging"]
        self._send(archive(made), f"{staging}/{ARCHIVE}")
        door = model.inbound
        doors = [[str(listener.address), listener.port] for listener in door.listeners] if door else []
        proved = {"doors": doors, "proxy_protocol": bool(door and door.proxy_protocol)}
        seconds = int(self._task.args.get("confirm_within") or CONFIRM_WITHIN)
        change = {"staging": staging, "digest": made.digest, "files": dict(made.files), "seconds": seconds, **proved}
        done = self._order({**order, "do": "apply", **change})
        self._renew_connection()
        answer = self._order({**order, "do": "confirm", "ticket": done["ticket"]})
        if not answer["confirmed"]:
            remedy = "Give confirm_within more seconds."
            raise GatewayError("the change was undone: its confirmation came too late", where=model.host, remedy=remedy)
        return done["reloads"], answer["observation"]

    def _send(self, content: bytes, target: str) -> None:
        """Bring one file to the host; on both ends only its owner can read it."""
        handle, local = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            self._transfer_file(local, target)
        finally:
            Path(local).unlink()

    def _expect_nothing_left(self, left: Plan) -> None:
        if left.changes:
            remaining = "; ".join(str(finding) for finding in left.findings)
            raise GatewayError("the change did not take effect", where=str(self._variables.get("inventory_hostname", "")), remedy=remaining)

    def _renew_connection(self) -> None:
        """A connection that was there before the change proves nothing: the next one has to come through anew."""
        if type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()
        else:
            self._connection.close()

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="mojaloop.onboarding.gateway", module_args={"order": order}, task_vars=self._variables
        )
        if answer.get("failed") or answer.get("unreachable"):
            what = f"{order['do']} failed: {answer.get('msg', 'no answer')} {answer.get('module_stderr', '')}".strip()
            raise GatewayError(what, where=str(self._variables.get("inventory_hostname", "")))
        return answer


def _result(findings: Collection[Any], *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "findings": [finding.as_dict() for finding in findings],
        "faults": len(faults(findings)),
        "reloads": 0,
    }
