# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lost and damaged keys are a person's to decide: named, never replaced silently, and no reason to stop the others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from unit.steps.conftest import NOW, RENEWAL, Site, changes, faults, marks, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.backup import back_up, restore

ARTEFACTS = ("ca", "server", "jws", "exchange", "client/hub")


def truncate(folder: Path) -> None:
    key = folder / "key.pem"
    key.write_bytes(key.read_bytes()[:-40])


def remove_key(folder: Path) -> None:
    (folder / "key.pem").unlink()


DAMAGE: dict[str, Callable[[Path], None]] = {"truncated key": truncate, "no key": remove_key, "no folder": shutil.rmtree}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_a_lost_or_damaged_key_is_reported_and_replaced_only_when_permitted(finished: Site, artefact: str, damage: str) -> None:
    DAMAGE[damage](finished.path(f"store/greenbank/{artefact}"))
    before = marks(finished.path("store/greenbank"))
    predicted, found = finished.run(check=True), finished.run()
    assert sorted(predicted) == sorted(found)
    (fault, *others) = [f for f in found if f.disposition.value == "fault"]
    assert (fault.side, fault.artefact) == ("greenbank", artefact)
    assert fault.reason in {"key-lost", "key-missing", "key-damaged", "key-passphrase-missing", "key-passphrase-wrong"}
    assert f"store/greenbank/{artefact}/key.pem" in fault.detail
    assert f"-e rekey=greenbank/{artefact}" in fault.detail
    # Without its exchange key a side cannot publish; without its CA's it signs nothing. Nothing else stands still.
    assert {f.artefact for f in others} <= {"publication"}
    assert marks(finished.path("store/greenbank")) == before
    repaired = finished.run(rekey=[f"greenbank/{artefact}"])
    assert faults(repaired) == []
    assert finished.path(f"store/greenbank/{artefact}/key.pem").exists()
    again = finished.run()
    assert (changes(again), faults(again)) == ([], [])


def test_a_clock_that_is_behind_is_named_before_a_new_key_is_offered(finished: Site) -> None:
    state = marks(finished.path("store"))
    found = [f for f in finished.step("generate", now=NOW - timedelta(hours=1)) if f.disposition.value == "fault"]
    assert {f.artefact for f in found if f.side == "hub"} >= {"ca", "exchange", "client/greenbank"}
    assert [f.detail for f in found if "this machine's clock" not in f.detail or "Restore it" in f.detail] == []
    assert marks(finished.path("store")) == state
    assert finished.run() == []


def test_other_participants_go_on(finished: Site) -> None:
    shutil.rmtree(finished.path("store/greenbank/exchange"))
    finished.participants["redbank"] = site(finished.root / "other", "redbank").participants["redbank"]
    finished.describe()
    found = finished.run()
    assert {side for side, _artefact, _reason in faults(found)} == {"greenbank"}
    assert finished.path("store/redbank/client/hub/certificate.pem").exists()
    assert finished.path("store/bluebank/jws-keys/redbank.pem").exists()


def test_a_first_run_makes_what_was_never_there(finished: Site) -> None:
    # Control of the lost folder: the same empty place, at a side that never had anything.
    shutil.rmtree(finished.path("store/greenbank/server"))
    assert ("greenbank", "server", "key-lost") in faults(finished.step("generate"))
    finished.path("journal/held/greenbank.json").unlink()
    assert ("greenbank", "server", "missing") in changes(finished.step("generate"))


def test_a_run_killed_before_it_noted_what_it_made_loses_nothing(finished: Site) -> None:
    for name in ("greenbank", "bluebank", "hub"):
        finished.path(f"journal/held/{name}.json").unlink()
    assert finished.run() == []
    shutil.rmtree(finished.path("store/hub/client/greenbank"))
    assert faults(finished.run()) == [("hub", "client/greenbank", "key-lost")]


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("server/chain.pem", None, "chain-missing"),
        ("server/chain.pem", b"", "chain-unreadable"),
        ("jws/keystore.p12", b"damaged", "keystore-unreadable"),
        ("jws/public.pem", None, "public-key-missing"),
        ("server/request.pem", b"damaged", "request-unreadable"),
    ],
)
def test_what_is_derived_is_made_again_from_what_is_there(finished: Site, file: str, content: bytes | None, reason: str) -> None:
    folder, _, _name = file.partition("/")
    kept = ("key.pem", "certificate.pem")
    before = {name: finished.read(f"store/greenbank/{folder}/{name}") for name in kept}
    serials = len(list(finished.path("journal/serials").iterdir()))
    if content is None:
        finished.path(f"store/greenbank/{file}").unlink()
    else:
        finished.path(f"store/greenbank/{file}").write_bytes(content)
    found = finished.run()
    assert changes(found) == [("greenbank", folder, reason)]
    assert faults(found) == []
    assert {name: finished.read(f"store/greenbank/{folder}/{name}") for name in kept} == before
    assert len(list(finished.path("journal/serials").iterdir())) == serials
    assert finished.run() == []


def test_a_certificate_that_a_counterpart_signed_is_installed_again(finished: Site) -> None:
    good = finished.read("store/greenbank/client/hub/certificate.pem")
    finished.path("store/greenbank/client/hub/certificate.pem").write_bytes(b"damaged")
    assert changes(finished.run()) == [("greenbank", "client/hub", "replaced")]
    assert finished.read("store/greenbank/client/hub/certificate.pem") == good
    assert finished.run() == []


