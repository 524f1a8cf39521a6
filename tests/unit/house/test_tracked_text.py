# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No file of the project holds what is true of one machine only: its paths, the package registries it is set to, or a key."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from tools import repository

# In pieces, so that this file does not find itself.
REGISTRIES = ["pythonhosted" + ".org", "pypi" + ".org", "registry.npmjs" + ".org", "registry.yarnpkg" + ".com", "deb.debian" + ".org"]
REGISTRIES += [
    "security.debian" + ".org",
    "archive.ubuntu" + ".com",
    "proxy.golang" + ".org",
    "repo1.maven" + ".org",
    "repo.maven.apache" + ".org",
]
MACHINE = re.compile(r"(?<![\w.}/-])/(?:work|home|Users)" + r"/[\w.-]+|/tmp/" + r"w/")
PLACES = [re.compile(re.escape(host)) for host in REGISTRIES]
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")


@cache
def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


@pytest.mark.parametrize("pattern", [MACHINE, *PLACES], ids=lambda pattern: pattern.pattern)
def test_no_file_names_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    assert [f"{repository.name(path)}: {hit.group()}" for path in repository.files() for hit in pattern.finditer(_text(path))] == []


def test_the_machine_pattern_sees_a_path() -> None:
    assert [
        bool(MACHINE.search(text)) for text in ("cd /" + "work/thing", "x=/" + "home/me", "https://host/" + "work/thing", "network/x")
    ] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("path", [path for path in repository.files() if path.name in LOCKS], ids=repository.name)
def test_a_lock_of_npm_pins_by_hash_and_names_no_place(path: Path) -> None:
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and not package.get("integrity") and not package.get("inBundle")] == []


PYTHON_LOCKS = ["requirements.lock", *(f"requirements-{name}.lock" for name in ("envoy", "go", "node", "scanner"))]


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_a_lock_of_python_pins_by_hash(lock: str) -> None:
    lines = (repository.ROOT / lock).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)? \\", line)] == []


def test_no_file_holds_a_private_key() -> None:
    allowed = repository.ROOT / "tests"
    found = [path for path in repository.files() if KEY.search(path.read_bytes()) and not path.is_relative_to(allowed)]
    assert [repository.name(path) for path in found] == []
