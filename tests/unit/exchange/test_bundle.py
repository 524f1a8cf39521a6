# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that people carry: what is wrong with one is named, and nothing of it is stored; the right one beside it is taken."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from contract.transport.drivers import BANK, Bundle, described, more_participants, trip
from unit.steps.conftest import Site, changes, faults, marks, pending

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main

FILE = f"tests.{BANK}-for-hub.zip"
Spoil = Callable[[bytes], bytes]


@pytest.fixture
def apart(tmp_path: Path) -> Bundle:
    """Both have written what they send at first; nothing was carried yet."""
    made = Bundle(tmp_path)
    made.hub.run()
    made.bank.run()
    return made


def sent(apart: Bundle) -> bytes:
    return apart.bank.read(f"outbox/{FILE}")


def command(made: Site, *arguments: str) -> int:
    verb, *others = arguments
    return main([verb, *others, "-i", str(made.root / "description" / "hosts.yml")])


def take(made: Site, data: bytes) -> int:
    file = made.root / "came.zip"
    file.write_bytes(data)
    return command(made, "import", str(file))


def rewritten(data: bytes, change: Callable[[dict[str, bytes]], None], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """The archive with other files, as an attacker with an ordinary tool writes it: index and digests as they were."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression=compression) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr, entry.compress_type = 3, 0o600 << 16, compression
            archive.writestr(entry, content)
    return target.getvalue()


def as_it_was(files: dict[str, bytes]) -> None:
    del files


def without_index(files: dict[str, bytes]) -> None:
    del files["bundle.json"]


def without_a_file(files: dict[str, bytes]) -> None:
    del files["publication/jws.pem"]


def other_file(files: dict[str, bytes]) -> None:
    files["publication/ca.pem"] = files["publication/exchange.pem"]


def resigned_by_no_one(files: dict[str, bytes]) -> None:
    index = json.loads(files["bundle.json"])
    index["bundle"]["read"] = 7
    files["bundle.json"] = json.dumps(index, sort_keys=True, indent=1).encode() + b"\n"


def path_trick(files: dict[str, bytes]) -> None:
    files["publication/../../store/hub/ca/key.pem"] = b"x"


def absolute(files: dict[str, bytes]) -> None:
    files["/etc/cron.d/x"] = b"x"


def private_key(files: dict[str, bytes]) -> None:
    files["publication/server.pem"] = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def bomb(data: bytes) -> bytes:
    """Forty gigabytes said, and a megabyte of zeros that inflates to a gigabyte."""
    grown = rewritten(data, lambda files: files.update({"publication/ca.pem": bytes(8 << 20)}), compression=zipfile.ZIP_DEFLATED)
    assert len(grown) < len(zlib.compress(bytes(8 << 20))) + len(data)
    return grown


def overlapping(data: bytes) -> bytes:
    """Many names for the same stretch of the file."""
    made = rewritten(data, as_it_was)
    end = made.rindex(b"PK\x05\x06")
    start = int.from_bytes(made[end + 16 : end + 20], "little")
    directory = made[start:end]
    count = int.from_bytes(made[end + 10 : end + 12], "little")
    tail = bytearray(made[end:])
    times = 60
    tail[8:10] = tail[10:12] = (count * times).to_bytes(2, "little")
    tail[12:16] = (len(directory) * times).to_bytes(4, "little")
    return made[:start] + directory * times + bytes(tail)


REFUSED: dict[str, tuple[Spoil, str]] = {
    "another file": (lambda data: rewritten(data, other_file), "is not what the bundle's index says"),
    "one byte": (lambda data: data.replace(b"-----BEGIN CERTIFICATE", b"-----BEGIN CERTIFICATF", 1), "no whole bundle"),
    "index changed": (lambda data: rewritten(data, resigned_by_no_one), "is not signed by the exchange key"),
    "cut short": (lambda data: data[: len(data) // 2], "no whole bundle"),
    "cut at its end": (lambda data: data[:-1], "no whole bundle"),
    "empty": (lambda _data: b"", "no whole bundle"),
    "something behind it": (lambda data: data + b"\n", "one form"),
    "something before it": (lambda data: b"#!/bin/sh\n" + data, "one form"),
    "a comment": (lambda data: data[:-2] + b"\x02\x00hi", "one form"),
    "compressed": (lambda data: rewritten(data, as_it_was, compression=zipfile.ZIP_DEFLATED), "compressed files"),
    "bomb": (bomb, "compressed files"),
    "overlapping": (overlapping, "compressed files"),
    "path": (lambda data: rewritten(data, path_trick), "the name"),
    "absolute path": (lambda data: rewritten(data, absolute), "the name"),
    "private key": (lambda data: rewritten(data, private_key), "holds a private key"),
    "no index": (lambda data: rewritten(data, without_index), "is not a bundle of format 1"),
    "a file less": (
        lambda data: rewritten(data, without_a_file),
        "is not what the bundle's index says",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    apart: Bundle, spoil: Spoil, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = marks(apart.hub.state)
    assert take(apart.hub, spoil(sent(apart))) == 1
    assert said in capsys.readouterr().err
    assert marks(apart.hub.state) == before
    assert not (tmp_path / "store").exists()
    assert take(apart.hub, sent(apart)) == 0


def test_what_is_wrong_in_the_inbox_is_a_fault_and_the_run_goes_on(apart: Bundle) -> None:
    apart.hub.path("inbox").mkdir()
    (apart.hub.path("inbox") / "from-mail.zip").write_bytes(sent(apart)[:-1])
    apart.to_hub()
    found = apart.hub.run()
    assert faults(found) == [("hub", "inbox/from-mail.zip", "bundle-unreadable")]
    assert ("hub", "bundle", "bundle-taken") in changes(found)


def test_a_stale_file_is_refused_and_left_aside_in_the_inbox(apart: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    first = sent(apart)
    trip(apart)
    trip(apart)
    apart.hub.run()
    before = marks(apart.hub.state)
    assert take(apart.hub, first) == 1
    assert "was accepted before" in capsys.readouterr().err
    (apart.hub.path("inbox") / "old.zip").write_bytes(first)
    assert (faults(apart.hub.run()), apart.hub.run()) == ([], [])
    (apart.hub.path("inbox") / "old.zip").unlink()
    assert marks(apart.hub.state).keys() == before.keys()


def test_a_file_for_another_side_or_environment_is_refused(apart: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert take(apart.bank, sent(apart)) == 1
    assert "this installation acts for greenbank" in capsys.readouterr().err
    apart.hub.hub["environment"] = "live"
    described(apart.hub, "hub")
    assert take(apart.hub, sent(apart)) == 1
    assert "this is live" in capsys.readouterr().err


def test_another_signer_is_refused_once_the_sender_is_known(apart: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trip(apart)
    apart.hub.run()
    impostor = Bundle(tmp_path / "impostor")
    impostor.bank.run()
    for _ in range(3):
        impostor.bank.path(f"store/{BANK}/server/certificate.pem").unlink()
        impostor.bank.run()
    before = marks(apart.hub.state)
    assert take(apart.hub, sent(impostor)) == 1
    assert "another exchange key" in capsys.readouterr().err
    assert marks(apart.hub.state) == before


def test_export_and_import_tell_what_two_people_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Bundle(tmp_path)
    for one, side in ((made.hub, "hub"), (made.bank, BANK)):
        one.hub["approval"] = "manual"
        one.participants[BANK].pop("transport")
        described(one, side)
    made.bank.run()
    made.hub.run()
    assert command(made.bank, "export", BANK, str(tmp_path)) == 0
    said = capsys.readouterr().out
    digest = next(word for word in said.split() if word.startswith("sha256:"))
    assert command(made.hub, "import", str(tmp_path / FILE)) == 3
    assert digest in capsys.readouterr().out
    made.hub.participants[BANK]["first_publication"] = digest
    described(made.hub, "hub")
    assert command(made.hub, "import", str(tmp_path / FILE)) == 0
    assert ("hub", "client.pem", "awaiting-counterpart", BANK) in pending(made.hub.run())


def test_status_lists_what_is_not_read_yet_and_no_more(apart: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    command(apart.hub, "status")
    assert f"outbox/tests.hub-for-{BANK}.zip: publication 2 for {BANK}; nothing says that {BANK} has read one" in capsys.readouterr().out
    for _ in range(3):
        trip(apart)
    apart.hub.run()
    command(apart.hub, "status")
    assert "To send" not in capsys.readouterr().out


def test_the_same_content_is_the_same_file(apart: Bundle, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        assert command(apart.bank, "export", BANK, str(tmp_path / name)) == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes() == sent(apart)
    (tmp_path / "two.zip").write_bytes(b"another thing")
    assert command(apart.bank, "export", BANK, str(tmp_path / "two.zip")) == 1


def test_nothing_travels_between_sides_that_are_both_here(apart: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    (apart.hub.root / "description/hosts.yml").write_text("plugin: mojaloop.onboarding.hub\nstate: ../state\n", encoding="utf-8")
    assert command(apart.hub, "export", BANK) == 1
    assert "both sides are here" in capsys.readouterr().err


def test_an_older_list_of_keys_beside_another_sides_newer_one_is_no_fault(tmp_path: Path) -> None:
    made = Bundle(tmp_path)
    more_participants(made.bank, f"{BANK}, redbank", "redbank")
    more_participants(made.hub, "hub", "redbank")
    made.hub.run()
    early = made.hub.read(f"outbox/tests.hub-for-{BANK}.zip")
    more_participants(made.hub, "hub, bluebank", "redbank", "bluebank")
    made.hub.run()
    made.bank.path("inbox").mkdir(parents=True)
    (made.bank.path("inbox") / "new.zip").write_bytes(made.hub.read("outbox/tests.hub-for-redbank.zip"))
    assert faults(made.bank.run()) == []
    newest = made.bank.read("exchange/jws/list.json")
    (made.bank.path("inbox") / "early.zip").write_bytes(early)
    assert (BANK, "bundle", "bundle-taken") in changes(made.bank.run())
    assert made.bank.read("exchange/jws/list.json") == newest
    assert faults(made.bank.run()) == []
