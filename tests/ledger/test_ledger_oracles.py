# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Oracles, kept at a stand-in for the account lookup service: set up once, changed where they differ, faults reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.account_lookup_stand_in import AccountLookupStandIn, account_lookup_stand_in
from support.between import AFTER, BEFORE, PASS, TWICE, Between, between
from support.ports import free_port

from .conftest import Site, changed, faults, hub_file, reasons
from .test_ledger_internal_listener import SECRET, issuer_in, server_of


@pytest.fixture
def lookup() -> Iterator[AccountLookupStandIn]:
    with account_lookup_stand_in() as made:
        yield made


@pytest.fixture
def way(lookup: AccountLookupStandIn) -> Iterator[Between]:
    with between(lookup.url) as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, way: Between) -> Site:
    """A hub with an account lookup service and no ledger."""
    hub = hub_file("http://127.0.0.1:1")
    del hub["hub"]["ledger"]
    oracles = [
        {"identifier": "MSISDN", "url": "http://oracle.switch.example:3000/msisdn"},
        {"identifier": "ACCOUNT_ID", "url": "http://oracle.switch.example:3000/accounts", "currency": "USD", "default": False},
    ]
    hub["hub"]["account_lookup"] = {"kind": "account-lookup-service", "url": way.url, "oracles": oracles}
    return Site(tmp_path, hub)


ALL = changed("oracle/MSISDN oracle-missing", "oracle/ACCOUNT_ID/USD oracle-missing")


def urls(lookup: AccountLookupStandIn) -> dict[str, str]:
    return {each["oracleIdType"]: each["endpoint"]["value"] for each in lookup.oracles.values()}


def test_oracles_are_set_up_once_and_changed_where_they_differ(lookup: AccountLookupStandIn, way: Between, site: Site) -> None:
    assert reasons(site.run_hub(check=True), "hub") == ALL
    assert not way.changing()
    assert reasons(site.run_hub(), "hub") == ALL
    assert [each["isDefault"] for each in lookup.listed()] == [1, 0]
    way.forget()
    assert site.run_hub() == []
    assert not way.changing()
    site.hub["hub"]["account_lookup"]["oracles"][0]["url"] = "http://oracle2.switch.example"
    assert reasons(site.run_hub(), "hub") == changed("oracle/MSISDN oracle-differs")
    assert urls(lookup) == {"MSISDN": "http://oracle2.switch.example", "ACCOUNT_ID": "http://oracle.switch.example:3000/accounts"}
    site.hub["hub"]["account_lookup"]["oracles"][0]["default"] = False
    assert faults(site.run_hub()) == [("hub", "oracle/MSISDN", "oracle-stays-default")]


def test_the_token_of_the_listener_in_front_is_presented_and_kept_secret(way: Between, site: Site, tmp_path: Path) -> None:
    token = tmp_path / "token"
    site.hub["hub"]["account_lookup"]["token_file"] = str(token)
    assert faults(site.run_hub()) == [("hub", "account-lookup", "error")]
    token.write_text("secret-of-the-listener-1\n", encoding="ascii")
    way.misbehave = lambda seen: BEFORE if seen.method != "GET" else PASS
    found = site.run_hub()
    assert len(faults(found)) == len(ALL)
    assert "secret" not in str([each.detail for each in found])
    assert {each.authorization for each in way.seen} == {"Bearer secret-of-the-listener-1"}


