# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pulumi programs without an engine: what a program registers is recorded, and taken as made."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import mocks

Object = dict[str, Any]


@dataclass(frozen=True)
class Registered:
    """One resource: its type and name, and what the program gives it."""

    type: str
    name: str
    inputs: Object


@dataclass
class Recording(mocks.Mocks):
    """Everything that a program registered, in order."""

    registered: list[Registered] = field(default_factory=list)
    stacks: Mapping[str, Object] = field(default_factory=dict)
    """The outputs of other stacks, by name."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, Object]:
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {**args.inputs, "outputs": self.stacks[args.name], "secretOutputNames": []}
        self.registered.append(Registered(args.typ, args.name, args.inputs))
        return f"{args.name}-id", args.inputs

    def call(self, args: mocks.MockCallArgs) -> NoReturn:
        raise AssertionError(f"the program calls {args.token}")

    @property
    def objects(self) -> list[Object]:
        """The objects of Kubernetes, as their manifests."""
        return [each.inputs for each in self.registered if "kind" in each.inputs]

    def find(self, kind: str, name: str = "", namespace: str = "") -> Object:
        """The one object of a kind with this name and in this namespace, as far as they are given."""
        found = [
            each
            for each in self.objects
            if each["kind"] == kind and name in {"", each["metadata"]["name"]} and namespace in {"", each["metadata"].get("namespace", "")}
        ]
        assert len(found) == 1, [each["metadata"]["name"] for each in found]
        return found[0]


def run_program(folder: Path, stack: str, values: Mapping[str, object], stacks: Mapping[str, Object] | None = None) -> Recording:
    """Run a program with these values and the defaults that its Pulumi.yaml declares; what it raises goes on."""
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    defaults = {key: declared["default"] for key, declared in project["config"].items() if "default" in declared}
    texts = {
        f"{project['name']}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in {**defaults, **values}.items()
    }
    recording = Recording(stacks=stacks or {})
    with _loops_closed():
        pulumi.runtime.set_mocks(recording, project=project["name"], stack=stack)
        pulumi.runtime.set_all_config(texts)
        run = pulumi.runtime.test(lambda: runpy.run_path(str(folder / "__main__.py")) and None)  # type: ignore[no-untyped-call]
        run()
    return recording


@contextmanager
def _loops_closed() -> Iterator[None]:
    """The SDK's mocks leave an event loop open in each of their threads: what was opened meanwhile is closed here."""
    opened: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        opened.append(make())
        return opened[-1]

    with patch.object(asyncio, "new_event_loop", new_event_loop):
        asyncio.set_event_loop(new_event_loop())
        try:
            yield
        finally:
            asyncio.set_event_loop(None)
            for loop in opened:
                loop.close()
