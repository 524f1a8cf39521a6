# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the program of a managed participant makes of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest
import yaml
from support.published import publish
from support.pulumi_mocks import Recording

from environments.reading import keys
from environments.settings import DfspSettings
from policies.rules import RULES, open_namespaces

from .conftest import IMAGE, Run

SDK = "sdk-scheme-adapter"


def test_the_program_declares_every_setting_and_no_other(repository: Path) -> None:
    declared = yaml.safe_load((repository / "pulumi/dfsp/Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert sorted(declared) == sorted(keys(DfspSettings))


def test_the_program_reads_like_a_table_of_contents(repository: Path) -> None:
    assert len((repository / "pulumi/dfsp/__main__.py").read_text(encoding="utf-8").splitlines()) < 30


def test_every_object_is_the_participants_and_in_its_namespace(dfsp: Recording) -> None:
    assert {each["metadata"]["labels"]["onboarding.mojaloop.io/owner"] for each in dfsp.objects} == {"greenbank"}
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in dfsp.objects} == {"greenbank"}


def test_two_participants_have_no_object_in_common(run_dfsp: Run) -> None:
    def places(found: Recording) -> set[tuple[str, str, str]]:
        return {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in found.objects}

    assert places(run_dfsp("lab.greenbank")) & places(run_dfsp("lab.bluebank")) == set()


def test_every_rule_is_kept(dfsp: Recording) -> None:
    assert [(each["kind"], said) for each in dfsp.objects for rule in RULES for said in rule.violations(each)] == []
    assert list(open_namespaces(dfsp.objects)) == []


def test_the_hub_and_nothing_else_reaches_the_gateway(dfsp: Recording) -> None:
    [rule] = dfsp.find("NetworkPolicy", "allow-hub")["spec"]["ingress"]
    assert [peer["ipBlock"]["cidr"] for peer in rule["from"]] == ["203.0.113.11/32", "2001:db8:6d6f::11/128"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8443}]
    policies = [each for each in dfsp.objects if each["kind"] == "NetworkPolicy"]
    blocks = [each["metadata"]["name"] for each in policies if "ipBlock" in json.dumps(each)]
    assert sorted(blocks) == ["allow-hub", "allow-to-hub"]


def test_the_connector_reaches_the_hub_and_nothing_else_outside(dfsp: Recording) -> None:
    policy = dfsp.find("NetworkPolicy", "allow-to-hub")["spec"]
    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": SDK}}
    assert [peer["ipBlock"]["cidr"] for peer in policy["egress"][0]["to"]] == ["203.0.113.10/32", "2001:db8:6d6f::10/128"]
    assert dfsp.find("ServiceEntry")["spec"]["hosts"] == ["api.hub.lab"]


def test_the_connectors_settings_follow_the_description(dfsp: Recording) -> None:
    settings = dfsp.find("ConfigMap", SDK)["data"]
    assert (settings["DFSP_ID"], settings["PEER_ENDPOINT"]) == ("greenbank", "api.hub.lab:8443")
    assert settings["OAUTH_TOKEN_ENDPOINT"] == "https://api.hub.lab:8443/oauth2/token"
    assert settings["SUPPORTED_CURRENCIES"] == "USD"
    assert (settings["BACKEND_ENDPOINT"], settings["CACHE_URL"]) == ("core-connector:3003", "redis://redis:6379")


def test_the_connectors_secrets_are_named_and_not_held(dfsp: Recording) -> None:
    [container] = dfsp.find("Deployment", SDK)["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in container["env"]] == ["ILP_SECRET", "OAUTH_CLIENT_KEY", "OAUTH_CLIENT_SECRET"]
    assert ["value" in each for each in container["env"]] == [False, False, False]
    assert [each for each in dfsp.objects if each["kind"] == "Secret"] == []


def test_no_run_waits_for_secrets_that_come_later(dfsp: Recording) -> None:
    assert dfsp.find("Deployment", SDK)["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


@pytest.mark.parametrize(("stack", "prefix", "rewrite"), [("lab.greenbank", "/", None), ("lab.bluebank", "/fspiop/", {"uri": "/"})])
def test_the_connector_sees_no_base_path(run_dfsp: Run, stack: str, prefix: str, rewrite: object) -> None:
    [route] = run_dfsp(stack).find("VirtualService")["spec"]["http"]
    assert (route["match"], route.get("rewrite")) == ([{"uri": {"prefix": prefix}}], rewrite)


def test_a_changed_setting_starts_the_pods_anew(run_dfsp: Run, tmp_path: Path, repository: Path) -> None:
    def digest(found: Recording) -> str:
        return str(found.find("Deployment", SDK)["spec"]["template"]["metadata"]["annotations"]["onboarding.mojaloop.io/settings"])

    folder = tmp_path / "lab"
    (folder / "participants").mkdir(parents=True)
    for name in ("hub.yml", "participants/greenbank.yml"):
        text = (repository / "inventories/lab" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("currencies: [USD]", "currencies: [USD, EUR]"), encoding="utf-8")
    assert digest(run_dfsp()) != digest(run_dfsp(description=str(folder)))


@pytest.mark.parametrize(
    ("name", "kind", "port"),
    [
        ("greenbank-sdk-scheme-adapter-api-svc", "Service", 4000),
        ("redis", "Service", 6379),
        ("core-connector", "Service", 3003),
        ("greenbank-connector-gateway", "Gateway", 8443),
    ],
)
def test_the_names_and_ports_of_deployments_are_kept(dfsp: Recording, name: str, kind: str, port: int) -> None:
    spec = dfsp.find(kind, name)["spec"]
    found = spec["servers"][0]["port"]["number"] if kind == "Gateway" else spec["ports"][0]["port"]
    assert found == port


def test_a_participants_gateway_object_chooses_its_own_pods_alone(run_dfsp: Run) -> None:
    """Istio looks for them in every namespace."""

    def chosen(name: str) -> dict[str, str]:
        found = run_dfsp(f"lab.{name}")
        selector: dict[str, str] = found.find("Gateway", f"{name}-connector-gateway")["spec"]["selector"]
        pods = found.find("Deployment", f"{name}-connector-gateway")["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= pods.items()
        return selector

    assert chosen("greenbank") != chosen("bluebank")


@pytest.mark.parametrize(
    ("stack", "says"),
    [("lab.no-one", "no participant 'no-one'"), ("lab", "no participant ''"), ("lab.probe-one", "is a probe participant")],
)
def test_a_stack_without_a_managed_participant_is_an_error(run_dfsp: Run, stack: str, says: str) -> None:
    with pytest.raises(pulumi.RunError, match=says):
        run_dfsp(stack)


def test_a_hub_that_has_published_nothing_is_an_error(run_dfsp: Run, tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError, match=r"cannot be read .*onboard\.yml"):
        run_dfsp(exchange=str(tmp_path))


def test_what_the_hub_published_and_no_one_approved_does_not_count(run_dfsp: Run, tmp_path: Path) -> None:
    exchange = publish(tmp_path / "exchange", "greenbank", egress_addresses=["192.0.2.1/32"])
    with pytest.raises(pulumi.RunError, match=r"awaiting approval: the hub published egress_addresses 192\.0\.2\.1/32; approved: "):
        run_dfsp(exchange=str(exchange))


def test_every_problem_of_the_settings_is_named(run_dfsp: Run) -> None:
    with pytest.raises(pulumi.RunError, match=r"(?s)connectorImage: .*cacheImage: "):
        run_dfsp(connectorImage="sdk:24", cacheImage=IMAGE.replace("sha256", "md5"))
