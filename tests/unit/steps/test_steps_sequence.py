# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps in their order: a first run finishes, a second touches nothing, a dry run tells what a run will do."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from unit.steps.conftest import NOW, RENEWAL, Site, changes, faults, marks, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError, LeaseHeld
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import (
    GENERATE,
    PUBLISH,
    RECEIVE,
    REGISTER,
    SIGN,
    steps_of,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import lease

PROFILES = pytest.mark.parametrize("profile", ["mojaloop", "mojaloop-scheme-ca"])


@PROFILES
def test_a_dry_run_writes_nothing_and_tells_what_the_run_then_does(tmp_path: Path, profile: str) -> None:
    made = site(tmp_path, "bluebank", "greenbank", profile=profile)
    predicted = made.run(check=True)
    assert not made.state.exists()
    done = made.run()
    assert sorted(predicted) == sorted(done)
    assert (faults(done), pending(done)) == ([], [])
    assert {finding.step for finding in done} >= {"tls-1", "tls-2", "tls-3", "tls-4", "tls-5", "tls-6", "tls-7", "jws-1", "jws-2", "jws-3"}


def test_a_second_run_finds_nothing_and_touches_nothing(finished_by_profile: Site) -> None:
    before = marks(finished_by_profile.state)
    assert finished_by_profile.run() == []
    assert finished_by_profile.run(check=True) == []
    assert marks(finished_by_profile.state) == before


ROLES = {
    "certificates": steps_of("certificates"),
    "certificate_signing": (SIGN,),
    "exchange": (PUBLISH, RECEIVE),
    "oauth_clients": (REGISTER,),
    "generate": (GENERATE,),
}
"""The steps that each role, or the one task with ``certificates_steps: [generate]``, carries out."""


@PROFILES
@pytest.mark.parametrize("first", ROLES)
def test_roles_alone_find_and_do_what_the_whole_run_does(tmp_path: Path, profile: str, first: str) -> None:
    whole, apart = (site(tmp_path / name, "bluebank", "greenbank", profile=profile) for name in ("whole", "apart"))
    for now in (NOW, RENEWAL):
        planned = whole.run(now=now, check=True)
        done = whole.run(now=now)
        assert sorted(planned) == sorted(done)
        found: list[Finding] = []
        while made := [one for name in sorted(ROLES, key=lambda name: name != first) for one in alone(apart, name, now)]:
            found += made
        assert sorted(set(found)) == sorted(set(done))
    before = marks(apart.state)
    assert apart.run(now=RENEWAL) == apart.run(now=RENEWAL, check=True) == []
    assert marks(apart.state) == before


def alone(made: Site, role: str, now: datetime) -> list[Finding]:
    """What a role that runs alone changes: as its own check mode says, and nothing when it runs again."""
    planned, found = made.run(now=now, steps=ROLES[role], check=True), made.run(now=now, steps=ROLES[role])
    assert sorted(planned) == sorted(found)
    again = made.run(now=now, steps=ROLES[role])
    assert changes(again) == []
    assert sorted(again) == sorted(f for f in found if f.disposition is not Disposition.CHANGE)
    return [finding for finding in found if finding.disposition is Disposition.CHANGE]


@PROFILES
def test_tasks_of_a_dry_run_go_on_from_what_those_before_have_planned(tmp_path: Path, profile: str) -> None:
    made, plan = site(tmp_path, "bluebank", "greenbank", profile=profile), str(tmp_path / "plan")
    planned = [made.run(check=True, plan=plan, steps=[step]) for step in steps_of("certificates")]
    assert not made.state.exists()
    assert planned == [made.run(steps=[step]) for step in steps_of("certificates")]
    # Control: on its own, a later step finds nothing to work on.
    assert site(tmp_path / "alone", "bluebank", "greenbank", profile=profile).run(check=True, steps=[SIGN]) != planned[4]


def test_what_is_awaited_and_what_is_wrong_is_reported_once(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank", approval="automatic")
    for sides in (["hub"], ["greenbank"], ["hub"], ["hub"]):
        found = made.run(sides=sides)
        assert pending(found)
        assert len(found) == len(set(found))
    # A wrong publication is reported once, although several passes see it.
    made.path("exchange/greenbank/participant/jws.pem").write_bytes(b"altered")
    assert faults(made.run(sides=["hub"])) == [("hub", "publication", "file-altered")]


def test_every_side_has_every_key_in_a_file_of_its_own(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank")
    made.run()
    sides = ("hub", "bluebank", "greenbank")
    assert {tuple(sorted(path.name for path in made.path(f"store/{side}/jws-keys").iterdir())) for side in sides} == {
        ("bluebank.pem", "greenbank.pem", "switch.pem")
    }
    stores = {side: {path.stat().st_ino for path in made.path(f"store/{side}").rglob("*")} for side in sides}
    assert len(set().union(*stores.values())) == sum(map(len, stores.values())), "stores of two sides share no file"
    made.path("store/bluebank/jws-keys/switch.pem").write_bytes(b"another")
    assert changes(made.run()) == [("bluebank", "jws-keys", "replaced")]
    assert made.read("store/bluebank/jws-keys/switch.pem") == made.read("store/hub/jws/public.pem")


def test_certificates_chain_as_the_profile_says(finished_by_profile: Site) -> None:
    made = finished_by_profile
    scheme = made.hub["profile"] == "mojaloop-scheme-ca"
    hub = x509.load_pem_x509_certificate(made.read("store/hub/ca/certificate.pem"))
    green = hub if scheme else x509.load_pem_x509_certificate(made.read("store/greenbank/ca/certificate.pem"))
    for path, issuer in (
        ("store/hub/server", hub),
        ("store/greenbank/server", green),
        ("store/greenbank/client/hub", hub),
        ("store/hub/client/greenbank", green),
    ):
        x509.load_pem_x509_certificate(made.read(f"{path}/certificate.pem")).verify_directly_issued_by(issuer)


def test_one_side_after_the_other_comes_to_the_same(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank", approval="automatic")
    first = made.run(sides=["hub"])
    assert faults(first) == []
    assert ("hub", "client.csr", "awaiting-counterpart", "greenbank") in pending(first)
    assert not made.path("store/greenbank").exists()
    second = made.run(sides=["greenbank"])
    assert faults(second) == []
    assert ("greenbank", "client.pem", "awaiting-counterpart", "hub") in pending(second)
    for side in ("hub", "bluebank", "hub", "greenbank", "bluebank", "hub"):
        last = made.run(sides=[side])
        assert faults(last) == []
    for side in ("hub", "greenbank", "bluebank"):
        assert made.run(sides=[side]) == []
    before = marks(made.state)
    assert made.run() == []
    assert marks(made.state) == before


def test_without_automatic_approval_a_person_confirms_the_digest_of_each_first_publication(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank")
    made.run(sides=["hub"])
    found = made.run(sides=["greenbank", "bluebank"])
    assert faults(found) == []
    assert {p for p in pending(found) if p[2] == "awaiting-approval"} == {
        ("greenbank", "publication", "awaiting-approval", "greenbank"),
        ("bluebank", "publication", "awaiting-approval", "bluebank"),
    }
    assert not made.path("store/greenbank/received").exists()
    digests = {f.side: re.findall(r"sha256:[0-9a-f]{64}", f.detail)[0] for f in found if f.reason == "awaiting-approval"}
    made.hub["hub"]["first_publications"] = digests
    made.describe()
    assert not [p for p in pending(made.run(sides=["greenbank"])) if p[2] == "awaiting-approval"]
    assert made.read("store/greenbank/received/hub/ca.pem") == made.read("store/hub/ca/chain.pem")
    # Control: another digest than the one published is a fault, not a wait.
    made.hub["hub"]["first_publications"] = {"bluebank": digests["greenbank"]}
    made.describe()
    assert ("bluebank", "publication", "first-publication-differs") in faults(made.run(sides=["bluebank"]))


def test_a_narrowed_run_touches_its_participant_and_what_is_shared(finished: Site) -> None:
    finished.participants["redbank"] = site(finished.root / "other", "redbank").participants["redbank"]
    finished.describe()
    before = marks(finished.state)
    found = finished.run(participants=["redbank"])
    assert {finding.participant for finding in found} == {"redbank", "hub"}
    (open_for,) = [finding for finding in found if finding.disposition is Disposition.PENDING]
    assert open_for.detail == "open for bluebank, greenbank: run without -e participants"
    after = marks(finished.state)
    changed = {name for name in before if after[name] != before[name] and not finished.path(name).is_dir()}
    assert changed == {
        "exchange/jws/list.json",
        "journal/held/hub.json",
        "journal/sequences/published/hub/jws.json",
        "journal/claims.json",
    } | {f"exchange/jws/{name}.pem" for name in ("switch", "bluebank", "greenbank")}
    # Whoever was left out catches up in the next run of all.
    assert {(f.side, f.artefact) for f in finished.run()} == {("bluebank", "jws-keys"), ("greenbank", "jws-keys")}
    assert finished.run() == []


def test_a_renewal_has_new_keys_and_keeps_what_it_replaces_known(finished_by_profile: Site) -> None:
    made = finished_by_profile
    places = ["store/greenbank/client/hub", "store/hub/client/greenbank", "store/greenbank/server", "store/hub/server"]
    before = {place: (made.read(f"{place}/key.pem"), made.read(f"{place}/certificate.pem")) for place in places}
    jws, authority = made.read("store/greenbank/jws/key.pem"), made.read("store/hub/ca/certificate.pem")
    predicted = made.run(now=RENEWAL, check=True)
    done = made.run(now=RENEWAL)
    assert sorted(predicted) == sorted(done)
    assert (faults(done), pending(done)) == ([], [])
    for place, (key, certificate) in before.items():
        assert made.read(f"{place}/key.pem") != key
        assert made.read(f"{place}/certificate.pem") != certificate
        assert not made.path(f"{place}.next").exists()
    assert made.read("store/hub/issued/greenbank/client.previous.pem") == before["store/greenbank/client/hub"][1]
    assert (made.read("store/greenbank/jws/key.pem"), made.read("store/hub/ca/certificate.pem")) == (jws, authority)
    assert made.run(now=RENEWAL) == []


def test_a_renewal_that_the_counterpart_has_not_signed_waits_beside_the_one_in_use(finished: Site) -> None:
    before = finished.read("store/greenbank/client/hub/certificate.pem")
    found = finished.run(now=RENEWAL, sides=["greenbank"])
    assert ("greenbank", "client/hub", "certificate-expires-soon") in changes(found)
    assert ("greenbank", "client/hub", "awaiting-counterpart", "hub") in pending(found)
    assert finished.read("store/greenbank/client/hub/certificate.pem") == before
    prepared = finished.read("store/greenbank/client/hub.next/key.pem")
    again = finished.run(now=RENEWAL, sides=["greenbank"])
    assert (changes(again), faults(again)) == ([], [])
    assert pending(again) == pending(found)
    # The hub's certificates are due as well: its side tells whom that is for.
    assert ("greenbank", "server.pem", "certificate-expires-soon", "hub") in pending(found)
    finished.run(now=RENEWAL, sides=["hub"])
    finished.run(now=RENEWAL, sides=["greenbank"])
    assert finished.read("store/greenbank/client/hub/key.pem") == prepared


def test_the_clock_decides(finished: Site) -> None:
    day_before_due = NOW.replace(month=11, day=1)
    assert {artefact.removeprefix("received/") for _side, artefact, _reason in changes(finished.run(now=day_before_due))} == {
        "crl",
        "crl.pem",
    }
    early = faults(finished.run(now=NOW.replace(year=2025)))
    assert {reason for _side, _artefact, reason in early} == {"authority-not-yet-valid", "not-yet-valid", "crl-not-yet-valid"}
    # Revocation lists of the future are followed by others at once.
    assert {artefact.removeprefix("received/") for _side, artefact, _reason in changes(finished.run())} == {"crl", "crl.pem"}
    assert finished.run() == []


def test_a_ca_that_ends_soon_is_reported_to_its_holder_and_not_renewed(finished: Site) -> None:
    late = NOW.replace(year=2026 + 8, month=6)
    found = pending(finished.step("generate", now=late, participants=["greenbank"]))
    assert ("hub", "ca", "authority-expires-soon", "the hub operator") in found
    assert ("greenbank", "ca", "authority-expires-soon", "greenbank") in found
    received = pending(finished.step("receive", now=late, sides=["hub"], participants=["greenbank"]))
    assert ("hub", "ca.pem", "authority-expires-soon", "greenbank") in received


@pytest.mark.parametrize("other", ["mojaloop", "mojaloop-scheme-ca"])
def test_another_profile_is_taken_up_when_a_person_permits_what_hangs_on_it(tmp_path: Path, other: str) -> None:
    first = {"mojaloop": "mojaloop-scheme-ca", "mojaloop-scheme-ca": "mojaloop"}[other]
    made = site(tmp_path, "bluebank", "greenbank", profile=first)
    assert faults(made.run()) == []
    made.hub["profile"] = other
    reported = made.describe().run()
    assert {reason for _side, _artefact, reason in faults(reported)} >= {"issuer-is-not-ours"}
    rekey = [f"{side}/{name}" for side in ("hub", "bluebank", "greenbank") for name in ("ca", "jws", "server")]
    for _turn in range(2):
        made.run(rekey=[*rekey, "hub/client/bluebank", "hub/client/greenbank"])
    assert made.run() == []


def test_suspended_and_offboarded_participants_are_on_no_list(finished: Site) -> None:
    finished.participants["greenbank"]["state"] = "suspended"
    finished.describe()
    found = finished.run()
    assert faults(found) == []
    for side in ("hub", "bluebank", "greenbank"):
        assert not finished.path(f"store/{side}/jws-keys/greenbank.pem").exists()
    assert finished.run() == []
    finished.participants["greenbank"]["state"] = "offboarded"
    finished.describe()
    # Nothing but the hub's revocation list knows the difference.
    assert {artefact.removeprefix("received/") for _side, artefact, _reason in changes(finished.run())} == {"crl", "crl.pem"}
    assert finished.run() == []
    finished.participants["greenbank"]["state"] = "active"
    finished.describe()
    back = {reason for _side, _artefact, reason in changes(finished.run())}
    assert back == {"publication-differs", "not-installed", "replaced", "certificate-revoked"}
    assert finished.path("store/bluebank/jws-keys/greenbank.pem").exists()


def test_a_folder_in_use_names_who_uses_it(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with lease(finished.state, holder="a run of yesterday"):
        monkeypatch.setattr(time, "sleep", lambda _seconds: None)
        clock = iter(range(0, 10_000, 30))
        monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
        with pytest.raises(LeaseHeld, match="in use by a run of yesterday"):
            finished.step("publish")
        # A dry run disturbs no one.
        assert finished.step("publish", check=True) == []


def test_what_a_killed_run_left_is_swept_and_reported(finished: Site) -> None:
    stray = finished.path("store/greenbank/server/.key.pem.stage-0123abcd")
    stray.write_bytes(b"half a key")
    predicted = finished.run(check=True)
    assert stray.exists()
    found = finished.run()
    assert sorted(predicted) == sorted(found)
    assert changes(found) == [("hub", "store/greenbank/server/.key.pem.stage-0123abcd", "stray-temporary-file")]
    assert not stray.exists()
    assert finished.run() == []


def test_sides_and_participants_that_are_not_there_are_named(finished: Site) -> None:
    with pytest.raises(DescriptionError, match="no such participant"):
        finished.step("publish", participants=["yellowbank"])
    with pytest.raises(DescriptionError, match="this installation does not act for"):
        finished.step("publish", sides=["yellowbank"])
