# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway must do, from the description and the side's own store.

No one is let in or called whose artefacts are not complete: he is left out and reported, the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..description.model import HUB, AuthorizationServer, Description, Gateway, HaproxyGateway, Listener, Network, Participant, Side
from ..description.trust import caller_pins, has_authority
from ..document_steps import Phase
from ..errors import GatewayError, OnboardingError, StoreError
from ..findings import Disposition, Finding
from ..guarding import OF_EVERYBODY, UNEXPECTED, unexpected
from ..oauth.listeners import accepted_clients
from ..oauth.records import Registration
from ..store import layout
from ..store.interface import Unavailable
from ..store.tree import Tree
from . import rules
from .model import Caller, Destination, GatewayModel, HeaderRule, Identity, Inbound, Internal, Outbound, TokenEndpoint, TokenRules

MISSING = "artefact-missing"
Made = TypeVar("Made")


@dataclass(frozen=True)
class AuthorizationFacts:
    """What is known of the authorization server besides its description: (kid, public key PEM), its CA (PEM, or None)."""

    keys: tuple[tuple[str, bytes], ...] = ()
    ca: bytes | None = None


def gateway_model(
    description: Description,
    side_name: str,
    gateway: Gateway,
    tree: Tree,
    facts: AuthorizationFacts | None = None,
    now: datetime | None = None,
) -> GatewayModel:
    """The model of one gateway of one side; ``inbound`` is None while the side's server certificate or CA is missing.

    ``now`` (unless given: the present) decides which OAuth clients have ended.

    Source: "Technical onboarding of DFSPs", TLS steps 3, 7, 8 and "Sharing endpoint information". StoreError when a
    file of the store is damaged.
    """
    view = _View(description, description.side(side_name), gateway, tree, now or datetime.now(UTC))
    inbound = _inbound(view, facts or AuthorizationFacts())
    destinations = tuple(view.complete(Phase.CLIENT_INSTALLED, _destination, _with_listeners(view)))
    outbound = Outbound(gateway.outbound, destinations, routed=side_name == HUB, header=description.profile.headers.called)
    left = {one.name: _accepted_ids(view, one) for one in description.revoking} if side_name == HUB else {}
    found, kept = tuple(sorted(view.findings)), frozenset(view.kept)
    return GatewayModel(side_name, view.side.fspiop_id, gateway, inbound, outbound, found, kept, left)


