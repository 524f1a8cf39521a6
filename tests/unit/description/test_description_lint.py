# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules between keys, files and the environment; each refusal beside the one change that makes it right."""

# ruff: noqa: E501, S104 -- expected lines are written as they are printed
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP, PROFILES
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.texts import OWN_FILE

GREENBANK = "participants/greenbank.yml"
REDBANK = "participants/redbank.yml"
WIDE = "allowed: at most /16 (IPv4) or /32 (IPv6), or the key 'wide_addresses: accepted'"
PUBLIC = "allowed: public addresses in kind production"
ONE_SIDE = "allowed: addresses that belong to one side only"


def own(folder: Folder, name: str = GREENBANK) -> list[str]:
    """The problems of one file, without its name."""
    return [problem.removeprefix(f"{name}:") for problem in folder.problems() if problem.startswith(f"{name}:")]


def rename(folder: Folder, name: str) -> None:
    """Give redbank another id, file name and all."""
    text = (
        f"format: 1\nid: {name}\norganisation: Red Bank\n"
        "endpoint: {url: 'https://a.example', addresses: [45.60.7.1]}\negress_addresses: [45.60.7.2]\n"
    )
    folder.write(f"participants/{name}.yml", text)


# Ids


@pytest.mark.parametrize(
    "name", ["Hub", "all", "managed", "Self_Hosted", "ungrouped", "controller", "gateways", "localhost", "none", "jws", "probes"]
)
def test_reserved_ids_are_refused(folder: Folder, name: str) -> None:
    rename(folder, name)
    (found,) = own(folder, f"participants/{name}.yml")
    assert found.startswith(f"2: id: found the reserved word '{name}'; allowed: an id that is none of all, controller, ")


@pytest.mark.parametrize("name", ["Hubs", "all1", "bank_A-1", "ab", "x" * 30])
def test_other_ids_are_accepted(folder: Folder, name: str) -> None:
    rename(folder, name)
    assert folder.problems() == []
    assert folder.load().participant(name).fspiop_id == name


@pytest.mark.parametrize("name", ["a", "x" * 31, "1bank", "_bank", "bank.one", "bank one", "bänk", "bank/..", "bank\\n"])
def test_ids_of_another_shape_are_refused(folder: Folder, name: str) -> None:
    folder.edit(REDBANK, "id: redbank", f'id: "{name}"')
    assert own(folder, REDBANK)[0].startswith("2: id: found ")


def test_an_id_and_its_file_name_agree(folder: Folder) -> None:
    folder.edit(REDBANK, "id: redbank", "id: bluebank")
    assert folder.problems() == [f"{REDBANK}:2: id: found 'bluebank' in the file redbank.yml; allowed: the file name bluebank.yml"]


def test_the_hubs_id_belongs_to_the_hub(folder: Folder) -> None:
    rename(folder, "SWITCH")
    rule = "allowed: an id that differs from the hub's in more than case, _ and -"
    assert folder.problems() == [f"participants/SWITCH.yml:2: id: found 'SWITCH', which is the hub's; {rule}"]
    rename(folder, "SWITCH")
    folder.edit("hub.yml", "id: switch", "id: other")
    assert folder.problems() == []


def test_ids_that_would_collide_in_kubernetes_are_both_refused(folder: Folder) -> None:
    rename(folder, "blue_bank")
    assert folder.problems() == []
    folder.write(
        "participants/Blue-Bank.yml",
        "format: 1\nid: Blue-Bank\norganisation: B\nendpoint: {url: 'https://b.example', addresses: [45.60.8.1]}\n",
    )
    found = folder.problems()
    assert [line.split(" in /")[0] for line in found] == [
        "participants/Blue-Bank.yml:2: id: found 'Blue-Bank', too close to the id in participants/blue_bank.yml; allowed: ids that differ in more than case, _ and -",
        "participants/blue_bank.yml:2: id: found 'blue_bank', too close to the id in participants/Blue-Bank.yml; allowed: ids that differ in more than case, _ and -",
    ]
    assert [participant.name for participant in folder.load().participants] == ["greenbank", "probe-one", "probe-two", "redbank"]


# Addresses


