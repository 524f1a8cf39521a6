# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that reads what others wrote takes bounded memory, whatever they wrote, and ends in a value or in one clear error."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hostile.fuzzing import LONGEST_REPORTED, huge
from hostile.test_hostile_fuzz_readers import (
    ADDRESS,
    CERTIFICATE,
    CHAIN,
    ENDPOINTS,
    GREENS,
    JWKS,
    MANIFEST,
    PUBLIC,
    RECORDS,
    SEALED,
    TRUSTS,
    as_pem,
    in_memory,
    judged,
    label_of,
    request_for,
)
from support.counting import record_count
from support.depth import DEEP
from support.memory import MIB, Spent, spent
from unit.steps.conftest import participant, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.documents import LARGEST_FILE
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange import jws_list, manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.first_contact import receive
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.jws_list import JwsListing, publish_jws_list
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import read_manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import publish
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import open_sealed, seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.token_keys import token_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import read_chain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import received_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import read_public_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import LIMIT as ANSWER_LIMIT
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.approvals import read_endpoints
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.oauth_credentials import check_sealed
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.archive import unpack
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.interface import LARGEST
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Tree

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

KIB = 1024
SMALL = 12 * MIB
"""Bound for files of at most 64 KiB."""
WIDE = 48 * MIB
"""Bound for what may be larger: a description's file, the list of JWS keys, an answer of an authorization server."""
MANY = 30_000 if DEEP else 8_000
"""Files of a crowded folder, their names 200 bytes long."""
MOST_REPORTED = 100_000
"""Characters of all that is reported of one participant's file."""
Read = Callable[[bytes], object]


def bounded(work: Callable[[], object], bound: int, *, warm: Callable[[], object] = lambda: None) -> Spent:
    """Do it, and hold memory and the words of an error against what they may be."""
    found = spent(work, warm=warm)
    assert found.peak < bound, f"{found.peak / MIB:.1f} MiB; allowed: {bound / MIB:.0f} MiB"
    if found.error is not None:
        assert OnboardingError.__name__ in found.error.kinds, found.error
        assert len(found.error.text) < LONGEST_REPORTED
        assert found.error.text.replace("\n", "").isprintable()
    record_count("inputs read in bounded memory", 1)
    return found