@dataclass(frozen=True)
class _View:
    """One gateway's side, reading its own store only."""

    description: Description
    side: Side
    gateway: Gateway
    tree: Tree
    now: datetime
    findings: list[Finding] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)

    def open_counterparts(self) -> list[Side]:
        """Whom this side deals with: no one that is suspended or offboarded, and no one while it is so itself."""
        others: tuple[Side, ...] = self.description.participants if self.side.name == HUB else (self.description.hub,)
        return [other for other in others if all(one.active for one in (self.side, other) if isinstance(one, Participant))]

    def participant(self, other: Side) -> str:
        """The participant of the two sides."""
        return other.name if self.side.name == HUB else self.side.name

    def complete(self, step: str, make: Callable[[_View, Side], Made | None], others: Iterable[Side]) -> Iterator[Made]:
        """What can be made; a counterpart whose artefacts are damaged is a fault of its own and stops no one else.

        Of what cannot be read at the moment nothing is concluded: whoever is left out is shut out of the running gateway.
        """
        for other in others:
            about = (self.participant(other), step, self.side.name, f"gateway/{self.gateway.name}/{other.name}")
            try:
                made = make(self, other)
            except Unavailable:
                raise
            except (StoreError, GatewayError) as error:
                self.findings.append(Finding(*about, "artefact-damaged", Disposition.FAULT, detail=str(error)))
            except (OnboardingError, *OF_EVERYBODY):
                raise
            except BaseException as error:
                if self.side.name != HUB:
                    raise
                # Threat: a defect here would shut out everybody whom it meets. What is installed of them stays.
                self.kept.add(other.name)
                self.findings.append(Finding(*about, UNEXPECTED, Disposition.FAULT, detail=unexpected(error)))
            else:
                if made is not None:
                    yield made

    def awaited(self, participant: str, step: str, artefact: str, on: str) -> None:
        place = f"gateway/{self.gateway.name}/{artefact}"
        self.findings.append(Finding(participant, step, self.side.name, place, MISSING, Disposition.PENDING, on))

    def identity(self, artefact: str, counterpart: str = "") -> Identity | None:
        """Own certificate, chain and key; None until all are there."""
        folder = layout.store_folder(self.side.name, artefact, counterpart)
        key, certificate, chain = (self.tree.read(f"{folder}/{name}.pem") for name in ("key", "certificate", "chain"))
        if key is None or certificate is None:
            return None
        between = b"".join(_pem(one) for one in _certificates(chain or b"", f"{folder}/chain.pem") if one.issuer != one.subject)
        own = _certificates(certificate, f"{folder}/certificate.pem")[0]
        _check_key(key, own, f"{folder}/key.pem")
        return Identity(_pem(own), between, key)

    def own_authority(self) -> bytes | None:
        """The CA that signs this side's callers: its own, or the hub's where it has none; a directory's where that signs for both."""
        if self.description.profile.tenant:
            return self.tree.read(layout.directory_chain_path(self.side.name))
        if not has_authority(self.description, self.side.name):
            return self.received(HUB, "ca.pem")
        folder = layout.store_folder(self.side.name, "ca")
        found = [self.tree.read(f"{folder}/{name}.pem") for name in ("certificate", "chain")]
        also = self.tree.read(layout.manager_authority_path()) if self.side.name == HUB else None
        return b"\n".join(part for part in (*found, also) if part) if found[0] else None

    def authority_of(self, counterpart: str) -> bytes | None:
        """The CA that signs a counterpart's server certificate: what it published, or the hub's where it has none."""
        if self.description.profile.tenant:
            return self._named_authority() if counterpart == HUB else self.own_authority()
        received = self.received(counterpart, "ca.pem")
        if received is None and not has_authority(self.description, counterpart):
            return self.own_authority() if self.side.name == HUB else self.received(HUB, "ca.pem")
        return received

    def _named_authority(self) -> bytes | None:
        """The CA of the hub's server certificate: the directory's, or the one that is described; None while its file is not there."""
        file = self.description.directory.hub_server_ca_file
        if not file:
            return self.own_authority()
        return Path(file).read_bytes() if Path(file).is_file() else None

    def received(self, counterpart: str, name: str) -> bytes | None:
        return self.tree.read(f"{layout.received_folder(self.side.name, counterpart)}/{name}")

    def fingerprints(self, counterpart: str) -> tuple[str, ...]:
        """Of the client certificates with which a counterpart may come: the one in force, and the one before while both are accepted.

        Signed by this side; without a CA of its own, as the counterpart published them.
        """
        paths = [layout.issued_path(self.side.name, counterpart, name) for name in ("client", "client.previous")]
        if not has_authority(self.description, self.side.name):
            received = layout.received_folder(self.side.name, counterpart)
            paths = [f"{received}/{name}" for name in (layout.OWN_CLIENT, layout.PREVIOUS_OWN_CLIENT)]
        found = [(path, self.tree.read(path)) for path in paths]
        prints = [rules.fingerprint(one) for path, pem in found if pem is not None for one in _certificates(pem, path)]
        return tuple(dict.fromkeys(prints))


def _inbound(view: _View, facts: AuthorizationFacts) -> Inbound | None:
    identity, trusted, endpoint = view.identity("server"), view.own_authority(), view.side.endpoint
    for there, step, artefact in ((identity, Phase.SERVER_MADE, "server"), (trusted, Phase.AUTHORITY_MADE, "ca")):
        if there is None:
            view.awaited(view.side.name, step, artefact, view.side.name)
    if identity is None or trusted is None or endpoint is None:
        return None
    server = view.description.hub.authorization_server if view.side.name == HUB else None
    profile, headers = view.description.profile, view.description.profile.headers
    return Inbound(
        listeners=view.gateway.inbound,
        proxy_protocol=view.gateway.source_address == "proxy-protocol",
        identity=identity,
        trusted=trusted,
        callers=tuple(view.complete(Phase.CALLER_ACCEPTED, _caller, view.open_counterparts())),
        header_rule=HeaderRule(headers.caller if view.side.name == HUB else headers.called),
        backend=view.gateway.inbound_backend,
        base_path=endpoint.base_path,
        host=endpoint.host,
        resources=profile.resources if view.side.name == HUB else (),
        tokens=_tokens(view, server, facts) if server else None,
        token_endpoint=_token_endpoint(view, server, facts) if server and server.client_certificate == "header" else None,
        pins=profile.rule("client", hub=view.side.name != HUB).pins,
        health=profile.health,
        hello=_hello(view),
        internal=_internal(view, server, facts),
    )


def _hello(view: _View) -> tuple[Listener, str] | None:
    """The one request without a client certificate that a scheme demands of participants, at a listener of its own."""
    listener = view.gateway.hello if isinstance(view.gateway, HaproxyGateway) and view.side.name != HUB else None
    path = view.description.profile.hello
    return (listener, path) if listener and path else None


