# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a program meets its stack: what it reads from there, and how it ends where that is wrong."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

from .hub_facts import HubFacts, read_hub_facts
from .settings import HubSettings, keys, parse_hub_settings

INVENTORIES = Path("../../inventories")
"""Seen from the folder of a program, where Pulumi runs it."""


def read_hub_stack() -> tuple[HubSettings, HubFacts]:
    """The hub's settings and description. Ends the program with a readable error where one of them is wrong."""
    try:
        settings = parse_hub_settings(_raw(), where=f"Pulumi.{pulumi.get_stack()}.yaml")
        folder = Path(settings.description) if settings.description else INVENTORIES / pulumi.get_stack()
        return settings, read_hub_facts(folder)
    except OnboardingError as error:
        raise pulumi.RunError(str(error)) from error


def _raw() -> dict[str, str | None]:
    """The stack's own configuration as it stands: of what is given and of what the program knows, every key."""
    prefix = f"{pulumi.get_project()}:"
    given = {**get_config_env(), **CONFIG.get()}
    names = [key.removeprefix(prefix) for key in given if key.startswith(prefix)]
    config = pulumi.Config()
    return {name: config.get(name) for name in (*keys(HubSettings), *names)}
