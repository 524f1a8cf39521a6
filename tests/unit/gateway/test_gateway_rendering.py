# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may enter a gateway's configuration and maps, and how networks of several participants are distinguished."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from support.authorities import Authority
from support.gateways import described, haproxy

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import archive, plan, readable, vanished
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import (
    Caller,
    Destination,
    GatewayModel,
    HeaderRule,
    Inbound,
    Outbound,
    TokenEndpoint,
    TokenRules,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import Maps, address_maps, maps, narrowed, widest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.token_keys import token_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_release, releases

NOTHING: dict[str, Any] = {"running": "", "installed": "", "files": {}, "maps": {}, "stale": [], "undone": [], "absent": []}
HOSTILE = ("a b", "a\nb", 'a"b', "a'b", "a#b", "a\\b", "a${HOME}", "a\x00", "a\tb", "a,b)", "é", "")


@pytest.fixture(scope="module")
def model() -> GatewayModel:
    authority = Authority("CA")
    listener = Listener(ip_address("127.0.0.1"), 8443)
    caller = Caller("greenbank", "greenbank", ("a" * 64,), (ip_network("203.0.113.21/32"),), ("client",), ("parties",))
    inbound = Inbound(
        (listener,), False, authority.identity("hub", server=True), authority.pem, (caller,), HeaderRule.SOURCE, listener, "",
        ("parties",), TokenRules("https://i", "https://a", (("kid", b"key"),), certificate_bound=True),
        TokenEndpoint("198.18.0.20", 9443, "/token", "198.18.0.20", authority.pem),
    )  # fmt: skip
    there = Destination(
        "greenbank", "greenbank", "green.test", 8443, "", (ip_address("203.0.113.20"),), authority.pem, authority.identity("x"),
        (ip_network("203.0.113.11/32"),),
    )  # fmt: skip
    return GatewayModel("hub", "switch", haproxy(stats_socket="/run/stats.sock"), inbound, Outbound(listener, (there,), routed=True))


def inbound_with(model: GatewayModel, **changed: Any) -> GatewayModel:  # noqa: ANN401
    assert model.inbound is not None
    return replace(model, inbound=replace(model.inbound, **changed))


def caller_with(model: GatewayModel, **changed: Any) -> GatewayModel:  # noqa: ANN401
    assert model.inbound is not None
    return inbound_with(model, callers=(replace(model.inbound.callers[0], **changed),))


def destination_with(model: GatewayModel, **changed: Any) -> GatewayModel:  # noqa: ANN401
    made = replace(model.outbound.destinations[0], **changed)
    return replace(model, outbound=replace(model.outbound, destinations=(made,)))


@pytest.mark.parametrize("bad", HOSTILE)
def test_nothing_hostile_enters(model: GatewayModel, bad: str) -> None:
    assert model.inbound is not None
    assert model.inbound.tokens is not None
    assert model.inbound.token_endpoint is not None
    tokens, endpoint = model.inbound.tokens, model.inbound.token_endpoint
    broken = [
        caller_with(model, participant=bad), caller_with(model, fspiop_id=bad), caller_with(model, clients=(bad,)),
        caller_with(model, roles=(bad,)), caller_with(model, certificates=(bad,)),
        destination_with(model, participant=bad), destination_with(model, fspiop_id=bad), destination_with(model, host=bad),
        inbound_with(model, resources=(bad,)), inbound_with(model, tokens=replace(tokens, issuer=bad)),
        inbound_with(model, tokens=replace(tokens, audience=bad)), inbound_with(model, tokens=replace(tokens, keys=((bad, b"k"),))),
        inbound_with(model, token_endpoint=replace(endpoint, host=bad)), inbound_with(model, token_endpoint=replace(endpoint, name=bad)),
        described(model, stats_socket="/" + bad if bad else bad), described(model, log="/" + bad if bad else bad),
    ]  # fmt: skip
    if bad:
        broken += [inbound_with(model, base_path="/" + bad), destination_with(model, base_path="/" + bad)]
        broken += [inbound_with(model, token_endpoint=replace(endpoint, path="/" + bad))]
    for one in broken:
        with pytest.raises(GatewayError):
            render(one)
    assert render(model)


def test_text_around_a_counterparts_certificates_never_reaches_the_gateway(model: GatewayModel) -> None:
    trusted = b"text before\n" + model.outbound.destinations[0].trusted + b"text behind\n"
    files = render(destination_with(model, trusted=trusted)).files
    assert b"text" not in files["destinations/greenbank/ca.pem"]
    assert files == render(model).files


def test_two_participants_cannot_claim_one_certificate_or_client(model: GatewayModel) -> None:
    assert model.inbound is not None
    one = model.inbound.callers[0]
    for certificates, clients in ((one.certificates, ()), (("b" * 64,), one.clients)):
        other = replace(one, participant="bluebank", certificates=certificates, clients=clients)
        with pytest.raises(GatewayError, match=r"claimed by bluebank and by greenbank|claimed by greenbank and by bluebank"):
            maps((one, other), (), routed=True)


def test_destination_with_no_address_of_an_egress_family_is_left_out(model: GatewayModel) -> None:
    only_six = destination_with(model, addresses=(ip_address("2001:db8::20"),))
    assert not [name for name in render(only_six).files if name.startswith("destinations/")]
    assert render(only_six).maps["destinations"] == {}


def test_secrets_are_in_no_text_of_a_model(model: GatewayModel) -> None:
    assert "PRIVATE" not in repr(model)
    assert "PRIVATE" not in repr(render(model))
    assert "PRIVATE" not in json.dumps(readable(plan(model, render(model), NOTHING), NOTHING))


networks = st.one_of(
    st.builds(lambda a, p: ip_network((a, p), strict=False), st.integers(0x0A000000, 0x0A0000FF), st.integers(24, 32)),
    st.builds(lambda a, p: ip_network((0x20010DB8 << 96 | a, p), strict=False), st.integers(0, 255), st.integers(120, 128)),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(networks, max_size=4), max_size=3), st.integers(0, 255))
