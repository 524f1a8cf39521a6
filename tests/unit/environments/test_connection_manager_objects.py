# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager in the hub's environment: there where the stack asks for it, and never without authentication."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from support.pulumi_mocks import Recording

from policies.rules import RULES, open_namespaces

from .conftest import IMAGE, Run

MANAGER: dict[str, Any] = {
    "apiImage": IMAGE,
    "uiImage": IMAGE,
    "database": "mysql.databases.svc:3306",
    "vault": "http://vault.vault.svc.cluster.local:8200",
    "openidNamespace": "keycloak",
    "variables": {"LOG_LEVEL": "debug", "PING_INTERVAL_SECONDS": "60"},
}
API = "connection-manager-api"


@pytest.fixture(scope="session")
def managed(run_hub: Run) -> Recording:
    """The hub with a Connection Manager."""
    return run_hub(connectionManager=MANAGER)


def test_a_hub_has_none_unless_its_stack_asks_for_one(hub: Recording, managed: Recording) -> None:
    assert [each for each in hub.objects if each["metadata"].get("namespace") == "mcm"] == []
    managed.find("Namespace", "mcm")


def test_every_rule_is_kept(managed: Recording) -> None:
    assert [(each["kind"], said) for each in managed.objects for rule in RULES for said in rule.violations(each)] == []
    assert list(open_namespaces(managed.objects)) == []


def test_its_variables_follow_the_description_and_the_stack(managed: Recording) -> None:
    variables = managed.find("ConfigMap", API)["data"]
    assert (variables["SWITCH_ID"], variables["SWITCH_FQDN"]) == ("switch", "api.hub.lab")
    assert (variables["DATABASE_HOST"], variables["DATABASE_PORT"]) == ("mysql.databases.svc", "3306")
    assert variables["OPENID_DISCOVERY_URL"] == "https://auth.hub.lab/.well-known/openid-configuration"
    assert (variables["LOG_LEVEL"], variables["PING_INTERVAL_SECONDS"]) == ("debug", "60")


def test_its_secrets_are_named_and_not_held(managed: Recording) -> None:
    pod = managed.find("Deployment", API)["spec"]["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        named = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"]}
        assert named == {"DATABASE_PASSWORD": "mcm-database", "OPENID_CLIENT_SECRET": "mcm-openid", "SESSION_STORE_SECRET": "mcm-session"}


def test_its_database_is_brought_to_its_version_first(managed: Recording) -> None:
    [preparation] = managed.find("Deployment", API)["spec"]["template"]["spec"]["initContainers"]
    assert preparation["command"][-1] == "migrate:latest"
    assert preparation["image"] == IMAGE


def test_the_internal_gateway_serves_it_with_mutual_tls(managed: Recording) -> None:
    [server] = managed.find("Gateway", "mcm-gateway", "istio-ingress-int")["spec"]["servers"]
    assert (server["hosts"], server["tls"]["mode"]) == (["mcm.int.hub.example"], "MUTUAL")
    ports = [route["route"][0]["destination"]["port"]["number"] for route in managed.find("VirtualService", "mcm-vs")["spec"]["http"]]
    assert ports == [3001, 3001, 8080]


def test_it_reaches_the_systems_that_it_stands_on_and_no_other(managed: Recording) -> None:
    peers = {
        each["metadata"]["name"]: each["spec"]["egress"][0]["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in managed.objects
        if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == "mcm" and each["spec"].get("egress")
    }
    openings = {"allow-to-database": "databases", "allow-to-vault": "vault", "allow-to-openid": "keycloak"}
    assert peers == {**openings, "allow-dns": "kube-system", "allow-mesh": "istio-system"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"variables": {"OPENID_ENABLED": "false"}}, "OPENID_ENABLED follows from the description"),
        ({"variables": {"SWITCH_FQDM": "x"}}, "did you mean SWITCH_FQDN"),
        ({"variables": {"OPENID_CLIENT_SECRET": "canary"}}, "OPENID_CLIENT_SECRET is a secret"),
        ({"apiImage": "mcm:3.4"}, r"connectionManager\.apiImage: "),
        ({"database": "db.example.com:3306"}, r"connectionManager\.database: "),
        ({"replicas": 3}, r"connectionManager\.replicas: is no key"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_is_made(run_hub: Run, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(pulumi.RunError, match=says) as caught:
        run_hub(connectionManager={**MANAGER, **changed})
    assert "canary" not in str(caught.value)
