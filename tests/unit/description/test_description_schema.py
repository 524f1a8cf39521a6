# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every key is held against the schema: one line each, with file, line, key, what was found and what is allowed."""

# ruff: noqa: E501 -- expected lines are written as they are printed
from __future__ import annotations

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.systems_exchange import TRANSPORT

GREENBANK = "participants/greenbank.yml"
FILE_WORDS = "an absolute path, one relative to the description's folder, or one below {state}/; of letters, digits and . _ - /"
NETWORK_WORDS = "an IPv4 or IPv6 address or network, such as 203.0.113.5, 203.0.113.0/24 or 2001:db8::/48"
ADDRESS_WORDS = "an IPv4 or IPv6 address, such as 203.0.113.5 or 2001:db8::5"
URL_WORDS = "https://<host>[:<port>][/<path>]"
ID_WORDS = "a letter, then 1 to 29 letters, digits, _ or -"
NAME_WORDS = "a name of 1 to 64 printable characters, without {{ {% {#"


def test_the_description_that_all_cases_start_from_is_right(folder: Folder) -> None:
    assert folder.problems() == []


HUB_CASES = [
    ("format: 1", "format: 2", "1: format: found the number 2; allowed: 1"),
    ("format: 1", "format: true", "1: format: found true; allowed: 1"),
    ("format: 1\n", "", "1: format: found no such key; allowed: it is required: 1"),
    ("environment: live", "environment: ../x", "2: environment: found '../x'; allowed: a lower-case letter, then letters, digits and - (at most 30)"),
    ("kind: production", "kind: prod", "3: kind: found 'prod'; allowed: lab | pre-production | production"),
    ("profile: mojaloop", "profile: mojalop", "4: profile: found 'mojalop'; allowed: mojaloop | mojaloop-scheme-ca | uae-api-hub (did you mean mojaloop?)"),
    ("approval: manual", "aproval: manual", "5: aproval: found an unknown key; allowed: format | environment | kind | profile | approval | hub | directory | defaults | gate (did you mean approval?)"),
    ("id: switch", "id: -switch", f"7: hub.id: found '-switch'; allowed: {ID_WORDS}"),
    ("id: switch", "id: [switch]", f"7: hub.id: found a list; allowed: {ID_WORDS}"),
    ("https://api.switch.example\n    addr", "http://api.switch.example\n    addr", f"10: hub.endpoint.url: found 'http://api.switch.example'; allowed: {URL_WORDS}"),
    ("addresses: [45.60.1.10]", "addresses: []", "11: hub.endpoint.addresses: found 0 entries; allowed: 1 to 50 entries"),
    ("addresses: [45.60.1.10]", "addresses: 45.60.1.10", "11: hub.endpoint.addresses: found '45.60.1.10'; allowed: a list of: an IPv4 or IPv6 address"),
    ("port: 8443", "port: 70000", "18: hub.gateways[0].inbound[0].port: found the number 70000; allowed: a whole number from 1 to 65535"),
    ("port: 8443", "port: '8443'", "18: hub.gateways[0].inbound[0].port: found '8443'; allowed: a whole number from 1 to 65535"),
    ("host: hub-gateway", 'host: "hub[1:9]"', "16: hub.gateways[0].host: found 'hub[1:9]'; allowed: an inventory host name: lower-case letters, digits, - and ."),
    ("ca/authorization-server.pem", "ca/$(id).pem", f"29: hub.authorization_server.ca_file: found 'ca/$(id).pem'; allowed: {FILE_WORDS}"),
    ("{state}/initial", "{home}/initial", f"30: hub.authorization_server.initial_access_token_file: found '{{home}}/initial-access-token'; allowed: {FILE_WORDS}"),
    ("audience: https://api.switch.example", "audience: 5", "28: hub.authorization_server.audience: found the number 5 instead of text; allowed: the audience of access tokens: a URI or a word (write it in quotes)"),
    ("{kind: nftables}", "{kind: none, persist_file: /etc/x.nft}", "21: hub.firewall.persist_file: found a key of kind nftables; allowed: kind"),
    ("{kind: nftables}", "iptables", "21: hub.firewall: found 'iptables'; allowed: nftables | none"),
    ("{kind: nftables}", "{}", "21: hub.firewall.kind: found no such key; allowed: it is required: nftables | none"),
    ("      kind: haproxy\n", "", "16: hub.gateways[0].kind: found no such key; allowed: it is required: haproxy | envoy | kubernetes"),
    ("kind: haproxy", "kind: haproxi", "17: hub.gateways[0].kind: found 'haproxi'; allowed: haproxy | envoy | kubernetes (did you mean haproxy?)"),
    ("    kind: rfc7591\n", "", "22: hub.authorization_server.kind: found no such key; allowed: it is required: rfc7591 | keycloak | wso2"),
    ("{kind: internal}", "imported", "13: hub.ca: found 'imported'; allowed: internal | own | none | a mapping of keys with kind: internal | imported | offline | own | none"),
    ("{kind: internal}", "{kind: internal, key_file: ca.pem}", "13: hub.ca.key_file: found a key of kind imported; allowed: kind | key"),
    ("{kind: internal}", "{kind: offline}", f"13: hub.ca.offline_folder: found no such key; allowed: it is required with kind offline: {FILE_WORDS}"),
    ("{kind: internal}", "{kind: internl, key_file: ca.pem}", "13: hub.ca.kind: found 'internl'; allowed: internal | imported | offline | own | none (did you mean internal?)"),
    ("{kind: nftables}", "{kind: iptables}", "21: hub.firewall.kind: found 'iptables'; allowed: nftables | none (did you mean nftables?)"),
    ("defaults:\n  roles: [parties, quotes]", "defaults: 3", "31: defaults: found the number 3; allowed: a mapping of keys"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), HUB_CASES)
