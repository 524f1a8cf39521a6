# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a CA key's passphrase comes from: variables, or a file that only its owner reads."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import EnvironmentKind
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.passphrases import given_passphrase
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Run, make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ALL, FILE = "ONBOARDING_CA_PASSPHRASE", "ONBOARDING_CA_PASSPHRASE_FILE"
LAB = Path(__file__).parents[3] / "inventories" / "lab"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_bytes(b"from a file\n")
    return path


def test_a_sides_own_variable_counts_before_the_common_one() -> None:
    given = {ALL: "common", f"{ALL}_GREEN_BANK": "own"}
    assert (given_passphrase("green-bank", given), given_passphrase("hub", given)) == (b"own", b"common")
    assert given_passphrase("hub", {}) is None
    assert given_passphrase("hub", {ALL: ""}) is None


def test_a_file_may_be_named_for_all_or_for_one_side(file: Path) -> None:
    assert given_passphrase("hub", {FILE: str(file)}) == b"from a file"
    assert given_passphrase("hub", {f"{FILE}_HUB": str(file), FILE: "/nowhere"}) == b"from a file"
    assert given_passphrase("hub", {FILE: "/nowhere", ALL: "variable"}) == b"variable"


def test_the_name_of_a_file_is_nobodys_passphrase(file: Path) -> None:
    # A participant may be called "file" or "file-hub".
    assert given_passphrase("file", {FILE: str(file)}) == b"from a file"
    assert given_passphrase("file-hub", {f"{FILE}_HUB": str(file)}) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_file_that_is_open_to_others_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(StoreError, match=f"open to others \\(mode {mode:04o}"):
        given_passphrase("hub", {FILE: str(file)})
    file.chmod(0o400)
    assert given_passphrase("hub", {FILE: str(file)}) == b"from a file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_accounts_file_is_refused(file: Path) -> None:
    os.chown(file, 65534, 65534)
    with pytest.raises(StoreError, match="open to others"):
        given_passphrase("hub", {FILE: str(file)})


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"x" * 1025])
def test_a_file_that_holds_no_passphrase_is_refused_without_showing_it(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StoreError, match="holds no passphrase") as caught:
        given_passphrase("hub", {FILE: str(file)})
    assert not content.strip() or content.decode().strip() not in str(caught.value)


def test_pipes_folders_and_missing_files_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, what in ((tmp_path / "pipe", "not a plain file"), (tmp_path, "not a plain file"), (tmp_path / "no", "cannot be read")):
        with pytest.raises(StoreError, match=what):
            given_passphrase("hub", {FILE: str(path)})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A rehearsal of a production environment."""
    for name in [name for name in os.environ if name.startswith(ALL)]:
        monkeypatch.delenv(name)
    description = replace(load_description(LAB, state=str(tmp_path)), kind=EnvironmentKind.PRODUCTION)
    return make_run(description, DiskTree(tmp_path), sides=["hub"], participants=[], now=datetime.now(UTC), rehearsal=True)


def test_a_first_run_is_planned_without_the_passphrase_but_a_key_that_is_there_is_not_opened(run: Run) -> None:
    assert run.passphrase("hub")
    DiskTree(Path(run.tree.below.root)).write("store/hub/ca/key.pem", b"a key")  # type: ignore[attr-defined]
    fresh = replace(run, tree=type(run.tree)(run.tree.below))  # type: ignore[attr-defined, call-arg]
    with pytest.raises(StoreError, match=f"{ALL}: the passphrase of the CA key of hub is not given.*{FILE}"):
        fresh.passphrase("hub")


def test_a_real_run_outside_labs_needs_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = replace(run, rehearsal=False, tree=run.tree.below)  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="is not given"):
        real.passphrase("hub")
    monkeypatch.setenv(ALL, "given")
    assert real.passphrase("hub") == b"given"
