# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What deployments of today read in Vault for each participant: the hub's client key and certificate, and the addresses (TLS 7).

Where Connection Manager makes the hub's key itself, its ``onboard`` writes the bundle, and the hub's own gateways get the key from there.

The shape is that of Connection Manager's ``onboard`` (release 3.4.0) and of the modules that read it: a KV v1 engine with one secret
for each participant, and one with the addresses of all. What others have put into a secret stays in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from ..description.model import HUB, Participant
from ..description.transports import VaultBundles
from ..description.trust import named
from ..document_steps import Phase
from ..errors import RemoteError
from ..findings import Finding
from ..pki.certificates import certificate_key, received_certificate
from ..pki.keys import private_pem, public_digest, read_own_key
from ..pki.requests import make_request
from ..remote.http import HttpClient, Route
from ..store import layout
from ..store.interface import contents
from ..store.vault.client import Json, Vault
from ..store.vault.place import VaultPlace
from .registers import key_of
from .remote_signing import remote_desk
from .run import Relation, Run

STEP = Phase.CLIENT_INSTALLED
TAKEN = "the key that Connection Manager has made for the hub"


def keep_bundles(run: Run) -> None:
    """Bring the bundles of this run's participants up to date; of who is not active there is none."""
    described = run.description.hub.vault_bundles
    if described is None or HUB not in run.sides or not run.online:
        return
    with run.guarded(HUB, STEP, HUB, "vault-bundles"), _opened(described) as vault:
        shelf = _Shelf(run, described, vault)
        for participant in run.chosen:
            if not participant.probe:
                with run.guarded(participant.name, STEP, HUB, "vault-bundle"):
                    shelf.keep(participant)
        if described.whitelist:
            shelf.keep_whitelist()


@dataclass(frozen=True)
class _Shelf:
    run: Run
    described: VaultBundles
    vault: Vault

    def keep(self, participant: Participant) -> None:
        """One participant's."""
        relation = Relation(self.run.description.hub, participant)
        if remote_desk(self.run, relation) is not None:
            self._take(relation)
            return
        path = f"{self.described.path}/{participant.name}"
        wanted = self._bundle(participant) if participant.active else None
        if wanted is not None or not participant.active:
            self._converge(participant.name, "vault-bundle", path, wanted)

    def _take(self, relation: Relation) -> None:
        """The hub's client key as Connection Manager has made it: with it ``receive`` installs what the participant has signed."""
        participant, tree = self.run.description.participant(relation.participant), self.run.tree
        found = self.vault.read_plain(f"{self.described.path}/{participant.fspiop_id}") if participant.active else None
        signed = tree.read(f"{layout.publication_folder(participant.name, HUB)}/client.pem")
        pem = (found or {}).get("client_key")
        if not isinstance(pem, str) or signed is None:
            return
        key = read_own_key(pem.encode(), where=f"{self.described.path}/{participant.fspiop_id}")
        digest = public_digest(key.public_key())
        folder = layout.store_folder(HUB, "client", participant.name)
        before = contents(tree, folder)
        if certificate_key(received_certificate(signed, where="client.pem"))[1] != digest or key_of(before) == digest:
            return
        (artefact,) = (one for one in self.run.requests_between(relation.side, relation.counterpart) if one.rule.name == "client")
        self.run.note(Finding(participant.name, STEP, HUB, artefact.label, "replaced" if before else "not-installed", detail=TAKEN))
        self.run.known_keys.claim(HUB, "client", digest)
        self.run.known_keys.retire(HUB, key_of(before), digest)
        request = make_request(key, rule=artefact.rule, side=named(self.run.description, artefact))
        tree.write_folder(folder, {"key.pem": private_pem(key), "request.pem": request})

    def keep_whitelist(self) -> None:
        """The addresses of all: those whom a narrowed run is not about keep theirs."""
        found = self.vault.read_plain(self.described.whitelist) or {}
        chosen = [participant for participant in self.run.chosen if not participant.probe]
        kept = {name: value for name, value in found.items() if name not in {participant.name for participant in chosen}}
        active = {each.name: ",".join(map(str, each.egress_addresses)) for each in chosen if each.active and each.egress_addresses}
        wanted = kept | active
        if wanted != found and self._is_new("whitelist", wanted):
            self.run.note(Finding(HUB, Phase.ADDRESSES, HUB, "vault-whitelist", "differs", detail=self.described.whitelist))
            self._write(self.described.whitelist, wanted)

    def _bundle(self, participant: Participant) -> Json | None:
        """None while something of it is missing, which is reported where it is made or received."""
        read, folder = self.run.tree.read, layout.store_folder(HUB, "client", participant.name)
        key, certificate, chain = (read(f"{folder}/{name}.pem") for name in ("key", "certificate", "chain"))
        authority = read(f"{layout.received_folder(HUB, participant.name)}/ca.pem")
        if key is None or certificate is None or authority is None or participant.endpoint is None:
            return None
        return {
            "host": participant.fspiop_id,
            "fqdn": participant.endpoint.host,
            "ca_bundle": authority.decode(),
            "client_key": key.decode(),
            "client_cert_chain": (certificate + (chain or b"")).decode(),
            "currency_code": participant.currencies[0] if participant.currencies else "",
            "fxpCurrencies": "",
            "isProxy": participant.proxy,
        }

    def _converge(self, name: str, artefact: str, path: str, wanted: Json | None) -> None:
        found = self.vault.read_plain(path)
        reason = _difference(found, wanted)
        if reason and self._is_new(name, wanted):
            self.run.note(Finding(name, STEP, HUB, artefact, reason, detail=path))
            self._write(path, None if wanted is None else {**(found or {}), **wanted})

    def _write(self, path: str, wanted: Mapping[str, object] | None) -> None:
        if self.run.dry_run:
            return
        if wanted is None:
            self.vault.delete_plain(path)
        else:
            self.vault.write_plain(path, wanted)
        if self.vault.read_plain(path) != wanted:
            raise RemoteError("gives something else back than was written", where=path, remedy="Is it a KV engine of version 1?")

    def _is_new(self, name: str, wanted: Json | None) -> bool:
        """In a dry run, whether an earlier pass has not planned the same: nothing of it has been written since."""
        if not self.run.dry_run:
            return True
        path, digest = layout.planned_bundle_path(name), sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest().encode()
        if self.run.tree.read(path) == digest:
            return False
        self.run.tree.write(path, digest)
        return True


def _difference(found: Json | None, wanted: Json | None) -> str:
    if found is None or wanted is None:
        return "" if found is wanted else "unwanted" if wanted is None else "not-installed"
    return "differs" if any(found.get(name) != value for name, value in wanted.items()) else ""


@contextmanager
def _opened(described: VaultBundles) -> Iterator[Vault]:
    http = HttpClient(Route(described.ca_file, internal=True))
    credentials = {name: getattr(described, name) for name in ("token_file", "role_id_file", "secret_id_file")}
    try:
        yield Vault(http, VaultPlace(described.url, described.path, "", ca_file=described.ca_file, **credentials))
    finally:
        http.close()
