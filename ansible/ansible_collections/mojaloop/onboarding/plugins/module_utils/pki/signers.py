# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who signs: an interface, a CA key held here, and a CA that is offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

from ..errors import OnboardingError
from ..store.tree import Tree
from .keys import PrivateKey, PublicKey


class AwaitingSignature(OnboardingError):
    """An offline CA has been asked and has not answered yet: a pending result. ``request_file`` is the request's path."""

    def __init__(self, request_file: str, *, where: str = "") -> None:
        super().__init__("the offline CA has not signed it yet", where=where or request_file)
        self.request_file = request_file


@dataclass(frozen=True)
class Draft:
    """A certificate before its signature. ``label`` names holder and artefact (``greenbank/client``) for people and files."""

    label: str
    builder: x509.CertificateBuilder
    public_key: PublicKey


class CertificateSigner(Protocol):
    """A CA that can sign."""

    @property
    def certificate(self) -> x509.Certificate:
        """The issuing CA's certificate."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Issuing CA first, up to and with the root."""

    def collect(self, label: str, public_key: PublicKey) -> x509.Certificate | None:
        """A certificate that arrived for an earlier draft; None when none was asked for; AwaitingSignature when it is not there yet."""

    def sign(self, draft: Draft) -> x509.Certificate:
        """The signed certificate; AwaitingSignature when it will come later."""


@dataclass(frozen=True)
class LocalSigner:
    """A CA whose key is in this process."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey

    def collect(self, label: str, public_key: PublicKey) -> x509.Certificate | None:
        """See ``CertificateSigner``: a local key never keeps one waiting."""
        raise NotImplementedError

    def sign(self, draft: Draft) -> x509.Certificate:
        """See ``CertificateSigner``."""
        raise NotImplementedError


@dataclass(frozen=True)
class OfflineSigner:
    """A CA that is reached by files: a request goes out to ``folder`` of the tree, a certificate comes back there."""

    tree: Tree
    folder: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    def collect(self, label: str, public_key: PublicKey) -> x509.Certificate | None:
        """See ``CertificateSigner``. What comes back must say what was asked: SigningRefused otherwise."""
        raise NotImplementedError

    def sign(self, draft: Draft) -> x509.Certificate:
        """See ``CertificateSigner``. Writes the request and raises AwaitingSignature."""
        raise NotImplementedError
