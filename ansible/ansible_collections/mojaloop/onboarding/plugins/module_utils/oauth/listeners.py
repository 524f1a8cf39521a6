# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hub's inbound listeners are known to accept: a new client is handed over only after all of them have learned of it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from ..description.model import Description, Participant
from ..errors import OnboardingError
from ..formats import FORMAT, refuse_newer
from ..store.layout import NEXT, accepted_path, registrations_folder
from ..store.tree import Tree
from .records import Registration, canonical, read_clients, read_object, read_registration


def accepted_clients(description: Description, tree: Tree, participant: Participant, now: datetime) -> dict[str, Registration]:
    """Every client of a participant that the hub's listeners must accept: see ``read_clients``.

    Threat: a server that is down or refuses would keep a leaked client usable. So the listener takes no notice of what became
    of it there: what is revoked, or was replaced and whose overlap is over, is out. So is what another issuer than the one
    described has registered: there, the same id may be someone else's.
    """
    server = description.hub.authorization_server
    if server is None:
        return {}
    days = server.client_overlap_days
    return {
        which: one
        for which, one in read_clients(tree, participant.name).items()
        if one.issuer in {"", server.issuer}
        and not revoked(description, participant, one, now)
        and (not one.replaced or now < one.ends(days))
    }


def revoked(description: Description, participant: Participant, client: Registration, now: datetime) -> bool:
    """Whether a person ordered that this client ends at once."""
    return client.before(participant.oauth.revoke_before, now, description.profile.skew)


def keep_accepted(tree: Tree, host: str, running: Collection[str]) -> None:
    """Remember which prepared clients a gateway of the hub has among those it accepts (``running``: ids, read from its process)."""
    names = [name.removesuffix(f"{NEXT}.json") for name in tree.names(registrations_folder()) if name.endswith(f"{NEXT}.json")]
    prepared = set()
    for name in names:
        with suppress(OnboardingError):  # a damaged record is a finding of its participant, and hinders no listener
            found = read_registration(tree, name, NEXT)
            prepared |= {found.client_id} if found else set()
    accepted = sorted(prepared.intersection(running))
    if accepted != _accepted(tree, host):
        tree.write(accepted_path(host), canonical({"format": FORMAT, "clients": accepted}))


def listeners_without(description: Description, tree: Tree, client: str) -> list[str]:
    """The names of the hub's gateways that were not seen to accept this client yet."""
    names = [gateway.name for gateway in description.hub.gateways]
    return [name for name in names if client not in _accepted(tree, name)]


def _accepted(tree: Tree, host: str) -> list[str]:
    found = read_object(tree, accepted_path(host)) or {}
    refuse_newer(found, where=accepted_path(host))
    clients = found.get("clients")
    return [str(one) for one in clients] if isinstance(clients, list) else []
