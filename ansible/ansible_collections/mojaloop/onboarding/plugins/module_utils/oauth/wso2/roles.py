# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles of WSO2's user store that this pack uses."""

from __future__ import annotations

SUBSCRIBER = "Internal/subscriber"
"""WSO2's own role of whoever uses the developer portal."""


def resource_role(resource: str) -> str:
    """The role of an API resource."""
    return f"Internal/fspiop-{resource}"


def mark_role(environment: str) -> str:
    """The role of the accounts that this pack made for an environment; no one else's account is touched."""
    return f"Internal/mojaloop-onboarding-{environment}"
