# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists in the steps: made when due, journalled, published, received by who verifies, and read by no gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from support.counting import record_count
from support.trees import use_cheap_keys
from unit.pki.bench import authority
from unit.steps.conftest import NOW, RENEWAL, Site, changes, faults, marks, pending, site
from unit.steps.test_steps_leaving import HUB_GATEWAY

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.certificates import list_certificates
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import Address, publish
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import authority_record, make_authority
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import PrivateKey, read_own_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.revocation import (
    GONE,
    HOLD,
    SUPERSEDED,
    Revoked,
    make_list,
    read_list,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import Chain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import received_certificates, revocations
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import run as run_module
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.backup import back_up, restore
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

DAY = timedelta(days=1)
DUE = NOW + 20 * DAY
OWN = "store/hub/ca/crl.pem"
PUBLISHED = "exchange/greenbank/participant/crl.pem"
RECEIVED = "store/hub/received/greenbank/crl.pem"
ALL_LISTS = {(side, "crl", "crl-expires-soon") for side in ("hub", "bluebank", "greenbank")}


def number(made: Site, path: str = OWN) -> int:
    return read_list(made.read(path), where=path).number


def entries(made: Site, path: str = OWN) -> dict[int, str]:
    return {entry.serial: entry.reason for entry in read_list(made.read(path), where=path).entries}


def serial(made: Site, path: str) -> int:
    return x509.load_pem_x509_certificate(made.read(path)).serial_number


def fingerprint(made: Site, path: str) -> str:
    return x509.load_pem_x509_certificate(made.read(path)).fingerprint(hashes.SHA256()).hex()


def be(made: Site, state: str, name: str = "greenbank") -> Site:
    made.participants[name]["state"] = state
    return made.describe()


def lists(found: list[tuple[str, str, str]]) -> bool:
    """Whether these changes are about revocation lists alone."""
    return {artefact.removeprefix("received/") for _side, artefact, _reason in found} == {"crl", "crl.pem"}


def listeners(made: Site) -> list[object]:
    """All that the gateways and firewalls of all sides are to be: every file with its bytes, every map, every set."""
    description = load_description(made.root / "description", state=str(made.state))
    found: list[object] = []
    for side in ("hub", "bluebank", "greenbank"):
        found += [render(gateway_model(description, side, gateway, DiskTree(made.state))) for gateway in description.side(side).gateways]
        found.append(firewall_model(description, side))
    return found


def test_every_ca_has_a_list_that_its_counterparts_keep(finished_by_profile: Site) -> None:
    made = finished_by_profile
    sides = ("hub",) if made.hub["profile"] == "mojaloop-scheme-ca" else ("hub", "bluebank", "greenbank")
    assert {path.parts[-3] for path in made.path("store").glob("*/ca/crl.pem")} == set(sides)
    for side in sides:
        own = f"store/{side}/ca/crl.pem"
        assert entries(made, own) == {}
        assert number(made, own) == 1
        for reader in ("bluebank", "greenbank") if side == "hub" else ("hub",):
            assert made.read(f"store/{reader}/received/{side}/crl.pem") == made.read(own)


def test_who_is_suspended_is_on_hold_and_who_has_left_is_revoked_for_good(finished_by_profile: Site) -> None:
    made = finished_by_profile
    issued = {serial(made, str(path.relative_to(made.state))) for path in made.path("store/hub/issued/greenbank").iterdir()}
    assert len(issued) == (2 if made.hub["profile"] == "mojaloop-scheme-ca" else 1)
    reported = be(made, "suspended").run(check=True)
    found = made.run()
    assert reported == found
    assert ("hub", "crl", "crl-differs") in changes(found)
    assert entries(made) == dict.fromkeys(issued, HOLD)
    assert made.read("store/bluebank/received/hub/crl.pem") == made.read(OWN)
    assert made.run() == []
    # A hold is taken back.
    be(made, "active").run()
    assert entries(made) == {}
    assert list(made.path("journal/revoked/hub").iterdir()) == []
    # What is gone stays so, and whoever comes back gets another certificate.
    be(made, "suspended").run()
    be(made, "offboarded").run(now=NOW + DAY)
    assert entries(made) == dict.fromkeys(issued, GONE)
    assert {entry.since for entry in read_list(made.read(OWN), where=OWN).entries} == {NOW}
    assert made.run(now=NOW + DAY) == []
    assert faults(be(made, "active").run(now=NOW + DAY)) == []
    assert entries(made) == dict.fromkeys(issued, GONE)
    assert serial(made, "store/hub/issued/greenbank/client.pem") not in issued
    assert not made.path("store/hub/issued/greenbank/client.previous.pem").exists()
    assert made.read("store/greenbank/client/hub/certificate.pem") == made.read("store/hub/issued/greenbank/client.pem")
    assert made.run(now=NOW + DAY) == []


def test_who_was_offboarded_gets_another_certificate_although_no_list_could_be_signed(finished: Site) -> None:
    made = finished
    issued, passphrase = serial(made, "store/hub/issued/greenbank/client.pem"), made.path("store/hub/ca.passphrase")
    kept = passphrase.read_bytes()
    passphrase.write_bytes(b"another")
    assert ("hub", "crl", "key-passphrase-wrong") in faults(be(made, "offboarded").run())
    assert entries(made) == {}
    state = marks(made.path("journal/revoked"))
    made.run(now=NOW + timedelta(hours=1))
    assert marks(made.path("journal/revoked")) == state
    passphrase.write_bytes(kept)
    assert faults(be(made, "active").run(now=NOW + DAY)) == []
    assert entries(made) == {issued: GONE}
    assert {entry.since for entry in read_list(made.read(OWN), where=OWN).entries} == {NOW}
    assert serial(made, "store/hub/issued/greenbank/client.pem") != issued
    assert not made.path("store/hub/issued/greenbank/client.previous.pem").exists()
    assert made.run(now=NOW + DAY) == []
    # Control: a suspension that no list could tell of is taken back.
    issued = serial(made, "store/hub/issued/bluebank/client.pem")
    passphrase.write_bytes(b"another")
    be(made, "suspended", "bluebank").run(now=NOW + DAY)
    passphrase.write_bytes(kept)
    be(made, "active", "bluebank").run(now=NOW + DAY)
    assert serial(made, "store/hub/issued/bluebank/client.pem") == issued
    assert issued not in entries(made)


def test_who_is_back_is_let_in_with_nothing_until_another_certificate_is_signed(finished: Site) -> None:
    made = finished
    made.hub["hub"]["gateways"] = [HUB_GATEWAY]
    path, passphrase = "store/hub/issued/greenbank/client.pem", made.path("store/hub/ca.passphrase")
    made.describe()
    # It has renewed: its listener accepts two of them.
    made.run(now=RENEWAL)
    both = [fingerprint(made, path), fingerprint(made, path.replace("client", "client.previous"))]
    kept = passphrase.read_bytes()
    assert [each in str(listeners(made)) for each in both] == [True, True]
    be(made, "offboarded").run(now=RENEWAL)
    passphrase.write_bytes(b"another")
    assert ("hub", "client", "key-passphrase-wrong") in faults(be(made, "active").run(now=RENEWAL))
    assert [each in str(listeners(made)) for each in both] == [False, False]
    passphrase.write_bytes(kept)
    assert faults(made.run(now=RENEWAL)) == []
    found = str(listeners(made))
    assert fingerprint(made, path) in found
    assert [each in found for each in both] == [False, False]
    assert made.run(now=RENEWAL) == []


def test_a_participant_whose_file_is_gone_or_broken_keeps_its_entries(finished: Site) -> None:
    made = finished
    be(made, "offboarded").run()
    held = entries(made)
    described = made.participants.pop("greenbank")
    made.describe()
    # As the README says: the file goes once the participant is offboarded.
    assert made.run() == []
    assert made.run(now=DUE) != []
    assert entries(made) == held
    made.participants["greenbank"] = described
    made.describe()
    broken = made.root / "description/participants/greenbank.yml"
    broken.write_text("id: [greenbank\n")
    made.run(now=DUE)
    assert entries(made) == held
    # A file that says so much is on hold, be the rest as wrong as it will.
    (made.root / "description/participants/bluebank.yml").write_text("format: 1\nid: bluebank\nstate: suspended\nwrong: yes\n")
    made.run(now=DUE)
    assert entries(made) == held | {serial(made, "store/hub/issued/bluebank/client.pem"): HOLD}


def test_a_list_is_renewed_when_a_third_of_its_time_is_left_and_no_listener_is_touched(finished: Site) -> None:
    made = finished
    made.hub["hub"]["gateways"] = [HUB_GATEWAY]
    made.describe()
    before = listeners(made)
    assert made.run(now=DUE - timedelta(seconds=1)) == []
    reported = made.run(now=DUE, check=True)
    found = made.run(now=DUE)
    assert reported == found
    assert lists(changes(found))
    assert {change for change in changes(found) if change[1] == "crl"} == ALL_LISTS
    assert (faults(found), pending(found)) == ([], [])
    assert listeners(made) == before
    assert number(made) == 2
    state = marks(made.state)
    assert made.run(now=DUE) == made.run(now=DUE) == []
    assert marks(made.state) == state
    # Control: what the listeners are to be does follow what else changes.
    be(made, "suspended").run(now=DUE)
    assert listeners(made) != before
    record_count("renewals of revocation lists that touched no listener", len(ALL_LISTS))


def test_the_end_of_every_list_is_shown_beside_those_of_certificates(finished: Site) -> None:
    description = load_description(finished.root / "description", state=str(finished.state))

    def shown(now: datetime) -> dict[str, tuple[str, int]]:
        listed = list_certificates(DiskTree(finished.state), description, now)
        return {each.path: (each.kind, each.days) for each in listed if each.artefact == "crl"}

    assert shown(NOW) == {f"store/{side}/ca/crl.pem": ("own", 30) for side in ("hub", "bluebank", "greenbank")}
    # Where only the copy is here, or is older than the counterpart's own, it is shown itself.
    finished.path("store/greenbank/ca/crl.pem").write_bytes(b"junk")
    assert shown(NOW + 31 * DAY)[RECEIVED] == ("received", -1)


def test_lists_are_renewed_for_a_year_and_numbers_only_rise(finished: Site) -> None:
    numbers = []
    for days in range(0, 365, 15):
        assert faults(finished.run(now=NOW + days * DAY)) == []
        numbers.append(number(finished))
        found = read_list(finished.read(OWN), where=OWN)
        assert found.ends > NOW + days * DAY + 10 * DAY
    assert numbers == sorted(numbers)
    record_count("revocation lists renewed by the clock", numbers[-1])


def test_what_was_replaced_is_superseded_a_week_after_unless_a_listener_accepts_it(finished: Site) -> None:
    made = finished
    old = {name: serial(made, f"store/hub/{name}/certificate.pem") for name in ("server", "jws")}
    client = serial(made, "store/hub/issued/greenbank/client.pem")
    made.run(now=RENEWAL)
    assert entries(made) == {}
    made.run(now=RENEWAL + 6 * DAY)
    assert entries(made) == {}
    made.run(now=RENEWAL + 7 * DAY)
    assert entries(made) == {old["server"]: SUPERSEDED}
    assert serial(made, "store/hub/issued/greenbank/client.previous.pem") == client
    assert made.run(now=RENEWAL + 7 * DAY) == []
    # Replaced once more, for a lost key: neither the one before the last nor the last is accepted by any listener any more.
    lost = serial(made, "store/greenbank/client/hub/certificate.pem")
    made.path("store/greenbank/client/hub/key.pem").unlink()
    assert faults(made.run(now=RENEWAL + 8 * DAY, rekey=["greenbank/client/hub"])) == []
    made.run(now=RENEWAL + 15 * DAY)
    assert entries(made) == {old["server"]: SUPERSEDED, client: SUPERSEDED, lost: SUPERSEDED}
    # It ends 365 days after it was made: it stays until a list of later has shown it, and leaves with the one after.
    for days, there in ((364, True), (370, True), (390, True), (411, False)):
        made.run(now=NOW + days * DAY)
        assert (client in entries(made)) is there, days
        assert changes(made.run(now=NOW + days * DAY)) == []


@pytest.mark.parametrize("days", [2, 9], ids=["before the list named it", "after"])
def test_a_retired_key_that_serves_again_after_a_restore_is_replaced(finished: Site, tmp_path: Path, days: int) -> None:
    made, copy = finished, tmp_path / "copy.tar"
    rekeyed = {"hub/server": "store/hub/server", "greenbank/client/hub": "store/greenbank/client/hub"}
    back_up(made.state, copy, environment="tests", now=NOW)
    retired = {serial(made, f"{folder}/certificate.pem") for folder in rekeyed.values()}
    for folder in rekeyed.values():
        made.path(f"{folder}/key.pem").unlink()
    assert faults(made.run(now=NOW + DAY, rekey=list(rekeyed))) == []
    made.run(now=NOW + days * DAY)
    control = made.copied(tmp_path / "control")
    restore(made.state, copy, environment="tests", replace=True)
    assert {serial(made, f"{folder}/certificate.pem") for folder in rekeyed.values()} == retired
    reported = made.run(now=NOW + days * DAY, check=True)
    found = made.run(now=NOW + days * DAY)
    assert sorted(reported) == sorted(found)
    assert faults(found) == []
    assert {artefact for _, artefact, reason in changes(found) if reason == "key-retired"} == {"server", "client/hub"}
    assert not retired.intersection(serial(made, f"{folder}/certificate.pem") for folder in rekeyed.values())
    assert made.run(now=NOW + days * DAY) == []
    # Nothing in use is on the list: the listener accepts the client certificate from before as after any renewal, or not at all.
    made.run(now=NOW + 20 * DAY)
    accepted = [f"store/hub/issued/greenbank/{name}" for name in ("client.pem", "client.previous.pem")]
    assert made.path(accepted[1]).exists() is (days < 9)
    serving = {serial(made, path) for path in (*(f"{folder}/certificate.pem" for folder in rekeyed.values()), *accepted[: 1 + (days < 9)])}
    assert not serving.intersection(entries(made))
    # Control: not restored, no key is replaced again, and what was replaced is superseded.
    assert "key-retired" not in {reason for _, _, reason in changes(control.run(now=NOW + 9 * DAY))}
    assert entries(control) == dict.fromkeys(retired, SUPERSEDED)


def test_a_client_certificate_for_one_participant_does_not_follow_that_for_another(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank", profile="mojaloop-scheme-ca")
    made.run()
    names = ("server", "client/bluebank", "client/greenbank")
    old = {serial(made, f"store/hub/{name}/certificate.pem") for name in names}
    made.run(now=RENEWAL)
    made.run(now=RENEWAL + 6 * DAY)
    assert old.isdisjoint(entries(made))
    made.run(now=RENEWAL + 7 * DAY)
    assert {number: entries(made).get(number) for number in old} == dict.fromkeys(old, SUPERSEDED)


def test_another_ca_begins_another_list_under_a_higher_number(finished: Site) -> None:
    made = finished
    be(made, "suspended", "bluebank").run()
    before = number(made, "store/greenbank/ca/crl.pem")
    made.path("store/greenbank/ca/key.pem").unlink()
    rekey = ["greenbank/ca", *(f"greenbank/{name}" for name in ("server", "jws"))]
    made.run(now=NOW + DAY, rekey=rekey)
    assert faults(made.run(now=NOW + DAY)) == []
    assert number(made, "store/greenbank/ca/crl.pem") > before
    assert made.read(RECEIVED) == made.read("store/greenbank/ca/crl.pem")
    assert entries(made, RECEIVED) == {}


def renew_authority(made: Site, now: datetime) -> None:
    """The hub's CA with the same name and key under a certificate of now, as a root gives it to one that nears its end."""
    key = read_own_key(made.read("store/hub/ca/key.pem"), made.read("store/hub/ca.passphrase"))
    description = load_description(made.root / "description", state=str(made.state))
    certificate = make_authority(key, side=description.hub, rule=description.profile.authority, now=now)
    pem = certificate.public_bytes(Encoding.PEM)
    files = {"certificate.pem": pem, "chain.pem": pem, "key.record": authority_record(made.read("store/hub/ca/key.pem"), certificate)}
    for name, content in files.items():
        made.path(f"store/hub/ca/{name}").write_bytes(content)


def test_what_a_ca_has_revoked_stays_so_when_its_certificate_is_renewed(finished: Site) -> None:
    made = finished
    gone, held = (serial(made, f"store/hub/issued/{name}/client.pem") for name in ("greenbank", "bluebank"))
    be(made, "offboarded").run()
    assert entries(made) == {gone: GONE}
    before = made.read("store/hub/ca/certificate.pem")
    renew_authority(made, NOW + DAY)
    assert faults(made.run(now=NOW + DAY)) == []
    assert made.read("store/hub/ca/certificate.pem") != before
    assert entries(made) == {gone: GONE}
    # What it signed under the certificate before can still be revoked.
    be(made, "suspended", "bluebank").run(now=NOW + DAY)
    assert entries(made) == {gone: GONE, held: HOLD}
    # And leaves when it has ended.
    for days in (370, 400):
        made.run(now=NOW + days * DAY)
    assert gone not in entries(made)


def test_what_was_signed_for_proofs_alone_is_on_no_list(finished: Site) -> None:
    (record,) = [path for path in finished.path("journal/issued/hub").iterdir() if '"greenbank"' in path.read_text()]
    proof = json.loads(record.read_bytes()) | {"key": "0" * 64}
    record.with_name(f"{77:x}.json").write_text(json.dumps(proof))
    be(finished, "offboarded").run()
    assert set(entries(finished)) == {int(record.stem, 16)}


# --- the own list: what is wrong with it, and that numbers are never used again


SPOILT: dict[str, tuple[Callable[[Site], bytes | None], str]] = {
    "missing": (lambda _made: None, "crl-missing"),
    "junk": (lambda _made: b"junk", "crl-unreadable"),
    "of another CA": (lambda made: made.read("store/greenbank/ca/crl.pem"), "crl-signature"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_damaged_list_is_made_again_under_the_next_number(finished: Site, case: str) -> None:
    spoil, reason = SPOILT[case]
    content = spoil(finished)
    finished.path(OWN).unlink() if content is None else finished.path(OWN).write_bytes(content)
    assert ("hub", "crl", reason) in changes(finished.run())
    assert number(finished) == 2
    assert finished.run() == []


def test_a_number_that_was_journalled_or_is_seen_in_an_old_copy_is_not_used_again(finished: Site) -> None:
    path = finished.path("journal/sequences/crl/hub.json")
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"number": 41}))
    old = finished.read(OWN)
    assert ("hub", "crl", "crl-older") in changes(finished.run())
    assert number(finished) == 42
    assert finished.run() == []
    # A list that came back from a backup, and a journal that is gone.
    finished.path(OWN).write_bytes(old)
    assert ("hub", "crl", "crl-older") in changes(finished.run())
    assert number(finished) == 43
    path.unlink()
    finished.run()
    assert number(finished) == 44
    assert finished.run() == []


def test_the_passphrase_is_asked_for_only_when_a_list_is_due(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = run_module.Run.passphrase

    def passphrase(run: run_module.Run, side: str) -> bytes:
        asked.append(side)
        return real(run, side)

    monkeypatch.setattr(run_module.Run, "passphrase", passphrase)
    assert finished.run() == finished.run(now=DUE - DAY) == []
    assert asked == []
    finished.run(now=DUE)
    assert sorted(asked) == ["bluebank", "greenbank", "hub"]


def test_an_offline_ca_and_one_that_is_kept_elsewhere_have_no_list_here(finished: Site) -> None:
    assert finished.path(PUBLISHED).exists()
    ca = {"kind": "offline", "offline_folder": str(finished.root / "description/participants-files/greenbank/offline")}
    finished.participants["greenbank"]["ca"] = ca
    finished.describe()
    (finished.root / "description/participants-files/greenbank/offline").mkdir(parents=True)
    finished.path("store/greenbank/ca/crl.pem").unlink()
    finished.run(now=DUE)
    assert not finished.path("store/greenbank/ca/crl.pem").exists()
    assert number(finished) == 2


# --- a counterpart's list


@dataclass
class Publisher:
    """Greenbank's publication for the hub, with another list in it, under a signature that is right."""

    made: Site

    def sends(self, pem: bytes | None) -> list[tuple[str, str, str]]:
        folder = self.made.path("exchange/greenbank/participant")
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in {"manifest.json", "crl.pem"}}
        key = load_pem_private_key(self.made.read("store/greenbank/exchange/key.pem"), None)
        assert isinstance(key, RSAPrivateKey)
        publish(DiskTree(self.made.state), Address("tests", "greenbank", "hub"), files if pem is None else {**files, "crl.pem": pem}, key)
        self.found = self.made.step("receive", sides=["hub"])
        return faults(self.found)

    @property
    def key(self) -> PrivateKey:
        passphrase = self.made.read("store/greenbank/ca.passphrase")
        return read_own_key(self.made.read("store/greenbank/ca/key.pem"), passphrase)

    def list(self, number: int = 5, now: datetime = NOW, days: int = 30) -> bytes:
        certificate = x509.load_pem_x509_certificate(self.made.read("store/greenbank/ca/certificate.pem"))
        return make_list(certificate, self.key, number=number, revoked=[Revoked(9, HOLD, NOW)], now=now, days=days)


@pytest.fixture
def greenbank(finished: Site) -> Publisher:
    return Publisher(finished)


def of_another_ca(_sender: Publisher) -> bytes:
    blue = authority("bluebank")
    return make_list(blue.certificate, blue.key, number=5, revoked=(), now=NOW, days=30)


REFUSED: dict[str, tuple[Callable[[Publisher], bytes], str]] = {
    "of another CA": (of_another_ca, "crl-signature"),
    "of tomorrow": (lambda sender: sender.list(now=NOW + timedelta(seconds=301)), "crl-not-yet-valid"),
    "under a number that cannot be shown to anyone": (lambda sender: sender.list(number=1 << 40_000), "crl-number"),
    "older": (lambda sender: sender.list(number=3), "crl-older"),
    "another under a number that was seen": (lambda sender: sender.list(number=4, days=29), "crl-number-reused"),
    "junk": (lambda _sender: b"junk", "unreadable"),
    "DER": (lambda sender: x509.load_pem_x509_crl(sender.list()).public_bytes(Encoding.DER), "unreadable"),
    "two": (lambda sender: sender.list() * 2, "too-many"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_list_of_a_counterpart_is_refused_and_the_one_before_kept(greenbank: Publisher, case: str) -> None:
    make, reason = REFUSED[case]
    kept = greenbank.list(number=4)
    assert greenbank.sends(kept) == []
    assert greenbank.made.read(RECEIVED) == kept
    assert greenbank.sends(make(greenbank)) == [("hub", "crl.pem", reason)]
    assert greenbank.made.read(RECEIVED) == kept
    # Nothing else stops for it, and the right one is taken.
    following = greenbank.list(now=NOW + timedelta(seconds=300))
    assert greenbank.sends(following) == []
    assert greenbank.made.read(RECEIVED) == following
    record_count("wrong revocation lists of counterparts refused", 1)


@pytest.mark.parametrize("error", [ValueError("a secret"), OverflowError("a secret")])
def test_what_no_reader_has_foreseen_is_a_fault_of_who_sent_it_and_stops_no_one(
    finished: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made, real = finished, revocations.received_list

    def received_list(run: run_module.Run, relation: run_module.Relation, pem: bytes, chain: Chain) -> revocations.ReceivedList:
        if relation.counterpart.name == "bluebank":
            raise error
        return real(run, relation, pem, chain)

    monkeypatch.setattr(received_certificates, "received_list", received_list)
    found = made.run(now=DUE)
    (reported,) = [each for each in found if each.disposition is Disposition.FAULT]
    assert (reported.participant, reported.side, reported.artefact, reported.reason) == ("bluebank", "hub", "publication", "unexpected")
    assert re.fullmatch(
        rf"{type(error).__name__} at received_certificates\.py:\d+: a defect of this collection\. Report it\.", reported.detail
    )
    # Greenbank, which comes after it, is received as ever; bluebank is as soon as it can be judged.
    assert (number(made, RECEIVED), number(made, "store/hub/received/bluebank/crl.pem")) == (2, 1)
    monkeypatch.undo()
    use_cheap_keys(monkeypatch)
    assert faults(made.run(now=DUE)) == []
    assert number(made, "store/hub/received/bluebank/crl.pem") == 2


def test_an_expired_list_is_waited_for_and_stops_no_one(greenbank: Publisher) -> None:
    kept = greenbank.made.read(RECEIVED)
    assert greenbank.sends(greenbank.list(now=NOW - 31 * DAY)) == []
    assert pending(greenbank.found) == [("hub", "crl.pem", "crl-expired", "greenbank")]
    assert greenbank.made.read(RECEIVED) == kept
    assert greenbank.sends(greenbank.list(now=NOW - 25 * DAY)) == []
    assert pending(greenbank.found) == [("hub", "crl.pem", "crl-expires-soon", "greenbank")]
    assert greenbank.made.read(RECEIVED) != kept


def test_who_published_a_list_once_is_waited_for_and_who_never_did_is_not(greenbank: Publisher) -> None:
    assert greenbank.sends(None) == []
    assert pending(greenbank.found) == [("hub", "crl.pem", "awaiting-counterpart", "greenbank")]
    greenbank.made.path(RECEIVED).unlink()
    assert greenbank.made.step("receive", sides=["hub"]) == []


def test_a_side_without_a_ca_sends_no_list(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = site(tmp_path_factory.mktemp("scheme"), "greenbank", profile="mojaloop-scheme-ca")
    made.run()
    assert Publisher(made).sends(made.read(OWN)) == [("hub", "crl.pem", "file-unwanted")]


def test_a_list_of_a_ca_that_awaits_approval_waits_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = site(tmp_path_factory.mktemp("apart"), "greenbank", approval="manual")
    made.run()
    kept = made.read(RECEIVED)
    made.path("store/greenbank/ca/key.pem").unlink()
    made.run(sides=["greenbank"], rekey=["greenbank/ca", "greenbank/server", "greenbank/jws"])
    found = made.run(sides=["hub"])
    assert ("hub", "ca.pem", "awaiting-approval", "the hub operator") in pending(found)
    assert "crl.pem" not in {artefact for _side, artefact, _reason in faults(found)}
    assert made.read(RECEIVED) == kept
