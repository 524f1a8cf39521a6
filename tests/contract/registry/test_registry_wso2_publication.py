# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""APIs that are published at WSO2: deployed, proved by calls through the gateway, and refused to who is suspended."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from integration.test_oauth_authorization_server import self_signed
from support.wso2.gateway import BASE

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.authorization_servers import (
    EndpointCertificate,
    Publication,
    Wso2Server,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HUB, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import HttpClient, Route, bearer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import issued_path

from .conftest import Bench
from .wso2 import Wso2

ENDPOINT = "https://backend.hub.lab"


def about_apis(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.artefact, one.reason) for one in findings if one.artefact.startswith(("api ", "endpoint "))]


def call(wso2: Wso2, path: str, token: str = "", certificate: Path | None = None) -> int:
    """The status of a call through the gateway; the certificate stands in the header of what ends TLS in front of it."""
    with closing(HttpClient(Route(str(wso2.folder / "wso2.pem")))) as client:
        url = f"https://127.0.0.1:{wso2.running.port}{BASE}{path}"
        shown = {"X-WSO2-CLIENT-CERTIFICATE": b64encode(certificate.read_bytes()).decode()} if certificate else {}
        return client.request("GET", url, {**(bearer(token) if token else {}), **shown}).status


@pytest.fixture
def publishing(manager: Bench, wso2: Wso2, tmp_path: Path) -> Bench:
    """The FSPIOP API and the callback API are to be published; the backend is trusted by a certificate."""
    wso2.state.apis.clear()
    certificate = self_signed("backend", tmp_path)
    wso2.state.backend = certificate.read_text().strip()
    gateway = f"https://127.0.0.1:{wso2.running.port}{BASE}"
    manager.change_server(
        publish=(
            Publication("FSPIOP:1.1", "/fspiop", ENDPOINT, "gw.hub.lab", gateway_url=gateway, health="/health"),
            Publication("FSPIOP-Callbacks:1.1", "/callbacks", "http://127.0.0.1:3100", "gw.hub.lab"),
        ),
        endpoint_certificates=(EndpointCertificate("backend", ENDPOINT, str(certificate)),),
    )
    return manager


def test_apis_are_published_and_proved_by_traffic_once_the_timer_has_passed(publishing: Bench, wso2: Wso2) -> None:
    planned = publishing.run(check=True)
    assert publishing.writes == []
    found = publishing.run()
    both = [(f"api {name}", reason) for name in ("FSPIOP:1.1", "FSPIOP-Callbacks:1.1") for reason in ("api-missing", "api-not-deployed")]
    assert set(both) <= set(about_apis(planned))
    assert about_apis(planned) == about_apis(found)
    assert ("api FSPIOP:1.1", "gateway-not-proved") in about_apis(found)
    again = publishing.run()
    assert (about_apis(again), publishing.writes) == ([("api FSPIOP:1.1", "gateway-not-proved")], [])
    assert call(wso2, "/fspiop/1.1/health") == 503
    wso2.state.timer()
    publishing.settled()
    token = publishing.token("greenbank").token
    assert {path: call(wso2, path, token) for path in ("/fspiop/1.1/parties/MSISDN/1", "/fspiop/1.1/transfers/1")} == {
        "/fspiop/1.1/parties/MSISDN/1": 200,
        "/fspiop/1.1/transfers/1": 403,
    }
    assert call(wso2, "/fspiop/1.1/parties/MSISDN/1") == 401
    assert call(wso2, "/callbacks/1.1/parties/MSISDN/1", token) == 403  # no participant subscribes to it


def test_a_change_reaches_the_gateway_by_a_revision(publishing: Bench, wso2: Wso2) -> None:
    publishing.run()
    wso2.state.timer()
    api = next(one for one in wso2.state.apis.values() if one["name"] == "FSPIOP")
    for _ in range(6):
        api["operations"] = api["operations"][1:]
        api["_revisions"][-1]["deploymentInfo"] = []  # a person undeployed it as well
        found = about_apis(publishing.applied())
        assert found[:2] == [("api FSPIOP:1.1", "api-differs"), ("api FSPIOP:1.1", "api-not-deployed")]
        publishing.settled()
    assert len(api["_revisions"]) <= 5
    assert api["_revisions"][0]["deploymentInfo"][0]["name"] == "Default"


