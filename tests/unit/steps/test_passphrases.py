# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a CA key's passphrase comes from: variables, or a file that only its owner reads."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import EnvironmentKind
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys, private_pem, read_own_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.own_certificates import make_own_certificates
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.passphrases import given_passphrase
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Run, make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ALL, FILE = "ONBOARDING_CA_PASSPHRASE", "ONBOARDING_CA_PASSPHRASE_FILE"
LAB = Path(__file__).parents[3] / "inventories" / "lab"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_bytes(b"the passphrase from a file\n")
    return path


def test_a_sides_own_variable_counts_before_the_common_one() -> None:
    given = {ALL: "the common passphrase", f"{ALL}_GREEN_BANK": "the passphrase of its own"}
    assert given_passphrase("green-bank", given) == b"the passphrase of its own"
    assert given_passphrase("hub", given) == b"the common passphrase"
    assert given_passphrase("hub", {}) is None
    assert given_passphrase("hub", {ALL: ""}) is None


def test_a_file_may_be_named_for_all_or_for_one_side(file: Path) -> None:
    assert given_passphrase("hub", {FILE: str(file)}) == b"the passphrase from a file"
    assert given_passphrase("hub", {f"{FILE}_HUB": str(file), FILE: "/nowhere"}) == b"the passphrase from a file"
    assert given_passphrase("hub", {FILE: "/nowhere", ALL: "of the variable itself"}) == b"of the variable itself"


def test_the_name_of_a_file_is_no_ones_passphrase(file: Path) -> None:
    # A participant may be called "file" or "file-hub".
    assert given_passphrase("file", {FILE: str(file)}) == b"the passphrase from a file"
    assert given_passphrase("file-hub", {f"{FILE}_HUB": str(file)}) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_file_that_is_open_to_others_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(StoreError, match=f"open to others \\(mode {mode:04o}"):
        given_passphrase("hub", {FILE: str(file)})
    file.chmod(0o400)
    assert given_passphrase("hub", {FILE: str(file)}) == b"the passphrase from a file"


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


@pytest.mark.parametrize(("given", "taken"), [("x" * 14, False), ("x" * 15, True), ("ä" * 14, False), ("ä" * 15, True)])
def test_a_short_passphrase_is_refused_without_showing_it(file: Path, given: str, *, taken: bool) -> None:
    file.write_text(f"{given}\n", encoding="utf-8")
    for environment in ({ALL: given}, {FILE: str(file)}):
        if taken:
            assert given_passphrase("hub", environment) == given.encode()
            continue
        with pytest.raises(StoreError, match="14 characters; allowed: 15 or more") as caught:
            given_passphrase("hub", environment)
        assert given not in str(caught.value)


def test_pipes_folders_and_missing_files_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, what in ((tmp_path / "pipe", "not a plain file"), (tmp_path, "not a plain file"), (tmp_path / "no", "cannot be read")):
        with pytest.raises(StoreError, match=what):
            given_passphrase("hub", {FILE: str(path)})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A dry run of a production environment."""
    for name in [name for name in os.environ if name.startswith(ALL)]:
        monkeypatch.delenv(name)
    description = replace(load_description(LAB, state=str(tmp_path)), kind=EnvironmentKind.PRODUCTION)
    return make_run(description, DiskTree(tmp_path), sides=["hub"], participants=[], now=datetime.now(UTC), dry_run=True)


def test_a_first_run_is_planned_without_the_passphrase_but_a_key_that_is_there_is_not_opened(run: Run) -> None:
    assert run.passphrase("hub")
    DiskTree(Path(run.tree.below.root)).write("store/hub/ca/key.pem", b"a key")  # type: ignore[attr-defined]
    fresh = replace(run, tree=type(run.tree)(run.tree.below))  # type: ignore[attr-defined, call-arg]
    with pytest.raises(StoreError, match=f"{ALL}: the passphrase of the CA key of hub is not given.*{FILE}"):
        fresh.passphrase("hub")


def test_a_real_run_outside_labs_needs_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = replace(run, dry_run=False, tree=run.tree.below)  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="is not given"):
        real.passphrase("hub")
    monkeypatch.setenv(ALL, "a passphrase that is given")
    assert real.passphrase("hub") == b"a passphrase that is given"


def test_a_missing_one_is_reported_before_anything_is_made_and_in_check_mode_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = replace(run, dry_run=False, tree=run.tree.below, findings=[])  # type: ignore[attr-defined]
    make_own_certificates(real)
    assert [(finding.reason, finding.artefact) for finding in real.findings] == [("passphrase-not-given", "ca")]
    assert real.tree.names("store") == []
    make_own_certificates(run)
    assert ("passphrase-not-given", "fault") in [(finding.reason, finding.disposition.value) for finding in run.findings]
    monkeypatch.setenv(ALL, "a passphrase that is given")
    given = replace(run, tree=type(run.tree)(run.tree.below), findings=[])  # type: ignore[attr-defined, call-arg]
    make_own_certificates(given)
    assert "passphrase-not-given" not in [finding.reason for finding in given.findings]


def test_a_key_under_a_persons_passphrase_is_derived_with_many_rounds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = DryRunKeys().make("ec-p256")
    few, many = run.derivation_rounds("hub"), 600_000
    monkeypatch.setenv(ALL, "a passphrase that is given")
    assert (few, run.derivation_rounds("hub")) == (20_000, many)
    for rounds in (few, many):
        closed = private_pem(key, b"a passphrase that is given", rounds)
        assert read_own_key(closed, b"a passphrase that is given").private_numbers() == key.private_numbers()
        shown = subprocess.run(["openssl", "asn1parse"], input=closed, capture_output=True, check=True).stdout
        assert f"INTEGER           :{rounds:06X}".encode() in shown or f":{rounds:04X}".encode() in shown
