# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every transport must do: two installations come to the same end, and nothing is changed, sent or lost without need."""

from __future__ import annotations

from contract.transport.drivers import BANK, Installations, described, trip
from unit.steps.conftest import changes, faults, marks, pending

MOST_TRIPS = 3


def settled(apart: Installations) -> None:
    for _ in range(MOST_TRIPS):
        trip(apart)
    assert (faults(apart.hub.run()), pending(apart.hub.run())) == ([], [])


def test_after_two_trips_each_has_what_the_other_signed(apart: Installations) -> None:
    at_hub, at_bank = trip(apart)
    assert (faults(at_hub), faults(at_bank)) == ([], [])
    assert ("hub", "exchange.pem", "awaiting-counterpart", BANK) not in pending(at_bank)
    trip(apart)
    at_hub, at_bank = apart.hub.run(), apart.bank.run()
    assert (pending(at_hub), faults(at_hub), pending(at_bank), faults(at_bank)) == ([], [], [], [])
    issued = apart.hub.read(f"store/hub/issued/{BANK}/client.pem")
    assert apart.bank.read(f"store/{BANK}/client/hub/certificate.pem") == issued
    assert apart.bank.read(f"store/{BANK}/issued/hub/client.pem") == apart.hub.read(f"store/hub/client/{BANK}/certificate.pem")
    assert apart.bank.read(f"store/{BANK}/jws-keys/switch.pem") == apart.hub.read("store/hub/jws/public.pem")


def test_what_has_not_come_is_awaited_by_name(apart: Installations) -> None:
    assert ("hub", "ca.pem", "awaiting-counterpart", BANK) in pending(apart.hub.run())
    assert (BANK, apart.first, "awaiting-counterpart", "hub") in pending(apart.bank.run())


def test_another_run_changes_nothing_and_sends_nothing(apart: Installations) -> None:
    settled(apart)
    trip(apart)
    apart.hub.run()
    before = marks(apart.hub.state), marks(apart.bank.state)
    assert (changes(apart.hub.run()), changes(apart.bank.run())) == ([], [])
    assert (marks(apart.hub.state), marks(apart.bank.state)) == before


def test_check_mode_foretells_the_run_and_writes_nothing(apart: Installations) -> None:
    trip(apart)
    before = marks(apart.hub.state)
    foretold = apart.hub.run(check=True)
    assert marks(apart.hub.state) == before
    assert sorted(foretold) == sorted(apart.hub.run())


def test_a_new_key_of_the_bank_reaches_the_hub(apart: Installations) -> None:
    settled(apart)
    before = apart.bank.read(f"store/{BANK}/client/hub/certificate.pem")
    apart.bank.path(f"store/{BANK}/client/hub/key.pem").unlink()
    assert faults(apart.bank.run(rekey=[f"{BANK}/client/hub"])) == []
    apart.to_hub()
    trip(apart)
    apart.bank.run()
    assert apart.bank.read(f"store/{BANK}/client/hub/certificate.pem") != before
    assert apart.bank.read(f"store/{BANK}/client/hub/certificate.pem") == apart.hub.read(f"store/hub/issued/{BANK}/client.pem")


def test_a_changed_authority_awaits_a_person_whatever_brings_it(apart: Installations) -> None:
    settled(apart)
    for one, side in ((apart.hub, "hub"), (apart.bank, BANK)):
        one.hub["approval"] = "manual"
        described(one, side)
    apart.bank.path(f"store/{BANK}/ca/key.pem").unlink()
    apart.bank.run(rekey=[f"{BANK}/ca"])
    before = apart.hub.read(f"store/hub/received/{BANK}/ca.pem")
    apart.to_hub()
    assert ("hub", "ca.pem", "awaiting-approval", "the hub operator") in pending(apart.hub.run())
    assert apart.hub.read(f"store/hub/received/{BANK}/ca.pem") == before


def test_who_is_here_too_needs_no_transport(apart: Installations) -> None:
    (apart.hub.root / "description/hosts.yml").unlink()
    assert (faults(apart.hub.run()), pending(apart.hub.run())) == ([], [])
    assert not apart.hub.path("outbox").exists()
