# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The summary as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ..description.model import HUB, State
from ..document_steps import STEP_KEYS, DocumentStep
from ..exchange.digests import ExchangedDigest, place_of
from ..findings import Finding
from .summary import LEDGER_STEPS, Row, Standing, Summary

SENDING = "awaiting-counterpart"
WIDE = 8
"""Up to so many participants stand side by side; more are listed one to a line."""

_NOT_ASKED = "Gateways, firewalls and the authorization server were not asked: run playbooks/status.yml, or verify.yml for traffic."

_WORDS = {
    Standing.NOT_APPLICABLE: "-",
    Standing.DONE: "done",
    Standing.CHANGED: "done now",
    Standing.INSTALLED: "installed",
    Standing.NOT_SHOWN: "not shown",
    Standing.PENDING: "pending",
    Standing.FAILED: "FAILED",
}
_MARKS = {
    Standing.NOT_APPLICABLE: "-",
    Standing.DONE: ".",
    Standing.CHANGED: "+",
    Standing.INSTALLED: "i",
    Standing.NOT_SHOWN: "?",
    Standing.PENDING: "w",
    Standing.FAILED: "F",
}


def render(summary: Summary, *, details: bool = False) -> str:
    """The table, then what waits for whom, then what failed, then the outcome in one line.

    ``details``: a line for each thing that a counterpart has to send; without, one for each counterpart.
    """
    lines = list(_table(summary) if len(summary.rows) <= WIDE else _list(summary))
    lines += _section("Awaited", [*_to_be_sent(summary.pending, details=details), *_decisions(summary.pending)])
    lines += _section("Sent, to be compared over another channel", [_sent(digest) for digest in summary.sent])
    lines += _section("To send", list(summary.to_send))
    disproved = [_disproved(name, summary.pages.get(name, "")) for name in summary.disproved]
    lines += _section("Failed", [*(_failed(finding) for finding in summary.failed), *disproved, *summary.refusals])
    lines += _section("Not reached", [f"{host}: its state is unknown" for host in summary.unreached])
    lines += _section("Skipped files", list(summary.broken))
    outcome = "would change" if summary.check and summary.outcome == "changed" else summary.outcome
    if not summary.hosts_asked:
        lines += ["", f"Outcome: {outcome}, as far as the state folder shows.", _NOT_ASKED]
        return "\n".join(lines)
    lines += ["", f"Outcome: {outcome}; {_complete(summary)}."]
    lines += _untried(summary)
    return "\n".join(lines)


def _untried(summary: Summary) -> Iterator[str]:
    """Who must call, and of whom one right call alone has passed."""
    open_rows = [row.name for row in summary.rows if row.steps.get("testing") is Standing.NOT_SHOWN]
    untried = [name for name in open_rows if name not in summary.tried]
    if untried:
        yield f"Installed, not tried: {_names(untried)} must call and be called."
    if len(untried) < len(open_rows):
        yield f"One right call passed: {_names([name for name in open_rows if name in summary.tried])}."
    if open_rows:
        yield "Not shown by traffic yet: run playbooks/verify.yml; it says what cannot be tried from where it runs."


def _names(names: list[str]) -> str:
    return f"{', '.join(names[:WIDE])}{', …' if len(names) > WIDE else ''}"


def _complete(summary: Summary) -> str:
    """How many active participants have every step done, and who is not active."""
    rows = [row for row in summary.rows if row.name != HUB and not row.probe]
    active = [row for row in rows if row.state == State.ACTIVE]
    probes = [row.name for row in summary.rows if row.probe and row.state == State.ACTIVE and not row.complete]
    text = f"{sum(row.complete for row in active)} of {len(active)} {'active ' if len(active) < len(rows) else ''}participants"
    shut = []
    for state in (State.SUSPENDED, State.OFFBOARDED):
        names = [row.name for row in summary.rows if row.state == state]
        shut += [f"{len(names)} {state.value} ({', '.join(names[:WIDE])}{', …' if len(names) > WIDE else ''})"] if names else []
    unready = [f"probes with open steps: {_names(probes)}"] if probes else []
    return "; ".join([*([f"{text} with every step done"] if active or not shut else []), *shut, *unready])


