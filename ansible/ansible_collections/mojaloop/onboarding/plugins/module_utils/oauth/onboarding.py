# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OAuth step: one client for each participant at the authorization server, its credentials where they belong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..description.model import HUB, AuthorizationServer, Description, Participant, State
from ..errors import AuthorizationServerError, OnboardingError, StoreError
from ..exchange.sealing import seal
from ..findings import OPERATOR, Disposition, Finding
from ..store.layout import credentials_path, received_folder, registration_path, sealed_credentials_path
from ..store.tree import Overlay, Tree
from .client import RegistrationClient, RegistrationRefused
from .model import credentials, desired_registration, differences
from .records import (
    Intent,
    Registration,
    canonical,
    intent_path,
    read_intent,
    read_object,
    read_registration,
    write_intent,
    write_registration,
)
from .transport import Http, HttpsClient, Route, Unreachable

STEP = "oauth"
REHEARSED = "rehearsal-"
"""Prefix of the client ids that a rehearsal puts into its overlay."""

Connect = Callable[[AuthorizationServer], Http]
Seal = Callable[[bytes, x509.Certificate], bytes]


def connect_https(server: AuthorizationServer) -> Http:
    """HTTPS to the server, verified against the CA file of the description."""
    return HttpsClient(Route(server.ca_file))


def onboard_clients(
    *,
    description: Description,
    participants: Sequence[Participant],
    tree: Tree,
    now: datetime,
    check: bool,
    connect: Connect = connect_https,
    sealer: Seal = seal,
) -> list[Finding]:
    """Compare every participant's client with the description and make it so (RFC 7591, RFC 7592); errors become faults.

    With ``check`` nothing is asked of the server but reading; what would be registered is put into ``tree``, an overlay,
    with a placeholder. Without an authorization server in the description there is nothing to do.
    """
    server = description.hub.authorization_server
    if server is None:
        return []
    with ExitStack() as closing:
        return _onboard_all(_Step(description, server, tree, now, check, connect, sealer, closing), participants)


def _onboard_all(step: _Step, participants: Sequence[Participant]) -> list[Finding]:
    findings: list[Finding] = []
    unreachable: Unreachable | None = None
    for participant in participants:
        try:
            if unreachable:  # one time-out is enough to know: a thousand participants must not wait for it each
                raise unreachable
            findings += step.onboard(participant)
        except OnboardingError as error:
            unreachable = error if isinstance(error, Unreachable) else None
            reason = "authorization-server-unreachable" if unreachable else "authorization-server-refused"
            reason = reason if isinstance(error, AuthorizationServerError) else "error"
            findings.append(Finding(participant.name, STEP, HUB, "client", reason, Disposition.FAULT, detail=str(error)))
    return findings


