# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's signed list of JWS keys: whole, signed by the hub, never an old one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.sides import side

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ExchangeError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.envelope import sign_envelope
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.jws_list import JwsListing, publish_jws_list
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

HUB = side("hub")
KEYS = {"switch": HUB.files["jws.pem"], "greenbank": side("greenbank").files["jws.pem"]}
FOLDER = "exchange/jws"


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    return DiskTree(tmp_path)


def offer(tree: DiskTree, keys: dict[str, bytes] | None = None, *, environment: str = "lab", key: RSAPrivateKey = HUB.exchange_key) -> bool:
    return publish_jws_list(tree, environment, KEYS if keys is None else keys, key)


def read(tree: DiskTree) -> dict[str, bytes]:
    return JwsListing(tree).keys("lab", "greenbank", [side("bluebank").exchange, HUB.exchange])


def refusal(tree: DiskTree) -> str:
    with pytest.raises(PublicationRefused) as refused:
        read(tree)
    return refused.value.reason


def test_what_is_listed_is_read(tree: DiskTree) -> None:
    assert read(tree) == {}
    assert not JwsListing(tree).accept("greenbank")
    assert offer(tree)
    assert read(tree) == KEYS
    assert tree.names(FOLDER) == ["greenbank.pem", "list.json", "switch.pem"]


def test_listing_the_same_again_touches_nothing(tree: DiskTree, tmp_path: Path) -> None:
    offer(tree)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")}
    assert not offer(tree, dict(reversed(KEYS.items())))
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")} == before


def test_text_around_a_key_is_not_passed_on(tree: DiskTree) -> None:
    assert offer(tree, {name: b"Public-Key: (2048 bit)\n" + pem for name, pem in KEYS.items()})
    assert read(tree) == KEYS
    assert not offer(tree)


def test_a_side_that_left_is_not_listed(tree: DiskTree) -> None:
    offer(tree)
    assert offer(tree, {"switch": KEYS["switch"]})
    assert read(tree) == {"switch": KEYS["switch"]}
    assert tree.names(FOLDER) == ["list.json", "switch.pem"]


def alter(tree: DiskTree, files: dict[str, bytes]) -> None:
    tree.write_folder(FOLDER, {name: tree.read(f"{FOLDER}/{name}") or b"" for name in tree.names(FOLDER)} | files)


SPOILT: dict[str, tuple[Callable[[DiskTree], object], str]] = {
    "a key altered": (lambda tree: alter(tree, {"greenbank.pem": side("mallory").files["jws.pem"]}), "file-altered"),
    "a key with text": (lambda tree: alter(tree, {"greenbank.pem": b"text\n" + KEYS["greenbank"]}), "file-altered"),
    "a key with a line break": (lambda tree: alter(tree, {"greenbank.pem": KEYS["greenbank"].replace(b"-\nM", b"-\nM\n")}), "file-altered"),
    "two keys": (lambda tree: alter(tree, {"greenbank.pem": KEYS["greenbank"] + side("mallory").files["jws.pem"]}), "file-altered"),
    "a key removed": (lambda tree: tree.remove(f"{FOLDER}/greenbank.pem"), "file-missing"),
    "another environment": (lambda tree: offer(tree, environment="production"), "list-misdirected"),
    "another signer": (lambda tree: offer(tree, key=side("mallory").exchange_key), "list-signature"),
    "an empty list": (lambda tree: alter(tree, {"list.json": b""}), "list-unreadable"),
    "a path as id": (lambda tree: alter(tree, {"list.json": listed({"../x": "ab" * 32})}), "list-unreadable"),
    "a digest that is none": (lambda tree: alter(tree, {"list.json": listed({"switch": "ab"})}), "list-unreadable"),
    "no sequence number": (lambda tree: alter(tree, {"list.json": listed({}, sequence="1")}), "list-unreadable"),
    "too large": (lambda tree: alter(tree, {"list.json": b" " * (1024 * 1024 + 1)}), "too-large"),
}


def listed(keys: object, sequence: object = 1) -> bytes:
    return sign_envelope("list", {"format": 1, "environment": "lab", "sequence": sequence, "keys": keys}, HUB.exchange_key)


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_list_is_refused_and_published_again(tree: DiskTree, case: str) -> None:
    spoil, reason = SPOILT[case]
    offer(tree)
    assert read(tree) == KEYS
    spoil(tree)
    assert refusal(tree) == reason
    assert offer(tree)
    assert read(tree) == KEYS


def test_a_key_that_is_none_is_not_listed(tree: DiskTree) -> None:
    with pytest.raises(ExchangeError):
        offer(tree, KEYS | {"greenbank": b"no key"})
    assert tree.names("exchange") == []


def test_an_old_list_is_refused_to_whom_saw_a_later_one(tree: DiskTree) -> None:
    offer(tree)
    old = {name: tree.read(f"{FOLDER}/{name}") or b"" for name in tree.names(FOLDER)}
    offer(tree, {"switch": KEYS["switch"]})
    assert JwsListing(tree).accept("greenbank")
    assert not JwsListing(tree).accept("greenbank")
    assert read(tree) == {"switch": KEYS["switch"]}
    tree.write_folder(FOLDER, old)
    assert refusal(tree) == "sequence-rolled-back"
    assert JwsListing(tree).keys("lab", "bluebank", [HUB.exchange]) == KEYS
    # The hub's journal knows better than the old copy.
    assert offer(tree)
    assert json.loads(tree.read(f"{FOLDER}/list.json") or b"")["list"]["sequence"] == 3
    assert read(tree) == KEYS


def test_another_list_under_the_same_number_is_refused(tree: DiskTree) -> None:
    offer(tree)
    JwsListing(tree).accept("greenbank")
    alter(tree, {"list.json": listed({})})
    assert refusal(tree) == "sequence-reused"
