# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the onboarding stands: participant by document step, from findings and evidence alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from ..description.model import HUB, Description, Side, State
from ..description.profiles import JWS, Profile
from ..document_steps import DOCUMENT_STEPS, STEP_KEYS, DocumentStep, Phase
from ..exchange.digests import ExchangedDigest
from ..findings import Disposition, Finding

TESTING = Phase.TESTING
TO_SEND = "bundle-written"
"""The reason of what a person has to carry to the counterpart."""
_WITHOUT_LISTENER = frozenset({Phase.SERVER_MADE, Phase.SERVER_SHARED, Phase.URLS})
HOST_STEPS = frozenset({*Phase.AUTHORITY_INSTALLED, Phase.CLIENT_INSTALLED, Phase.ADDRESSES, Phase.URLS})
"""Steps that end in gateways and firewalls: the state folder alone cannot show that they are done."""
LEDGER_STEPS = frozenset({Phase.LEDGER_HUB, Phase.LEDGER_PARTICIPANT})
"""Steps that end in the hub's ledger, where one is described."""
_HUB_ALONE = frozenset({Phase.AUTHORITY_MADE, Phase.JWS_MADE, Phase.JWS_SHARED, Phase.JWS_RECEIVED, Phase.JWS_INSTALLED})
JWS_STEPS = frozenset({Phase.JWS_MADE, Phase.JWS_SHARED, Phase.JWS_RECEIVED, Phase.JWS_INSTALLED})
"""Steps that a profile without JWS has not."""
_NEEDS = (
    (Phase.SERVER_MADE, Phase.SERVER_SHARED),
    (Phase.JWS_MADE, Phase.JWS_SHARED),
    *((step, Phase.AUTHORITY_SHARED) for step in Phase.AUTHORITY_INSTALLED),
    (Phase.CLIENT_RETURNED, Phase.CLIENT_SIGNED),
    (Phase.CLIENT_INSTALLED, Phase.CLIENT_RETURNED),
    (Phase.JWS_RECEIVED, Phase.JWS_SHARED),
)
"""A step stands no better than what it needs; and that something was made is shown by its having been shared."""


class Standing(IntEnum):
    """How one step of one participant stands; the worst finding decides."""

    NOT_APPLICABLE = 0
    DONE = 1
    CHANGED = 2
    INSTALLED = 3
    """All is in its place, and no call has shown yet that it works."""
    NOT_SHOWN = 4
    PENDING = 5
    FAILED = 6


@dataclass(frozen=True)
class Row:
    """One participant (or the hub): its standing by step key."""

    name: str
    state: str
    steps: Mapping[str, Standing]
    probe: bool = False
    """Whether it is a probe participant, which counts as none."""

    @property
    def complete(self) -> bool:
        """Whether every applicable step is done."""
        return all(standing <= Standing.CHANGED for standing in self.steps.values())


