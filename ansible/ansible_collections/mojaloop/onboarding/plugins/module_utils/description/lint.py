# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of one file that need more than one key, or the environment. Rules between files are in ``lint_together``.

A rule takes a side as written and its circumstances, and yields problems; it looks only at values that are right in
themselves, so it never repeats what the schema has already said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import PurePath
from typing import Any

from ..errors import Problem
from .addresses import Url, forbidden_target, refused_range, too_wide
from .documents import shown
from .model import HUB, Approval, EnvironmentKind, Network
from .profiles import PROFILES, Profile
from .spec import Checked, nearest

RESERVED_IDS = frozenset({
    "all", "controller", "description", "exchange", "firewalls", "gateways", "hub", "jws", "lab", "localhost", "managed", "none",
    "operator", "participants", "probes", "scheme", "self-hosted", "ungrouped", "true", "false", "null", "yes", "no", "on", "off",
})  # fmt: skip
"""Names that already mean something: sides, groups, hosts, folders of the exchange, words of YAML."""


def same_name(name: str) -> str:
    """What two ids must not share: Kubernetes names have neither capitals nor underscores."""
    return name.lower().replace("_", "-")


@dataclass(frozen=True)
class Circumstances:
    """What the hub's file says about everybody; None where it is wrong, and then the rules that need it are silent."""

    kind: EnvironmentKind | None
    profile: Profile | None
    hub_id: str = ""
    approval: Approval = Approval.MANUAL
    ledger_currencies: tuple[str, ...] = ()
    installation: frozenset[str] = frozenset()
    """The sides that this installation acts for; empty: all of them."""
    connection_manager: bool = True
    """Whether the hub's file names one."""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """The gate of production, as written."""
    roles: tuple[str, ...] = ()
    """The hub's defaults."""

    @property
    def for_the_hub(self) -> bool:
        """Whether this installation acts for the hub."""
        return not self.installation or HUB in self.installation

    @property
    def exposed(self) -> bool:
        """Whether the environment is known to be more than a lab."""
        return self.kind not in {None, EnvironmentKind.LAB}


@dataclass(frozen=True)
class SideText:
    """A side as written: its file, where in the file it stands, and its right values."""

    document: Checked
    prefix: str
    values: dict[str, Any]

    def problem(self, key: str, found: str, allowed: str) -> Problem:
        """A fault at one of the side's keys."""
        return self.document.problem(f"{self.prefix}{key}", found, allowed)

    def get(self, path: str) -> Any:  # noqa: ANN401
        """The value below dotted keys, None where it is absent or wrong."""
        value: Any = self.values
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def items(self, path: str) -> Iterator[tuple[str, Any]]:
        """The right entries of a list, each with its key."""
        for index, value in enumerate(self.get(path) or []):
            if value is not None:
                yield f"{path}[{index}]", value


def circumstances(
    hub_file: Checked, installation: frozenset[str] = frozenset(), profiles: Mapping[str, Profile] = PROFILES
) -> Circumstances:
    """What the participants' rules need to know of the hub's file."""
    values = hub_file.values
    return Circumstances(
        EnvironmentKind(values["kind"]) if "kind" in values else None,
        profiles.get(values.get("profile", "")),
        values.get("hub", {}).get("id", ""),
        Approval(values.get("approval", "manual")),
        tuple(currency for currency in (values.get("hub", {}).get("ledger") or {}).get("currencies") or () if currency),
        installation,
        "connection_manager" in values.get("hub", {}),
        values.get("gate") or {},
        tuple(role for role in values.get("defaults", {}).get("roles") or () if role),
    )


def hub_side(hub_file: Checked) -> SideText:
    """The hub's side within hub.yml."""
    return SideText(hub_file, "hub.", hub_file.values.get("hub", {}))