def test_the_packs_own_token_goes_to_account_lookup_and_not_to_oracles(way: Between, site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "own-secret"
    secret.write_text(SECRET, encoding="ascii")
    operators = [{"client": "onboarding", "role": "operator"}]
    with issuer_in(tmp_path) as issuer:
        own = {"client": "onboarding", "secret_file": str(secret)}
        site.hub["hub"]["administration"] = {"operators": operators, "own": own}
        site.hub["hub"]["authorization_server"] = server_of(issuer, tmp_path)
        assert reasons(site.run_hub(), "hub") == ALL
        assert len({each.authorization for each in way.seen}) == 1
        assert way.seen[0].authorization.startswith("Bearer ey")
        way.forget()
        for oracle in site.hub["hub"]["account_lookup"]["oracles"]:
            oracle["url"] = way.url
        site.describe("greenbank", "USD", parties=[{"identifier": "MSISDN", "value": "27710000001"}])
        assert reasons(site.run(), "greenbank") == changed("party/MSISDN/27710000001 party-missing")
        assert {each.authorization for each in way.seen} == {""}


def test_oracles_of_others_are_left_alone(lookup: AccountLookupStandIn, site: Site) -> None:
    lookup.create({"oracleIdType": "IBAN", "endpoint": {"value": "http://elsewhere.example", "endpointType": "URL"}})
    site.run_hub()
    assert urls(lookup)["IBAN"] == "http://elsewhere.example"


@pytest.mark.parametrize("fate", [AFTER, TWICE])
def test_what_the_service_has_counts_and_not_what_it_answers(lookup: AccountLookupStandIn, way: Between, site: Site, fate: str) -> None:
    way.misbehave = lambda seen: fate if seen.method != "GET" else PASS
    assert reasons(site.run_hub(), "hub") == ALL
    assert len(lookup.oracles) == len(ALL)


def test_a_service_that_refuses_or_is_down_is_an_error(way: Between, site: Site) -> None:
    way.misbehave = lambda seen: BEFORE if seen.method != "GET" else PASS
    refused = [("hub", "oracle/MSISDN", "not-taken-over"), ("hub", "oracle/ACCOUNT_ID/USD", "not-taken-over")]
    assert faults(site.run_hub()) == refused
    site.hub["hub"]["account_lookup"]["url"] = f"http://127.0.0.1:{free_port()}"
    assert faults(site.run_hub()) == [("hub", "account-lookup", "account-lookup-unreachable")]


NUMBER = {"identifier": "MSISDN", "value": "27710000001"}
PATH = "/participants/MSISDN/27710000001"


@pytest.fixture
def registering(site: Site, way: Between) -> Site:
    """A participant with a party, whose oracle is the stand-in's; there is no ledger."""
    site.hub["hub"]["account_lookup"]["oracles"][0]["url"] = way.url
    site.describe("bluebank", "USD", parties=[NUMBER])
    return site


def test_a_party_is_registered_once_and_taken_out_with_its_participant(
    lookup: AccountLookupStandIn, way: Between, registering: Site, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret-of-the-listener-1\n", encoding="ascii")
    registering.hub["hub"]["account_lookup"]["token_file"] = str(token)
    missing = changed("party/MSISDN/27710000001 party-missing")
    assert reasons(registering.run(check=True), "bluebank") == missing
    assert not way.changing()
    assert reasons(registering.run(), "bluebank") == missing
    assert lookup.parties == {PATH: [{"fspId": "bluebank", "currency": "USD"}]}
    assert {each.authorization for each in way.seen} == {""}, "the token of account lookup is not the oracle's to see"
    way.forget()
    assert registering.run() == []
    registering.participants["bluebank"]["state"] = "suspended"
    assert registering.run() == []
    assert not way.changing()
    registering.participants["bluebank"]["state"] = "offboarded"
    assert reasons(registering.run(), "bluebank") == changed("party/MSISDN/27710000001 party-unwanted")
    assert (lookup.parties, registering.run()) == ({}, [])


def test_a_party_of_another_participant_is_left_to_a_person(lookup: AccountLookupStandIn, way: Between, registering: Site) -> None:
    lookup.parties[PATH] = [{"fspId": "redbank", "currency": "USD"}]
    assert faults(registering.run()) == [("bluebank", "party/MSISDN/27710000001", "party-of-another")]
    registering.participants["bluebank"]["state"] = "offboarded"
    assert registering.run() == []
    assert not way.changing()


def test_an_oracle_that_does_not_answer_is_an_error(way: Between, registering: Site) -> None:
    way.misbehave = lambda _seen: BEFORE
    assert [each[:1] for each in faults(registering.run())] == [("bluebank",)]
    registering.hub["hub"]["account_lookup"]["oracles"][0]["url"] = f"http://127.0.0.1:{free_port()}"
    assert faults(registering.run()) == [("bluebank", "oracle", "oracle-unreachable")]
