# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Another authorization server in the description: everybody is registered there, and what the one before has is ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.oauth.conftest import NOW, URL, participant, said

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.listeners import accepted_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import read_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Unreachable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import PREVIOUS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import Overlay

Bench = Any  # conftest.Bench, whose tests this shares
Server = Any
DAY = timedelta(days=1)
OTHER = "https://other.test/reg"
NEW = {"issuer": "https://other.test", "registration_url": OTHER}
CHANGED = ["authorization-server-changed", "oauth-client-retired"]
REPORTED = ["authorization-server-changed", "oauth-orphan-possible"]


@dataclass
class Servers:
    """Several servers behind one connection, each under its URL; those that are down give no answer."""

    by_url: dict[str, Server]
    down: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        if "/.well-known/" in url:
            return said(404, {})
        (known,) = (one for one in self.by_url if url.startswith(one))
        self.asked.append((method, known))
        if known in self.down:
            raise Unreachable("no answer", where=known)
        answer: Answer = self.by_url[known].request(method, url, headers, body)
        return answer

    def close(self) -> None:
        """Nothing is kept open."""


def reasons(findings: list[Finding]) -> list[str]:
    return [finding.reason for finding in findings]


def content(bench: Bench) -> dict[str, tuple[bytes, int, int]]:
    files = (path for path in bench.tree.root.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def ran(bench: Bench, days: int = 0) -> list[Finding]:
    """The findings of a run, which its dry run reported before without changing anything."""
    before, now = content(bench), NOW + days * DAY
    known = json.dumps([one.clients for one in bench.server.by_url.values()])
    reported = bench.run(Overlay(bench.tree), check=True, now=now)
    assert (content(bench), json.dumps([one.clients for one in bench.server.by_url.values()])) == (before, known)
    found: list[Finding] = bench.run(now=now)
    assert reported == found
    return found


def rests(bench: Bench, days: int = 0) -> bool:
    before = content(bench)
    return ran(bench, days) == [] and content(bench) == before


def describe(bench: Bench, **values: object) -> None:
    hub = bench.description.hub
    bench.description = replace(bench.description, hub=replace(hub, authorization_server=replace(hub.authorization_server, **values)))


def known(bench: Bench, url: str) -> set[object]:
    return {client["client_name"] for client in bench.server.by_url[url].clients.values()}


def accepted(bench: Bench, name: str = "greenbank", days: int = 0) -> list[str]:
    described = next(one for one in bench.description.participants if one.name == name)
    return [one.client_id for one in accepted_clients(bench.description, bench.tree, described, NOW + days * DAY).values()]


def registered(bench: Bench, url: str, name: str = "greenbank") -> list[str]:
    clients = bench.server.by_url[url].clients
    return [one for one in clients if clients[one]["client_name"] == f"lab/{name}"]


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """Greenbank, managed, and redbank, hosted elsewhere, are registered; another server runs already, some of whose ids are the same."""
    kind = type(bench.server)
    bench.server = Servers({URL: kind(), OTHER: kind(OTHER, calls=["so that its ids are others"])})
    bench.publish_exchange()
    assert reasons(bench.run()) == ["oauth-client-missing"] * 2
    assert rests(bench)
    return bench


def test_everybody_is_registered_at_the_other_server_and_the_one_before_keeps_no_one(settled: Bench) -> None:
    sealed = settled.tree.read("store/hub/oauth/redbank.p7m")
    describe(settled, **NEW)
    assert accepted(settled) == []
    found = ran(settled)
    assert reasons(found) == CHANGED * 2
    assert "https://auth.hub.lab" in found[0].detail
    assert (known(settled, URL), known(settled, OTHER)) == (set(), {"lab/greenbank", "lab/redbank"})
    assert accepted(settled) == registered(settled, OTHER)
    used = json.loads(settled.tree.read("store/greenbank/oauth/credentials.json"))["client_id"]
    assert [used] == registered(settled, OTHER)
    assert settled.tree.read("store/hub/oauth/redbank.p7m") != sealed
    assert rests(settled)


def test_a_server_that_is_gone_is_reported_once_and_asked_once(settled: Bench) -> None:
    describe(settled, **NEW)
    settled.server.down.add(URL)
    found = ran(settled)
    assert reasons(found) == REPORTED * 2
    assert {one.disposition for one in found if one.reason == REPORTED[1]} == {Disposition.PENDING}
    assert settled.server.asked.count(("GET", URL)) == 4 + 2, "two of the first runs; then one in check mode, one in the run"
    assert accepted(settled) == registered(settled, OTHER)
    assert rests(settled)


def test_a_server_that_does_not_delete_is_reported_once(settled: Bench) -> None:
    describe(settled, **NEW)
    settled.server.by_url[URL].fault = lambda method: Answer(403, {}, b"{}") if method == "GET" else None
    assert reasons(ran(settled)) == REPORTED * 2
    assert rests(settled)


def test_where_no_connection_can_be_had_from_here_nothing_is_forgotten(settled: Bench, tmp_path: Path) -> None:
    settled.change("greenbank", state=State.SUSPENDED)
    describe(settled, **NEW, ca_file=str(tmp_path / "no-such.pem"))
    before, everybody = content(settled), settled.description.participants
    for _ in range(2):
        found = onboard_clients(description=settled.description, participants=everybody, tree=settled.tree, now=NOW, check=False)
        assert reasons(found) == ["authorization-server-refused"] * 2
        assert all("no-such.pem: cannot be used for TLS" in one.detail for one in found)
    assert content(settled) == before
    assert reasons(ran(settled)) == [CHANGED[1], *CHANGED]


def test_while_the_other_server_is_down_nothing_is_lost_and_the_listeners_await_it(settled: Bench) -> None:
    before, first = content(settled), accepted(settled)
    describe(settled, **NEW)
    settled.server.down.add(OTHER)
    assert {one.reason for one in settled.run()} == {"authorization-server-unreachable"}
    assert accepted(settled) == []
    assert known(settled, URL) == {"lab/greenbank", "lab/redbank"}
    # The description was wrong: what was there is in use again, and only what may have been registered is reported.
    describe(settled, issuer="https://auth.hub.lab", registration_url=URL)
    assert accepted(settled) == first
    settled.run()
    assert content(settled) == before


def test_under_the_same_issuer_the_earlier_client_has_its_overlap(settled: Bench) -> None:
    (old,) = registered(settled, URL)
    describe(settled, registration_url=OTHER)
    assert accepted(settled) == [old]
    assert reasons(ran(settled)) == ["authorization-server-changed"] * 2
    assert accepted(settled) == [*registered(settled, OTHER), old]
    assert rests(settled, days=6)
    settled.server.down.add(URL)
    assert accepted(settled, days=7) == registered(settled, OTHER)
    assert reasons(ran(settled, days=7)) == ["oauth-orphan-possible"] * 2
    assert rests(settled, days=7)


@pytest.mark.parametrize("rotates", [False, True])
def test_a_client_of_another_server_with_the_same_id_is_another_client(bench: Bench, *, rotates: bool) -> None:
    bench.server = Servers({url: type(bench.server)(url, rotates_on_read=rotates) for url in (URL, OTHER)})
    bench.description = replace(bench.description, participants=(participant("greenbank"),))
    bench.run()
    describe(bench, registration_url=OTHER)
    assert reasons(bench.run()) == ["authorization-server-changed"]
    assert [*registered(bench, URL), *registered(bench, OTHER)] == accepted(bench) == ["client-1"] * 2
    for days in (0, 6, 7):
        found = bench.run(Overlay(bench.tree), check=True, now=NOW + days * DAY)
        assert reasons(found) == (["oauth-client-retired"] if days == 7 else []), days
    assert reasons(bench.run(now=NOW + 7 * DAY)) == ["oauth-client-retired"]
    assert (registered(bench, URL), registered(bench, OTHER)) == ([], accepted(bench))
    assert bench.run(now=NOW + 7 * DAY) == []


def test_a_revocation_ends_the_overlap(settled: Bench) -> None:
    describe(settled, registration_url=OTHER)
    ran(settled)
    settled.change("greenbank", oauth=ClientOrders(revoke_before=NOW))
    assert len(accepted(settled)) == 2, "registered at that moment, not before it"
    settled.change("greenbank", oauth=ClientOrders(revoke_before=NOW + DAY))
    assert accepted(settled, days=1) == []
    settled.server.down.add(URL)
    found = ran(settled, days=1)
    assert (found[0].reason, found[0].artefact) == ("oauth-orphan-possible", f"client{PREVIOUS}")
    assert reasons(found[1:]) == ["oauth-client-renewed", "oauth-credentials-renewed", "oauth-client-retired"]
    assert rests(settled, days=1)


@pytest.mark.parametrize("values", [NEW, {"registration_url": OTHER}])
@pytest.mark.parametrize("lacks", ["server", "exchange certificate"])
def test_who_is_revoked_at_the_server_before_is_out_although_no_successor_can_be_had(
    settled: Bench, values: dict[str, str], lacks: str
) -> None:
    settled.description = replace(settled.description, participants=settled.description.participants[1:])
    describe(settled, **values)
    settled.change("redbank", oauth=ClientOrders(revoke_before=NOW + DAY))
    awaited = ["authorization-server-unreachable"] if lacks == "server" else ["awaiting-counterpart"]
    if lacks == "server":
        settled.server.down.add(OTHER)
    else:
        settled.tree.remove("store/hub/received/redbank/exchange.pem")
    assert reasons(settled.run(now=NOW + DAY)) == [CHANGED[1], *awaited]
    assert (registered(settled, URL, "redbank"), accepted(settled, "redbank", days=1)) == ([], [])
    assert reasons(settled.run(now=NOW + DAY)) == awaited
    settled.server.down.clear()
    settled.publish_exchange()
    settled.run(now=NOW + DAY)
    assert accepted(settled, "redbank", days=1) == registered(settled, OTHER, "redbank")
    assert rests(settled, days=1)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("state", [State.SUSPENDED, State.OFFBOARDED])
def test_who_is_not_active_is_registered_nowhere(settled: Bench, state: State, *, down: bool) -> None:
    settled.change("greenbank", state=state)
    settled.description = replace(settled.description, participants=settled.description.participants[:1])
    describe(settled, **NEW)
    settled.server.down |= {URL} if down else set()
    assert reasons(ran(settled)) == [REPORTED[1] if down else CHANGED[1]]
    assert (registered(settled, OTHER), read_clients(settled.tree, "greenbank")) == ([], {})
    assert rests(settled)
    if state is State.SUSPENDED:
        settled.change("greenbank", state=State.ACTIVE)
        assert reasons(ran(settled)) == ["oauth-client-missing"]


def test_in_the_midst_of_a_renewal_all_that_the_server_before_has_is_ended(settled: Bench) -> None:
    settled.description = replace(settled.description, participants=(participant("greenbank"),))
    describe(settled, client_days=30)
    assert reasons(ran(settled, days=30))[0] == "oauth-client-renewed"
    describe(settled, **NEW)
    settled.server.down.add(URL)
    found = ran(settled, days=30)
    assert sorted(reasons(found)) == sorted([*REPORTED, "oauth-orphan-possible"])
    assert list(read_clients(settled.tree, "greenbank")) == [""]
    assert rests(settled, days=30)


def test_who_nothing_can_be_sealed_to_is_awaited_and_keeps_what_it_has(settled: Bench) -> None:
    settled.tree.remove("store/hub/received/redbank/exchange.pem")
    settled.description = replace(settled.description, participants=settled.description.participants[1:])
    describe(settled, **NEW)
    before = content(settled)
    assert [reasons(ran(settled)), reasons(ran(settled))] == [["awaiting-counterpart"]] * 2
    assert content(settled) == before
    settled.publish_exchange()
    assert reasons(ran(settled)) == CHANGED
    assert rests(settled)


def of_an_earlier_release(bench: Bench) -> None:
    for name in ("greenbank", "redbank"):
        path = f"store/hub/oauth/{name}.json"
        record = json.loads(bench.tree.read(path))
        assert (record.pop("issuer"), record.pop("registration_url")) == ("https://auth.hub.lab", URL)
        bench.tree.write(path, json.dumps(record, sort_keys=True, indent=2).encode() + b"\n")


def test_a_record_that_does_not_say_where_is_of_the_server_described(settled: Bench) -> None:
    of_an_earlier_release(settled)
    describe(settled, **NEW)
    assert rests(settled)
    assert known(settled, OTHER) == set()


@pytest.mark.parametrize("rotates", [False, True])
def test_a_record_that_does_not_say_where_says_so_once_its_server_has_answered(settled: Bench, *, rotates: bool) -> None:
    before = {path: data for path, (data, _, _) in content(settled).items()}
    of_an_earlier_release(settled)
    settled.server.by_url[URL].rotates_on_read = rotates
    assert settled.run(Overlay(settled.tree), check=True) == []
    assert settled.run() == []
    settled.server.by_url[URL].rotates_on_read = False
    assert ({path: data for path, (data, _, _) in content(settled).items()} == before) is not rotates
    assert rests(settled)
    describe(settled, **NEW)
    settled.server.down.add(URL)
    assert reasons(ran(settled)) == REPORTED * 2
    assert rests(settled)


def test_a_copy_that_does_not_say_where_yet_is_of_the_same_client(settled: Bench) -> None:
    settled.description = replace(settled.description, participants=(participant("greenbank"),))
    record = json.loads(settled.tree.read("store/hub/oauth/greenbank.json"))
    older = {name: value for name, value in record.items() if name not in {"issuer", "registration_url"}}
    copied = json.dumps({**older, "replaced": NOW.isoformat()}, sort_keys=True, indent=2).encode() + b"\n"
    settled.tree.write(f"store/hub/oauth/greenbank{PREVIOUS}.json", copied)
    settled.run(now=NOW + 30 * DAY)
    assert accepted(settled, days=30) == registered(settled, URL) == [record["client_id"]]
    assert rests(settled, days=30)


@pytest.mark.parametrize("values", [NEW, {"registration_url": OTHER}])
def test_killed_between_any_two_changes_the_next_runs_converge(
    settled: Bench, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    settled.description = replace(settled.description, participants=(participant("greenbank"),))
    describe(settled, **values)
    saved = {path: bytes_ for path, (bytes_, _, _) in content(settled).items()}
    clients = {url: dict(one.clients) for url, one in settled.server.by_url.items()}
    for step in range(30):
        restore(settled, saved, clients)
        if not killed_at(settled, step, monkeypatch):
            break
        reported = reasons(settled.run())
        settled.run()
        assert rests(settled), step
        assert accepted(settled)[0] in registered(settled, OTHER), step
        assert len(registered(settled, OTHER)) - 1 <= reported.count("oauth-orphan-possible"), step
        end = settled.run(now=NOW + 7 * DAY)
        assert registered(settled, URL) == [], (step, end)
    assert step > 6


def restore(bench: Bench, saved: dict[str, bytes], clients: dict[str, dict[str, dict[str, object]]]) -> None:
    for path in [path for path in bench.tree.root.rglob("*") if path.is_file()]:
        path.unlink()
    for name, data in saved.items():
        bench.tree.write(str(type(bench.tree.root)(name).relative_to(bench.tree.root)), data)
    for url, one in bench.server.by_url.items():
        one.clients = {name: dict(client) for name, client in clients[url].items()}


class Killed(SystemExit):
    """No handler of errors sees it, as with a kill."""


def killed_at(bench: Bench, step: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run until this change of a file or of a server; the change itself is done, and its answer is lost."""
    left = step

    def counted(act: Any) -> Any:  # noqa: ANN401 -- wraps whatever it is given
        def wrapped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 -- as the wrapped one
            nonlocal left
            result = act(*arguments, **named)
            if arguments[0] != "GET":
                left -= 1
            if left < 0 and arguments[0] != "GET":
                raise Killed
            return result

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("write", "remove"):
            patch.setattr(bench.tree, name, counted(getattr(bench.tree, name)))
        patch.setattr(bench.server, "request", counted(bench.server.request))
        try:
            bench.run()
        except Killed:
            return True
    return False


def test_a_management_url_that_is_no_https_is_reported_and_not_asked(settled: Bench) -> None:
    path = "store/hub/oauth/greenbank.json"
    settled.tree.write(path, settled.tree.read(path).replace(b'"https://auth.test/reg/', b'"http://auth.test/reg/'))
    settled.description = replace(settled.description, participants=settled.description.participants[:1])
    assert reasons(settled.run()) == ["authorization-server-refused"]
    describe(settled, **NEW)
    asked = len(settled.server.asked)
    assert reasons(ran(settled)) == REPORTED
    assert {url for _, url in settled.server.asked[asked:]} == {OTHER}
