# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub and its participants in the hub's ledger, as two steps of a run.

Whoever is shut out is so first, because nothing about the others may delay it. A ledger that cannot be reached, or does not answer,
is reported once: asked about each of a thousand participants, it would cost a timeout a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain

from ..description.kubernetes_gateway import mesh_url
from ..description.model import HUB, AccountLookup, Ledger, Participant, State
from ..description.testing import SettlementService
from ..document_steps import Phase
from ..errors import RemoteError
from ..findings import Disposition, Finding
from ..ledger.account_lookup import AccountLookupClient, oracles_in_lookup
from ..ledger.client import LedgerClient
from ..ledger.convergence import Difference, NoAnswer
from ..ledger.funds import Openings
from ..ledger.hub import hub_in_ledger
from ..ledger.model import DesiredParticipant, desired_hub, desired_participant
from ..ledger.participants import ParticipantInLedger
from ..ledger.parties import PartyAtOracle, places
from ..oauth.own_token import own_token
from ..remote.changes import Changes
from ..remote.errors import Unreachable
from ..remote.http import HttpClient, Route, bearer
from ..remote.tokens import read_token
from .run import Run

TIMEOUT = 10.0
"""Seconds for each answer; a ledger without its message broker gives none at all."""
HUB_STEP, PARTICIPANT_STEP = Phase.LEDGER_HUB, Phase.LEDGER_PARTICIPANT


def keep_ledger_hub(run: Run) -> None:
    """The hub's accounts for each currency, its e-mails and settlement models; the oracles of account lookup."""
    ledger, lookup = run.description.hub.ledger, run.description.hub.account_lookup
    if ledger and _is_asked(run):
        with ledger_access(run, ledger) as changes:
            client = LedgerClient(changes, ledger.url)
            _noted(run, HUB, HUB_STEP, lambda: hub_in_ledger(desired_hub(ledger), client, dry_run=run.dry_run))
    if lookup and _is_asked(run):
        with ledger_access(run, lookup) as changes:
            directory = AccountLookupClient(changes, lookup.url)
            oracles = lookup.oracles
            _noted(run, HUB, HUB_STEP, lambda: oracles_in_lookup(oracles, directory, dry_run=run.dry_run), system="account-lookup")


def keep_ledger_participants(run: Run) -> None:
    """Each participant's accounts, caps, callback URLs, e-mails, state and opening funds; whose customers its parties are."""
    hub = run.description.hub
    if hub.ledger and _is_asked(run):
        _keep_in_ledger(run, hub.ledger)
    if hub.account_lookup and _is_asked(run):
        _keep_parties(run, hub.account_lookup)


def _keep_parties(run: Run, lookup: AccountLookup) -> None:
    """At the oracles themselves, without any token: they are other systems. A suspended one keeps its customers."""
    with _access(lookup.ca_file, dict, run) as changes:
        for participant in (each for each in _shut_out_first(run) if each.state is not State.SUSPENDED):
            for place in places(participant, lookup.oracles):
                at = PartyAtOracle(place, participant.fspiop_id, participant.active, changes)
                if not _noted(run, participant.name, PARTICIPANT_STEP, partial(at.ensure, dry_run=run.dry_run), system="oracle"):
                    return


def _keep_in_ledger(run: Run, ledger: Ledger) -> None:
    with ledger_access(run, ledger) as changes:
        client = LedgerClient(changes, ledger.url)
        for name in _closed(run):
            if not _noted(run, name, PARTICIPANT_STEP, partial(_ended, run, client, name)):
                return
        for participant in _shut_out_first(run):
            if not _noted(run, participant.name, PARTICIPANT_STEP, partial(_kept, run, client, ledger, participant)):
                return


def _ended(run: Run, client: LedgerClient, name: str) -> Iterator[Difference]:
    there = ParticipantInLedger(DesiredParticipant(name, active=False), client, Openings(run.tree, name), run.dry_run)
    return there.ensure()


def _kept(run: Run, client: LedgerClient, ledger: Ledger, participant: Participant) -> Iterator[Difference]:
    called = ledger.callback_url or mesh_url(run.description.hub.gateways, participant.endpoint)
    desired = desired_participant(replace(ledger, callback_url=called), participant)
    there = ParticipantInLedger(desired, client, Openings(run.tree, participant.name), run.dry_run)
    return chain(there.ensure(), there.remaining() if participant.state is State.OFFBOARDED else ())


def _closed(run: Run) -> list[str]:
    """With all participants those too of whose file only the end of their access can be taken."""
    described = run.description
    return sorted(described.closed_names) if len(run.chosen) == len(described.participants) else []


def _shut_out_first(run: Run) -> list[Participant]:
    with_place = (participant for participant in run.chosen if not participant.probe)
    return sorted(with_place, key=lambda participant: (participant.state is State.ACTIVE, participant.name))


def _is_asked(run: Run) -> bool:
    """Whether the hub's half is carried out here."""
    return HUB in run.sides


@contextmanager
def ledger_access(run: Run, system: Ledger | AccountLookup | SettlementService) -> Iterator[Changes]:
    """The way to the administration API of the ledger, of account lookup or of settlement, with its CA and token.

    The token is that of the system's file, else the pack's own, which settlement never sees: it is not behind the internal listener.
    """
    hub = run.description.hub
    if system.token_file or isinstance(system, SettlementService) or not hub.administration.own or not hub.authorization_server:
        with _access(system.ca_file, lambda: bearer(read_token(system.token_file)) if system.token_file else {}, run) as changes:
            yield changes
        return
    with (
        own_token(hub.authorization_server, hub.administration.own, run.tree, TIMEOUT) as token,
        _access(system.ca_file, token.headers, run) as changes,
    ):
        yield changes


@contextmanager
def _access(ca_file: str, headers: Callable[[], Mapping[str, str]], run: Run) -> Iterator[Changes]:
    http = HttpClient(Route(ca_file, internal=True), timeout=TIMEOUT)
    try:
        yield Changes(http, dry_run=run.dry_run, headers=headers)
    finally:
        http.close()


def _noted(run: Run, participant: str, step: str, compare: Callable[[], Iterator[Difference]], *, system: str = "ledger") -> bool:
    """Compare and keep the findings; an error is this participant's own. False: the system is silent, and is not asked about others."""
    with run.guarded(participant, step, HUB, system):
        try:
            for each in compare():
                run.note(Finding(participant, step, HUB, each.artefact, each.reason, each.disposition, each.pending_on, each.detail))
        except (Unreachable, NoAnswer) as error:
            reason = f"{system}-unreachable" if isinstance(error, Unreachable) else f"{system}-silent"
            run.note(Finding(participant, step, HUB, system, reason, Disposition.FAULT, detail=str(error)))
            return False
        except RemoteError as error:
            run.note(Finding(participant, step, HUB, system, f"{system}-unusable", Disposition.FAULT, detail=str(error)))
    return True
