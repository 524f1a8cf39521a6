# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kind of gateway of one's own: a driver in one row, and the action that keeps every other kind keeps it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants  # type: ignore[attr-defined]
from support.trees import use_cheap_keys
from unit.steps.conftest import HUB, Site, site

from ansible_collections.mojaloop.onboarding.plugins.action import gateway as action
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.driver import Driver
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.drivers import DRIVERS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.release import Release, release_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import maps
from ansible_collections.mojaloop.onboarding.plugins.plugin_utils import hosts


def render(model: GatewayModel) -> Release:
    assert model.inbound
    callers = {f"participants/{one.participant}/caller.json": json.dumps(one.certificates).encode() for one in model.inbound.callers}
    return Release({"server.pem": model.inbound.identity.certificate, **callers}, maps(model.inbound.callers, (), routed=True))


@dataclass
class Toy:
    """A gateway that is a dictionary."""

    files: dict[str, str] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    changes: int = 0

    def observe(self) -> dict[str, Any]:
        digest = release_digest(self.files) if self.files else ""
        nothing: dict[str, Any] = {"stale": [], "undone": [], "absent": [], "token_endpoint": ""}
        return {"running": digest, "installed": digest, "files": dict(self.files), "maps": self.maps, **nothing}

    def change(self, made: Plan, observed: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        assert observed == self.observe()
        self.files, self.maps, self.changes = dict(made.files), dict(made.maps), self.changes + 1
        return 0, self.observe()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Toy]:
    """An onboarded environment whose hub has a toy for a gateway."""
    use_cheap_keys(monkeypatch)
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "ansible"))
    made, running = site(tmp_path, "greenbank"), Toy()
    places = {name: {"address": "127.0.0.1", "port": port} for name, port in (("inbound_backend", 3000), ("outbound", 3100))}
    gateway = {"host": "hub-gateway", "kind": "haproxy", "inbound": [{"address": "127.0.0.1", "port": 8443}], **places}
    made.hub["hub"] = {**HUB["hub"], "gateways": [gateway]}
    made.describe().run()

    def toys(folder: Path, **more: Any) -> Description:  # noqa: ANN401
        found = load_description(folder, **more)
        return replace(found, hub=replace(found.hub, gateways=(replace(found.hub.gateways[0], kind="toy", host=""),)))

    monkeypatch.setattr(hosts, "load_description", toys)
    monkeypatch.setitem(DRIVERS, "toy", Driver(render, target=lambda _model, _seconds: running))
    return made, running


def keep(made: Site, **given: object) -> dict[str, Any]:
    """A task of the module gateway, for the host ``hub-gateway``."""
    arguments = {"description": str(made.root / "description"), "state": str(made.state), "side": "hub"}
    task = SimpleNamespace(args=arguments, diff=False, async_val=0, action="mojaloop.onboarding.gateway", **{"check_mode": False, **given})
    connection = SimpleNamespace(become=False, _shell=SimpleNamespace(tmpdir=""))
    return dict(action.ActionModule(task, connection, None, None, None).run(None, {"inventory_hostname": "hub-gateway"}))


def test_a_toy_is_foretold_installed_and_found_in_order(toy: tuple[Site, Toy]) -> None:
    made, running = toy
    foretold = keep(made, check_mode=True)
    assert (foretold["changed"], running.changes) == (True, 0)
    installed = keep(made)
    assert (installed["changed"], installed["findings"], running.changes) == (True, foretold["findings"], 1)
    assert set(running.maps["fingerprints"].values()) == {"greenbank"}
    assert not keep(made)["changed"]
    running.maps["fingerprints"].clear()
    drifted = keep(made)
    assert [one["reason"] for one in drifted["findings"]] == ["map-entry-missing"]
    assert (running.changes, keep(made)["changed"]) == (2, False)
