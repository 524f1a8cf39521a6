# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's environment on a real Kubernetes API: plan, apply, apply again, repair, remove. The tests build on each other, in order.

What a pipeline would do here, its own lines do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support.hosted_participants import describe_live
from support.kubernetes import ROOT, Cluster
from support.pipelines import command
from support.pulumi_runs import OFFICIAL_IS_HERE, PASSPHRASE, Stack, new_stack

from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import stack_outputs
from environments.verdict import Verdict

pytestmark = pytest.mark.xdist_group("cluster")
DIGEST = "sha256:" + "1" * 64
SETTINGS = {
    "context": "lab",
    "internalDomain": "int.hub.example",
    "internalSources": ["198.51.100.0/24"],
    "proxyImage": f"registry.example/istio/proxyv2@{DIGEST}",
    "serviceType": "NodePort",
    "connectionManager": {
        "apiImage": f"registry.example/connection-manager-api@{DIGEST}",
        "uiImage": f"registry.example/connection-manager-ui@{DIGEST}",
        "database": "mysql.databases.svc:3306",
        "vault": "http://vault.vault.svc:8200",
        "openidNamespace": "keycloak",
        "variables": {"LOG_LEVEL": "info"},
    },
}
PLAN, APPLY, LOOK = (command(ROOT, part) for part in ("verdict --allow", "pulumi up", "verdict pulumi"))
DRIFT = '[{"op": "replace", "path": "/spec/policyTypes", "value": ["Ingress"]}]'


@dataclass(frozen=True)
class Raised:
    """The hub's stack after its first ``up``: what the preview named, and what stood on the cluster before."""

    stack: Stack
    previewed: dict[str, list[str]]
    before: set[str]

    @property
    def cluster(self) -> Cluster:
        return self.stack.cluster

    def configure(self, **changed: object) -> None:
        self.stack.configure("mojaloop-hub", {**SETTINGS, **changed})

    @property
    def verdict(self) -> int:
        """The exit status of the pipeline that looks for drift."""
        return self.stack.run_line(LOOK).code


@pytest.fixture(scope="module")
def hub(cluster: Cluster, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raised]:
    """The hub's environment, made by a preview and one ``up``."""
    before = cluster.objects()
    clone = tmp_path_factory.mktemp("clone")
    describe_live(clone / "inventories/live", repository)
    (clone / "pulumi").mkdir()
    stack = new_stack(clone / "pulumi", repository / "pulumi/hub", cluster, "live")
    raised = Raised(stack, {}, before)
    raised.configure()
    raised.previewed.update(stack.previewed())
    applied = stack.run_line(APPLY)
    assert applied.code == 0, applied.text
    yield raised
    stack.run("destroy", "--yes", "--skip-preview", check=False)


def test_an_independent_reader_finds_exactly_what_the_preview_named(hub: Raised) -> None:
    assert hub.previewed.keys() == {"create"}
    assert hub.cluster.objects() - hub.before == set(hub.previewed["create"])


def test_a_second_up_changes_nothing(hub: Raised) -> None:
    ended = hub.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "unchanged" in ended.text
    assert OFFICIAL_IS_HERE or "stand-in for the Kubernetes provider" in ended.text


def test_kubectl_sees_no_difference_either(hub: Raised) -> None:
    resources = json.loads(hub.stack.run("stack", "export").text)["deployment"]["resources"]
    manifests = [each["inputs"] for each in resources if "kind" in each.get("inputs", {})]
    assert len(manifests) == len(hub.previewed["create"])
    options = ["--server-side", "--field-manager=pulumi-kubernetes", "--force-conflicts", "--filename=-"]
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": [_plain(each) for each in manifests]})
    found = hub.cluster.kubectl("diff", *options, content=content, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_a_privileged_pod_is_refused_by_the_server_itself(hub: Raised) -> None:
    refused = hub.cluster.kubectl("apply", "--filename=-", content=_pod(privileged=True), check=False)
    assert "violates PodSecurity" in refused.stderr
    hub.cluster.kubectl("apply", "--filename=-", content=_pod(privileged=False))  # the control
    hub.cluster.kubectl("--namespace=mojaloop", "delete", "pod", "tried", "--now")


def test_a_hand_edit_is_seen_and_repaired(hub: Raised) -> None:
    assert hub.verdict == Verdict.CLEAN
    hub.cluster.kubectl("--namespace=mojaloop", "patch", "networkpolicy", "default-deny", "--type=json", "--patch", DRIFT)
    assert hub.verdict == Verdict.DRIFT
    assert "default-deny" in hub.stack.logs[-1]
    hub.stack.run("up", "--yes", "--skip-preview", "--refresh")
    policy = hub.cluster.kubectl("--namespace=mojaloop", "get", "networkpolicy", "default-deny", "--output=json")
    assert json.loads(policy.stdout)["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_a_changed_setting_touches_only_its_objects(hub: Raised) -> None:
    hub.configure(internalSources=["198.51.100.0/24", "203.0.113.0/24"])
    assert hub.verdict == Verdict.CHANGE
    assert hub.stack.run_line(PLAN).code == Verdict.CLEAN  # a pull request may ask for a change
    changes = hub.stack.previewed()
    changes.pop("same", None)
    assert changes == {"update": ["AuthorizationPolicy.security.istio.io istio-ingress-int/int-interop-gateway-sources"]}
    hub.configure()


def test_an_invalid_value_shows_the_servers_own_words_in_the_preview(hub: Raised) -> None:
    program = hub.stack.folder / "__main__.py"
    kept = program.read_text(encoding="utf-8")
    broken = "from environments import openings\nopenings.ISTIOD_PORT = 70000\n"
    program.write_text(kept.replace("from environments.cluster", f"{broken}from environments.cluster"), encoding="utf-8")
    judged = hub.verdict
    program.write_text(kept, encoding="utf-8")
    assert judged == Verdict.ERROR
    assert "must be between 1 and 65535" in hub.stack.logs[-1]


def test_no_secret_stands_in_state_or_logs(hub: Raised) -> None:
    secrets = [hub.cluster.token, PASSPHRASE]
    canaries = [form for secret in secrets for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="))]
    texts = {str(path): path.read_text(encoding="utf-8", errors="replace") for path in hub.stack.state_files()}
    texts.update({f"log {number}": text for number, text in enumerate(hub.stack.logs)})
    assert any("NetworkPolicy" in text for text in texts.values())  # these are the files that hold the state
    assert [(place, canary) for place, text in texts.items() for canary in canaries if canary in text] == []


def test_the_outputs_are_those_that_the_playbooks_read(hub: Raised) -> None:
    printed = hub.stack.run("stack", "output", "--json").text
    found = stack_outputs(printed.encode(), where="the hub's stack")
    assert (found.side, found.environment) == ("hub", "live")
    fspiop = {
        "namespace": "istio-ingress-ext",
        "gateway": "ext-gateway",
        "listener": "interop-gateway",
        "host": "api.hub.lab",
        "port": 8443,
    }
    assert found.values["fspiopGateway"] == {**fspiop, "certificate": "vault-tls-cert", "addresses": []}


def test_destroy_leaves_nothing(hub: Raised) -> None:
    hub.stack.run("destroy", "--yes", "--skip-preview")
    assert hub.cluster.objects() - hub.before == set()


def _plain(inputs: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def _pod(*, privileged: bool) -> str:
    container = {
        "name": "tried",
        "image": f"registry.example/tried@{DIGEST}",
        "securityContext": {
            "allowPrivilegeEscalation": privileged,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": "mojaloop"}, "spec": {"containers": [container]}}
    return yaml.safe_dump(pod)
