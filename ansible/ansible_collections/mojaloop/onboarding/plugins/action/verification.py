# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the verification where its traffic starts, and shows its table: an action, because a table is for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.adapter import MISSING, VERIFICATION_ARGUMENTS, reporting_to, verification_outcome
from ..module_utils.description.loading import load_description
from ..module_utils.description.model import HUB, Description, EnvironmentKind
from ..module_utils.store.opening import open_tree
from ..module_utils.verification.model import Site
from ..module_utils.verification.probe_site import ProbeSite
from ..module_utils.verification.tried import tried_participants
from ..plugin_utils.asked import refuse_misspelt
from ..plugin_utils.places import places
from ..plugin_utils.playbook import PlaybookFolder, result_of

PROBE_HOSTS = "probe_hosts"
CASES_FROM = 2
"""Verbosity from which the result holds every case as data; the table is for people, and is shown in full from 1."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Shows the cases of the module of the same name; the evidence holds them with their transcripts.

    In a lab the module runs on the lab's controller. Elsewhere, and in a lab that names probe hosts, traffic starts from the
    hosts of the inventory, and TLS is spoken here. Where nothing could be sent the task ends as unreachable, so that the exit
    status of ansible-playbook is 4 and not that of a case that failed.
    """

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"description", "state", "sides", "participants", "suites", "junit", "page", "once"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Verify, show the table, keep the result small."""
        super().run(tmp, task_vars)
        refuse_misspelt(self._loader)
        if boolean(self._task.args.get("once") or False):
            return self._tried_once(task_vars or {})
        result = self._verified(task_vars or {})
        verbosity, every, folded = Display().verbosity, result.pop("text", None), result.pop("summary", None)
        if every or folded:
            Display().display("\n".join(str(line) for line in ((every or folded) if verbosity else (folded or every))))
        if verbosity < CASES_FROM:
            result.pop("cases", None)
        if result.get("failed") and result.get("proved") is False:
            del result["failed"]
            result["unreachable"] = True
        return result

    def _tried_once(self, variables: dict[str, Any]) -> dict[str, Any]:
        """One right call of each of those with whom everything is in order so far; the summary tells what did not pass."""
        folder = PlaybookFolder(str(self._task.args.get("description") or ""))
        kept = folder.kept()
        silent = set(variables.get("groups", {}).get("gateways", ())) - {each.host for each in kept}
        if self._task.check_mode or silent or any(each.failed for each in kept):
            return {"changed": False, "skipped": True, "skip_reason": "Nothing is called in check mode, or where a host failed."}
        found = [finding for each in kept for finding in each.findings if finding["disposition"] != "change"]
        troubled = {finding["participant"] for finding in found}
        self._task.args = {**self._task.args, "participants": self._in_order(troubled)}
        if not self._task.args["participants"]:
            return {"changed": False, "skipped": True, "skip_reason": "No one's part is whole yet."}
        result = self._verified(variables)
        folder.keep(result_of(str(variables.get("inventory_hostname", "")), self._task.action, result))
        return result

    def _in_order(self, troubled: set[str]) -> list[str]:
        """Of the participants of this run, those whom nothing is waits for and who have no fault; no one where the hub has one."""
        given = self._task.args.get("participants") or []
        wanted = [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
        with reporting_to(self._fail):
            description = self._description()
            done = troubled | tried_participants(open_tree(Path(self._task.args["state"])), description)
            known = [each.name for each in description.participants if each.active and each.name not in done]
        return [] if HUB in troubled else [name for name in known if not wanted or name in wanted]

    def _verified(self, variables: dict[str, Any]) -> dict[str, Any]:
        if MISSING is not None or self._connection.transport != "local" or self._is_lab(variables):
            return dict(self._execute_module(task_vars=variables))
        _, arguments = self.validate_argument_spec(VERIFICATION_ARGUMENTS)
        with reporting_to(self._fail):
            return verification_outcome(arguments, self._site_of(variables), check=self._task.check_mode)

    def _is_lab(self, variables: dict[str, Any]) -> bool:
        if variables.get("groups", {}).get(PROBE_HOSTS):
            return False
        with reporting_to(self._fail):
            return self._description().kind is EnvironmentKind.LAB
        return False

    def _description(self) -> Description:
        return load_description(Path(self._task.args["description"]), state=str(self._task.args.get("state") or ""))

    def _site_of(self, variables: dict[str, Any]) -> Any:  # noqa: ANN401 -- verification.proving.SiteOf, whose module may be missing
        def made(description: Description, state: Path) -> Site:
            del state
            gateways = variables.get("groups", {}).get("gateways", ())
            found = places(variables, self._loader)
            return ProbeSite(description, found, frozenset(found) - frozenset(gateways))

        return made

    def _fail(self, message: str) -> None:
        raise AnsibleActionFail(message)
