# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a program meets its stack: what it reads from there, and how it ends where that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

from .connection_manager import variables
from .dfsp_facts import ConnectorKind, DfspFacts, read_dfsp_facts
from .fitting import unfit_parts, unfit_settings
from .hub_facts import HubFacts, read_hub_facts
from .reading import SettingsError, keys
from .sdk_variables import sdk_variables
from .settings import ClusterSettings, DfspSettings, HubSettings, parse_dfsp_settings, parse_hub_settings

INVENTORIES = Path("../../inventories")
"""Seen from the folder of a program, where Pulumi runs it."""


STATE = Path("../../.state")


def read_hub_stack() -> tuple[HubSettings, HubFacts]:
    """The settings and description of the hub, whose stack has its environment's name.

    Ends the program with a readable error where one of them is wrong.
    """
    environment = pulumi.get_stack()
    with _readable_errors():
        settings = parse_hub_settings(_raw(HubSettings), where=_file())
        hub = read_hub_facts(_description(settings, environment))
        if settings.connection_manager:
            variables(settings, settings.connection_manager, hub)
        _refuse(unfit_parts(settings, hub))
        return settings, hub


def read_dfsp_stack() -> tuple[DfspSettings, DfspFacts]:
    """The settings, description and the hub's publication of a participant, whose stack is called ``<environment>.<participant>``.

    Ends the program with a readable error where one of them is wrong.
    """
    environment, _, participant = pulumi.get_stack().partition(".")
    with _readable_errors():
        settings = parse_dfsp_settings(_raw(DfspSettings), where=_file())
        exchange = None if settings.hub_stack else Path(settings.exchange) if settings.exchange else STATE / environment / "exchange"
        facts = read_dfsp_facts(_description(settings, environment), exchange, participant)
        _refuse(unfit_settings(settings, facts))
        if facts.connector is not ConnectorKind.OZONE_CONNECT:
            sdk_variables(facts)
        return settings, facts


def export(outputs: Mapping[str, object]) -> None:
    """Hand the outputs on."""
    for name, value in outputs.items():
        pulumi.export(name, value)


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except OnboardingError as error:
        raise pulumi.RunError(str(error)) from error


def _refuse(problems: Iterable[str]) -> None:
    """End where the configuration does not fit the description."""
    found = list(problems)
    if found:
        raise SettingsError(found, where=_file())


def _file() -> str:
    return f"Pulumi.{pulumi.get_stack()}.yaml"


def _description(settings: ClusterSettings, environment: str) -> Path:
    return Path(settings.description) if settings.description else INVENTORIES / environment


def _raw(settings: type[ClusterSettings]) -> dict[str, str | None]:
    """The stack's own configuration as it stands: of what is given and of what the program knows, every key."""
    prefix = f"{pulumi.get_project()}:"
    given = {**get_config_env(), **CONFIG.get()}
    names = [key.removeprefix(prefix) for key in given if key.startswith(prefix)]
    config = pulumi.Config()
    return {name: config.get(name) for name in (*keys(settings), *names)}
