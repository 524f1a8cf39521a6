# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A name that changes in one side's description first: the other side is awaited, and a name that no one has described is a fault."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from unit.steps.conftest import NOW, Site, faults, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding

PROFILES = ("mojaloop", "mojaloop-scheme-ca")


def alone(made: Site, side: str, **described: str) -> list[Finding]:
    """A run of one side, which describes greenbank so; its dry run tells the same."""
    greenbank = made.participants["greenbank"]
    greenbank["organisation"] = described.get("organisation", greenbank["organisation"])
    greenbank["endpoint"]["url"] = described.get("url", greenbank["endpoint"]["url"])
    made.describe()
    reported = made.run(sides=[side], check=True)
    found = made.run(sides=[side])
    assert sorted(reported) == sorted(found)
    return found


@pytest.fixture(params=PROFILES)
def through(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    made = site(tmp_path, "bluebank", "greenbank", profile=request.param, approval="automatic")
    made.run()
    assert made.run() == []
    return made


def test_another_organisation_is_awaited_from_the_hub_that_signs(through: Site) -> None:
    awaited = ("greenbank", "client/hub", "subject", "hub")
    for _ in range(2):
        found = alone(through, "greenbank", organisation="Other")
        assert (faults(found), awaited in pending(found)) == ([], True)
    assert faults(alone(through, "hub")) == []
    found = alone(through, "greenbank")
    assert (faults(found), awaited in pending(found)) == ([], False)


def test_another_organisation_that_the_hub_signs_is_a_fault(through: Site) -> None:
    alone(through, "greenbank", organisation="Other")
    assert faults(alone(through, "hub", organisation="Third")) == []
    assert ("greenbank", "client/hub", "subject") in faults(alone(through, "greenbank", organisation="Other"))


def test_another_host_is_awaited_from_the_participant_that_must_publish_it(through: Site) -> None:
    scheme = through.hub["profile"] == "mojaloop-scheme-ca"
    artefact, reason, reported = ("server", "request-foreign-name", "request") if scheme else ("server.pem", "san", "certificate")
    for _ in range(2):
        found = alone(through, "hub", url="https://two.example")
        (awaited,) = (one for one in found if one.reason == reason)
        assert (faults(found), awaited.artefact, awaited.pending_on) == ([], artefact, "greenbank")
        assert f"greenbank must publish a {reported} for" in awaited.detail
    assert faults(alone(through, "greenbank")) == []
    assert faults(alone(through, "hub")) == []
    for _ in range(2):
        found = through.run()
    assert [one for one in found if one.reason == reason] == []
    assert through.run(now=NOW) == []


def test_another_host_that_the_participant_publishes_is_a_fault(through: Site) -> None:
    if through.hub["profile"] == "mojaloop-scheme-ca":
        alone(through, "greenbank", url="https://three.example")
        assert faults(alone(through, "hub", url="https://two.example")) == [("hub", "server", "request-foreign-name")]
    else:
        alone(through, "greenbank", url="https://three.example")
        assert faults(alone(through, "hub", url="https://greenbank.example")) == [("hub", "server.pem", "san")]


@pytest.mark.parametrize("first", ["hub", "greenbank"])
def test_another_organisation_of_the_hub_ends_no_call_of_it(through: Site, first: str) -> None:
    scheme = through.hub["profile"] == "mojaloop-scheme-ca"
    awaited = ("greenbank", "own-client.pem", "subject", "hub")
    through.hub["hub"]["organisation"] = "Other Switch"
    if first == "greenbank":
        for _ in range(2):
            found = alone(through, "greenbank")
            assert (faults(found), awaited in pending(found)) == ([], scheme)
    assert faults(alone(through, "hub")) == []
    # The one in use, and the one that is announced beside it: the listener lets both in before the hub switches.
    for _ in range(2):
        found = alone(through, "greenbank")
        assert (faults(found), awaited in pending(found)) == ([], scheme)
    if scheme:
        assert through.read("store/greenbank/received/hub/own-client.pem").count(b"BEGIN") == 2
        later = NOW + timedelta(days=100)
        through.run(now=later, sides=["hub"])
        assert faults(through.run(now=later, sides=["greenbank"])) == []
        assert through.read("store/greenbank/received/hub/own-client.pem").count(b"BEGIN") == 1
        found = through.run(now=later, sides=["greenbank"])
        assert (faults(found), awaited in pending(found)) == ([], False)


def test_another_organisation_with_which_the_hub_calls_is_a_fault(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank", profile="mojaloop-scheme-ca", approval="automatic")
    made.run()
    made.hub["hub"]["organisation"] = "Third"
    alone(made, "hub")
    made.hub["hub"]["organisation"] = "Other"
    assert ("greenbank", "own-client.pem", "subject") in faults(alone(made, "greenbank"))
