# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One managed participant as its description has it, and the hub as it published itself to this participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HUB, Description, Endpoint, Participant, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import PaymentManagerConnector
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.payment_manager.settings import manager_variables, request_files
from ansible_collections.mojaloop.onboarding.plugins.module_utils.payment_manager.tenant import Tenant
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.inputs import InputRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.approvals import read_endpoints
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import publication_folder

PUBLISHED = "endpoints.json"
MOST_BYTES = 1 << 20


class ConnectorKind(StrEnum):
    """What stands between a participant's own systems and the hub."""

    SDK = "sdk"
    PAYMENT_MANAGER = "payment-manager"
    OZONE_CONNECT = "ozone-connect"


@dataclass(frozen=True)
class SdkFacts:
    """What decides on the SDK's variables: its major version, the version of ILP that it speaks, and what the description adds."""

    era: str = "24"
    ilp_version: str = "1"
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PaymentManagerFacts:
    """What Payment Manager's management-api starts with: its variables, the files of its requests by path, the hosts that it calls."""

    variables: Mapping[str, str]
    files: Mapping[str, str]
    calls: tuple[tuple[str, int], ...]
    """Host and port of Connection Manager, and of the provider of its tokens."""
    authenticated: bool
    """Whether it presents a client's secret there."""


@dataclass(frozen=True)
class DfspFacts:
    """What Kubernetes needs to know of a participant, and of the hub that it connects to."""

    environment: str
    participant: str
    fspiop_id: str
    currencies: tuple[str, ...]
    host: str
    port: int
    base_path: str
    hub_host: str
    hub_port: int
    hub_path: str
    hub_addresses: tuple[str, ...]
    """Networks (of one address each) where the hub's host is."""
    hub_sources: tuple[str, ...]
    """Networks that the hub's calls come from."""
    connector: ConnectorKind = ConnectorKind.SDK
    sdk: SdkFacts = SdkFacts()
    payment_manager: PaymentManagerFacts | None = None

    @property
    def namespace(self) -> str:
        """The participant's namespace: its id in the form of Kubernetes. Descriptions hold no two ids that become the same."""
        return self.participant.lower().replace("_", "-")


def read_dfsp_facts(folder: Path, exchange: Path | None, participant: str) -> DfspFacts:
    """The facts from a folder of descriptions and a published exchange; OnboardingError where something lacks or is not approved.

    Without an exchange, the caller compares the description with what the hub says elsewhere.
    """
    description = load_description(folder)
    found = _managed(description, participant, where=str(folder / "participants" / f"{participant}.yml"))
    kind = _kind(found)
    if exchange and kind is not ConnectorKind.PAYMENT_MANAGER:  # which itself reads what the hub published, in Connection Manager
        path = exchange.parent / f"{publication_folder(HUB, participant)}/{PUBLISHED}"
        _compare(description, _read(path), where=str(path))
    own, hub = _endpoint(found.endpoint, participant), _endpoint(description.hub.endpoint, HUB)
    return DfspFacts(
        environment=description.environment,
        participant=found.name,
        fspiop_id=found.fspiop_id,
        currencies=found.currencies,
        host=own.host,
        port=own.port,
        base_path=own.base_path,
        hub_host=hub.host,
        hub_port=hub.port,
        hub_path=hub.base_path,
        hub_addresses=tuple(f"{address}/{address.max_prefixlen}" for address in hub.addresses),
        hub_sources=tuple(map(str, description.hub.egress_addresses)),
        connector=kind,
        sdk=_sdk(found),
        payment_manager=_payment_manager(description, found),
    )


def has_stack(participant: Participant) -> bool:
    """Whether this installation makes an environment for it: it carries out its half, or operates its Payment Manager."""
    return (participant.managed or isinstance(participant.connector, PaymentManagerConnector)) and not participant.probe


def _kind(participant: Participant) -> ConnectorKind:
    named = participant.connector.kind
    return ConnectorKind(named) if named in {*ConnectorKind} else ConnectorKind.SDK


def _sdk(participant: Participant) -> SdkFacts:
    sdk, connector = participant.sdk, participant.connector
    if isinstance(connector, PaymentManagerConnector) and connector.version:
        return SdkFacts(connector.version.partition(".")[0])
    return SdkFacts(sdk.era, sdk.ilp_version, sdk.settings) if sdk else SdkFacts()


def _payment_manager(description: Description, participant: Participant) -> PaymentManagerFacts | None:
    connector = participant.connector
    if not isinstance(connector, PaymentManagerConnector):
        return None
    tenant = Tenant(participant, connector.key_bits)
    variables = manager_variables(description.hub, participant, connector, tenant)
    called = {_place(variables[name]) for name in ("MCM_SERVER_ENDPOINT", "HUB_IAM_PROVIDER_URL")}
    return PaymentManagerFacts(
        variables={name: value for name, value in variables.items() if value},
        files={f"{connector.folder}/{name}": content.decode() for name, content in request_files(participant).items()},
        calls=tuple(sorted(called)),
        authenticated=variables["AUTH_ENABLED"] == "true",
    )


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)


def _managed(description: Description, name: str, *, where: str) -> Participant:
    if name in description.broken_names:
        problems = next(said for file, said in description.broken if Path(file).stem == name)
        raise OnboardingError("; ".join(problems), where=where)
    if name not in description.known_names:
        known = ", ".join(sorted(each.name for each in description.participants if has_stack(each)))
        what = f"there is no participant {name!r} in {description.environment}"
        raise OnboardingError(what, where=where, remedy=f"A stack is called <environment>.<participant>; managed ones: {known}.")
    found = description.participant(name)
    if found.probe:
        raise OnboardingError(f"{name} is a probe participant", where=where, remedy="It has no environment of its own.")
    if not has_stack(found):
        remedy = "Only a managed participant, or one whose Payment Manager is hosted here, has a stack."
        raise OnboardingError(f"{name} is {found.hosting}", where=where, remedy=remedy)
    if found.state is State.OFFBOARDED:
        raise OnboardingError(f"{name} is offboarded", where=where, remedy="Remove its stack: pulumi destroy.")
    return found


def _endpoint(endpoint: Endpoint | None, side: str) -> Endpoint:
    if endpoint is None:
        raise OnboardingError(f"{side} has no endpoint", remedy="Describe one: its environment cannot be made without it.")
    return endpoint


def _read(path: Path) -> dict[str, set[str]]:
    remedy = "Run onboard.yml for the hub's side, and bring its publication here."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OnboardingError(f"the hub's publication cannot be read ({error.strerror})", where=str(path), remedy=remedy) from error
    if len(content) > MOST_BYTES:
        raise OnboardingError(f"has more than {MOST_BYTES} bytes", where=str(path), remedy=remedy)
    try:
        return read_endpoints(content)
    except InputRefused as refused:
        raise OnboardingError(str(refused), where=str(path), remedy=remedy) from refused


def _compare(description: Description, published: dict[str, set[str]], *, where: str) -> None:
    """What the hub published counts only as far as a person approved it, in the description."""
    hub = description.hub
    approved = {"egress_addresses": set(map(str, hub.egress_addresses)), "url": {hub.endpoint.url if hub.endpoint else ""}}
    for field, has in approved.items():
        if published[field] != has:
            says, kept = (", ".join(sorted(each)) for each in (published[field], has))
            what = f"awaiting approval: the hub published {field} {says}; approved: {kept}"
            raise OnboardingError(what, where=where, remedy="Approve it in hub.yml, or ask the hub what happened.")
