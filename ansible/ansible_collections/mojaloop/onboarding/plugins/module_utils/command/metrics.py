# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status for monitoring: Prometheus' text format, and exit codes by what ends soon.

Source of the format: Prometheus, "Exposition formats", text format 0.0.4. Names end with their unit; moments are Unix time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from ..findings import Finding
from ..status.summary import TESTING, Row, Standing, Summary
from .certificates import Listed
from .clients import ListedClients

PREFIX = "mojaloop_onboarding"
OUTCOMES = ("done", "changed", "pending", "failed")
Sample = tuple[dict[str, str], float]


def rendered(summary: Summary, certificates: Sequence[Listed], clients: Sequence[ListedClients], now: datetime) -> str:
    """The whole page of metrics; no secret, and nothing that a counterpart wrote but its id."""
    ends = [
        ({"holder": each.holder, "artefact": each.artefact, "kind": each.kind}, _unix(each.ends)) for each in _first_to_end(certificates)
    ]
    replaced = [({"participant": each.participant}, _unix(each.replaced)) for each in clients if each.replaced]
    tested = [row for row in summary.rows if row.steps[TESTING] in {Standing.DONE, Standing.FAILED}]
    families: tuple[tuple[str, str, Iterable[Sample]], ...] = (
        ("status_timestamp_seconds", "When this was read.", [({}, now.timestamp())]),
        ("outcome", "1 for the outcome of the status.", [({"outcome": each}, float(each == summary.outcome)) for each in OUTCOMES]),
        (
            "active",
            "Whether the participant is active.",
            [({"participant": row.name}, float(row.state == "active")) for row in summary.rows],
        ),
        (
            "open_steps",
            "Document steps that are not done.",
            [({"participant": row.name}, float(_open(row.steps.values()))) for row in summary.rows],
        ),
        ("awaited", "Findings that wait for a person or a counterpart.", _counted(summary, summary.pending)),
        ("faults", "Findings that need a person's decision.", _counted(summary, summary.failed)),
        (
            "verification_passed",
            "Whether the latest verification of what is in force passed; absent: there is none.",
            [({"participant": row.name}, float(row.steps[TESTING] is Standing.DONE)) for row in tested],
        ),
        ("certificate_end_timestamp_seconds", "When a certificate or revocation list ends.", ends),
        ("oauth_client_replacement_timestamp_seconds", "From when a run replaces an OAuth client.", replaced),
    )
    return "\n".join(line for name, help_text, samples in families for line in _family(name, help_text, samples))


def ending(certificates: Iterable[Listed], within: int) -> list[Listed]:
    """The certificates and lists that end within so many days, or have ended."""
    return [each for each in certificates if each.days < within]


def _family(name: str, help_text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {help_text}"
    yield f"# TYPE {PREFIX}_{name} gauge"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{PREFIX}_{name}{f'{{{inside}}}' if inside else ''} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _first_to_end(certificates: Iterable[Listed]) -> list[Listed]:
    """One for each holder, artefact and kind, as a series can have one value: the one that ends first."""
    first: dict[tuple[str, str, str], Listed] = {}
    for each in sorted(certificates):
        first.setdefault((each.holder, each.artefact, each.kind), each)
    return list(first.values())


def _of_rows(summary: Summary, value: Callable[[Row], float]) -> list[Sample]:
    return [({"participant": row.name}, float(value(row))) for row in summary.rows]


def _open(standings: Iterable[Standing]) -> int:
    return sum(standing > Standing.CHANGED for standing in standings)


def _counted(summary: Summary, findings: Iterable[Finding]) -> list[Sample]:
    found = [finding.participant for finding in findings]
    return _of_rows(summary, lambda row: found.count(row.name))


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