def test_address_is_allowed_exactly_for_those_whose_networks_hold_it(described: dict[str, Any], last: int) -> None:
    prefixes, allowed = address_maps(described)
    for address in (ip_address(0x0A000000 + last), ip_address((0x20010DB8 << 96) + last)):
        holding = [ip_network(prefix) for prefix in prefixes if address in ip_network(prefix)]
        longest = max(holding, key=lambda network: network.prefixlen, default=None)
        for owner, theirs in described.items():
            assert (f"{owner}|{longest}" in allowed) is any(address in network for network in theirs)


@given(st.lists(networks, max_size=6))
def test_widest_prefixes_mean_the_same_addresses(prefixes: list[Any]) -> None:
    kept = widest(prefixes)
    assert all(any(prefix.version == one.version and prefix.subnet_of(one) for one in kept) for prefix in prefixes)
    assert len(kept) == len(set(kept))
    assert widest(kept) == kept


def test_mapped_address_is_the_ipv4_address() -> None:
    assert widest([ip_network("::ffff:203.0.113.1/128"), ip_network("203.0.113.1/32")]) == [ip_network("203.0.113.1/32")]


def test_narrowed_maps_keep_the_others_as_observed_and_overlaps_right() -> None:
    wide, narrow = {"a": [ip_network("10.0.0.0/24")]}, {"b": [ip_network("10.0.0.7/32")]}
    desired: Maps = {"fingerprints": {}, "roles": {}}
    desired |= dict(zip(("networks", "allowed"), address_maps(narrow), strict=True))
    observed = {"fingerprints": {"f" * 64: "a"}, "roles": {"a|parties": "1", "b|parties": "1"}}
    observed |= dict(zip(("networks", "allowed"), address_maps(wide), strict=True))
    made = narrowed(desired, observed, {"b"})
    assert made["fingerprints"] == {"f" * 64: "a"}
    assert made["roles"] == {"a|parties": "1"}
    assert set(made["allowed"]) == {"a|10.0.0.0/24", "a|10.0.0.7/32", "b|10.0.0.7/32"}


def test_first_plan_names_everything_with_participant_and_step(model: GatewayModel) -> None:
    found = {(one.participant, one.step, one.reason) for one in plan(model, render(model), NOTHING).findings}
    assert found == {
        ("hub", "tls-1", "gateway-not-installed"), ("hub", "tls-1", "certificate-differs"), ("hub", "tls-1", "configuration-differs"),
        ("hub", "tls-5", "trust-differs"), ("hub", "oauth", "trust-differs"), ("hub", "oauth", "configuration-differs"),
        ("greenbank", "tls-3", "trust-differs"), ("greenbank", "tls-8", "trust-differs"), ("greenbank", "tls-7", "certificate-differs"),
        ("greenbank", "endpoints-2", "configuration-differs"), ("greenbank", "tls-5", "map-entry-missing"),
        ("greenbank", "endpoints-1", "map-entry-missing"), ("greenbank", "endpoints-2", "map-entry-missing"),
        ("greenbank", "oauth", "map-entry-missing"),
    }  # fmt: skip


