# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults of artefacts: stable reason codes, and what each calls for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with an artefact. ``file`` is the name in its folder; ``detail`` is for people and holds no secret."""

    reason: str
    detail: str = ""
    file: str = ""


def remedy(fault: Fault) -> str:
    """``make``: missing or derived, made again from what is there; ``renew``: a new certificate; ``person``: never replaced silently."""
    raise NotImplementedError
