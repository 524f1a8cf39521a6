# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Description and store in, gateway model out: who is let in, who is called, who is left out and why."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from support.authorities import Authority, digest_of
from tools import repository

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import (
    Administration,
    InternalListener,
    Operator,
    OperatorRole,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    ClientOrders,
    Description,
    Gateway,
    HaproxyGateway,
    Listener,
    State,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import AuthorizationFacts, gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel, HeaderRule, Identity
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

NAMES = ("bluebank", "greenbank", "probe-one", "probe-two", "redbank")
REGISTRATION = {"format": 1, "registration_client_uri": "u", "registration_access_token": "t", "issued": "i", "scope": "s", "delivered": ""}


class World:
    """A state folder in which everything that gateways need is there."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(repository.ROOT / "inventories" / "lab", folder / "lab")
        self.tree = DiskTree(folder / "state")
        self.authorities = {name: Authority(name) for name in ("hub", *NAMES)}
        self.description = load_description(folder / "lab")
        hub = self.authorities["hub"]
        self.facts = AuthorizationFacts((("kid", b"key"),), hub.pem)
        self.certificates: dict[str, bytes] = {}
        for side in ("hub", *NAMES):
            own = self.authorities[side]
            self.put(f"store/{side}/server", own.identity(side, server=True))
            self.tree.write(f"store/{side}/ca/certificate.pem", own.pem)
        for name in NAMES:
            self._exchange(name, hub)

    def _exchange(self, name: str, hub: Authority) -> None:
        theirs, ours = hub.identity(name), self.authorities[name].identity("hub")
        self.certificates |= {name: theirs.certificate, f"hub at {name}": ours.certificate}
        self.put(f"store/{name}/client/hub", theirs)
        self.put(f"store/hub/client/{name}", ours)
        self.tree.write(f"store/hub/issued/{name}/client.pem", theirs.certificate)
        self.tree.write(f"store/{name}/issued/hub/client.pem", ours.certificate)
        self.tree.write(f"store/hub/received/{name}/ca.pem", self.authorities[name].pem)
        self.tree.write(f"store/{name}/received/hub/ca.pem", hub.pem)
        self.register(name, f"client-{name}")

    def put(self, folder: str, identity: Identity) -> None:
        files = {"key.pem": identity.key, "certificate.pem": identity.certificate, "chain.pem": identity.chain}
        self.tree.write_folder(folder, files)

    def register(self, name: str, client: str) -> None:
        self.tree.write(f"store/hub/oauth/{name}.json", json.dumps({**REGISTRATION, "client_id": client}).encode())

    def model(self, side: str = "hub", description: Description | None = None) -> GatewayModel:
        description = description or self.description
        gateway: Gateway = description.side(side).gateways[0]
        return gateway_model(description, side, gateway, self.tree, self.facts)

    def with_state(self, name: str, state: State) -> Description:
        changed = tuple(replace(one, state=state) if one.name == name else one for one in self.description.participants)
        return replace(self.description, participants=changed)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def callers(model: GatewayModel) -> list[str]:
    assert model.inbound is not None
    return sorted(caller.participant for caller in model.inbound.callers)


def called(model: GatewayModel) -> list[str]:
    return sorted(destination.participant for destination in model.outbound.destinations)


def reasons(model: GatewayModel) -> list[tuple[str, str, str, str]]:
    return [(finding.participant, finding.step, finding.reason, finding.pending_on) for finding in model.findings]


def test_hub_lets_in_everybody_with_the_certificate_it_signed_and_trusts_its_own_ca_only(world: World) -> None:
    model = world.model()
    assert model.inbound is not None
    assert (callers(model), called(model), model.findings) == (list(NAMES), ["bluebank", "greenbank", "redbank"], ())
    assert model.inbound.trusted.strip() == world.authorities["hub"].pem.strip()
    green = next(caller for caller in model.inbound.callers if caller.participant == "greenbank")
    assert green.certificates == (digest_of(world.certificates["greenbank"]).hex(),)
    assert (green.clients, green.roles) == (("client-greenbank",), ("parties", "quotes", "transfers"))
    assert [str(network) for network in green.networks] == ["203.0.113.21/32", "203.0.113.22/32", "2001:db8:6d6f::21/128"]
    assert model.inbound.header_rule is HeaderRule.SOURCE
    assert model.inbound.identity.chain == b"", "roots are not sent"
    assert model.outbound.routed


def test_a_gateway_calls_from_the_addresses_that_its_host_has(world: World) -> None:
    hub = world.description.hub
    inside = replace(hub.gateways[0], egress_addresses=(ip_network("10.0.0.5/32"),))
    translated = replace(world.description, hub=replace(hub, gateways=(inside,)))
    assert world.model().called_from == ["2001:db8:6d6f::11", "203.0.113.11"]
    assert world.model(description=translated).called_from == ["10.0.0.5"]
    lets_in = world.model("greenbank", translated).inbound
    assert lets_in is not None
    assert [caller.networks for caller in lets_in.callers] == [hub.egress_addresses], "what others see is the side's"


def test_hub_calls_each_participant_with_its_own_certificate_and_its_own_trust(world: World) -> None:
    for destination in world.model().outbound.destinations:
        assert destination.trusted == world.authorities[destination.participant].pem
        assert destination.identity.certificate == world.certificates[f"hub at {destination.participant}"]
    blue = world.model().outbound.destinations[0]
    assert (blue.host, blue.port, blue.base_path) == ("fspiop.bluebank.lab", 8443, "/fspiop")


def test_participants_listener_lets_in_the_hub_only_with_the_certificate_it_signed(world: World) -> None:
    model = world.model("greenbank")
    assert model.inbound is not None
    [hub] = model.inbound.callers
    assert hub.certificates == (digest_of(world.certificates["hub at greenbank"]).hex(),)
    assert hub.networks == world.description.hub.egress_addresses
    assert (model.inbound.header_rule, model.inbound.tokens, model.inbound.token_endpoint) == (HeaderRule.DESTINATION, None, None)
    assert model.inbound.trusted.strip() == world.authorities["greenbank"].pem.strip()
    assert (called(model), model.outbound.routed) == (["hub"], False)
    assert model.outbound.destinations[0].trusted == world.authorities["hub"].pem


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
@pytest.mark.parametrize("file", ["issued/redbank/client.pem", "client/redbank/key.pem", "oauth/redbank.json"])
def test_no_one_is_shut_out_for_a_file_that_cannot_be_read_now(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str, number: int
) -> None:
    opened = os.open

    def refused(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path.endswith(file):
            raise OSError(number, os.strerror(number))
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreError, match=rf"^store/hub/{file}: cannot be read \({os.strerror(number)}\)"):
        world.model()


@pytest.mark.parametrize("state", [State.SUSPENDED, State.OFFBOARDED])
def test_who_is_not_active_is_neither_let_in_nor_called_on_both_sides(world: World, state: State) -> None:
    description = world.with_state("greenbank", state)
    assert "greenbank" not in callers(world.model("hub", description)) + called(world.model("hub", description))
    theirs = world.model("greenbank", description)
    assert (callers(theirs), called(theirs)) == ([], [])


def test_certificate_before_and_after_a_renewal_are_both_accepted(world: World) -> None:
    renewed = world.authorities["hub"].identity("greenbank").certificate
    world.tree.write("store/hub/issued/greenbank/client.previous.pem", world.certificates["greenbank"])
    world.tree.write("store/hub/issued/greenbank/client.pem", renewed)
    inbound = world.model().inbound
    assert inbound is not None
    green = next(caller for caller in inbound.callers if caller.participant == "greenbank")
    assert green.certificates == tuple(digest_of(one).hex() for one in (renewed, world.certificates["greenbank"]))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("store/hub/issued/redbank/client.pem", [("redbank", "tls-5", "artefact-missing", "redbank")]),
        ("store/hub/client/redbank/certificate.pem", [("redbank", "tls-7", "artefact-missing", "redbank")]),
        ("store/hub/received/redbank/ca.pem", [("redbank", step, "artefact-missing", "redbank") for step in ("tls-3", "tls-8")]),
        ("store/hub/oauth/redbank.json", [("redbank", "oauth", "artefact-missing", "hub")]),
    ],
)
def test_missing_artefact_leaves_its_participant_out_and_names_whom_it_awaits(
    world: World, path: str, found: list[tuple[str, ...]]
) -> None:
    world.tree.remove(path)
    model = world.model()
    assert reasons(model) == found
    assert {"greenbank", "bluebank"} <= set(callers(model)) & set(called(model))


def test_whose_only_client_is_revoked_has_none_at_the_listener_until_there_is_another(world: World) -> None:
    """From the moment on, not before it, and only its own: whatever the authorization server did."""
    revoked = datetime(2026, 11, 24, 8, tzinfo=UTC)
    record = {**REGISTRATION, "client_id": "client-redbank", "issued": "2026-11-23T09:00:00+00:00"}
    world.tree.write("store/hub/oauth/redbank.json", json.dumps(record).encode())
    orders = ClientOrders(revoke_before=revoked)
    people = tuple(replace(one, oauth=orders) if one.name == "redbank" else one for one in world.description.participants)
    description = replace(world.description, participants=people)
    gateway = description.hub.gateways[0]
    second = timedelta(seconds=1)
    for now, clients, found in (
        (revoked - second, ("client-redbank",), []),
        (revoked, (), [("redbank", "oauth", "artefact-missing", "hub")]),
    ):
        model = gateway_model(description, "hub", gateway, world.tree, world.facts, now)
        assert model.inbound is not None
        accepted = {caller.participant: caller.clients for caller in model.inbound.callers}
        assert accepted == {name: (f"client-{name}",) for name in NAMES} | {"redbank": clients}
        assert reasons(model) == found
        assert ("client-redbank" in render(model).maps["clients"]) == bool(clients)


def test_without_a_server_certificate_there_is_no_listener(world: World) -> None:
    world.tree.remove("store/hub/server")
    model = world.model()
    assert model.inbound is None
    assert reasons(model) == [("hub", "tls-1", "artefact-missing", "hub")]


def test_without_token_keys_the_rules_stay_and_every_token_is_refused(world: World) -> None:
    world.facts = AuthorizationFacts()
    model = world.model()
    assert model.inbound is not None
    assert model.inbound.tokens is not None
    assert (model.inbound.tokens.keys, model.inbound.token_endpoint) == ((), None)
    assert reasons(model) == [("hub", "oauth", "artefact-missing", "hub")] * 2


@pytest.mark.parametrize("client", ["a b", 'x"y', "x#y", "x\ny", "", "é"])
def test_client_that_could_become_a_directive_is_a_fault_of_its_participant_alone(world: World, client: str) -> None:
    world.register("redbank", client)
    model = world.model()
    assert reasons(model) == [("redbank", "tls-5", "artefact-damaged", "")]
    assert callers(model) == [name for name in NAMES if name != "redbank"]


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem"])
def test_damaged_pair_is_a_fault_of_its_participant_alone(world: World, name: str) -> None:
    world.tree.write(f"store/hub/client/redbank/{name}", b"damaged")
    model = world.model()
    assert reasons(model) == [("redbank", "tls-7", "artefact-damaged", "")]
    assert called(model) == ["bluebank", "greenbank"]


def test_key_of_another_certificate_is_refused_before_haproxy_sees_it(world: World) -> None:
    other = world.authorities["hub"].identity("x", server=True)
    world.tree.write("store/hub/server/key.pem", other.key)
    with pytest.raises(StoreError, match="not the key"):
        world.model()


def test_participant_without_a_ca_is_trusted_by_the_hubs(world: World) -> None:
    world.tree.remove("store/hub/received/redbank/ca.pem")
    changed = tuple(
        replace(one, ca=replace(one.ca, kind="none")) if one.name == "redbank" else one for one in world.description.participants
    )
    model = world.model("hub", replace(world.description, participants=changed))
    red = next(destination for destination in model.outbound.destinations if destination.participant == "redbank")
    assert red.trusted.strip() == world.authorities["hub"].pem.strip()


def test_where_tls_ends_in_the_authorization_server_the_gateway_asks_it_for_no_token(world: World) -> None:
    server = world.description.hub.authorization_server
    assert server is not None
    assert (inbound := world.model().inbound) is not None
    assert inbound.token_endpoint is not None
    hub = replace(world.description.hub, authorization_server=replace(server, client_certificate="tls"))
    world.description = replace(world.description, hub=hub)
    assert (changed := world.model().inbound) is not None
    assert (changed.token_endpoint, changed.tokens) == (None, inbound.tokens)


def test_operators_come_in_at_the_internal_listener_of_the_hub_alone(world: World) -> None:
    hub = world.description.hub
    here = Listener(ip_address("10.0.0.5"), 8443)
    place = InternalListener(here, (ip_network("10.0.0.0/24"),), Listener(ip_address("127.0.0.1"), 3001))
    gateway = hub.gateways[0]
    assert isinstance(gateway, HaproxyGateway)
    described = Administration("inside", (Operator("grace", OperatorRole.OPERATOR),))
    description = replace(world.description, hub=replace(hub, gateways=(replace(gateway, internal=place),), administration=described))
    inbound = world.model(description=description).inbound
    assert inbound
    assert inbound.tokens
    assert inbound.internal
    assert (inbound.internal.place, dict(inbound.internal.operators)) == (place, {"grace": "operator"})
    assert inbound.internal.tokens == replace(inbound.tokens, audience="inside", certificate_bound=False)
    plain = world.model().inbound
    assert plain
    assert plain.internal is None