def test_a_replaced_certificate_is_uploaded_and_proved_anew(publishing: Bench, wso2: Wso2, tmp_path: Path) -> None:
    publishing.run()
    wso2.state.timer()
    publishing.settled()
    fresh = self_signed("backend", tmp_path)
    wso2.state.backend = fresh.read_text().strip()
    found = about_apis(publishing.run())
    assert found == [("endpoint certificate backend", "endpoint-certificate-differs"), ("api FSPIOP:1.1", "gateway-not-proved")]
    wso2.state.timer()
    publishing.settled()


def test_an_api_of_another_is_left_alone(publishing: Bench, wso2: Wso2) -> None:
    other = {"id": "9", "name": "FSPIOP", "version": "1.1", "context": "/other", "lifeCycleStatus": "PUBLISHED", "_revisions": []}
    wso2.state.apis["9"] = dict(other)
    found = publishing.run()
    assert "the API FSPIOP:1.1 exists, and is not of this environment" in str(found)
    assert wso2.state.apis["9"] == other


def test_who_is_suspended_is_refused_at_once_with_a_token_that_lives_on(publishing: Bench, wso2: Wso2) -> None:
    publishing.run()
    wso2.state.timer()
    tokens = {name: publishing.token(name).token for name in ("greenbank", "redbank")}

    def passed() -> dict[str, int]:
        return {name: call(wso2, "/fspiop/1.1/parties/MSISDN/1", token) for name, token in tokens.items()}

    assert passed() == {"greenbank": 200, "redbank": 200}
    publishing.change("greenbank", state=State.SUSPENDED)
    assert [one.detail for one in publishing.applied() if one.participant == "greenbank"] == ["grant types, deny policy"]
    assert passed() == {"greenbank": 403, "redbank": 200}
    publishing.settled()
    publishing.change("greenbank", state=State.ACTIVE)
    publishing.applied()
    assert passed() == {"greenbank": 200, "redbank": 200}
    publishing.change("greenbank", state=State.OFFBOARDED)
    publishing.run()
    assert (passed(), wso2.state.denials) == ({"greenbank": 401, "redbank": 200}, {})


def test_client_certificates_of_active_participants_alone_pass_where_wso2_checks_them(
    publishing: Bench, wso2: Wso2, certificates: dict[str, Path]
) -> None:
    server = publishing.description.hub.authorization_server
    assert isinstance(server, Wso2Server)
    publishing.change_server(publish=(replace(server.publish[0], mutual_tls=True),))
    for name in ("greenbank", "redbank"):
        publishing.tree.write(issued_path(HUB, name, "client"), certificates[name].read_bytes())
    planned = about_apis(publishing.applied())
    assert planned.count(("api FSPIOP:1.1", "client-certificate-missing")) == 2
    wso2.state.timer()
    publishing.settled()
    token = publishing.token("greenbank").token

    def passed(name: str = "") -> int:
        return call(wso2, "/fspiop/1.1/parties/MSISDN/1", token, certificates[name] if name else None)

    assert [passed("greenbank"), passed("bluebank"), passed()] == [200, 401, 401]
    publishing.tree.write(issued_path(HUB, "greenbank", "client"), certificates["bluebank"].read_bytes())
    found = [reason for _, reason in about_apis(publishing.applied())]
    assert found == ["client-certificate-missing", "client-certificate-retired", "api-not-deployed", "gateway-not-proved"]
    assert [passed("greenbank"), passed("bluebank")] == [401, 200]
    publishing.settled()
    publishing.change("redbank", state=State.OFFBOARDED)
    assert ("api FSPIOP:1.1", "client-certificate-retired") in about_apis(publishing.applied())
