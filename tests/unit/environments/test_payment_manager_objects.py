# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant whose Payment Manager is hosted here: three services, what they stand on, and who reaches them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from support.hosted_participants import MANAGER, describe_hosted
from support.pulumi_mocks import Recording

from environments.fleet import managed_stacks
from policies.rules import RULES, open_namespaces

from .conftest import IMAGE, Run

SERVICES = {"management-api": 9000, "experience-api": 3000, "payment-manager-ui": 8080}
NEW = {*SERVICES, "portal-gateway"}


@pytest.fixture(scope="module")
def folder(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A description in which greenbank has a Payment Manager."""
    return describe_hosted(tmp_path_factory.mktemp("hosted") / "lab", repository)


@pytest.fixture(scope="module")
def hosted(run_dfsp: Run, folder: Path) -> Recording:
    """What the program makes of it; the exchange, where nothing was published, is not read."""
    return run_dfsp(description=str(folder), exchange=str(folder / "nowhere"), paymentManager=MANAGER)


def _variables(found: Recording, name: str) -> dict[str, str]:
    return dict(found.find("ConfigMap", name)["data"])


def _container(found: Recording, name: str) -> dict[str, Any]:
    [container] = found.find("Deployment", name)["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _ends(found: Recording, name: str) -> tuple[object, object, list[int]]:
    """Whose way out a policy opens, whither, and to which ports."""
    spec = found.find("NetworkPolicy", name)["spec"]
    [rule] = spec["egress"]
    return spec["podSelector"]["matchLabels"], rule["to"][0], [each["port"] for each in rule["ports"]]


def test_every_rule_is_kept_and_no_object_stands_twice(hosted: Recording) -> None:
    assert [(each["kind"], said) for each in hosted.objects for rule in RULES for said in rule.violations(each)] == []
    assert list(open_namespaces(hosted.objects)) == []
    places = [(each["kind"], each["metadata"]["name"]) for each in hosted.objects]
    assert len(places) == len(set(places))
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in hosted.objects} == {"greenbank"}


@pytest.mark.parametrize(("name", "port"), SERVICES.items())
def test_each_service_is_pinned_unprivileged_and_reached_by_its_name(hosted: Recording, dfsp: Recording, name: str, port: int) -> None:
    container = _container(hosted, name)
    assert container["image"] == IMAGE
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert hosted.find("Service", name)["spec"]["ports"][0]["port"] == port
    assert [each for each in dfsp.objects if each["metadata"]["name"] == name] == []  # the control: who has none, has none


def test_management_api_gets_the_settings_of_the_core(hosted: Recording) -> None:
    variables = _variables(hosted, "management-api")
    assert variables["MCM_SERVER_ENDPOINT"] == "https://mcm.hub.example/pm4mlapi"
    assert (variables["AUTH_ENABLED"], variables["AUTH_CLIENT_ID"]) == ("true", "greenbank")
    assert (variables["HUB_IAM_PROVIDER_URL"], variables["OIDC_TOKEN_ROUTE"]) == ("https://auth.hub.example", "realms/dfsps/token")
    assert variables["CALLBACK_URL"] == "https://fspiop.greenbank.lab:8443"
    assert (variables["VAULT_MOUNT_PKI"], variables["VAULT_MOUNT_KV"]) == ("pki-greenbank", "secrets-greenbank")
    assert variables["ENABLE_TEST_API"] == "false"
    request = json.loads(_variables(hosted, "management-api-files")["server-csr.json"])
    assert request["extensions"]["subjectAltName"]["dns"] == ["fspiop.greenbank.lab"]


def test_its_vault_is_reached_in_the_cluster_with_an_approle_from_a_secret(hosted: Recording) -> None:
    variables, container = _variables(hosted, "management-api"), _container(hosted, "management-api")
    assert (variables["VAULT_ENDPOINT"], variables["VAULT_AUTH_METHOD"]) == ("http://vault.vault.svc:8200", "APP_ROLE")
    assert variables["VAULT_ROLE_SECRET_ID_FILE"] == "/secrets/vault/secret-id"
    pod = hosted.find("Deployment", "management-api")["spec"]["template"]["spec"]
    assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == ["payment-manager-vault"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "pm4ml-external-switch-client-secret"
    assert [each for each in hosted.objects if each["kind"] == "Secret"] == []


def test_the_connector_gets_its_keys_and_certificates_from_management_api(hosted: Recording, dfsp: Recording) -> None:
    variables = _variables(hosted, "sdk-scheme-adapter")
    assert (variables["PM4ML_ENABLED"], variables["MGMT_API_WS_URL"], variables["MGMT_API_WS_PORT"]) == ("true", "management-api", "4005")
    assert [name for name in variables if name.startswith(("OUT_", "JWS_SIGNING"))] == []
    assert _variables(dfsp, "sdk-scheme-adapter")["PM4ML_ENABLED"] == "false"  # the control


def test_its_control_server_is_reached_by_the_connector_alone(hosted: Recording) -> None:
    app, control = "app.kubernetes.io/name", 4005
    incoming = [
        (each["metadata"]["name"], each["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"])
        for each in hosted.objects
        if each["kind"] == "NetworkPolicy"
        and each["spec"].get("podSelector") == {"matchLabels": {app: "management-api"}}
        and control in [port["port"] for rule in each["spec"].get("ingress", ()) for port in rule["ports"]]
    ]
    assert incoming == [("connector-to-manager-in", {app: "sdk-scheme-adapter"})]


def test_it_reaches_its_vault_and_the_hubs_manager_and_no_other_place(hosted: Recording) -> None:
    app = {"app.kubernetes.io/name": "management-api"}
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vault"}}}
    policy = hosted.find("NetworkPolicy", "allow-to-vault")["spec"]
    assert (policy["podSelector"]["matchLabels"], policy["egress"][0]["to"]) == (app, [selector])
    assert _ends(hosted, "allow-to-manager") == (app, {"ipBlock": {"cidr": "203.0.113.12/32"}}, [443])
    outside = hosted.find("ServiceEntry", "payment-manager")["spec"]
    assert outside["hosts"] == ["auth.hub.example", "login.example", "mcm.hub.example"]


def test_the_portals_client_logs_in_at_the_participants_realm(hosted: Recording) -> None:
    variables = _variables(hosted, "experience-api")
    assert variables["AUTH_DISCOVERY_ENDPOINT"] == "https://login.example/realms/pm4mls-greenbank/.well-known/openid-configuration"
    client = json.loads(_variables(hosted, "pm4ml-portal-client")["client.json"])
    assert client["clientId"] == variables["AUTH_CLIENT_ID"] == "pm4ml-greenbank"
    assert client["redirectUris"] == [variables["AUTH_REDIRECT_URI"]] == ["https://exp-greenbank.banks.example/auth"]
    assert (client["publicClient"], client["directAccessGrantsEnabled"], "secret" in client) == (False, False, False)
    named = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in _container(hosted, "experience-api")["env"]}
    assert named == {
        "APP_KEYS": {"name": "pm4ml-portal", "key": "session_key"},
        "AUTH_CLIENT_SECRET": {"name": "pm4ml-portal", "key": "client_secret"},
    }


def test_the_portal_is_open_to_the_staffs_networks_and_asks_for_a_certificate(hosted: Recording, run_dfsp: Run, folder: Path) -> None:
    hosts = {}
    for name in ("greenbank-portal-gateway", "greenbank-experience-gateway"):
        [server] = hosted.find("Gateway", name)["spec"]["servers"]
        hosts[server["hosts"][0]] = (server["tls"]["mode"], server["tls"]["credentialName"])
    mutual = ("MUTUAL", "portal-tls-cert")
    assert hosts == {"portal-greenbank.banks.example": mutual, "exp-greenbank.banks.example": mutual}
    assert set(hosted.find("Certificate", "portal-tls-cert")["spec"]["dnsNames"]) == hosts.keys()
    sources = hosted.find("AuthorizationPolicy", "greenbank-portal-gateway-sources")["spec"]["rules"]
    assert sources == [{"from": [{"source": {"ipBlocks": ["198.51.100.64/26"]}}]}]
    closed = run_dfsp(description=str(folder), paymentManager={**MANAGER, "portalSources": []})
    assert [each["metadata"]["name"] for each in closed.objects if "staff" in each["metadata"]["name"]] == []
    assert closed.find("AuthorizationPolicy", "greenbank-portal-gateway-floor")["spec"].keys() == {"selector"}


def test_it_is_among_the_stacks_of_the_environment(folder: Path) -> None:
    assert managed_stacks(folder, "lab", ()) == ["lab.greenbank"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, r"paymentManager: found nothing; allowed: an object"),
        ({"paymentManager": {**MANAGER, "portalImage": "ui:1"}}, r"paymentManager\.portalImage: "),
        ({"paymentManager": {**MANAGER, "managerNetworks": []}}, r"paymentManager\.managerNetworks: found '\[\]'; allowed: a list of some"),
        ({"paymentManager": {**MANAGER, "managerNetworks": ["0.0.0.0/0"]}}, r"paymentManager\.managerNetworks: "),
        ({"paymentManager": {**MANAGER, "identityProvider": "http://login.example"}}, r"paymentManager\.identityProvider: .* https URL"),
        ({"paymentManager": {**MANAGER, "vaultToken": "x"}}, r"paymentManager\.vaultToken: is no key"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_is_made(run_dfsp: Run, folder: Path, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(pulumi.RunError, match=says):
        run_dfsp(description=str(folder), **changed)


def test_who_has_another_connector_has_no_settings_of_one(run_dfsp: Run) -> None:
    with pytest.raises(pulumi.RunError, match=r"paymentManager: the participant's connector is sdk; allowed: nothing"):
        run_dfsp(paymentManager=MANAGER)


def test_the_descriptions_own_variables_reach_the_connector_and_wrong_ones_are_refused(
    run_dfsp: Run, repository: Path, tmp_path: Path
) -> None:
    def described(**settings: str) -> str:
        folder = tmp_path / "lab"
        (folder / "participants").mkdir(parents=True, exist_ok=True)
        (folder / "hub.yml").write_bytes((repository / "inventories/lab/hub.yml").read_bytes())
        values = yaml.safe_load((repository / "inventories/lab/participants/greenbank.yml").read_text(encoding="utf-8"))
        values["connector"] = {"kind": "sdk", "version": "24.1.0", "backend": "127.0.0.1:3003", "settings": settings}
        (folder / "participants/greenbank.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return str(folder)

    found = run_dfsp(description=described(EXPIRY_SECONDS="30", REDIS_CACHE_TTL="60"))
    variables = _variables(found, "sdk-scheme-adapter")
    assert (variables["EXPIRY_SECONDS"], variables["REDIS_CACHE_TTL"]) == ("30", "60")
    for wrong, says in (({"DFSP_ID": "other"}, "DFSP_ID cannot be set"), ({"EXPIRY_SECOND": "1"}, "did you mean EXPIRY_SECONDS")):
        with pytest.raises(pulumi.RunError, match=says):
            run_dfsp(description=described(**wrong))
