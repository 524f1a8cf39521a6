# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every rule refuses what breaks it, and lets the same object pass once the one wrong fact is right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pulumi_mocks import run_program

from policies.rules import RULES, open_namespaces

Object = dict[str, Any]
DIGEST = "registry.example/app@sha256:" + "1" * 64


def _object(kind: str, spec: Object, version: str = "v1", **more: Any) -> Object:  # noqa: ANN401 -- parts of a manifest
    labels = {"onboarding.mojaloop.io/owner": "greenbank"}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "greenbank", "labels": labels},
        "spec": spec,
        **more,
    }


def _deployment() -> Object:
    container = {
        "name": "app",
        "image": DIGEST,
        "securityContext": {"allowPrivilegeEscalation": False},
        "env": [{"name": "OAUTH_CLIENT_SECRET", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "secret"}}}],
    }
    pod = {"securityContext": {"runAsNonRoot": True}, "containers": [container]}
    return _object("Deployment", {"template": {"metadata": {}, "spec": pod}}, "apps/v1")


def _gateway() -> Object:
    return _object("Gateway", {"servers": [{"tls": {"mode": "MUTUAL"}}]}, "networking.istio.io/v1")


def _network_policy() -> Object:
    return _object("NetworkPolicy", {"ingress": [{"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}]}, "networking.k8s.io/v1")


def _authorization() -> Object:
    rules = [{"from": [{"source": {"ipBlocks": ["198.51.100.7/32"]}}]}]
    return _object("AuthorizationPolicy", {"rules": rules}, "security.istio.io/v1")


def _set(*path: str | int, to: object) -> Callable[[Object], None]:
    def change(found: Any) -> None:  # noqa: ANN401 -- a part of a manifest
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = to

    return change


POD = ("spec", "template", "spec")
APP = (*POD, "containers", 0)
PLAIN = {"name": "OAUTH_CLIENT_SECRET", "value": "canary"}
CASES = [
    ("no-plaintext-secret", lambda: _object("Secret", {}, data={}), _set("data", to={"a": "Y2FuYXJ5"})),
    ("no-plaintext-secret", lambda: _object("Secret", {}, stringData={}), _set("stringData", to={"a": "canary"})),
    ("no-plaintext-secret", lambda: _object("ConfigMap", {}, data={"DFSP_ID": "x"}), _set("data", to={"ILP_SECRET": "canary"})),
    ("no-plaintext-secret", _deployment, _set(*APP, "env", to=[PLAIN])),
    ("no-open-allowlist", _network_policy, _set("spec", "ingress", 0, "from", 0, "ipBlock", "cidr", to="0.0.0.0/0")),
    ("no-open-allowlist", _network_policy, _set("spec", "ingress", 0, "from", 0, "ipBlock", "cidr", to="::/0")),
    ("no-open-allowlist", _network_policy, _set("spec", "ingress", 0, "from", to=[])),
    ("no-open-allowlist", _authorization, _set("spec", "rules", to=[{}])),
    ("no-open-allowlist", _authorization, _set("spec", "rules", 0, "from", 0, "source", to={"remoteIpBlocks": ["0.0.0.0/1"]})),
    ("mutual-tls", _gateway, _set("spec", "servers", 0, "tls", "mode", to="SIMPLE")),
    ("mutual-tls", _gateway, _set("spec", "servers", 0, to={"port": {"number": 80}})),
    (
        "mutual-tls",
        lambda: _object("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, "security.istio.io/v1"),
        _set("spec", "mtls", "mode", to="PERMISSIVE"),
    ),
    ("image-by-digest", _deployment, _set(*APP, "image", to="registry.example/app:1.2")),
    ("no-privileged-pod", _deployment, _set(*APP, "securityContext", to={})),
    ("no-privileged-pod", _deployment, _set(*APP, "securityContext", to={"privileged": True, "allowPrivilegeEscalation": False})),
    ("no-privileged-pod", _deployment, _set(*POD, "securityContext", to={})),
    ("no-privileged-pod", _deployment, _set(*POD, "hostNetwork", to=True)),
    ("owner-label", _gateway, _set("metadata", "labels", to={})),
]


def _violations(found: Object) -> dict[str, list[str]]:
    return {rule.name: said for rule in RULES if (said := list(rule.violations(found)))}


@pytest.mark.parametrize(("rule", "right", "change"), CASES)
def test_a_rule_refuses_what_breaks_it_and_nothing_else(rule: str, right: Callable[[], Object], change: Callable[[Object], None]) -> None:
    found = right()
    assert _violations(found) == {}  # the control
    wrong = copy.deepcopy(found)
    change(wrong)
    assert list(_violations(wrong)) == [rule]


@pytest.mark.parametrize("name", ["VAULT_ROLE_SECRET_ID_FILE", "PRIVATE_KEY_LENGTH", "PRIVATE_KEY_ALGORITHM"])
def test_a_name_that_says_where_or_what_a_secret_is_holds_none(name: str) -> None:
    assert _violations(_object("ConfigMap", {}, data={name: "x"})) == {}
    holding = name.rpartition("_")[0]
    assert list(_violations(_object("ConfigMap", {}, data={holding: "x"}))) == ["no-plaintext-secret"]  # the control


def test_every_rule_is_tried() -> None:
    assert {rule.name for rule in RULES} == {case[0] for case in CASES}


def test_a_listener_without_client_certificates_says_why() -> None:
    gateway = _gateway()
    gateway["spec"]["servers"][0]["tls"]["mode"] = "SIMPLE"
    gateway["metadata"]["annotations"] = {"onboarding.mojaloop.io/without-client-certificate": "browsers of the hub's staff have none"}
    assert _violations(gateway) == {}


def test_a_namespace_without_default_deny_is_refused() -> None:
    namespace = _object("Namespace", {})
    namespace["metadata"]["name"] = "greenbank"
    deny = _object("NetworkPolicy", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "networking.k8s.io/v1")
    assert list(open_namespaces([namespace, deny])) == []  # the control
    half = copy.deepcopy(deny)
    half["spec"]["policyTypes"] = ["Ingress"]
    for wrong in ([namespace], [namespace, half]):
        assert list(open_namespaces(wrong)) == ["the namespace greenbank has no NetworkPolicy that denies by default"]


def test_the_hubs_program_keeps_every_rule(repository: Path) -> None:
    settings = {
        "description": str(repository / "inventories/lab"),
        "context": "lab",
        "internalDomain": "int.hub.example",
        "internalSources": ["198.51.100.0/24"],
        "proxyImage": DIGEST,
    }
    objects = run_program(repository / "pulumi/hub", "lab", settings).objects
    assert [(each["kind"], each["metadata"]["name"], said) for each in objects if (said := _violations(each))] == []
    assert list(open_namespaces(objects)) == []
