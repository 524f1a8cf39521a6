# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a stack stands, as an exit status for pipelines: `python -m environments.verdict pulumi/hub live`.

0: clean. 1: error. 2: change (the program asks for something else than was applied). 3: drift (someone changed the cluster).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum

NOT_AS_EXPECTED = 7
"""Exit status of Pulumi where a run that expects no changes finds some."""
TIMEOUT = 1800.0
"""Seconds for one preview."""


class Verdict(IntEnum):
    """The exit status."""

    CLEAN = 0
    ERROR = 1
    CHANGE = 2
    DRIFT = 3


def verdict(preview: Callable[[Sequence[str]], int]) -> Verdict:
    """The verdict by two previews; ``preview`` runs one with further options and returns Pulumi's exit status."""
    planned = preview(())
    if planned:
        return Verdict.CHANGE if planned == NOT_AS_EXPECTED else Verdict.ERROR
    # Without a look at the cluster, a preview compares the program with the state alone.
    found = preview(("--refresh",))
    if found:
        return Verdict.DRIFT if found == NOT_AS_EXPECTED else Verdict.ERROR
    return Verdict.CLEAN


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. ``--allow change`` makes a change no failure, as a pull request wants it."""
    parser = argparse.ArgumentParser(prog="python -m environments.verdict", description=__doc__.partition("\n")[0])
    parser.add_argument("project", help="folder of the program")
    parser.add_argument("stack")
    parser.add_argument("--allow", choices=[each.name.lower() for each in Verdict if each], action="append", default=[])
    given = parser.parse_args(arguments)
    command = ["pulumi", "preview", "--non-interactive", "--diff", "--expect-no-changes", "--cwd", given.project, "--stack", given.stack]
    found = verdict(lambda options: subprocess.run([*command, *options], check=False, timeout=TIMEOUT).returncode)
    print(f"{given.stack}: {found.name.lower()}", flush=True)  # noqa: T201 -- a command line's output
    return 0 if found.name.lower() in given.allow else found


if __name__ == "__main__":
    sys.exit(main())