@dataclass(frozen=True)
class Summary:
    """The whole picture. ``unreached`` are hosts whose state no one could read in this run, ``refusals`` what hosts that failed said."""

    rows: tuple[Row, ...]
    changes: int
    pending: tuple[Finding, ...]
    failed: tuple[Finding, ...]
    unreached: tuple[str, ...]
    refusals: tuple[str, ...]
    broken: tuple[str, ...]
    check: bool
    hosts_asked: bool = True
    """Whether gateways, firewalls, the authorization server and the ledger were asked."""
    sent: tuple[ExchangedDigest, ...] = ()
    """What was sent to counterparts that have not answered yet."""
    tried: frozenset[str] = frozenset()
    """Participants of whom a right call has passed since they changed last."""
    to_send: tuple[str, ...] = ()
    """What this run wrote for a person to carry."""
    steps: tuple[DocumentStep, ...] = DOCUMENT_STEPS
    """The steps of the scheme's documents."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """Participant -> the page of its latest verification, in the state folder."""

    @property
    def disproved(self) -> tuple[str, ...]:
        """Whose latest verification failed."""
        reported = {finding.participant for finding in self.failed if finding.step == TESTING}
        return tuple(row.name for row in self.rows if row.steps[TESTING] is Standing.FAILED and row.name not in reported)

    @property
    def outcome(self) -> str:
        """``failed``, ``pending``, ``changed`` or ``done``: what a pipeline wants to know first.

        Findings decide, whatever the table has room for: those about a listener of the hub, or about someone who was suspended, too.
        A verification that failed has failed its own run, and stays in the table; it is no failure of a run that comes later.
        """
        if self.failed or self.unreached or self.refusals or self.broken:
            return "failed"
        if self.pending:
            return "pending"
        return "changed" if self.changes else "done"

    def as_dict(self) -> dict[str, object]:
        """Plain data, ``format`` 1."""
        return {
            "format": 1,
            "outcome": self.outcome,
            "check": self.check,
            "hosts_asked": self.hosts_asked,
            "participants": {
                row.name: {"state": row.state, "steps": {key: _word(standing) for key, standing in row.steps.items()}} for row in self.rows
            },
            "pending": [finding.as_dict() for finding in self.pending],
            "failed": [finding.as_dict() for finding in self.failed],
            "disproved": list(self.disproved),
            "unreached_hosts": list(self.unreached),
            "failed_hosts": list(self.refusals),
            "broken_files": list(self.broken),
            "to_send": list(self.to_send),
            "tried": sorted(self.tried),
            "sent_digests": [sent.as_dict() for sent in self.sent],
        }


def summarise(
    description: Description,
    findings: Iterable[Finding],
    evidence: Mapping[str, bool],
    *,
    chosen: Iterable[str] = (),
    unheard: Collection[tuple[str, str]] = (),
    check: bool = False,
    hosts_asked: bool = True,
) -> Summary:
    """The picture of this run. ``evidence``: participant -> whether its latest verification passed whole.

    ``unheard``: hosts whose state this run does not know, each with what it said when it failed; nothing: it was not reached.
    """
    wanted = set(chosen)
    found = list(dict.fromkeys(findings))
    silent = dict(unheard)
    hub_seen = hosts_asked and silent.keys().isdisjoint(_hosts(description.hub) if description.for_the_hub else ())
    ledger = _ledger_steps(description)
    unasked = frozenset[str]() if hosts_asked else LEDGER_STEPS | ({Phase.OAUTH} if description.hub.authorization_server else set())
    unused = _unused(description.profile)
    absent_at_hub = frozenset(STEP_KEYS) - (_HUB_ALONE - unused) - (ledger & {Phase.LEDGER_HUB})
    own = {side.name for side in description.own_sides}
    rows = [_row(HUB, "active", found, shown=None, absent=absent_at_hub, unseen=unasked)] if HUB in own else []
    for participant in description.participants:
        if (wanted and participant.name not in wanted) or not {HUB, participant.name} & own:
            continue
        absent = (
            (_WITHOUT_LISTENER if participant.endpoint is None else frozenset[str]())
            | (LEDGER_STEPS - ledger)
            | {Phase.LEDGER_HUB}
            | unused
        )
        if participant.probe:
            absent |= LEDGER_STEPS
        if participant.state is not State.ACTIVE:
            # Of who is shut out, that it is refused can be shown.
            absent = frozenset(STEP_KEYS) - ({TESTING} if participant.name in evidence else set())
        shown = evidence.get(participant.name)
        unseen = frozenset[str]() if hub_seen and silent.keys().isdisjoint(_hosts(participant)) else HOST_STEPS
        row = _row(participant.name, participant.state.value, found, shown=shown, absent=absent, unseen=unseen | unasked)
        rows.append(replace(row, probe=participant.probe))
    return Summary(
        rows=tuple(rows),
        changes=sum(finding.disposition is Disposition.CHANGE for finding in found),
        pending=tuple(sorted({finding for finding in found if finding.disposition is Disposition.PENDING})),
        failed=tuple(sorted({finding for finding in found if finding.disposition is Disposition.FAULT})),
        unreached=tuple(sorted({host for host, words in unheard if not words})),
        refusals=tuple(sorted({f"{host}: {words}" for host, words in unheard if words})),
        broken=tuple(problem for _file, problems in description.broken for problem in problems),
        check=check,
        hosts_asked=hosts_asked,
        to_send=tuple(sorted({finding.detail for finding in found if finding.reason == TO_SEND})),
        steps=description.profile.steps,
    )


def with_calls(summary: Summary, description: Description, tried: Collection[str]) -> Summary:
    """The picture with what right calls have shown: without one, an OAuth client is installed, and not known to work."""
    if description.hub.authorization_server is None:
        return replace(summary, tried=frozenset(tried))

    def judged(row: Row) -> Row:
        untried = row.name not in {HUB, *tried} and row.steps[TESTING] is Standing.NOT_SHOWN
        done = row.steps[Phase.OAUTH] in {Standing.DONE, Standing.CHANGED}
        return replace(row, steps={**row.steps, Phase.OAUTH: Standing.INSTALLED}) if untried and done else row

    return replace(summary, rows=tuple(judged(row) for row in summary.rows), tried=frozenset(tried))


def _unused(profile: Profile) -> frozenset[str]:
    """The steps that this profile has not."""
    return frozenset(STEP_KEYS) - {step.key for step in profile.steps} | (frozenset() if profile.has(JWS) else JWS_STEPS)


def _ledger_steps(description: Description) -> frozenset[str]:
    """The steps in the ledger and beside it, as far as the description names these systems."""
    hub = description.hub
    of_the_hub = frozenset({Phase.LEDGER_HUB} if hub.ledger or hub.account_lookup else ())
    return of_the_hub | frozenset({Phase.LEDGER_PARTICIPANT} if hub.ledger else ())


def _hosts(side: Side) -> set[str]:
    """The inventory hosts of a side."""
    return {*side.firewall.hosts, *(gateway.name for gateway in side.gateways)}


def _word(standing: Standing) -> str:
    return standing.name.lower().replace("_", "-")


_WEIGHT = {Disposition.CHANGE: Standing.CHANGED, Disposition.PENDING: Standing.PENDING, Disposition.FAULT: Standing.FAILED}


def _row(name: str, state: str, findings: list[Finding], *, shown: bool | None, absent: frozenset[str], unseen: frozenset[str]) -> Row:
    standings = {step: Standing.NOT_APPLICABLE if step in absent else Standing.DONE for step in STEP_KEYS}
    standings.update({finding.step: Standing.NOT_APPLICABLE for finding in findings if finding.step not in standings})
    for finding in findings:
        if finding.participant == name:
            standings[finding.step] = max(standings[finding.step], _WEIGHT[finding.disposition])
    for step, needed in _NEEDS:
        if standings[needed] >= Standing.PENDING and step not in absent:
            standings[step] = max(standings[step], standings[needed])
    if Phase.JWS_INSTALLED not in absent:
        standings[Phase.JWS_INSTALLED] = max(standings[Phase.JWS_INSTALLED], standings[Phase.JWS_MADE])
    if standings[TESTING] is Standing.DONE:
        standings[TESTING] = {True: Standing.DONE, False: Standing.FAILED, None: Standing.NOT_SHOWN}[shown]
    standings.update({step: Standing.NOT_SHOWN for step in unseen if standings[step] is Standing.DONE})
    return Row(name, state, standings)