def _table(summary: Summary) -> Iterator[str]:
    words = [_words(row, check=summary.check) for row in summary.rows]
    steps = _steps(summary)
    titles = [f"{step.key:<12}{step.title}" for step in steps]
    width = max(map(len, titles)) + 2
    columns = [
        max(len(row.name), len("not shown"), len(row.state), len(own[Standing.CHANGED])) + 2
        for row, own in zip(summary.rows, words, strict=True)
    ]

    def line(title: str, cells: Iterable[str]) -> str:
        return (title.ljust(width) + "".join(cell.ljust(column) for cell, column in zip(cells, columns, strict=True))).rstrip()

    yield line("step", (row.name for row in summary.rows))
    if any(row.state != State.ACTIVE for row in summary.rows):
        yield line("state", (row.state for row in summary.rows))
    for step, title in zip(steps, titles, strict=True):
        yield line(title, (own[row.steps[step.key]] for row, own in zip(summary.rows, words, strict=True)))


def _words(row: Row, *, check: bool) -> dict[Standing, str]:
    """What is changed for someone who is not active is taken away."""
    active = row.state == State.ACTIVE
    changed = ("would do" if check else "done now") if active else ("would remove" if check else "removed")
    return {**_WORDS, Standing.CHANGED: changed}


def _list(summary: Summary) -> Iterator[str]:
    yield "Steps in order: " + " ".join(step.key for step in _steps(summary))
    yield "Marks: . done, + done now, i installed and not tried, ? not shown, w pending, F failed, - not applicable"
    yield from (f"{row.name:<32}{row.state}" for row in summary.rows if row.state != State.ACTIVE)
    open_rows = [row for row in summary.rows if not row.complete]
    yield from (_marks(row, _steps(summary)) for row in open_rows[:200])
    yield f"{len(summary.rows) - len(open_rows)} of {len(summary.rows)} rows have every step done" + (
        f"; {len(open_rows) - 200} open ones not listed" if len(open_rows) > 200 else ""  # noqa: PLR2004 -- the bound of the line above
    )


def _steps(summary: Summary) -> list[DocumentStep]:
    """The steps of the documents, in the ledger only where one is described; then added steps."""
    rows = summary.rows
    applies = {key for key in LEDGER_STEPS if any(row.steps[key] is not Standing.NOT_APPLICABLE for row in rows)}
    known = [step for step in summary.steps if step.key not in LEDGER_STEPS or step.key in applies]
    added = {key: None for row in rows for key in row.steps if key not in STEP_KEYS}
    return [*known, *(DocumentStep(key, "") for key in added)]


def _marks(row: Row, steps: Iterable[DocumentStep]) -> str:
    return f"{row.name:<32}" + "".join(_MARKS[row.steps[step.key]] for step in steps)


def _to_be_sent(pending: Iterable[Finding], *, details: bool) -> Iterator[str]:
    """What counterparts have to send: a line for each of them."""
    found: dict[str, list[Finding]] = {}
    for finding in pending:
        if finding.reason == SENDING:
            found.setdefault(finding.pending_on, []).append(finding)
    for who, findings in found.items():
        files = [finding for finding in findings if "." in finding.artefact]
        names = ", ".join(dict.fromkeys(finding.artefact for finding in files or findings))
        sides = ", ".join(dict.fromkeys(finding.side for finding in findings))
        yield f"{who} has to send for {sides}: {names}"
        yield from (f"  {_awaited(finding)}" for finding in findings if details)


def _decisions(pending: Iterable[Finding]) -> list[str]:
    """All else that is awaited, which a person decides."""
    return [_awaited(finding) for finding in pending if finding.reason != SENDING]


def _awaited(finding: Finding) -> str:
    detail = f" ({finding.detail})" if finding.detail else ""
    return f"{finding.participant} {finding.step}: {finding.artefact} {finding.reason}, waits for {finding.pending_on}{detail}"


def _sent(sent: ExchangedDigest) -> str:
    return f"{sent.digest} (short form {sent.short}): {sent.receiver} writes it into its {place_of(sent.sender, sent.receiver)}"


def _failed(finding: Finding) -> str:
    return f"{finding.participant} {finding.step}: {finding.side}/{finding.artefact} {finding.reason}: {finding.detail}"


def _disproved(name: str, page: str) -> str:
    return f"{name} testing: the verification{_time_of(page)} failed: see {page or 'evidence/'} and run playbooks/verify.yml again"


def _time_of(page: str) -> str:
    """When it was, as the name of its page says (UTC); empty for a page of another name."""
    try:
        return f" of {datetime.strptime(page, 'evidence/%Y%m%dT%H%M%S.%fZ.html').replace(tzinfo=UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return ""


def _section(title: str, items: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {item}" for item in items)] if items else []
