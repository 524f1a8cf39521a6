# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger in a description: what the real one would accept or crash on is refused here, with file, line and what is allowed."""

from __future__ import annotations

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import SettlementModel

GREENBANK = "participants/greenbank.yml"
LEDGER = "  ledger: {{kind: central-ledger, url: {url}, currencies: [{currencies}], {more}}}\n"
CA = "ca_file: ca/ledger.pem"


def with_ledger(folder: Folder, url: str = "https://ledger.switch.example", currencies: str = "USD, KES", more: str = CA) -> Folder:
    folder.edit("hub.yml", "defaults:", LEDGER.format(url=url, currencies=currencies, more=more) + "defaults:")
    return folder


def test_a_ledger_with_its_defaults(folder: Folder) -> None:
    ledger = with_ledger(folder).load().hub.ledger
    assert ledger
    assert (ledger.url, ledger.hub_name, ledger.callback_url) == ("https://ledger.switch.example", "Hub", "")
    assert ledger.settlement_models == (SettlementModel("DEFERREDNET", "deferred-net", "", liquidity_check=True),)


def test_plain_http_in_the_hubs_own_network(folder: Folder) -> None:
    ledger = with_ledger(folder, "http://10.0.0.9:3001/", more="plain_http: accepted").load().hub.ledger
    assert ledger
    assert ledger.url == "http://10.0.0.9:3001"


@pytest.mark.parametrize(
    ("url", "currencies", "more", "problem"),
    [
        ("http://10.0.0.9:3001", "USD, KES", "hub_name: Hub", "an https URL, or the key 'plain_http: accepted'"),
        ("http://10.0.0.9:3001", "USD, KES", "plain_http: accepted, token_file: token", "a token that would travel in clear"),
        ("ftp://10.0.0.9", "USD, KES", CA, "found 'ftp://10.0.0.9'; allowed: https:// or http://<host>[:<port>][/<path>]"),
        ("not a url", "USD, KES", CA, "allowed: https:// or http://<host>"),
        ("http://user:word@10.0.0.9", "USD, KES", "plain_http: accepted", "found a URL with credentials or an @ (not shown)"),
        ("https://ledger.switch.example", "USD, KES", "hub_name: Hub", "found no such key; allowed: it is required with an https URL"),
        ("https://ledger.switch.example", "USD, KES, QQQ", CA, "the currency 'QQQ'; allowed: a currency that the ledger knows"),
        ("https://ledger.switch.example", "USD, KES", f"{CA}, settlement_models: [{{name: A1}}, {{name: a1}}]", "'a1' a second"),
        ("https://ledger.switch.example", "USD", f"{CA}, settlement_models: [{{name: A1, currency: KES}}]", "one of ledger.currencies"),
        ("https://ledger.switch.example", "USD, KES", f"{CA}, settlement_models: [{{name: A-1}}]", "allowed: 2 to 30 letters and digits"),
    ],
)  # fmt: skip
def test_a_ledger_that_is_refused(folder: Folder, url: str, currencies: str, more: str, problem: str) -> None:
    assert any(problem in each for each in with_ledger(folder, url, currencies, more).problems())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('net_debit_cap: {USD: "-1"}', "net_debit_cap.USD: found '-1'; allowed: an amount in quotes"),
        ('net_debit_cap: {USD: "123456789012345"}', "net_debit_cap.USD: found '123456789012345'; allowed: an amount of at most 15 digits"),
        ('net_debit_cap: {USD: "12345678901.23456"}', "net_debit_cap.USD: found '12345678901.23456'; allowed: an amount in quotes"),
        (
            'net_debit_cap: {USD: "123456789012.1234"}',
            "net_debit_cap.USD: found '123456789012.1234'; allowed: an amount of at most 15 digits",
        ),
        ('net_debit_cap: {EUR: "1"}', "net_debit_cap.EUR: found the currency 'EUR'; allowed: the participant's currencies"),
        ('opening_funds: {USD: "0"}', "opening_funds.USD: found '0'; allowed: an amount of at most 15 digits, above zero"),
        ('opening_funds: {EUR: "1"}', "opening_funds.EUR: found the currency 'EUR'; allowed: the participant's currencies"),
        (
            'opening_funds: {KES: "1"}',
            "opening_funds.KES: found opening funds in KES; allowed: a net_debit_cap in the same currency beside it",
        ),
        ("alarm_percentage: 110", "alarm_percentage: found the number 110; allowed: a whole number from 1 to 100"),
        ("notification_addresses: [here]", "notification_addresses[0]: found 'here'; allowed: an e-mail address"),
    ],
)
def test_a_participant_that_is_refused(folder: Folder, line: str, problem: str) -> None:
    key = line.partition(":")[0]
    present = {
        "net_debit_cap": 'net_debit_cap: {USD: "10000"}',
        "notification_addresses": "notification_addresses: [operations@greenbank.example]",
    }
    folder.edit(GREENBANK, present.get(key, "state: active"), line if key in present else f"state: active\n{line}")
    (found,) = with_ledger(folder).problems()
    assert problem in found


def test_a_currency_that_the_hub_does_not_have(folder: Folder) -> None:
    (found,) = with_ledger(folder, currencies="USD").problems()
    assert "greenbank.yml:5: currencies[1]: found the currency 'KES'; allowed: one of ledger.currencies in hub.yml: USD" in found
