# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the work on a participant's OAuth client needs at every kind of server: records, and how credentials reach their owner."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..description.model import HUB, AuthorizationServer, Description, Participant
from ..description.transports import PaymentManagerConnector
from ..document_steps import Phase
from ..errors import StoreError
from ..findings import Disposition, Finding
from ..remote.http import Http
from ..store.layout import NEXT, credentials_path, received_folder, registration_path, sealed_credentials_path
from ..store.tree import Tree
from .model import credentials
from .records import Registration, canonical, read_clients, read_object, write_registration

STEP = Phase.OAUTH
DRY_RUN = "dry-run-"
"""Prefix of the client ids that a dry run puts into its overlay."""

Connect = Callable[[AuthorizationServer], Http]
Seal = Callable[[bytes, x509.Certificate], bytes]


@dataclass(frozen=True)
class Workplace:
    """One run's server, state folder and circumstances. With ``check`` the server is only read."""

    description: Description
    server: AuthorizationServer
    tree: Tree
    now: datetime
    connect: Connect
    sealer: Seal
    closing: ExitStack
    check: bool

    def asks(self, registration: Registration) -> bool:
        """Whether the server can be asked about a client: not about one that an earlier task of a dry run has planned."""
        return bool(registration.registration_client_uri)

    def clients(self, participant: Participant) -> dict[str, Registration]:
        """The records that are kept: see ``read_clients``."""
        return read_clients(self.tree, participant.name)

    def forget(self, participant: Participant, which: str = "") -> None:
        """Remove what is kept of a client: secrets first, the record last."""
        places = [sealed_credentials_path(participant.name, which), registration_path(participant.name, which)]
        if kept_here(participant) or which == NEXT:
            places.insert(0, credentials_path(participant.name, which))
        for path in places:
            if self.tree.status(path) is not None:
                self.tree.remove(path)

    def deliver(self, participant: Participant, registration: Registration, secret: str, which: str = "") -> None:
        """Put the credentials where their owner reads them (of ``NEXT``: beside that, for later), then keep the record."""
        content = canonical(credentials(self.description, participant, registration.client_id, secret))
        if kept_here(participant):
            self.tree.write(credentials_path(participant.name, which), content)
            # From when it was hosted elsewhere: opened there, it would bring an older secret back.
            self.tree.remove(sealed_credentials_path(participant.name, which))
        else:
            certificate = self.exchange_certificate(participant)
            if certificate is None:
                raise StoreError("is missing", where=_exchange_path(participant), remedy="Run the exchange again.")
            self.tree.write(sealed_credentials_path(participant.name, which), self.sealer(content, certificate))
            registration = replace(registration, delivered=self.delivery(participant, registration))
        write_registration(self.tree, participant.name, registration, which)

    def delivery(self, participant: Participant, registration: Registration) -> str:
        """A digest over what was sealed and for whom, the secret left out."""
        certificate = self.exchange_certificate(participant)
        content = canonical(credentials(self.description, participant, registration.client_id, ""))
        return hashlib.sha256(content + (certificate.public_bytes(Encoding.DER) if certificate else b"")).hexdigest()

    def delivered(self, participant: Participant, registration: Registration, secret: str = "") -> bool:
        """Whether the participant's credentials are there and say what they must; ``secret`` where the server gives it."""
        if not kept_here(participant):
            sealed = self.tree.read(sealed_credentials_path(participant.name)) is not None
            return sealed and registration.delivered == self.delivery(participant, registration)
        found = read_object(self.tree, credentials_path(participant.name)) or {}
        wanted = secret or str(found.get("client_secret") or "")
        return bool(wanted) and found == credentials(self.description, participant, registration.client_id, wanted)

    def kept_secret(self, participant: Participant, client: str, which: str = "") -> str:
        """The secret of this client that a managed participant's store holds; empty when it holds none."""
        found = (read_object(self.tree, credentials_path(participant.name, which)) if kept_here(participant) else None) or {}
        return str(found.get("client_secret") or "") if found.get("client_id") == client else ""

    def lacks_exchange(self, participant: Participant) -> bool:
        """Whether nothing can be sealed to this participant, so that a client made for it would be of no use to anybody."""
        return not kept_here(participant) and self.exchange_certificate(participant) is None

    def exchange_certificate(self, participant: Participant) -> x509.Certificate | None:
        """To which the credentials of a participant that is hosted elsewhere are sealed; None until it is received."""
        pem = self.tree.read(_exchange_path(participant))
        return x509.load_pem_x509_certificate(pem) if pem else None

    def awaited(self, participant: Participant) -> Finding:
        """What is reported while nothing can be sealed to a participant."""
        detail = "its exchange certificate, to which the secret of its OAuth client is encrypted"
        return self.finding(participant, "exchange", "awaiting-counterpart", detail, pending_on=participant.name)

    def finding(self, participant: Participant, artefact: str, reason: str, detail: str = "", pending_on: str = "") -> Finding:
        """A finding on this participant; with someone it is ``pending_on``, one that waits."""
        disposition = Disposition.PENDING if pending_on else Disposition.CHANGE
        return Finding(participant.name, STEP, HUB, artefact, reason, disposition, pending_on, detail)


def kept_here(participant: Participant) -> bool:
    """Whether its credentials are kept in this installation, and not sealed to it: managed, or a Payment Manager that is hosted here."""
    hosted = isinstance(participant.connector, PaymentManagerConnector) and not participant.connector.credentials_file
    return participant.managed or (hosted and participant.here)


def _exchange_path(participant: Participant) -> str:
    return f"{received_folder(HUB, participant.name)}/exchange.pem"
