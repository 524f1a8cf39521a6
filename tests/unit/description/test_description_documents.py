# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML is read strictly: what could surprise is refused, with its line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.documents import (
    LARGEST_FILE,
    parse_document,
    plain,
    read_document,
    shown,
)


def refusals(content: bytes) -> list[str]:
    return [str(problem) for problem in parse_document(content, file="f.yml")[1]]


def value(content: bytes) -> object:
    node, problems = parse_document(content, file="f.yml")
    assert problems == []
    assert node is not None
    return plain(node)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\nb:\n  - x\na: 2\n", ["f.yml:4: a: found the key a second time (first on line 1); allowed: each key once"]),
        (b"a: {b: 1, b: 2}\n", ["f.yml:1: a.b: found the key a second time (first on line 1); allowed: each key once"]),
        (b"a: 1\nb: &x 2\n", ["f.yml:2: b: found the anchor &x; allowed: values without anchors"]),
        (
            b"a: &x [1]\nb: *x\n",
            [
                "f.yml:1: a: found the anchor &x; allowed: values without anchors",
                "f.yml:2: b: found the alias *x; allowed: the value itself (anchors and aliases are not read)",
            ],
        ),
        (b"a: 1\nb: !unsafe x\n", ["f.yml:2: b: found the tag '!unsafe'; allowed: values without tags"]),
        (
            b"a: !!python/object:os.system x\n",
            ["f.yml:1: a: found the tag 'tag:yaml.org,2002:python/object:os.system'; allowed: values without tags"],
        ),
        (b"!!map {a: 1}\n", ["f.yml:1: file: found the tag 'tag:yaml.org,2002:map'; allowed: values without tags"]),
        (b"a: 1\n---\nb: 2\n", ["f.yml:2: file: found a second document; allowed: one document"]),
        (b"a: 1\nb: \xff\n", ["f.yml:2: file: found the byte 0xff, which is not UTF-8; allowed: UTF-8 text"]),
        ("a: 1\n".encode("utf-16"), ["f.yml:1: file: found the byte 0xff, which is not UTF-8; allowed: UTF-8 text"]),
        (b"a: 1\nb: x\x07y\n", ["f.yml:2: file: found a control character; allowed: printable text"]),
        (b"", ["f.yml:1: file: found an empty file; allowed: a mapping of keys"]),
        (b"# only a comment\n", ["f.yml:1: file: found an empty file; allowed: a mapping of keys"]),
        (b"a: [1\nb: 2\n", ["f.yml:2: file: found broken YAML (did not find expected ',' or ']'); allowed: valid YAML"]),
        (b"a:\n\t- 1\n", ["f.yml:2: file: found broken YAML (found character that cannot start any token); allowed: valid YAML"]),
        (b"? [a]\n: 1\n", ["f.yml:1: file: found a key that is not text; allowed: text as keys"]),
        (
            b"[" * 50_000,
            ["f.yml:1: [0][0][0][0][0][0][0][0][0][0][0][0][0]: found more than 12 levels of nesting; allowed: at most 12 levels"],
        ),
    ],
)
def test_surprises_are_refused_with_their_line(content: bytes, expected: list[str]) -> None:
    assert refusals(content) == expected


def test_the_same_without_the_surprise_is_read() -> None:
    assert value(b"a: 1\nb:\n  - x\nc: {d: 2, e: '3'}\n") == {"a": 1, "b": ["x"], "c": {"d": 2, "e": "3"}}
    assert value(b"\xef\xbb\xbfa: \xc3\xa9\n") == {"a": "é"}
    assert value(b"[" * 12 + b"]" * 12) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("12", 12), ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0),
        ("no", "no"), ("on", "on"), ("010", 10.0), ("0x1f", "0x1f"), ("12:30", "12:30"), ("2026-01-02", "2026-01-02"), ("'12'", "12"),
        ("tRUE", "tRUE"), ("9" * 400, "9" * 400), ("203.0.113.1", "203.0.113.1"), ("<<", "<<"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema(text: str, expected: object) -> None:
    assert value(f"a: {text}\n".encode()) == {"a": expected}


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    layers = [b"a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]".encode() for i in range(1, 12)]
    started = time.process_time()
    assert "the alias *a0" in refusals(b"\n".join(layers))[-1]
    assert time.process_time() - started < 1


def test_large_files_are_refused_and_the_largest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(b"a: 1 #" + b"x" * (LARGEST_FILE - 6))
    assert read_document(path)[1] == []
    path.write_bytes(b"a: 1 #" + b"x" * (LARGEST_FILE - 5))
    assert [str(problem) for problem in read_document(path)[1]] == [f"{path}:1: file: found more than 256 KiB; allowed: at most 256 KiB"]


def test_what_is_no_regular_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yml")
    (tmp_path / "folder.yml").mkdir()
    found = [str(read_document(tmp_path / name)[1][0]) for name in ("fifo.yml", "folder.yml", "missing.yml")]
    assert [text.split(": found ")[1] for text in found] == [
        "a file that cannot be read (not a regular file); allowed: a readable YAML file",
        "a file that cannot be read (Is a directory); allowed: a readable YAML file",
        "a file that cannot be read (No such file or directory); allowed: a readable YAML file",
    ]


def test_what_is_shown_is_one_line_and_never_a_secret() -> None:
    assert shown("a\nb\u202ec") == "'a\\nb\\u202ec'"
    assert len(shown("x" * 5000)) < 70
    assert "hunter2" not in shown("https://user:hunter2@host")
    assert "MIIE" not in shown("-----BEGIN PRIVATE KEY-----\nMIIE")
