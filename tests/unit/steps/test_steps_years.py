# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Years of renewals by the clock: every artefact is followed by both sides, no one is refused, keys that went do not come back."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from support.counting import record_count
from support.depth import DEEP
from unit.steps.conftest import NOW, Site, changes, faults, marks, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.first_contact import read_contact
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import public_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.revocation import read_list
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.registers import KnownKeys, key_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

YEARS = timedelta(days=(4 if DEEP else 3) * 365)
APART = 20 if DEEP else 45
"""Days between runs: no more than the half of the time in which a certificate is due, or a side sleeps through its announcement."""
TOGETHER = 20 if DEEP else 80
"""The same, where no one has to be waited for: as long as a certificate is due."""
PROFILES = pytest.mark.parametrize("profile", ["mojaloop", "mojaloop-scheme-ca"])
DUE = NOW + timedelta(days=920)
"""The exchange certificates (1,095 days) are due since 5 days, the others have been renewed by then."""
MADE: dict[str, Site] = {}
ANNOUNCED = timedelta(days=90)
"""Half of the time in which an exchange certificate is due."""


def moments(days: int, *, until: timedelta = YEARS) -> Iterator[datetime]:
    moment = NOW
    while moment < NOW + until:
        yield moment
        moment += timedelta(days=days)


def confirm(made: Site, found: Sequence[Finding]) -> bool:
    """What a person does who was given a digest: writes it where the finding says. Whether there was any."""
    described = copy.deepcopy((made.hub, made.participants))
    for finding in found:
        if finding.reason == "awaiting-approval":
            place, digest = re.findall(r"write it into (.*): (sha256:[0-9a-f]{64})", finding.detail)[0]
            if place.startswith("first_publications of hub.yml"):
                made.hub["hub"].setdefault("first_publications", {})[finding.participant] = digest
            else:
                made.participants[finding.participant]["first_publication"] = digest
    made.describe()
    return described != (made.hub, made.participants)


def run_of(made: Site, side: str, now: datetime) -> list[Finding]:
    found = made.run(now=now, sides=[side])
    assert faults(found) == [], (side, now)
    if confirm(made, found):
        found += made.run(now=now, sides=[side])
        assert faults(found) == [], (side, now)
    return found


def once(root: Path, name: str, make: Callable[[Path], Site]) -> Site:
    """A copy of a site that is made once, beside the folder of the first test that asks: many begin at the same place."""
    if name not in MADE:
        MADE[name] = make(root.parent / name)
    made = MADE[name]
    shutil.copytree(made.state, root / "state", symlinks=True)
    return Site(root, copy.deepcopy(made.hub), copy.deepcopy(made.participants)).describe()


def apart(root: Path, profile: str = "mojaloop") -> Site:
    """The hub and one participant that never run together, each other's digests confirmed."""
    return once(root, f"apart-{profile}", lambda place: _apart(place, profile))


def due(root: Path) -> Site:
    """The same, as far as the day before the exchange certificates are due."""
    return once(root, "due", _due)


def _apart(root: Path, profile: str) -> Site:
    made = site(root, "greenbank", profile=profile)
    for side in ("hub", "greenbank") * 4:
        run_of(made, side, NOW)
    assert made.run(sides=["hub"]) == made.run(sides=["greenbank"]) == []
    return made


def keys(made: Site) -> dict[str, str]:
    """Digest of the key of every certificate in force, by its folder."""
    found = {}
    for path in made.path("store").rglob("certificate.pem"):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        found[str(path.parent.relative_to(made.state))] = public_digest(certificate.public_key())
    return {name: digest for name, digest in found.items() if not name.endswith(".next")}


def in_time(made: Site, now: datetime) -> None:
    """Every certificate in force is, and its counterpart knows it: the listeners let in whoever calls."""
    for path in made.path("store").rglob("certificate.pem"):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        assert certificate.not_valid_before_utc <= now + timedelta(minutes=10)
        assert certificate.not_valid_after_utc > now, path
    for holder, signer, name in (("hub", "greenbank", "client/greenbank"), ("greenbank", "hub", "client/hub")):
        shown = x509.load_pem_x509_certificate(made.read(f"store/{holder}/{name}/certificate.pem"))
        places = [f"store/{signer}/issued/{holder}/client.pem", f"store/{signer}/issued/{holder}/client.previous.pem"]
        places += [f"store/{signer}/received/{holder}/own-client{rest}.pem" for rest in ("", ".previous")]
        known = [one for place in places if made.path(place).exists() for one in x509.load_pem_x509_certificates(made.read(place))]
        assert shown in known, (holder, now)


