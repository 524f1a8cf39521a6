# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the actions of a host decide before they speak with it: whose host it is, as whom they come, how long they wait."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants  # type: ignore[attr-defined]
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from tools import repository

from ansible_collections.mojaloop.onboarding.plugins.action import firewall, gateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.releases import MEANWHILE
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import sequence
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import steps_of
from ansible_collections.mojaloop.onboarding.plugins.modules import firewall as firewall_module
from ansible_collections.mojaloop.onboarding.plugins.modules import gateway as gateway_module
from ansible_collections.mojaloop.onboarding.plugins.plugin_utils.playbook import Kept, PlaybookFolder

ACTIONS: dict[str, Any] = {"firewall": firewall.ActionModule, "gateway": gateway.ActionModule}
MODULES: dict[str, Any] = {"mojaloop.onboarding.firewall": firewall_module, "mojaloop.onboarding.gateway": gateway_module}
BOTH = pytest.mark.parametrize("name", list(ACTIONS))
LAB = str(repository.ROOT / "inventories/lab")
Run = Callable[..., dict[str, Any]]


class Asked(AnsibleError):  # type: ignore[misc]
    """The host was asked; with what. An error as of a connection, which is Ansible's own to report."""

    def __init__(self, *asked: Any) -> None:  # noqa: ANN401 -- the arguments of a module
        super().__init__("asked")
        self.args = asked


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the role certificates plans for the lab in check mode."""
    folder = tmp_path_factory.mktemp("planned")
    sequence.run(sequence.Request(LAB, str(folder / "state"), check=True, plan=str(folder / "plan")), steps_of("certificates"))
    return folder / "plan"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Path) -> PlaybookFolder:
    """What this run of a playbook keeps: a plan, for a start."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "ansible"))
    folder = PlaybookFolder(LAB)
    folder.plan.parent.mkdir(parents=True)
    shutil.copytree(plan, folder.plan)
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: PlaybookFolder) -> Run:
    """Runs an action up to the moment at which it asks its host."""

    def asked(_self: object, *, module_name: str, module_args: dict[str, Any], **_more: object) -> None:
        understood = ArgumentSpecValidator(MODULES[module_name].ARGUMENTS).validate({"order": module_args["order"]})
        assert understood.error_messages == []
        raise Asked(module_name, module_args["order"])

    def run(name: str, *, check: bool = True, become: bool = False, host: str = "hub-gateway", **given: object) -> dict[str, Any]:
        action = ACTIONS[name]
        monkeypatch.setattr(action, "_execute_module", asked)
        monkeypatch.setattr(action, "_remove_tmp_path", lambda *_: None)
        arguments = {"description": LAB, "state": str(tmp_path), "side": "hub", **given}
        task = SimpleNamespace(args=arguments, check_mode=check, diff=False, async_val=0, action=f"mojaloop.onboarding.{name}")
        connection = SimpleNamespace(become=become, _shell=SimpleNamespace(tmpdir=""))
        return dict(action(task, connection, None, None, None).run(None, {"inventory_hostname": host}))

    return run


@BOTH
@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("side", "sides"),
    [("greenbank", "hub"), ("greenbank", ["hub", "bluebank"]), ("hub", "managed"), ("hub", "greenbank,bluebank")],
)
def test_a_host_whose_side_is_not_carried_out_here_is_left_alone(run: Run, name: str, side: str, sides: object, *, check: bool) -> None:
    found = run(name, check=check, side=side, host=f"{side}-gateway", sides=sides)
    assert (found["changed"], found["skipped"], found["findings"], found["faults"]) == (False, True, [], 0)
    assert found["skip_reason"].startswith(f"{side} is not among the sides carried out here: ")


@BOTH
@pytest.mark.parametrize(
    ("side", "sides"), [("hub", "hub"), ("hub", []), ("hub", ["all"]), ("greenbank", "managed"), ("greenbank", "greenbank")]
)
def test_a_host_whose_side_is_carried_out_here_is_asked(run: Run, name: str, side: str, sides: object) -> None:
    with pytest.raises(Asked) as asked:
        run(name, side=side, host=f"{side}-gateway", sides=sides)
    assert asked.value.args[0] == f"mojaloop.onboarding.{name}"
    assert asked.value.args[1]["do"] == "observe"


@BOTH
def test_sides_that_no_one_here_carries_out_are_an_error(run: Run, name: str) -> None:
    with pytest.raises(AnsibleActionFail, match="a side that this installation does not act for"):
        run(name, sides="redbank")


