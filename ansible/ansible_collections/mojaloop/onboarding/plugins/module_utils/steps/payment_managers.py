# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payment Managers that this installation hosts: each one's part of Vault, its credentials, and the files that it starts with.

What it exchanges with the hub, it exchanges itself, through Connection Manager.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..description.model import Participant
from ..description.transports import PaymentManagerConnector
from ..document_steps import Phase
from ..errors import RemoteError
from ..findings import Finding
from ..formats import read_json
from ..payment_manager.connector import CONNECTOR, connector_environment
from ..payment_manager.settings import ROLE_ID, SECRET_ID, settings_files
from ..payment_manager.tenant import SECRET_ID_TTL, SHARED, Object, Tenant, authority, difference, mounts
from ..remote.http import HttpClient, Route
from ..store import layout
from ..store.interface import contents
from ..store.journal import find_record, render_record
from ..store.vault.client import Vault
from ..store.vault.place import VaultPlace
from .ilp_secrets import keep_ilp_secret
from .run import Run

STEP = Phase.URLS
MADE = "secret-id.json"
"""When the secret id ends: the server says it once, when it makes one."""


def keep_payment_managers(run: Run) -> None:
    """Bring the part of every active one up to date."""
    for participant in run.chosen:
        connector = participant.connector
        if isinstance(connector, PaymentManagerConnector) and participant.here and participant.active and run.online:
            with run.guarded(participant.name, STEP, participant.name, "payment-manager"), _opened(connector) as vault:
                _Desk(run, participant, connector, vault).keep()


@dataclass(frozen=True)
class _Desk:
    run: Run
    participant: Participant
    connector: PaymentManagerConnector
    vault: Vault

    def keep(self) -> None:
        """Vault first, then its credentials, then what names both."""
        tenant = Tenant(self.participant, self.connector.key_bits)
        missing = list(mounts(self.vault, tenant))
        for each in missing:
            self._make(each)
        mounted = not self.run.dry_run or all(each.name != "mount pki" for each in missing)
        for each in authority(self.vault, tenant, mounted=mounted):
            self._make(each)
        for each in tenant.objects():
            reason = "missing" if not mounted and each.path.startswith(tenant.pki) else difference(self.vault, each)
            if reason:
                self._make(each, reason)
        self._secret(tenant)
        files = settings_files(self.run.description.hub, self.participant, self.connector, tenant)
        self._write(files | self._connector_file(), tenant)

    def _make(self, wanted: Object, reason: str = "missing") -> None:
        if not self._planned(wanted.name, shared=wanted.name == SHARED):
            self._note(wanted.name, reason)
        if self.run.dry_run:
            return
        self.vault.write_plain(wanted.path, wanted.body)
        if wanted.wanted and difference(self.vault, wanted):
            raise RemoteError(f"{wanted.name} was accepted, and something else is given back", where=self.connector.vault_url)

    def _secret(self, tenant: Tenant) -> None:
        """The credentials at the hub's authorization server, where Payment Manager reads them."""
        found = self._client()
        if not found:
            return
        wanted = dict.fromkeys(("AUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET"), found["client_secret"])
        path = f"{tenant.secrets}/pm4ml"
        there = {} if self.run.dry_run and self._planned("mount secrets") else self.vault.read_plain(path) or {}
        if any(there.get(name) != value for name, value in wanted.items()) and not self._planned("OAuth secret"):
            self._note("OAuth secret", "differs" if there else "missing")
            if not self.run.dry_run:
                self.vault.write_plain(path, {**there, **wanted})

    def _client(self) -> dict[str, str]:
        """The client of the file that is named, else the one that this installation has registered; empty while there is none."""
        file = self.connector.credentials_file
        tree, place = self.run.beside(file) if file else (self.run.tree, layout.credentials_path(self.participant.name))
        content = tree.read(place)
        if content is None and not file:
            return {}
        found = read_json(content or b"null")
        if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("client_id", "client_secret")):
            remedy = 'Write {"client_id": "…", "client_secret": "…"} (mode 0600).'
            raise RemoteError("holds no client's credentials", where=file or place, remedy=remedy)
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def _connector_file(self) -> dict[str, bytes]:
        """The variables of the SDK beside it, once its credentials are there; none where its version is not described."""
        client = self._client()
        if not self.connector.version or not client:
            return {}
        standing = contents(self.run.tree, layout.payment_manager_folder(self.participant.name))
        if not keep_ilp_secret(self.run, self.participant, held=CONNECTOR in standing):
            return {CONNECTOR: standing[CONNECTOR]} if CONNECTOR in standing else {}
        secret = (self.run.tree.read(layout.ilp_secret_path(self.participant.name)) or b"").decode("ascii")
        return {CONNECTOR: connector_environment(self.run.description, self.participant, self.connector, client, secret)}

    def _write(self, files: dict[str, bytes], tenant: Tenant) -> None:
        folder = layout.payment_manager_folder(self.participant.name)
        standing = contents(self.run.tree, folder)
        kept = {name: standing[name] for name in (ROLE_ID, SECRET_ID, MADE) if name in standing}
        fresh = kept if len(kept) == 3 and not self._due(folder) else self._credentials(tenant)  # noqa: PLR2004 -- all of them
        wanted = files | fresh
        for name in sorted(name for name in {*wanted, *standing} if wanted.get(name) != standing.get(name) and name != MADE):
            self._note(name, "differs" if name in standing else "not-installed")
        if wanted != standing:
            self.run.tree.write_folder(folder, wanted)

    def _due(self, folder: str) -> bool:
        record = find_record(self.run.tree, f"{folder}/{MADE}", {"until"})
        return record is None or self.run.now >= datetime.fromisoformat(str(record["until"])) - timedelta(seconds=SECRET_ID_TTL / 3)

    def _credentials(self, tenant: Tenant) -> dict[str, bytes]:
        """A new secret id; in a dry run a place in its stead."""
        until = self.run.now + timedelta(seconds=SECRET_ID_TTL)
        made = {MADE: render_record({"until": until.isoformat()})}
        if self.run.dry_run:
            return {ROLE_ID: b"-", SECRET_ID: b"-", **made}
        place = f"auth/approle/role/{tenant.role}"
        role = (self.vault.read_plain(f"{place}/role-id") or {}).get("role_id")
        secret = self.vault.make(f"{place}/secret-id").get("secret_id")
        return {ROLE_ID: str(role).encode(), SECRET_ID: str(secret).encode(), **made}

    def _planned(self, name: str, *, shared: bool = False) -> bool:
        """In a dry run, whether this was planned already: in an earlier pass, or for another one where they share it."""
        if not self.run.dry_run:
            return False
        path = layout.planned_bundle_path(f"{'' if shared else self.participant.name}-{name.replace(' ', '-')}")
        planned = self.run.tree.read(path) is not None
        if not planned:
            self.run.tree.write(path, b"")
        return planned

    def _note(self, artefact: str, reason: str) -> None:
        self.run.note(Finding(self.participant.name, STEP, self.participant.name, f"payment-manager/{artefact}", reason))


@contextmanager
def _opened(connector: PaymentManagerConnector) -> Iterator[Vault]:
    http = HttpClient(Route(connector.vault_ca_file))
    try:
        yield Vault(http, VaultPlace(connector.vault_url, "", "", connector.vault_ca_file, connector.vault_token_file))
    finally:
        http.close()
