# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Right values to the frozen model: defaults that depend on other keys, and paths made absolute."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from .addresses import Url
from .authorization_servers import EndpointCertificate, Publication, Wso2Server
from .hub_side import Administration, HubServices, InternalListener, Operator, OperatorRole, OwnClient
from .kubernetes_gateway import KubernetesGateway
from .model import (
    HUB,
    AccountLookup,
    AuthorizationServer,
    CertificateAuthority,
    ClientOrders,
    Endpoint,
    EnvoyGateway,
    Firewall,
    Gateway,
    HaproxyGateway,
    Hub,
    KeyChoices,
    KeycloakServer,
    Ledger,
    Listener,
    NftablesFirewall,
    Oracle,
    Participant,
    Rfc7591Server,
    SdkConnector,
    SettlementModel,
    State,
)
from .profiles import Profile
from .testing import Gate, Load, Party, SettlementService, Testing
from .transports import (
    ConnectionManagerServer,
    ConnectionManagerTransport,
    Connector,
    ManagerAuthentication,
    ManagerHost,
    OzoneConnector,
    PaymentManagerConnector,
    Transport,
    VaultBundles,
)
from .trust_framework import Registration, TrustFramework

Values = dict[str, Any]

_GATEWAYS: dict[str, type[Gateway]] = {"haproxy": HaproxyGateway, "envoy": EnvoyGateway, "kubernetes": KubernetesGateway}
_FIREWALLS: dict[str, type[Firewall]] = {"nftables": NftablesFirewall, "none": Firewall}
_SERVERS: dict[str, type[AuthorizationServer]] = {"rfc7591": Rfc7591Server, "keycloak": KeycloakServer, "wso2": Wso2Server}
_CONNECTORS: dict[str, type[Connector]] = {
    "direct": Connector,
    "sdk": SdkConnector,
    "ozone-connect": OzoneConnector,
    "payment-manager": PaymentManagerConnector,
}
_TRANSPORTS: dict[str, type[Transport]] = {
    "local": Transport,
    "bundle": Transport,
    "connection-manager": ConnectionManagerTransport,
}
"""The class of each kind (``systems`` has its keys)."""

_CA_PATHS = ("certificate_file", "chain_file", "key_file", "offline_folder")
_SERVER_PATHS = ("ca_file", "initial_access_token_file", "admin_secret_file", "admin_password_file")
_STATE = "{state}/"
OWN_FILES = "participants-files"
"""Folder of the description with one folder for each participant: the only files that a participant's file may name."""


def located(path: str, *, folder: str, state: str) -> str:
    """A path of the description as an absolute one: below the state folder, or relative to the description's folder."""
    if path.startswith(_STATE):
        return os.path.normpath(Path(state) / path[len(_STATE) :])
    return os.path.normpath(Path(folder) / path)


def build_hub(values: Values, *, profile: Profile, folder: str, state: str) -> Hub:
    """The hub from the right values of hub.yml."""
    hub = values["hub"]
    server = hub.get("authorization_server")
    ledger, lookup = hub.get("ledger"), hub.get("account_lookup")
    return Hub(
        name=HUB,
        **_side(hub, {"kind": "none" if profile.tenant else "internal"}, profile, folder, state),
        authorization_server=_authorization_server(server, folder, state) if server else None,
        ledger=_ledger(ledger, folder, state) if ledger else None,
        account_lookup=_account_lookup(lookup, folder, state) if lookup else None,
        settlement=_settlement(hub["settlement"], folder, state) if "settlement" in hub else None,
        services=HubServices(**hub["services"]) if "services" in hub else None,
        administration=_administration(hub["administration"], folder, state) if "administration" in hub else Administration(),
        connection_manager=_manager(values, folder, state),
        vault_bundles=_bundles(hub["vault_bundles"], folder, state) if "vault_bundles" in hub else None,
        testing=_testing(hub["testing"], profile),
        gate=_gate(values["gate"]) if "gate" in values else Gate(),
        first_publications=tuple(sorted(hub["first_publications"].items())),
    )


def build_directory(values: Values, *, folder: str, state: str) -> TrustFramework:
    """The directory from the right values of hub.yml."""
    found = values.get("directory")
    if not found:
        return TrustFramework()
    files = {name: located(found[name], folder=folder, state=state) for name in ("hub_server_ca_file", "keystore_ca_file") if name in found}
    return TrustFramework(**{**found, **files, "authorities": tuple(found["authorities"])})


