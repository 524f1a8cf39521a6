# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hub's program makes of a cluster, object by object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.pulumi_mocks import Recording

from environments.gateway_identity import allow_networks_spec
from environments.interop_routes import interop_routes

from .conftest import IMAGE, Run

NAMESPACES = ["mojaloop", "istio-ingress-ext", "istio-ingress-int", "istio-egress"]
GATEWAYS = [("istio-ingress-ext", "ext-gateway"), ("istio-ingress-int", "int-gateway"), ("istio-egress", "egress-gateway")]


def test_the_program_reads_like_a_table_of_contents(repository: Path) -> None:
    assert len((repository / "pulumi/hub/__main__.py").read_text(encoding="utf-8").splitlines()) < 30


def test_every_object_names_its_owner(hub: Recording) -> None:
    assert {each["metadata"]["labels"]["onboarding.mojaloop.io/owner"] for each in hub.objects} == {"hub"}


def test_no_secret_is_made(hub: Recording) -> None:
    assert [each for each in hub.objects if each["kind"] == "Secret"] == []


def test_no_object_stands_twice(hub: Recording) -> None:
    places = [(each["apiVersion"], each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in hub.objects]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_is_closed_bounded_and_unprivileged(hub: Recording, namespace: str) -> None:
    labels = hub.find("Namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert hub.find("NetworkPolicy", "default-deny", namespace)["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert hub.find("PeerAuthentication", "default", namespace)["spec"] == {"mtls": {"mode": "STRICT"}}
    assert hub.find("ResourceQuota", "quota", namespace)["spec"]["hard"].keys() == {"requests.cpu", "requests.memory", "pods"}


def test_every_way_that_stays_open_leads_to_a_named_namespace(hub: Recording) -> None:
    policies = [each for each in hub.objects if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] != "default-deny"]
    peers = [
        peer
        for policy in policies
        for way, end in (("ingress", "from"), ("egress", "to"))
        for rule in policy["spec"].get(way, [])
        for peer in rule[end]
    ]
    assert len(peers) == len(policies)
    assert {peer["namespaceSelector"]["matchLabels"].popitem()[0] for peer in peers} == {"kubernetes.io/metadata.name"}


def test_the_fspiop_listener_asks_for_a_certificate_of_the_described_host(hub: Recording) -> None:
    [server] = hub.find("Gateway", "interop-gateway")["spec"]["servers"]
    assert (server["hosts"], server["port"]["number"], server["tls"]["mode"]) == (["api.hub.lab"], 8443, "MUTUAL")
    assert server["tls"]["credentialName"] == "vault-tls-cert"


@pytest.mark.parametrize(
    ("namespace", "listener"), [("istio-ingress-ext", "interop-gateway"), ("istio-ingress-int", "int-interop-gateway")]
)
def test_a_floor_lets_nothing_pass(hub: Recording, namespace: str, listener: str) -> None:
    floor = hub.find("AuthorizationPolicy", f"{listener}-floor", namespace)["spec"]
    assert floor.keys() == {"selector"}  # a rule that is empty would let everything pass


def test_a_token_is_taken_from_the_header_alone(hub: Recording) -> None:
    [rule] = hub.find("RequestAuthentication")["spec"]["jwtRules"]
    assert (rule["issuer"], rule["audiences"]) == ("https://auth.hub.lab", ["https://api.hub.lab"])
    assert rule["fromHeaders"] == [{"name": "Authorization", "prefix": "Bearer "}]


@pytest.mark.parametrize("listener", ["interop-gateway", "int-interop-gateway"])
def test_paths_are_normal_and_underscores_refused(hub: Recording, listener: str) -> None:
    [patch] = hub.find("EnvoyFilter", f"{listener}-strict-requests")["spec"]["configPatches"]
    value = patch["patch"]["value"]["typed_config"]
    assert (value["normalize_path"], value["merge_slashes"]) == (True, True)
    assert value["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert value["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"


def test_the_source_header_is_counted_before_the_services_see_it(hub: Recording) -> None:
    [patch] = hub.find("EnvoyFilter", "interop-gateway-source-once")["spec"]["configPatches"]
    assert patch["patch"]["operation"] == "INSERT_BEFORE"
    assert 'getNumValues("fspiop-source") ~= 1' in patch["patch"]["value"]["typed_config"]["default_source_code"]["inline_string"]


@pytest.mark.parametrize(("namespace", "gateway"), GATEWAYS)
def test_a_gateways_proxy_is_pinned_unprivileged_and_believes_the_handshake_alone(hub: Recording, namespace: str, gateway: str) -> None:
    template = hub.find("Deployment", gateway, namespace)["spec"]["template"]
    [container] = template["spec"]["containers"]
    assert container["image"] == IMAGE
    assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    config = json.loads(template["metadata"]["annotations"]["proxy.istio.io/config"])
    assert config["gatewayTopology"] == {"forwardClientCertDetails": "SANITIZE_SET"}


def test_behind_a_load_balancer_with_proxy_protocol_the_ingress_gateways_expect_it(run_hub: Run) -> None:
    hub = run_hub(sourceAddress="proxy-protocol")
    expect = {}
    for namespace, gateway in GATEWAYS:
        annotations = hub.find("Deployment", gateway, namespace)["spec"]["template"]["metadata"]["annotations"]
        expect[gateway] = "proxyProtocol" in json.loads(annotations["proxy.istio.io/config"])["gatewayTopology"]
    assert expect == {"ext-gateway": True, "int-gateway": True, "egress-gateway": False}


def test_the_ingress_gateways_see_the_addresses_of_their_callers(hub: Recording) -> None:
    assert hub.find("Service", "ext-gateway")["spec"]["externalTrafficPolicy"] == "Local"
    assert hub.find("Service", "egress-gateway")["spec"]["type"] == "ClusterIP"


def test_the_internal_gateway_opens_to_the_named_networks_and_to_none_by_default(run_hub: Run) -> None:
    named = run_hub().find("AuthorizationPolicy", "int-interop-gateway-sources")["spec"]["rules"]
    assert named == [{"from": [{"source": {"ipBlocks": ["198.51.100.0/24"]}}]}]
    policies = [each["metadata"]["name"] for each in run_hub(internalSources=[]).objects if each["kind"] == "AuthorizationPolicy"]
    assert sorted(policies) == ["egress-gateway-callers", "int-interop-gateway-floor", "interop-gateway-floor"]


def test_a_rule_without_a_network_is_never_written() -> None:
    with pytest.raises(ValueError, match="everything"):
        allow_networks_spec({"istio": "int-gateway"}, [])


def test_the_services_see_no_base_path() -> None:
    routes = [each for each in interop_routes("moja", "mojaloop", "/v1") if "quoting" in str(each["route"])][:2]
    assert [(each["match"], each["rewrite"]) for each in routes] == [
        ([{"uri": {"exact": "/v1/quotes"}}], {"uri": "/quotes"}),
        ([{"uri": {"prefix": "/v1/quotes/"}}], {"uri": "/quotes/"}),
    ]


def test_the_hubs_services_know_only_hosts_that_are_registered(hub: Recording) -> None:
    sidecar = hub.find("Sidecar", namespace="mojaloop")["spec"]
    assert sidecar["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}


def test_every_child_of_a_program_stands_in_a_component(repository: Path) -> None:
    text = (repository / "pulumi/hub/__main__.py").read_text(encoding="utf-8")
    assert "pulumi_kubernetes" not in text
