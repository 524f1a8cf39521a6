# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests on a cluster share: Istio is started once, as the API server is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from contract.registry.drivers import OidcProvider
from support.authorities import Authority
from support.istio import Istio, running_istio
from support.istio_hub import Hub, running_hub
from support.istio_site import IstioSite, running_site
from support.kubernetes import Cluster
from support.token_server import TokenServer


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    """The keys of the authorization server, as it publishes them."""
    with TokenServer(tmp_path_factory.mktemp("tokens"), Authority("Authorization CA")) as server:
        yield server


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """A real authorization server."""
    server = OidcProvider(tmp_path_factory.mktemp("provider"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def istio(cluster: Cluster, tokens: TokenServer, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Istio]:
    """Istio on the cluster of this process' tests; it believes both authorization servers."""
    authorities = tmp_path_factory.mktemp("authorities") / "all.pem"
    authorities.write_bytes(tokens.authority_file.read_bytes() + (provider.folder / "server.pem").read_bytes())
    with running_istio(cluster, tmp_path_factory.mktemp("istio"), authorities) as running:
        yield running


@pytest.fixture(scope="module")
def site(istio: Istio, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IstioSite]:
    """A hub on the cluster, and participants that the playbooks have not onboarded yet."""
    with running_site(istio, provider, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def hub(istio: Istio, tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub's environment as Pulumi makes it, with its gateway running, and three participants who are not let in yet."""
    with running_hub(istio, tokens, tmp_path_factory.mktemp("hub")) as running:
        yield running
