# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal: numbers used once, keys that belong to one side, sequence numbers that only rise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import (
    Issuance,
    KeyEntry,
    KeyRegister,
    KeyState,
    Numbered,
    SequenceJournal,
    SerialJournal,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import key_path, published_path, serial_path
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ISSUANCE = Issuance(
    issuer="hub",
    holder="greenbank",
    artefact="client",
    why="certificate-missing",
    policy="mojaloop 1",
    key="ab" * 32,
    provenance="signed",
    time="2026-01-01T00:00:00+00:00",
)
SIGNED = replace(ISSUANCE, fingerprint="cd" * 32, not_after="2027-01-01T00:00:00+00:00")
DIGEST = "0f" * 32


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    return DiskTree(tmp_path)


def test_a_serial_number_is_reserved_once(tree: DiskTree) -> None:
    journal = SerialJournal(tree)
    assert journal.reserve(0xBEEF, ISSUANCE)
    assert not journal.reserve(0xBEEF, replace(ISSUANCE, holder="bluebank"))
    assert journal.reserve(0xBEEF + 1, ISSUANCE)


def test_a_signature_is_recorded_after_its_reservation_only(tree: DiskTree) -> None:
    journal = SerialJournal(tree)
    with pytest.raises(StoreError, match="not journalled"):
        journal.record(0xBEEF, SIGNED)
    assert journal.reserve(0xBEEF, ISSUANCE)
    assert journal.unrecorded() == [0xBEEF]
    journal.record(0xBEEF, SIGNED)
    assert journal.unrecorded() == []
    assert journal.issued("hub") == {0xBEEF: SIGNED}
    assert journal.issued("greenbank") == {}


def test_repeating_a_record_touches_nothing(tree: DiskTree, tmp_path: Path) -> None:
    journal = SerialJournal(tree)
    journal.reserve(1, ISSUANCE)
    journal.record(1, SIGNED)
    before = (tmp_path / "journal/issued/hub/1.json").stat()
    journal.record(1, SIGNED)
    after = (tmp_path / "journal/issued/hub/1.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_key_belongs_to_whom_it_came_first(tree: DiskTree) -> None:
    register = KeyRegister(tree)
    assert register.owner(DIGEST) is None
    assert str(register.claim(DIGEST, "greenbank", "client/hub")) == "greenbank client/hub"
    assert register.claim(DIGEST, "greenbank", "client/hub") == KeyEntry("greenbank", "client/hub")
    assert register.claim(DIGEST, "bluebank", "client/hub") == KeyEntry("greenbank", "client/hub")
    assert register.claim("1e" * 32, "hub", "ca") == KeyEntry("hub", "ca")


def test_a_retired_key_stays_retired(tree: DiskTree) -> None:
    register = KeyRegister(tree)
    register.retire(DIGEST)
    assert register.owner(DIGEST) is None
    register.claim(DIGEST, "greenbank", "client/hub")
    register.retire(DIGEST)
    register.retire(DIGEST)
    entry = register.claim(DIGEST, "greenbank", "client/hub")
    assert entry.state is KeyState.RETIRED
    assert str(entry) == "retired"
    assert register.owner(DIGEST) == entry


def test_a_sequence_only_rises(tree: DiskTree) -> None:
    journal, path = SequenceJournal(tree), published_path("hub", "greenbank")
    assert journal.highest(path) == Numbered()
    assert journal.advance(path, Numbered(7, "seven"))
    for number in (7, 6):
        assert not journal.advance(path, Numbered(number, "other"))
    assert journal.highest(path) == Numbered(7, "seven")
    assert journal.advance(path, Numbered(8, "eight"))
    journal.restart(path, Numbered(1, "one"))
    assert journal.highest(path) == Numbered(1, "one")


UNKNOWN_STATE = b'{"format": 1, "owner": "hub", "purpose": "ca", "state": "new"}'


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"format": 0}', b'{"format": 1}', UNKNOWN_STATE])
def test_a_damaged_journal_is_an_error_and_not_a_fresh_start(tree: DiskTree, content: bytes) -> None:
    tree.write(key_path(DIGEST), content)
    with pytest.raises(StoreError, match="not a journal file"):
        KeyRegister(tree).owner(DIGEST)
    with pytest.raises(StoreError, match="not a journal file"):
        KeyRegister(tree).claim(DIGEST, "greenbank", "client")
    tree.write(published_path("hub", "a"), content)
    with pytest.raises(StoreError, match="not a journal file"):
        SequenceJournal(tree).highest(published_path("hub", "a"))
    tree.write(serial_path(1), content)
    with pytest.raises(StoreError, match="not a journal file"):
        SerialJournal(tree).unrecorded()
    assert not SerialJournal(tree).reserve(1, ISSUANCE)


def test_a_sequence_number_is_a_number(tree: DiskTree) -> None:
    path = published_path("hub", "greenbank")
    tree.write(path, b'{"format": 1, "number": true, "digest": ""}')
    with pytest.raises(StoreError, match="not a journal file"):
        SequenceJournal(tree).highest(path)