def test_a_damaged_prepared_renewal_is_prepared_again(finished: Site) -> None:
    finished.run(now=RENEWAL, sides=["greenbank"])
    prepared = finished.path("store/greenbank/client/hub.next/key.pem")
    prepared.write_bytes(b"damaged")
    assert changes(finished.run(now=RENEWAL, sides=["greenbank"])) == [
        ("greenbank", "client/hub", "certificate-expires-soon"),
        ("greenbank", "client.csr", "publication-differs"),
    ]
    assert faults(finished.run(now=RENEWAL)) == []
    assert not prepared.exists()


def test_a_prepared_key_that_was_retired_since_does_not_come_back_from_a_backup(finished: Site, tmp_path: Path) -> None:
    finished.run(now=RENEWAL, sides=["greenbank"])
    prepared = finished.read("store/greenbank/client/hub.next/key.pem")
    back_up(finished.state, tmp_path / "copy.tar", environment="tests", now=RENEWAL)
    assert faults(finished.run(now=RENEWAL)) == []
    finished.path("store/greenbank/client/hub/key.pem").unlink()
    assert faults(finished.run(now=RENEWAL, rekey=["greenbank/client/hub"])) == []
    restore(finished.state, tmp_path / "copy.tar", environment="tests", replace=True)
    assert finished.read("store/greenbank/client/hub.next/key.pem") == prepared
    assert faults(finished.run(now=RENEWAL)) == []
    assert not finished.path("store/greenbank/client/hub.next").exists()
    assert finished.read("store/greenbank/client/hub/key.pem") != prepared
    assert finished.run(now=RENEWAL) == []


def test_a_damaged_issued_certificate_is_signed_again_under_another_number(finished: Site) -> None:
    finished.path("store/hub/issued/greenbank/client.pem").write_bytes(b"damaged")
    found = finished.run()
    assert ("hub", "client", "not-signed") in changes(found)
    assert faults(found) == []
    assert finished.run() == []


def test_one_serial_number_on_two_certificates_is_reported(finished: Site) -> None:
    # As after a restored copy: another CA's certificate under a number of this one cannot be, a renamed one can.
    issued = finished.path("store/hub/issued/greenbank/client.pem").read_bytes()
    finished.path("store/hub/issued/bluebank/client.pem").write_bytes(issued)
    assert ("bluebank", "client", "key-does-not-match") in [(f.participant, f.artefact, f.reason) for f in finished.run()]
    assert finished.run() == []


def test_a_new_ca_is_followed_by_everything_that_hangs_on_it(finished: Site) -> None:
    shutil.rmtree(finished.path("store/hub/ca"))
    keys = {path: path.read_bytes() for path in finished.path("store").rglob("key.pem")}
    assert faults(finished.step("generate")) == [("hub", "ca", "key-lost")]
    found = finished.run(rekey=["hub/ca"])
    assert faults(found) == []
    assert {path: path.read_bytes() for path in keys} == keys
    assert finished.read("store/greenbank/client/hub/chain.pem") == finished.read("store/hub/ca/chain.pem")
    assert finished.read("store/greenbank/received/hub/ca.pem") == finished.read("store/hub/ca/chain.pem")
    assert finished.run() == []


def test_what_changes_after_first_contact_waits_for_a_person(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank")
    for sides in (["hub"], ["greenbank"]):
        found = made.run(sides=sides)
    digest = {f.side: re.findall(r"sha256:[0-9a-f]{64}", f.detail)[0] for f in found if f.reason == "awaiting-approval"}
    made.hub["hub"]["first_publications"] = {"greenbank": digest["greenbank"]}
    confirmed = [f for f in made.run(sides=["hub"]) if f.reason == "awaiting-approval"]
    made.participants["greenbank"]["first_publication"] = re.findall(r"sha256:[0-9a-f]{64}", confirmed[0].detail)[0]
    made.describe()
    for sides in (["hub"], ["greenbank"], ["hub"], ["greenbank"], ["hub"]):
        assert faults(made.run(sides=sides)) == []
    assert made.run(sides=["hub"]) == []
    approved = {name: made.read(f"store/hub/received/greenbank/{name}") for name in ("ca.pem", "jws.pem", "server.pem")}
    client = made.read("store/hub/client/greenbank/certificate.pem")

    for artefact in ("ca", "jws"):
        shutil.rmtree(made.path(f"store/greenbank/{artefact}"))
    assert faults(made.run(sides=["greenbank"], rekey=["greenbank/ca", "greenbank/jws"])) == []
    found = made.run(sides=["hub"])
    assert faults(found) == []
    assert {p for p in pending(found) if p[2] == "awaiting-approval"} == {
        ("hub", "ca.pem", "awaiting-approval", "the hub operator"),
        ("hub", "jws.pem", "awaiting-approval", "the hub operator"),
    }
    for name, content in approved.items():
        assert made.read(f"store/hub/received/greenbank/{name}") == content
    assert made.read("store/hub/client/greenbank/certificate.pem") == client

    detail = next(f.detail for f in found if f.artefact == "ca.pem")
    old, new, publication = re.findall(r"sha256:[0-9a-f]{64}", detail)
    assert old != new
    made.participants["greenbank"]["first_publication"] = publication
    made.describe()
    assert faults(made.run(sides=["hub"])) == []
    for name, content in approved.items():
        assert made.read(f"store/hub/received/greenbank/{name}") != content
    made.run(sides=["greenbank"])
    assert faults(made.run(sides=["hub"])) == []
    assert made.run(sides=["hub"]) == made.run(sides=["greenbank"]) == []
