# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scheme lint: each rule on each artefact, and the separation of keys that no single certificate shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from ..description.model import Description
from ..pki.certificates import certificate_key
from ..store.interface import Tree
from .rules import LEAVES, RULES, Level, Rule
from .subjects import Held, held_by
from .uae import UAE_RULES

RULE_SETS = {"mojaloop": RULES, "uae": UAE_RULES}
"""By ``Profile.lint``."""
NO_LEAVES = ("ca", "exchange")


@dataclass(frozen=True, order=True)
class Verdict:
    """One rule that one artefact does not meet."""

    side: str
    path: str
    rule: str
    level: str
    source: str
    says: str
    found: str
    fix: str
    accepted: str
    """Why this pack differs on purpose; empty: a person has to act."""

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        answer = f"accepted: {self.accepted}" if self.accepted else self.fix
        return f"{self.path}: {self.rule} ({self.level}, {self.source}): {self.says} Found: {self.found}. {answer}"


def lint(tree: Tree, description: Description) -> tuple[list[Verdict], int]:
    """Every rule that is not met, sorted by side and file, and how many artefacts were judged."""
    held = list(held_by(tree, description))
    found = [verdict for each in held for verdict in _of_artefact(each, RULE_SETS[description.profile.lint])]
    return sorted([*found, *_shared_keys(held)]), len(held)


def unmet(verdicts: Iterable[Verdict], level: Level) -> list[Verdict]:
    """The verdicts of this level that are not accepted."""
    return [verdict for verdict in verdicts if verdict.level == level.value and not verdict.accepted]


def _of_artefact(held: Held, rules: Iterable[Rule]) -> Iterator[Verdict]:
    for rule in rules:
        found = rule.check(held) if held.artefact in rule.artefacts else ""
        if found:
            yield _verdict(held, rule, found)


def _shared_keys(held: Iterable[Held]) -> Iterator[Verdict]:
    """PKI 6.1: separate keys for TLS and for signatures."""
    holders = defaultdict(list)
    for each in held:
        if each.artefact not in NO_LEAVES:
            holders[each.side.name, certificate_key(each.certificate)[1]].append(each)
    for several in holders.values():
        for other in several[1:]:
            yield _verdict(other, SEPARATE, f"the key of {several[0].path}")


def _verdict(held: Held, rule: Rule, found: str) -> Verdict:
    return Verdict(held.side.name, held.path, rule.name, rule.level.value, rule.source, rule.says, found, rule.fix, rule.accepted)


SEPARATE = Rule(
    "CE8", Level.MUST, "PKI 6.1", "Each purpose has a key of its own.", "Re-key it: -e rekey=<side>/<artefact>.", LEAVES, lambda _held: ""
)
"""Judged over all artefacts of a side."""
