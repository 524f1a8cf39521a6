# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modes: what is open to others is reported, and nothing is ever made so, whatever the umask.

| fault | reason | outcome |
| --- | --- | --- |
| secret file readable or writable by others (every one of them) | mode | refused |
| public file of the store writable by others | mode | refused |
| folder of an artefact open to others | mode | refused |
| the store, a side's store, or the journal open to others | mode | refused |
| umask 000, 022, 077 | (none) | files 0600, folders 0700 |
| a file rewritten that another umask had made | (none) | 0600 again |

A mode is never set right silently: whether someone has read the key meanwhile is a person's to know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.seeding import REFUSED, Reported, Row, judge, reported
from unit.steps.conftest import Site, faults, site

SECRET = (
    "ca/key.pem",
    "server/key.pem",
    "client/hub/key.pem",
    "jws/key.pem",
    "jws/keystore.p12",
    "jws/keystore.passphrase",
    "exchange/key.pem",
)
PUBLIC = ("server/certificate.pem", "server/chain.pem", "jws/public.pem", "ca/certificate.pem")


def says(file: str) -> Reported:
    return {("greenbank", file.rpartition("/")[0], "mode", "fault")}


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602], ids=oct)
@pytest.mark.parametrize("file", SECRET)
def test_a_secret_file_open_to_others(bank: Site, file: str, bits: int) -> None:
    path = f"store/greenbank/{file}"
    judge(bank, Row(file, f"store/greenbank/{file.rpartition('/')[0]}", REFUSED, says(file), lambda made: made.path(path).chmod(bits)))


@pytest.mark.parametrize("file", PUBLIC)
def test_a_public_file_that_others_may_write(bank: Site, file: str) -> None:
    path = f"store/greenbank/{file}"
    bank.path(path).chmod(0o644)
    assert faults(bank.run()) == [], "reading is harmless"
    bank.path(path).chmod(0o600)
    judge(bank, Row(file, f"store/greenbank/{file.rpartition('/')[0]}", REFUSED, says(file), lambda made: made.path(path).chmod(0o666)))


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o755, 0o1777], ids=oct)
@pytest.mark.parametrize("artefact", ["ca", "server", "client/hub", "jws", "exchange"])
def test_a_folder_of_an_artefact_open_to_others(bank: Site, artefact: str, bits: int) -> None:
    folder = f"store/greenbank/{artefact}"
    judge(bank, Row(artefact, folder, REFUSED, says(f"{artefact}/x"), lambda made: made.path(folder).chmod(bits)))


@pytest.mark.parametrize("folder", ["store", "store/greenbank", "journal"])
def test_a_folder_around_the_artefacts_open_to_others(bank: Site, folder: str) -> None:
    bank.path(folder).chmod(0o777)
    found = reported(bank.run())
    whose = ("greenbank",) if folder == "store/greenbank" else ("hub", "bluebank", "greenbank")
    assert found == {(side, folder, "mode", "fault") for side in whose}
    assert bank.path(folder).stat().st_mode & 0o777 == 0o777
    bank.path(folder).chmod(0o700)
    assert bank.run() == []


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def wrong(root: Path) -> list[str]:
    """What is not 0600 or, for folders, 0700."""
    found = [(path, path.lstat().st_mode & 0o777) for path in [root, *root.rglob("*")]]
    return [f"{path} {mode:04o}" for path, mode in found if mode != (0o700 if path.is_dir() else 0o600)]


@pytest.mark.parametrize("bits", [0o000, 0o022, 0o077], ids=oct)
def test_no_umask_opens_anything(memory: Path, bits: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = site(memory / f"umask-{bits:o}", "greenbank")
    with umask(bits):
        made.run()
        assert wrong(made.state) == []
        for folder in ("jws", "client/hub"):
            made.path(f"store/greenbank/{folder}/certificate.pem").unlink()
        assert {disposition for *_, disposition in reported(made.run())} == {"change"}
    assert wrong(made.state) == []
    assert made.run() == []


def test_what_is_rewritten_has_its_right_mode(bank: Site) -> None:
    with umask(0):
        public = bank.path("store/greenbank/jws-keys/bluebank.pem")
        public.unlink()
        public.write_text("damaged")
        assert public.stat().st_mode & 0o777 == 0o666
        assert reported(bank.run()) == {("greenbank", "jws-keys", "replaced", "change")}
    assert wrong(bank.state) == []