def test_a_wrong_key_of_the_hub(folder: Folder, old: str, new: str, expected: str) -> None:
    folder.edit("hub.yml", old, new)
    assert folder.problems() == [f"hub.yml:{expected}"]


PARTICIPANT_CASES = [
    ("organisation: Green Bank", 'organisation: "Green\\nBank"', f"3: organisation: found 'Green\\nBank'; allowed: {NAME_WORDS}"),
    ("organisation: Green Bank", "organisation: '{{ lookup(1) }}'", f"3: organisation: found '{{{{ lookup(1) }}}}'; allowed: {NAME_WORDS}"),
    ("organisation: Green Bank", "organisation: 'x {% raw %}'", f"3: organisation: found 'x {{% raw %}}'; allowed: {NAME_WORDS}"),
    ("organisation: Green Bank", "organisation: 'x {# y #}'", f"3: organisation: found 'x {{# y #}}'; allowed: {NAME_WORDS}"),
    ("Green Bank", "Green \u202eknaB", "3: organisation: found 'Green \\u202eknaB' (with the invisible character U+202E); allowed: printable characters and spaces"),
    ("Green Bank", "Green\u200bBank", "3: organisation: found 'Green\\u200bBank' (with the invisible character U+200B); allowed: printable characters and spaces"),
    ("organisation: Green Bank", "organisation: ' x'", "3: organisation: found ' x' (empty, or with spaces around it); allowed: text without spaces around it"),
    ("organisation: Green Bank", "organisation: ''", f"3: organisation: found ''; allowed: {NAME_WORDS}"),
    ("organisation: Green Bank", "organisation: " + "x" * 65, "3: organisation: found 65 characters; allowed: at most 64 characters"),
    ("organisation: Green Bank", "organisation:", f"3: organisation: found nothing; allowed: {NAME_WORDS}"),
    ("organisation: Green Bank\n", "", f"1: organisation: found no such key; allowed: it is required: {NAME_WORDS}"),
    ("hosting: managed", "hosting: yes", "4: hosting: found 'yes'; allowed: managed | self-hosted"),
    *(
        ("hosting: managed", f"hosting: managed\n{key}: {other}", f"5: {key}: found '{other}'; allowed: {only}")
        for key, only, others in (("transport", " | ".join(TRANSPORT.of), ("pigeon", "telegram")), ("connector", "direct", ("sdk", "payment-manager")))
        for other in others
    ),
    ("[USD, KES]", "[USD, kes]", "5: currencies[1]: found 'kes'; allowed: a currency code of ISO 4217, such as USD"),
    ("[USD, KES]", "[USD, KES, USD]", "5: currencies[2]: found 'USD' a second time (first on line 5); allowed: each entry once"),
    ("[USD, KES]", "[USD, KES, true]", "5: currencies[2]: found true instead of text; allowed: a currency code of ISO 4217, such as USD"),
    ("ca: {kind: internal}", "ca: {key: ec-p256}", "10: ca.kind: found no such key; allowed: it is required: internal | imported | offline | own | none"),
    ("{tls: rsa-2048}", "{tls: rsa-1024}", "11: keys.tls: found 'rsa-1024'; allowed: ec-p256 | ec-p384 | rsa-2048 | rsa-3072 | rsa-4096 (did you mean rsa-3072?)"),
    ("{tls: rsa-2048}", "{jws: rsa-4096}", "11: keys.jws: found 'rsa-4096'; allowed: rsa-2048 | rsa-3072 (did you mean rsa-3072?)"),
    ('{USD: "10000"}', "{USD: 10000}", "19: net_debit_cap.USD: found the number 10000 instead of text; allowed: an amount in quotes, such as '10000' or '99.5' (write it in quotes)"),
    ('{USD: "10000"}', '{USD: "-5"}', "19: net_debit_cap.USD: found '-5'; allowed: an amount in quotes, such as '10000' or '99.5'"),
    ('{USD: "10000"}', '{usd: "5"}', "19: net_debit_cap.usd: found 'usd'; allowed: a currency code of ISO 4217, such as USD"),
    ("operations@greenbank.example", "operations", "20: notification_addresses[0]: found 'operations'; allowed: an e-mail address"),
    ("sha256:0", "sha256:G", "21: first_publication: found 'sha256:G0000000000000000000000000000000000000000000000000000...'; allowed: sha256: and 64 hexadecimal digits in lower case"),
    ("roles: [quotes]", "roles: [quote]", "22: roles[0]: found 'quote'; allowed: parties | participants | quotes | transfers | bulkQuotes | bulkTransfers | transactionRequests | authorizations | transactions | fxQuotes | fxTransfers (did you mean quotes?)"),
    ("state: active", "state: retired", "23: state: found 'retired'; allowed: active | suspended | offboarded"),
    ("state: active", "state: active\n{{ x }}: 1", "24: file: found a key that is not text; allowed: text as keys"),
    ("state: active", "state: active\n'{{ x }}': 1", "24: <no plain word>: found an unknown key"),
    ("state: active", "state: active\n'a\\n\u202eb': 1", "24: <no plain word>: found an unknown key"),
    ("state: active", "state: active\nclient_secret: hunter2", "24: client_secret: found an unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), PARTICIPANT_CASES)
def test_a_wrong_key_of_a_participant(folder: Folder, old: str, new: str, expected: str) -> None:
    folder.edit(GREENBANK, old, new)
    found = folder.problems()
    assert len(found) == 1
    assert found[0].startswith(f"{GREENBANK}:{expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45.60.2.21/24", "'45.60.2.21/24' (host bits are set); allowed: the network itself, 45.60.2.0/24, or one address"),
        ("45.60.2.021/32", f"'45.60.2.021/32' (leading zeros may be read as octal); allowed: {NETWORK_WORDS}"),
        ("45.60.2.21:443", f"'45.60.2.21:443' (with a port or brackets); allowed: {NETWORK_WORDS}"),
        ("'[2c0f::1]:443'", f"'[2c0f::1]:443' (with a port or brackets); allowed: {NETWORK_WORDS}"),
        ("'fe80::1%eth0'", f"'fe80::1%eth0' (with a zone id); allowed: {NETWORK_WORDS}"),
        ("gateway.greenbank.example", f"'gateway.greenbank.example' (names are not resolved); allowed: {NETWORK_WORDS}"),
        ("0x2d.60.2.21", f"'0x2d.60.2.21' (names are not resolved); allowed: {NETWORK_WORDS}"),
        ("45.60.2.0/255.255.255.0", f"'45.60.2.0/255.255.255.0' (its part after / is not a prefix length); allowed: {NETWORK_WORDS}"),
        ("45.60.2.21/", f"'45.60.2.21/' (its part after / is not a prefix length); allowed: {NETWORK_WORDS}"),
        ("45.60.2.21/33", f"'45.60.2.21/33'; allowed: {NETWORK_WORDS}"),
        ("45.60.2", f"'45.60.2'; allowed: {NETWORK_WORDS}"),
        ("'::/64'", f"'::/64' (it holds every IPv4 address in its IPv6 form); allowed: {NETWORK_WORDS}"),
        ("761004565", "the number 761004565 instead of text; allowed: an IPv4 or IPv6 address or network (write it in quotes)"),
    ],
)  # fmt: skip
def test_a_wrong_network(folder: Folder, text: str, expected: str) -> None:
    folder.edit(GREENBANK, '[45.60.2.21/32, "2c0f:fe38:2::/64"]', f"\n  - {text}\n  - 45.60.2.22")
    assert folder.problems() == [f"{GREENBANK}:10: egress_addresses[0]: found {expected}"]


