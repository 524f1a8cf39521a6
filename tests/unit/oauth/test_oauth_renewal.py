# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The renewal of OAuth clients: by age or by order, with an overlap, and finished by the next run wherever it was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from support.counting import record_count
from unit.oauth.conftest import NOW, participant

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.clients import list_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.building import build_revoking
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, HaproxyGateway, Listener, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway import desired
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import without_revoked
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.listeners import accepted_clients, keep_accepted
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import read_clients, read_registration
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Unknown, Unreachable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import NEXT, PREVIOUS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay

Bench = Any  # conftest.Bench, whose tests this shares
DAY = timedelta(days=1)
DUE = NOW + 30 * DAY
RENEWED = ["oauth-client-renewed", "awaiting-gateways"]


def reasons(findings: list[Finding]) -> list[str]:
    return [finding.reason for finding in findings]


def content(tree: DiskTree) -> dict[str, tuple[bytes, int, int]]:
    paths = sorted(path for path in tree.root.rglob("*") if path.is_file())
    return {str(path.relative_to(tree.root)): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def used(bench: Bench) -> str:
    """The client whose credentials the connector reads."""
    return str(json.loads(bench.tree.read("store/greenbank/oauth/credentials.json"))["client_id"])


def prepared(bench: Bench, name: str = "greenbank") -> str:
    found = read_registration(bench.tree, name, NEXT)
    assert found
    return found.client_id


def clients(bench: Bench, name: str = "greenbank") -> list[str]:
    """What the hub's listener is configured to accept, the present client first."""
    return [one.client_id for one in read_clients(bench.tree, name).values()]


def listeners(bench: Bench, *hosts: str) -> None:
    """What the gateways do at the end of a run: accept what is recorded, and be seen to."""
    for host in hosts or ("gateway-1", "gateway-2"):
        keep_accepted(bench.tree, host, [one for name in ("greenbank", "redbank") for one in clients(bench, name)])


def predicted(bench: Bench, now: datetime) -> list[Finding]:
    """The findings of a run, which its dry run must have reported before and without changing anything."""
    before, known = content(bench.tree), json.dumps(bench.server.clients)
    overlay = Overlay(bench.tree)
    reported = bench.run(overlay, check=True, now=now)
    assert (content(bench.tree), json.dumps(bench.server.clients)) == (before, known)
    found: list[Finding] = bench.run(now=now)
    assert reported == found
    return found


def order(bench: Bench, **orders: datetime) -> None:
    bench.change("greenbank", oauth=ClientOrders(**orders))


def authorization(bench: Bench, **values: object) -> None:
    hub = bench.description.hub
    bench.description = replace(bench.description, hub=replace(hub, authorization_server=replace(hub.authorization_server, **values)))


def let_in(bench: Bench, now: datetime, *, awaited: bool = False) -> tuple[str, ...]:
    """The clients of the first participant that the hub's first gateway accepts; ``awaited``: the present one is not among them."""
    hub = bench.description.hub
    view = desired._View(bench.description, hub, hub.gateways[0], bench.tree, now)
    accepted = desired._clients(view, bench.description.participants[0])
    assert [(one.step, one.artefact) for one in view.findings] == [("oauth", "gateway/gateway-1/token-client")] * awaited
    return accepted


def refusing(bench: Bench, method: str, status: int) -> None:
    """From here on the server answers such requests so, and does nothing; 0: it is down."""
    served = bench.server.request

    def request(asked: str, *arguments: Any, **named: Any) -> Answer:  # noqa: ANN401 -- as the wrapped one
        if not status:
            raise Unreachable("no answer", where="https://auth.test")
        return Answer(status, {}, b"{}") if asked == method else served(asked, *arguments, **named)

    bench.server.request = request


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """Greenbank, managed, has its client; the hub has two gateways, and replaces clients after 30 days."""
    listener = Listener(ip_address("127.0.0.1"), 8443)
    gateways = tuple(HaproxyGateway("haproxy", host, host, (listener,), listener, listener) for host in ("gateway-1", "gateway-2"))
    bench.description = replace(
        bench.description, participants=(participant("greenbank"),), hub=replace(bench.description.hub, gateways=gateways)
    )
    authorization(bench, client_days=30)
    assert reasons(bench.run()) == ["oauth-client-missing"]
    listeners(bench)
    return bench


def test_a_client_is_replaced_when_its_days_are_over_and_not_before(settled: Bench) -> None:
    first, before = used(settled), content(settled.tree)
    assert predicted(settled, DUE - timedelta(seconds=1)) == []
    assert content(settled.tree) == before
    found = predicted(settled, DUE)
    assert reasons(found) == RENEWED
    assert (found[1].disposition, "gateway-1, gateway-2" in found[1].detail) == (Disposition.PENDING, True)
    second = prepared(settled)
    assert (used(settled), clients(settled)) == (first, [first, second])
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-credentials-renewed"]
    assert (used(settled), clients(settled)) == (second, [second, first])
    listeners(settled)
    before = content(settled.tree)
    assert predicted(settled, DUE + 7 * DAY - timedelta(seconds=1)) == []
    assert content(settled.tree) == before
    assert reasons(predicted(settled, DUE + 7 * DAY)) == ["oauth-client-retired"]
    assert (used(settled), clients(settled), list(settled.server.clients)) == (second, [second], [second])
    listeners(settled)
    before = content(settled.tree)
    assert predicted(settled, DUE + 7 * DAY) == []
    assert content(settled.tree) == before
    assert not [path for path in before if NEXT in path or PREVIOUS in path or "intent" in path]


def test_a_server_that_rotates_management_tokens_on_reading_loses_no_client(settled: Bench) -> None:
    settled.server.rotates_on_read = True
    for now, expected in ((DUE, RENEWED), (DUE, ["oauth-credentials-renewed"]), (DUE + 7 * DAY, ["oauth-client-retired"])):
        overlay = Overlay(settled.tree)
        assert reasons(settled.run(overlay, check=True, now=now)) == reasons(settled.run(now=now)) == expected
        listeners(settled)
    assert clients(settled) == list(settled.server.clients)


def test_without_days_and_orders_no_client_is_ever_replaced(settled: Bench) -> None:
    authorization(settled, client_days=0)
    assert predicted(settled, NOW + 5000 * DAY) == []


def test_one_gateway_that_has_not_learned_of_the_new_client_holds_its_credentials_back(settled: Bench) -> None:
    settled.run(now=DUE)
    first = used(settled)
    listeners(settled, "gateway-2")
    found = predicted(settled, DUE + DAY)
    assert reasons(found) == ["awaiting-gateways"]
    assert found[0].detail.endswith("accepted by gateway-1")
    assert used(settled) == first
    assert len(settled.server.clients) == 2
    listeners(settled)
    assert reasons(settled.run(now=DUE + DAY)) == ["oauth-credentials-renewed"]


def test_without_gateways_there_is_no_listener_to_wait_for(settled: Bench) -> None:
    settled.description = replace(settled.description, hub=replace(settled.description.hub, gateways=()))
    assert reasons(predicted(settled, DUE)) == ["oauth-client-renewed", "oauth-credentials-renewed"]
    assert settled.run(now=DUE) == []


def test_an_overlap_of_none_ends_the_earlier_client_with_the_hand_over(settled: Bench) -> None:
    authorization(settled, client_overlap_days=0)
    assert reasons(predicted(settled, DUE)) == RENEWED
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-credentials-renewed", "oauth-client-retired"]
    assert clients(settled) == list(settled.server.clients) == [used(settled)]
    assert settled.run(now=DUE) == []


def test_an_order_replaces_what_was_registered_before_it_once(settled: Bench) -> None:
    authorization(settled, client_days=0)
    order(settled, renew_before=NOW)
    assert predicted(settled, NOW + DAY) == []
    order(settled, renew_before=NOW + DAY)
    (waits,) = predicted(settled, NOW + DAY - timedelta(seconds=1))
    assert (waits.reason, waits.pending_on) == ("order-to-come", "the hub operator")
    assert reasons(predicted(settled, NOW + DAY)) == RENEWED
    listeners(settled)
    assert reasons(predicted(settled, NOW + DAY)) == ["oauth-credentials-renewed"]
    assert reasons(predicted(settled, NOW + 8 * DAY)) == ["oauth-client-retired"]
    assert predicted(settled, NOW + 900 * DAY) == []


def test_a_revocation_replaces_and_ends_everything_at_once(settled: Bench) -> None:
    first = used(settled)
    order(settled, revoke_before=NOW + DAY)
    assert reasons(predicted(settled, NOW + DAY - timedelta(seconds=1))) == ["order-to-come"]
    expected = ["oauth-client-renewed", "oauth-credentials-renewed", "oauth-client-retired"]
    done = predicted(settled, NOW + DAY)
    assert reasons(done) == expected
    assert [finding.detail for finding in done if "credentials" in finding.reason] == ["the earlier client ends in this run"]
    assert first not in settled.server.clients
    assert clients(settled) == list(settled.server.clients) == [used(settled)]
    assert predicted(settled, NOW + DAY) == []


def test_a_revocation_in_the_midst_of_a_renewal_ends_all_three(settled: Bench) -> None:
    settled.run(now=DUE)
    listeners(settled)
    settled.run(now=DUE)
    order(settled, renew_before=DUE + DAY)
    waits = predicted(settled, DUE + DAY)
    assert (reasons(waits), waits[0].pending_on) == (["overlap-running"], "greenbank")
    assert "oauth.revoke_before" in waits[0].detail
    revoke_both(settled)


def revoke_both(bench: Bench) -> None:
    """Order that the two clients of a renewal end at once: a third takes their place, in one run."""
    old = set(bench.server.clients)
    assert len(old) == 2
    order(bench, revoke_before=DUE + DAY)
    expected = ["oauth-client-retired", "oauth-client-renewed", "oauth-credentials-renewed", "oauth-client-retired"]
    assert reasons(predicted(bench, DUE + DAY)) == expected
    assert old.isdisjoint(bench.server.clients)
    assert len(bench.server.clients) == 1
    assert bench.run(now=DUE + DAY) == []


def test_a_revocation_does_not_hand_over_what_was_prepared_before_it(settled: Bench) -> None:
    settled.run(now=DUE)
    revoke_both(settled)


def test_a_clock_that_runs_behind_replaces_and_ends_nothing(settled: Bench) -> None:
    order(settled, renew_before=NOW - DAY)
    assert reasons(predicted(settled, NOW - 5000 * DAY)) == ["order-to-come"]
    order(settled)
    settled.run(now=DUE)
    listeners(settled)
    settled.run(now=DUE)
    assert predicted(settled, NOW - 5000 * DAY) == []
    assert len(settled.server.clients) == 2


@pytest.fixture
def elsewhere(settled: Bench) -> Bench:
    """Redbank alone, hosted elsewhere: what it gets is sealed."""
    settled.description = replace(settled.description, participants=(participant("redbank", "self-hosted"),))
    settled.publish_exchange()
    assert reasons(settled.run()) == ["oauth-client-missing"]
    listeners(settled)
    return settled


@pytest.mark.parametrize("tells_secret", [True, False])
def test_hosted_elsewhere_the_new_secret_is_sealed_at_once_and_published_later(elsewhere: Bench, *, tells_secret: bool) -> None:
    elsewhere.server.tells_secret = tells_secret
    published = elsewhere.tree.read("store/hub/oauth/redbank.p7m")
    assert reasons(predicted(elsewhere, DUE)) == RENEWED
    assert elsewhere.tree.read("store/hub/oauth/redbank.p7m") == published
    sealed = elsewhere.tree.read("store/hub/oauth/redbank.next.p7m")
    listeners(elsewhere)
    assert reasons(predicted(elsewhere, DUE)) == ["oauth-credentials-renewed"]
    assert elsewhere.tree.read("store/hub/oauth/redbank.p7m") == sealed != published
    assert elsewhere.run(now=DUE) == []
    assert reasons(predicted(elsewhere, DUE + 7 * DAY)) == ["oauth-client-retired"]
    assert not [path for path in content(elsewhere.tree) if path.startswith("store/redbank")]


def test_a_new_exchange_certificate_in_between_gets_the_secret_sealed_again(elsewhere: Bench) -> None:
    elsewhere.run(now=DUE)
    listeners(elsewhere)
    elsewhere.publish_exchange()
    assert reasons(predicted(elsewhere, DUE)) == ["oauth-credentials-missing", "oauth-credentials-renewed"]
    assert elsewhere.run(now=DUE) == []


def test_what_cannot_be_sealed_is_not_registered(elsewhere: Bench) -> None:
    known, present = set(elsewhere.server.clients), set(clients(elsewhere, "redbank"))
    elsewhere.tree.remove("store/hub/received/redbank/exchange.pem")
    before = content(elsewhere.tree)
    found = predicted(elsewhere, DUE)
    assert [(one.reason, one.disposition, one.pending_on) for one in found] == [("awaiting-counterpart", Disposition.PENDING, "redbank")]
    assert (set(elsewhere.server.clients), content(elsewhere.tree)) == (known, before)
    elsewhere.change("redbank", oauth=ClientOrders(revoke_before=DUE))
    assert reasons(predicted(elsewhere, DUE)) == ["awaiting-counterpart", "oauth-client-retired"]
    assert known - set(elsewhere.server.clients) == present
    elsewhere.publish_exchange()
    assert reasons(predicted(elsewhere, DUE)) == ["oauth-client-missing"]


def test_who_is_suspended_gets_no_new_client_and_loses_the_earlier_one(settled: Bench) -> None:
    settled.change("greenbank", state=State.SUSPENDED)
    assert predicted(settled, DUE) == []
    settled.change("greenbank", state=State.ACTIVE)
    settled.run(now=DUE)
    listeners(settled)
    settled.change("greenbank", state=State.SUSPENDED)
    assert predicted(settled, DUE) == []
    settled.change("greenbank", state=State.ACTIVE)
    assert reasons(settled.run(now=DUE)) == ["oauth-credentials-renewed"]
    settled.change("greenbank", state=State.SUSPENDED)
    assert reasons(predicted(settled, DUE + 7 * DAY)) == ["oauth-client-retired"]
    assert len(settled.server.clients) == 1


@pytest.mark.parametrize("handed_over", [False, True])
def test_who_is_offboarded_loses_all_clients(settled: Bench, *, handed_over: bool) -> None:
    settled.run(now=DUE)
    if handed_over:
        listeners(settled)
        settled.run(now=DUE)
    settled.change("greenbank", state=State.OFFBOARDED)
    found = predicted(settled, DUE)
    assert {one.artefact for one in found} == {"client", f"client{PREVIOUS if handed_over else NEXT}"}
    assert set(reasons(found)) == {"oauth-client-retired"}
    assert settled.server.clients == {}
    assert not [path for path in content(settled.tree) if "greenbank" in path]
    assert settled.run(now=DUE) == []


def test_a_prepared_client_that_the_server_forgot_is_registered_again(settled: Bench) -> None:
    settled.run(now=DUE)
    forgotten = prepared(settled)
    del settled.server.clients[forgotten]
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-client-missing", *RENEWED]
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-credentials-renewed"]
    assert settled.run(now=DUE) == []
    assert used(settled) != forgotten


def test_the_present_client_forgotten_while_the_next_is_prepared_costs_no_client(settled: Bench) -> None:
    settled.run(now=DUE)
    del settled.server.clients[used(settled)]
    assert reasons(predicted(settled, DUE)) == ["oauth-client-missing"]
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-credentials-renewed"]
    assert settled.run(now=DUE) == []
    assert set(clients(settled)) == set(settled.server.clients)


def test_an_earlier_client_that_the_server_forgot_is_let_go(settled: Bench) -> None:
    settled.run(now=DUE)
    listeners(settled)
    first = used(settled)
    settled.run(now=DUE)
    del settled.server.clients[first]
    assert reasons(predicted(settled, DUE + 7 * DAY)) == ["oauth-client-retired"]
    assert settled.run(now=DUE + 7 * DAY) == []


def test_roles_that_change_meanwhile_cost_a_prepared_client(settled: Bench) -> None:
    settled.run(now=DUE)
    listeners(settled)
    settled.change("greenbank", roles=("parties",))
    expected = ["oauth-client-differs", "oauth-credentials-missing", "oauth-client-retired", *RENEWED]
    assert reasons(predicted(settled, DUE)) == expected
    listeners(settled)
    assert reasons(settled.run(now=DUE)) == ["oauth-credentials-renewed"]
    assert settled.run(now=DUE) == []
    assert {client["scope"] for client in settled.server.clients.values()} == {"parties"}


def test_a_lost_answer_leaves_the_present_client_in_use_and_is_reported(settled: Bench) -> None:
    first = used(settled)

    def fault(method: str) -> Answer | None:
        if method == "POST":
            raise Unknown("no answer", where="https://auth.test")
        return None

    settled.server.fault = fault
    assert reasons(settled.run(now=DUE)) == ["authorization-server-unreachable"]
    assert used(settled) == first
    settled.server.fault = lambda _method: None
    assert reasons(predicted(settled, DUE)) == ["oauth-orphan-possible", *RENEWED]
    listeners(settled)
    assert reasons(predicted(settled, DUE)) == ["oauth-credentials-renewed"]
    assert settled.run(now=DUE) == []


def test_a_refused_registration_leaves_no_intent(settled: Bench) -> None:
    settled.server.fault = lambda method: Answer(400, {}, b'{"error": "invalid_client_metadata"}') if method == "POST" else None
    assert reasons(settled.run(now=DUE)) == ["authorization-server-refused"]
    settled.server.fault = lambda _method: None
    assert reasons(predicted(settled, DUE)) == RENEWED


def in_use(bench: Bench, name: str) -> str:
    """The client whose credentials are where their owner reads them, or published for it."""
    found = bench.tree.read(f"store/{name}/oauth/credentials.json") or bench.tree.read(f"store/hub/oauth/{name}.p7m").partition(b": ")[2]
    return str(json.loads(found)["client_id"])


class Killed(SystemExit):
    """As by SIGKILL: nothing is tidied."""


def killed_at(bench: Bench, step: int, monkeypatch: pytest.MonkeyPatch, now: datetime) -> bool:
    """One run that dies before its change number ``step`` of the state folder or the server; False when it has no so many."""
    left = [step]

    def dying(act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:  # noqa: ANN401 -- as the wrapped one
            if act.__name__ != "request" or arguments[0] != "GET":
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return act(*arguments)

        return wrapped

    with monkeypatch.context() as patch:
        for target, name in ((bench.tree, "write"), (bench.tree, "remove"), (bench.server, "request")):
            patch.setattr(target, name, dying(getattr(target, name)))
        try:
            bench.run(now=now)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("hosting", ["managed", "self-hosted"])
@pytest.mark.parametrize("stage", ["prepared", "handed over", "retired", "revoked"])
def test_killed_between_any_two_changes_the_next_runs_converge(
    settled: Bench,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    hosting: str,
    tmp_path: Any,  # noqa: ANN401
) -> None:
    """Whatever is killed: the connector's client is always one that the server and the listener know, and no client is left unknown."""
    name = "greenbank" if hosting == "managed" else "redbank"
    settled.description = replace(settled.description, participants=(participant(name, hosting),))
    start = DiskTree(tmp_path / "start")
    settled.tree, settled.server.clients = start, {}
    settled.publish_exchange(name)
    settled.run()
    now = DUE
    if stage == "revoked":
        settled.change(name, oauth=ClientOrders(revoke_before=DUE))
    for _ in range({"prepared": 0, "handed over": 1, "retired": 2, "revoked": 0}[stage]):
        settled.run(now=now)
        listeners(settled)
    now = DUE + 7 * DAY if stage == "retired" else now
    known, accepted = json.dumps(settled.server.clients), clients(settled, name)
    points = 0
    for step in range(100):
        place = tmp_path / str(step)
        settled.tree, settled.server.clients = DiskTree(place), json.loads(known)
        for path, (data, _, _) in content(start).items():
            settled.tree.write(path, data)
        if not killed_at(settled, step, monkeypatch, now):
            break
        points += 1
        assert in_use(settled, name) in settled.server.clients, step
        assert in_use(settled, name) in accepted or stage == "revoked", step
        reported: list[str] = []
        for _ in range(3):
            reported += reasons(predicted(settled, now))
            listeners(settled)
        assert predicted(settled, now) == [], step
        assert clients(settled, name)[0] in settled.server.clients, step
        orphans = set(settled.server.clients) - set(clients(settled, name))
        assert len(orphans) <= reported.count("oauth-orphan-possible"), step
        assert not [path for path in content(settled.tree) if NEXT in path or "intent" in path], step
    assert points > 1
    record_count("OAuth renewals killed between two changes", points)


def test_the_status_tells_what_becomes_of_the_clients_and_when(settled: Bench) -> None:
    def reported() -> list[str]:
        return [str(one) for one in list_clients(settled.tree, settled.description)]

    registered = "greenbank: registered on 2026-11-23, replaced from 2026-12-23"
    assert reported() == [registered]
    settled.run(now=DUE)
    assert reported() == [f"{registered}; its successor is registered, and handed over by the next run once the gateways accept it"]
    listeners(settled)
    settled.run(now=DUE)
    assert reported() == ["greenbank: registered on 2026-12-23, replaced from 2027-01-22; the earlier one ends on 2026-12-30"]
    (listed,) = list_clients(settled.tree, settled.description)
    assert (listed.as_dict()["client_id"], listed.next_day) == (used(settled), "2026-12-30T09:00:00+00:00")
    authorization(settled, client_days=0)
    settled.run(now=DUE + 7 * DAY)
    assert reported() == ["greenbank: registered on 2026-12-23, not replaced by age"]
    settled.tree.write("store/hub/oauth/greenbank.json", b"{}")
    assert reported() == []
    settled.description = replace(settled.description, hub=replace(settled.description.hub, authorization_server=None))
    assert reported() == []


def test_a_listener_remembers_prepared_clients_only_and_forgets_them_afterwards(settled: Bench) -> None:
    assert settled.tree.read("journal/listeners/gateway-1.json") is None
    settled.run(now=DUE)
    listeners(settled)
    second = prepared(settled)
    assert json.loads(settled.tree.read("journal/listeners/gateway-1.json")) == {"format": 1, "clients": [second]}
    settled.run(now=DUE)
    settled.tree.write("store/hub/oauth/odd.next.json", b"{}")
    listeners(settled)
    assert json.loads(settled.tree.read("journal/listeners/gateway-1.json")) == {"format": 1, "clients": []}


def test_the_listener_knows_both_clients_while_they_overlap(settled: Bench) -> None:
    first = used(settled)
    assert let_in(settled, DUE) == (first,)
    settled.run(now=DUE)
    assert let_in(settled, DUE) == (first, prepared(settled))
    listeners(settled)
    settled.run(now=DUE)
    assert let_in(settled, DUE) == (used(settled), first)
    settled.run(now=DUE + 7 * DAY)
    assert let_in(settled, DUE + 7 * DAY) == (used(settled),)


@pytest.mark.parametrize("field", ["issued", "replaced"])
def test_a_record_without_its_moment_is_a_fault_and_nothing_is_replaced(settled: Bench, field: str) -> None:
    settled.run(now=DUE)
    listeners(settled)
    settled.run(now=DUE)
    path = "store/hub/oauth/greenbank.json" if field == "issued" else "store/hub/oauth/greenbank.previous.json"
    settled.tree.write(path, json.dumps({**json.loads(settled.tree.read(path)), field: "yesterday"}).encode())
    found = settled.run(now=DUE + DAY)
    assert (reasons(found), found[0].disposition) == (["error"], Disposition.FAULT)
    assert len(settled.server.clients) == 2


@pytest.mark.parametrize("status", [405, 500, 0])
def test_a_server_that_does_not_end_a_revoked_client_is_reported_and_the_listener_ends_it(settled: Bench, status: int) -> None:
    first = used(settled)
    order(settled, revoke_before=DUE)
    assert let_in(settled, DUE - DAY) == (first,)
    served = settled.server.request
    refusing(settled, "DELETE", status)
    found = settled.run(now=DUE)
    assert (found[-1].disposition, "oauth-client-retired" in reasons(found)) == (Disposition.FAULT, False)
    assert let_in(settled, DUE, awaited=not status) == ((used(settled),) if status else ())
    assert first in settled.server.clients
    assert settled.run(now=DUE)[-1].disposition is Disposition.FAULT
    settled.server.request = served
    assert reasons(predicted(settled, DUE))[-1] == "oauth-client-retired"
    assert list(settled.server.clients) == list(let_in(settled, DUE)) == [used(settled)] != [first]
    assert predicted(settled, DUE) == []


def test_a_file_that_is_wrong_still_ends_the_clients_that_it_revokes(settled: Bench) -> None:
    """Nothing else of that participant is touched, at the server or at the gateway; the other one goes on as it is."""
    name = "greenbank"
    broken = build_revoking({"id": name, "oauth": {"revoke_before": DUE}})
    people, tree, server = settled.description.participants, settled.tree, settled.server
    clients = {client.client_id: one.name for one in people for client in read_clients(tree, one.name).values()}
    kept = {client for client, owner in clients.items() if owner != name}
    others = tuple(one for one in people if one.name != name)
    settled.description = described = replace(settled.description, participants=others, revoking=(broken,))

    def done(now: datetime) -> list[str]:
        everybody = (*others, broken)
        found = onboard_clients(description=described, participants=everybody, tree=tree, now=now, check=False, connect=lambda _: server)
        return reasons([finding for finding in found if finding.participant == name])

    assert done(DUE - DAY) == []
    assert set(server.clients) == set(clients)
    assert done(DUE) == ["oauth-client-retired"]
    assert set(server.clients) & set(clients) == kept
    left = {name: frozenset(one.client_id for one in accepted_clients(described, tree, broken, DUE).values())}
    assert set(without_revoked({"clients": clients}, left)["clients"]) == kept
    assert done(DUE) == []


def test_a_revoked_client_ends_though_no_other_can_be_registered(settled: Bench) -> None:
    order(settled, revoke_before=DUE)
    served = settled.server.request
    refusing(settled, "POST", 401)
    assert reasons(settled.run(now=DUE)) == ["oauth-client-retired", "authorization-server-refused"]
    assert (settled.server.clients, clients(settled), let_in(settled, DUE, awaited=True)) == ({}, [], ())
    assert reasons(settled.run(now=DUE)) == ["authorization-server-refused"]
    settled.server.request = served
    assert reasons(predicted(settled, DUE)) == ["oauth-client-missing"]
    assert let_in(settled, DUE) == (used(settled),)
    assert predicted(settled, DUE) == []


def test_a_revoked_client_that_cannot_be_changed_is_deleted_nevertheless(settled: Bench) -> None:
    order(settled, revoke_before=DUE)
    refusing(settled, "PUT", 500)
    settled.change("greenbank", roles=("parties",))
    assert reasons(settled.run(now=DUE))[-2:] == ["oauth-client-retired", "authorization-server-refused"]
    assert settled.server.clients == {}


@pytest.mark.parametrize("status", [405, 500, 0])
def test_the_end_of_an_overlap_does_not_wait_for_the_server(settled: Bench, status: int) -> None:
    settled.run(now=DUE)
    listeners(settled)
    first = used(settled)
    settled.run(now=DUE)
    refusing(settled, "DELETE", status)
    over = DUE + 7 * DAY
    assert let_in(settled, over - timedelta(seconds=1)) == (used(settled), first)
    assert "oauth-client-retired" not in reasons(settled.run(now=over))
    assert (let_in(settled, over), clients(settled)) == ((used(settled),), [used(settled), first])


def test_a_revocation_ends_the_client_of_who_is_suspended(settled: Bench) -> None:
    settled.change("greenbank", state=State.SUSPENDED)
    order(settled, revoke_before=DUE)
    assert reasons(predicted(settled, DUE)) == ["oauth-client-retired"]
    assert (settled.server.clients, predicted(settled, DUE)) == ({}, [])
    settled.change("greenbank", state=State.ACTIVE)
    assert reasons(predicted(settled, DUE)) == ["oauth-client-missing"]
    assert let_in(settled, DUE) == (used(settled),)


def rewritten(bench: Bench, which: str = "", source: str = "store/hub/oauth/greenbank.json", **values: str) -> None:
    """Greenbank's record of a client as someone else, another clock or a killed run would have left it."""
    record = {**json.loads(bench.tree.read(source)), **values}
    bench.tree.write(f"store/hub/oauth/greenbank{which}.json", json.dumps(record).encode())


@pytest.mark.parametrize("kind", ["renew_before", "revoke_before"])
def test_no_order_misses_a_client_that_was_registered_by_a_clock_ahead(settled: Bench, kind: str) -> None:
    first = used(settled)
    rewritten(settled, issued=(DUE + timedelta(seconds=300)).isoformat())
    order(settled, **{kind: DUE})
    assert predicted(settled, DUE) == []
    assert let_in(settled, DUE) == (first,)
    rewritten(settled, issued="2031-01-01T00:00:00+00:00")
    assert let_in(settled, DUE, awaited=kind == "revoke_before") == ((first,) if kind == "renew_before" else ())
    found = predicted(settled, DUE)
    assert (found[0].reason, f"by a clock that ran ahead: oauth.{kind}" in found[0].detail) == ("oauth-client-renewed", True)
    assert (first in settled.server.clients) == (kind == "renew_before")


def test_a_present_client_deleted_by_hand_does_not_shield_the_earlier_one_from_a_revocation(settled: Bench) -> None:
    settled.run(now=DUE)
    listeners(settled)
    first = used(settled)
    settled.run(now=DUE)
    del settled.server.clients[used(settled)]
    order(settled, revoke_before=DUE + DAY)
    assert reasons(predicted(settled, DUE + DAY)) == ["oauth-client-missing", "oauth-client-retired"]
    assert first not in settled.server.clients
    assert list(settled.server.clients) == clients(settled) == [used(settled)]
    assert predicted(settled, DUE + DAY) == []


def test_who_moves_elsewhere_keeps_its_client_until_there_is_something_to_seal_to(settled: Bench) -> None:
    settled.server.tells_secret = False
    first = used(settled)
    settled.change("greenbank", hosting="self-hosted")
    before = content(settled.tree)
    assert reasons(predicted(settled, NOW)) == reasons(predicted(settled, DUE)) == ["awaiting-counterpart"]
    assert (list(settled.server.clients), content(settled.tree)) == ([first], before)
    settled.publish_exchange("greenbank")
    assert reasons(predicted(settled, NOW)) == ["oauth-credentials-missing"]
    assert list(settled.server.clients) == clients(settled) == [in_sealed(settled)] != [first]
    assert predicted(settled, NOW) == []


def in_sealed(bench: Bench) -> str:
    """The client whose credentials are published for greenbank."""
    return str(json.loads(bench.tree.read("store/hub/oauth/greenbank.p7m").partition(b": ")[2])["client_id"])


def test_who_moves_elsewhere_in_the_midst_of_a_renewal_loses_nothing(settled: Bench) -> None:
    settled.server.tells_secret = False
    settled.run(now=DUE)
    listeners(settled)
    settled.change("greenbank", hosting="self-hosted")
    known, before = set(settled.server.clients), content(settled.tree)
    assert reasons(predicted(settled, DUE)) == ["awaiting-counterpart"]
    assert (set(settled.server.clients), content(settled.tree)) == (known, before)
    settled.publish_exchange("greenbank")
    for _ in range(3):
        settled.run(now=DUE)
        listeners(settled)
    assert predicted(settled, DUE) == []
    assert set(clients(settled)) == set(settled.server.clients)
    assert in_sealed(settled) == clients(settled)[0]


def test_a_hand_over_whose_successor_is_lost_is_forgotten(settled: Bench) -> None:
    rewritten(settled, PREVIOUS, replaced=NOW.isoformat())
    first = used(settled)
    assert predicted(settled, NOW) == []
    assert (clients(settled), list(settled.server.clients)) == ([first], [first])
    assert settled.tree.read("store/hub/oauth/greenbank.previous.json") is None
    assert reasons(predicted(settled, DUE)) == RENEWED


@pytest.mark.parametrize("which", ["", NEXT, PREVIOUS])
def test_a_record_of_another_participant_deletes_no_client_of_it(settled: Bench, which: str) -> None:
    settled.description = replace(settled.description, participants=(participant("greenbank"), participant("bluebank")))
    settled.run()
    rewritten(settled, which, "store/hub/oauth/bluebank.json", replaced=NOW.isoformat() if which == PREVIOUS else "")
    known = set(settled.server.clients)
    before = json.dumps(settled.server.clients)
    if which != PREVIOUS:
        found = predicted(settled, NOW)
        assert (found[0].participant, found[0].disposition, json.dumps(settled.server.clients)) == ("greenbank", Disposition.FAULT, before)
    settled.change("greenbank", state=State.OFFBOARDED)
    found = predicted(settled, NOW)
    assert (found[-1].disposition, "is not named lab/greenbank" in found[-1].detail) == (Disposition.FAULT, True)
    theirs = read_registration(settled.tree, "bluebank")
    assert theirs
    assert theirs.client_id in settled.server.clients
    rewritten(settled, which, "store/hub/oauth/bluebank.json", client_id="gone", registration_client_uri="https://auth.test/reg/gone")
    assert reasons(predicted(settled, NOW))[-1] == "oauth-client-retired"
    assert known - set(settled.server.clients) <= known - {theirs.client_id}
