# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plays that are watched: with everything that Ansible can be made to say and to leave behind, and the secrets that may not be in it."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.leaks import Leak, Secrets, contents, search, search_state
from support.playbooks import ROOT, Played, play
from support.watching import Processes


class Place(Protocol):
    """An environment whose secrets are known."""

    @property
    def folder(self) -> Path:
        """A folder of the test's own, for what the plays leave behind."""

    @property
    def description(self) -> Path:
        """The folder of ``hosts.yml``."""

    @property
    def state(self) -> Path:
        """The state folder."""

    @property
    def secrets(self) -> Secrets:
        """Everything that must not be seen, as far as it has been made."""


def play_watched(place: Place, playbook: str, *arguments: str, environment: Mapping[str, str]) -> Watched:
    """Play as loudly as Ansible can, and keep all that it says, leaves behind or shows to other processes."""
    traces = place.folder / f"traces-{random.token_hex(4)}"
    (traces / "home").mkdir(parents=True)
    record = traces / "record.jsonl"
    watcher = Processes(str(record), traces / "local")
    variables = {
        "HOME": str(traces / "home"),
        "ANSIBLE_LOCAL_TEMP": str(traces / "local"),
        "ANSIBLE_REMOTE_TEMP": str(traces / "remote"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_LOG_PATH": str(traces / "log"),
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        **environment,
    }
    inventory = place.description / "hosts.yml"
    with watcher.watched():
        played = play(playbook, inventory, "-vvvv", "--diff", *arguments, record=record, environment=variables)
    return Watched(place, traces, played, watcher)


@dataclass
class Watched:
    """A run, and every trace it left."""

    environment: Place
    traces: Path
    played: Played
    processes: Processes

    def places(self) -> dict[str, bytes]:
        """All that the run said, left behind, or showed while it lasted."""
        places = {"output": self.played.output.encode()}
        places |= {f"arguments {number}": each for number, each in enumerate(sorted(self.processes.arguments))}
        places |= {f"environment {number}": each for number, each in enumerate(sorted(self.processes.environments.values()))}
        places |= {name: content for name, content in contents(self.traces) if not name.endswith(".zip")}
        return places | self.processes.files

    def leaks(self) -> set[Leak]:
        """Every secret in any trace, and in the state folder outside the file where it is at home."""
        secrets = self.environment.secrets
        return search(secrets, self.places()) | search_state(secrets, self.environment.state)