@pytest.mark.parametrize("text", ["45.60.2.20/32", "45.60.2.020", "'[2c0f::1]'", "'fe80::1%1'", "greenbank", "''"])
def test_a_wrong_address(folder: Folder, text: str) -> None:
    folder.edit(GREENBANK, "[45.60.2.20]", f"[{text}]")
    (found,) = folder.problems()
    assert found.startswith(f"{GREENBANK}:8: endpoint.addresses[0]: found ")
    assert found.endswith(f"; allowed: {ADDRESS_WORDS}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:hunter2@host.example", f"a URL with credentials or an @ (not shown); allowed: {URL_WORDS}"),
        ("https://host.example/?a=b", f"'https://host.example/?a=b' (with a query or fragment); allowed: {URL_WORDS}"),
        ("https://host.example/#a", f"'https://host.example/#a' (with a query or fragment); allowed: {URL_WORDS}"),
        ("https://host.example:0", "the port '0'; allowed: a port from 1 to 65535"),
        ("https://host.example:65536", "the port '65536'; allowed: a port from 1 to 65535"),
        ("https://host.example:", "the port ''; allowed: a port from 1 to 65535"),
        ("https://host..example", "the host 'host..example'; allowed: a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"),
        ("https://Host.example", "the host 'Host.example'; allowed: a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"),
        ("https://host_.example", "the host 'host_.example'; allowed: a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"),
        ("https://2130706433", "the host '2130706433'; allowed: a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"),
        ("https://127.1", "the host '127.1'; allowed: a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"),
        ("https://45.60.2.20", "the address '45.60.2.20' as host; allowed: a DNS name, because the server certificate carries it"),
        ("https://[2c0f::1]", "the address '[2c0f::1]' as host; allowed: a DNS name, because the server certificate carries it"),
        ("https://bücher.example", f"'https://bücher.example' (spaces, backslashes or characters beyond ASCII); allowed: {URL_WORDS}, host names in their xn-- form"),
        ("https://host.example/a/../b", "the path '/a/../b'; allowed: segments of letters, digits and . _ ~ -, none empty, none starting with a dot"),
        ("https://host.example//a", "the path '//a'; allowed: segments of letters, digits and . _ ~ -, none empty, none starting with a dot"),
        ("https://host.example/%2e", "the path '/%2e'; allowed: segments of letters, digits and . _ ~ -, none empty, none starting with a dot"),
        ("https://host.example/{{x}}", "the path '/{{x}}'; allowed: segments of letters, digits and . _ ~ -, none empty, none starting with a dot"),
        ("ftp://host.example", f"'ftp://host.example'; allowed: {URL_WORDS}"),
    ],
)  # fmt: skip
def test_a_wrong_url(folder: Folder, url: str, expected: str) -> None:
    folder.edit(GREENBANK, "https://fspiop.greenbank.example:8443/fspiop", f"'{url}'")
    assert folder.problems() == [f"{GREENBANK}:7: endpoint.url: found {expected}"]


