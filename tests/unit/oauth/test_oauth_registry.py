# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kind of authorization server that the core does not know, added from here: clients kept by nothing but its ``ClientRegistry``."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import AuthorizationServer, ClientOrders, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.registrar import RegistryRegistrar
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.registry import Client, ClientSpec, Preparation
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Refused, Unknown
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import Overlay, Tree

from .conftest import NOW

Bench = Any  # conftest.Bench


@dataclass
class Toy:
    """Clients in memory; a dry run notes only, as ``Changes`` does."""

    overlap: str = ""
    now: datetime = NOW
    dry_run: bool = False
    clients: dict[str, tuple[ClientSpec, Client]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    refuses: str = ""
    serials: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self) -> Iterator[Preparation]:
        yield from ()

    def find(self, spec: ClientSpec) -> Client | None:
        if self.refuses == spec.client_id:
            raise Refused("looking for a client", 500)
        kept = self.clients.get(spec.client_id)
        return replace(kept[1], differs=() if kept[0] == spec else ("scopes",)) if kept else None

    def _put(self, what: str, spec: ClientSpec, client: Client) -> None:
        self.writes.append(what)
        if not self.dry_run:
            self.clients[spec.client_id] = (spec, client)

    def create(self, spec: ClientSpec) -> None:
        self._put("create", spec, Client(spec.client_id, f"toy:{spec.client_id}", f"secret-{next(self.serials)}", self.now))

    def update(self, spec: ClientSpec) -> None:
        self._put("update", spec, self.clients[spec.client_id][1])

    def rotate_secret(self, client: Client) -> None:
        spec, kept = self.clients[client.client_id]
        until = None if self.overlap else self.now + timedelta(days=7)
        self._put("rotate", spec, replace(kept, secret=f"secret-{next(self.serials)}", since=self.now, earlier_until=until))

    def end_earlier(self, client: Client) -> None:
        spec, kept = self.clients[client.client_id]
        self._put("end", spec, replace(kept, earlier_until=None))

    def end_tokens(self, client: Client) -> None:
        """There are none."""

    def delete(self, client: Client) -> None:
        self.writes.append("delete")
        if not self.dry_run:
            del self.clients[client.client_id]


@dataclass
class ToyBench:
    """The bench of all OAuth tests, at a toy."""

    bench: Bench
    toy: Toy = field(default_factory=Toy)

    def run(self, *, check: bool = False, now: datetime = NOW, tree: Tree | None = None) -> list[Finding]:
        self.toy.dry_run, self.toy.now, self.toy.writes = check, now, []
        return onboard_clients(
            description=self.bench.description,
            participants=self.bench.description.participants,
            tree=tree or (Overlay(self.bench.tree) if check else self.bench.tree),
            now=now,
            check=check,
            sealer=lambda data, _certificate: b"sealed: " + data,
            drivers={"toy": lambda work: RegistryRegistrar(work, lambda _work: self.toy)},
        )

    def applied(self, now: datetime = NOW) -> list[tuple[str, str]]:
        planned = self.run(check=True, now=now)
        found = self.run(now=now)
        assert found == planned
        assert (self.run(now=now), self.toy.writes) == ([one for one in found if one.pending_on], [])
        return [(one.participant, one.reason) for one in found]

    def secret(self, name: str = "greenbank") -> str:
        return str(json.loads(self.bench.tree.read(f"store/{name}/oauth/credentials.json"))["client_secret"])


@pytest.fixture
def toys(bench: Bench) -> ToyBench:
    known = bench.description.hub.authorization_server
    names = ("issuer", "token_endpoint", "jwks_url", "audience", "ca_file")
    server = AuthorizationServer("toy", **{name: getattr(known, name) for name in names})
    bench.description = replace(bench.description, hub=replace(bench.description.hub, authorization_server=server))
    return ToyBench(bench)


