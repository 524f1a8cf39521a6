# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transport through a Connection Manager: its objects are the files of a publication, and the channel says whose they are.

What it has no object for (exchange keys, revocation lists, OAuth credentials) does not travel this way: a person may copy such a file into
the same folder of the other installation, and it stays there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain

from ..connection_manager.access import Access
from ..connection_manager.era1 import JWS_CERTIFICATE
from ..connection_manager.server import Case, Server
from ..description.model import HUB
from ..document_steps import Phase
from ..findings import Disposition
from ..pki.certificates import CertificateUnreadable, certificate_key, read_certificate, read_certificates, signed_by
from ..pki.revocation import LIST
from ..remote.errors import Unknown
from ..store import layout
from ..store.interface import contents
from ..store.journal import find_record, render_record
from ..store.tree import Tree
from .manifest import MANIFEST
from .publication import Address
from .published import CREDENTIALS, EXCHANGE_CERTIFICATE, NEXT_EXCHANGE_CERTIFICATE
from .transport import Notice

BY_HAND = frozenset({CREDENTIALS, EXCHANGE_CERTIFICATE, NEXT_EXCHANGE_CERTIFICATE, LIST})
"""Files for which the server has no object."""
RENEWAL = timedelta(days=10)
"""Ahead of the end of a certificate that is in force, the next one is put in its place."""
CLIENT, CHAIN = "client.pem", "ca.pem"