def test_check_mode_reads_what_the_tasks_before_have_planned(run: Run, kept: PlaybookFolder) -> None:
    with pytest.raises(Asked):
        run("gateway")
    kept.forget_plan()
    found = run("gateway")
    assert found["findings"], "without a plan there is no certificate yet, and no host is asked"
    assert found["changed"] is False


def test_the_end_of_a_task_is_kept_for_the_summary(run: Run, kept: PlaybookFolder) -> None:
    run("gateway", side="greenbank", sides="hub", host="greenbank-gateway")
    with pytest.raises(AnsibleActionFail):
        run("gateway", become=True)
    ends = kept.kept()
    assert ends[0] == Kept("greenbank-gateway", "mojaloop.onboarding.gateway")
    assert (ends[1].host, ends[1].findings) == ("hub-gateway", [])
    assert "privilege escalation" in ends[1].failed
    kept.close()
    assert kept.kept() == ends, "a second summary is about the same"
    kept.keep(Kept("hub-gateway", "gateway"))
    assert kept.kept() == [Kept("hub-gateway", "gateway")], "what comes later is another summary's"
    assert not kept.plan.exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_gateway_is_refused_with_privilege_escalation_before_its_host_is_asked(run: Run, *, check: bool) -> None:
    with pytest.raises(AnsibleActionFail, match=r"privilege escalation\. Leave ansible_become out .* ansible_user: root"):
        run("gateway", check=check, become=True)
    with pytest.raises(Asked):
        run("gateway", become=False)
    with pytest.raises(Asked):
        run("firewall", become=True)


@BOTH
@pytest.mark.parametrize("given", ["soon", "", "1.5", "-1", 0, "3601", True, "٣"])
def test_what_is_no_time_to_confirm_within_is_refused(run: Run, name: str, given: object) -> None:
    with pytest.raises(AnsibleActionFail, match=r"confirm_within: .* is no time .* whole number of seconds from 1 to 3600"):
        run(name, confirm_within=given)


@BOTH
@pytest.mark.parametrize(("given", "seconds"), [({}, 30), ({"confirm_within": "90"}, 90), ({"confirm_within": 3600}, 3600)])
def test_a_host_looks_no_sooner_than_a_change_could_still_be_undone(run: Run, name: str, given: dict[str, Any], seconds: int) -> None:
    with pytest.raises(Asked) as asked:
        run(name, **given)
    assert asked.value.args[1]["seconds"] == seconds


def test_a_defect_is_a_failure_of_its_host_that_the_summary_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> dict[str, Any]:
        raise TypeError("secret-7")

    kept: list[Kept] = []
    monkeypatch.setattr(PlaybookFolder, "keep", lambda _self, one: kept.append(one))
    monkeypatch.setattr(firewall.ActionModule, "carry_out", broken)
    with pytest.raises(AnsibleActionFail, match=r"^TypeError at \S+:\d+: a defect of this collection") as failed:
        run("firewall")
    assert "secret-7" not in str(failed.value)
    assert [one.failed for one in kept] == [str(failed.value)]


def test_the_hosts_unit_is_passed_to_it(run: Run) -> None:
    with pytest.raises(Asked) as asked:
        run("gateway", service="haproxy")
    assert asked.value.args[1]["place"]["service"] == "haproxy"


@pytest.mark.parametrize(("times", "ends"), [(0, True), (2, True), (3, False)])
def test_a_gateway_that_another_run_changes_is_looked_at_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, times: int, *, ends: bool
) -> None:
    looks = iter([GatewayError(MEANWHILE, where="hub-gateway")] * times)

    def compare(*_arguments: object) -> dict[str, Any]:
        for error in looks:
            raise error
        return {"changed": False}

    monkeypatch.setattr(gateway.ActionModule, "_compare", compare)
    monkeypatch.setattr(gateway, "driver_of", lambda _: SimpleNamespace(place=None, target=lambda *_: None, render=lambda _: None))
    model = SimpleNamespace(inbound=True, outbound=SimpleNamespace(destinations=()), kept=frozenset())
    monkeypatch.setattr(gateway.ActionModule, "_model", lambda *_: model)
    if ends:
        assert run("gateway", check=False) == {"changed": False}
    else:
        with pytest.raises(AnsibleActionFail, match=MEANWHILE):
            run("gateway", check=False)
