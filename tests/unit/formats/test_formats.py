# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a newer release wrote is refused by name, wherever it is read; the same document of this format is read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.checking import check_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import Manifest, read_manifest, sign_manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.formats import NewerFormat, read_json
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import (
    Intent,
    Registration,
    read_intent,
    read_registration,
    write_intent,
    write_registration,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import KeyRegister, Numbered, SequenceJournal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import LATEST, latest_verdicts

LAB = Path(__file__).parents[3] / "inventories" / "lab"
SEQUENCE = "journal/sequences/published/hub/greenbank.json"
KEY = "ab" * 32


def sequence(tree: DiskTree) -> object:
    SequenceJournal(tree).advance(SEQUENCE, Numbered(3, KEY))
    return SequenceJournal(tree).highest(SEQUENCE)


def key(tree: DiskTree) -> object:
    KeyRegister(tree).claim(KEY, "hub", "ca")
    return KeyRegister(tree).owner(KEY)


def registration(tree: DiskTree) -> object:
    if tree.read("store/hub/oauth/greenbank.json") is None:
        write_registration(tree, "greenbank", Registration("id", "https://x", "token", "now", "quotes"))
    return read_registration(tree, "greenbank")


def intent(tree: DiskTree) -> object:
    if tree.read("store/hub/oauth/greenbank.intent.json") is None:
        write_intent(tree, "greenbank", Intent.of("create", "lab/greenbank", datetime.now(UTC)))
    return read_intent(tree, "greenbank")


def evidence(tree: DiskTree) -> object:
    if tree.read(LATEST) is None:
        tree.write(LATEST, json.dumps({"format": 1, "verdicts": {}}, indent=1).encode())
    return str(latest_verdicts(tree, load_description(LAB, state="/nowhere")))


def manifest(tree: DiskTree) -> object:
    if tree.read("manifest.json") is None:
        signer = DryRunKeys().make("rsa-3072")
        tree.write("manifest.json", sign_manifest(Manifest("lab", "hub", "greenbank", 1, "", {}), signer))  # type: ignore[arg-type]
    return read_manifest(tree.read("manifest.json") or b"", "manifest.json")


@pytest.mark.parametrize("read", [sequence, key, registration, intent, evidence, manifest])
def test_a_newer_document_is_refused_and_stays_as_it_is(read: Callable[[DiskTree], object], tmp_path: Path) -> None:
    tree = DiskTree(tmp_path)
    assert read(tree)
    assert read(tree)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    newer = re.sub(rb'"format": 1\b', b'"format": 2', file.read_bytes())
    file.write_bytes(newer)
    with pytest.raises(NewerFormat, match=rf"{file.name}: is of format 2, written by a newer release; this one knows formats up to 1"):
        read(tree)
    assert file.read_bytes() == newer


def test_a_newer_description_is_refused(tmp_path: Path) -> None:
    shutil.copytree(LAB, tmp_path / "lab")
    assert check_description(tmp_path / "lab").right
    file = tmp_path / "lab/participants/greenbank.yml"
    file.write_text(file.read_text().replace("format: 1", "format: 2"))
    assert [problem.partition(": ")[2] for problem in check_description(tmp_path / "lab").problems] == [
        "format: found the number 2; allowed: 1"
    ]


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a": 1, "a": 2}', b"NaN", b'["\\ud800"]', b'{"\\udfff": 1}', b"\xff", b"", b"9" * 5000]
)
def test_json_on_which_readers_disagree_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(content)
    assert read_json(b'{"a": ["\\ud83d\\ude00", 1.5]}') == {"a": ["\U0001f600", 1.5]}