def test_clients_are_made_kept_and_removed(toys: ToyBench) -> None:
    assert toys.applied() == [("greenbank", "oauth-client-missing"), ("redbank", "awaiting-counterpart")]
    toys.bench.publish_exchange()
    assert toys.applied() == [("redbank", "oauth-client-missing")]
    assert toys.secret() == toys.toy.clients["greenbank"][1].secret
    assert toys.bench.tree.read("store/hub/oauth/redbank.p7m").startswith(b"sealed: ")
    toys.bench.change("greenbank", roles=("transfers",))
    assert toys.applied() == [("greenbank", "oauth-client-differs"), ("greenbank", "oauth-credentials-missing")]
    toys.bench.change("greenbank", state=State.SUSPENDED)
    assert toys.applied() == [("greenbank", "oauth-client-differs")]
    toys.bench.change("greenbank", state=State.OFFBOARDED)
    assert toys.applied() == [("greenbank", "oauth-client-retired")]
    assert list(toys.toy.clients) == ["redbank"]
    assert toys.bench.tree.names("store/greenbank/oauth") == []


def test_secrets_are_replaced_by_age_and_on_request(toys: ToyBench) -> None:
    toys.bench.publish_exchange()
    toys.run()
    first, due = toys.secret(), NOW + timedelta(days=30)
    toys.bench.change("greenbank", oauth=ClientOrders(renew_before=due))
    assert [one.reason for one in toys.run()] == ["order-to-come"]
    assert toys.applied(due) == [("greenbank", "oauth-credentials-renewed")]
    second = toys.secret()
    assert second != first
    toys.bench.change("greenbank", oauth=ClientOrders(renew_before=due + timedelta(days=1)))
    assert toys.applied(due + timedelta(days=1)) == [("greenbank", "overlap-running")]
    toys.bench.change("greenbank", oauth=ClientOrders(revoke_before=due + timedelta(days=2)))
    assert toys.applied(due + timedelta(days=2)) == [("greenbank", "oauth-credentials-renewed")]
    assert toys.secret() not in {first, second}
    assert toys.toy.clients["greenbank"][1].earlier_until is None


def test_one_participants_refusal_leaves_the_others_alone(toys: ToyBench) -> None:
    toys.bench.publish_exchange()
    toys.toy.refuses = "greenbank"
    found = [(one.participant, one.reason) for one in toys.run()]
    assert found == [("greenbank", "authorization-server-refused"), ("redbank", "oauth-client-missing")]
    toys.toy.refuses = ""
    assert toys.applied() == [("greenbank", "oauth-client-missing")]


def test_an_answer_without_success_to_a_write_is_no_silence(toys: ToyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.bench.publish_exchange()

    def failing(_spec: ClientSpec) -> None:
        raise Unknown("making a client was answered with 500", 500)

    monkeypatch.setattr(toys.toy, "create", failing)
    assert [one.reason for one in toys.run()] == ["oauth-client-missing", "authorization-server-refused"] * 2


def test_a_server_from_before_is_left_to_a_person(toys: ToyBench) -> None:
    toys.bench.publish_exchange()
    toys.run()
    server = replace(toys.bench.description.hub.authorization_server, issuer="https://new.test")
    toys.bench.description = replace(toys.bench.description, hub=replace(toys.bench.description.hub, authorization_server=server))
    toys.toy.clients.clear()
    found = [(one.participant, one.reason) for one in toys.run()]
    assert found.count(("greenbank", "oauth-orphan-possible")) == 1
    assert toys.run() == []


def test_a_later_task_of_a_dry_run_asks_about_nothing_that_was_planned(toys: ToyBench) -> None:
    toys.bench.publish_exchange()
    planned = Overlay(toys.bench.tree)
    assert len(toys.run(check=True, tree=planned)) == 2
    assert toys.run(check=True, tree=planned) == []


def test_where_tls_ends_in_the_server_participants_ask_there_for_tokens(toys: ToyBench) -> None:
    def token_url() -> str:
        toys.run()
        return str(json.loads(toys.bench.tree.read("store/greenbank/oauth/credentials.json"))["token_url"])

    assert token_url() == "https://api.hub.lab:8443/oauth2/token"
    server = replace(toys.bench.description.hub.authorization_server, client_certificate="tls")
    toys.bench.description = replace(toys.bench.description, hub=replace(toys.bench.description.hub, authorization_server=server))
    assert token_url() == server.token_endpoint
