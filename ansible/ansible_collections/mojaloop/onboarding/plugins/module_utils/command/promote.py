# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant on its way from one environment to the next: what is carried over, what is made anew, what a person still describes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from ..description.lint_gate import EVIDENCE, OWN_FILES
from ..description.loading import load_description
from ..description.model import Description, EnvironmentKind, Participant
from ..description.portable import portable_fields
from ..errors import ExchangeError, OnboardingError
from ..exchange.signed_evidence import read_evidence

CARRIED, KEPT, DIFFERS, DESCRIBE, ANEW = "carried over", "the same", "differs", "to be described", "made anew"
_ORDER = ("lab", "pre-production", "production")
_HEAD = """\
# yaml-language-server: $schema=../../.schema/participant.schema.json
# Carried over from another environment. Describe what is this environment's own here, then run `mojaloop-onboarding check`.
"""
_OWN = "this environment's own"


@dataclass(frozen=True)
class Step:
    """One line of the plan: what, its value (for ``differs``: here and there), and what becomes of it."""

    what: str
    value: str
    becomes: str


@dataclass(frozen=True)
class Promotion:
    """The plan of one participant, and the content of its new file in the target (empty where it has one)."""

    steps: tuple[Step, ...]
    file: Path
    content: str
    written: bool

    @property
    def differing(self) -> bool:
        """Whether the target describes the participant otherwise: its evidence would count for nothing."""
        return any(step.becomes == DIFFERS for step in self.steps)

    def as_dict(self) -> dict[str, object]:
        """For pipelines."""
        return {"file": str(self.file), "written": self.written, "steps": [asdict(step) for step in self.steps]}

    def text(self) -> str:
        """The plan as a person reads it, with the lines of a new file."""
        wide = max(len(step.what) for step in self.steps)
        lines = [f"  {step.becomes:<16}{step.what:<{wide}}  {step.value}".rstrip() for step in self.steps]
        added = [f"  + {line}" for line in self.content.splitlines()]
        return "\n".join([*lines, "", f"{self.file}:", *(added or ["  is there, and is left as it is"])])


def promote(source: Path, state: Path, target: Path, participant: str, *, write: bool) -> Promotion:
    """Plan a participant's way into the environment described in ``target``; with ``write`` make its file there, never over another one.

    Carried over are the fields that evidence is bound to: id, organisation, currencies, roles, kind and version of the connector.
    OnboardingError where there is no such participant, or the target is the same or an earlier kind of environment.
    """
    here, there = load_description(source, state=str(state)), load_description(target)
    _refuse_direction(here, there, target)
    one = {each.name: each for each in here.participants}.get(participant)
    if one is None or one.probe:
        raise OnboardingError("no such participant", where=participant, remedy=f"Name the id of a file in {source / 'participants'}.")
    file = target / "participants" / f"{participant}.yml"
    standing = {each.name: each for each in there.participants}.get(participant)
    if standing is None and file.exists():
        raise OnboardingError("is there and has problems", where=str(file), remedy=f"Run mojaloop-onboarding check -i {target}.")
    fields, evidence = _carried(one), _evidence(state, participant) if there.kind is EnvironmentKind.PRODUCTION else {}
    described = _carried(standing) if standing else fields
    carried = [_compared(name, fields.get(name), described.get(name), new=standing is None) for name in {**fields, **described}]
    proofs = [Step(EVIDENCE, f"{name}: {', '.join(sorted(passed))}", CARRIED) for name, (_, passed) in evidence.items()]
    content = "" if standing else _rendered({**fields, **({EVIDENCE: list(evidence)} if evidence else {})})
    if write and standing is None:
        for name, (proof, _) in evidence.items():
            path = target / OWN_FILES / participant / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(proof)
        file.parent.mkdir(exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    return Promotion((*carried, *proofs, *_remaining(there)), file, content, written=write and standing is None)


def _carried(participant: Participant) -> dict[str, object]:
    return {**portable_fields(participant), "hosting": participant.hosting}


def _refuse_direction(here: Description, there: Description, target: Path) -> None:
    ranks = [_ORDER.index(each.kind.value) for each in (here, there)]
    if here.environment == there.environment or ranks[0] > ranks[1]:
        what = f"is {there.environment} ({there.kind.value}); the participant comes from {here.environment} ({here.kind.value})"
        raise OnboardingError(what, where=str(target), remedy="Promote from lab to pre-production to production.")


def _evidence(state: Path, participant: str) -> dict[str, tuple[bytes, frozenset[str]]]:
    """The latest signed evidence by suite, by file name; what cannot be read counts for nothing."""
    found: dict[str, tuple[bytes, frozenset[str]]] = {}
    wanted: set[str] = set()
    for path in sorted((state / EVIDENCE / participant).glob("*.json"), reverse=True):
        try:
            content = path.read_bytes()
            passed = read_evidence(content, path.name).passed
        except (OSError, ExchangeError):
            continue
        if passed - wanted:
            found[path.name] = (content, passed)
            wanted |= passed
    return found


def _compared(name: str, here: object, there: object, *, new: bool) -> Step:
    if here == there:
        return Step(name, _shown(here), CARRIED if new else KEPT)
    return Step(name, f"{_shown(here)} here, {_shown(there)} there", DIFFERS)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(each) for each in value.values())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rendered(fields: dict[str, object]) -> str:
    return _HEAD + yaml.safe_dump({"format": 1, **fields}, sort_keys=False, allow_unicode=True)


def _remaining(there: Description) -> list[Step]:
    """What no environment takes from another one."""
    ledger = [Step("net_debit_cap, notification_addresses", _OWN, DESCRIBE)] if there.hub.ledger else []
    return [
        Step("endpoint, egress_addresses, gateways", _OWN, DESCRIBE),
        *ledger,
        Step("keys, CA, certificates", "by playbooks/onboard.yml", ANEW),
        Step("OAuth client and secret", "by playbooks/onboard.yml", ANEW),
        Step("first contact", "digests are compared again", ANEW),
    ]
