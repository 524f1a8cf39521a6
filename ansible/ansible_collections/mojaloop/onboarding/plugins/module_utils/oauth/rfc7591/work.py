# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests to a server that registers clients dynamically (RFC 7591, 7592), with what is written down before and after each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Self
from urllib.parse import urlsplit

from ...description.model import Participant, Rfc7591Server
from ...errors import AuthorizationServerError
from ...findings import OPERATOR, Finding
from ...remote.http import Http
from ...remote.tokens import read_token
from ...store.layout import NEXT, PREVIOUS, registration_path
from ...store.tree import Overlay
from ..model import desired_registration
from ..records import Intent, Registration, intent_path, read_registration, write_intent, write_registration
from ..workplace import DRY_RUN, Workplace
from .client import RegistrationClient, RegistrationRefused

PERMISSION_REMEDY = "Put the server's initial access token there (mode 0600)."


@dataclass(frozen=True)
class RegistrationWork(Workplace):
    """The workplace at such a server. With ``check`` it is only read."""

    server: Rfc7591Server
    silent: set[str] = field(default_factory=set)
    """Servers from before (their registration URLs) that gave no answer in this run."""
    unfit: set[str] = field(default_factory=set)
    """Why no client is registered at the server."""

    @classmethod
    def of(cls, work: Workplace) -> Self:
        """At this place of work; AuthorizationServerError where the server is of another kind."""
        if not isinstance(work.server, Rfc7591Server):
            raise AuthorizationServerError(
                f"is of kind {work.server.kind}, not rfc7591", where=work.server.issuer, remedy="Correct its kind."
            )
        return cls(**{one.name: getattr(work, one.name) for one in fields(work)})

    @cached_property
    def http(self) -> Http:
        """Connected at the first need: a dry run of the first run finds no server yet."""
        http = self.connect(self.server)
        self.closing.callback(http.close)
        return http

    @cached_property
    def client(self) -> RegistrationClient:
        """See ``http``."""
        return RegistrationClient(self.http, self.server.registration_url)

    def register(self, participant: Participant, action: str) -> tuple[Registration, str]:
        """Register a client after writing down that it will be; returns it with its secret. A kill from here on leaves the intent."""
        desired = desired_registration(self.description, participant)
        if self.check:
            found: dict[str, object] = {"client_id": DRY_RUN + participant.name, "client_secret": "dry-run"}
        else:
            # Whatever fails before there is a connection to be had has registered no client.
            client, token = self.client, read_token(self.server.initial_access_token_file, PERMISSION_REMEDY)
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
        """Threat: a record that was restored or copied to the wrong name would delete or change the client of someone else."""
        own = desired_registration(self.description, participant)["client_name"]
        if observed.get("client_name", own) != own:
            where = registration_path(participant.name)
            raise AuthorizationServerError(f"the client is not named {own}, and is not touched", where=where, remedy="Restore the record.")

    def follow(self, participant: Participant, registration: Registration, observed: dict[str, object], which: str = "") -> Registration:
        """Keep the management token that the server gave last.

        Some servers rotate it on reading as well: losing it in a dry run would lose the client, so it passes the overlay.
        """
        names = ("registration_client_uri", "registration_access_token")
        given = {name: value for name in names if isinstance(value := observed.get(name), str) and value}
        if isinstance(self.tree, Overlay):
            # There, its record may still have the place that a hand-over in a dry run has taken from it.
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

    def orphan(self, participant: Participant, intent: Intent) -> Finding:
        """What a request whose answer was lost may have left at the server."""
        detail = f"look at the server for a client named {intent.client_name} from {intent.since} or before, and delete it"
        return self.finding(participant, "client", "oauth-orphan-possible", detail, pending_on=OPERATOR)
