# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way out of the cluster to one counterpart as objects: which certificate, which trust, which name, which addresses."""

from __future__ import annotations

import base64
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from support.authorities import Authority

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.kubernetes_gateway import KubernetesGateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.callbacks import callback_objects
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.place import Place
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Destination

ON = KubernetesGateway("kubernetes", "hub-gateway", "", (Listener(ip_address("192.0.2.1"), 443),), kubeconfig_file="/kubeconfig")
PLACE = Place("hub", "api.test", 443, ON)
AUTHORITY = Authority("Green CA")
GREEN = Destination(
    "greenbank", "greenbank", "fspiop.greenbank.test", 8443, "", (ip_address("198.51.100.7"), ip_address("2001:db8::7")),
    AUTHORITY.pem, AUTHORITY.identity("switch"), (ip_network("192.0.2.1/32"),),
)  # fmt: skip


def made(**changed: Any) -> dict[str, Any]:  # noqa: ANN401
    return callback_objects(PLACE, replace(GREEN, **changed))


def test_the_counterpart_is_known_by_its_ca_and_its_name_and_gets_its_own_certificate() -> None:
    found = made()
    (port,) = found["origination"]["spec"]["trafficPolicy"]["portLevelSettings"]
    host = "fspiop.greenbank.test"
    assert port["tls"] == {"mode": "MUTUAL", "credentialName": "callback-greenbank", "sni": host, "subjectAltNames": [host]}
    secret = found["secret"]
    assert (secret["metadata"]["name"], base64.b64decode(secret["data"]["ca.crt"])) == ("callback-greenbank", AUTHORITY.pem)
    assert base64.b64decode(secret["data"]["tls.crt"]).startswith(GREEN.identity.certificate)


def test_only_approved_addresses_that_can_be_reached_are_called() -> None:
    found = made()
    assert found["entry"]["spec"]["endpoints"] == [{"address": "198.51.100.7"}]
    assert found["entry"]["spec"]["resolution"] == "STATIC"
    assert found["opening"]["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}], "ports": [{"protocol": "TCP", "port": 8443}]}
    ]
    both = made(sources=(ip_network("192.0.2.1/32"), ip_network("2001:db8::1/128")))
    assert [block["ipBlock"]["cidr"] for block in both["opening"]["spec"]["egress"][0]["to"]] == ["198.51.100.7/32", "2001:db8::7/128"]
    assert made(sources=()) == {}


def test_services_reach_it_through_the_egress_gateway_alone() -> None:
    inside, outside = made()["route"]["spec"]["http"]
    assert inside["match"] == [{"gateways": ["mesh"], "port": 80}]
    assert inside["route"][0]["destination"]["host"] == "egress-gateway.istio-egress.svc.cluster.local"
    assert outside["match"] == [{"gateways": ["istio-egress/callback-greenbank"], "port": 443}]
    assert outside["route"][0]["destination"] == {"host": "fspiop.greenbank.test", "port": {"number": 8443}}
    assert made()["listener"]["spec"]["servers"][0]["tls"] == {"mode": "ISTIO_MUTUAL"}


def test_two_counterparts_share_no_object() -> None:
    names = [
        {(each["kind"], each["metadata"]["name"]) for each in made(participant=name).values()}
        for name in ("greenbank", "Greenbank", "blue")
    ]
    assert [len(each) for each in names] == [7, 7, 7]
    assert len(set.union(*names)) == 21


@pytest.mark.parametrize("changed", [{"host": "*.test"}, {"host": "a b"}, {"port": 80}, {"participant": "../x"}])
def test_an_unfit_value_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        made(**changed)