@dataclass(frozen=True)
class _Step:
    """What the work on one participant needs."""

    description: Description
    server: AuthorizationServer
    tree: Tree
    now: datetime
    check: bool
    connect: Connect
    sealer: Seal
    closing: ExitStack

    @cached_property
    def client(self) -> RegistrationClient:
        """Connected at the first need: a rehearsal of the first run finds no server yet."""
        http = self.connect(self.server)
        self.closing.callback(http.close)
        return RegistrationClient(http, self.server.registration_url)

    def onboard(self, participant: Participant) -> list[Finding]:
        """Findings of one participant, acted upon."""
        if participant.state is State.OFFBOARDED:
            return self._retire(participant)
        registration, intent = read_registration(self.tree, participant.name), read_intent(self.tree, participant.name)
        observed = self.client.read(registration) if registration else None
        if registration and observed is not None:
            return self._maintain(participant, self._follow(participant, registration, observed), observed, intent)
        if participant.state is State.SUSPENDED:  # its doors are closed: nothing new is made for it
            return []
        if not participant.managed and self._exchange_certificate(participant) is None:
            detail = "its exchange certificate, to which the secret of its OAuth client is encrypted"
            return [self._finding(participant, "exchange", "awaiting-counterpart", detail, pending_on=participant.name)]
        detail = "the server no longer knows it" if registration else ""
        findings = [*self._orphans(participant, registration, intent), self._finding(participant, "client", "oauth-client-missing", detail)]
        self._register(participant)
        return findings

    def _maintain(
        self, participant: Participant, registration: Registration, observed: dict[str, object], intent: Intent | None
    ) -> list[Finding]:
        """Bring fields and credentials of a client that exists up to the description."""
        desired = desired_registration(self.description, participant)
        changed = differences(desired, observed)
        findings = []
        if changed:
            findings.append(self._finding(participant, "client", "oauth-client-differs", ", ".join(changed)))
            if not self.check:
                registration, observed = self._update(participant, registration, desired)
        elif intent:
            self.tree.remove(intent_path(participant.name))
        if not self._delivered(participant, registration, observed):
            findings.append(self._finding(participant, "credentials", "oauth-credentials-missing"))
            self._redeliver(participant, registration, observed)
        return findings

    def _register(self, participant: Participant) -> None:
        """Register a client: intent, request, credentials, record; a kill in between leaves the intent."""
        desired = desired_registration(self.description, participant)
        if self.check:
            found: dict[str, object] = {"client_id": REHEARSED + participant.name, "client_secret": "rehearsal"}
        else:
            token = _initial_access_token(self.server)
            write_intent(self.tree, participant.name, Intent.of("create", str(desired["client_name"]), self.now))
            try:
                found = self.client.create(desired, token)
            except RegistrationRefused:
                self.tree.remove(intent_path(participant.name))
                raise
        registration = Registration(
            client_id=str(found["client_id"]),
            registration_client_uri=str(found.get("registration_client_uri", "")),
            registration_access_token=str(found.get("registration_access_token", "")),
            issued=self.now.isoformat(timespec="seconds"),
            scope=str(desired["scope"]),
        )
        self._deliver(participant, registration, str(found["client_secret"]))
        self.tree.remove(intent_path(participant.name))

    def _update(
        self, participant: Participant, registration: Registration, desired: dict[str, object]
    ) -> tuple[Registration, dict[str, object]]:
        """Change the client at the server; the new management token is kept before anything else happens."""
        write_intent(self.tree, participant.name, Intent.of("update", str(desired["client_name"]), self.now))
        observed = self.client.update(registration, desired)
        if observed is None:
            raise AuthorizationServerError(f"the client of {participant.name} vanished during its update", remedy="Run again.")
        registration = self._follow(participant, replace(registration, scope=str(desired["scope"])), observed)
        self.tree.remove(intent_path(participant.name))
        return registration, observed

    def _follow(self, participant: Participant, registration: Registration, observed: dict[str, object]) -> Registration:
        """Keep the management token that the server gave last.

        Some servers rotate it on reading as well: losing it in a rehearsal would lose the client, so it passes the overlay.
        """
        fresh = registration
        for name in ("registration_client_uri", "registration_access_token"):
            value = observed.get(name)
            if isinstance(value, str) and value:
                fresh = replace(fresh, **{name: value})
        tree = self.tree.below if isinstance(self.tree, Overlay) else self.tree
        write_registration(tree, participant.name, fresh)
        return fresh

    def _delivered(self, participant: Participant, registration: Registration, observed: dict[str, object]) -> bool:
        """Whether the participant's credentials are there and say what they must."""
        if not participant.managed:
            sealed = self.tree.read(sealed_credentials_path(participant.name)) is not None
            return sealed and registration.delivered == self._delivery(participant, registration)
        found = read_object(self.tree, credentials_path(participant.name)) or {}
        secret = observed.get("client_secret") or found.get("client_secret", "")
        return bool(secret) and found == credentials(self.description, participant, registration.client_id, str(secret))

    def _redeliver(self, participant: Participant, registration: Registration, observed: dict[str, object]) -> None:
        """Deliver again: the secret as the server tells it, or as the participant has it, else that of a new client."""
        found = (read_object(self.tree, credentials_path(participant.name)) if participant.managed else None) or {}
        known = found.get("client_secret") if found.get("client_id") == registration.client_id else None
        secret = observed.get("client_secret") or known
        if secret:
            self._deliver(participant, registration, str(secret))
            return
        if not self.check:
            self.client.delete(registration)
        self.tree.remove(registration_path(participant.name))
        self._register(participant)

    def _deliver(self, participant: Participant, registration: Registration, secret: str) -> None:
        """Put the credentials where their owner reads them, then keep the record."""
        content = canonical(credentials(self.description, participant, registration.client_id, secret))
        if participant.managed:
            self.tree.write(credentials_path(participant.name), content)
            # From when it was hosted elsewhere: opened there, it would bring an older secret back.
            self.tree.remove(sealed_credentials_path(participant.name))
        else:
            certificate = self._exchange_certificate(participant)
            if certificate is None:
                raise StoreError("is missing", where=_exchange_path(participant), remedy="Run the exchange again.")
            self.tree.write(sealed_credentials_path(participant.name), self.sealer(content, certificate))
            registration = replace(registration, delivered=self._delivery(participant, registration))
        write_registration(self.tree, participant.name, registration)

    def _delivery(self, participant: Participant, registration: Registration) -> str:
        """A digest over what was sealed and for whom, the secret left out."""
        certificate = self._exchange_certificate(participant)
        content = canonical(credentials(self.description, participant, registration.client_id, ""))
        return hashlib.sha256(content + (certificate.public_bytes(Encoding.DER) if certificate else b"")).hexdigest()

    def _exchange_certificate(self, participant: Participant) -> x509.Certificate | None:
        pem = self.tree.read(_exchange_path(participant))
        return x509.load_pem_x509_certificate(pem) if pem else None

    def _retire(self, participant: Participant) -> list[Finding]:
        """Delete the client of a participant that left, and what is kept of it."""
        registration, intent = read_registration(self.tree, participant.name), read_intent(self.tree, participant.name)
        if registration is None and intent is None:
            return []
        findings = self._orphans(participant, registration, intent)
        if registration:
            findings.append(self._finding(participant, "client", "oauth-client-retired"))
            if not self.check:
                self.client.delete(registration)
        places = [intent_path(participant.name), sealed_credentials_path(participant.name), registration_path(participant.name)]
        if participant.managed:
            places.insert(0, credentials_path(participant.name))
        for path in places:
            self.tree.remove(path)
        return findings

    def _orphans(self, participant: Participant, registration: Registration | None, intent: Intent | None) -> list[Finding]:
        """A request whose answer was lost may have left a client that nobody can manage (RFC 7591 has no list)."""
        if intent is None or (registration and intent.action == "create"):
            return []
        detail = f"look at the server for a client named {intent.client_name} from {intent.since} or before, and delete it"
        return [self._finding(participant, "client", "oauth-orphan-possible", detail, pending_on=OPERATOR)]

    def _finding(self, participant: Participant, artefact: str, reason: str, detail: str = "", pending_on: str = "") -> Finding:
        disposition = Disposition.PENDING if pending_on else Disposition.CHANGE
        return Finding(participant.name, STEP, HUB, artefact, reason, disposition, pending_on, detail)


def _exchange_path(participant: Participant) -> str:
    return f"{received_folder(HUB, participant.name)}/exchange.pem"


def _initial_access_token(server: AuthorizationServer) -> str:
    try:
        token = Path(server.initial_access_token_file).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        remedy = "Put the server's initial access token there (mode 0600)."
        raise StoreError("cannot be read", where=server.initial_access_token_file, remedy=remedy) from error
    if not token or any(character.isspace() for character in token):
        raise StoreError("holds no token", where=server.initial_access_token_file, remedy="Put one token there, on one line.")
    return token
