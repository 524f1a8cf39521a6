# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is let in: a client of an OpenID provider, a login with its cookie, no one in particular; and what refusals say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.connection_manager.api import StandIn, serving
from support.connection_manager.bench import CASE
from support.connection_manager.era1 import Era1
from support.connection_manager.era3 import Era3

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.access import Access
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.era1 import Era1 as FirstEra
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.era3 import Era3 as LaterEra
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import (
    ConnectionManagerServer,
    ManagerAuthentication,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

pytestmark = pytest.mark.xdist_group("connection-manager")
SECRET, TOKEN = "correct-horse", "token-of-tests-0123456789"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file that the description names."""
    file = tmp_path / "secret"
    file.write_text(SECRET, encoding="utf-8")
    return file


@pytest.fixture
def later() -> Iterator[Era3]:
    """A server that wants a token."""
    with serving(Era3(tokens={TOKEN: frozenset({"pta"}), "of-greenbank-0123456789": frozenset({"DFSP:greenbank", "dfsp"})})) as stand_in:
        assert isinstance(stand_in, Era3)
        stand_in.clients = {"hub": (SECRET, TOKEN), "greenbank": (SECRET, "of-greenbank-0123456789")}
        yield stand_in


@pytest.fixture
def first() -> Iterator[Era1]:
    """A server that wants a login."""
    with serving(Era1(tokens={TOKEN: frozenset({"pta"})}, logins={"hub": (SECRET, TOKEN)})) as stand_in:
        assert isinstance(stand_in, Era1)
        yield stand_in


def access(stand_in: StandIn, authentication: ManagerAuthentication) -> Access:
    server = ConnectionManagerServer(stand_in.url, "tests", authentication=authentication)
    return Access(server, authentication, dry_run=False)


def client(stand_in: StandIn, file: Path, name: str = "hub") -> ManagerAuthentication:
    url = stand_in.url.removesuffix("/api") + "/token"
    return ManagerAuthentication("client-credentials", token_url=url, client_id=name, secret_file=str(file))


def login(file: Path, name: str = "hub") -> ManagerAuthentication:
    return ManagerAuthentication("login", username=name, password_file=str(file))


def test_a_client_gets_a_token_and_the_later_era_is_found(later: Era3, secret: Path) -> None:
    with access(later, client(later, secret)).open() as server:
        assert isinstance(server, LaterEra)
        assert server.known(CASE) is False


def test_a_login_gets_a_cookie_and_the_first_era_is_found(first: Era1, secret: Path) -> None:
    with access(first, login(secret)).open() as server:
        assert isinstance(server, FirstEra)
        assert server.known(CASE, by_hub=True) is False


def test_a_login_at_a_server_without_authentication_goes_on(secret: Path) -> None:
    with serving(Era1()) as stand_in, access(stand_in, login(secret)).open() as server:
        assert server.known(CASE, by_hub=True) is False


@pytest.mark.parametrize("era", ["first", "later"])
def test_a_wrong_secret_names_its_file_and_not_what_is_in_it(era: str, secret: Path, request: pytest.FixtureRequest) -> None:
    stand_in: StandIn = request.getfixturevalue(era)
    secret.write_text("wrong-battery", encoding="utf-8")
    authentication = login(secret) if era == "first" else client(stand_in, secret)
    with pytest.raises(OnboardingError) as found, access(stand_in, authentication).open():
        pass
    assert str(secret) in str(found.value)
    assert "wrong-battery" not in str(found.value)


@pytest.mark.parametrize("era", ["first", "later"])
def test_without_a_login_the_refusal_says_where_to_look(era: str, request: pytest.FixtureRequest) -> None:
    stand_in: StandIn = request.getfixturevalue(era)
    with pytest.raises(OnboardingError, match="Check the credentials") as found, access(stand_in, ManagerAuthentication()).open() as server:
        server.known(CASE, by_hub=True)
    assert "401" in str(found.value)


def test_a_participant_whom_the_server_does_not_know_waits_although_it_is_reported_401(later: Era3, secret: Path) -> None:
    with access(later, client(later, secret, "greenbank")).open() as server:
        assert server.known(CASE, by_hub=False) is False
        assert server.published(CASE, by_hub=False, own={}).get("ca.pem") is None


def test_what_is_no_connection_manager_is_named() -> None:
    with serving(Era3()) as stand_in:
        stand_in.url = stand_in.url.replace("/api", "/elsewhere")
        with pytest.raises(OnboardingError, match="is no Connection Manager"), access(stand_in, ManagerAuthentication()).open():
            pass