def lists(made: Site, sides: Sequence[str], now: datetime) -> int:
    """The revocation lists of these sides are in force, with ten days left and more; the sum of their numbers."""
    paths = [f"store/{side}/ca/crl.pem" for side in sides if made.path(f"store/{side}/ca").exists()]
    found = [read_list(made.read(path), where=path) for path in paths]
    assert [path for path, each in zip(paths, found, strict=True) if not each.begins <= now < each.ends - timedelta(days=10)] == []
    return sum(each.number for each in found)


@PROFILES
def test_both_sides_follow_each_others_renewals_for_years(tmp_path: Path, profile: str) -> None:
    made, replaced, runs = apart(tmp_path, profile), 0, 0
    last: dict[str, str] = {}
    retired: set[str] = set()
    for now in moments(APART):
        for side in ("hub", "greenbank"):
            run_of(made, side, now)
            in_time(made, now)
            lists(made, [side], now)
            current, runs = keys(made), runs + 1
            gone = {last[name] for name in last if last[name] != current[name]}
            replaced, last, retired = replaced + len(gone), current, retired | gone
    known = KnownKeys(DiskTree(made.state))
    assert {digest for digest in retired if not known.retired(digest)} == set()
    assert not {digest for digest in last.values() if known.retired(digest)}
    assert len(retired) == replaced
    # Three years and more: TLS every 275 days and more, JWS and exchange keys at least once, CAs never.
    renewed = {name for name in last if last[name] in retired} | {name.split("/", 2)[2] for name in last}
    assert {"ca", "server", "jws", "exchange"} <= renewed
    record_count("renewals followed", replaced)
    record_count("revocation lists renewed by the clock", lists(made, ("hub", "greenbank"), now))
    record_count("runs by the clock", runs)


@PROFILES
def test_both_sides_in_one_run_renew_for_years(tmp_path: Path, profile: str) -> None:
    made = site(tmp_path, "greenbank", profile=profile)
    for now in moments(TOGETHER):
        assert faults(made.run(now=now)) == []
        in_time(made, now)
        lists(made, ("hub", "greenbank"), now)
        assert changes(made.run(now=now)) == []
        record_count("runs by the clock", 2)


def exchange_key(made: Site, side: str) -> str:
    return key_of({"key.pem": made.read(f"store/{side}/exchange/key.pem")})


def _due(root: Path) -> Site:
    made = apart(root)
    for days in range(270, 916, 60):
        for side in ("hub", "greenbank", "hub", "greenbank"):
            run_of(made, side, NOW + timedelta(days=min(days, 914)))
    return made


def test_a_new_exchange_key_is_announced_under_the_one_in_use_then_used(tmp_path: Path) -> None:
    made = due(tmp_path)
    before = exchange_key(made, "hub")
    found = run_of(made, "hub", DUE)
    assert ("hub", "exchange", "certificate-expires-soon") in changes(found)
    assert ("hub", "exchange-next.pem", "not-published") in changes(found)
    assert ("hub", "exchange", "successor-announced", "the participants") in pending(found)
    assert f"{DUE + ANNOUNCED:%Y-%m-%d}" in next(f.detail for f in found if f.reason == "successor-announced")
    assert exchange_key(made, "hub") == before
    state = marks(made.state)
    assert changes(run_of(made, "hub", DUE + timedelta(days=1))) == []
    assert marks(made.state) == state
    run_of(made, "greenbank", DUE + timedelta(days=2))
    contact = read_contact(DiskTree(made.state), "greenbank", "hub")
    assert contact is not None
    assert len(contact.certificates()) == 2
    later = DUE + ANNOUNCED
    run_of(made, "hub", later)
    assert exchange_key(made, "hub") != before
    assert KnownKeys(DiskTree(made.state)).retired(before)
    assert not made.path("store/hub/exchange.next").exists()
    assert not made.path("exchange/greenbank/hub/exchange-next.pem").exists()
    run_of(made, "greenbank", later)
    contact = read_contact(DiskTree(made.state), "greenbank", "hub")
    assert contact is not None
    assert len(contact.certificates()) == 1
    assert key_of({"certificate.pem": contact.exchange_certificates[0].encode()}) == exchange_key(made, "hub")


def test_who_slept_while_it_was_announced_learns_what_to_confirm(tmp_path: Path) -> None:
    made = due(tmp_path)
    run_of(made, "hub", DUE)
    late = DUE + ANNOUNCED
    # The sleeper's own certificates end meanwhile; that is reported as well.
    assert {reason for _side, _artefact, reason in faults(made.run(now=late, sides=["hub"]))} == {"certificate-expired"}
    kept = made.read("store/greenbank/received/hub/exchange.pem")
    found = made.run(now=late, sides=["greenbank"])
    refusal = next(f for f in found if f.reason == "manifest-signature")
    (digest,) = re.findall(r"sha256:[0-9a-f]{64}", refusal.detail)
    assert "has renewed its key: confirm" in refusal.detail
    assert made.read("store/greenbank/received/hub/exchange.pem") == kept
    made.hub["hub"]["first_publications"]["greenbank"] = digest
    made.describe()
    assert faults(made.run(now=late, sides=["greenbank"])) == []
    assert made.read("store/greenbank/received/hub/exchange.pem") != kept


