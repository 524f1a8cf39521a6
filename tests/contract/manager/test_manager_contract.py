# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every era must do: exchange everything once, change nothing after, converge from wherever it was interrupted."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.connection_manager.api import Call
from support.connection_manager.bench import BLUEBANK, CASE, ERAS, GREENBANK, OTHER, Bench, files_of
from support.connection_manager.era1 import Era1
from support.connection_manager.era3 import Era3
from support.depth import sample

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

pytestmark = pytest.mark.xdist_group("connection-manager")


def held(bench: Bench) -> Counter[str]:
    """How many of each thing the server has for greenbank."""
    stand_in = bench.stand_in
    if isinstance(stand_in, Era3):
        one = stand_in.dfsps[CASE.id]
        found = {"ca": len(stand_in.authorities), "hub items": len(stand_in.hub_items), "certificates": len(stand_in.issued) - 1}
        found |= {"ingress": len(one.ingress), "egress": len(one.egress)}
    else:
        assert isinstance(stand_in, Era1)
        (environment,) = stand_in.environments.values()
        row = environment.dfsps[CASE.id]
        found = {"ca": len(environment.hub_authorities), "hub items": len(environment.hub_items), "dfsps": len(environment.dfsps)}
        found |= {"server": len(row.server), "jws": len(row.jws), "hub server": len(environment.hub_server)}
        return Counter(found | {"inbound": len(row.inbound), "outbound": len(row.outbound), "items": len(row.items)})
    return Counter(found | {"inbound": len(one.inbound), "outbound": len(one.outbound), "items": len(one.items)})


def states(bench: Bench) -> list[tuple[str, str]]:
    server = bench.server()
    found = [server.published(CASE, by_hub=by_hub, own=files_of(CASE, by_hub=not by_hub)) for by_hub in (True, False)]
    return [("hub" if number == 0 else "participant", name) for number, files in enumerate(found) for name in sorted(files)]


ALL = ["ca.pem", "client-chain.pem", "client.csr", "client.pem", "endpoints.json", "jws.pem", "server.pem"]


def test_both_sides_exchange_everything_and_ten_more_rounds_send_nothing(bench: Bench) -> None:
    assert bench.settle() <= 4
    assert states(bench) == [(side, name) for side in ("hub", "participant") for name in ALL]
    once = held(bench)
    assert {name: once[name] for name in ("ca", "inbound", "outbound")} == {"ca": 1, "inbound": 1, "outbound": 1}
    before = bench.stand_in.writes
    for _ in range(10):
        assert (bench.deliver(by_hub=True), bench.deliver(by_hub=False)) == ([], [])
    assert bench.stand_in.writes == before
    assert held(bench) == once


def test_both_sides_at_once_come_to_the_same_end(bench: Bench) -> None:
    for _ in range(8):
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda by_hub: bench.deliver(by_hub=by_hub), (True, False)))
        if found == [[], []]:
            break
    assert states(bench) == [(side, name) for side in ("hub", "participant") for name in ALL]
    once = held(bench)
    assert {name: once[name] for name in ("ca", "inbound", "outbound")} == {"ca": 1, "inbound": 1, "outbound": 1}
    assert max(count for name, count in once.items() if name not in {"hub items", "items", "dfsps"}) == 1


def test_what_is_read_is_what_was_delivered(bench: Bench) -> None:
    bench.settle()
    server = bench.server()
    of_participant, wanted = server.published(CASE, by_hub=False, own={}), files_of(CASE, by_hub=False)
    for name in ("ca.pem", "server.pem", "jws.pem", "client.csr"):
        assert of_participant[name] == wanted[name], name
    assert json.loads(of_participant["endpoints.json"]) == json.loads(wanted["endpoints.json"])
    of_hub = server.published(CASE, by_hub=True, own=wanted)
    assert json.loads(of_hub["endpoints.json"]) == json.loads(files_of(CASE, by_hub=True)["endpoints.json"])
    assert of_hub["jws.pem"] == files_of(CASE, by_hub=True)["jws.pem"]
    assert server.keys() == {name: key["jws.pem"] for name, key in (("greenbank", wanted), ("switch", files_of(CASE, by_hub=True)))}


def test_a_dry_run_sends_nothing_and_foretells_the_first_delivery(bench: Bench) -> None:
    planned = bench.deliver(by_hub=True, dry_run=True)
    assert bench.stand_in.writes == []
    assert planned == bench.deliver(by_hub=True)
    before = list(bench.stand_in.writes)
    planned = bench.deliver(by_hub=False, dry_run=True)
    assert bench.stand_in.writes == before
    assert planned == bench.deliver(by_hub=False)


def test_a_participant_that_is_not_registered_waits(bench: Bench) -> None:
    assert bench.deliver(by_hub=False) == ["not known"]
    assert bench.stand_in.writes == []


WISHES = ("refuse", "drop", "500")


@pytest.mark.parametrize("wish", WISHES)
def test_an_interrupted_request_leads_to_the_same_end(bench: Bench, wish: str) -> None:
    bench.settle()
    points = range(1, len(bench.stand_in.writes) + 1)
    assert len(points) > 8
    for number in sample(points, 5, start=WISHES.index(wish)):
        bench.stand_in = _fresh(bench)
        bench.stand_in.intercept = _interrupted(number, wish)
        for _ in range(12):
            try:
                if not [*bench.deliver(by_hub=True), *bench.deliver(by_hub=False)]:
                    break
            except OnboardingError:
                continue
        found = held(bench)
        assert {name: found[name] for name in ("ca", "inbound", "outbound")} == {"ca": 1, "inbound": 1, "outbound": 1}, number
        assert max(count for name, count in found.items() if name not in {"hub items", "items", "dfsps"}) == 1, (number, found)
        assert states(bench) == [(side, name) for side in ("hub", "participant") for name in ALL], number


def _interrupted(stop: int, wish: str) -> Callable[[Call], str]:
    """Fail the request of this number that changes something."""
    seen = itertools.count(1)
    return lambda call: wish if call.method != "GET" and next(seen) == stop else ""


def _fresh(bench: Bench) -> Era1 | Era3:
    """An empty server in the place of the one before."""
    fresh = ERAS[bench.era]()
    for name, value in vars(fresh).items():
        if name not in {"url", "contract"}:
            setattr(bench.stand_in, name, value)
    assert isinstance(bench.stand_in, Era1 | Era3)
    return bench.stand_in


def test_changed_addresses_take_the_place_of_those_before(bench: Bench) -> None:
    bench.settle()
    changed = json.loads(files_of(CASE, by_hub=True)["endpoints.json"]) | {"egress_addresses": ["198.51.100.7/32"]}
    server = bench.server()
    files = {"endpoints.json": json.dumps(changed).encode()}
    for task in server.tasks(CASE, files, by_hub=True):
        if not task.done():
            task.carry_out(dry_run=False)
    found = json.loads(bench.server().published(CASE, by_hub=True, own={})["endpoints.json"])
    assert (found["egress_addresses"], found["url"]) == (["198.51.100.7/32"], changed["url"])


def test_two_participants_do_not_touch_each_other(bench: Bench) -> None:
    bench.settle()
    once = held(bench)
    bench.settle(OTHER)
    assert bench.deliver(by_hub=False) == []
    once["dfsps"] += 1 if "dfsps" in once else 0
    later = held(bench)
    assert {name: later[name] for name in once if name != "certificates"} == {name: once[name] for name in once if name != "certificates"}
    assert {GREENBANK.fspiop_id, BLUEBANK.fspiop_id} <= bench.server().keys().keys()
