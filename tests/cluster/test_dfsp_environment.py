# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Managed participants on a real Kubernetes API: one comes, another comes, one goes, and the other never notices."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.kubernetes import Cluster
from support.published import publish
from support.pulumi_runs import PASSPHRASE, Stack, new_stack

pytestmark = pytest.mark.xdist_group("cluster")
IMAGE = "registry.example/app@sha256:" + "2" * 64
NAMES = ("greenbank", "bluebank")
CANARY = "canary-of-a-client-secret"


@dataclass(frozen=True)
class Raised:
    """The stacks of two participants, what their previews named, and what stood on the cluster before."""

    cluster: Cluster
    before: set[str]
    stacks: dict[str, Stack]
    previewed: dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def dfsps(cluster: Cluster, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raised]:
    """Both made, one after the other."""
    folder = tmp_path_factory.mktemp("dfsps")
    raised = Raised(cluster, cluster.objects(), {}, {})
    for name in NAMES:
        exchange = publish(folder / "exchange", name)
        stack = new_stack(folder / name, repository / "pulumi/dfsp", cluster, f"lab.{name}")
        images = dict.fromkeys(("connectorImage", "cacheImage", "backendImage", "proxyImage"), IMAGE)
        places = {"description": str(repository / "inventories/lab"), "exchange": str(exchange), "context": "lab"}
        stack.configure("mojaloop-dfsp", {**places, **images, "serviceType": "NodePort", "replicas": 1})
        raised.previewed[name] = stack.previewed()
        stack.run("up", "--yes", "--skip-preview")
        raised.stacks[name] = stack
    yield raised
    for stack in raised.stacks.values():
        stack.run("destroy", "--yes", "--skip-preview", check=False)


def test_each_has_what_its_preview_named_and_nothing_of_the_other(dfsps: Raised) -> None:
    assert [each.keys() for each in dfsps.previewed.values()] == [{"create"}, {"create"}]
    green, blue = (set(dfsps.previewed[name]["create"]) for name in NAMES)
    assert green & blue == set()
    assert dfsps.cluster.objects() - dfsps.before == green | blue


def test_the_connectors_secrets_come_from_elsewhere_and_stay_there(dfsps: Raised) -> None:
    secret = ["create", "secret", "generic", "pm4ml-external-switch-client-secret", f"--from-literal=client_secret={CANARY}"]
    dfsps.cluster.kubectl("--namespace=greenbank", *secret)
    dfsps.stacks["greenbank"].run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    canaries = [form for each in (CANARY, PASSPHRASE, dfsps.cluster.token) for form in (each, base64.b64encode(each.encode()).decode())]
    texts = {str(path): path.read_text(encoding="utf-8") for stack in dfsps.stacks.values() for path in stack.state_files()}
    texts.update({f"{name} {number}": text for name, stack in dfsps.stacks.items() for number, text in enumerate(stack.logs)})
    assert any("sdk-scheme-adapter" in text for text in texts.values())
    assert [(place, canary) for place, text in texts.items() for canary in canaries if canary in text] == []


def test_removing_one_removes_all_of_it_and_nothing_of_the_other(dfsps: Raised) -> None:
    dfsps.stacks["greenbank"].run("destroy", "--yes", "--skip-preview")
    assert dfsps.cluster.objects() - dfsps.before == set(dfsps.previewed["bluebank"]["create"])
    dfsps.stacks["bluebank"].run("destroy", "--yes", "--skip-preview")
    assert dfsps.cluster.objects() - dfsps.before == set()
