# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only a cluster decides, as typed values: the configuration of a stack, judged once, with all its problems at a time.

The keys, their types and their defaults are declared in the ``Pulumi.yaml`` of each program; the rules are here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, TypeVar

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A label of RFC 1123, as Kubernetes asks of most names."""
DOMAIN = re.compile(r"(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
IMAGE = re.compile(r"[a-z0-9]+([._:/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}")
_SERVICE = r"[a-z0-9-]+\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?"
"""A service in the cluster, by the name that its DNS gives it."""
WIDEST = {4: 8, 6: 32}
"""The shortest prefix of a network that may be let in, by the version of IP."""


Values = Mapping[str, str | None]
"""A stack's configuration as it stands, by key."""
_Choice = TypeVar("_Choice", bound=StrEnum)
_Value = TypeVar("_Value")


class SettingsError(OnboardingError):
    """The configuration of a stack is wrong: every problem, one a line."""

    def __init__(self, problems: Iterable[str], *, where: str) -> None:
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the configuration of the stack is wrong:\n{listed}", where=where)


class SourceAddress(StrEnum):
    """How the ingress gateway learns where a call comes from: the connection itself, or the PROXY protocol of a load balancer."""

    DIRECT = "direct"
    PROXY_PROTOCOL = "proxy-protocol"


class ServiceType(StrEnum):
    """How the cluster makes the ingress gateway reachable."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    CLUSTER_IP = "ClusterIP"


@dataclass(frozen=True)
class ClusterSettings:
    """What every stack says of its cluster. The field names are the keys in ``Pulumi.yaml``, written in its way (``proxyImage``)."""

    description: str
    """Folder of the environment's description; empty: the folder of the environment's name in ``inventories``."""
    context: str
    """The context of the kubeconfig file that KUBECONFIG names."""
    proxy_image: str
    """Istio's proxy, by digest."""
    replicas: int
    """Replicas of each gateway and of each workload that can have several."""
    service_type: ServiceType
    source_address: SourceAddress
    server_certificate: str
    """Name of the Secrets in which the gateways find their certificate, key and the CA of their clients."""
    mesh_namespace: str
    """Where istiod runs."""


@dataclass(frozen=True)
class ConnectionManagerSettings:
    """Where Connection Manager comes from, and the systems that it stands on, which are in the cluster already."""

    api_image: str
    ui_image: str
    database: str
    """Its MySQL: ``<service>.<namespace>.svc[…]:<port>``."""
    vault: str
    """Its Vault, by URL: ``http[s]://<service>.<namespace>.svc[…]:<port>``."""
    openid_namespace: str
    """Namespace of the OpenID provider, whose keys the API reads."""
    variables: tuple[tuple[str, str], ...]
    """Further variables of the API: every one that it reads and that follows from nothing else."""
    ui_variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HubSettings(ClusterSettings):
    """The hub's stack."""

    internal_domain: str
    """Domain of the hub's internal interfaces (``intapi.<domain>``)."""
    internal_sources: tuple[str, ...]
    """Networks whose calls the internal gateway accepts; none: nothing passes."""
    release: str
    """Helm release of the Mojaloop services: the prefix of their names."""
    connection_manager: ConnectionManagerSettings | None
    """None: this hub has none."""


@dataclass(frozen=True)
class DfspSettings(ClusterSettings):
    """The stack of one managed participant."""

    exchange: str
    """Folder of the published exchange; empty: that of the environment's state folder."""
    connector_image: str
    """The Mojaloop SDK (sdk-scheme-adapter), by digest."""
    cache_image: str
    """Redis, by digest."""
    backend_image: str
    """The participant's core connector, or the Testing Toolkit in its place, by digest."""


def parse_hub_settings(values: Values, *, where: str) -> HubSettings:
    """The settings from the raw texts of a stack's configuration; SettingsError with every problem, keys that nothing reads included."""
    reader = _Reader(values, known=keys(HubSettings))
    settings = HubSettings(
        **_of_the_cluster(reader),
        internal_domain=reader.matching("internalDomain", DOMAIN, "a domain name"),
        internal_sources=reader.networks("internalSources"),
        release=reader.matching("release", NAME, "the name of a Helm release"),
        connection_manager=_connection_manager(reader),
    )
    reader.end(where)
    return settings


def parse_dfsp_settings(values: Values, *, where: str) -> DfspSettings:
    """As ``parse_hub_settings``, for the stack of a managed participant."""
    reader = _Reader(values, known=keys(DfspSettings))
    settings = DfspSettings(
        **_of_the_cluster(reader),
        exchange=values.get("exchange") or "",
        connector_image=reader.image("connectorImage"),
        cache_image=reader.image("cacheImage"),
        backend_image=reader.image("backendImage"),
    )
    reader.end(where)
    return settings


