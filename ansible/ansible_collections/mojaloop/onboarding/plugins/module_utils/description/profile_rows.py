# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a profile is made of: rows of data. ``profiles`` has the schemes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ..document_steps import DOCUMENT_STEPS, DocumentStep

JWS = "jws"
EXCHANGE = "exchange"
"""Names of rules for keys that the pack itself uses: to verify messages, and to sign and seal publications."""


_KEYS = {"tls": "ec-p256", "jws": "rsa-3072", "exchange": "rsa-3072"}


class Signer(StrEnum):
    """Whose CA signs an artefact, seen from its holder."""

    OWN = "own"
    COUNTERPART = "counterpart"
    SCHEME = "scheme"
    """The hub's CA signs for every side."""
    DIRECTORY = "directory"
    """A directory of the scheme, which is no side: a request goes out to it, and a certificate comes in, at the holder's end."""
    SELF = "self"


class Holder(StrEnum):
    """Which sides hold an artefact."""

    BOTH = "both"
    HUB = "hub"
    PARTICIPANT = "participant"


@dataclass(frozen=True)
class Submission:
    """How a request reaches the directory, which no machine may write to: a person uploads it (the gate), and fetches the certificate.

    ``location`` and ``type`` are what is to be chosen there, ``jwks`` which key set then shows the certificate's key id.
    ``by_counterpart``: the counterpart uploads it into its own organisation, whose names the certificate therefore has.
    """

    location: str
    type: str
    jwks: str
    by_counterpart: bool = False


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
    whoever asks. ``common_name``: ``host`` (the endpoint's host name), ``id`` (the FSPIOP id), ``organisation`` or ``client`` (ids
    in the scheme's directory). ``san``: ``host`` (DNS names of the endpoint), ``further`` (those of ``further_hosts`` alone), ``id``
    (URI ``urn:fspiop:<id>``) or ``none``. Days are calendar days of 86,400 s.
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
    holder: Holder = Holder.BOTH
    code: str = ""
    """What the scheme's documents call it: ``C3``."""
    pins: tuple[str, ...] = ()
    """Parts of the subject (``OU``, ``CN``) by which a caller is known; none: by the certificate itself, which is published."""
    submission: Submission | None = None
    """Where the directory signs."""
    when: str = ""
    """The choice of ``application_auth`` that needs it; empty: always."""
    purpose: str = ""
    """What the certificate proves, in words."""

    def held_by(self, hub: bool) -> bool:  # noqa: FBT001 -- the one question
        """Whether the hub, or a participant, holds it."""
        return self.holder is Holder.BOTH or (self.holder is Holder.HUB) is hub

    @property
    def title(self) -> str:
        """Its name for people and for files that they handle."""
        return self.code or self.name


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
class DirectoryPlace:
    """One environment of a directory, which shares nothing with the others.

    ``website``: where a person uploads requests; ``authorities``: where its CA certificates are published; ``keystore``: its key
    sets. ``kinds``: the kinds of environments (``lab``, ``pre-production``, ``production``) that belong to it.
    """

    website: str
    authorities: tuple[str, ...]
    keystore: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class HeaderNames:
    """The headers by which a request names the sides. An empty one: none does.

    ``caller`` names the caller to the hub; ``called`` the participant, to its gateway and to the hub's outbound listener.
    """

    caller: str = "fspiop-source"
    called: str = "fspiop-destination"


@dataclass(frozen=True)
class ServiceLevel:
    """What a scheme asks of a participant's answers, as measured at its counterpart, and how it is measured.

    ``p95_ms`` and ``p99_ms`` are milliseconds of a whole payment (lookup, quote, transfer); ``errors_percent`` may fail.
    ``requests`` payments are made, ``parallel`` at a time.
    """

    p95_ms: int = 3000
    p99_ms: int = 5000
    errors_percent: int = 0
    requests: int = 20
    parallel: int = 1


@dataclass(frozen=True)
class Profile:
    """One scheme's rules. ``scheme_ca``: the hub's CA signs for all, participants have none."""

    name: str
    version: str
    scheme_ca: bool
    authority: AuthorityRule
    certificates: tuple[CertificateRule, ...]
    resources: tuple[str, ...]
    """Resources of the hub's API that roles can name."""
    backdate_seconds: int = 300
    directory: str = ""
    """The name of the scheme's directory, where one signs."""
    places: Mapping[str, DirectoryPlace] = field(default_factory=dict, hash=False)
    """The directory's environments, by their names."""
    tenant: bool = False
    """An environment is one participant's tenant of the hub, and the directory signs for both: no side has a CA of its own."""
    keys: Mapping[str, str] = field(default_factory=lambda: dict(_KEYS), hash=False)
    """The kind of key for each ``key_choice`` where a side chooses none."""
    headers: HeaderNames = HeaderNames()
    health: tuple[str, ...] = ()
    """Paths that need no header."""
    hello: str = ""
    """The path of a participant's health check without a client certificate; empty: there is none."""
    suite: str = "fspiop"
    """The cases of verification: ``fspiop``, or ``handshakes`` at the scheme's health endpoints."""
    service_level: ServiceLevel = ServiceLevel()
    demanded: tuple[str, ...] = ("security", "end-to-end", "sla")
    """The suites of which production asks evidence."""
    steps: tuple[DocumentStep, ...] = DOCUMENT_STEPS
    """The document steps that the summary shows."""
    lint: str = "mojaloop"
    """The rules of the scheme's own documents (see ``scheme_lint.report``)."""

    @property
    def skew(self) -> timedelta:
        """How far the clocks of two sides may be apart: certificates begin that much earlier."""
        return timedelta(seconds=self.backdate_seconds)

    def has(self, name: str) -> bool:
        """Whether this profile has a certificate of this name."""
        return any(rule.name == name for rule in self.certificates)

    def rule(self, name: str, *, hub: bool | None = None) -> CertificateRule:
        """The rule of this certificate, as the hub or a participant holds it where that is reported; KeyError when the profile has none."""
        for rule in self.certificates:
            if rule.name == name and (hub is None or rule.held_by(hub)):
                return rule
        raise KeyError(name)
