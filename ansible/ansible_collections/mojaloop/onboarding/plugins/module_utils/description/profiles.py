# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scheme profiles: a scheme's rules as data. Nothing else in the pack knows one trust model from another.

Sources: Mojaloop Hub Operations "Technical onboarding of DFSPs" (who signs what); Mojaloop "PKI Best Practices"
sections 5 and 6 (lifetimes, renewal, key usage); FSPIOP API "Signature" v1.1 section 3 (JWS algorithm, key size).
"""

# ruff: noqa: FBT003 -- rows of tables
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ..document_steps import Phase

JWS = "jws"
EXCHANGE = "exchange"
"""Names of rules for keys that the pack itself uses: to verify messages, and to sign and seal publications."""


class Signer(StrEnum):
    """Whose CA signs an artefact, seen from its holder."""

    OWN = "own"
    COUNTERPART = "counterpart"
    SCHEME = "scheme"
    """The hub's CA signs for every side."""
    DIRECTORY = "directory"
    """A directory of the scheme, which is no side: a request goes out to it, and a certificate comes in, at the holder's end."""
    SELF = "self"


@dataclass(frozen=True)
class Phases:
    """The document steps (see ``document_steps.Phase``) of what is done to one kind of certificate, from its key to its use."""

    made: str
    requested: str
    signed: str
    returned: str
    shared: str
    installed: str


@dataclass(frozen=True)
class CertificateRule:
    """What a profile asks of one kind of certificate.

    ``key_choice`` names the field of ``KeyChoices`` that decides the key kind; ``key_kinds`` are those allowed, from
    whoever asks. ``common_name``: ``host`` (the endpoint's host name) or ``id`` (the FSPIOP id). ``san``: ``host``
    (DNS name of the endpoint) or ``id`` (URI ``urn:fspiop:<id>``). Days are calendar days of 86,400 s.
    """

    name: str
    key_choice: str
    key_kinds: tuple[str, ...]
    signer: Signer
    per_counterpart: bool
    common_name: str
    san: str
    key_usage: tuple[str, ...]
    """Names as in RFC 5280 section 4.2.1.3: ``digital_signature``, ``key_encipherment`` …"""
    extended_key_usage: tuple[str, ...]
    """``server_auth``, ``client_auth``; empty: no such extension."""
    lifetime_days: int
    renew_before_days: int
    phases: Phases


@dataclass(frozen=True)
class AuthorityRule:
    """What a profile asks of a CA certificate made by the pack."""

    key_kinds: tuple[str, ...]
    lifetime_days: int
    renew_before_days: int
    path_length: int
    list_days: int = 30
    """How long a revocation list is in force; it is followed by the next when a third of that is left."""


@dataclass(frozen=True)
class Profile:
    """One scheme's rules. ``scheme_ca``: the hub's CA signs for all, participants have none."""

    name: str
    version: str
    scheme_ca: bool
    authority: AuthorityRule
    certificates: tuple[CertificateRule, ...]
    resources: tuple[str, ...]
    """FSPIOP resources that roles can name."""
    backdate_seconds: int = 300
    directory: str = ""
    """The name of the scheme's directory, where one signs."""

    @property
    def skew(self) -> timedelta:
        """How far the clocks of two sides may be apart: certificates begin that much earlier."""
        return timedelta(seconds=self.backdate_seconds)

    def has(self, name: str) -> bool:
        """Whether this profile has a certificate of this name."""
        return any(rule.name == name for rule in self.certificates)

    def rule(self, name: str) -> CertificateRule:
        """The rule of this certificate; KeyError when the profile has none."""
        for rule in self.certificates:
            if rule.name == name:
                return rule
        raise KeyError(name)


TLS_KEYS = ("ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096")
JWS_KEYS = ("rsa-2048", "rsa-3072")
"""A 4096-bit signature has 683 characters, over the 512 that the Signature specification allows."""
EXCHANGE_KEYS = ("rsa-3072", "rsa-4096")

_AUTHORITY = AuthorityRule(("ec-p256", "ec-p384", "rsa-3072", "rsa-4096"), lifetime_days=3650, renew_before_days=730, path_length=0)
_RESOURCES = (
    "parties", "participants", "quotes", "transfers", "bulkQuotes", "bulkTransfers",
    "transactionRequests", "authorizations", "transactions", "fxQuotes", "fxTransfers",
)  # fmt: skip


SERVER_PHASES = Phases(
    Phase.SERVER_MADE, Phase.SERVER_REQUESTED, Phase.SERVER_MADE, Phase.SERVER_RETURNED, Phase.SERVER_SHARED, Phase.SERVER_MADE
)
CLIENT_PHASES = Phases(
    Phase.CLIENT_REQUESTED,
    Phase.CLIENT_REQUESTED,
    Phase.CLIENT_SIGNED,
    Phase.CLIENT_RETURNED,
    Phase.CLIENT_RETURNED,
    Phase.CLIENT_INSTALLED,
)
JWS_PHASES = Phases(Phase.JWS_MADE, Phase.JWS_MADE, Phase.JWS_MADE, Phase.JWS_SHARED, Phase.JWS_SHARED, Phase.JWS_INSTALLED)
EXCHANGE_PHASES = Phases(*(6 * (Phase.EXCHANGE_KEY,)))


def _certificates(*, server: Signer, client: Signer, jws: Signer) -> tuple[CertificateRule, ...]:
    """The certificate rows that all Mojaloop profiles share; only who signs differs."""
    signature = ("digital_signature",)
    return (
        CertificateRule(
            "server", "tls", TLS_KEYS, server, False, "host", "host", signature, ("server_auth",), 365, 90, SERVER_PHASES
        ),
        CertificateRule(
            "client", "tls", TLS_KEYS, client, True, "id", "id", signature, ("client_auth",), 365, 90, CLIENT_PHASES
        ),
        CertificateRule("jws", "jws", JWS_KEYS, jws, False, "id", "id", signature, (), 730, 180, JWS_PHASES),
        CertificateRule(
            "exchange", "exchange", EXCHANGE_KEYS, Signer.SELF, False, "id", "id",
            ("digital_signature", "key_encipherment"), (), 1095, 180, EXCHANGE_PHASES,
        ),
    )  # fmt: skip


MOJALOOP = Profile(
    "mojaloop", "1", False, _AUTHORITY,
    _certificates(server=Signer.OWN, client=Signer.COUNTERPART, jws=Signer.OWN), _RESOURCES,
)  # fmt: skip
"""Bilateral: each side's CA signs its own server certificate and the other's client certificate."""

MOJALOOP_SCHEME_CA = Profile(
    "mojaloop-scheme-ca", "1", True, _AUTHORITY,
    _certificates(server=Signer.SCHEME, client=Signer.SCHEME, jws=Signer.SELF), _RESOURCES,
)  # fmt: skip
"""One scheme CA, kept by the hub, signs every TLS certificate (PKI Best Practices section 5.2)."""

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (MOJALOOP, MOJALOOP_SCHEME_CA)}
