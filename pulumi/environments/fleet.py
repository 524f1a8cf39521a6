# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stacks of many participants, several at a time: `python -m environments.fleet up live` in the folder of the program `dfsp`.

One stack that fails stops no other. What happened to each is one line, and the exit status is 1 where one failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

from .dfsp_facts import has_stack
from .stack import INVENTORIES

COMMANDS = ("preview", "up", "refresh", "destroy")
AT_A_TIME = 4
Work = Callable[[str], str]


@dataclass(frozen=True)
class Outcome:
    """What became of one stack: its changes in a few words, or why it failed; and the seconds that it took."""

    stack: str
    failed: bool
    words: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.stack:<40} {'FAILED' if self.failed else 'ok':<7} {self.seconds:5.0f} s  {self.words}"


def run_stacks(stacks: Sequence[str], work: Work, say: Callable[[str], None], at_a_time: int = AT_A_TIME) -> list[Outcome]:
    """Do the work for every stack, ``at_a_time`` of them together; the outcomes in the order of the stacks."""
    with ThreadPoolExecutor(max_workers=at_a_time) as pool:
        return list(pool.map(lambda stack: _outcome(stack, work, say), stacks))


def managed_stacks(inventory: Path, environment: str, participants: Iterable[str]) -> list[str]:
    """The stacks of an environment's managed participants, or of those named; OnboardingError where hub.yml is wrong."""
    description = load_description(inventory)
    managed = [each.name for each in description.participants if has_stack(each) and each.active]
    return [f"{environment}.{name}" for name in (participants or managed)]


def pulumi_work(folder: Path, command: str) -> Work:
    """Work that runs a command of Pulumi on a stack of the program in a folder, by its Automation API."""

    def work(name: str) -> str:
        stack = automation.create_or_select_stack(stack_name=name, work_dir=str(folder))
        if command == "preview":
            return _counted(stack.preview().change_summary)
        if command == "up":
            return _counted(stack.up().summary.resource_changes)
        if command == "refresh":
            return _counted(stack.refresh().summary.resource_changes)
        return _counted(stack.destroy().summary.resource_changes)

    return work


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 1 where a stack failed, 2 where the description cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m environments.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("environment", help="name of the environment")
    parser.add_argument("participants", nargs="*", help="ids; none: every managed participant that is active")
    parser.add_argument("--description", type=Path, help="folder of the description (default: that of the environment in inventories)")
    parser.add_argument("--at-a-time", type=int, default=AT_A_TIME, choices=range(1, 33), metavar="1..32")
    given = parser.parse_args(arguments)
    try:
        stacks = managed_stacks(given.description or INVENTORIES / given.environment, given.environment, given.participants)
    except OnboardingError as error:
        _say(str(error))
        return 2
    outcomes = run_stacks(stacks, pulumi_work(Path.cwd(), given.command), _say, given.at_a_time)
    failed = [each.stack for each in outcomes if each.failed]
    _say("\n" + "\n".join(map(str, outcomes)))
    _say(f"{len(outcomes) - len(failed)} of {len(outcomes)} stacks done" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _outcome(stack: str, work: Work, say: Callable[[str], None]) -> Outcome:
    began = time.monotonic()
    say(f"{stack}: started")
    try:
        words, failed = work(stack), False
    except Exception as error:  # noqa: BLE001 -- whatever one stack's fault is, the others go on
        words, failed = _reason(error), True
    outcome = Outcome(stack, failed, words, time.monotonic() - began)
    say(f"{stack}: {'FAILED' if failed else 'done'}")
    return outcome


def _reason(error: Exception) -> str:
    """The line that says what is wrong: Pulumi's own error, if there is one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("error: ") and "update failed" not in line and "preview failed" not in line]
    return (named or lines or [type(error).__name__])[0].removeprefix("error: ")[:300]


def _counted(changes: Mapping[automation.OpType, int] | None) -> str:
    named = {str(getattr(operation, "value", operation)): count for operation, count in (changes or {}).items()}
    return ", ".join(f"{count} {operation}" for operation, count in sorted(named.items())) or "nothing"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- a command line's output


if __name__ == "__main__":
    sys.exit(main())
