# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module documents is what it accepts: names, types, choices, defaults."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible.module_utils.basic import AnsibleModule
from tools import repository

PLUGINS = "ansible_collections.mojaloop.onboarding.plugins"
NAMES = [path.stem for path in repository.python_files(repository.PLUGINS / "modules")]
ACTIONS = [name for name in NAMES if (repository.PLUGINS / f"action/{name}.py").exists()]
FACTS = {"type": "str", "required": False, "elements": None, "choices": None, "default": None}


class _Caught(Exception):
    """Carries the specification out."""


@pytest.fixture(scope="module")
def documented() -> dict[str, dict[str, Any]]:
    """The documented options of every module, as ansible-doc reads them, fragments included."""
    command = [str(Path(sys.executable).with_name("ansible-doc")), "--json", *(f"mojaloop.onboarding.{name}" for name in NAMES)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository.ROOT)
    return {name.rpartition(".")[2]: page["doc"].get("options", {}) for name, page in json.loads(printed.stdout).items()}


def _facts(options: dict[str, Any]) -> dict[str, Any]:
    # Documentation and code may both leave out what is the rule; an empty default is one way to say "none".
    return {name: {fact: option.get(fact) or rule for fact, rule in FACTS.items()} for name, option in options.items()}


def _accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def catch(_self: object, argument_spec: dict[str, Any], **_options: object) -> NoReturn:
        raise _Caught(argument_spec)

    monkeypatch.setattr(AnsibleModule, "__init__", catch)
    with pytest.raises(_Caught) as caught:
        importlib.import_module(f"{PLUGINS}.modules.{name}").main()
    return dict(caught.value.args[0])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ACTIONS])
def test_a_module_accepts_what_it_documents(name: str, documented: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert _facts(_accepted(name, monkeypatch)) == _facts(documented[name])


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_accepts_what_its_module_documents(name: str, documented: dict[str, dict[str, Any]]) -> None:
    # The module of the same name holds the documentation of both; what the action hands to the host is an option of the module too.
    action = importlib.import_module(f"{PLUGINS}.action.{name}").ActionModule
    assert set(documented[name]) - set(action._VALID_ARGS) <= {"order"}
    assert set(action._VALID_ARGS) - set(documented[name]) == set()