def build_participant(
    values: Values, *, profile: Profile, roles: tuple[str, ...], folder: str, state: str, installation: frozenset[str] = frozenset()
) -> Participant:
    """A participant from the right values of its file; ``roles`` are the hub's defaults."""
    probe = values["probe"]
    hosting = values.get("hosting", "managed" if probe else "self-hosted")
    kind = "none" if probe or profile.scheme_ca or profile.tenant else ("internal" if hosting == "managed" else "own")
    return Participant(
        name=values["id"],
        **_side(values, {"kind": kind}, profile, f"{folder}/{OWN_FILES}/{values['id']}", state),
        state=State(values["state"]),
        currencies=tuple(values["currencies"]),
        hosting=hosting,
        connector=_connector(values["connector"], f"{folder}/{OWN_FILES}/{values['id']}", state),
        transport=_transport(values["transport"], f"{folder}/{OWN_FILES}/{values['id']}", state),
        manifest=values["manifest"],
        first_publication=values.get("first_publication", ""),
        roles=tuple(values["roles"]) if "roles" in values else roles,
        net_debit_cap=tuple(sorted(values["net_debit_cap"].items())),
        proxy=values["proxy"],
        alarm_percentage=values.get("alarm_percentage"),
        opening_funds=tuple(sorted(values["opening_funds"].items())),
        notification_addresses=tuple(values["notification_addresses"]),
        unproved=values.get("unproved", ""),
        parties=tuple(Party(**each) for each in values["parties"]),
        oauth=ClientOrders(**values["oauth"]),
        probe=probe,
        here=not installation or (HUB if probe else values["id"]) in installation,
    )


def _testing(values: Values, profile: Profile) -> Testing:
    level = replace(profile.service_level, **values["service_level"])
    return Testing(**{**values, "service_level": level, "load": Load(**values["load"])})


def _gate(values: Values) -> Gate:
    lists = {name: tuple(values.get(name, ())) for name in ("signers", "suites")}
    return Gate(kind=values["kind"], reason=values.get("reason", ""), days=values.get("days", 0), **lists)


def _connector(values: Values, folder: str, state: str) -> Connector:
    further: Values = {"settings": tuple(sorted(values["settings"].items()))} if "settings" in values else {}
    further |= {"vault_url": values["vault_url"].text.rstrip("/")} if "vault_url" in values else {}
    further |= {name: located(value, folder=folder, state=state) for name, value in values.items() if name.endswith("_file")}
    return _CONNECTORS[values["kind"]](**{**values, **further})


def _transport(values: Values, folder: str, state: str) -> Transport:
    further: Values = {"authentication": _authentication(values["authentication"], folder, state)} if "authentication" in values else {}
    further |= {"oauth_token_url": values["oauth_token_url"].text} if "oauth_token_url" in values else {}
    return _TRANSPORTS[values["kind"]](**{**values, **further})


def _manager(described: Values, folder: str, state: str) -> ConnectionManagerServer | None:
    if "connection_manager" not in described["hub"]:
        return None
    values = described["hub"]["connection_manager"]
    return ConnectionManagerServer(
        url=values["url"].text.rstrip("/"),
        environment=values.get("environment", described["environment"]),
        ca_file=located(values["ca_file"], folder=folder, state=state) if "ca_file" in values else "",
        authentication=_authentication(values["authentication"], folder, state),
        server=_manager_host(values["server"], folder, state) if "server" in values else None,
    )


def _manager_host(values: Values, folder: str, state: str) -> ManagerHost:
    secret_files = tuple(sorted((name, located(file, folder=folder, state=state)) for name, file in values["secret_files"].items()))
    tables: Values = {"settings": tuple(sorted(values["settings"].items())), "secret_files": secret_files}
    return ManagerHost(**{**values, **tables})


def _bundles(values: Values, folder: str, state: str) -> VaultBundles:
    files = {name: located(value, folder=folder, state=state) for name, value in values.items() if name.endswith("_file")}
    plain = {name: values[name] for name in ("path", "whitelist") if name in values}
    return VaultBundles(url=values["url"].text.rstrip("/"), **plain, **files)


def _authentication(values: Values, folder: str, state: str) -> ManagerAuthentication:
    plain: Values = {name: value.text if isinstance(value, Url) else value for name, value in values.items()}
    files: Values = {name: located(values[name], folder=folder, state=state) for name in ("secret_file", "password_file") if name in values}
    given: Values = {**plain, **files}
    return ManagerAuthentication(**given)


def build_revoking(values: Values) -> Participant:
    """As much of a broken file's participant as the end of its OAuth clients needs: nothing new is made for it."""
    return Participant(
        name=values["id"],
        fspiop_id=values["id"],
        organisation="",
        endpoint=None,
        egress_addresses=(),
        ca=CertificateAuthority("none", ""),
        keys=KeyChoices("ec-p256", "rsa-2048", "rsa-3072"),
        gateways=(),
        firewall=Firewall("none", ()),
        state=State.SUSPENDED,
        hosting=values.get("hosting", "managed"),
        oauth=ClientOrders(revoke_before=values["oauth"]["revoke_before"]),
    )