@dataclass
class ManagerTransport:
    """Between the hub and one participant. ``online``: whether the server may be asked; else the mirror stands as it was last read."""

    case: Case
    access: Access
    online: bool = True
    channel: bool = True
    _planned: Counter[Notice] = field(default_factory=Counter)
    """What a dry run has reported in earlier passes: there, nothing of it has been done since."""
    _asked: bool = False
    _client_asked: bool = False

    def fetch(self, tree: Tree, address: Address) -> Iterator[Notice]:
        """See Transport."""
        if not self.online:
            return
        by_hub = address.sender == HUB
        with self.access.open() as server:
            if not server.known(self.case, by_hub=not by_hub):
                yield self._unknown(by_hub=not by_hub)
                return
            own = contents(tree, layout.publication_folder(address.receiver, address.sender))
            found = server.published(self.case, by_hub=by_hub, own=own)
            files = {name: content for name, content in found.items() if name in address.files}
            if server.signs and not by_hub:
                files |= self._still_good(tree.read(f"{address.folder}/{CLIENT}"), files)
            yield from _mirror(tree, address.folder, files)
            if by_hub:
                keys = {f"{name}.pem": key for name, key in server.keys().items()}
                yield from _mirror(tree, layout.listed_keys_folder(address.receiver), keys)

    def deliver(self, tree: Tree, address: Address) -> Iterator[Notice]:
        """See Transport."""
        if not self.online:
            return
        by_hub = address.sender == HUB
        files = {name: content for name, content in contents(tree, address.folder).items() if name != MANIFEST}
        jws = tree.read(f"{layout.store_folder(address.sender, 'jws')}/certificate.pem")
        files |= {JWS_CERTIFICATE: jws} if jws and "jws.pem" in files else {}
        with self.access.open() as server:
            if not by_hub and not server.known(self.case, by_hub=False):
                yield self._unknown(by_hub=False)
                return
            peers = contents(tree, layout.jws_keys_folder(HUB)) if by_hub else {}
            handed_over = self._handed_over(server, files, peers, by_hub=by_hub)
            yield from self._new(list(handed_over)) if self.access.dry_run else handed_over
            if by_hub:
                yield from self._activated(server, tree)
            for each in server.waiting(self.case, by_hub=by_hub):
                yield Notice(each.artefact, each.reason, Disposition.PENDING, each.on, each.detail, each.step)

    @cached_property
    def signs(self) -> bool:
        """Whether the server signs participants' requests itself."""
        with self.access.open() as server:
            return server.signs

    def signed(self, key: str) -> tuple[bytes | None, bytes | None, bool]:
        """The server's certificate for the participant's key, the CA that signs there, and whether it was asked for one.

        It is asked once: every time it is, it makes another one.
        """
        with self.access.open() as server:
            authority, found = server.authority(), server.certificate(self.case, key)
            if found is not None:
                return found, authority, False
            asked = not self._asked
            if asked:
                self._asked = self.access.dry_run
                self._sign(server, key)
            return server.certificate(self.case, key), authority, asked

    def client(self) -> tuple[tuple[str, str] | None, bool]:
        """The participant's OAuth client (id, secret) as the server has it, and whether it was asked to make it.

        It is asked once: every time it is, it makes another secret.
        """
        with self.access.open() as server:
            found = server.client(self.case) if server.known(self.case, by_hub=False) else None
            if found is not None or self._client_asked or not server.known(self.case, by_hub=False):
                return found, False
            self._client_asked = self.access.dry_run
            try:
                server.make_client(self.case)
            except Unknown:
                if server.client(self.case) is None:
                    raise
            return server.client(self.case), True

    def _sign(self, server: Server, key: str) -> None:
        try:
            server.sign(self.case, key)
        except Unknown:
            if server.certificate(self.case, key) is None:
                raise

    def _activated(self, server: Server, tree: Tree) -> Iterator[Notice]:
        """Put the participant into force where what counts of it has changed, or the certificate of last time comes to its end."""
        path, wanted = layout.activation_path(self.case.participant.name), server.activation(self.case)
        if wanted is None:
            return
        standing = find_record(tree, path, {"digest", "until"})
        if standing is not None and standing["digest"] == wanted.digest:
            until = datetime.fromisoformat(str(standing["until"]))
            if self.case.now < until - RENEWAL or wanted.until <= until:
                return
        server.activate(self.case)
        tree.write(path, render_record({"digest": wanted.digest, "until": wanted.until.isoformat()}))
        yield Notice("participant", "not-activated", step=Phase.CLIENT_INSTALLED)

    def _still_good(self, standing: bytes | None, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The hub's certificate that stands, where its participant has signed the same request anew: some clients do so all the time."""
        if standing is None or not {CLIENT, CHAIN} <= set(files):
            return {}
        try:
            before, fresh = (read_certificate(pem) for pem in (standing, files[CLIENT]))
            authorities = read_certificates(files[CHAIN])
        except CertificateUnreadable:
            return {}
        in_time = self.case.now < before.not_valid_after_utc - RENEWAL
        same = certificate_key(before) == certificate_key(fresh) and any(signed_by(before, one) for one in authorities)
        return {CLIENT: standing} if in_time and same else {}

    def _new(self, notices: list[Notice]) -> Iterator[Notice]:
        found = Counter(notices)
        yield from (found - self._planned).elements()
        self._planned |= found

    def _handed_over(self, server: Server, files: Mapping[str, bytes], peers: Mapping[str, bytes], *, by_hub: bool) -> Iterator[Notice]:
        keys = {name.removesuffix(".pem"): key for name, key in peers.items()}
        for task in chain(server.tasks(self.case, files, by_hub=by_hub), server.peer_tasks(self.case, keys) if keys else ()):
            if not task.done():
                task.carry_out(dry_run=self.access.dry_run)
                yield Notice(task.artefact, task.reason, step=task.step)

    def _unknown(self, *, by_hub: bool) -> Notice:
        """The hub registers participants when it delivers; others wait for it."""
        if by_hub:
            detail = "is not registered at Connection Manager yet"
            return Notice("participant", "awaiting-counterpart", Disposition.PENDING, self.case.participant.name, detail)
        return Notice("participant", "awaiting-counterpart", Disposition.PENDING, HUB, "registers this participant at Connection Manager")


def _mirror(tree: Tree, folder: str, files: Mapping[str, bytes]) -> Iterator[Notice]:
    """Let a folder hold what the server has. A server that has nothing takes nothing away."""
    if not files:
        return
    standing = contents(tree, folder)
    files = {**{name: content for name, content in standing.items() if name in BY_HAND}, **files}
    if standing == files:
        return
    for name in sorted({*files, *standing}):
        if standing.get(name) != files.get(name):
            reason = "publication-unwanted" if name not in files else "not-fetched" if name not in standing else "publication-differs"
            yield Notice(name, reason)
    tree.write_folder(folder, files)
