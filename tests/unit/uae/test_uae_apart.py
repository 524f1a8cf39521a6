# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hub and LFI carry out their halves apart; neither hands to the directory what the other must not ask for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site, faults, pending
from unit.uae.conftest import BANK, OZONE

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.kit.files import kit_files
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree


def automatic(site: Site) -> Site:
    """Without a person who compares digests: labs only."""
    site.hub = {**copy.deepcopy(site.hub), "approval": "automatic"}
    return site.describe()


def outbox(site: Site, side: str) -> set[str]:
    return {path.name.partition("-")[0] for path in site.path(f"directory/{side}/outbox").iterdir()}


def in_turns(site: Site, directory: StandInDirectory) -> None:
    for side in ("hub", "oasis"):
        site.run(sides=(side,))
    directory.carry(site.state)
    for side in ("oasis", "hub", "oasis"):
        site.run(sides=(side,))


def test_each_half_alone_comes_to_the_same_end(oasis: Site, directory: StandInDirectory) -> None:
    in_turns(automatic(oasis), directory)
    for side in ("hub", "oasis"):
        found = oasis.run(sides=(side,))
        assert (faults(found), pending(found)) == ([], [])
    assert oasis.path("store/hub/server/certificate.pem").exists()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"further_hosts": {"server": ["hh.another.preprod.apihub.example"]}}, "san"),
        ({"further_hosts": {"server": [f"h{number}.oasis.example" for number in range(3)]}}, "san"),
    ],
)
def test_a_hubs_request_for_other_names_is_not_handed_in(oasis: Site, changed: dict[str, Any], reason: str) -> None:
    right = automatic(oasis)
    wanted = right.hub
    right.hub = {**wanted, "hub": {**wanted["hub"], **changed}}
    right.describe().run(sides=("hub",))
    right.hub = wanted
    found = right.describe().run(sides=("oasis",))
    assert ("oasis", "S3", reason) in faults(found)
    assert "S3" not in outbox(right, "oasis")
    # Control: the hub's other requests, and its own, are handed in; and this one once it is right.
    assert {"Sig2", "S4", "C3"} <= outbox(right, "oasis")
    right.run(sides=("hub",))
    assert faults(right.run(sides=("oasis",))) == []
    assert "S3" in outbox(right, "oasis")


def test_a_hubs_request_in_its_own_name_is_not_handed_in(oasis: Site) -> None:
    """The LFI would lend its place in the directory to another organisation."""
    right = automatic(oasis)
    right.participants = {
        "oasis": {**BANK, "organisation": OZONE.legal_name, "registration": {"organisation_id": OZONE.id, "client_id": "x1x"}}
    }
    right.describe().run(sides=("hub",))
    right.participants = {"oasis": BANK}
    found = right.describe().run(sides=("oasis",))
    assert {("oasis", code, "subject") for code in ("S1", "S3", "Sig2")} <= set(faults(found))
    assert outbox(right, "oasis") == {"C3", "S4", "Enc1"}


def test_jwt_auth_asks_for_one_more_certificate_of_each_side(oasis: Site, directory: StandInDirectory) -> None:
    oasis.hub = {**oasis.hub, "directory": {**oasis.hub["directory"], "application_auth": "jwt"}}
    oasis.describe().run()
    assert outbox(oasis, "hub") == {"C4", "Sig3"}
    assert outbox(oasis, "oasis") == {"C3", "S4", "Sig4", "Enc1", "S1", "S3", "Sig2"}
    directory.carry(oasis.state)
    found = oasis.run()
    assert (faults(found), pending(found)) == ([], [])
    # The counterpart has the certificate to verify with.
    assert oasis.read("store/hub/received/oasis/jwt.pem") == oasis.read("store/oasis/jwt/certificate.pem")


def test_an_lfi_that_left_is_no_ones_tenant(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    directory.carry(oasis.state)
    oasis.run()
    oasis.participants = {"oasis": {**BANK, "state": "offboarded"}}
    found = oasis.describe().run()
    assert faults(found) == []
    assert outbox(oasis, "hub") == set()


def test_there_is_no_kit_where_a_directory_signs(oasis: Site) -> None:
    description = load_description(oasis.root / "description", state=str(oasis.state))
    with pytest.raises(StoreError, match="its directory signs"):
        kit_files(description, description.participant("oasis"), DiskTree(oasis.state))
