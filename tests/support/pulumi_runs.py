# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pulumi for real: its command line with a state of files, a passphrase of the test, and the official provider or its stand-in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from .kubernetes import ROOT, Cluster, built, object_name

PASSPHRASE = "passphrase-of-the-test"
LIMIT = 240.0
PLUGIN = f"resource-kubernetes-v{metadata.version('pulumi_kubernetes')}"
OFFICIAL = Path.home() / ".pulumi/plugins" / PLUGIN
OFFICIAL_IS_HERE = OFFICIAL.is_dir()
"""Whether this machine has the official provider of Kubernetes; else its stand-in serves, and says so in every output."""


@dataclass(frozen=True)
class Ended:
    """How a command of Pulumi ended."""

    code: int
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 -- what the command printed
        return json.loads(self.text[self.text.index("{") :])


@dataclass(frozen=True)
class Stack:
    """A copy of a program in a folder of its own, with a stack whose configuration the test gives."""

    folder: Path
    cluster: Cluster
    name: str
    logs: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables of every command."""

    def configure(self, project: str, values: Mapping[str, object]) -> None:
        """Write the stack's configuration, keeping the salt of its secrets."""
        path = self.folder / f"Pulumi.{self.name}.yaml"
        kept = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept = {**(kept or {}), "config": {f"{project}:{key}": value for key, value in values.items()}}
        path.write_text(yaml.safe_dump(kept), encoding="utf-8")

    def beside(self, name: str) -> Stack:
        """Another stack of the same program, in the same folder."""
        stack = Stack(self.folder, self.cluster, name, self.logs, self.environment)
        stack.run("stack", "init", name)
        return stack

    def run(self, *arguments: str, check: bool = True) -> Ended:
        """Run a command of Pulumi; an AssertionError with its output where it fails and must not."""
        return self._ended([str(_programs() / "pulumi"), "--non-interactive", "--color=never", *arguments], check=check)

    def run_python(self, module: str, *arguments: str) -> Ended:
        """Run a Python module in the program's folder, where Pulumi finds the same as in a run of its own."""
        return self._ended([sys.executable, "-m", module, *arguments], check=False)

    def run_line(self, line: str) -> Ended:
        """Run a shell line of a pipeline, two folders above the program, as in a clone of this project."""
        return self._ended(["bash", "-euo", "pipefail", "-c", line], check=False, place=self.folder.parents[1])

    def _ended(self, command: list[str], *, check: bool, place: Path | None = None) -> Ended:
        arguments = command[1:]
        known = {**_environment(self.folder.parent, self.cluster), "PULUMI_STACK": self.name, **self.environment}
        where = place or self.folder
        ended = subprocess.run(command, cwd=where, env=known, capture_output=True, text=True, check=False, timeout=LIMIT)
        self.logs.append(ended.stdout + ended.stderr)
        if check and ended.returncode:
            raise AssertionError(f"{' '.join(arguments)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
        return Ended(ended.returncode, ended.stdout if "--json" in arguments else ended.stdout + ended.stderr)

    def previewed(self, *arguments: str) -> dict[str, list[str]]:
        """What a preview names, as ``kind name`` of the objects of Kubernetes, by what it would do to them."""
        steps = self.run("preview", "--json", *arguments).json["steps"]
        found: dict[str, list[str]] = {}
        for step in steps:
            named = _object(step)
            if named:
                found.setdefault(step["op"], []).append(named)
        return found

    def state_files(self) -> list[Path]:
        """Every file that the back end wrote: states, their history and backups, locks."""
        return [path for path in (self.folder.parent / "state").rglob("*") if path.is_file()]


def new_stack(folder: Path, program: Path, cluster: Cluster, name: str, environment: Mapping[str, str] | None = None) -> Stack:
    """A stack of a program; state and programs of Pulumi live beside its folder, for all programs there."""
    place = folder / program.name
    place.mkdir(parents=True, exist_ok=True)
    for each in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(program / each, place / each)
    (folder / "state").mkdir(exist_ok=True)
    stack = Stack(place, cluster, name, environment=environment or {})
    stack.run("stack", "init", name)
    return stack


def _object(step: Mapping[str, Any]) -> str:
    state = step.get("newState") or step.get("oldState") or {}
    inputs = state.get("inputs", {})
    if not str(state.get("type", "")).startswith("kubernetes:") or "kind" not in inputs:
        return ""
    return object_name(inputs)


@cache
def _programs() -> Path:
    return built("pulumi")


def _environment(folder: Path, cluster: Cluster) -> dict[str, str]:
    home = folder / "home"
    if not home.exists():
        _provide(home / "plugins")
    own = Path(sys.executable).parent
    return {
        "PATH": os.pathsep.join([str(own), str(_programs()), os.environ["PATH"]]),
        "HOME": str(folder),
        "KUBECONFIG": str(cluster.kubeconfig),
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{folder}/state",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }


def _provide(plugins: Path) -> None:
    """The official provider of Kubernetes where this machine has it, else the stand-in under its name."""
    plugins.mkdir(parents=True)
    if OFFICIAL_IS_HERE:
        (plugins / PLUGIN).symlink_to(OFFICIAL)
        return
    (plugins / PLUGIN).mkdir()
    program = plugins / PLUGIN / "pulumi-resource-kubernetes"
    start = f'PYTHONPATH="{ROOT / "tests"}" exec "{sys.executable}" -m cluster.stand_in.provider "$@"'
    program.write_text(f"#!/bin/sh\n{start}\n", encoding="utf-8")
    program.chmod(0o755)
