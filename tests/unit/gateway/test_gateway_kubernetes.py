# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as objects of Istio: which rules a participant gets, and what is refused before it becomes an object."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from support.authorities import Authority

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.kubernetes_gateway import KubernetesGateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.inbound import (
    caller_opening,
    caller_policy,
    narrowing_policy,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.place import Place, slug
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.policies import (
    caller_in,
    callers_of,
    policies,
    tables,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.release import place_of, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.shutting import (
    allowed_certificates,
    shut_certificates,
    shut_route,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import (
    Caller,
    GatewayModel,
    HeaderRule,
    Inbound,
    Outbound,
    TokenEndpoint,
    TokenRules,
)

ON = KubernetesGateway("kubernetes", "hub-gateway", "", (Listener(ip_address("192.0.2.1"), 443),), kubeconfig_file="/kubeconfig")
HUB = Authority("Hub CA")
AUTHORITY, OWN = HUB.pem, HUB.identity("api.test", server=True)
OLD, NEW = "a" * 64, "b" * 64
GREEN = Caller("greenbank", "GreenBank", (OLD,), (ip_network("192.0.2.0/24"), ip_network("192.0.2.7/32")), ("client-1",), ("parties",))
TOKENS = TokenRules("https://auth.test", "https://api.test", (), certificate_bound=True)


def inbound(**changed: Any) -> Inbound:  # noqa: ANN401
    made = Inbound(
        ON.inbound, False, OWN, AUTHORITY, (GREEN,), HeaderRule.SOURCE, ON.inbound_backend,
        base_path="/fspiop", resources=("parties", "quotes"), tokens=TOKENS, host="api.test",
    )  # fmt: skip
    return replace(made, **changed)


def model(**changed: Any) -> GatewayModel:  # noqa: ANN401
    return GatewayModel("hub", "switch", ON, inbound(**changed), Outbound(ON.outbound, (), routed=True))


PLACE = Place("hub", "api.test", 443, ON)


def rules(caller: Caller, **changed: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    policy = caller_policy(PLACE, inbound(**changed), "switch", caller)
    assert policy is not None
    found: list[dict[str, Any]] = policy["spec"]["rules"]
    return found


def conditions(rule: dict[str, Any]) -> dict[str, list[str]]:
    return {each["key"]: each.get("values", ["not", *each.get("notValues", [])]) for each in rule["when"]}


def test_one_rule_holds_everything_that_belongs_together() -> None:
    first, second = rules(GREEN)
    assert first["from"] == [{"source": {"ipBlocks": ["192.0.2.0/24"]}}]
    assert first["to"] == [{"operation": {"paths": ["/fspiop/parties", "/fspiop/parties/*"]}}]
    common = {
        "request.headers[x-forwarded-client-cert]": [f"Hash={OLD};*"],
        "request.headers[fspiop-source]": ["GreenBank"],
        "request.auth.claims[iss]": ["https://auth.test"],
        "request.auth.audiences": ["https://api.test"],
        "request.auth.claims[cnf][x5t#S256]": [base64.urlsafe_b64encode(bytes.fromhex(OLD)).rstrip(b"=").decode()],
    }
    assert conditions(first) == {**common, "request.auth.claims[client_id]": ["client-1"]}
    assert conditions(second) == {**common, "request.auth.claims[azp]": ["client-1"], "request.auth.claims[client_id]": ["not", "*"]}


def test_two_certificates_and_clients_are_never_two_values_of_one_rule() -> None:
    found = rules(replace(GREEN, certificates=(OLD, NEW), clients=("client-1", "client-2")))
    assert len(found) == 8
    assert {len(values) for rule in found for values in conditions(rule).values() if values[0] != "not"} == {1}
    pairs = {
        (conditions(rule)["request.headers[x-forwarded-client-cert]"][0][5:6], *conditions(rule)["request.auth.claims[cnf][x5t#S256]"])
        for rule in found
    }
    assert len(pairs) == 2, "a certificate goes with its own tokens alone"


@pytest.mark.parametrize("changed", [{"certificates": ()}, {"networks": ()}, {"clients": ()}, {"roles": ()}])
def test_who_lacks_a_part_gets_no_policy(changed: dict[str, tuple[()]]) -> None:
    assert caller_policy(PLACE, inbound(), "switch", replace(GREEN, **changed)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"fspiop_id": "*"},
        {"fspiop_id": "green*"},
        {"clients": ("*",)},
        {"certificates": ("*",)},
        {"roles": ("*",)},
        {"roles": ("parties/../quotes",)},
    ],
)
def test_a_value_that_istio_would_read_as_a_pattern_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        caller_policy(PLACE, inbound(), "switch", replace(GREEN, **changed))


def test_packets_of_a_participant_reach_the_pods_from_its_networks_alone() -> None:
    spec = caller_opening(PLACE, GREEN)["spec"]
    assert spec["podSelector"] == {"matchLabels": {"istio": "ext-gateway"}}
    assert spec["ingress"] == [{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 8443}]}]


