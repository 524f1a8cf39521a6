# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trouble section of the README: each message that it shows is one that the product says, provoked here as a user would."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.playbooks import ROOT
from tools.firewall_cases import observation, without
from unit.firewall.test_firewall_comparison import found, installed
from unit.steps.conftest import Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.summary import summarise
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.text import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import lease

TROUBLE = (ROOT / "README.md").read_text(encoding="utf-8").partition("## When something is wrong")[2]
SHOWN = re.findall(r"^\| `(.+?)` \|", TROUBLE, re.MULTILINE)


def said(where: Site, **arguments: list[str]) -> str:
    """What a run says: its error, or the findings in the words of the summary."""
    try:
        findings = where.run(**arguments)  # type: ignore[arg-type]
    except OnboardingError as error:
        return str(error)
    return render(summarise(load_description(where.root / "description"), findings, {}, chosen=(), check=False))


def played(folder: Path, inventory: str, *extra: str) -> str:
    """What a playbook says about a copy of the lab's description that was never raised."""
    shutil.copytree(ROOT / "inventories" / "lab", folder / "inventories" / "lab")
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        str(ROOT / "playbooks/onboard.yml"),
        "-i",
        str(folder / inventory),
        *extra,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode != 0
    return done.stdout + done.stderr


def folder_as_inventory(folder: Path) -> str:
    return played(folder, "inventories/lab")


def lab_not_up(folder: Path) -> str:
    return played(folder, "inventories/lab/hosts.yml")


def wrong_description(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.hub["format"] = 2
    return said(made.describe())


def wrong_participant(folder: Path) -> str:
    shutil.copytree(ROOT / "inventories" / "lab", folder / "inventories" / "lab")
    (folder / "inventories/lab/participants/greenbank.yml").write_text("format: 1\nid: greenbank\n", encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(folder / "inventories/lab/hosts.yml"), "--list"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT).stderr


def unknown_participant(folder: Path) -> str:
    return said(site(folder, "greenbank"), participants=["greenbnk"])


def inventory_not_there(folder: Path) -> str:
    return played(folder, "inventories/elsewhere/hosts.yml")


def limited(folder: Path) -> str:
    return played(folder, "inventories/lab/hosts.yml", "--check", "-l", "hub-gateway")


def tagged(folder: Path) -> str:
    return played(folder, "inventories/lab/hosts.yml", "--check", "--tags", "gateway")


def misspelt_variable(folder: Path) -> str:
    return played(folder, "inventories/lab/hosts.yml", "-e", "participant=greenbank", "-e", "ansible_connection=local")


def no_passphrase(folder: Path) -> str:
    made = site(folder, kind="pre-production", approval="manual")
    made.hub["hub"]["endpoint"]["addresses"], made.hub["hub"]["egress_addresses"] = ["192.88.100.10"], ["192.88.100.11/32"]
    made.participants = {}
    for number, name in enumerate(("probe-one", "probe-two"), 1):
        made.participants[name] = {
            "format": 1, "id": name, "organisation": name, "hosting": "managed", "probe": True, "currencies": ["USD"],
            "egress_addresses": [f"192.88.100.{20 + number}/32"],
        }  # fmt: skip
    return said(made.describe())


def awaits_approval(folder: Path) -> str:
    made = site(folder, "greenbank", kind="lab")
    made.run(sides=["hub"])
    made.run(sides=["greenbank"])
    return said(made, sides=["greenbank"])


def lost_key(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.run()
    made.path("store/greenbank/server/key.pem").unlink()
    return said(made)


def open_key(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.run()
    made.path("store/greenbank/jws/key.pem").chmod(0o644)
    return said(made)


def altered_publication(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.run()
    file = made.path("exchange/greenbank/participant/ca.pem")
    file.write_bytes(file.read_bytes() + b"\n")
    return said(made, sides=["hub"])


def in_use(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.run()
    clock = iter(range(0, 10_000, 30))
    with pytest.MonkeyPatch.context() as patch, lease(made.state, holder="onboard.yml of ada"):
        patch.setattr(time, "sleep", lambda _seconds: None)
        patch.setattr(time, "monotonic", lambda: float(next(clock)))
        return said(made)


def file_gone(_folder: Path) -> str:
    description = load_description(ROOT / "inventories" / "lab")
    (fault,) = found(without(description, "redbank"), observation(installed(description)))
    return fault.detail


def backup_there(folder: Path) -> str:
    made = site(folder, "greenbank")
    made.run()
    (folder / "backup.tar").write_bytes(b"")
    shutil.copytree(folder / "description", folder / "env")
    (folder / "env/hosts.yml").write_text(f"plugin: mojaloop.onboarding.hub\nstate: {made.state}\n", encoding="utf-8")
    words = io.StringIO()
    with contextlib.redirect_stderr(words):
        main(["backup", str(folder / "backup.tar"), "-i", str(folder / "env/hosts.yml")])
    return words.getvalue()


PROVOKED: list[Callable[[Path], str]] = [
    folder_as_inventory, wrong_description, wrong_participant, unknown_participant, inventory_not_there, limited, tagged, misspelt_variable,
    lab_not_up, no_passphrase, awaits_approval, lost_key, open_key, altered_publication, in_use, file_gone, backup_there,
]  # fmt: skip


def test_every_message_of_the_readme_is_provoked() -> None:
    assert len(SHOWN) == len(PROVOKED) >= 10


@pytest.mark.parametrize(("message", "provoke"), list(zip(SHOWN, PROVOKED, strict=False)), ids=[each.__name__ for each in PROVOKED])
def test_a_message_of_the_readme_is_what_is_said(tmp_path: Path, message: str, provoke: Callable[[Path], str]) -> None:
    pattern = ".*".join(re.escape(part) for part in message.split("…"))
    words = provoke(tmp_path)
    assert re.search(pattern, words), f"the README shows {message!r}; said was:\n{words}"
