# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway products that pass these tests: how a model becomes a release, and how a running process is observed and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, archive, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_haproxy as host
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import releases
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.gateway_change import Change


class Haproxy:
    """HAProxy with a master socket, started and changed by the pack's own host code."""

    def place(self, root: Path, name: str = "haproxy") -> host.Place:
        """Where a process of its own has its files, below a test's folder."""
        prefix = "" if name == "haproxy" else f"{name}-"
        return host.Place(str(root / name), str(root / f"{prefix}master.sock"), str(root / f"{prefix}stats.sock"))

    def plan(self, place: host.Place, model: GatewayModel, participants: set[str] | None = None) -> Plan:
        """What a run would change, for all or some participants."""
        return plan(model, render(model), host.observe(place), participants)

    def apply(self, place: host.Place, model: GatewayModel, made: Plan, *, seconds: float) -> dict[str, Any]:
        """Carry a plan out; the host undoes it after ``seconds`` without a confirmation."""
        staging = releases.stage(place.folder)
        Path(staging, releases.ARCHIVE).write_bytes(archive(made))
        inbound = model.inbound
        assert inbound is not None
        listeners = tuple((str(listener.address), listener.port) for listener in inbound.listeners)
        return host.apply(place, staging, Change(made.digest, made.files, listeners, inbound.proxy_protocol, seconds))

    def confirm(self, place: host.Place, ticket: str) -> bool:
        """Keep a change; False when it was undone already."""
        return host.confirm(place, ticket)

    def observe(self, place: host.Place) -> dict[str, Any]:
        """What the running process has."""
        return host.observe(place)
