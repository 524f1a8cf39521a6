# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the scheme lint looks at: every certificate, key file and revocation list of the sides whose stores are here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509

from ..description.model import Description, Side
from ..pki.certificates import CertificateUnreadable, read_certificates
from ..pki.inputs import InputRefused
from ..pki.revocation import LIST, read_list
from ..store.interface import Tree
from ..store.layout import store_folder


@dataclass(frozen=True)
class Held:
    """One artefact of a side: its certificates (the first is its own) and the mode of its key (0: no key file)."""

    side: Side
    artefact: str
    """``ca``, or the name of the profile's certificate."""
    path: str
    """Folder of the artefact, below the state folder."""
    certificates: tuple[x509.Certificate, ...]
    key_mode: int
    list_days: int | None = None
    """Days for which the CA's revocation list is in force; None: there is none."""

    @property
    def certificate(self) -> x509.Certificate:
        """The artefact's own certificate."""
        return self.certificates[0]


def held_by(tree: Tree, description: Description) -> Iterator[Held]:
    """Every artefact with a readable certificate, side by side; what cannot be read is a fault of the run, which reports it."""
    stored = set(tree.names("store"))
    for side in (description.hub, *description.participants):
        if side.name in stored:
            clients = [("client", store_folder(side.name, "client", other)) for other in tree.names(f"store/{side.name}/client")]
            names = dict.fromkeys(rule.name for rule in description.profile.certificates if not rule.per_counterpart)
            for artefact, folder in (*((name, store_folder(side.name, name)) for name in ("ca", *names)), *clients):
                yield from _held(tree, side, artefact, folder)


def _held(tree: Tree, side: Side, artefact: str, folder: str) -> Iterator[Held]:
    pem, key = tree.read(f"{folder}/certificate.pem"), tree.status(f"{folder}/key.pem")
    with suppress(CertificateUnreadable):
        if pem is not None:
            days = _list_days(tree, folder) if artefact == "ca" else None
            yield Held(side, artefact, folder, read_certificates(pem), key.mode if key else 0, days)


def _list_days(tree: Tree, folder: str) -> int | None:
    pem = tree.read(f"{folder}/{LIST}")
    with suppress(InputRefused):
        if pem is not None:
            found = read_list(pem, where=f"{folder}/{LIST}")
            return (found.ends - found.begins).days
    return None