def lint_hub(hub_file: Checked, around: Circumstances) -> list[Problem]:
    """Every fault of hub.yml beyond its schema."""
    problems = list(
        _rules(hub_side(hub_file), around, (*_SIDE_RULES, _hub_authority, _hub_urls, _token_host, _client_overlap, _unbound_tokens))
    )
    if around.exposed and around.approval is Approval.AUTOMATIC:
        problems.append(hub_file.problem("approval", "'automatic'", "manual (automatic approval is for kind: lab)"))
    problems += _roles(SideText(hub_file, "", hub_file.values), around, "defaults.roles")
    return problems


def lint_participant(document: Checked, around: Circumstances) -> list[Problem]:
    """Every fault of a participant's file beyond its schema."""
    side = SideText(document, "", document.values)
    probe = document.values.get("probe")
    only = () if probe is None else _PROBE_RULES if probe else _PARTICIPANT_RULES
    return [*_rules(side, around, (*_SIDE_RULES, _identity, *only)), *_roles(side, around, "roles")]


Rule = Callable[[SideText, Circumstances], Iterator[Problem]]


def _rules(side: SideText, around: Circumstances, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    for rule in rules:
        yield from rule(side, around)


def _networks(side: SideText) -> Iterator[tuple[str, Network]]:
    """Every address a side names as its own, with its key."""
    yield from side.items("egress_addresses")
    yield from ((key, ip_network(address)) for key, address in side.items("endpoint.addresses"))


def _gateways_networks(side: SideText) -> Iterator[tuple[str, Network]]:
    """Every address that its gateways' hosts have instead, with its key: private ones too, as they may be translated on the way."""
    for key, gateway in side.items("gateways"):
        found = enumerate(gateway.get("egress_addresses") or [])
        yield from ((f"{key}.egress_addresses[{index}]", network) for index, network in found if network is not None)


def _wide_addresses(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    for key, network in (*_networks(side), *_gateways_networks(side)):
        if too_wide(network) and not side.get("wide_addresses"):
            yield side.problem(key, shown(str(network)), "at most /16 (IPv4) or /32 (IPv6), or the key 'wide_addresses: accepted'")


def _special_addresses(side: SideText, around: Circumstances) -> Iterator[Problem]:
    if around.kind is None:
        return
    for key, network in _networks(side):
        name = refused_range(network, around.kind, private_accepted=bool(side.get("private_addresses")))
        if name:
            remedy = ", or the key 'private_addresses: accepted'" if name == "private" else ""
            yield side.problem(key, f"{shown(str(network))} ({name})", f"public addresses in kind {around.kind.value}{remedy}")
    for key, network in _gateways_networks(side):
        name = refused_range(network, around.kind, private_accepted=True)
        if name:
            yield side.problem(key, f"{shown(str(network))} ({name})", f"public and private addresses in kind {around.kind.value}")


def _repeated_addresses(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    before: list[Network] = []
    for key, network in side.items("egress_addresses"):
        for other in before:
            if network.version == other.version and network.overlaps(other):
                yield side.problem(key, f"{shown(str(network))}, which overlaps {other}", "each address once")
        before.append(network)


def _endpoint_target(side: SideText, around: Circumstances) -> Iterator[Problem]:
    url: Url | None = side.get("endpoint.url")
    if url and around.exposed and forbidden_target(url):
        yield side.problem("endpoint.url", f"the host {shown(url.host)}", "a host that is not this machine or a metadata service")


def _key_kinds(side: SideText, around: Circumstances) -> Iterator[Problem]:
    if around.profile is None:
        return
    for choice, kind in (side.get("keys") or {}).items():
        kinds = [set(rule.key_kinds) for rule in around.profile.certificates if rule.key_choice == choice]
        if kinds and kind not in (common := set.intersection(*kinds)):
            yield side.problem(f"keys.{choice}", shown(kind), " | ".join(sorted(common)))
    key = side.get("ca.key")
    if key and key not in around.profile.authority.key_kinds:
        yield side.problem("ca.key", shown(key), " | ".join(around.profile.authority.key_kinds))


def _listeners(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    for key, gateway in side.items("gateways"):
        taken: set[tuple[str, int]] = set()
        own = [(f"inbound[{index}]", listener) for index, listener in enumerate(gateway.get("inbound", []))]
        for name, listener in [*own, *((name, gateway.get(name)) for name in ("outbound", "hello", "internal"))]:
            place = (str(listener.get("address", "")), listener.get("port", 0)) if listener else ("", 0)
            if all(place) and place in taken:
                yield side.problem(f"{key}.{name}", f"{place[0]} port {place[1]} a second time", "each listener once")
            taken.add(place)


def _gateway_hosts(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    """A host has one gateway, whose name is its own: what one says is never taken for another's."""
    taken: set[str] = set()
    for key, gateway in side.items("gateways"):
        own = {gateway[part]: part for part in ("name", "host") if part in gateway}
        for name, part in own.items():
            if name in taken:
                yield side.problem(f"{key}.{part}", f"{shown(name)} a second time", f"each {part} once")
            if name in RESERVED_IDS:
                yield side.problem(
                    f"{key}.{part}", f"the reserved word {shown(name)}", f"another {'host name' if part == 'host' else part}"
                )
        taken |= own.keys()


WIDEST_OWN = 8
"""Prefix length of the widest networks of one organisation: 10.0.0.0/8 and fd00::/8 are whole private ranges."""


def _firewall_hosts(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    if side.get("firewall.kind") == "nftables" and side.get("gateways") == []:
        yield side.problem("firewall.kind", "'nftables' without gateways", "gateways, whose hosts it guards; or kind: none")
    strict, own = side.get("firewall.host_policy") == "strict", side.get("firewall.own_networks")
    if strict and own == []:
        yield side.problem(
            "firewall.own_networks", "nothing", "the networks of your operators and services: strict closes SSH to all others"
        )
    if own and not strict:
        yield side.problem("firewall.own_networks", "networks without host_policy: strict", "host_policy: strict, or none of them")
    for key, network in side.items("firewall.own_networks"):
        if network.prefixlen < WIDEST_OWN:
            yield side.problem(key, shown(str(network)), f"networks of /{WIDEST_OWN} or narrower: strict would close nothing")


def _hub_authority(side: SideText, around: Circumstances) -> Iterator[Problem]:
    if around.profile is not None and around.profile.tenant:
        if side.get("ca.kind") not in {None, "none"}:
            yield side.problem("ca.kind", shown(side.get("ca.kind")), f"none in profile {around.profile.name}: its directory signs")
    elif side.get("ca.kind") in {"own", "none"}:
        yield side.problem("ca.kind", shown(side.get("ca.kind")), "internal | imported | offline (the hub signs for its participants)")


def _hub_urls(side: SideText, around: Circumstances) -> Iterator[Problem]:
    server = [f"authorization_server.{name}" for name, value in (side.get("authorization_server") or {}).items() if isinstance(value, Url)]
    for key in [*server, "ledger.url", "account_lookup.url"]:
        url = side.get(key)
        if isinstance(url, Url) and around.exposed and forbidden_target(url):
            yield side.problem(key, f"the host {shown(url.host)}", "a host that is not this machine or a metadata service")


def _token_host(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """HAProxy holds the DNS names of a certificate against the host, and no addresses: every token request would be answered 503."""
    url = side.get("authorization_server.token_endpoint")
    if around.exposed and isinstance(url, Url) and url.address:
        found = f"the address {shown(url.host)}"
        yield side.problem(
            "authorization_server.token_endpoint", found, "a host name: a gateway verifies the names in a certificate, no addresses"
        )


def _client_overlap(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    """At most one earlier client works beside the present one."""
    days, overlap = (side.get(f"authorization_server.{key}") for key in ("client_days", "client_overlap_days"))
    if days is not None and overlap is not None and overlap >= days:
        key = "client_overlap_days"
        given = "" if f"{side.prefix}authorization_server.{key}" in side.document.lines else f" (the default of {key})"
        place = f"authorization_server.{'client_days' if given else key}"
        yield side.problem(place, f"{days} days with an overlap of {overlap}{given}", "an overlap shorter than client_days")


def _unbound_tokens(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    """WSO2 validates tokens that are bound to a certificate, and issues none (documentation of API Manager 4.2)."""
    if side.get("authorization_server.kind") == "wso2" and side.get("authorization_server.certificate_bound_tokens"):
        key = "authorization_server.certificate_bound_tokens"
        yield side.problem(key, "true with kind: wso2", "false (WSO2 issues no tokens that are bound to a certificate)")


def _identity(side: SideText, around: Circumstances) -> Iterator[Problem]:
    name = side.get("id")
    if not name:
        return
    if PurePath(side.document.file).name != f"{name}.yml":
        yield side.problem("id", f"{shown(name)} in the file {PurePath(side.document.file).name}", f"the file name {name}.yml")
    if same_name(name) in RESERVED_IDS:
        yield side.problem("id", f"the reserved word {shown(name)}", "an id that is none of " + ", ".join(sorted(RESERVED_IDS)))
    if around.hub_id and same_name(name) == same_name(around.hub_id):
        yield side.problem("id", f"{shown(name)}, which is the hub's", "an id that differs from the hub's in more than case, _ and -")


def _hosted(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    hosting = _hosting(side)
    gateways = side.get("gateways")
    if hosting == "managed" and gateways == [] and side.get("connector.kind") != "sdk":
        yield side.problem("gateways", "no gateways", "at least one with hosting: managed")
    if hosting == "self-hosted" and gateways:
        yield side.problem("gateways", "gateways with hosting: self-hosted", "gateways with hosting: managed only")
    if "endpoint" not in side.document.lines:
        yield side.problem("endpoint", "no such key", "it is required, unless probe: true")


def _hosting(side: SideText) -> str:
    """Who carries out the participant's half; empty where the file says it wrongly."""
    return str(side.get("hosting") or ("" if "hosting" in side.document.lines else "self-hosted"))


def _participant_authority(side: SideText, around: Circumstances) -> Iterator[Problem]:
    kind, hosting = side.get("ca.kind"), _hosting(side)
    if not kind or not hosting or around.profile is None:
        return
    if around.profile.scheme_ca or around.profile.tenant:
        right: tuple[str, ...] = ("none",)
    else:
        right = ("internal", "imported", "offline") if hosting == "managed" else ("own",)
    if kind not in right:
        yield side.problem("ca.kind", shown(kind), f"{' | '.join(right)} with hosting {hosting} in profile {around.profile.name}")


_NOT_OF_A_PROBE = ("endpoint", "gateways", "firewall", "currencies", "net_debit_cap", "opening_funds", "first_publication")


def _bare_probe(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    for name in _NOT_OF_A_PROBE:
        if name in side.document.lines and side.get(name) not in ([], {}):
            yield side.problem(name, "a key of a full participant", "no such key with probe: true")
    if side.get("hosting") == "self-hosted":
        yield side.problem("hosting", "'self-hosted'", "managed with probe: true")
    if side.get("ca.kind") not in {None, "none"}:
        yield side.problem("ca.kind", shown(side.get("ca.kind")), "none with probe: true (the hub's CA signs for probes)")


def _roles(side: SideText, around: Circumstances, key: str) -> Iterator[Problem]:
    for place, role in side.items(key):
        if around.profile and role not in around.profile.resources:
            yield side.problem(place, shown(role), nearest(role, list(around.profile.resources)))


_SIDE_RULES: tuple[Rule, ...] = (
    _wide_addresses, _special_addresses, _repeated_addresses, _endpoint_target, _key_kinds, _listeners, _gateway_hosts,
    _firewall_hosts,
)  # fmt: skip
_PARTICIPANT_RULES: tuple[Rule, ...] = (_hosted, _participant_authority)
_PROBE_RULES: tuple[Rule, ...] = (_bare_probe,)