def _of_the_cluster(reader: _Reader) -> dict[str, Any]:
    return {
        "description": reader.values.get("description") or "",
        "context": reader.matching("context", re.compile(r"[^\s]+"), "the name of a context"),
        "proxy_image": reader.image("proxyImage"),
        "replicas": reader.number("replicas", 1, 20),
        "service_type": reader.choice("serviceType", ServiceType),
        "source_address": reader.choice("sourceAddress", SourceAddress),
        "server_certificate": reader.matching("serverCertificate", NAME, "the name of a Secret"),
        "mesh_namespace": reader.matching("meshNamespace", NAME, "the name of a namespace"),
    }


def _connection_manager(of_the_hub: _Reader) -> ConnectionManagerSettings | None:
    given = of_the_hub.mapping("connectionManager")
    if not given:
        return None
    reader = of_the_hub.inside("connectionManager", given, keys(ConnectionManagerSettings))
    return ConnectionManagerSettings(
        api_image=reader.image("apiImage"),
        ui_image=reader.image("uiImage"),
        database=reader.matching("database", re.compile(rf"{_SERVICE}:[0-9]+"), "<service>.<namespace>.svc:<port>"),
        vault=reader.matching("vault", re.compile(rf"https?://{_SERVICE}:[0-9]+"), "http(s)://<service>.<namespace>.svc:<port>"),
        openid_namespace=reader.matching("openidNamespace", NAME, "the name of a namespace"),
        variables=tuple(sorted(reader.mapping("variables").items())),
        ui_variables=tuple(sorted(reader.mapping("uiVariables").items())),
    )


def keys(settings: type) -> list[str]:
    """The configuration keys of a class of settings, as ``Pulumi.yaml`` spells them."""
    return [re.sub(r"_(.)", lambda hit: hit.group(1).upper(), field.name) for field in fields(settings)]


class _Reader:
    """Reads values by rule. A wrong value is noted and stood in for, so that the others are judged too."""

    def __init__(self, values: Values, known: Iterable[str], place: str = "") -> None:
        self.values, self._place = values, place
        strangers = sorted(values.keys() - {*known})
        self.problems = [f"{place}{key}: is no key of this program; allowed: {', '.join(known)}" for key in strangers]

    def matching(self, key: str, pattern: re.Pattern[str], allowed: str) -> str:
        text = self.values.get(key) or ""
        return text if pattern.fullmatch(text) else self._refuse(key, allowed, "")

    def image(self, key: str) -> str:
        return self.matching(key, IMAGE, "an image with its digest: registry/name@sha256:<64 hexadecimal digits>")

    def number(self, key: str, least: int, most: int) -> int:
        text = self.values.get(key) or ""
        right = re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most
        return int(text) if right else self._refuse(key, f"{least} to {most}", least)

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        text = self.values.get(key) or ""
        first = next(iter(choices))
        return choices(text) if text in {*choices} else self._refuse(key, ", ".join(choices), first)

    def networks(self, key: str) -> tuple[str, ...]:
        allowed = f"a list of networks, at least /{WIDEST[4]} (IPv6: /{WIDEST[6]}) long"
        try:
            listed = json.loads(self.values.get(key) or "[]")
            networks = [ip_network(text) for text in listed if isinstance(text, str)]
        except (ValueError, TypeError):
            return self._refuse(key, allowed, ())
        narrow = all(network.prefixlen >= WIDEST[network.version] for network in networks)
        return tuple(map(str, networks)) if narrow and len(networks) == len(listed) else self._refuse(key, allowed, ())

    def mapping(self, key: str) -> dict[str, str]:
        """The texts of an object, by name; other values as JSON."""
        try:
            found = json.loads(self.values.get(key) or "{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return self._refuse(key, "an object", {})
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}

    def inside(self, key: str, values: Values, known: Iterable[str]) -> _Reader:
        """A reader of what an object holds; its problems are this one's."""
        reader = _Reader(values, known, f"{self._place}{key}.")
        self.problems += reader.problems
        reader.problems = self.problems
        return reader

    def end(self, where: str) -> None:
        if self.problems:
            raise SettingsError(self.problems, where=where)

    def _refuse(self, key: str, allowed: str, instead: _Value) -> _Value:
        found = self.values.get(key)
        self.problems.append(f"{self._place}{key}: found {'nothing' if found is None else repr(found)}; allowed: {allowed}")
        return instead
