# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keycloak and the Testing Toolkit in the hub's environment: there where the stack asks for them and the description goes with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from support.hosted_participants import describe_live
from support.pulumi_mocks import Recording

from environments.fitting import unfit_parts
from environments.hub_facts import read_hub_facts
from environments.settings import parse_hub_settings
from policies.rules import RULES, open_namespaces

from .conftest import IMAGE, Run
from .test_stack_settings import RIGHT

KEYCLOAK: dict[str, Any] = {
    "image": IMAGE,
    "database": "postgres.databases.svc:5432",
    "databaseKind": "postgres",
    "sources": ["198.51.100.0/25"],
}
TOOLKIT = {"backendImage": IMAGE, "frontendImage": IMAGE}
BACKEND, FRONTEND = "ml-testing-toolkit-backend", "ml-testing-toolkit-frontend"


@pytest.fixture(scope="module")
def parts(run_hub: Run, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The hub with both."""
    folder = describe_live(tmp_path_factory.mktemp("hub") / "live", repository)
    return run_hub(description=str(folder), keycloak=KEYCLOAK, testingToolkit=TOOLKIT)


def test_a_hub_has_none_unless_its_stack_asks_for_it(hub: Recording, parts: Recording) -> None:
    assert {each["metadata"].get("namespace") for each in hub.objects} & {"keycloak", "testing-toolkit"} == set()
    parts.find("Namespace", "keycloak")
    parts.find("Namespace", "testing-toolkit")


def test_every_rule_is_kept_and_no_object_stands_twice(parts: Recording) -> None:
    assert [(each["kind"], said) for each in parts.objects for rule in RULES for said in rule.violations(each)] == []
    assert list(open_namespaces(parts.objects)) == []
    places = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in parts.objects]
    assert len(places) == len(set(places))


def test_keycloak_imports_the_realms_without_a_client_or_a_user(parts: Recording) -> None:
    found = {name: json.loads(text) for name, text in parts.find("ConfigMap", "keycloak-files")["data"].items()}
    assert {name: each["realm"] for name, each in found.items()} == {"dfsps.json": "dfsps", "hub-operators.json": "hub-operators"}
    assert [name for name, each in found.items() if each.keys() & {"clients", "users"} or each["registrationAllowed"]] == []
    [container] = parts.find("Deployment", "keycloak")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["start", "--optimized", "--import-realm"]
    assert "/opt/keycloak/data/import/dfsps.json" in [each["mountPath"] for each in container["volumeMounts"]]


def test_keycloaks_tokens_name_the_issuer_of_the_description(parts: Recording) -> None:
    variables = parts.find("ConfigMap", "keycloak")["data"]
    assert variables["KC_HOSTNAME"] == "https://auth.hub.example"
    assert variables["KC_HOSTNAME_ADMIN"] == "https://keycloak.int.hub.example"
    assert (variables["KC_DB_URL_HOST"], variables["KC_DB_URL_PORT"]) == ("postgres.databases.svc", "5432")


def test_keycloaks_secrets_are_named_and_not_held(parts: Recording) -> None:
    [container] = parts.find("Deployment", "keycloak")["spec"]["template"]["spec"]["containers"]
    named = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"]}
    assert set(named.values()) == {"keycloak-admin", "keycloak-database"}
    assert len(named) == 4
    assert [each for each in parts.objects if each["kind"] == "Secret"] == []


def test_participants_tokens_are_asked_for_by_tls_that_ends_in_keycloak(
    parts: Recording, run_hub: Run, repository: Path, tmp_path: Path
) -> None:
    variables = parts.find("ConfigMap", "keycloak")["data"]
    assert variables["KC_HTTPS_CERTIFICATE_FILE"] == "/secrets/tls/tls.crt"
    peers = parts.find("PeerAuthentication", "keycloak-tokens")["spec"]
    assert (peers["mtls"]["mode"], peers["portLevelMtls"]) == ("STRICT", {"8443": {"mode": "DISABLE"}})
    assert parts.find("Service", "keycloak-tokens")["spec"]["externalTrafficPolicy"] == "Local"
    [rule] = parts.find("NetworkPolicy", "allow-participants", "keycloak")["spec"]["ingress"]
    assert ([peer["ipBlock"]["cidr"] for peer in rule["from"]], rule["ports"][0]["port"]) == (["198.51.100.0/25"], 8443)
    folder = describe_live(tmp_path / "live", repository)
    closed = run_hub(description=str(folder), keycloak={**KEYCLOAK, "sources": []})
    assert [each for each in closed.objects if each["metadata"]["name"] == "allow-participants"] == []


def _peers(parts: Recording, namespace: str, way: str, end: str) -> dict[str, str]:
    label = "kubernetes.io/metadata.name"
    policies = [each for each in parts.objects if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == namespace]
    return {
        each["metadata"]["name"]: each["spec"][way][0][end][0]["namespaceSelector"]["matchLabels"][label]
        for each in policies
        if each["spec"].get(way) and "namespaceSelector" in each["spec"][way][0][end][0]
    }


def test_each_reaches_what_it_stands_on_and_no_other(parts: Recording) -> None:
    assert {*_peers(parts, "keycloak", "egress", "to").values()} == {"databases", "keycloak", "kube-system", "istio-system"}
    assert {*_peers(parts, "keycloak", "ingress", "from").values()} == {"istio-ingress-int", "keycloak"}
    assert {*_peers(parts, "testing-toolkit", "egress", "to").values()} == {"mojaloop", "testing-toolkit", "kube-system", "istio-system"}
    assert _peers(parts, "istio-ingress-int", "egress", "to")["allow-to-keycloak"] == "keycloak"


def test_the_simulators_and_the_hubs_services_know_each_other(parts: Recording, hub: Recording) -> None:
    assert "testing-toolkit/*" in parts.find("Sidecar", namespace="mojaloop")["spec"]["egress"][0]["hosts"]
    assert "testing-toolkit/*" not in hub.find("Sidecar", namespace="mojaloop")["spec"]["egress"][0]["hosts"]  # the control
    config = json.loads(parts.find("ConfigMap", f"{BACKEND}-files")["data"]["user_config.json"])
    endpoints = {each["endpoint"] for each in config["CALLBACK_RESOURCE_ENDPOINTS"]["endpoints"] if each["path"] == "/quotes"}
    assert endpoints == {"http://moja-quoting-service.mojaloop.svc.cluster.local"}
    assert "PRIVATE KEY" not in json.dumps(config)


@pytest.mark.parametrize(
    ("listener", "host", "port"),
    [
        ("keycloak-gateway", "keycloak.int.hub.example", 8080),
        ("ttkbackend-gateway", "ttkbackend.int.hub.example", 5050),
        ("ttkfrontend-gateway", "ttkfrontend.int.hub.example", 6060),
    ],
)
def test_the_internal_gateway_serves_each_with_mutual_tls(parts: Recording, listener: str, host: str, port: int) -> None:
    [server] = parts.find("Gateway", listener, "istio-ingress-int")["spec"]["servers"]
    assert (server["hosts"], server["tls"]["mode"]) == ([host], "MUTUAL")
    [route] = parts.find("VirtualService", listener.replace("gateway", "vs"))["spec"]["http"]
    assert route["route"][0]["destination"]["port"]["number"] == port


def test_cert_manager_issues_the_certificate_of_every_internal_host_and_of_no_other(run_hub: Run, hub: Recording) -> None:
    assert [each for each in hub.objects if each["kind"] == "Certificate"] == []
    issued = run_hub(certificateIssuer="operator-ca", testingToolkit=TOOLKIT)
    found = issued.find("Certificate", "vault-tls-cert", "istio-ingress-int")["spec"]
    served = {
        host
        for each in issued.objects
        if each["kind"] == "Gateway" and each["metadata"]["namespace"] == "istio-ingress-int"
        for server in each["spec"]["servers"]
        for host in server["hosts"]
    }
    assert set(found["dnsNames"]) == served == {f"{name}.int.hub.example" for name in ("intapi", "ttkbackend", "ttkfrontend")}
    assert (found["secretName"], found["issuerRef"]["name"]) == ("vault-tls-cert", "operator-ca")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"certificateIssuer": "Operator CA"}, r"certificateIssuer: found 'Operator CA'; allowed: the name of a ClusterIssuer"),
        ({"keycloak": {**KEYCLOAK, "databaseKind": "oracle"}}, r"keycloak\.databaseKind: .*postgres, mysql, mariadb"),
        ({"keycloak": {**KEYCLOAK, "image": "keycloak:26"}}, r"keycloak\.image: "),
        ({"keycloak": KEYCLOAK}, r"keycloak: the hub's authorization server is another one"),
        ({"testingToolkit": {"backendImage": IMAGE}}, r"testingToolkit\.frontendImage: found nothing"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_is_made(run_hub: Run, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(pulumi.RunError, match=says):
        run_hub(**changed)


def test_production_has_no_simulators(repository: Path) -> None:
    hub = read_hub_facts(repository / "inventories/lab")
    settings = parse_hub_settings({**RIGHT, "testingToolkit": json.dumps(TOOLKIT)}, where="Pulumi.live.yaml")
    assert list(unfit_parts(settings, hub)) == []  # the control
    [problem] = unfit_parts(settings, replace(hub, production=True))
    assert problem.startswith("testingToolkit: the environment is of kind production")