def _internal(view: _View, server: AuthorizationServer | None, facts: AuthorizationFacts) -> Internal | None:
    """Operators come without a client certificate: their tokens are bound to none, and name an audience of their own."""
    place = view.gateway.internal if isinstance(view.gateway, HaproxyGateway) else None
    if place is None or server is None:
        return None
    described = view.description.hub.administration
    tokens = TokenRules(server.issuer, described.audience, facts.keys, certificate_bound=False)
    return Internal(place, tokens, {operator.client: operator.role.value for operator in described.operators})


def _caller(view: _View, other: Side) -> Caller | None:
    participant = view.participant(other)
    subject = _pinned(view, other)
    certificates = () if subject else view.fingerprints(other.name)
    if not certificates and not subject:
        view.awaited(participant, Phase.CALLER_ACCEPTED, f"client/{other.name}", other.name)
        return None
    clients = _clients(view, other) if isinstance(other, Participant) and view.description.hub.authorization_server else ()
    roles = other.roles if isinstance(other, Participant) else ()
    return Caller(other.name, other.fspiop_id, certificates, other.egress_addresses, clients, roles, subject)


def _pinned(view: _View, other: Side) -> str:
    """The parts of the subject by which a caller is known, as it is registered in the directory."""
    registration = other.registration
    parts = {"OU": registration.organisation_id, "CN": registration.client_id} if registration else {}
    return "|".join(parts.get(part, "") for part in caller_pins(view.description, other))


def _clients(view: _View, other: Participant) -> tuple[str, ...]:
    """One, and while a renewal overlaps two: the listener accepts the next before it is handed over, the earlier until it has ended.

    None while the present one is revoked and the step before could not replace it.
    """
    accepted = accepted_clients(view.description, view.tree, other, view.now)
    if "" not in accepted:
        view.awaited(other.name, Phase.OAUTH, "token-client", HUB)
    return _ids(accepted)


def _accepted_ids(view: _View, other: Participant) -> frozenset[str]:
    return frozenset(_ids(accepted_clients(view.description, view.tree, other, view.now)))


def _ids(accepted: Mapping[str, Registration]) -> tuple[str, ...]:
    ids = [rules.checked(rules.CLIENT, one.client_id, what="client id") for one in accepted.values()]
    return tuple(dict.fromkeys(ids))


def _tokens(view: _View, server: AuthorizationServer, facts: AuthorizationFacts) -> TokenRules:
    """Without a key every token is refused: the listener refuses rather than accepts."""
    if not facts.keys:
        view.awaited(HUB, Phase.OAUTH, "token-keys", HUB)
    return TokenRules(server.issuer, server.audience, facts.keys, server.certificate_bound_tokens)


def _token_endpoint(view: _View, server: AuthorizationServer, facts: AuthorizationFacts) -> TokenEndpoint | None:
    if facts.ca is None:
        view.awaited(HUB, Phase.OAUTH, "token-ca", HUB)
        return None
    url = urlsplit(server.token_endpoint)
    host = url.hostname or ""
    return TokenEndpoint(host, url.port or 443, url.path.rstrip("/"), host, facts.ca)


def _destination(view: _View, other: Side) -> Destination | None:
    participant = view.participant(other)
    identity, trusted, endpoint = view.identity("client", other.name), view.authority_of(other.name), other.endpoint
    if identity is None:
        view.awaited(participant, Phase.CLIENT_INSTALLED, f"client/{other.name}", other.name)
    if trusted is None:
        for step in Phase.AUTHORITY_INSTALLED:
            view.awaited(participant, step, f"ca/{other.name}", other.name)
    if identity is None or trusted is None or endpoint is None:
        return None
    _certificates(trusted, f"{layout.received_folder(view.side.name, other.name)}/ca.pem")
    sources: tuple[Network, ...] = view.side.egress_at(view.gateway.name)
    return Destination(
        participant=other.name,
        fspiop_id=other.fspiop_id,
        host=endpoint.host,
        port=endpoint.port,
        base_path=endpoint.base_path,
        addresses=endpoint.addresses,
        trusted=trusted,
        identity=identity,
        sources=sources,
        further_hosts=other.hosts_of("server"),
    )


def _with_listeners(view: _View) -> list[Side]:
    return [other for other in view.open_counterparts() if other.endpoint is not None]


def _check_key(key: bytes, certificate: x509.Certificate, path: str) -> None:
    """The key is the certificate's: a gateway would refuse the whole release for one pair that is not."""
    try:
        loaded = serialization.load_pem_private_key(key, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError) as error:
        raise StoreError("is no private key", where=path, remedy="Restore the file.") from error
    if loaded.public_key() != certificate.public_key():
        raise StoreError("is not the key of the certificate beside it", where=path, remedy="Restore the files of one issue.")


def _certificates(pem: bytes, path: str) -> tuple[x509.Certificate, ...]:
    try:
        return rules.certificates(pem) if pem else ()
    except ValueError as error:
        raise StoreError("is no certificate", where=path, remedy="Restore the file.") from error


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