@pytest.mark.parametrize("url", ["https://xn--bcher-kva.example", "https://a.example:1/", "https://a.example/x/y.z~1/"])
def test_unusual_urls_that_are_right(folder: Folder, url: str) -> None:
    folder.edit(GREENBANK, "https://fspiop.greenbank.example:8443/fspiop", url)
    assert folder.problems() == []


def test_all_faults_of_a_file_are_reported_at_once(folder: Folder) -> None:
    folder.edit(GREENBANK, "organisation: Green Bank", "organization: Green Bank")
    folder.edit(GREENBANK, "[USD, KES]", "[usd]")
    folder.edit(GREENBANK, "45.60.2.21/32", "0.0.0.0/0")
    folder.edit(GREENBANK, "state: active", "state: activ")
    assert [line.split(": found")[0] for line in folder.problems()] == [
        f"{GREENBANK}:1: organisation",
        f"{GREENBANK}:3: organization",
        f"{GREENBANK}:5: currencies[0]",
        f"{GREENBANK}:9: egress_addresses[0]",
        f"{GREENBANK}:19: net_debit_cap.USD",
        f"{GREENBANK}:23: state",
    ]


def test_a_file_that_is_no_mapping(folder: Folder) -> None:
    folder.write(GREENBANK, "- a\n- b\n")
    assert folder.problems() == [f"{GREENBANK}:1: file: found a list; allowed: a mapping of keys"]
