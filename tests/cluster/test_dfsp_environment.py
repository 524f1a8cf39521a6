# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Managed participants on a real Kubernetes API: one comes, another comes, one goes, and the other never notices."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.kubernetes import Cluster
from support.published import publish
from support.pulumi_runs import PASSPHRASE, Ended, Stack, new_stack

from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import stack_outputs

pytestmark = pytest.mark.xdist_group("cluster")
IMAGE = "registry.example/app@sha256:" + "2" * 64
NAMES, FAILING = ("greenbank", "bluebank"), "redbank"
CANARY = "canary-of-a-client-secret"


@dataclass(frozen=True)
class Raised:
    """The stacks of two participants, what their previews named, and what stood on the cluster before."""

    cluster: Cluster
    before: set[str]
    stacks: dict[str, Stack]
    previewed: dict[str, dict[str, list[str]]]
    fleet: list[Ended] = field(default_factory=list)
    """How the run of all stacks together ended."""


@pytest.fixture(scope="module")
def dfsps(cluster: Cluster, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raised]:
    """Both made together, with a third whose stack fails."""
    folder = tmp_path_factory.mktemp("dfsps")
    raised = Raised(cluster, cluster.objects(), {}, {})
    first = new_stack(folder, repository / "pulumi/dfsp", cluster, f"lab.{NAMES[0]}")
    for name in (*NAMES, FAILING):
        exchange = publish(folder / "exchange", name)
        stack = first if name == NAMES[0] else first.beside(f"lab.{name}")
        images = dict.fromkeys(("connectorImage", "cacheImage", "backendImage", "proxyImage"), IMAGE)
        places = {"description": str(repository / "inventories/lab"), "exchange": str(exchange), "context": "lab"}
        stack.configure("mojaloop-dfsp", {**places, **images, "serviceType": "NodePort", "replicas": 1})
        if name != FAILING:
            raised.stacks[name] = stack
            raised.previewed[name] = stack.previewed()
    raised.fleet.append(first.run_python("environments.fleet", "up", "lab", *NAMES, FAILING, *_description(repository)))
    yield raised
    for stack in raised.stacks.values():
        stack.run("destroy", "--yes", "--skip-preview", check=False)


def test_one_stack_that_fails_stops_no_other(dfsps: Raised) -> None:
    [ended] = dfsps.fleet
    assert ended.code == 1, ended.text
    assert f"2 of 3 stacks done; failed: lab.{FAILING}" in ended.text


def test_each_has_what_its_preview_named_and_nothing_of_the_other(dfsps: Raised) -> None:
    assert [each.keys() for each in dfsps.previewed.values()] == [{"create"}, {"create"}]
    green, blue = (set(dfsps.previewed[name]["create"]) for name in NAMES)
    assert green & blue == set()
    assert dfsps.cluster.objects() - dfsps.before == green | blue


def test_the_outputs_say_whose_they_are_and_which_secrets_are_awaited(dfsps: Raised) -> None:
    printed = dfsps.stacks["bluebank"].run("stack", "output", "--json").text
    found = stack_outputs(printed.encode(), where="the participant's stack")
    assert (found.side, found.values["callbackGateway"]["host"]) == ("bluebank", "fspiop.bluebank.lab")
    assert sorted(found.values["secrets"]) == ["client", "ilp", "jwsKey", "oauth", "peerKeys"]


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


def _description(repository: Path) -> list[str]:
    return ["--description", str(repository / "inventories/lab")]