def _side(values: Values, ca: Values, profile: Profile, folder: str, state: str) -> dict[str, Any]:
    endpoint, registration = values.get("endpoint"), values.get("registration")
    gateways = tuple(_gateway(gateway, folder, state) for gateway in values["gateways"])
    return {
        "fspiop_id": values["id"],
        "organisation": values["organisation"],
        "country": values.get("country", ""),
        "endpoint": _endpoint(endpoint["url"], endpoint["addresses"]) if endpoint else None,
        "egress_addresses": tuple(values["egress_addresses"]),
        "ca": _authority(values.get("ca", ca), folder, state),
        "keys": KeyChoices(**{**profile.keys, **values["keys"]}),
        "registration": Registration(**registration) if registration else None,
        "further_hosts": tuple(sorted((name, tuple(hosts)) for name, hosts in values["further_hosts"].items())),
        "gateways": gateways,
        "firewall": _firewall(values.get("firewall", {}), tuple(gateway.name for gateway in gateways if gateway.host)),
    }


def _endpoint(url: Url, addresses: list[Any]) -> Endpoint:
    return Endpoint(url.host, url.port, url.path, tuple(addresses))


def _authority(values: Values, folder: str, state: str) -> CertificateAuthority:
    paths = {name: located(values[name], folder=folder, state=state) for name in _CA_PATHS if name in values}
    return CertificateAuthority(values["kind"], values.get("key", "ec-p256"), **paths)


def _gateway(values: Values, folder: str, state: str) -> Gateway:
    host = values.get("host", "")
    listeners: Values = {name: Listener(**values[name]) for name in ("inbound_backend", "outbound", "hello") if name in values}
    listeners |= {"internal": _internal(values["internal"])} if "internal" in values else {}
    files = {name: located(values[name], folder=folder, state=state) for name in ("kubeconfig_file",) if name in values}
    inbound = tuple(Listener(**listener) for listener in values["inbound"])
    given: Values = {**values, **files, **listeners, "inbound": inbound, "egress_addresses": tuple(values["egress_addresses"])}
    return _GATEWAYS[values["kind"]](**{"name": host, "host": host, **given})


def _internal(values: Values) -> InternalListener:
    lookup = Listener(**values["account_lookup"]) if "account_lookup" in values else None
    place = Listener(values["address"], values["port"])
    return InternalListener(place, tuple(values["networks"]), Listener(**values["ledger"]), lookup)


def _administration(values: Values, folder: str, state: str) -> Administration:
    own = values.get("own")
    return Administration(
        values["audience"],
        tuple(Operator(one["client"], OperatorRole(one["role"])) for one in values["operators"]),
        OwnClient(own["client"], located(own["secret_file"], folder=folder, state=state) if "secret_file" in own else "") if own else None,
    )


def _firewall(values: Values, hosts: tuple[str, ...]) -> Firewall:
    given: Values = {"kind": "nftables" if hosts else "none", **_plain_values(values)}
    return _FIREWALLS[given["kind"]](**given, hosts=hosts)


def _authorization_server(values: Values, folder: str, state: str) -> AuthorizationServer:
    plain = _plain_values(values)
    files = {name: located(values[name], folder=folder, state=state) for name in _SERVER_PATHS if name in values}
    if "publish" in plain:
        plain["publish"] = tuple(Publication(**_plain_values(one)) for one in values["publish"])
        certificates = [_plain_values(one) for one in values["endpoint_certificates"]]
        plain["endpoint_certificates"] = tuple(
            EndpointCertificate(**{**one, "certificate_file": located(one["certificate_file"], folder=folder, state=state)})
            for one in certificates
        )
    return _SERVERS[values["kind"]](**{**plain, **files})


def _plain_values(values: Values) -> Values:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, Url):
        return value.text
    return tuple(value) if isinstance(value, list) else value


def _ledger(values: Values, folder: str, state: str) -> Ledger:
    models = tuple(SettlementModel(**model) for model in values["settlement_models"])
    return Ledger(
        kind=values["kind"],
        url=values["url"].text.rstrip("/"),
        currencies=tuple(values["currencies"]),
        **_files(values, folder, state),
        hub_name=values["hub_name"],
        callback_url=values["callback_url"].text.rstrip("/") if "callback_url" in values else "",
        notification_addresses=tuple(values["notification_addresses"]),
        settlement_models=models or Ledger.settlement_models,
    )


def _account_lookup(values: Values, folder: str, state: str) -> AccountLookup:
    oracles = tuple(Oracle(**{**oracle, "url": oracle["url"].text}) for oracle in values["oracles"])
    return AccountLookup(values["kind"], values["url"].text.rstrip("/"), oracles, **_files(values, folder, state))


def _settlement(values: Values, folder: str, state: str) -> SettlementService:
    return SettlementService(values["kind"], values["url"].text.rstrip("/"), **_files(values, folder, state))


def _files(values: Values, folder: str, state: str) -> dict[str, str]:
    """The files of an administration API that are named."""
    return {name: located(values[name], folder=folder, state=state) for name in ("ca_file", "token_file") if name in values}