@pytest.mark.parametrize("network", ["0.0.0.0/0", "45.0.0.0/8", "45.60.0.0/15", "'::/0'", "'2c0f::/31'", "'::ffff:0.0.0.0/96'"])
def test_wide_networks_need_a_word(folder: Folder, network: str) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", network)
    written = "0.0.0.0/0" if "ffff" in network else network.strip("'")
    assert folder.problems() == [f"{REDBANK}:7: egress_addresses[0]: found '{written}'; {WIDE}"]


def test_wide_networks_with_the_word_are_accepted(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "46.0.0.0/8")
    assert len(folder.problems()) == 1
    folder.edit(REDBANK, "egress", "wide_addresses: accepted\negress")
    assert folder.problems() == []


def test_the_word_must_be_that_word(folder: Folder) -> None:
    folder.edit(REDBANK, "egress", "wide_addresses: true\negress")
    assert own(folder, REDBANK) == ["7: wide_addresses: found true instead of text; allowed: accepted"]


def test_networks_at_the_limit_are_accepted(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "46.0.0.0/16, '2c0f:fe38::/32'")
    folder.edit(GREENBANK, "2c0f:fe38:2::/64", "2c0f:fe39:2::/64")
    assert folder.problems() == []


@pytest.mark.parametrize(
    ("network", "name", "accepted_in"),
    [
        ("10.1.2.0/24", "private", "lab"), ("192.168.1.1", "private", "lab"), ("'fd00::/64'", "private", "lab"),
        ("100.64.1.0/24", "private", "lab"), ("198.18.0.20", "private", "lab"),
        ("127.0.0.1", "loopback", "lab"), ("'::1'", "loopback", "lab"), ("169.254.169.254", "link-local", "lab"), ("'fe80::1'", "link-local", "lab"),
        ("203.0.113.5", "documentation", "lab"), ("192.0.0.0/16", "reserved", ""), ("'2001:db8::/48'", "documentation", "lab"),
        ("'::ffff:127.0.0.1'", "loopback", "lab"), ("224.0.0.1", "multicast", ""), ("'ff02::1'", "multicast", ""), ("0.0.0.0", "unspecified", ""),
        ("255.255.255.255", "reserved", ""),
        ("'64:ff9b::1.2.3.4'", "translated", "lab"), ("'64:ff9b:1::/64'", "translated", "lab"), ("'2002:c000:204::/48'", "translated", "lab"),
        ("'2001:0:53aa:64c::1'", "translated", "lab"),
    ],
)  # fmt: skip
def test_special_ranges_are_for_the_environments_that_may_have_them(folder: Folder, network: str, name: str, accepted_in: str) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", network)
    remedy = ", or the key 'private_addresses: accepted'" if name == "private" else ""
    (found,) = folder.problems()
    assert found.startswith(f"{REDBANK}:7: egress_addresses[0]: found ")
    assert found.endswith(f"({name}); {PUBLIC}{remedy}")
    folder.edit("hub.yml", "kind: production", f"kind: {accepted_in or 'lab'}")
    assert [problem.split(": ")[0] for problem in folder.problems()] == ([] if accepted_in else [f"{REDBANK}:7"])


