# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operators and the internal listener in a description: read as they are meant, and refused where they could not work."""

from __future__ import annotations

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import Administration, Operator, OperatorRole
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HaproxyGateway

ADMINISTRATION = "  administration: {{operators: [{operators}]{more}}}\n"
GRACE = "{client: grace, role: operator}"
OWN = ", own: {client: grace, secret_file: secrets/grace}"


def with_operators(folder: Folder, operators: str = GRACE, more: str = "") -> Folder:
    folder.edit("hub.yml", "defaults:", ADMINISTRATION.format(operators=operators, more=more) + "defaults:")
    return folder


def test_operators_and_the_packs_own_client(folder: Folder) -> None:
    found = with_operators(folder, f"{GRACE}, {{client: ada, role: auditor}}", OWN).load().hub.administration
    assert found.operators == (Operator("grace", OperatorRole.OPERATOR), Operator("ada", OperatorRole.AUDITOR))
    assert found.own
    assert found.own.secret_file.endswith("/secrets/grace")
    assert "secrets/grace" not in repr(found)


def test_without_a_word_of_them_no_one_is_an_operator(folder: Folder) -> None:
    assert folder.load().hub.administration == Administration()


@pytest.mark.parametrize(
    ("operators", "more", "problem"),
    [
        (f"{GRACE}, {{client: grace, role: auditor}}", "", "'grace' a second time; allowed: each client once"),
        ("{client: ada, role: auditor}", ", own: {client: ada, secret_file: s}", "'ada'; allowed: a client that is listed with the role"),
        (GRACE, ", own: {client: grace}", "administration.own: found no secret_file; allowed: it is required unless"),
        (GRACE, ", own: {client: other, secret_file: s}", "'other'; allowed: a client that is listed with the role operator"),
        ("{client: grace, role: root}", "", "operators[0].role: found 'root'"),
        ('{client: "a b", role: auditor}', "", "operators[0].client: found 'a b'"),
        ("", "", "operators"),
    ],
)
def test_operators_that_are_refused(folder: Folder, operators: str, more: str, problem: str) -> None:
    assert any(problem in each for each in with_operators(folder, operators, more).problems())


INTERNAL = "      internal: {address: 10.0.0.5, port: 8443, networks: [10.0.0.0/24], ledger: {address: 127.0.0.1, port: 3001}}\n"
OUTBOUND = "      outbound: {address: 127.0.0.1, port: 3100}\n"


def with_listener(folder: Folder, listener: str = INTERNAL) -> Folder:
    folder.edit("hub.yml", OUTBOUND, OUTBOUND + listener)
    return folder


def test_an_internal_listener(folder: Folder) -> None:
    found = with_listener(with_operators(folder)).load().hub.gateways[0]
    assert isinstance(found, HaproxyGateway)
    assert found.internal
    assert (str(found.internal.listener.address), found.internal.ledger.port, found.internal.account_lookup) == ("10.0.0.5", 3001, None)
    assert [str(network) for network in found.internal.networks] == ["10.0.0.0/24"]


@pytest.mark.parametrize(
    ("listener", "problem"),
    [
        (INTERNAL.replace("networks: [10.0.0.0/24], ", ""), "gateways[0].internal.networks"),
        (INTERNAL.replace("10.0.0.5", "10.1.0.10"), "gateways[0].internal: found 10.1.0.10 port 8443 a second time"),
    ],
)
def test_a_listener_that_is_refused(folder: Folder, listener: str, problem: str) -> None:
    assert any(problem in each for each in with_listener(with_operators(folder), listener).problems())


def test_a_listener_for_no_one_is_refused(folder: Folder) -> None:
    assert any("gateways[0].internal: found no administration of the hub" in each for each in with_listener(folder).problems())


def test_a_participant_has_none(folder: Folder) -> None:
    there = OUTBOUND.replace("      ", "    ")
    folder.edit("participants/greenbank.yml", there, there + INTERNAL.replace("      ", "    "))
    assert any("gateways[0].internal: found a listener; allowed: none at a participant" in each for each in folder.problems())


@pytest.mark.parametrize(
    "system", ["ledger: {kind: central-ledger, currencies: [USD, KES]", "account_lookup: {kind: account-lookup-service"]
)
def test_the_packs_token_travels_over_tls_only(folder: Folder, system: str) -> None:
    oracles = ", oracles: [{identifier: MSISDN, url: http://10.0.0.7}]" if "lookup" in system else ""
    with_operators(folder, more=OWN)
    folder.edit("hub.yml", "defaults:", f"  {system}, url: http://10.0.0.9, plain_http: accepted{oracles}}}\ndefaults:")
    assert any("the token of administration.own would travel in clear" in each for each in folder.problems())
