# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Base class of the actions that configure a host: compared on the controller, changed by the host, confirmed over a new connection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase

from ..module_utils.description.loading import load_description
from ..module_utils.description.model import HUB, Description
from ..module_utils.errors import OnboardingError
from ..module_utils.findings import Finding
from ..module_utils.guarding import OF_THE_PROCESS, unexpected
from ..module_utils.host.releases import MEANWHILE
from ..module_utils.nameless import nameless_file
from ..module_utils.steps.run import select_participants, select_sides
from .asked import refuse_misspelt
from .playbook import Kept, PlaybookFolder, result_of

CONFIRM_WITHIN = 30
"""Seconds until the host undoes a change that was not confirmed."""
LONGEST = 3600
"""Seconds after which no one waits for a confirmation any more: a listener that no one reaches would stay as it is for so long."""


class HostAction(ActionBase):  # type: ignore[misc]
    """Loads the description, judges the arguments, and speaks with the module of the same name on the host."""

    _supports_check_mode = True
    COMMON: ClassVar[frozenset[str]] = frozenset({"description", "state", "participants", "sides", "side", "host", "confirm_within"})
    REQUIRED: ClassVar[tuple[str, ...]] = ("description", "side")
    ERROR: ClassVar[type[OnboardingError]] = OnboardingError
    UNDONE: ClassVar[str] = ""
    """What is in force when the host could not carry out a change."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        refuse_misspelt(self._loader)
        self._folder = PlaybookFolder(str(self._task.args.get("description") or ""))
        host, action = str(self._variables.get("inventory_hostname", "")), self._task.action
        try:
            result = self._judged()
        except AnsibleActionFail as error:
            self._folder.keep(Kept(host, action, failed=str(error)))
            raise
        self._folder.keep(result_of(host, action, result))
        return result

    def _judged(self) -> dict[str, Any]:
        missing = [name for name in self.REQUIRED if not self._task.args.get(name)]
        if missing:
            raise AnsibleActionFail(f"missing required arguments: {', '.join(missing)}")
        try:
            description = load_description(Path(self._task.args["description"]), state=self._task.args.get("state") or "")
            self._seconds = self._confirm_within()
            if self._is_elsewhere(description):
                why = f"{self._task.args['side']} is not among the sides carried out here: {', '.join(self._sides())}"
                return {**self.result((), changed=False), "skipped": True, "skip_reason": why}
            return self.carry_out(description)
        except OnboardingError as error:
            raise AnsibleActionFail(str(error)) from error
        except (AnsibleError, *OF_THE_PROCESS):
            raise
        except BaseException as error:  # noqa: BLE001 -- a defect met with one host
            # The summary names this host, and the others go on. The words of the error itself may hold what no log may.
            raise AnsibleActionFail(unexpected(error)) from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 -- as every action plugin ends

    def carry_out(self, description: Description) -> dict[str, Any]:
        """Compare and, unless in check mode, change; returns the result of the task."""
        raise NotImplementedError

    def result(self, findings: Sequence[Finding], *, changed: bool) -> dict[str, Any]:
        """The result of a task that found this."""
        raise NotImplementedError

    def _is_elsewhere(self, description: Description) -> bool:
        """Whether the side of this host is one that is described and not carried out in this run."""
        described = {HUB, *(participant.name for participant in description.participants)}
        side = self._task.args["side"]
        return side in described and side not in select_sides(description, self._sides())

    def _chosen(self, description: Description) -> set[str]:
        """The participants that the run is about; with everybody those too of whose file only the end of their access is taken."""
        chosen = {participant.name for participant in select_participants(description, self._wanted())}
        return chosen if self._wanted() else chosen | description.closed_names

    def _wanted(self) -> list[str]:
        return self._names("participants")

    def _sides(self) -> list[str]:
        return self._names("sides") or ["all"]

    def _names(self, argument: str) -> list[str]:
        given = self._task.args.get(argument) or []
        return [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)

    def _confirm_within(self) -> int:
        """Seconds; an error of this action when it is none."""
        given = self._task.args.get("confirm_within")
        text = str(CONFIRM_WITHIN if given is None else given)
        if not (text.isascii() and text.isdigit() and 0 < int(text) <= LONGEST):
            remedy = f"Give a whole number of seconds from 1 to {LONGEST}."
            raise self.ERROR(f"{text[:80]!r} is no time to confirm a change within", where="confirm_within", remedy=remedy)
        return int(text)

    def _renew_connection(self) -> None:
        """A connection that was there before the change proves nothing: the next one has to come through anew."""
        if type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()
        else:
            self._connection.close()

    def _send(self, content: bytes, target: str) -> None:
        """Bring one file to the host, where only its owner can read it; here it has no name that could outlive the run."""
        if self._connection.transport == "local":
            # The plugin of local connections follows links to names, and this file has none.
            self._write_here(content, target)
            return
        with nameless_file(content) as local:
            try:
                self._transfer_file(local, target)
            except AnsibleError as error:
                raise self.ERROR(f"{MEANWHILE}, or takes no file: {error}", where=target, remedy="Run again.") from error

    def _write_here(self, content: bytes, target: str) -> None:
        """Write the file on this machine, for its owner alone."""
        try:
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
                stream.write(content)
        except OSError as error:
            raise self.ERROR(f"{MEANWHILE}, or takes no file: {error.strerror}", where=target, remedy="Run again.") from error

    def _refuse_escalation(self, where: str) -> None:
        """Threat: what is sent for another account lies where the account of the connection can read it. Check mode says so too."""
        if self._connection.become:
            remedy = "Leave ansible_become out for this host, and connect as the user that owns this folder: ansible_user: root."
            raise self.ERROR("keys are not sent with privilege escalation", where=where, remedy=remedy)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have the host do one thing. It may wait for an earlier change's confirmation for as long as this one's may take."""
        answer: dict[str, Any] = self._execute_module(
            module_name=f"mojaloop.onboarding.{self._task.action.rpartition('.')[2]}",
            module_args={"order": {"seconds": self._seconds, **order}},
            task_vars=self._variables,
        )
        if answer.get("failed") or answer.get("unreachable"):
            what = f"{order['do']} failed: {answer.get('msg', 'no answer')} {answer.get('module_stderr', '')}".strip()
            remedy = self.UNDONE if order["do"] == "apply" else ""
            raise self.ERROR(what, where=str(self._variables.get("inventory_hostname", "")), remedy=remedy)
        return answer