def nested(size: int, *, indefinite: bool) -> bytes:
    """ASN.1: as many sequences in each other as these bytes hold."""
    if indefinite:
        return b"\x30\x80" * (size // 2)
    levels = size // 6
    return b"".join(b"\x30\x84" + (6 * (levels - level - 1)).to_bytes(4, "big") for level in range(levels))


PEM_READERS: dict[str, tuple[bytes, int, Read]] = {
    "a request": (request_for(["greenbank.test"], "greenbank"), 16 * KIB, judged),
    "a certificate": (CERTIFICATE, 64 * KIB, lambda pem: received_certificate(pem, where="server.pem")),
    "a chain": (CHAIN, 64 * KIB, lambda pem: read_chain(pem, where="ca.pem")),
    "a public key": (PUBLIC, 16 * KIB, lambda pem: read_public_key(pem, where="jws.pem")),
    "a sealed secret": (
        SEALED,
        manifest.LIMIT,
        lambda pem: open_sealed(pem, GREENS.exchange_key, GREENS.exchange, where="oauth.p7m"),
    ),
    "a sealed secret that is kept": (SEALED, 64 * KIB, check_sealed),
}


LENIENT = {
    "a sealed secret": {"very many blocks"},
    "a sealed secret that is kept": {
        "nested",
        "nested without lengths",
        "a length that is not there",
        "an integer that fills it",
        "no end",
    },
}


@pytest.mark.parametrize("kind", PEM_READERS)
def test_pem(kind: str) -> None:
    right, limit, read = PEM_READERS[kind]
    label = label_of(right)
    room = limit * 3 // 4 - 400
    largest = right + b"\n" * (limit - len(right))
    refused = {
        "one byte more": largest + b"\n",
        "a hundred times more": largest * 100,
        "very many blocks": (right * (limit // len(right) + 1))[:limit],
        "very many beginnings": b"-----BEGIN A-----" * (limit // 17),
        "nested": as_pem(nested(room, indefinite=False), label),
        "nested without lengths": as_pem(nested(room, indefinite=True), label),
        "a length that is not there": as_pem(b"\x30\x84\x7f\xff\xff\xff\x30\x84\x7f\xff\xff\xf0", label),
        "an integer that fills it": as_pem(b"\x30\x83" + (room - 9).to_bytes(3, "big") + b"\x02\x83" + b"\x7f" * room, label),
        "no end": b"-----BEGIN " + label.encode() + b"-----\n" + b"A" * (limit - 60),
        "nothing but zeros": bytes(limit),
    }
    assert len(largest) == limit
    assert bounded(lambda: read(largest), SMALL, warm=lambda: read(right)).error is None
    for name, content in refused.items():
        found = bounded(lambda content=content: read(content), SMALL, warm=lambda: read(right))  # type: ignore[misc]
        # What is only kept is not opened, and of several sealed secrets the first is.
        assert found.error is not None or name in LENIENT.get(kind, ()), name


def test_a_sealed_secret_of_any_size_is_opened_in_bounded_memory() -> None:
    secret = b"x" * 40_000
    sealed = seal(secret, GREENS.exchange)
    assert bounded(lambda: PEM_READERS["a sealed secret"][2](sealed), SMALL).value == secret


def objects(limit: int) -> dict[str, bytes]:
    """JSON that is much for its size, each of these bytes or fewer."""
    return {
        "nested lists": b"[" * limit,
        "nested objects": (b'{"a":' * (limit // 5)),
        "closed nested lists": b"[" * (limit // 2) + b"]" * (limit // 2),
        "very many numbers": b"[" + b"1," * (limit // 2 - 2) + b"1]",
        "very many objects": b"[" + b"{}," * (limit // 3 - 2) + b"{}]",
        "very many names": b"{" + b",".join(b'"%d":[]' % number for number in range(limit // 12)) + b"}",
        "a number of all digits": b"9" * limit,
        "a fraction of all digits": b"0." + b"9" * (limit - 2),
        "half characters": b'["' + b"\\ud800" * (limit // 6 - 2) + b'"]',
        "a long text": b'{"format": 1, "x": "' + b"y" * (limit - 30) + b'"}',
    }


JSON_READERS: dict[str, tuple[bytes, int, Read, int]] = {
    "a manifest": (json.dumps(MANIFEST).encode(), manifest.LIMIT, lambda data: read_manifest(data, "manifest.json"), SMALL),
    "endpoints": (json.dumps(ENDPOINTS).encode(), manifest.LIMIT, read_endpoints, SMALL),
    "an answer": (b'{"error": "x"}', ANSWER_LIMIT, lambda data: Answer(400, {}, data).json(), WIDE),
    "the claims of a token": (
        b"{}",
        ANSWER_LIMIT // 2,
        lambda data: TokenAnswer(200, "a." + base64.urlsafe_b64encode(data).decode().rstrip("=") + ".c").claims,
        WIDE,
    ),
    "a set of token keys": (json.dumps(JWKS).encode(), ANSWER_LIMIT, token_keys, WIDE),
}
SOFT = {"an answer", "the claims of a token"}
"""Readers that take what they cannot read for an empty object."""


@pytest.mark.parametrize("kind", JSON_READERS)
def test_json(kind: str) -> None:
    right, limit, read, bound = JSON_READERS[kind]
    for name, content in objects(limit).items():
        found = bounded(lambda content=content: read(content), bound, warm=lambda: read(b"[]") if kind in SOFT else None)  # type: ignore[misc]
        assert kind in SOFT or found.error is not None, name
    if kind in {"a manifest", "endpoints"}:
        assert bounded(lambda: read(right + b" " * (limit - len(right))), bound).error is None


def test_endpoints_of_very_many_addresses() -> None:
    many = [f"2001:db8::{number:x}" for number in range(3500)]
    content = json.dumps(ENDPOINTS | {"addresses": many}).encode()
    assert len(content) < manifest.LIMIT
    assert bounded(lambda: read_endpoints(content), SMALL).error is None


# --- descriptions


FILES = {
    "the largest that is right": (b"", b"#" * 60 + b"\n"),
    "very many list entries": (b"x:\n", b"- 1\n"),
    "very many keys": (b"", b"k%d:\n"),
    "very many anchors": (b"x:\n", b"- &a 1\n"),
    "very many tags": (b"x:\n", b"- !t 1\n"),
    "very many lists": (b"x: [", b"[],"),
    "nested lists": (b"x: ", b"["),
    "nested mappings": (b"x: ", b"{a: "),
    "nested block lists": (b"", b"- "),
    "complex keys": (b"", b"? "),
    "one long key": (b"", b"k"),
    "one long text": (b"x: ", b"y"),
    "one long anchor": (b"x: &", b"y"),
    "very many documents": (b"", b"---\n"),
    "very many escapes": (b'x: "', b"\\U0001F600"),
    "very many participants' addresses": (b"egress_addresses:\n", b"- 203.0.113.%d/32\n"),
}


def filled(start: bytes, piece: bytes, size: int) -> bytes:
    """As many of these pieces as there is room for, numbered."""
    content = bytearray(start)
    number = 0
    while len(content) + len(next_one := piece % number if b"%" in piece else piece) <= size:
        content += next_one
        number += 1
    return bytes(content) + b"\n" * (size - len(content))


def bomb(layers: int, width: int) -> bytes:
    """A billion laughs: every layer names the one before several times."""
    lines = [b"a0: &a0 [" + b"lol, " * width + b"]"]
    lines += [b"a%d: &a%d [" % (layer, layer) + b"*a%d, " % (layer - 1) * width + b"]" for layer in range(1, layers)]
    return b"\n".join(lines)


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A description with one right participant, and the place of another's file."""
    made = site(tmp_path, "bluebank")
    return made.root / "description" / "participants" / "greenbank.yml"


def problems_of(file: Path) -> Callable[[], str]:
    """What loading says of one participant's file; the others are there still."""

    def load() -> str:
        found = load_description(file.parent.parent, state="/nowhere")
        assert "bluebank" in {each.name for each in found.participants}
        return "\n".join(problem for broken, problems in found.broken if broken == str(file) for problem in problems)

    return load


@pytest.mark.parametrize("kind", FILES)
def test_a_participants_file(described: Path, kind: str) -> None:
    load = problems_of(described)
    right = json.dumps(participant(3, "greenbank")).encode() + b"\n"
    described.write_bytes(right)
    assert load() == "", "and what loading needs is loaded"
    described.write_bytes(filled(right if kind == "the largest that is right" else FILES[kind][0], FILES[kind][1], LARGEST_FILE))
    found = bounded(load, WIDE)
    assert found.error is None
    assert len(found.value) < MOST_REPORTED
    assert (found.value == "") is (kind == "the largest that is right")


@pytest.mark.parametrize("layers", [9, 2_000], ids=["a billion", "beyond counting"])
def test_a_billion_laughs(described: Path, layers: int) -> None:
    described.write_bytes(bomb(layers, 10))
    found = bounded(problems_of(described), WIDE)
    assert "the alias *a0" in found.value
    assert len(found.value) < MOST_REPORTED


@pytest.mark.parametrize("size", [LARGEST_FILE + 1, 1 << 30])
def test_a_file_that_is_too_large(described: Path, size: int) -> None:
    huge(described)
    os.truncate(described, size)
    assert bounded(problems_of(described), SMALL).value == f"{described}:1: file: found more than 256 KiB; allowed: at most 256 KiB"


# --- folders that others write in


@pytest.fixture
def published(tmp_path: Path) -> DiskTree:
    tree = DiskTree(tmp_path / "state")
    publish(tree, ADDRESS, GREENS.files, GREENS.exchange_key)
    publish_jws_list(tree, "lab", {"greenbank": PUBLIC}, GREENS.exchange_key)
    return tree


def received(tree: Tree, trust: str) -> Callable[[], object]:
    return lambda: receive(tree, ADDRESS, TRUSTS[trust])


@pytest.mark.parametrize("trust", ["known", "plain", "no-one"])
def test_a_publication_of_large_files(published: DiskTree, trust: str) -> None:
    folder = published.root / ADDRESS.folder
    if trust == "plain":
        (folder / "manifest.json").unlink()
    assert bounded(received(published, trust), SMALL).error is None
    for name in ("ca.pem", "server.pem", "jws.pem", "endpoints.json", "oauth.p7m", "client.csr", "own-client.pem"):
        (folder / name).write_bytes(b"\n" * manifest.LIMIT)
    found = bounded(received(published, trust), SMALL)
    assert found.error is not None
    for size in (manifest.LIMIT + 1, 1 << 20, 1 << 30):
        for name in ("ca.pem", "exchange.pem"):
            (folder / name).write_bytes(b"")
            os.truncate(folder / name, size)
        found = bounded(received(published, trust), SMALL)
        assert found.error is not None
        assert found.error.reason in {"too-large", "unreadable"}


def test_a_publication_of_very_many_files(published: DiskTree) -> None:
    folder = published.root / ADDRESS.folder
    for number in range(MANY):
        (folder / f"{number:0200}").touch()
    found = bounded(received(published, "known"), SMALL)
    assert found.error is not None
    assert found.error.reason == "file-name"
    assert bounded(lambda: publish(published, ADDRESS, GREENS.files, GREENS.exchange_key), SMALL).error is None


def test_a_file_that_becomes_another_between_the_look_and_the_reading(published: DiskTree, monkeypatch: pytest.MonkeyPatch) -> None:
    path = published.root / ADDRESS.folder / "ca.pem"
    opened = os.open

    def exchanged(name: str, flags: int, **rest: Any) -> int:  # noqa: ANN401
        if name == "ca.pem":
            os.truncate(path, 1 << 30)
        return opened(name, flags, **rest)

    monkeypatch.setattr(os, "open", exchanged)
    found = bounded(received(published, "known"), SMALL)
    assert found.error is not None
    assert found.error.reason == "too-large"


def listed(tree: Tree) -> Callable[[], object]:
    return lambda: len(JwsListing(tree).keys("lab", "bluebank", [GREENS.exchange]))


def test_the_largest_list_of_signing_keys(published: DiskTree) -> None:
    keys = {f"bank-{number}": PUBLIC for number in range(4000)}
    memory = Overlay(published)
    publish_jws_list(memory, "lab", keys, GREENS.exchange_key)
    folder = published.root / "exchange/jws"
    for name, entry in memory.folder("exchange/jws").items():
        (folder / name).write_bytes(entry.content or b"")
    assert bounded(listed(published), WIDE).value == len(keys)


@pytest.mark.parametrize("file", ["list.json", "greenbank.pem", "other.pem"])
@pytest.mark.parametrize("size", [jws_list.LIMIT, jws_list.LIMIT + 1, 1 << 30])
def test_a_list_of_signing_keys_of_large_files(published: DiskTree, file: str, size: int) -> None:
    path = published.root / "exchange/jws" / file
    path.touch()
    os.truncate(path, size)
    found = bounded(listed(published), SMALL)
    if file == "other.pem":
        assert found.value == 1, "what is not on the list is not read"
    else:
        assert found.error is not None
        assert found.error.reason in {"too-large", "list-unreadable", "file-altered"}


@pytest.mark.parametrize("size", [0, jws_list.LIMIT])
def test_a_list_of_signing_keys_of_very_many_files(published: DiskTree, size: int) -> None:
    folder = published.root / "exchange/jws"
    for number in range(jws_list.LIMIT // 70 + 1 if not size else 500):
        (folder / f"{number:0200}.pem").touch()
        os.truncate(folder / f"{number:0200}.pem", size)
    found = bounded(listed(published), WIDE)
    assert found.value == 1 if size else found.error is not None and found.error.reason == "list-unreadable"


@pytest.mark.parametrize("name", objects(16))
def test_a_list_of_signing_keys_of_any_json(published: DiskTree, name: str) -> None:
    (published.root / "exchange/jws/list.json").write_bytes(objects(jws_list.LIMIT)[name])
    found = bounded(listed(published), WIDE)
    assert found.error is not None
    assert found.error.reason == "list-unreadable"


# --- records of the journal and the store, archives


def reported_each(read: Read, inputs: Mapping[str, bytes]) -> str:
    """The names of those that are not refused."""
    accepted = []
    for name, content in inputs.items():
        try:
            read(content)
        except OnboardingError as error:
            reported = len(str(error))
        else:
            reported = 0
            accepted.append(name)
        assert reported < LONGEST_REPORTED, name
    return ", ".join(accepted)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record(tmp_path: Path, kind: str) -> None:
    path, right, read = RECORDS[kind]
    assert bounded(lambda: read(in_memory(path, right, tmp_path)), SMALL).error is None
    inputs = objects(256 * KIB)
    found = bounded(lambda: reported_each(lambda content: read(in_memory(path, content, tmp_path)), inputs), WIDE)
    assert found.value == ("" if kind != "evidence" else ", ".join(inputs)), "read as if it were right; evidence counts as none"
    place = tmp_path / path
    place.parent.mkdir(parents=True)
    place.touch()
    os.truncate(place, LARGEST + 1)
    assert bounded(lambda: read(DiskTree(tmp_path)), WIDE).error is not None


@pytest.mark.parametrize("compression", ["gz", "xz", "bz2"])
def test_a_compressed_archive_is_no_backup(tmp_path: Path, compression: str) -> None:
    archive, target = tmp_path / "backup", tmp_path / "target"
    target.mkdir()
    with tarfile.open(archive, f"w:{compression}") as tar:  # type: ignore[call-overload]
        member = tarfile.TarInfo("store/hub/x")
        member.size = 64 * MIB
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    found = bounded(lambda: unpack(archive, target, ["store"]), SMALL)
    assert found.error is not None
    assert list(target.iterdir()) == []


def test_what_is_measured_is_what_is_taken() -> None:
    taken = spent(lambda: len(b"x" * (50 * MIB)))
    assert 49 * MIB < taken.peak < 54 * MIB
    bombed = spent(lambda: len(bytearray(4096 * MIB)))
    assert bombed.error is not None
    assert bombed.error.kinds[0] == "MemoryError"
