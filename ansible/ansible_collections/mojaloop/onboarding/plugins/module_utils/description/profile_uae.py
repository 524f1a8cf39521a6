# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The UAE API Hub and its Licensed Financial Institutions (LFIs): one row for each certificate of the scheme.

Sources: nebras-open-finance.com, "Environment Specific Configuration" (who holds, requests and uploads which certificate),
"Keys & Certificates" (RSA 2048, SHA-256, subject), "Configuring mTLS" (``OU`` of the hub's client certificate pinned), "Secure
Management" (rotation within 13 months). Where its pages contradict each other: Sig2 as "OPF UAE SERVER SIGNING" and Enc1 as
"OPF UAE SERVER ENCKEY" follow the newest page; S4 always has a SAN.
"""

from __future__ import annotations

from dataclasses import replace

from ..document_steps import DocumentStep, Phase
from .profile_rows import (
    EXCHANGE,
    AuthorityRule,
    CertificateRule,
    DirectoryPlace,
    HeaderNames,
    Holder,
    Phases,
    Profile,
    Signer,
    Submission,
)

_DAYS, _RENEW_BEFORE = 395, 60
"""13 months at most, and two months to pass every gate with a person in it."""
_KEYS = ("rsa-2048",)
_ORGANISATION = "Organisation Certificates"
_APPLICATION = "App Certificates of the application C3-hh-cm-client"
_TRANSPORT, _APPLICATION_KEYS = "{organisation}/transport.jwks", "{organisation}/{client}/application.jwks"
JWT_AUTH = "jwt"
"""The choice of ``application_auth`` with which each side signs a JWT for the other."""

_SIGNING = ("digital_signature",)
_SERVER = CertificateRule(
    name="server",
    key_choice="tls",
    key_kinds=_KEYS,
    signer=Signer.DIRECTORY,
    per_counterpart=False,
    common_name="organisation",
    san="host",
    key_usage=_SIGNING,
    extended_key_usage=("server_auth",),
    lifetime_days=_DAYS,
    renew_before_days=_RENEW_BEFORE,
    phases=Phases(
        Phase.SERVER_MADE,
        Phase.SERVER_SHARED,
        Phase.SERVER_REQUESTED,
        Phase.SERVER_RETURNED,
        Phase.SERVER_SHARED,
        Phase.SERVER_MADE,
    ),
)
_CLIENT = replace(
    _SERVER,
    name="client",
    per_counterpart=True,
    san="none",
    extended_key_usage=("client_auth",),
    phases=replace(_SERVER.phases, installed=Phase.CLIENT_INSTALLED),
)
_SIGNATURE = replace(
    _SERVER, san="none", extended_key_usage=(), phases=replace(_SERVER.phases, installed=Phase.SERVER_RETURNED)
)  # fmt: skip

_ROWS = (
    replace(
        _SERVER, holder=Holder.HUB, code="S3", purpose="Consent Manager and Headless Heimdall to the LFI",
        submission=Submission(_ORGANISATION, "OPF UAE SERVER TRANSPORT", _TRANSPORT, by_counterpart=True),
    ),
    replace(
        _SERVER, holder=Holder.PARTICIPANT, code="S4", purpose="the Ozone Connect server to the API Hub",
        submission=Submission(_ORGANISATION, "OPF UAE SERVER TRANSPORT", _TRANSPORT),
    ),
    replace(
        _CLIENT, holder=Holder.HUB, code="C4", pins=("OU",), purpose="the API Hub to the LFI's Ozone Connect",
        submission=Submission(_ORGANISATION, "OPF UAE CLIENT TRANSPORT", _TRANSPORT),
    ),
    replace(
        _CLIENT, holder=Holder.PARTICIPANT, code="C3", common_name="client", pins=("OU", "CN"), purpose="the LFI to Consent Manager",
        submission=Submission(_APPLICATION, "OPF UAE CLIENT TRANSPORT", "{organisation}/{client}/transport.jwks"),
    ),
    replace(
        _SERVER, name="tenant-server", holder=Holder.HUB, code="S1", san="further", purpose="the LFI's tenant of the API Hub to TPPs",
        submission=Submission(_ORGANISATION, "OPF UAE SERVER TRANSPORT", _TRANSPORT, by_counterpart=True),
        phases=_SIGNATURE.phases,
    ),
    replace(
        _SIGNATURE, name="response-signature", holder=Holder.HUB, code="Sig2", purpose="responses and id_tokens to TPPs",
        submission=Submission(_ORGANISATION, "OPF UAE SERVER SIGNING", "{organisation}/application.jwks", by_counterpart=True),
    ),
    replace(
        _SIGNATURE, name="jwt", holder=Holder.HUB, code="Sig3", when=JWT_AUTH, purpose="JWT Auth of the API Hub",
        submission=Submission(_ORGANISATION, "OPF UAE CLIENT SIGNING", "{organisation}/application.jwks"),
    ),
    replace(
        _SIGNATURE, name="jwt", holder=Holder.PARTICIPANT, code="Sig4", common_name="client", when=JWT_AUTH, purpose="JWT Auth of the LFI",
        submission=Submission(_APPLICATION, "OPF UAE CLIENT SIGNING", _APPLICATION_KEYS),
    ),
    replace(
        _SIGNATURE, name="encryption", holder=Holder.PARTICIPANT, code="Enc1", key_usage=("key_encipherment",), lifetime_days=3650,
        purpose="personal data that TPPs encrypt to the LFI",
        submission=Submission(_ORGANISATION, "OPF UAE SERVER ENCKEY", "{organisation}/application.jwks"),
    ),
    replace(
        _SIGNATURE, name=EXCHANGE, key_choice="exchange", key_kinds=("rsa-3072", "rsa-4096"), signer=Signer.SELF, common_name="id",
        san="id", key_usage=("digital_signature", "key_encipherment"), lifetime_days=1095, renew_before_days=180,
        phases=Phases(*(6 * (Phase.EXCHANGE_KEY,))), purpose="publications between hub and LFI",
    ),
)  # fmt: skip


def _place(part: str, *kinds: str) -> DirectoryPlace:
    """One environment: its hosts differ in one part of their names."""
    return DirectoryPlace(
        website=f"https://web.{part}directory.openfinance.ae",
        authorities=tuple(f"https://crl.{part}pki.openfinance.ae/{name}-ca.pem" for name in ("issuer", "root")),
        keystore=f"https://keystore.{part}directory.openfinance.ae",
        kinds=kinds,
    )


UAE_API_HUB = Profile(
    name="uae-api-hub",
    version="1",
    scheme_ca=False,
    authority=AuthorityRule(("rsa-2048", "rsa-3072", "rsa-4096"), lifetime_days=7300, renew_before_days=365, path_length=1),
    certificates=_ROWS,
    resources=(
        "consents", "consent-groups", "psu", "accounts", "payment-log", "account-opening-log", "fx-quote-log", "insurance-quote-log",
        "auth", "hello-mtls",
    ),
    directory="the Open Finance Trust Framework",
    places={"sandbox": _place("sandbox.", "lab", "pre-production"), "production": _place("", "production")},
    tenant=True,
    keys={"tls": "rsa-2048", "jws": "rsa-2048", "exchange": "rsa-3072"},
    headers=HeaderNames(caller="", called="o3-provider-id"),
    health=("/hello-mtls", "/echo-cert"),
    hello="/hello",
    suite="handshakes",
    lint="uae",
    demanded=("security",),
    steps=(
        DocumentStep(Phase.SERVER_MADE, "keys and requests made; server certificate installed"),
        DocumentStep(Phase.SERVER_SHARED, "requests and facts shared with the counterpart"),
        DocumentStep(Phase.AUTHORITY_RECEIVED, "the directory's CA certificates pinned and installed"),
        DocumentStep(Phase.SERVER_REQUESTED, "requests uploaded to the directory, certificates fetched"),
        DocumentStep(Phase.CALLER_ACCEPTED, "the counterpart's organisation admitted inbound"),
        DocumentStep(Phase.SERVER_RETURNED, "certificates returned to the side that made the request"),
        DocumentStep(Phase.CLIENT_INSTALLED, "own client certificate installed outbound"),
        DocumentStep(Phase.ADDRESSES, "addresses in the firewall and gateway allowlists"),
        DocumentStep(Phase.URLS, "the counterpart's URLs configured"),
        DocumentStep(Phase.TESTING, "connectivity verified with real traffic"),
    ),
)  # fmt: skip
"""Resources: paths of the API Hub's Consent Manager 2.1 and Authorisation Server 2.1."""
