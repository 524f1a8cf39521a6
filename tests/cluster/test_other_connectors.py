# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Participants with another connector than the SDK alone, on a real Kubernetes API: a hosted Payment Manager, an LFI's edge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hosted_participants import API_HUB, IMAGE, MANAGER, describe_hosted, describe_lfi
from support.kubernetes import Cluster
from support.published import publish
from support.pulumi_runs import new_stack

from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import stack_outputs

pytestmark = pytest.mark.xdist_group("cluster")
SDK = {"connectorImage": IMAGE, "cacheImage": IMAGE}
WORKLOADS = {
    "greenbank": {"sdk-scheme-adapter", "redis", "core-connector", "management-api", "experience-api", "payment-manager-ui"},
    "oasis": {"ozone-connect"},
}
GATEWAYS = {"greenbank": {"greenbank-connector-gateway", "greenbank-portal-gateway"}, "oasis": {"oasis-connector-gateway"}}
SECRETS = {"greenbank": {"oauth", "ilp", "vault", "portal", "portalCertificate"}, "oasis": {"client"}}


@pytest.mark.parametrize(
    ("name", "environment", "describe", "settings"),
    [
        ("greenbank", "lab", describe_hosted, {**SDK, "paymentManager": MANAGER}),
        ("oasis", "uae-lab", describe_lfi, {}),
    ],
)
def test_what_the_preview_names_is_made_and_removed(
    cluster: Cluster,
    repository: Path,
    tmp_path: Path,
    name: str,
    environment: str,
    describe: Callable[[Path, Path], Path],
    settings: dict[str, Any],
) -> None:
    before = cluster.objects()
    publish(tmp_path / f".state/{environment}/exchange", "oasis", **API_HUB)
    describe(tmp_path / f"inventories/{environment}", repository)
    (tmp_path / "pulumi").mkdir()
    stack = new_stack(tmp_path / "pulumi", repository / "pulumi/dfsp", cluster, f"{environment}.{name}")
    common = {"context": "lab", "backendImage": IMAGE, "proxyImage": IMAGE, "serviceType": "NodePort", "replicas": 1}
    stack.configure("mojaloop-dfsp", {**common, **settings})
    previewed = stack.previewed()
    assert previewed.keys() == {"create"}
    try:
        stack.run("up", "--yes", "--skip-preview")
        assert cluster.objects() - before == set(previewed["create"])
        deployments = cluster.kubectl(f"--namespace={name}", "get", "deployments", "--output=name").stdout.split()
        assert {each.partition("/")[2] for each in deployments} == WORKLOADS[name] | GATEWAYS[name]
        found = stack_outputs(stack.run("stack", "output", "--json").text.encode(), where="the stack")
        assert {*found.values["secrets"]} == SECRETS[name]
    finally:
        stack.run("destroy", "--yes", "--skip-preview")
    assert cluster.objects() - before == set()