def test_plan_on_what_is_in_force_is_empty_and_sends_maps_only(model: GatewayModel) -> None:
    release = render(model)
    first = plan(model, release, NOTHING)
    observed = {**NOTHING, "running": first.digest, "installed": first.digest, "files": dict(first.files), "maps": first.maps}
    again = plan(model, release, observed)
    assert (again.findings, again.changes, again.sent) == ((), False, ())
    assert b"PRIVATE" in archive(first)
    assert b"PRIVATE" not in archive(again)


def test_who_vanished_from_the_description_is_a_fault_and_stays(model: GatewayModel) -> None:
    release = render(model)
    first = plan(model, release, NOTHING)
    observed = {**NOTHING, "running": first.digest, "installed": first.digest, "files": dict(first.files), "maps": first.maps}
    empty = replace(inbound_with(model, callers=()), outbound=replace(model.outbound, destinations=()))
    faults = vanished(empty, observed, set())
    assert [(one.participant, one.reason, one.disposition) for one in faults] == [("greenbank", "participant-unknown", Disposition.FAULT)]
    assert vanished(empty, observed, {"greenbank"}) == []
    assert not plan(empty, render(empty), observed, set()).changes


def word(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def test_token_keys_come_from_the_key_set() -> None:
    one, two = rsa.generate_private_key(65537, 2048).public_key(), ec.generate_private_key(ec.SECP256R1()).public_key()
    numbers, point = one.public_numbers(), two.public_numbers()
    keys = [
        {"kty": "RSA", "kid": "b", "n": word(numbers.n), "e": word(numbers.e)},
        {"kty": "EC", "crv": "P-256", "kid": "a", "x": word(point.x), "y": word(point.y)},
    ]
    found = dict(token_keys(json.dumps({"keys": keys}).encode()))
    assert list(found) == ["a", "b"]
    assert serialization.load_pem_public_key(found["b"]) == one
    assert serialization.load_pem_public_key(found["a"]) == two
    assert token_keys(None) == ()
    for damaged in (b"{", b"{}", b'{"keys": [{"kid": "a"}]}', b'{"keys": [{"kid": "a", "kty": "EC", "x": "AA", "y": "AA"}]}'):
        with pytest.raises(StoreError):
            token_keys(damaged)


@pytest.mark.parametrize("kid", ["server", "ca", "callers-ca", "token-ca", "backend.cfg", "client"])
def test_a_token_key_counts_as_one_whatever_its_name(model: GatewayModel, kid: str) -> None:
    assert model.inbound is not None
    tokens = replace(model.inbound.tokens or TokenRules("", "", (), certificate_bound=True), keys=((kid, b"key"),))
    there = render(inbound_with(model, tokens=tokens))
    observed = {**NOTHING, "running": "x", "maps": there.maps, "files": {**there.digests, f"tokens/{kid}.pem": "0" * 64}}
    found = plan(inbound_with(model, tokens=tokens), there, observed).findings
    assert {(one.step, one.reason) for one in found if one.artefact.endswith(f"/tokens/{kid}.pem")} == {("oauth", "configuration-differs")}


def test_a_release_is_hashed_once_however_many_files_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"destinations/bank{number}/ca.pem": b"%d" % number for number in range(50)}
    staging, hashed = tmp_path / "staging", []
    staging.mkdir()
    with tarfile.open(staging / releases.ARCHIVE, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))

    def counted(content: bytes) -> Any:  # noqa: ANN401
        hashed.append(content)
        return sha256(content)

    monkeypatch.setattr(gateway_release, "sha256", counted)
    made = releases.unpack(
        str(staging), str(tmp_path), {name: sha256(content).hexdigest() for name, content in files.items()}, gateway_release.digests
    )
    assert sorted(hashed) == sorted(files.values())
    assert {str(path.relative_to(made)) for path in made.rglob("*.pem")} == set(files)
