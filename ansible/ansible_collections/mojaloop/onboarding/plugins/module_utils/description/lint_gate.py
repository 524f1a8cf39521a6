# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate of production: no participant is active there without evidence from pre-production of what the scheme demands.

Whoever has none is left as it is: a new participant is not made, one that is in force already is not changed. Its state can always be
changed to suspended or offboarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..errors import ExchangeError, Problem
from ..exchange.signed_evidence import LIMIT, Evidence, read_evidence
from .documents import read_content, shown
from .lint import Circumstances, SideText
from .model import EnvironmentKind, State
from .portable import digest_of
from .spec import Checked

OWN_FILES = "participants-files"
EVIDENCE = "evidence"


def lint_hub_gate(hub_file: Checked, around: Circumstances) -> Iterator[Problem]:
    """Production says what it takes for evidence, or why it takes none; at a participant's site no one is let in."""
    if around.kind is EnvironmentKind.PRODUCTION and around.for_the_hub and "gate" not in hub_file.lines:
        yield hub_file.problem("gate", "no such key", "it is required in production: kind evidence, or none with a reason")


def lint_gate(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """A participant that is to be active in production without valid evidence of every suite demanded."""
    gate = around.gate
    if around.kind is not EnvironmentKind.PRODUCTION or not around.for_the_hub or around.profile is None or gate.get("kind") != "evidence":
        return
    if side.get("state") != State.ACTIVE or side.get("probe") or side.get("unproved"):
        return
    demanded = set(gate.get("suites") or around.profile.demanded)
    for key, name in side.items(EVIDENCE):
        found = _read(side, name)
        reason = found if isinstance(found, str) else _reason_against(found, side, around)
        if reason:
            yield side.problem(key, reason, f"evidence of pre-production with {', '.join(sorted(demanded))}")
        elif not isinstance(found, str):
            demanded -= found.passed
    if demanded:
        missing = f"no evidence of {', '.join(sorted(demanded))}"
        yield side.problem(EVIDENCE, missing, "signed evidence of pre-production, or 'unproved' with the reason why there is none")


def _read(side: SideText, name: str) -> Evidence | str:
    """The evidence in a file of the participant, or what is wrong with it."""
    file = Path(side.document.file)
    content = read_content(file.parent.parent / OWN_FILES / file.stem / name, largest=LIMIT)
    if isinstance(content, Problem):
        return f"{shown(name)}, {content.found}"
    try:
        return read_evidence(content, name)
    except ExchangeError as error:
        return f"{shown(name)}, which {error.what}"


def _reason_against(evidence: Evidence, side: SideText, around: Circumstances) -> str:
    """Why evidence that is as it was signed does not count here; empty when it counts."""
    content, gate = evidence.content, around.gate
    roles = side.get("roles") if "roles" in side.values else around.roles
    named = (str(side.get("id")), str(side.get("organisation")), str(side.get("connector.kind")), str(side.get("connector.version") or ""))
    if f"sha256:{evidence.signer}" not in gate.get("signers", ()):
        return f"evidence signed by sha256:{evidence.signer}, which is none of gate.signers"
    if content["kind"] != EnvironmentKind.PRE_PRODUCTION.value:
        return f"evidence of an environment of kind {shown(content['kind'])}"
    if content["participant"] != side.get("id"):
        return f"evidence of {shown(content['participant'])}"
    if content["portable"] != digest_of(named, side.get("currencies") or (), roles or ()):
        return "evidence of another organisation, currencies, roles or connector than described here"
    days = gate.get("days")
    if days and datetime.now(UTC) - evidence.made_at > timedelta(days=days):
        return f"evidence older than {days} days"
    return ""
