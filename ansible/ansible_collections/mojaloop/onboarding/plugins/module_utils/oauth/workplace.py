# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the work on one participant's OAuth clients needs: the server, the records, and how credentials reach their owner."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..description.model import HUB, AuthorizationServer, Description, Participant, Rfc7591Server
from ..document_steps import Phase
from ..errors import AuthorizationServerError, StoreError
from ..findings import OPERATOR, Disposition, Finding
from ..remote.http import Http
from ..store.layout import NEXT, PREVIOUS, credentials_path, received_folder, registration_path, sealed_credentials_path
from ..store.tree import Overlay, Tree
from .client import RegistrationClient, RegistrationRefused
from .model import credentials, desired_registration
from .records import (
    Intent,
    Registration,
    canonical,
    intent_path,
    read_clients,
    read_object,
    read_registration,
    write_intent,
    write_registration,
)

STEP = Phase.OAUTH
REHEARSED = "rehearsal-"
"""Prefix of the client ids that a rehearsal puts into its overlay."""

Connect = Callable[[AuthorizationServer], Http]
Seal = Callable[[bytes, x509.Certificate], bytes]


@dataclass(frozen=True)
class Workplace:
    """One run's server, state folder and circumstances. With ``check`` the server is only read, not ``online`` not even that."""

    description: Description
    server: Rfc7591Server
    tree: Tree
    now: datetime
    connect: Connect
    sealer: Seal
    closing: ExitStack
    check: bool
    online: bool = True
    silent: set[str] = field(default_factory=set)
    """Servers from before (their registration URLs) that gave no answer in this run."""

    @cached_property
    def client(self) -> RegistrationClient:
        """Connected at the first need: a rehearsal of the first run finds no server yet."""
        http = self.connect(self.server)
        self.closing.callback(http.close)
        return RegistrationClient(http, self.server.registration_url)

    def register(self, participant: Participant, action: str) -> tuple[Registration, str]:
        """Register a client after writing down that it will be; returns it with its secret. A kill from here on leaves the intent."""
        desired = desired_registration(self.description, participant)
        if self.check:
            found: dict[str, object] = {"client_id": REHEARSED + participant.name, "client_secret": "rehearsal"}
        else:
            # Whatever fails before there is a connection to be had has registered nobody.
            client, token = self.client, _initial_access_token(self.server)
            write_intent(self.tree, participant.name, Intent.of(action, str(desired["client_name"]), self.now))
            try:
                found = client.create(desired, token)
            except RegistrationRefused:
                self.tree.remove(intent_path(participant.name))
                raise
        registration = Registration(
            client_id=str(found["client_id"]),
            registration_client_uri=str(found.get("registration_client_uri", "")),
            registration_access_token=str(found.get("registration_access_token", "")),
            issued=self.now.isoformat(timespec="seconds"),
            scope=str(desired["scope"]),
            issuer=self.server.issuer,
            registration_url=self.server.registration_url,
        )
        return registration, str(found["client_secret"])

    def asks(self, registration: Registration) -> bool:
        """Whether the server can be asked about a client: not about one that an earlier task of a dry run has planned."""
        return self.online and not registration.client_id.startswith(REHEARSED)

    def clients(self, participant: Participant) -> dict[str, Registration]:
        """The records that are kept: see ``read_clients``."""
        return read_clients(self.tree, participant.name)

    def delete(self, participant: Participant, registration: Registration, which: str = "") -> None:
        """Delete a client at the server, then what is kept of it; the record goes last, so that an interrupted run repeats it."""
        if self.asks(registration):
            observed = self.client.read(registration)
            if observed is not None:
                registration = self.follow(participant, registration, observed, which)
                self.refuse_another(participant, observed)
                if not self.check:
                    self.client.delete(registration)
        self.forget(participant, which)

    def refuse_another(self, participant: Participant, observed: dict[str, object]) -> None:
        """Threat: a record that was restored or copied to the wrong name would delete or change the client of somebody else."""
        own = desired_registration(self.description, participant)["client_name"]
        if observed.get("client_name", own) != own:
            where = registration_path(participant.name)
            raise AuthorizationServerError(f"the client is not named {own}, and is not touched", where=where, remedy="Restore the record.")

    def forget(self, participant: Participant, which: str = "") -> None:
        """Remove what is kept of a client: secrets first, the record last."""
        places = [sealed_credentials_path(participant.name, which), registration_path(participant.name, which)]
        if participant.managed or which == NEXT:
            places.insert(0, credentials_path(participant.name, which))
        for path in places:
            if self.tree.status(path) is not None:
                self.tree.remove(path)

    def follow(self, participant: Participant, registration: Registration, observed: dict[str, object], which: str = "") -> Registration:
        """Keep the management token that the server gave last.

        Some servers rotate it on reading as well: losing it in a rehearsal would lose the client, so it passes the overlay.
        """
        names = ("registration_client_uri", "registration_access_token")
        given = {name: value for name in names if isinstance(value := observed.get(name), str) and value}
        if isinstance(self.tree, Overlay):
            # There, its record may still have the place that a rehearsed hand-over has taken from it.
            for place in ("", NEXT, PREVIOUS):
                kept = read_registration(self.tree.below, participant.name, place)
                if kept and kept.same_client(registration):
                    write_registration(self.tree.below, participant.name, replace(kept, **given), place)
        fresh = replace(registration, **given)
        write_registration(self.tree, participant.name, fresh, which)
        return fresh

    def placed(self, participant: Participant, registration: Registration) -> Registration:
        """Note at which server a client is whose record does not say so, once the one described has answered for it there.

        Else it would be asked for at the server before for ever, after a change of the description.
        """
        origins = {urlsplit(url).netloc for url in (registration.registration_client_uri, self.server.registration_url)}
        if self.check or registration.issuer or len(origins) > 1:
            return registration
        found = replace(registration, issuer=self.server.issuer, registration_url=self.server.registration_url)
        write_registration(self.tree, participant.name, found)
        return found

    def deliver(self, participant: Participant, registration: Registration, secret: str, which: str = "") -> None:
        """Put the credentials where their owner reads them (of ``NEXT``: beside that, for later), then keep the record."""
        content = canonical(credentials(self.description, participant, registration.client_id, secret))
        if participant.managed:
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

    def kept_secret(self, participant: Participant, client: str, which: str = "") -> str:
        """The secret of this client that a managed participant's store holds; empty when it holds none."""
        found = (read_object(self.tree, credentials_path(participant.name, which)) if participant.managed else None) or {}
        return str(found.get("client_secret") or "") if found.get("client_id") == client else ""

    def lacks_exchange(self, participant: Participant) -> bool:
        """Whether nothing can be sealed to this participant, so that a client made for it would be of no use to anybody."""
        return not participant.managed and self.exchange_certificate(participant) is None

    def exchange_certificate(self, participant: Participant) -> x509.Certificate | None:
        """To which the credentials of a participant that is hosted elsewhere are sealed; None until it is received."""
        pem = self.tree.read(_exchange_path(participant))
        return x509.load_pem_x509_certificate(pem) if pem else None

    def orphan(self, participant: Participant, intent: Intent) -> Finding:
        """What a request whose answer was lost may have left at the server."""
        detail = f"look at the server for a client named {intent.client_name} from {intent.since} or before, and delete it"
        return self.finding(participant, "client", "oauth-orphan-possible", detail, pending_on=OPERATOR)

    def finding(self, participant: Participant, artefact: str, reason: str, detail: str = "", pending_on: str = "") -> Finding:
        """A finding on this participant; with somebody it is ``pending_on``, one that waits."""
        disposition = Disposition.PENDING if pending_on else Disposition.CHANGE
        return Finding(participant.name, STEP, HUB, artefact, reason, disposition, pending_on, detail)


def _exchange_path(participant: Participant) -> str:
    return f"{received_folder(HUB, participant.name)}/exchange.pem"


def _initial_access_token(server: Rfc7591Server) -> str:
    try:
        token = Path(server.initial_access_token_file).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        remedy = "Put the server's initial access token there (mode 0600)."
        raise StoreError("cannot be read", where=server.initial_access_token_file, remedy=remedy) from error
    if not token or any(character.isspace() for character in token):
        raise StoreError("holds no token", where=server.initial_access_token_file, remedy="Put one token there, on one line.")
    return token
