# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is left at an authorization server that the description does not name any more.

A server is its issuer and its registration URL together: whoever changes one of them in the description has every participant
registered there as for the first time. The inbound listeners judge by the issuer: under another one, clients and tokens from before are
refused at once; under the same one the client from before works on for ``client_overlap_days``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...description.model import Participant
from ...errors import RemoteError
from ...findings import OPERATOR, Finding
from ...remote.errors import Unknown, Unreachable
from ...store.layout import PREVIOUS
from ..listeners import accepted_clients, revoked
from ..records import Registration
from .work import RegistrationWork


def leave_server(work: RegistrationWork, participant: Participant) -> Iterator[Finding]:
    """End the clients at a server from before: all but the present one, until it is replaced or revoked, and one whose overlap runs."""
    clients = work.clients(participant)
    present = clients.get("")
    moving = present is not None and present.elsewhere(work.server)
    for which, client in clients.items():
        # The present one under its second name, where a run was killed: ``Renewal.finish`` forgets that.
        same = which != "" and present is not None and client.same_client(present)
        if (moving or client.elsewhere(work.server)) and not same and not _kept(work, participant, client, which, moving=moving):
            yield _end(work, participant, client, which)


def _kept(work: RegistrationWork, participant: Participant, client: Registration, which: str, *, moving: bool) -> bool:
    if not participant.active:
        return False
    if which == "":
        # Threat: whoever has a leaked secret must be out, also where no successor can be had.
        return not revoked(work.description, participant, client, work.now)
    overlaps = which == PREVIOUS and not moving
    return overlaps and PREVIOUS in accepted_clients(work.description, work.tree, participant, work.now)


def _end(work: RegistrationWork, participant: Participant, client: Registration, which: str) -> Finding:
    """A server that is gone for good must not be a fault for ever: it is reported to a person, and the record is forgotten."""
    server = client.issuer or "the server before"
    problem = _problem(work, participant, client, which)
    if problem:
        work.forget(participant, which)
        detail = f"{problem}; if {server} is used by anybody, delete the client {client.client_id} there"
        return work.finding(participant, f"client{which}", "oauth-orphan-possible", detail, pending_on=OPERATOR)
    return work.finding(participant, f"client{which}", "oauth-client-retired", f"it was registered at {server}")


def _problem(work: RegistrationWork, participant: Participant, client: Registration, which: str) -> str:
    """Why the client could not be deleted; empty when it was. One time-out is enough to know: a thousand must not wait for it each."""
    if client.registration_url in work.silent:
        return "no answer"
    _ = work.client  # a CA file that cannot be used says nothing of that server: it is a fault, and the record stays
    try:
        work.delete(participant, client, which)
    except (Unreachable, Unknown) as error:
        work.silent.add(client.registration_url)
        return error.what
    except RemoteError as error:
        return error.what
    return ""
