# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Managed participants on a real Kubernetes API: one comes, another comes, one goes, and the other never notices."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.depth import DEEP
from support.hosted_participants import describe_live
from support.kubernetes import ROOT, Cluster
from support.pipelines import command
from support.published import publish
from support.pulumi_runs import PASSPHRASE, Ended, Stack, new_stack

from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import stack_outputs

pytestmark = pytest.mark.xdist_group("cluster")
IMAGE = "registry.example/app@sha256:" + "2" * 64
COUNT = 8 if DEEP else 3
FAILING = "bank2"
NAMES = [f"bank{number}" for number in range(COUNT) if f"bank{number}" != FAILING]
FIRST = NAMES[0]
FLEET = command(ROOT, "fleet")
CANARY = "canary-of-a-client-secret"


@dataclass(frozen=True)
class Raised:
    """The stacks of the participants, what the previews named, what stood on the cluster before, and how the run of all ended."""

    cluster: Cluster
    before: set[str]
    stacks: dict[str, Stack]
    previewed: dict[str, dict[str, list[str]]]
    fleet: Ended


@pytest.fixture(scope="module")
def dfsps(cluster: Cluster, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raised]:
    """All of an environment made together by the pipeline's line; the hub has published nothing for one of them."""
    before, clone = cluster.objects(), tmp_path_factory.mktemp("clone")
    describe_live(clone / "inventories/live", repository, COUNT)
    (clone / "pulumi").mkdir()
    first = new_stack(clone / "pulumi", repository / "pulumi/dfsp", cluster, f"live.{FIRST}")
    stacks = {name: first if name == FIRST else first.beside(f"live.{name}") for name in (*NAMES, FAILING)}
    images = dict.fromkeys(("connectorImage", "cacheImage", "backendImage", "proxyImage"), IMAGE)
    for name, stack in stacks.items():
        stack.configure("mojaloop-dfsp", {**images, "context": "lab", "serviceType": "NodePort", "replicas": 1})
        if name != FAILING:
            publish(clone / ".state/live/exchange", name)
    del stacks[FAILING]
    previewed = {name: stack.previewed() for name, stack in stacks.items()}
    yield Raised(cluster, before, stacks, previewed, first.run_line(FLEET))
    for stack in stacks.values():
        stack.run("destroy", "--yes", "--skip-preview", check=False)


def test_one_stack_that_fails_stops_no_other(dfsps: Raised) -> None:
    assert dfsps.fleet.code == 1, dfsps.fleet.text
    print(f"\n{dfsps.fleet.text}")  # noqa: T201 -- figures for people
    assert f"{COUNT - 1} of {COUNT} stacks done; failed: live.{FAILING}" in dfsps.fleet.text
    assert "the hub's publication cannot be read" in dfsps.fleet.text


def test_each_has_what_its_preview_named_and_nothing_of_the_other(dfsps: Raised) -> None:
    assert [each.keys() for each in dfsps.previewed.values()] == [{"create"}] * len(NAMES)
    named = [each for name in NAMES for each in dfsps.previewed[name]["create"]]
    assert len(named) == len(set(named))
    assert dfsps.cluster.objects() - dfsps.before == set(named)


def test_the_outputs_say_whose_they_are_and_which_secrets_are_awaited(dfsps: Raised) -> None:
    printed = dfsps.stacks["bank1"].run("stack", "output", "--json").text
    found = stack_outputs(printed.encode(), where="the participant's stack")
    assert (found.side, found.values["callbackGateway"]["host"]) == ("bank1", "fspiop.bank1.lab")
    assert sorted(found.values["secrets"]) == ["client", "ilp", "jwsKey", "oauth", "peerKeys"]


def test_the_connectors_secrets_come_from_elsewhere_and_stay_there(dfsps: Raised) -> None:
    secret = ["create", "secret", "generic", "pm4ml-external-switch-client-secret", f"--from-literal=client_secret={CANARY}"]
    dfsps.cluster.kubectl(f"--namespace={FIRST}", *secret)
    dfsps.stacks[FIRST].run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    canaries = [form for each in (CANARY, PASSPHRASE, dfsps.cluster.token) for form in (each, base64.b64encode(each.encode()).decode())]
    texts = {str(path): path.read_text(encoding="utf-8") for stack in dfsps.stacks.values() for path in stack.state_files()}
    texts.update({f"{name} {number}": text for name, stack in dfsps.stacks.items() for number, text in enumerate(stack.logs)})
    assert any("sdk-scheme-adapter" in text for text in texts.values())
    assert [(place, canary) for place, text in texts.items() for canary in canaries if canary in text] == []


def test_removing_one_removes_all_of_it_and_nothing_of_the_others(dfsps: Raised) -> None:
    dfsps.stacks[FIRST].run("destroy", "--yes", "--skip-preview")
    others = {each for name in NAMES[1:] for each in dfsps.previewed[name]["create"]}
    assert dfsps.cluster.objects() - dfsps.before == others
    for name in NAMES[1:]:
        dfsps.stacks[name].run("destroy", "--yes", "--skip-preview")
    assert dfsps.cluster.objects() - dfsps.before == set()
