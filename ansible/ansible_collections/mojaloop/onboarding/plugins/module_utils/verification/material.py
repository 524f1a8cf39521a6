# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys, certificates, tokens and inbound listeners that a verification uses: right ones from the store, wrong ones made for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..description.model import HUB, AuthorizationServer, Network, Participant, Side
from ..errors import OnboardingError, StoreError
from ..formats import read_json
from ..oauth.model import TOKEN_PATH
from ..oauth.token import fetch_token, token_request
from ..pki.authority import make_authority
from ..pki.issuing import issue, issue_out_of_time, self_signed
from ..pki.keys import PrivateKey, private_pem, public_digest, read_own_key
from ..pki.signers import LocalSigner
from ..remote.http import HttpClient, Route
from ..steps.authorities import pem_of, signer_of
from ..steps.run import Run
from ..store import layout
from .model import Attempt, Identity, InboundListener, Kind, Site
from .probe import perform

WHY = "verification of a refusal"


class MissingMaterial(OnboardingError):
    """Something a case needs is not there yet."""


@dataclass(frozen=True)
class Material:
    """What this verification can use. Tokens are fetched once a run, through the hub's listener or at the server."""

    run: Run
    site: Site

    def routes(self, caller: Side, target: Side) -> list[tuple[str, str]]:
        """Each egress address of the caller and each address of the listener at least once, IPv4 first; none without a common version."""
        found = []
        for version in (4, 6):
            sources = [egress_address(network) for network in caller.egress_addresses if network.version == version]
            listeners = [str(address) for address in (target.endpoint.addresses if target.endpoint else ()) if address.version == version]
            if sources and listeners:
                found += [
                    (sources[number % len(sources)], listeners[number % len(listeners)])
                    for number in range(max(len(sources), len(listeners)))
                ]
        return found

    def way(self, caller: Side, target: Side) -> tuple[str, str, InboundListener]:
        """Machine, source address and listener of every case that is not about other ones: the first of the ``routes``."""
        routes = self.routes(caller, target)
        if not routes:
            msg = f"has no egress address of an IP version that the listener of {target.name} has"
            raise MissingMaterial(msg, where=caller.name)
        source, address = routes[0]
        return self.site.machine_of(caller.name, source) or "", source, self.listener(target, address)

    def listener(self, side: Side, address: str = "") -> InboundListener:
        """A side's listener (at its first address unless one is named), with the CA that its counterparts verify it against."""
        if side.endpoint is None:
            msg = "has no endpoint"
            raise MissingMaterial(msg, where=side.name)
        own = f"{layout.store_folder(HUB, 'ca')}/chain.pem"
        readers = self.run.sides if side.name == HUB else (HUB,)
        received = [f"{layout.received_folder(reader, side.name)}/ca.pem" for reader in readers if reader != side.name]
        found = (self.run.tree.read(path) for path in ([own, *received] if side.name == HUB else received))
        trust = self._directory(side) or next((pem for pem in found if pem), None) or self._read(own)
        address = address or str(side.endpoint.addresses[0])
        return InboundListener(address, side.endpoint.port, side.endpoint.host, trust, side.endpoint.base_path)

    def _directory(self, side: Side) -> bytes | None:
        """The CAs of a scheme's directory, as the side that calls has pinned them; for the hub's server the one that is described."""
        named = self.run.description.directory.hub_server_ca_file
        if side.name == HUB and named and Path(named).is_file():
            return Path(named).read_bytes()
        others = (HUB,) if side.name != HUB else tuple(name for name in self.run.sides if name != HUB)
        found = (self.run.tree.read(layout.directory_chain_path(name)) for name in others) if self.run.description.profile.tenant else ()
        return next((pem for pem in found if pem is not None), None)

    def identity(self, side: Side, counterpart: str) -> Identity:
        """A side's client certificate for this counterpart, as installed in its store."""
        folder = layout.store_folder(side.name, "client", counterpart)
        chain = self._read(f"{folder}/certificate.pem") + (self.run.tree.read(f"{folder}/chain.pem") or b"")
        return Identity(f"{side.name}'s certificate", chain, self._read(f"{folder}/key.pem"))

    def server_identity(self, side: Side) -> Identity:
        """A side's server certificate, as its gateway shows it."""
        folder = layout.store_folder(side.name, "server")
        chain = self._read(f"{folder}/certificate.pem") + (self.run.tree.read(f"{folder}/chain.pem") or b"")
        return Identity(f"{side.name}'s server certificate", chain, self._read(f"{folder}/key.pem"))

    def jws_key(self, side: Side) -> PrivateKey:
        """A side's JWS private key."""
        path = f"{layout.store_folder(side.name, 'jws')}/key.pem"
        return read_own_key(self._read(path), where=path)

    def self_signed(self, side: Side, rule_name: str = "client") -> Identity:
        """A self-signed certificate with the side's own names."""
        key = self.run.keys.make("ec-p256")
        rule = self.run.description.profile.rule(rule_name, hub=side.name == HUB)
        certificate = self_signed(key, rule=rule, profile=self.run.description.profile, holder=side, now=self.run.now)
        return _identity("a self-signed certificate", certificate, (), key)

    def of_another_ca(self, side: Side, rule_name: str = "client") -> Identity:
        """A certificate with the side's own names, from a CA with the name of the right one but another key."""
        signer_key, key = self.run.keys.make("ec-p256"), self.run.keys.make("ec-p256")
        described = self.run.description
        root = make_authority(signer_key, side=described.hub, rule=described.profile.authority, now=self.run.now)
        certificate = self._issue(LocalSigner(root, (root,), signer_key), side, key, rule_name, journal="another-ca")
        return _identity("a certificate of another CA", certificate, (root,), key)

    def expired(self, side: Side, issuer: str) -> Identity:
        """A certificate by the right CA for a new key of this side that has ended; journalled as any other."""
        return self._out_of_time(side, issuer, "an expired certificate", None)

    def not_yet_valid(self, side: Side, issuer: str) -> Identity:
        """A certificate by the right CA for a new key of this side that is valid for a second of tomorrow; journalled as any other."""
        return self._out_of_time(side, issuer, "a certificate that is not valid yet", self.run.now + timedelta(days=1))

    def token(self, participant: Participant) -> str:
        """An access token of this participant, fetched through the hub's listener with its own certificate and secret."""
        return self._tokens(participant)

    @cached_property
    def _tokens(self) -> _Tokens:
        return _Tokens(self)

    def credentials(self, participant: Participant) -> Mapping[str, object]:
        """The participant's OAuth credentials, as its connector reads them."""
        found: Mapping[str, object] = read_json(self._read(layout.credentials_path(participant.name)))
        return found

    def _issue(self, signer: LocalSigner, side: Side, key: PrivateKey, rule_name: str, *, journal: str) -> x509.Certificate:
        run = self.run
        rule = run.description.profile.rule(rule_name)
        digest = public_digest(key.public_key())
        return issue(
            signer,
            rule=rule,
            profile=run.description.profile,
            holder=side,
            public_key=key.public_key(),
            now=run.now,
            serials=run.journal(journal, side.name, rule.name, digest, why=WHY, provenance="own"),
            why=WHY,
        )

    def _out_of_time(self, side: Side, issuer: str, name: str, begin: datetime | None) -> Identity:
        """Valid for a second from ``begin``; None: as soon as the CA itself was, which is always in the past."""
        run = self.run
        signer = signer_of(run, issuer)
        if not isinstance(signer, LocalSigner):
            msg = "its CA cannot be used from here"
            raise MissingMaterial(msg, where=issuer)
        key = run.keys.make("ec-p256")
        begin = begin or max(certificate.not_valid_before_utc for certificate in signer.chain)
        digest = public_digest(key.public_key())
        certificate = issue_out_of_time(
            signer,
            rule=run.description.profile.rule("client"),
            profile=run.description.profile,
            holder=side,
            public_key=key.public_key(),
            period=(begin, begin + timedelta(seconds=1)),
            serials=run.journal(issuer, side.name, "client", digest, why=WHY, provenance="own"),
            why=WHY,
        )
        return _identity(name, certificate, signer.chain, key)

    def _read(self, path: str) -> bytes:
        content = self.run.tree.read(path)
        if content is None:
            msg = "is not there"
            raise MissingMaterial(msg, where=path, remedy="Run playbooks/onboard.yml until nothing is pending.")
        return content


