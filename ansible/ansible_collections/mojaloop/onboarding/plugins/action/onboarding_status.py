# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows the summary of a run: an action, because a table is for people and results of many hosts meet here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.description.loading import load_description
from ..module_utils.errors import OnboardingError, printable
from ..module_utils.exchange.digests import awaited_digests
from ..module_utils.findings import Disposition, Finding
from ..module_utils.status.summary import Summary, summarise, with_calls
from ..module_utils.status.text import render
from ..module_utils.store.opening import open_tree
from ..module_utils.verification.evidence import forget_void, latest_pages, latest_verdicts
from ..module_utils.verification.tried import tried_participants
from ..plugin_utils.playbook import PlaybookFolder

HOST_GROUPS = ("gateways", "firewalls", "connectors")
"""The groups whose hosts a run must have heard of."""
LONGEST = 600
"""Characters of what a host that failed had to say; Ansible has shown the whole of it before."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Gathers the results of the roles that ran before it, and shows where each participant stands."""

    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset({"description", "state", "participants", "planned", "report"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the table; fail when something failed, so that the exit status says so."""
        super().run(tmp, task_vars)
        missing = [name for name in ("description", "state") if not self._task.args.get(name)]
        if missing:
            raise AnsibleActionFail(f"missing required arguments: {', '.join(missing)}")
        try:
            summary = self._summary(task_vars or {})
        except OnboardingError as error:
            raise AnsibleActionFail(str(error)) from error
        Display().display("\n" + render(summary, details=Display().verbosity > 0))
        result: dict[str, Any] = {"changed": False, "failed": summary.outcome == "failed", "summary": summary.as_dict()}
        if result["failed"]:
            result["msg"] = "Something failed; the summary above says what, where and what to do."
            if not Display().verbosity:
                del result["summary"]
        report = self._task.args.get("report")
        if report:
            result["changed"] = self._report(Path(report), {**summary.as_dict(), "check": self._planned()})
        return result

    def _planned(self) -> bool:
        """Whether the roles before this one only said what they would do, whatever the mode of this task."""
        return bool(boolean(self._task.args.get("planned") or False))

    def _report(self, file: Path, summary: dict[str, object]) -> bool:
        """Whether the file differs from what the real run writes; the real run writes it."""
        text = json.dumps(summary, indent=2, sort_keys=True) + "\n"
        try:
            if file.exists() and file.read_text(encoding="utf-8") == text:
                return False
            if not self._task.check_mode:
                file.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"{file}: the report cannot be written ({error})") from error
        return True

    def _summary(self, task_vars: dict[str, Any]) -> Summary:
        arguments = self._task.args
        wanted = arguments.get("participants") or []
        chosen = [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
        description = load_description(Path(arguments["description"]), state=arguments["state"])
        folder = PlaybookFolder(arguments["description"])
        findings, unheard = _gather(folder, task_vars)
        folder.close()
        state, check = Path(arguments["state"]), self._planned() or bool(self._task.check_mode)
        tree = open_tree(state)
        if not check:
            forget_void(state, description)
        verdicts = latest_verdicts(tree, description)
        summary = summarise(description, findings, verdicts, chosen=chosen, unheard=unheard, check=check)
        summary = with_calls(summary, description, tried_participants(tree, description))
        sent = tuple(awaited_digests(tree, description, summary.pending))
        return replace(summary, pages=latest_pages(tree), sent=sent)


def _gather(folder: PlaybookFolder, task_vars: dict[str, Any]) -> tuple[list[Finding], list[tuple[str, str]]]:
    """The findings of the tasks of this run, and the hosts without a result, each with what its task said when it failed."""
    found: dict[tuple[str, str], list[Finding]] = {}
    ended: dict[tuple[str, str], str] = {}
    for kept in folder.kept():
        task = (kept.host, kept.action.rpartition(".")[2])
        # What a task awaited may have come when it ran again.
        earlier = [finding for finding in found.get(task, ()) if finding.disposition is not Disposition.PENDING or kept.failed]
        found[task] = [*earlier, *(Finding.from_dict(dict(finding)) for finding in kept.findings)]
        ended[task] = kept.failed
    findings = [finding for each in found.values() for finding in each]
    unheard = []
    for group in HOST_GROUPS:
        for host in task_vars.get("groups", {}).get(group, []):
            failed = ended.get((host, group.removesuffix("s")))
            if failed is None:
                unheard.append((host, ""))
            elif failed:
                said = printable(" ".join(failed.split()))[:LONGEST]
                unheard.append((host, said.removeprefix(f"{host}: ")))
    return findings, unheard
