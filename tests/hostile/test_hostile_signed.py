# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# ruff: noqa: E501, PTH -- one case a line; calls that pathlib has no words for
"""Signed publications and the hub's list of signing keys: forged, replayed, misdirected, and odd in every member."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hostile.fuzzing import huge
from hostile.texts import CONTROLS, PATHS, SHELL, TEMPLATES
from support.counting import record_count
from support.sides import rsa_key
from unit.steps.conftest import Site, changes, faults, marks

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.envelope import sign_envelope
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import read_manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import LATEST

BLUE = "exchange/bluebank/participant"
JWS = "exchange/jws"
Act = Callable[[Site], None]


def exchange_key(site: Site, side: str) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(site.read(f"store/{side}/exchange/key.pem"), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def manifest(change: Callable[[dict[str, object]], dict[str, object]], *, own_key: bool = True) -> Act:
    """Bluebank's manifest with something changed, signed again with its own key or another's."""

    def act(site: Site) -> None:
        path = f"{BLUE}/manifest.json"
        content = read_manifest(site.read(path), path).content
        key = exchange_key(site, "bluebank") if own_key else rsa_key()
        site.path(path).write_bytes(sign_envelope("manifest", content | change(content), key))

    return act


def listed(name: str, content: bytes = b"x", *, there: bool = True) -> Act:
    """A file of any name in the manifest, and beside it where a file may have that name."""

    def act(site: Site) -> None:
        if there:
            with contextlib.suppress(OSError, ValueError):
                (site.path(BLUE) / name).write_bytes(content)
        manifest(lambda old: {"files": {**old["files"], name: sha256(content).hexdigest()}, "sequence": 99})(site)  # type: ignore[dict-item]

    return act


def changed(change: dict[str, object], *, own_key: bool = True) -> Act:
    return manifest(lambda _: change, own_key=own_key)


def text(old: str, new: str, path: str = f"{BLUE}/manifest.json") -> Act:
    def act(site: Site) -> None:
        content = site.path(path).read_text(encoding="utf-8")
        assert old in content
        site.path(path).write_text(content.replace(old, new, 1), encoding="utf-8")

    return act


def put(path: str, content: bytes) -> Act:
    def act(site: Site) -> None:
        site.path(path).write_bytes(content)

    return act


def manifests() -> Iterator[tuple[str, Act, str]]:
    for name in (*PATHS, *TEMPLATES, *SHELL, *CONTROLS, "", "notes.txt", "manifest.json.bak", "x" * 10_000):
        there = "/" not in name and name not in {"", ".", ".."} and len(name) < 250 and "\0" not in name
        aside = name.endswith(".bak")  # what editors leave is not looked at, so it is missing where it is listed
        yield f"a file named {name[:40]!a}", listed(name, there=there), "file-name" if there and not aside else "file-missing"
    yield "files of others", listed("../../greenbank/participant/jws.pem", there=False), "file-missing"
    yield "a forged manifest", changed({"sequence": 99}, own_key=False), "manifest-signature"
    yield "a manifest of no one", changed({"from": "mallory", "sequence": 99}, own_key=False), "manifest-signature"
    odd: tuple[tuple[str, dict[str, object], str], ...] = (
        ("in the name of greenbank", {"from": "greenbank", "sequence": 99}, "manifest-misdirected"),
        ("for greenbank", {"to": "greenbank", "sequence": 99}, "manifest-misdirected"),
        ("for another environment", {"environment": "production", "sequence": 99}, "manifest-misdirected"),
        ("a traversal as sender", {"from": "../hub"}, "manifest-unreadable"),
        ("a template as environment", {"environment": "{{ 1 }}"}, "manifest-unreadable"),
        ("an unknown member", {"run": "x"}, "manifest-unreadable"),
        ("sequence 0", {"sequence": 0}, "manifest-unreadable"),
        ("a negative sequence", {"sequence": -1}, "manifest-unreadable"),
        ("a huge sequence", {"sequence": 2**53}, "manifest-unreadable"),
        ("a sequence of 4,000 digits", {"sequence": 10**4000}, "manifest-unreadable"),
        ("a broken sequence", {"sequence": 1.5}, "manifest-unreadable"),
        ("a sequence that is true", {"sequence": True}, "manifest-unreadable"),
        ("a sequence that is not a number", {"sequence": float("nan")}, "manifest-unreadable"),
        ("an infinite sequence", {"sequence": float("inf")}, "manifest-unreadable"),
        ("half a character", {"previous": "\ud800"}, "manifest-unreadable"),
        ("a newer format", {"format": 2}, "format-newer"),
        ("format 0", {"format": 0}, "manifest-unreadable"),
        ("the same number again", {"previous": "ab" * 32}, "sequence-reused"),
    )
    for title, change, reason in odd:
        yield title, changed(change), reason
    yield "another history", manifest(lambda old: {"sequence": int(str(old["sequence"])) + 1, "previous": "ab" * 32}), "manifest-chain"
    yield "an older number", manifest(lambda _: {"sequence": 1, "previous": ""}), "sequence-rolled-back"
    yield "a key twice", text('"sequence":', '"sequence": 99, "sequence":'), "manifest-unreadable"
    for title, content in (
        ("deep lists", b"[" * 60_000), ("deep objects", b'{"manifest":' * 5_000), ("a huge number", b"9" * 60_000), ("no UTF-8", b"\xff\xfe"),
        ("nothing", b""), ("a YAML file", b"manifest: !!python/object/apply:os.system [id]\n"), ("null", b"null"), ("UTF-16", '{"a": 1}'.encode("utf-16")),
    ):  # fmt: skip
        yield title, put(f"{BLUE}/manifest.json", content), "manifest-unreadable"
    yield "a manifest of 1 MB", put(f"{BLUE}/manifest.json", b" " * (1 << 20)), "too-large"
    yield "no manifest", lambda site: site.path(f"{BLUE}/manifest.json").unlink(), "manifest-missing"
    yield "a file altered", put(f"{BLUE}/jws.pem", b"x"), "file-altered"
    yield "a file taken away", lambda site: site.path(f"{BLUE}/jws.pem").unlink(), "file-missing"
    yield "a file added", put(f"{BLUE}/oauth.p7m", b"x"), "file-not-in-manifest"


MANIFESTS = list(manifests())


def of(cases: list[tuple[str, Act, str]]) -> list[object]:
    return [pytest.param(act, reason, id=title.encode("ascii", "replace").decode().replace("/", "|")) for title, act, reason in cases]


def reported_once(site: Site, sides: list[str], expected: set[tuple[str, str, str]]) -> None:
    """Exactly these faults, clearly, twice the same, and everything else as it was."""
    before = marks(site.state / "store")
    for _ in range(2):
        found = site.run(sides=sides)
        assert set(faults(found)) == expected
        for finding in found:
            assert finding.detail.isprintable()
            assert len(finding.detail) < 3000
            assert finding.disposition.value != "fault" or finding.detail
    assert marks(site.state / "store") == before
    record_count("hostile publications", 1)


@pytest.mark.parametrize(("act", "reason"), of(MANIFESTS))
def test_a_hostile_manifest_is_one_clear_fault_and_changes_nothing(hub: Site, act: Act, reason: str) -> None:
    act(hub)
    reported_once(hub, ["hub"], {("hub", "publication", reason)})


def test_the_control_of_the_manifests(hub: Site) -> None:
    assert faults(hub.run(sides=["hub"])) == []
    manifest(
        lambda old: {"sequence": int(str(old["sequence"])) + 1, "previous": read_manifest(hub.read(f"{BLUE}/manifest.json"), "").digest}
    )(hub)
    assert faults(hub.run(sides=["hub"])) == []


# --- the hub's list


def list_of(change: dict[str, object], *, own_key: bool = True, path: str = f"{JWS}/list.json") -> Act:
    def act(site: Site) -> None:
        content = json.loads(site.read(path))["list"]
        key = exchange_key(site, "hub") if own_key else rsa_key()
        site.path(path).write_bytes(sign_envelope("list", content | change, key))

    return act


def replaced(make: Callable[[Path], None], path: str) -> Act:
    def act(site: Site) -> None:
        site.path(path).unlink()
        make(site.path(path))

    return act


def linked_folder(site: Site) -> None:
    site.path(JWS).rename(site.path("exchange/elsewhere"))
    site.path(JWS).symlink_to("elsewhere")


def crossed(site: Site) -> None:
    """The keys of two participants exchanged."""
    for name, other in (("bluebank", "greenbank"),):
        one, two = site.read(f"{JWS}/{name}.pem"), site.read(f"{JWS}/{other}.pem")
        for target, content in ((name, two), (other, one)):
            site.path(f"{JWS}/{target}.pem").unlink()
            site.path(f"{JWS}/{target}.pem").write_bytes(content)


KEY = "-----BEGIN PUBLIC KEY-----\n"
LISTS: list[tuple[str, Act, str]] = [
    ("forged", list_of({"sequence": 99}, own_key=False), "list-signature"),
    ("rolled back", list_of({"sequence": 1}), "sequence-rolled-back"),
    ("another one of the same number", list_of({"keys": {}}), "sequence-reused"),
    ("of another environment", list_of({"environment": "production", "sequence": 99}), "list-misdirected"),
    ("a traversal", list_of({"keys": {"../../hub/jws/key": "ab" * 32}, "sequence": 99}), "list-unreadable"),
    ("a template", list_of({"keys": {"{{ 1 }}": "ab" * 32}, "sequence": 99}), "list-unreadable"),
    ("a key that is not there", list_of({"keys": {"mallory": "ab" * 32}, "sequence": 99}), "file-missing"),
    ("a list of keys", list_of({"keys": [], "sequence": 99}), "list-unreadable"),
    ("a huge sequence", list_of({"sequence": 2**60}), "list-unreadable"),
    ("a newer format", list_of({"format": 9}), "format-newer"),
    ("keys exchanged", crossed, "file-altered"),
    ("a key of broken base64", text(KEY, KEY + "A\n", f"{JWS}/bluebank.pem"), "file-altered"),
    ("a private key", put(f"{JWS}/bluebank.pem", b"-----BEGIN PRIVATE KEY-----\n"), "file-altered"),
    ("deep lists", put(f"{JWS}/list.json", b"[" * 900_000), "list-unreadable"),
    ("2 MB", put(f"{JWS}/list.json", b" " * (2 << 20)), "too-large"),
    ("a gigabyte", lambda site: os.truncate(site.path(f"{JWS}/list.json"), 1 << 30), "too-large"),
    ("nothing", put(f"{JWS}/list.json", b""), "list-unreadable"),
    ("a pipe as list", replaced(os.mkfifo, f"{JWS}/list.json"), "not-a-plain-file"),
    ("a link as list", replaced(lambda path: path.symlink_to("/etc/passwd"), f"{JWS}/list.json"), "not-a-plain-file"),
    ("a folder as list", replaced(Path.mkdir, f"{JWS}/list.json"), "not-a-plain-file"),
    ("a link as key", replaced(lambda path: path.symlink_to("greenbank.pem"), f"{JWS}/bluebank.pem"), "file-altered"),
    ("a pipe as key", replaced(os.mkfifo, f"{JWS}/bluebank.pem"), "file-altered"),
    ("a link as folder", linked_folder, "not-a-plain-file"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "reason"), of(LISTS))
def test_a_hostile_list_is_one_clear_fault_for_each_reader_and_the_hub_mends_it(hub: Site, act: Act, reason: str) -> None:
    act(hub)
    reported_once(hub, ["managed"], {(name, "jws-keys", reason) for name in ("bluebank", "greenbank")})
    found = hub.run(sides=["hub"])
    if reason == "format-newer":
        # A newer release of the hub's may have written it: nothing is made of half of it, nor put in its place.
        assert faults(found) == [("hub", "jws-list", reason)]
        return
    assert faults(found) == []
    assert ("hub", "jws-list", "publication-differs") in changes(found)
    assert faults(hub.run(sides=["managed"])) == []
    assert hub.run() == [one for one in hub.run() if one.participant == "redbank"]


# --- reports are for everybody, whatever one participant has put into its folder


def deep(folder: Path) -> None:
    made = str(folder)
    for _ in range(1500):
        made += "/d"
        Path(made).mkdir()


def linked_away(folder: Path) -> None:
    folder.rmdir()
    folder.symlink_to("/etc")


REPORTS: dict[str, Callable[[Path], None]] = {
    "nothing": lambda _: None,
    "a link": lambda folder: (folder / "jws.pem").symlink_to("/etc/passwd"),
    "a pipe": lambda folder: os.mkfifo(folder / "jws.pem"),
    "a name that is no text": lambda folder: (folder / "\udcff").touch(),
    "deep folders": deep,
    "a gigabyte": lambda folder: huge(folder / "jws.pem"),
    "a link in its place": linked_away,
}


@pytest.mark.parametrize("case", REPORTS)
def test_status_is_shown_to_everybody(hub: Site, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = hub.path("exchange/redbank/participant")
    folder.mkdir(parents=True)
    hub.path("evidence").mkdir(exist_ok=True)
    verdicts = {"format": 1, "verdicts": {"redbank": True, "bluebank": True}, "material": {"redbank": "x", "bluebank": "y"}}
    hub.path(LATEST).write_text(json.dumps(verdicts), encoding="utf-8")
    REPORTS[case](folder)
    assert main(["status", "-i", str(hub.root / "description/hosts.yml"), "--state", str(hub.state), "--json"]) in {1, 3}
    reported = json.loads(capsys.readouterr().out)
    assert "error" not in reported, reported
    assert {"bluebank", "greenbank", "redbank"} <= set(json.dumps(reported).replace('"', " ").split())


def test_what_fills_the_hubs_own_folder_is_replaced(hub: Site) -> None:
    folder = hub.path("exchange/redbank/hub")
    deep(folder)
    (folder / "x").symlink_to("/etc")
    outside = hub.root / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (folder / "d" / "y").symlink_to(outside)
    assert ("hub", "d", "publication-unwanted") in changes(hub.run())
    assert not (folder / "d").exists()
    assert (outside / "precious").exists()
    # A commit of someone else's: what it holds is judged as any publication is.
    shutil.copytree(hub.path(BLUE), hub.path("exchange/bluebank/.next-participant"))
    hub.path("exchange/bluebank/.next-hub").symlink_to(outside)
    found = hub.run()
    assert {reason for _side, _artefact, reason in faults(found)} <= {"left-over"}
    assert (outside / "precious").exists()
    assert faults(hub.run()) == []