class _Tokens:
    """Tokens by participant, each fetched once."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._kept: dict[str, str] = {}

    def __call__(self, participant: Participant) -> str:
        if participant.name not in self._kept:
            self._kept[participant.name] = self._fetch(participant)
        return self._kept[participant.name]

    def _fetch(self, participant: Participant) -> str:
        material = self._material
        server = material.run.description.hub.authorization_server
        if server and server.client_certificate != "header":
            return self._fetched_at(server, participant)
        headers, body = token_request(material.credentials(participant))
        attempt = Attempt(
            *material.way(participant, material.run.description.hub),
            material.identity(participant, HUB),
            "POST",
            TOKEN_PATH,
            tuple(headers.items()),
            body,
        )
        answer = perform(material.site, attempt)
        token = _token_of(answer.body) if answer.kind is Kind.ANSWERED else ""
        if not token:
            msg = f"got no token at the hub's listener: {answer}"
            raise StoreError(msg, where=participant.name, remedy="See the log of the hub's gateway and of the authorization server.")
        return token

    def _fetched_at(self, server: AuthorizationServer, participant: Participant) -> str:
        """Where TLS ends in the server itself: asked from here, with the participant's certificate."""
        identity = self._material.identity(participant, HUB)
        http = HttpClient(Route(server.ca_file, identity=identity.chain + identity.key))
        with closing(http):
            answer = fetch_token(http, self._material.credentials(participant), url=server.token_endpoint)
        if not answer.token:
            what = f"got no token at {server.token_endpoint}: {answer.status} {answer.reason}"
            raise StoreError(what, where=participant.name, remedy="See the log of the authorization server.")
        return answer.token


def egress_address(network: Network) -> str:
    """An address of an egress network: the only one, or the first that a host may have."""
    return str(network.network_address if network.num_addresses == 1 else next(iter(network.hosts())))


def _token_of(body: bytes) -> str:
    try:
        found = read_json(body)
    except ValueError:
        return ""
    return str(found.get("access_token", "")) if isinstance(found, dict) else ""


def _identity(name: str, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], key: PrivateKey) -> Identity:
    return Identity(name, certificate.public_bytes(Encoding.PEM) + pem_of(chain), private_pem(key))
