# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's program without an engine, on the description of the lab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.published import publish
from support.pulumi_mocks import Recording, run_program

IMAGE = "registry.example/istio/proxyv2@sha256:" + "1" * 64
Run = Callable[..., Recording]


@pytest.fixture(scope="session")
def run_hub(repository: Path) -> Run:
    """Runs the program with right settings, some of which a test changes."""

    def run(**changed: Any) -> Recording:  # noqa: ANN401 -- whatever a stack file may hold
        values = {
            "description": str(repository / "inventories/lab"),
            "context": "lab",
            "internalDomain": "int.hub.example",
            "internalSources": ["198.51.100.0/24"],
            "proxyImage": IMAGE,
        }
        return run_program(repository / "pulumi/hub", "lab", {**values, **changed})

    return run


@pytest.fixture(scope="session")
def hub(run_hub: Run) -> Recording:
    """What the hub's program registers."""
    return run_hub()


@pytest.fixture(scope="session")
def run_dfsp(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a participant's program with right settings, some of which a test changes; ``stack`` says whose."""
    exchange = tmp_path_factory.mktemp("state") / "exchange"
    for participant in ("greenbank", "bluebank", "redbank"):
        publish(exchange, participant)

    def run(stack: str = "lab.greenbank", stacks: dict[str, Any] | None = None, **changed: Any) -> Recording:  # noqa: ANN401 -- whatever a stack file may hold
        values = {
            "description": str(repository / "inventories/lab"),
            "exchange": str(exchange),
            "context": "lab",
            "connectorImage": IMAGE,
            "cacheImage": IMAGE,
            "backendImage": IMAGE,
            "proxyImage": IMAGE,
        }
        return run_program(repository / "pulumi/dfsp", stack, {**values, **changed}, stacks)

    return run


@pytest.fixture(scope="session")
def dfsp(run_dfsp: Run) -> Recording:
    """What the program of the participant greenbank registers."""
    return run_dfsp()
