# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of an onboarding run, one row each: a new step is a row here and a file beside this one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from .certificate_signing import sign_requests
from .directory import keep_directory
from .ledger import keep_ledger_hub, keep_ledger_participants
from .manager_clients import take_clients
from .oauth_clients import register_clients
from .own_certificates import make_own_certificates
from .payment_managers import keep_payment_managers
from .publications import publish_all
from .received_certificates import receive_all
from .run import Run
from .transports import deliver_all, fetch_all
from .vault_bundles import keep_bundles


@dataclass(frozen=True)
class Step:
    """One step: it compares, notes findings and makes the changes (in check mode: in memory).

    ``group`` is the module that carries it out. ``reads`` names the steps whose changes it must see: when one of them has
    changed something, this step runs again. ``then`` are the steps that hand over its changes, also where a run asked for it alone.
    """

    name: str
    group: str
    carry_out: Callable[[Run], None]
    reads: frozenset[str] = frozenset()
    then: tuple[Step, ...] = ()


CERTIFICATES = "certificates"
OAUTH_CLIENTS = "oauth_clients"
GENERATE = Step("generate", CERTIFICATES, make_own_certificates)
DIRECTORY = Step("directory", CERTIFICATES, keep_directory, reads=frozenset({"generate", "receive"}))
PUBLISH = Step("publish", CERTIFICATES, publish_all, reads=frozenset({"generate", "directory", "receive", "sign", OAUTH_CLIENTS}))
FETCH = Step("fetch", CERTIFICATES, fetch_all)
RECEIVE = Step("receive", CERTIFICATES, receive_all, reads=frozenset({"publish", "fetch", "bundles"}))
SIGN = Step("sign", CERTIFICATES, sign_requests, reads=frozenset({"receive"}))
DELIVER = Step("deliver", CERTIFICATES, deliver_all, reads=frozenset({"publish", "receive"}))
CLIENTS = Step("clients", CERTIFICATES, take_clients)
BUNDLES = Step("bundles", CERTIFICATES, keep_bundles, reads=frozenset({"generate", "receive", "sign", "deliver"}))
PAYMENT_MANAGERS = Step("payment_managers", CERTIFICATES, keep_payment_managers)
REGISTER = Step(OAUTH_CLIENTS, OAUTH_CLIENTS, register_clients, then=(PUBLISH, RECEIVE, DELIVER, PAYMENT_MANAGERS))
LEDGER_HUB = Step("ledger_hub", "ledger_hub", keep_ledger_hub)
LEDGER_PARTICIPANTS = Step("ledger_participants", "ledger_participants", keep_ledger_participants)

TABLE: tuple[Step, ...] = (
    GENERATE,
    PUBLISH,
    FETCH,
    RECEIVE,
    DIRECTORY,
    SIGN,
    DELIVER,
    CLIENTS,
    BUNDLES,
    PAYMENT_MANAGERS,
    REGISTER,
    LEDGER_HUB,
    LEDGER_PARTICIPANTS,
)
"""All steps, in the order of a pass."""


def steps_of(group: str, wanted: Collection[str] = ()) -> tuple[Step, ...]:
    """The steps that a module carries out: all of its group, or those named in ``wanted``."""
    return tuple(step for step in TABLE if step.group == group and (not wanted or step.name in wanted))