def test_who_slept_through_its_own_renewal_announces_late_and_is_not_refused(tmp_path: Path) -> None:
    made = due(tmp_path)
    # No one runs until the hub's exchange certificate has ended; the participant's own goes the same way.
    ended = NOW + timedelta(days=1200)
    before = exchange_key(made, "hub")
    made.run(now=ended, sides=["hub"])
    assert exchange_key(made, "hub") == before
    assert made.path("exchange/greenbank/hub/exchange-next.pem").exists()
    assert "manifest-signature" not in {f.reason for f in made.run(now=ended, sides=["greenbank"])}
    later = ended + ANNOUNCED
    made.run(now=later, sides=["hub"])
    assert exchange_key(made, "hub") != before
    assert "manifest-signature" not in {f.reason for f in made.run(now=later, sides=["greenbank"])}


def test_a_side_that_arrives_during_an_announcement_knows_both_keys(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank", "bluebank", approval="automatic")
    for side in ("hub", "greenbank", "hub", "greenbank", "hub"):
        made.run(sides=[side])
    for days in range(270, 916, 60):
        for side in ("hub", "greenbank", "hub"):
            made.run(now=NOW + timedelta(days=days), sides=[side])
    made.run(now=DUE, sides=["hub"])
    assert faults(made.run(now=DUE, sides=["bluebank"])) == []
    contact = read_contact(DiskTree(made.state), "bluebank", "hub")
    assert contact is not None
    assert len(contact.certificates()) == 2
    made.run(now=DUE + ANNOUNCED, sides=["hub"])
    assert faults(made.run(now=DUE + ANNOUNCED, sides=["bluebank"])) == []


def test_a_retired_key_is_certified_for_no_one_again(tmp_path: Path) -> None:
    made = apart(tmp_path)
    old = {name: made.read(f"store/greenbank/client/hub/{name}.pem") for name in ("key", "request")}
    server = {name: made.read(f"store/greenbank/server/{name}.pem") for name in ("key", "request", "certificate", "chain")}
    later = NOW + timedelta(days=290)
    for side in ("greenbank", "hub", "greenbank", "hub"):
        run_of(made, side, later)
    # The hub: the old request once more, as from a restored backup, under a signature that is right.
    for name, content in old.items():
        made.path(f"store/greenbank/client/hub/{name}.pem").write_bytes(content)
    for name in ("certificate", "chain"):
        made.path(f"store/greenbank/client/hub/{name}.pem").unlink()
    issued = made.read("store/hub/issued/greenbank/client.pem")
    made.step("publish", now=later, sides=["greenbank"])
    found = made.run(now=later, sides=["hub"])
    assert faults(found) == [("hub", "client", "key-retired")]
    assert made.read("store/hub/issued/greenbank/client.pem") == issued
    # The side itself makes a new key instead of a certificate for the old one.
    for name, content in server.items():
        if name != "certificate":
            made.path(f"store/greenbank/server/{name}.pem").write_bytes(content)
    made.path("store/greenbank/server/certificate.pem").unlink()
    mended = made.run(now=later, sides=["greenbank"])
    assert faults(mended) == []
    assert made.read("store/greenbank/server/key.pem") != server["key"]
    assert made.read("store/greenbank/client/hub/key.pem") != old["key"]
    for side in ("hub", "greenbank"):
        run_of(made, side, later)
    certificate = x509.load_pem_x509_certificate(made.read("store/greenbank/client/hub/certificate.pem"))
    key = serialization.load_pem_private_key(made.read("store/greenbank/client/hub/key.pem"), None)
    assert certificate.public_key() == key.public_key()
    assert changes(run_of(made, "hub", later)) == changes(run_of(made, "greenbank", later)) == []


def test_the_end_of_a_ca_is_reported_two_years_before(tmp_path: Path) -> None:
    made = apart(tmp_path)
    early, late = NOW + timedelta(days=3650 - 740), NOW + timedelta(days=3650 - 720)
    for now, reported in ((early, False), (late, True)):
        for side, other in (("hub", "greenbank"), ("greenbank", "hub")):
            found = pending(made.run(now=now, sides=[side], check=True))
            who = "the hub operator" if side == "hub" else side
            assert ((side, "ca", "authority-expires-soon", who) in found) is reported
            assert ((side, "ca.pem", "authority-expires-soon", other) in found) is reported
