# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table as text and as content."""

from __future__ import annotations

import json

from tools.firewall_cases import model

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import CHAINS, desired_content, observed_model, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.firewall_content import canonical_networks, content_of

WANTED = assigned(model({"greenbank": ["203.0.113.21/32", "2001:db8::/48"]}, {"greenbank": [("203.0.113.20", 8443), ("2001:db8::1", 443)]}))


def test_the_table_is_replaced_in_one_transaction() -> None:
    lines = render(WANTED).splitlines()
    assert lines[1:4] == ["add table inet mojaloop_onboarding", "delete table inet mojaloop_onboarding", "table inet mojaloop_onboarding {"]
    assert lines[-1] == "}"


def test_the_same_model_gives_the_same_bytes() -> None:
    assert render(WANTED) == render(assigned(assigned(WANTED)))


def test_an_address_leads_to_its_counterparts_counter() -> None:
    text = render(WANTED)
    assert 'map inbound_v4 { type ipv4_addr : counter; flags interval; elements = { 203.0.113.21/32 : "in_greenbank" } }' in text
    assert 'elements = { 2001:db8::/48 : "in_greenbank" }' in text
    assert 'elements = { 203.0.113.20 . 8443 : "out_greenbank" }' in text


def test_an_empty_model_has_no_elements_and_refuses_all() -> None:
    text = render(assigned(model()))
    assert "in_" not in text.replace("refused_in", "").replace("inbound", "")
    assert "map inbound_v4 { type ipv4_addr : counter; flags interval; }" in text


def test_guarded_ports_are_judged_before_anything_is_let_through_for_its_connection() -> None:
    for name, verdict in (("input", "jump inbound"), ("output", "jump inbound_answers")):
        written = [" ".join(clause.text for clause in rule) for rule in CHAINS[name]]
        judged = next(number for number, text in enumerate(written) if verdict in text)
        assert not any("ct " in text for text in written[:judged])
    assert not any("established" in clause.text for rules in CHAINS.values() for rule in rules for clause in rule)


def test_every_judging_chain_ends_with_a_counted_drop() -> None:
    for name in ("inbound", "inbound_answers", "outbound", "outbound_answers"):
        last = " ".join(clause.text for clause in CHAINS[name][-1])
        assert last in {"counter name refused_in drop", "counter name refused_out drop"}


def test_content_and_model_are_each_others_inverse() -> None:
    assert observed_model("hub", desired_content(WANTED)) == WANTED
    assert observed_model("hub", None).allowed_in == {}


def test_content_survives_being_sent_to_a_host() -> None:
    assert json.loads(json.dumps(desired_content(WANTED))) == desired_content(WANTED)


def test_elements_of_every_printed_form_are_read() -> None:
    printed = ["10.0.0.0", {"prefix": {"addr": "10.0.0.2", "len": 31}}, {"range": ["10.0.0.4", "10.0.0.6"]}, {"elem": {"val": "10.0.0.1"}}]
    assert canonical_networks(printed) == ["10.0.0.0/30", "10.0.0.4/31", "10.0.0.6/32"]


def test_later_versions_print_single_flags_and_types_as_words() -> None:
    listing = {
        "nftables": [
            {"table": {"family": "inet", "name": "t"}},
            {"set": {"name": "s", "type": "ipv4_addr", "flags": "interval", "elem": ["10.0.0.1"]}},
        ]
    }
    content = content_of(listing)
    assert content is not None
    assert content["sets"]["s"] == {"type": [["ipv4_addr"], "", ["interval"]], "elements": ["10.0.0.1/32"]}


def test_what_the_pack_never_makes_is_seen() -> None:
    listing = {
        "nftables": [
            {"table": {"family": "inet", "name": "t", "flags": "dormant"}},
            {"quota": {"name": "q"}},
            {"set": {"name": "s", "type": "ifname", "elem": ["eth0"]}},
        ]
    }
    content = content_of(listing)
    assert content is not None
    assert (content["flags"], content["unknown"], content["sets"]["s"]["elements"]) == (["set"], ["quota q"], ["eth0"])


def test_no_table_is_no_content() -> None:
    assert content_of({"nftables": [{"metainfo": {}}]}) is None
