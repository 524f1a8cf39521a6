# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which order a gateway on a cluster is changed, and what is left of a change that fails: against a stand-in of an API server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes import target
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.target import ClusterTarget
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer, Route
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.kubeconfig import Access
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.kubernetes import Cluster

from .test_gateway_kubernetes import GREEN, NEW, model
from .test_gateway_kubernetes_callbacks import GREEN as GREENS_SERVER

BLUE = Caller("bluebank", "bluebank", (NEW,), GREEN.networks, ("client-2",), ("parties",))


class ApiServer:
    """Stand-in for an API server: keeps what is applied, and says what was written in which order."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []
        self.refused = ""
        """A part of the path of objects that cannot be written, though they are judged right."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        del headers
        parts = urlsplit(url)
        path, query = parts.path, parse_qs(parts.query)
        if method == "GET":
            return self._found(path, query)
        given = json.loads(body)
        if method == "DELETE":
            self.written.append(f"delete {path.rpartition('/')[2]}")
            return _answer(200, self.kept.pop(path))
        made = {**given, "metadata": {**given["metadata"], "uid": path, "resourceVersion": str(len(self.written))}}
        if "dryRun" not in query:
            if self.refused and self.refused in path:
                return _answer(422, {"message": "no"})
            self.written.append(f"apply {path.rpartition('/')[2]}")
            self.kept[path] = made
        return _answer(200, made)

    def _found(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        if "limit" not in query:
            return _answer(200, self.kept[path]) if path in self.kept else _answer(404, {})
        key, _equals, value = query["labelSelector"][0].partition("=") if "labelSelector" in query else ("", "", "")
        items = [
            found for place, found in sorted(self.kept.items())
            if place.rpartition("/")[0] == path and (not key or found["metadata"].get("labels", {}).get(key) == value)
        ]  # fmt: skip
        return _answer(200, {"metadata": {}, "items": items})

    def close(self) -> None:
        """Nothing is open."""


def _answer(status: int, body: object) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """The stand-in, whose environment is as Pulumi makes it."""
    made = ApiServer()

    @contextmanager
    def cluster(_target: ClusterTarget) -> Iterator[Cluster]:
        yield Cluster(made, Access("https://192.0.2.1", Route("")), dry_run=False)

    monkeypatch.setattr(ClusterTarget, "_cluster", cluster)
    monkeypatch.setattr(target, "lacking", lambda *_: [])
    return made


def with_callers(*callers: Caller) -> GatewayModel:
    made = model(callers=callers)
    return replace(made, outbound=replace(made.outbound, destinations=(GREENS_SERVER,)))


def planned(wanted: GatewayModel) -> Plan:
    return plan(wanted, render(wanted), ClusterTarget(wanted, 30).observe())


def install(wanted: GatewayModel) -> dict[str, Any]:
    return ClusterTarget(wanted, 30).change(planned(wanted), {})[1]


def test_a_second_run_finds_nothing_and_writes_nothing(server: ApiServer) -> None:
    install(with_callers(GREEN, BLUE))
    server.written.clear()
    assert planned(with_callers(GREEN, BLUE)).changes is False
    install(with_callers(GREEN, BLUE))
    assert server.written == []


def test_what_is_named_is_made_before_what_names_it(server: ApiServer) -> None:
    install(with_callers(GREEN))
    order = [entry.removeprefix("apply ") for entry in server.written]
    assert order[:2] in (["vault-tls-cert", "callback-greenbank"], ["callback-greenbank", "vault-tls-cert"])
    assert order[-3:] == ["interop-gateway-narrowed", "caller-greenbank", "caller-greenbank"]


def test_who_is_suspended_is_refused_by_a_route_before_its_policy_goes(server: ApiServer) -> None:
    install(with_callers(GREEN, BLUE))
    server.written.clear()
    install(with_callers(GREEN))
    assert server.written == ["apply shut-bluebank", "delete caller-bluebank", "delete caller-bluebank"]
    server.written.clear()
    assert planned(with_callers(GREEN)).changes is False
    install(with_callers(GREEN, BLUE))
    assert server.written == ["apply caller-bluebank", "apply caller-bluebank", "delete shut-bluebank"]


def test_who_is_to_be_shut_out_is_so_though_the_environment_lacks_a_part(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    install(with_callers(GREEN, BLUE))
    server.written.clear()
    monkeypatch.setattr(target, "lacking", lambda *_: ["the floor is missing"])
    with pytest.raises(GatewayError, match="the floor is missing"):
        install(with_callers(replace(GREEN, roles=("parties", "quotes"))))
    assert server.written == ["apply shut-bluebank"]


def test_a_part_of_the_environment_that_lacks_is_found_though_nothing_else_differs(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(with_callers(GREEN))
    server.written.clear()
    monkeypatch.setattr(target, "lacking", lambda *_: ["the floor is missing"])
    assert [finding.artefact for finding in planned(with_callers(GREEN)).findings] == ["gateway/hub-gateway/environment"]
    with pytest.raises(GatewayError, match="the floor is missing"):
        install(with_callers(GREEN))
    assert server.written == []


def test_what_was_written_is_put_back_when_another_object_is_refused(server: ApiServer) -> None:
    install(with_callers(GREEN))
    before = {path: found["metadata"].get("resourceVersion") and found.get("spec") for path, found in server.kept.items()}
    server.refused = "networkpolicies/caller-bluebank"
    with pytest.raises(GatewayError, match="undone"):
        install(with_callers(replace(GREEN, roles=("parties", "quotes")), BLUE))
    assert {path: found.get("spec") for path, found in server.kept.items()} == before


def test_a_departed_counterparts_objects_go_all(server: ApiServer) -> None:
    install(with_callers(GREEN))
    gone = model(callers=())
    install(gone)
    assert sorted(path.rpartition("/")[2] for path in server.kept) == ["interop-gateway-narrowed", "shut-greenbank", "vault-tls-cert"]
    assert planned(gone).changes is False


def test_an_object_under_these_labels_that_is_not_of_this_pack_goes(server: ApiServer) -> None:
    install(with_callers(GREEN))
    place = next(path for path in server.kept if path.endswith("authorizationpolicies/caller-greenbank"))
    stray = json.loads(json.dumps(server.kept[place]))
    stray["metadata"] |= {"name": "open-to-all", "uid": "other"}
    server.kept[place.replace("caller-greenbank", "open-to-all")] = stray
    (found,) = planned(with_callers(GREEN)).findings
    assert found.artefact.endswith("open-to-all")
    install(with_callers(GREEN))
    assert planned(with_callers(GREEN)).changes is False
    assert not any(path.endswith("open-to-all") for path in server.kept)