def test_private_addresses_in_production_need_a_word(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.20", "10.9.9.9")
    assert own(folder, REDBANK) == [
        f"6: endpoint.addresses[0]: found '10.9.9.9/32' (private); {PUBLIC}, or the key 'private_addresses: accepted'"
    ]
    folder.edit(REDBANK, "egress", "private_addresses: accepted\negress")
    assert folder.problems() == []


@pytest.mark.parametrize(
    ("network", "reported"),
    [
        ("10.0.0.5/32", ""), ("45.60.9.9", ""), ("'fd00::5'", ""), ("127.0.0.1", "'127.0.0.1/32' (loopback)"), ("224.0.0.1", "'224.0.0.1/32' (multicast)"),
        ("'fe80::1'", "'fe80::1/128' (link-local)"), ("0.0.0.0/0", "'0.0.0.0/0'; allowed: at most /16"), ("'::/0'", "'::/0'; allowed: at most /16"),
    ],
)  # fmt: skip
def test_gateways_call_from_addresses_of_their_hosts(folder: Folder, network: str, reported: str) -> None:
    folder.edit("hub.yml", "- host: hub-gateway", f"- egress_addresses: [{network}]\n      host: hub-gateway")
    found = folder.problems()
    assert len(found) == bool(reported)
    assert all(f": hub.gateways[0].egress_addresses[0]: found {reported}" in problem for problem in found)


def test_ipv4_mapped_addresses_are_ipv4(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "'::ffff:45.60.3.21', '::ffff:45.60.4.0/120'")
    assert [str(network) for network in folder.load().participant("redbank").egress_addresses] == ["45.60.3.21/32", "45.60.4.0/24"]


def test_an_address_stands_once_in_a_list(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.3.21/32, '::ffff:45.60.3.21', 45.60.3.0/24")
    assert own(folder, REDBANK) == [
        "7: egress_addresses[1]: found '::ffff:45.60.3.21' a second time (first on line 7); allowed: each entry once",
        "7: egress_addresses[2]: found '45.60.3.0/24', which overlaps 45.60.3.21/32; allowed: each address once",
    ]


def test_an_address_of_two_participants_skips_both(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.2.21/32")
    found = folder.problems()
    assert found == [
        f"{GREENBANK}:9: egress_addresses[0]: found '45.60.2.21/32', which overlaps 45.60.2.21/32 in {REDBANK}; {ONE_SIDE}",
        f"{REDBANK}:7: egress_addresses[0]: found '45.60.2.21/32', which overlaps 45.60.2.21/32 in {GREENBANK}; {ONE_SIDE}",
    ]
    assert [participant.name for participant in folder.load().participants] == ["probe-one", "probe-two"]


def test_a_network_around_anothers_address_skips_both(folder: Folder) -> None:
    """Were the wider one skipped alone, a newcomer within someone's network would be let in, and the other not."""
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.2.0/24")
    assert folder.problems() == [
        f"{GREENBANK}:9: egress_addresses[0]: found '45.60.2.21/32', which overlaps 45.60.2.0/24 in {REDBANK}; {ONE_SIDE}",
        f"{REDBANK}:7: egress_addresses[0]: found '45.60.2.0/24', which overlaps 45.60.2.21/32 in {GREENBANK}; {ONE_SIDE}",
    ]
    assert [participant.name for participant in folder.load().participants] == ["probe-one", "probe-two"]


@pytest.mark.parametrize("inside", [False, True])
def test_one_file_stops_no_more_than_one_other(folder: Folder, *, inside: bool) -> None:
    """Whether it names networks around those of many, their very addresses, or addresses inside theirs."""
    stolen = []
    for number in range(3):
        network = f"45.60.{40 + number}.{0 if inside else 1}/{24 if inside else 32}"
        stolen.append(f"45.60.{40 + number}.1/32")
        text = f"format: 1\nid: bank-{number}\norganisation: Bank\nendpoint: {{url: 'https://bank-{number}.example', addresses: [45.60.7.{number}]}}\n"
        folder.write(f"participants/bank-{number}.yml", f"{text}egress_addresses: [{network}]\n")
    assert folder.problems() == []
    folder.edit(REDBANK, "45.60.3.21/32", ", ".join(stolen))
    assert {problem.split(":")[0] for problem in folder.problems()} == {REDBANK}
    assert {"bank-0", "bank-1", "bank-2", "greenbank"} <= {participant.name for participant in folder.load().participants}


@pytest.mark.parametrize("state", ["suspended", "offboarded", "active"])
def test_who_is_shut_out_is_so_whatever_else_is_wrong(folder: Folder, state: str) -> None:
    folder.edit(REDBANK, "organisation: Red Bank", f"organisation: 5\nstate: {state}")
    found = folder.load()
    assert "redbank" in found.broken_names & found.known_names
    assert found.closed_names == (frozenset() if state == "active" else {"redbank"})


def test_no_one_shuts_out_another_under_its_name(folder: Folder) -> None:
    folder.edit(REDBANK, "id: redbank", "id: greenbank\nstate: suspended")
    assert folder.load().closed_names == frozenset()


def test_an_address_of_the_hub_is_no_one_elses(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.1.8/29")
    assert folder.problems() == [
        f"{REDBANK}:7: egress_addresses[0]: found '45.60.1.8/29', which overlaps 45.60.1.10/32 in hub.yml; {ONE_SIDE}",
        f"{REDBANK}:7: egress_addresses[0]: found '45.60.1.8/29', which overlaps 45.60.1.11/32 in hub.yml; {ONE_SIDE}",
    ]


@pytest.mark.parametrize("network", ["45.60.1.10", "45.60.1.10/31"])
def test_where_the_hub_listens_no_participant_calls_from(folder: Folder, network: str) -> None:
    folder.edit("hub.yml", "45.60.1.11", "45.60.1.12")
    folder.edit(REDBANK, "45.60.3.21/32", network)
    assert [problem.split("; ")[0] for problem in folder.problems()] == [
        f"{REDBANK}:7: egress_addresses[0]: found '{ip_network(network)}', which overlaps 45.60.1.10/32 in hub.yml"
    ]


def test_a_file_wrong_in_itself_does_not_pull_others_down(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.2.0/24")
    folder.edit(REDBANK, "organisation: Red Bank", "organisation: 5")
    assert {problem.split(":")[0] for problem in folder.problems()} == {REDBANK}
    assert "greenbank" in [participant.name for participant in folder.load().participants]


def test_an_offboarded_participant_gives_its_addresses_back(folder: Folder) -> None:
    folder.edit(REDBANK, "45.60.3.21/32", "45.60.2.0/24")
    folder.edit(GREENBANK, "state: active", "state: suspended")
    assert len(folder.problems()) == 2
    folder.edit(GREENBANK, "state: suspended", "state: offboarded")
    assert folder.problems() == []


# URLs


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "metadata.google.internal", "169.254.169.254", "127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "[fd00:ec2::254]"])  # fmt: skip
def test_urls_to_this_machine_are_for_labs(folder: Folder, host: str) -> None:
    folder.edit("hub.yml", "https://auth.switch.example/jwks", f"'https://{host}/jwks'")
    (found,) = folder.problems()
    assert found.startswith("hub.yml:27: hub.authorization_server.jwks_url: found the host ")
    assert found.endswith("; allowed: a host that is not this machine or a metadata service")
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []


def test_urls_to_private_addresses_are_for_the_hubs_own_network(folder: Folder) -> None:
    folder.edit("hub.yml", "https://auth.switch.example/jwks", "https://10.1.0.20:9443/jwks")
    assert folder.problems() == []


def test_the_token_endpoint_has_a_name_outside_labs(folder: Folder) -> None:
    folder.edit("hub.yml", "https://auth.switch.example/token", "https://10.1.0.20:9443/token")
    (found,) = folder.problems()
    assert found.startswith("hub.yml:26: hub.authorization_server.token_endpoint: found the address '10.1.0.20'; allowed: a host name")
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []


def test_callbacks_to_this_machine_are_for_labs(folder: Folder) -> None:
    folder.edit(REDBANK, "https://fspiop.redbank.example", "https://localhost")
    assert own(folder, REDBANK) == [
        "5: endpoint.url: found the host 'localhost'; allowed: a host that is not this machine or a metadata service"
    ]
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []


# The environment and the profile


@pytest.mark.parametrize("kind", ["production", "pre-production"])
def test_automatic_approval_is_for_labs(folder: Folder, kind: str) -> None:
    folder.edit("hub.yml", "approval: manual", "approval: automatic")
    folder.edit("hub.yml", "kind: production", f"kind: {kind}")
    assert folder.problems() == ["hub.yml:5: approval: found 'automatic'; allowed: manual (automatic approval is for kind: lab)"]
    folder.edit("hub.yml", f"kind: {kind}", "kind: lab")
    assert folder.problems() == []


def test_two_probe_participants_belong_to_a_real_environment(folder: Folder) -> None:
    folder.edit(
        "participants/probe-two.yml",
        "probe: true\negress_addresses: [45.60.9.2]",
        "endpoint: {url: 'https://a.example', addresses: [45.60.9.3]}",
    )
    assert folder.problems() == ["participants:1: probe: found 1 probe participant; allowed: 2 of them (probe: true)"]
    assert len(folder.load().participants) == 4
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []


def test_the_overlap_of_two_clients_ends_before_the_next_one(folder: Folder) -> None:
    folder.edit("hub.yml", "    issuer:", "    client_days: 90\n    client_overlap_days: 89\n    issuer:")
    assert folder.problems() == []
    folder.edit("hub.yml", "client_overlap_days: 89", "client_overlap_days: 90")
    place = "hub.authorization_server.client_overlap_days"
    assert folder.problems() == [f"hub.yml:25: {place}: found 90 days with an overlap of 90; allowed: an overlap shorter than client_days"]
    folder.edit("hub.yml", "    client_overlap_days: 90\n", "")
    folder.edit("hub.yml", "client_days: 90", "client_days: 7")
    found = "7 days with an overlap of 7 (the default of client_overlap_days)"
    assert folder.problems() == [
        f"hub.yml:24: hub.authorization_server.client_days: found {found}; allowed: an overlap shorter than client_days"
    ]
    folder.edit("hub.yml", "client_days: 7", "client_days: 8")
    assert folder.problems() == []
    assert folder.load().hub.authorization_server.client_days == 8  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T10:30:00Z", datetime(2026, 11, 24, 10, 30, tzinfo=UTC)),
        ("2026-02-30", "found '2026-02-30', which no calendar has; allowed: a day of the calendar, and a time of the day"),
        ("2026-11-24T10:30:00+02:00", None),
        ("2026-11-24 10:30", None),
        ("20261124", None),
        ("yesterday", None),
    ],
)
def test_clients_are_ordered_to_be_replaced_by_a_day_or_a_moment_in_utc(folder: Folder, written: str, read: object) -> None:
    folder.edit("participants/greenbank.yml", "state: active", f"state: active\noauth: {{revoke_before: {written}}}")
    if isinstance(read, datetime):
        assert folder.load().participant("greenbank").oauth.revoke_before == read
        return
    found = folder.problems()
    assert len(found) == 1
    assert str(read or "a moment in UTC (2026-11-24T10:30:00Z)") in found[0]


def test_the_hub_has_a_ca(folder: Folder) -> None:
    folder.edit("hub.yml", "ca: {kind: internal}", "ca: {kind: own}")
    assert folder.problems() == [
        "hub.yml:13: hub.ca.kind: found 'own'; allowed: internal | imported | offline (the hub signs for its participants)"
    ]


@pytest.mark.parametrize(
    ("hosting", "kind", "right"),
    [
        ("managed", "own", "internal | imported | offline"),
        ("managed", "none", "internal | imported | offline"),
        ("self-hosted", "internal", "own"),
        ("self-hosted", "none", "own"),
    ],
)
def test_whose_ca_it_is_depends_on_who_hosts(folder: Folder, hosting: str, kind: str, right: str) -> None:
    name = GREENBANK if hosting == "managed" else REDBANK
    if hosting == "managed":
        folder.edit(name, "ca: {kind: internal}", f"ca: {{kind: {kind}}}")
    else:
        folder.edit(name, "id: redbank", f"id: redbank\nca: {{kind: {kind}}}")
    (found,) = own(folder, name)
    assert found.partition(": ")[2] == f"ca.kind: found '{kind}'; allowed: {right} with hosting {hosting} in profile mojaloop"
    folder.edit(name, f"kind: {kind}", f"kind: {right.partition(' ')[0]}")
    assert folder.problems() == []


def test_a_scheme_ca_leaves_participants_without_one(folder: Folder) -> None:
    folder.edit("hub.yml", "profile: mojaloop", "profile: mojaloop-scheme-ca")
    assert own(folder) == ["10: ca.kind: found 'internal'; allowed: none with hosting managed in profile mojaloop-scheme-ca"]
    folder.edit(GREENBANK, "ca: {kind: internal}", "ca: {kind: none}")
    assert folder.problems() == []
    assert {participant.ca.kind for participant in folder.load().participants} == {"none"}


def test_files_of_a_ca_go_with_its_kind(folder: Folder) -> None:
    folder.edit(GREENBANK, "{kind: internal}", "{kind: imported, certificate_file: ca.pem, key_file: key.pem, offline_folder: out}")
    assert own(folder) == [
        f"10: ca.chain_file: found no such key; allowed: it is required with kind imported: {OWN_FILE.allowed}",
        "10: ca.offline_folder: found a key of kind offline; allowed: kind | certificate_file | chain_file | key_file",
    ]
    folder.edit(GREENBANK, "offline_folder: out", "chain_file: chain.pem")
    assert folder.problems() == []


# Systems by kind


def test_the_word_of_a_kind_stands_for_the_whole(folder: Folder) -> None:
    whole = folder.load()
    folder.edit("hub.yml", "firewall: {kind: nftables}", "firewall: nftables")
    folder.edit(GREENBANK, "ca: {kind: internal}", "ca: internal\nconnector: direct\ntransport: {kind: local}")
    assert folder.problems() == []
    assert folder.load() == whole


def test_a_gateway_has_a_name_of_its_own(folder: Folder) -> None:
    assert folder.load().hub.gateways[0].name == "hub-gateway"
    folder.edit("hub.yml", "host: hub-gateway", "host: hub-gateway\n      name: edge")
    description = folder.load()
    assert (description.hub.gateways[0].name, description.hub.gateways[0].host) == ("edge", "hub-gateway")
    assert description.hub.firewall.hosts == ("edge",)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hub-gateway", "a gateway host that hub.yml has too"),
        ("controller", "the reserved word 'controller'"),
        ("localhost.localdomain", "'localhost.localdomain', which is the controller itself"),
    ],
)
def test_a_participant_takes_no_name_of_another(folder: Folder, name: str, found: str) -> None:
    folder.edit(GREENBANK, "host: greenbank-gateway", f"host: greenbank-gateway\n    name: {name}")
    (problem,) = own(folder)
    assert f"found {found}; allowed" in problem.replace(f"{folder.path}/", "")


def test_gateways_share_neither_host_nor_name(folder: Folder) -> None:
    more = "    - {kind: haproxy, host: edge-2, name: hub-gateway, inbound: [{address: 10.1.0.11, port: 8443}],"
    more += " inbound_backend: {address: 127.0.0.1, port: 3000}, outbound: {address: 127.0.0.1, port: 3100}}\n"
    folder.edit("hub.yml", "  firewall: {kind: nftables}", f"{more}  firewall: {{kind: nftables}}")
    assert folder.problems() == ["hub.yml:21: hub.gateways[1].name: found 'hub-gateway' a second time; allowed: each name once"]


# Hosting


def test_managed_participants_need_gateways_and_others_have_none(folder: Folder) -> None:
    folder.edit(GREENBANK, "hosting: managed\n", "")
    assert own(folder) == [
        "9: ca.kind: found 'internal'; allowed: own with hosting self-hosted in profile mojaloop",
        "11: gateways: found gateways with hosting: self-hosted; allowed: gateways with hosting: managed only",
    ]
    folder.edit(REDBANK, "id: redbank", "id: redbank\nhosting: managed")
    assert own(folder, REDBANK) == ["1: gateways: found no gateways; allowed: at least one with hosting: managed"]


def test_a_participant_has_an_endpoint(folder: Folder) -> None:
    folder.edit(REDBANK, "endpoint:\n  url: https://fspiop.redbank.example\n  addresses: [45.60.3.20]\n", "")
    assert own(folder, REDBANK) == ["1: endpoint: found no such key; allowed: it is required, unless probe: true"]


def test_a_probe_is_bare(folder: Folder) -> None:
    folder.edit(
        "participants/probe-one.yml",
        "probe: true\n",
        "probe: true\nhosting: self-hosted\nca: {kind: internal}\ncurrencies: [USD]\nendpoint: {url: 'https://a.example', addresses: [45.60.9.3]}\n",
    )
    assert own(folder, "participants/probe-one.yml") == [
        "5: hosting: found 'self-hosted'; allowed: managed with probe: true",
        "6: ca.kind: found 'internal'; allowed: none with probe: true (the hub's CA signs for probes)",
        "7: currencies: found a key of a full participant; allowed: no such key with probe: true",
        "8: endpoint: found a key of a full participant; allowed: no such key with probe: true",
    ]


def test_one_wrong_word_is_one_problem(folder: Folder) -> None:
    folder.edit("participants/probe-one.yml", "probe: true", "probe: yes")
    assert own(folder, "participants/probe-one.yml") == ["4: probe: found 'yes'; allowed: true | false"]


def test_caps_are_in_the_participants_currencies(folder: Folder) -> None:
    folder.edit(GREENBANK, '{USD: "10000"}', '{EUR: "10000"}')
    assert folder.problems() == [f"{GREENBANK}:19: net_debit_cap.EUR: found the currency 'EUR'; allowed: the participant's currencies"]


# Gateways


def test_a_listener_stands_once(folder: Folder) -> None:
    folder.edit(GREENBANK, "outbound: {address: 127.0.0.1, port: 3100}", "outbound: {address: 10.2.0.10, port: 8443}")
    assert folder.problems() == [
        f"{GREENBANK}:17: gateways[0].outbound: found 10.2.0.10 port 8443 a second time; allowed: each listener once"
    ]


def test_a_gateway_host_belongs_to_one_side(folder: Folder) -> None:
    folder.edit(GREENBANK, "host: greenbank-gateway", "host: hub-gateway")
    assert folder.problems() == [
        f"{GREENBANK}:12: gateways: found a gateway host that hub.yml has too; allowed: hosts that belong to one side only"
    ]


@pytest.mark.parametrize("host", ["localhost", "controller", "all", "gateways"])
def test_a_gateway_host_is_no_reserved_word(folder: Folder, host: str) -> None:
    folder.edit(GREENBANK, "host: greenbank-gateway", f"host: {host}")
    assert folder.problems() == [f"{GREENBANK}:13: gateways[0].host: found the reserved word '{host}'; allowed: another host name"]


def test_a_firewall_needs_hosts_to_guard(folder: Folder) -> None:
    folder.edit(REDBANK, "id: redbank", "id: redbank\nfirewall: {kind: nftables}")
    assert own(folder, REDBANK) == [
        "3: firewall.kind: found 'nftables' without gateways; allowed: gateways, whose hosts it guards; or kind: none"
    ]


def test_a_strict_host_policy_names_who_still_reaches_the_hosts(folder: Folder) -> None:
    folder.edit("hub.yml", "firewall: {kind: nftables}", "firewall: {kind: nftables, host_policy: strict}")
    assert "firewall.own_networks: found nothing; allowed: the networks of your operators and services" in own(folder, "hub.yml")[0]
    folder.edit("hub.yml", "host_policy: strict}", "own_networks: [192.0.2.0/24]}")
    assert "firewall.own_networks: found networks without host_policy: strict" in own(folder, "hub.yml")[0]
    folder.edit("hub.yml", "own_networks: [192.0.2.0/24]}", "host_policy: strict, own_networks: [0.0.0.0/0]}")
    assert "firewall.own_networks[0]" in own(folder, "hub.yml")[0]
    folder.edit("hub.yml", "[0.0.0.0/0]", "[192.0.2.0/24]")
    assert own(folder, "hub.yml") == []


# A profile narrower than the others (the schema allows what any profile allows)


def test_roles_are_resources_of_the_profile(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.problems() == []
    monkeypatch.setitem(PROFILES, "mojaloop", replace(MOJALOOP, resources=("parties", "transfers")))
    assert folder.problems() == [
        "hub.yml:32: defaults.roles[1]: found 'quotes'; allowed: parties | transfers",
        f"{GREENBANK}:22: roles[0]: found 'quotes'; allowed: parties | transfers",
    ]


def test_key_kinds_are_those_of_the_profile(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.problems() == []
    rules = tuple(replace(rule, key_kinds=("ec-p256",)) if rule.name == "client" else rule for rule in MOJALOOP.certificates)
    authority = replace(MOJALOOP.authority, key_kinds=("rsa-4096",))
    monkeypatch.setitem(PROFILES, "mojaloop", replace(MOJALOOP, certificates=rules, authority=authority))
    folder.edit("hub.yml", "ca: {kind: internal}", "ca: {kind: internal, key: rsa-4096}")
    assert folder.problems() == [
        f"{GREENBANK}:10: ca.key: found 'ec-p256'; allowed: rsa-4096",
        f"{GREENBANK}:11: keys.tls: found 'rsa-2048'; allowed: ec-p256",
    ]
