# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Three participants, a state folder, and a real authorization server of each kind."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from integration.test_oauth_authorization_server import self_signed
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    Approval,
    CertificateAuthority,
    Description,
    Endpoint,
    EnvironmentKind,
    Firewall,
    Hub,
    KeyChoices,
    Participant,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import HttpClient, Route
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay

from .drivers import PATIENCE, Keycloak, KeycloakProcess, OidcProvider, RegistryServer, Wire
from .wso2 import Wso2

PARTICIPANTS = ("bluebank", "greenbank", "redbank")
AUTHORITY = CertificateAuthority("internal", "ec-p256")
KEYS = KeyChoices("ec-p256", "rsa-3072", "rsa-3072")
_tests = itertools.count(1)


def participant(name: str, suffix: str) -> Participant:
    roles = ("parties", "quotes")
    return Participant(name, f"{name}{suffix}", name, None, (), AUTHORITY, KEYS, (), Firewall("none", ()), roles=roles, hosting="managed")


@dataclass
class Bench:
    """One authorization server, one description, one state folder."""

    server: RegistryServer
    tree: DiskTree
    description: Description
    certificates: dict[str, Path]
    writes: list[str] = field(default_factory=list)
    """Requests of the pack that changed something at the server, in the last run."""

    def run(self, *, check: bool = False, now: datetime | None = None, cut_after: int | None = None) -> list[Finding]:
        """One run; with ``cut_after`` it is killed after so many requests that change something."""
        self.writes.clear()
        return onboard_clients(
            description=self.description,
            participants=(*self.description.participants, *self.description.revoking),
            tree=Overlay(self.tree) if check else self.tree,
            now=now or datetime.now(UTC),
            check=check,
            connect=lambda server: Wire(HttpClient(Route(server.ca_file), timeout=PATIENCE, longest=PATIENCE), self.writes, cut_after),
        )

    def applied(self, now: datetime | None = None) -> list[Finding]:
        """A dry run, then the run that it predicts; its findings."""
        moment = now or datetime.now(UTC)
        planned = self.run(check=True, now=moment)
        assert self.writes == []
        assert self.run(now=moment) == planned
        return planned

    def settled(self) -> None:
        """Nothing is found and nothing written any more."""
        assert (self.run(), self.writes) == ([], [])

    def change(self, name: str, **values: Any) -> None:  # noqa: ANN401 -- fields of a participant
        people = tuple(replace(one, **values) if one.name == name else one for one in self.description.participants)
        self.description = replace(self.description, participants=people)

    def change_server(self, **values: Any) -> None:  # noqa: ANN401 -- fields of the server
        assert self.description.hub.authorization_server
        server = replace(self.description.hub.authorization_server, **values)
        self.description = replace(self.description, hub=replace(self.description.hub, authorization_server=server))

    def credentials(self, name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.tree.read(f"store/{name}/oauth/credentials.json") or b"{}")
        return found

    def token(self, name: str, **options: Any) -> TokenAnswer:  # noqa: ANN401 -- credentials, certificate, scope
        credentials = options.pop("credentials", None) or self.credentials(name)
        return self.server.token(credentials, options.pop("certificate", self.certificates[name]), **options)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A client certificate for each participant."""
    folder = tmp_path_factory.mktemp("certificates")
    return {name: self_signed(name, folder) for name in PARTICIPANTS}


@pytest.fixture(scope="session")
def start_keycloak(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]
) -> Iterator[Callable[[str], KeycloakProcess]]:
    """Starts Keycloak for whoever asks first; it runs until the end of the session."""
    builder = str(repository / "tests" / "tools" / "build_keycloak")
    built = subprocess.run(
        [repository / "tests/tools/cached", "keycloak", builder, "--", builder], stdout=subprocess.PIPE, text=True, check=True
    )
    trusted = tmp_path_factory.mktemp("trusted") / "clients.pem"
    trusted.write_text("".join(path.read_text() for path in certificates.values()))
    running: dict[str, KeycloakProcess] = {}

    def start(mode: str) -> KeycloakProcess:
        if mode not in running:
            folder = tmp_path_factory.mktemp(f"keycloak-{mode}")
            running[mode] = KeycloakProcess(folder, Path(built.stdout.strip()), mode, str(trusted))
            running[mode].start()
        running[mode].wait()
        return running[mode]

    yield start
    for process in running.values():
        process.stop()


@pytest.fixture
def keycloak(start_keycloak: Callable[[str], KeycloakProcess]) -> Keycloak:
    """The realm that tests share, at the server that takes certificates from TLS."""
    return Keycloak(start_keycloak("tls"), "dfsps", f"-{next(_tests)}")


@pytest.fixture
def oidc_provider(tmp_path: Path) -> Iterator[OidcProvider]:
    """A server of its own, without clients."""
    provider = OidcProvider(tmp_path)
    yield provider
    provider.stop()


@pytest.fixture
def wso2(tmp_path: Path) -> Iterator[Wso2]:
    """A stand-in of its own."""
    stand_in = Wso2(tmp_path)
    yield stand_in
    stand_in.stop()


@pytest.fixture
def wso2_26(tmp_path: Path) -> Iterator[Wso2]:
    """A stand-in for 2.6 of its own."""
    stand_in = Wso2(tmp_path, "2.6")
    yield stand_in
    stand_in.stop()


SERVERS = {"rfc7591": "oidc_provider", "keycloak": "keycloak", "wso2": "wso2", "wso2-2.6": "wso2_26"}
"""The fixture of each kind."""


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> RegistryServer:
    """Each kind."""
    record_count("authorization servers asked for a case", 1)
    found: RegistryServer = request.getfixturevalue(SERVERS[request.param])
    return found


def described(server: RegistryServer, folder: Path, certificates: dict[str, Path]) -> Bench:
    listener = Endpoint("api.hub.lab", 8443, "", (IPv4Address("203.0.113.10"),))
    hub = Hub("hub", "switch", "Lab", listener, (), AUTHORITY, KEYS, (), Firewall("none", ()), authorization_server=server.described())
    people = tuple(participant(name, server.suffix) for name in PARTICIPANTS)
    description = Description(str(folder), "lab", EnvironmentKind.LAB, Approval.AUTOMATIC, MOJALOOP, hub, people)
    return Bench(server, DiskTree(folder / "state"), description, certificates)


@pytest.fixture
def bench(server: RegistryServer, tmp_path: Path, certificates: dict[str, Path]) -> Bench:
    """Any kind of server."""
    return described(server, tmp_path, certificates)


@pytest.fixture
def realm(keycloak: Keycloak, tmp_path: Path, certificates: dict[str, Path]) -> Bench:
    """Keycloak."""
    return described(keycloak, tmp_path, certificates)


@pytest.fixture
def manager(wso2: Wso2, tmp_path: Path, certificates: dict[str, Path]) -> Bench:
    """WSO2 API Manager."""
    return described(wso2, tmp_path, certificates)
