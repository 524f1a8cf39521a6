# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen to go wrong at real servers: each fault as the stand-in has it, and that this pack is not caught by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from support.connection_manager import pki
from support.connection_manager.api import Call, StandIn, serving
from support.connection_manager.bench import CASE, OTHER, Bench, files_of
from support.connection_manager.era1 import Era1
from support.connection_manager.era3 import Era3

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.service import Service, reported
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import RemoteError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.changes import Changes
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer, HttpClient, Route

pytestmark = pytest.mark.xdist_group("connection-manager")
CSR = files_of(CASE, by_hub=False)["client.csr"].decode()
ROOT = files_of(CASE, by_hub=False)["ca.pem"].decode()


@pytest.fixture
def first() -> Iterator[Bench]:
    """A server of the first era with everything exchanged."""
    yield from _settled(Era1())


@pytest.fixture
def later() -> Iterator[Bench]:
    """One of the later era."""
    yield from _settled(Era3())


def _settled(stand_in: StandIn) -> Iterator[Bench]:
    with serving(stand_in):
        made = Bench(stand_in, "era1" if isinstance(stand_in, Era1) else "era3")
        made.settle()
        yield made
        for client in made.clients:
            client.close()


def asked(bench: Bench, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """One request past the pack."""
    content = json.dumps(body).encode() if body is not None else b""
    status, value, _wish = bench.stand_in.answer(method, f"/api{path}", {"content-type": "application/json"}, content)
    return status, value


E = "/environments/1"


def test_a1_a_second_post_destroys_and_this_pack_never_sends_one(first: Bench) -> None:
    posts = [each for each in first.stand_in.writes if each.startswith("POST") and each.endswith(("servercerts", "jwscerts"))]
    assert len(posts) == len(set(posts)) == 4
    body = {"jwsCertificate": files_of(CASE, by_hub=False)["jws-certificate.pem"].decode()}
    assert asked(first, "POST", f"{E}/dfsps/greenbank/jwscerts", body)[0] == 200
    for method in ("GET", "PUT", "DELETE"):
        assert asked(first, method, f"{E}/dfsps/greenbank/jwscerts", body)[1]["message"] == "E_TOO_MANY_ROWS"
    with pytest.raises(RemoteError, match="E_TOO_MANY_ROWS"):
        first.deliver(by_hub=False)


def test_a3_another_post_replaces_the_servers_own_authority(first: Bench) -> None:
    body = {"default": {}, "csr": {"hosts": [], "key": {"algo": "rsa", "size": 4096}, "names": [{"CN": "x", "O": "x"}]}}
    assert not any(each.endswith("/cas") and "/hub/" not in each for each in first.stand_in.writes)
    found = [asked(first, "POST", f"{E}/cas", body)[1]["certificate"] for _ in range(2)]
    assert found[0] != found[1]


def test_a4_anothers_request_is_signed_by_its_number_and_this_pack_keeps_to_the_participants_own_list(first: Bench) -> None:
    first.settle(OTHER)
    assert isinstance(first.stand_in, Era1)
    (number,) = first.stand_in.environments["1"].dfsps["greenbank"].inbound
    assert asked(first, "GET", f"{E}/dfsps/bluebank/enrollments/inbound/{number}")[0] == 200
    assert not any(f"bluebank/enrollments/inbound/{number}" in each for each in first.stand_in.writes)


def test_a5_two_environments_of_one_name_are_a_clear_error(first: Bench) -> None:
    assert asked(first, "POST", "/environments", {"name": "tests"})[0] == 200
    with pytest.raises(RemoteError, match="2 environments named tests"):
        first.deliver(by_hub=True)


def test_a6_a_root_alone_leaves_the_chain_of_before_and_this_pack_sends_both(first: Bench) -> None:
    assert isinstance(first.stand_in, Era1)
    row = first.stand_in.environments["1"].dfsps["greenbank"]
    assert set(row.authority) == {"rootCertificate", "intermediateChain"}
    row.authority["intermediateChain"] = "the chain of before"
    shown = asked(first, "POST", f"{E}/dfsps/greenbank/ca", {"rootCertificate": ROOT})[1]
    assert (shown["intermediateChain"], row.authority["intermediateChain"]) == ("", "the chain of before")


def test_a8_confirming_nothing_is_500_with_the_text_0(first: Bench) -> None:
    assert asked(first, "POST", f"{E}/dfsps/greenbank/endpoints/999/confirmation") == (500, {"payload": "Error", "message": "0"})


def test_a11_an_environment_that_does_not_exist_has_no_participants(first: Bench) -> None:
    assert asked(first, "GET", "/environments/77/dfsps") == (200, [])
    assert asked(first, "POST", "/environments/77/dfsps", {"dfspId": "x"})[0] == 400


@pytest.mark.parametrize("era", ["first", "later"])
def test_a_duplicate_is_500_with_the_statement_which_no_error_of_this_pack_shows(era: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(era)
    path, body = (f"{E}/dfsps" if era == "first" else "/dfsps"), {"dfspId": "greenbank", "name": "secret name"}
    status, value = asked(bench, "POST", path, body)
    assert (status, "insert into" in value["message"]) == (500, True)
    shown = reported(Answer(500, {}, json.dumps(value).encode()))
    assert "uplicate entry" in shown
    assert "insert" not in shown


def test_pages_children_and_keys_are_not_shown() -> None:
    key = pki.key_pem(pki.new_key(1))
    for body in (b"<pre>Error at /opt/app/x.js</pre>", json.dumps({"stderr": key, "message": f"could not read {key}"}).encode()):
        shown = reported(Answer(422, {}, body))
        assert "/opt/app" not in shown
        assert "MII" not in shown


def test_state_and_verdict_are_independent(later: Bench) -> None:
    weak = pki.pem(pki.make_request(pki.new_key(77, 1024), {}))
    number = asked(later, "POST", "/dfsps/greenbank/enrollments/inbound", {"clientCSR": weak})[1]["id"]
    found = asked(later, "POST", f"/dfsps/greenbank/enrollments/inbound/{number}/sign")[1]
    assert (found["state"], found["validationState"]) == ("CERT_SIGNED", "INVALID")


def test_signing_again_makes_another_certificate_and_this_pack_signs_once(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    (number,) = later.stand_in.dfsps["greenbank"].inbound
    assert sum(each.endswith("/sign") for each in later.stand_in.writes) == 1
    found = [asked(later, "POST", f"/dfsps/greenbank/enrollments/inbound/{number}/sign")[1]["certificate"] for _ in range(2)]
    assert found[0] != found[1]


def test_d1_an_endpoint_is_there_although_the_answer_is_500(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    assert len(later.stand_in.hub_items) == 3
    statuses = {status for method, path, status in later.stand_in.requests if method == "POST" and path.startswith("/hub/endpoints")}
    assert statuses == {500}


def test_d2_single_endpoints_of_a_kind_are_not_found_and_deleted_by_their_number(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    number = max(later.stand_in.hub_items)
    assert asked(later, "DELETE", f"/hub/endpoints/egress/ips/{number}")[0] >= 400
    assert asked(later, "PUT", f"/hub/endpoints/{number}", {"value": {"url": "https://x.example"}})[0] >= 400
    assert asked(later, "DELETE", f"/hub/endpoints/{number}")[0] == 204


def test_d4_a_registration_that_failed_half_way_is_completed(later: Bench) -> None:
    stand_in = later.stand_in
    assert isinstance(stand_in, Era3)
    stand_in.vault_down = True
    with pytest.raises(RemoteError):
        later.deliver(OTHER, by_hub=True)
    assert not stand_in.dfsps["bluebank"].outbound
    stand_in.vault_down = False
    assert later.settle(OTHER) <= 4
    assert len(stand_in.dfsps["bluebank"].outbound) == 1


def test_d5_other_line_ends_make_another_request_and_this_pack_compares_keys(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    (first_one,) = later.stand_in.dfsps["greenbank"].inbound.values()
    first_one["csr"] = first_one["csr"].replace("\n", "\r\n")
    assert later.deliver(by_hub=False) == []
    assert asked(later, "POST", "/dfsps/greenbank/enrollments/inbound", {"clientCSR": CSR})[1]["id"] != first_one["id"]


def test_d7_a_request_without_a_subject_gets_the_hubs_name(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    (outbound,) = later.stand_in.dfsps["greenbank"].outbound.values()
    assert outbound["csrInfo"]["subject"] == {}
    number = asked(later, "POST", "/dfsps/greenbank/enrollments/inbound", {"clientCSR": pki.pem(pki.make_request(pki.new_key(78), {}))})[1][
        "id"
    ]
    found = asked(later, "POST", f"/dfsps/greenbank/enrollments/inbound/{number}/sign")[1]
    assert found["certInfo"]["subject"]["CN"] == later.stand_in.switch_fqdn


def test_d10_no_authority_is_an_empty_text_and_one_is_made_once() -> None:
    with serving(Era3()) as stand_in:
        bench = Bench(stand_in, "era3")
        assert asked(bench, "GET", "/hub/ca")[1]["rootCertificate"] == ""
        bench.settle()
        assert sum(each == "POST /hub/ca" for each in stand_in.writes) == 1
        for client in bench.clients:
            client.close()


def test_d12_nothing_is_put_into_force_before_it_can_be(later: Bench) -> None:
    later.deliver(OTHER, by_hub=True)
    assert asked(later, "POST", "/dfsps/bluebank/onboard")[0] == 500
    assert later.server().activation(OTHER) is None
    assert later.server().activation(CASE) is not None


def test_lists_come_in_the_order_of_texts_and_the_newest_is_taken_by_number(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    later.stand_in.ids = count(98)
    requests = [pki.pem(pki.make_request(pki.new_key(80 + number), {})) for number in range(4)]
    numbers = [asked(later, "POST", "/dfsps/greenbank/enrollments/inbound", {"clientCSR": each})[1]["id"] for each in requests]
    assert numbers == [98, 99, 100, 101]
    listed = [one["id"] for one in asked(later, "GET", "/dfsps/greenbank/enrollments/inbound")[1]]
    assert listed == sorted(listed, key=str) != sorted(listed)
    newest = later.server().published(CASE, by_hub=False, own={})["client.csr"].decode()
    assert newest == requests[-1]


def test_a_certificate_for_another_key_is_none_whatever_the_state_says(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    (enrollment,) = later.stand_in.dfsps["greenbank"].inbound.values()
    server = later.server()
    digest = _digest(CSR)
    assert server.certificate(CASE, digest) is not None
    enrollment["certificate"] = files_of(CASE, by_hub=False)["server.pem"].decode()
    assert enrollment["state"] == "CERT_SIGNED"
    assert server.certificate(CASE, digest) is None


def _digest(request: str) -> str:
    from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager import forms  # noqa: PLC0415

    return forms.key_of_request(request)


def test_a_new_jws_key_always_has_a_later_moment(later: Bench) -> None:
    assert isinstance(later.stand_in, Era3)
    before = later.stand_in.jws["greenbank"]["createdAt"]
    server = later.server()
    files = {"jws.pem": files_of(OTHER, by_hub=False)["jws.pem"]}
    (task,) = [each for each in server.tasks(CASE, files, by_hub=False) if each.artefact == "jws.pem"]
    task.carry_out(dry_run=False)
    assert later.stand_in.jws["greenbank"]["createdAt"] > before


def test_every_request_of_another_shape_is_refused_by_the_later_era(later: Bench) -> None:
    status, value = asked(later, "POST", "/dfsps/greenbank/enrollments/inbound", {"csr": CSR})
    assert (status, value["errors"][0]["errorCode"]) == (400, "required.openapi.validation")


def test_what_is_no_such_api_is_named(later: Bench) -> None:
    http = HttpClient(Route(""))
    try:
        service = Service(Changes(http, dry_run=False, reported=reported), later.stand_in.url)
        with pytest.raises(RemoteError, match="something else than Connection Manager's API"):
            service.records("/health", "listing")
    finally:
        http.close()


def test_an_answer_that_is_lost_is_read_before_anything_is_repeated(later: Bench) -> None:
    later.stand_in.intercept = _lost_once()
    later.settle(OTHER)
    assert isinstance(later.stand_in, Era3)
    assert len(later.stand_in.dfsps["bluebank"].inbound) == 1


def _lost_once() -> Any:  # noqa: ANN401 -- a function
    lost: list[str] = []

    def intercept(call: Call) -> str:
        if call.method == "POST" and call.template.endswith("/inbound") and not lost:
            lost.append(call.template)
            return "500"
        return ""

    return intercept
