# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An LFI's edge: its Ozone Connect server behind the gateway that the API Hub calls, and nothing of FSPIOP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from support.hosted_participants import API_HUB, describe_lfi
from support.published import publish
from support.pulumi_mocks import Recording

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from policies.rules import RULES, open_namespaces

from .conftest import IMAGE, Run


@pytest.fixture(scope="module")
def settings(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The LFI's stack."""
    place = tmp_path_factory.mktemp("lfi")
    exchange = publish(place / "state/exchange", "oasis", **API_HUB)
    folder = describe_lfi(place / "uae-lab", repository)
    return {"stack": "uae-lab.oasis", "description": str(folder), "exchange": str(exchange), "connectorImage": "", "cacheImage": ""}


@pytest.fixture(scope="module")
def lfi(run_dfsp: Run, settings: dict[str, Any]) -> Recording:
    """What the program makes of it."""
    return run_dfsp(**settings)


def test_every_rule_is_kept(lfi: Recording) -> None:
    assert [(each["kind"], said) for each in lfi.objects for rule in RULES for said in rule.violations(each)] == []
    assert list(open_namespaces(lfi.objects)) == []
    assert {each["metadata"]["labels"]["onboarding.mojaloop.io/owner"] for each in lfi.objects} == {"oasis"}


def test_nothing_of_fspiop_is_there(lfi: Recording, dfsp: Recording) -> None:
    def deployments(found: Recording) -> set[str]:
        return {each["metadata"]["name"] for each in found.objects if each["kind"] == "Deployment"}

    assert deployments(lfi) == {"oasis-connector-gateway", "ozone-connect"}
    assert deployments(dfsp) >= {"sdk-scheme-adapter", "redis"}  # the control
    assert [each["metadata"]["name"] for each in lfi.objects if "source-once" in each["metadata"]["name"]] == []
    assert [each["metadata"]["name"] for each in dfsp.objects if "source-once" in each["metadata"]["name"]] != []


def test_the_api_hub_reaches_the_server_through_the_gateway_alone(lfi: Recording) -> None:
    [rule] = lfi.find("NetworkPolicy", "allow-hub")["spec"]["ingress"]
    assert [peer["ipBlock"]["cidr"] for peer in rule["from"]] == ["203.0.113.11/32"]
    [server] = lfi.find("Gateway", "oasis-connector-gateway")["spec"]["servers"]
    assert (server["hosts"], server["tls"]["mode"]) == (["connect.oasis.lab"], "MUTUAL")
    [route] = lfi.find("VirtualService", "oasis-connector-vs")["spec"]["http"]
    assert route["route"][0]["destination"] == {"host": "ozone-connect", "port": {"number": 8080}}
    assert lfi.find("AuthorizationPolicy", "oasis-connector-gateway-floor")["spec"].keys() == {"selector"}


def test_the_server_gets_the_hubs_address_and_gets_its_certificate_from_a_secret(lfi: Recording) -> None:
    variables = lfi.find("ConfigMap", "ozone-connect")["data"]
    assert (variables["LFI_CODE"], variables["API_HUB_URL"]) == ("oasis", "https://cm.oasis.preprod.apihub.lab:443")
    pod = lfi.find("Deployment", "ozone-connect")["spec"]["template"]["spec"]
    assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == ["hub-client-tls"]
    policy = lfi.find("NetworkPolicy", "allow-to-hub")["spec"]
    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "ozone-connect"}}


@pytest.mark.parametrize("key", ["connectorImage", "cacheImage"])
def test_an_image_that_it_has_no_use_for_is_refused(run_dfsp: Run, settings: dict[str, Any], key: str) -> None:
    with pytest.raises(pulumi.RunError, match=f"{key}: the connector is ozone-connect, which has none; allowed: nothing"):
        run_dfsp(**{**settings, key: IMAGE})


def test_another_scheme_has_no_such_connector(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    (folder / "participants").mkdir(parents=True)
    (folder / "hub.yml").write_bytes((repository / "inventories/lab/hub.yml").read_bytes())
    values = yaml.safe_load((repository / "inventories/lab/participants/greenbank.yml").read_text(encoding="utf-8"))
    (folder / "participants/greenbank.yml").write_text(yaml.safe_dump({**values, "connector": "ozone-connect"}), encoding="utf-8")
    [(_file, [problem])] = load_description(folder).broken
    assert "connector.kind: found 'ozone-connect'; allowed: another one" in problem
