# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scheme profiles: a scheme's rules as data. Nothing else in the pack knows one trust model from another.

Sources: Mojaloop Hub Operations "Technical onboarding of DFSPs" (who signs what); Mojaloop "PKI Best Practices"
sections 5 and 6 (lifetimes, renewal, key usage); FSPIOP API "Signature" v1.1 section 3 (JWS algorithm, key size).
"""

# ruff: noqa: FBT003 -- rows of tables
from __future__ import annotations

from ..document_steps import Phase
from .profile_rows import EXCHANGE, JWS, AuthorityRule, CertificateRule, Phases, Profile, ServiceLevel, Signer
from .profile_uae import UAE_API_HUB

__all__ = [
    "EXCHANGE",
    "JWS",
    "MOJALOOP",
    "MOJALOOP_SCHEME_CA",
    "PROFILES",
    "AuthorityRule",
    "CertificateRule",
    "Phases",
    "Profile",
    "ServiceLevel",
    "Signer",
]

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

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (MOJALOOP, MOJALOOP_SCHEME_CA, UAE_API_HUB)}
