# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client of Kubernetes: what it asks for, what a dry run withholds, and what it says of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Refused, Unknown
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer, Route
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.kubeconfig import Access
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.kubernetes import AUTHORIZATION_POLICY, SECRET, Cluster, compared

ACCESS = Access("https://192.0.2.1", Route(""))
POLICY: dict[str, Any] = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "caller-a", "namespace": "gateways"},
    "spec": {"action": "ALLOW"},
}
LIVE = {**POLICY, "metadata": {**POLICY["metadata"], "uid": "u", "resourceVersion": "7", "generation": 2, "managedFields": []}}


class Wire:
    """Stand-in for HTTP: answers in order, and remembers what was asked."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self._answers = [Answer(status, {}, json.dumps(body).encode()) for status, body in answers]

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        del headers
        self.asked.append((method, url.removeprefix("https://192.0.2.1"), body))
        return self._answers.pop(0)

    def close(self) -> None:
        """Nothing is open."""


def cluster(wire: Wire, *, dry_run: bool = False) -> Cluster:
    return Cluster(wire, ACCESS, dry_run=dry_run)


PLACE = "/apis/security.istio.io/v1/namespaces/gateways/authorizationpolicies"


def test_apply_is_server_side_by_one_manager() -> None:
    wire = Wire((200, LIVE))
    cluster(wire).apply(POLICY)
    assert wire.asked == [("PATCH", f"{PLACE}/caller-a?fieldManager=mojaloop-onboarding&force=true", json.dumps(POLICY).encode())]


def test_a_dry_run_judges_and_writes_nothing() -> None:
    wire = Wire((200, LIVE))
    dry = cluster(wire, dry_run=True)
    assert compared(dry.normal(POLICY)) == POLICY
    dry.apply(POLICY)
    dry.delete(LIVE)
    assert [(method, url.partition("?")[2]) for method, url, _body in wire.asked] == [
        ("PATCH", "fieldManager=mojaloop-onboarding&force=true&dryRun=All")
    ]
    assert [change.method for change in dry.changes] == ["PATCH", "DELETE"]


def test_a_deletion_is_of_what_was_read() -> None:
    wire = Wire((200, {}), (404, {}), (409, {"message": "the UID in the precondition is another"}))
    for _ in range(2):
        cluster(wire).delete(LIVE)
    with pytest.raises(Refused, match="the UID in the precondition is another"):
        cluster(wire).delete(LIVE)
    assert json.loads(wire.asked[0][2]) == {"preconditions": {"uid": "u", "resourceVersion": "7"}}


def test_a_list_is_read_page_by_page() -> None:
    pages = [{"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}, {"metadata": {}, "items": [{"metadata": {}}]}]
    wire = Wire(*((200, page) for page in pages))
    found = list(cluster(wire).listed(AUTHORIZATION_POLICY, "gateways", {"x": "y"}))
    assert [each["kind"] for each in found] == ["AuthorizationPolicy"] * 2
    assert [url.partition("?")[2] for _method, url, _body in wire.asked] == [
        "limit=50&labelSelector=x%3Dy",
        "limit=50&labelSelector=x%3Dy&continue=more",
    ]


def test_what_is_not_there_is_none() -> None:
    assert cluster(Wire((404, {}))).read(SECRET, "gateways", "a") is None


@pytest.mark.parametrize(
    ("status", "words"), [(403, "kubectl auth can-i"), (404, "Pulumi"), (409, "run again"), (422, "Correct in the description")]
)
def test_a_refusal_has_the_servers_words_and_says_what_to_do(status: int, words: str) -> None:
    with pytest.raises(Refused, match="its own words") as caught:
        cluster(Wire((status, {"message": "its own words"}))).apply(POLICY)
    assert words in str(caught.value)


def test_an_error_of_the_server_may_have_changed_something() -> None:
    with pytest.raises(Unknown):
        cluster(Wire((500, {}))).apply(POLICY)