def test_at_a_participant_the_hub_names_whom_it_calls() -> None:
    hub = Caller("hub", "switch", (OLD,), (ip_network("192.0.2.1/32"),))
    (only,) = rules(hub, header_rule=HeaderRule.DESTINATION, tokens=None, resources=())
    assert only["to"] == [{"operation": {"paths": ["/fspiop/*"]}}]
    assert conditions(only)["request.headers[fspiop-destination]"] == ["switch"]


def test_a_scope_must_name_the_resource() -> None:
    spec = narrowing_policy(PLACE, inbound())["spec"]
    assert spec["action"] == "DENY"
    assert [rule["to"][0]["operation"].get("paths") for rule in spec["rules"][1:]] == [
        ["/fspiop/parties", "/fspiop/parties/*"],
        ["/fspiop/quotes", "/fspiop/quotes/*"],
    ]
    assert spec["rules"][1]["when"] == [{"key": "request.auth.claims[scope]", "notValues": ["parties"]}]


def test_tables_and_policies_say_the_same() -> None:
    other = Caller("red_Bank", "red", (NEW,), (ip_network("192.0.2.9/32"),), ("client-2",), ("quotes", "parties"))
    made = policies(model(), PLACE, (GREEN, other))
    entries = tables([GREEN, other])
    assert tables(caller_in(policy) for policy, _opening in made.values()) == entries
    assert policies(model(), PLACE, callers_of(entries)) == made


def test_a_participant_whom_nothing_lets_pass_is_in_no_table() -> None:
    assert render(model(callers=(replace(GREEN, roles=()),))).maps["sources"] == {}


def test_a_route_refuses_what_a_policy_allowed() -> None:
    policy = caller_policy(PLACE, inbound(), "switch", replace(GREEN, certificates=(OLD, NEW)))
    assert policy is not None
    assert shut_certificates(shut_route(PLACE, "greenbank", allowed_certificates(policy))) == {OLD, NEW}


@pytest.mark.parametrize("name", ["greenbank", "Greenbank", "green_bank", "GREEN-BANK", "g", "x" * 64, "_", "green-"])
def test_names_are_those_of_kubernetes_and_no_two_become_one(name: str) -> None:
    others = {
        slug(other) for other in ("greenbank", "Greenbank", "green_bank", "GREEN-BANK", "g", "x" * 64, "_", "green-") if other != name
    }
    assert slug(name) not in others
    assert len(slug(name)) <= 40
    assert slug(name).replace("-", "").isalnum()
    assert slug(name) == slug(name).lower()


def test_every_object_carries_the_labels_by_which_it_is_removed() -> None:
    policy = caller_policy(PLACE, inbound(), "switch", GREEN)
    assert policy is not None
    for found in (policy, narrowing_policy(PLACE, inbound()), shut_route(PLACE, "greenbank", {OLD})):
        assert PLACE.labels.items() <= found["metadata"]["labels"].items()
    assert policy["metadata"]["annotations"]["onboarding.mojaloop.io/participant"] == "greenbank"


def test_a_secret_holds_the_bundle_and_no_text_of_it_is_yaml() -> None:
    made = json.loads(render(model()).files["server.json"])
    assert base64.b64decode(made["data"]["tls.crt"]) == OWN.certificate + OWN.chain
    assert made["metadata"]["name"] == "vault-tls-cert"


def test_what_istio_cannot_do_is_refused() -> None:
    with pytest.raises(GatewayError, match="client_certificate"):
        render(model(token_endpoint=TokenEndpoint("auth.test", 443, "/token", "auth.test", b"")))
    with pytest.raises(GatewayError, match="subjects"):
        render(model(pins=("OU",)))
    with pytest.raises(GatewayError, match="load balancer"):
        render(model(proxy_protocol=True))
    with pytest.raises(GatewayError, match="not on a cluster"):
        place_of(replace(model(), inbound=None))
