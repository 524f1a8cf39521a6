# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One OAuth client for each participant: made once, followed, found again after every kind of interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.oauth.conftest import URL

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import PaymentManagerConnector
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Unknown, Unreachable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

Bench = Any  # conftest.Bench: conftest modules cannot be imported by name
Lose = Callable[[str], Callable[[str], None]]


def reasons(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.participant, finding.reason) for finding in findings]


def files(tree: DiskTree) -> dict[str, tuple[bytes, int, int]]:
    paths = sorted(path for path in tree.root.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def kept(bench: Bench, path: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(bench.tree.read(path))
    return found


BOTH = [("greenbank", "oauth-client-missing"), ("redbank", "oauth-client-missing")]


@pytest.fixture
def settled(bench: Bench) -> Bench:
    bench.publish_exchange()
    assert reasons(bench.run()) == BOTH
    bench.server.calls.clear()
    return bench


def test_a_second_run_finds_nothing_and_touches_nothing(settled: Bench) -> None:
    before = files(settled.tree)
    assert settled.run(now=settled.later()) == []
    assert files(settled.tree) == before
    assert settled.server.calls == ["GET", "GET"]
    assert len(settled.server.clients) == 2


def test_a_dry_run_finds_the_same_asks_nothing_and_leaves_placeholders_for_later_steps(bench: Bench) -> None:
    bench.publish_exchange()
    before = files(bench.tree)
    findings, overlay = bench.dry_run()
    assert files(bench.tree) == before
    assert bench.server.calls == []
    assert json.loads(overlay.read("store/hub/oauth/greenbank.json"))["client_id"] == "dry-run-greenbank"
    assert overlay.read("store/greenbank/oauth/credentials.json")
    assert findings == bench.run()


def test_the_managed_participant_gets_its_secret_and_the_hub_keeps_none(settled: Bench) -> None:
    credentials = kept(settled, "store/greenbank/oauth/credentials.json")
    assert credentials["token_url"] == "https://api.hub.lab:8443/oauth2/token"
    assert credentials["scope"] == "parties quotes transfers"
    assert credentials["client_secret"] == settled.server.clients[credentials["client_id"]]["client_secret"]
    hub = [content for path, (content, _, _) in files(settled.tree).items() if "/store/hub/" in path and not path.endswith(".p7m")]
    assert all(b"secret-of-" not in content for content in hub)


def test_anybody_else_gets_it_sealed_to_its_exchange_certificate(settled: Bench) -> None:
    assert settled.tree.read("store/hub/oauth/redbank.p7m").startswith(b"sealed to ")
    assert settled.tree.read("store/redbank/oauth/credentials.json") is None


def test_without_an_exchange_certificate_nothing_is_registered_and_the_participant_is_awaited(bench: Bench) -> None:
    findings = bench.run()
    assert reasons(findings) == [("greenbank", "oauth-client-missing"), ("redbank", "awaiting-counterpart")]
    assert (findings[1].disposition, findings[1].pending_on) == (Disposition.PENDING, "redbank")
    assert len(bench.server.clients) == 1
    bench.publish_exchange()
    assert reasons(bench.run()) == [("redbank", "oauth-client-missing")]


@pytest.mark.parametrize(("file", "kept_here"), [("", True), ("oauth.json", False)])
def test_a_payment_manager_that_is_hosted_here_needs_no_seal(bench: Bench, file: str, *, kept_here: bool) -> None:
    """Unless its credentials come in a file of its own."""
    connector = PaymentManagerConnector(vault_url="https://vault.test", vault_token_file="token", credentials_file=file)
    bench.change("redbank", connector=connector)
    reason = "oauth-client-missing" if kept_here else "awaiting-counterpart"
    assert reasons(bench.run()) == [("greenbank", "oauth-client-missing"), ("redbank", reason)]
    assert (bench.tree.read("store/redbank/oauth/credentials.json") is not None) == kept_here
    assert bench.tree.read("store/hub/oauth/redbank.p7m") is None


def test_a_new_exchange_certificate_gets_the_same_secret_sealed_again(settled: Bench) -> None:
    settled.publish_exchange()
    assert reasons(settled.dry_run()[0]) == reasons(settled.run()) == [("redbank", "oauth-credentials-missing")]
    assert settled.run() == []
    assert len(settled.server.clients) == 2


def test_a_server_that_never_tells_a_secret_again_costs_a_new_client(settled: Bench) -> None:
    settled.server.tells_secret = False
    assert settled.run() == []
    settled.publish_exchange()
    assert reasons(settled.run()) == [("redbank", "oauth-credentials-missing")]
    assert settled.run() == []
    assert len(settled.server.clients) == 2
    assert "DELETE" in settled.server.calls


def test_lost_credentials_are_delivered_again(settled: Bench) -> None:
    settled.tree.remove("store/greenbank/oauth/credentials.json")
    settled.tree.remove("store/hub/oauth/redbank.p7m")
    expected = [("greenbank", "oauth-credentials-missing"), ("redbank", "oauth-credentials-missing")]
    assert reasons(settled.dry_run()[0]) == reasons(settled.run()) == expected
    assert settled.run() == []


def test_a_secret_changed_at_the_server_reaches_the_connector(settled: Bench) -> None:
    client = kept(settled, "store/hub/oauth/greenbank.json")["client_id"]
    settled.server.clients[client]["client_secret"] = "another"
    assert reasons(settled.run()) == [("greenbank", "oauth-credentials-missing")]
    assert kept(settled, "store/greenbank/oauth/credentials.json")["client_secret"] == "another"


def test_changed_roles_update_the_client_and_the_rotated_token_is_kept(settled: Bench) -> None:
    before = kept(settled, "store/hub/oauth/greenbank.json")
    settled.change("greenbank", roles=("parties",))
    predicted, _ = settled.dry_run()
    expected = [("greenbank", "oauth-client-differs"), ("greenbank", "oauth-credentials-missing")]
    assert "PUT" not in settled.server.calls
    assert reasons(predicted) == reasons(settled.run()) == expected
    after = kept(settled, "store/hub/oauth/greenbank.json")
    assert after["client_id"] == before["client_id"]
    assert after["registration_access_token"] != before["registration_access_token"]
    assert settled.server.clients[after["client_id"]]["scope"] == "parties"
    assert settled.run() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("tls_client_certificate_bound_access_tokens", False), ("grant_types", ["password"]), ("scope", "parties quotes transfers admin")],
)
def test_what_was_changed_at_the_server_is_changed_back(settled: Bench, field: str, value: object) -> None:
    client = kept(settled, "store/hub/oauth/greenbank.json")["client_id"]
    right = settled.server.clients[client][field]
    settled.server.clients[client][field] = value
    assert [finding.detail for finding in settled.run()] == [field]
    assert settled.server.clients[client][field] == right


def test_fields_left_out_or_in_another_order_are_no_difference(settled: Bench) -> None:
    client = kept(settled, "store/hub/oauth/greenbank.json")["client_id"]
    settled.server.clients[client]["scope"] = "transfers quotes parties"
    del settled.server.clients[client]["redirect_uris"]
    assert settled.run() == []


def test_a_client_deleted_at_the_server_is_registered_anew(settled: Bench) -> None:
    settled.server.clients.clear()
    assert reasons(settled.dry_run()[0]) == reasons(settled.run()) == BOTH
    assert settled.run() == []


def test_a_server_that_rotates_on_reading_loses_no_token_even_to_a_dry_run(settled: Bench) -> None:
    settled.server.rotates_on_read = True
    for _ in range(2):
        assert settled.dry_run()[0] == []
        assert settled.run() == []


def test_an_answer_that_was_lost_is_reported_and_the_run_after_it_converges(bench: Bench, lose: Lose) -> None:
    bench.publish_exchange()
    bench.server.fault = lose("POST")
    assert [finding.reason for finding in bench.run()] == ["authorization-server-unreachable"] * 2
    assert bench.server.calls == ["POST"]
    bench.server.fault = lambda _method: None
    expected = [("greenbank", "oauth-orphan-possible"), *BOTH]
    predicted, _ = bench.dry_run()
    found = bench.run()
    assert predicted == found
    assert reasons(found) == expected
    assert "lab/greenbank" in found[0].detail
    assert bench.run() == []


def test_a_500_to_a_registration_leaves_the_intent_and_the_others_go_on(bench: Bench) -> None:
    bench.publish_exchange()
    answers = iter([Answer(500, {}, b"boom"), None])
    bench.server.fault = lambda _method: next(answers, None)
    assert reasons(bench.run()) == [("greenbank", "authorization-server-refused"), ("redbank", "oauth-client-missing")]
    assert reasons(bench.run()) == [("greenbank", "oauth-orphan-possible"), ("greenbank", "oauth-client-missing")]
    assert bench.run() == []


def test_a_refusal_leaves_no_intent_and_its_text_holds_no_token(bench: Bench) -> None:
    bench.change("redbank", state=State.SUSPENDED)
    bench.server.fault = lambda _method: Answer(
        400, {}, json.dumps({"error": "invalid_client_metadata", "error_description": "x"}).encode()
    )
    found = bench.run()
    assert reasons(found) == [("greenbank", "authorization-server-refused")]
    assert "400 invalid_client_metadata" in found[0].detail
    assert "the-initial-access-token" not in found[0].detail
    bench.server.fault = lambda _method: None
    assert reasons(bench.run()) == [("greenbank", "oauth-client-missing")]


def test_a_lost_answer_to_an_update_is_an_orphan_only_when_the_token_went_with_it(settled: Bench, lose: Lose) -> None:
    settled.change("greenbank", roles=("parties",))
    settled.server.fault = lose("PUT")
    assert "authorization-server-unreachable" in [finding.reason for finding in settled.run()]
    settled.server.fault = lambda _method: None
    assert reasons(settled.run()) == [("greenbank", "oauth-orphan-possible"), ("greenbank", "oauth-client-missing")]
    assert settled.run() == []


@pytest.mark.parametrize("cut", ["credentials.json", "greenbank.json", "intent.json"])
def test_killed_anywhere_in_a_registration_the_next_run_converges(bench: Bench, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    bench.change("redbank", state=State.SUSPENDED)
    act = "remove" if cut == "intent.json" else "write"
    plain = getattr(bench.tree, act)

    class Killed(SystemExit):
        pass

    def killed(path: str, *content: bytes) -> None:
        if path.endswith(cut):
            raise Killed
        plain(path, *content)

    with monkeypatch.context() as patch:
        patch.setattr(bench.tree, act, killed)
        with pytest.raises(Killed):
            bench.run()
    found = bench.run()
    assert reasons(found) == (
        [] if cut == "intent.json" else [("greenbank", "oauth-orphan-possible"), ("greenbank", "oauth-client-missing")]
    )
    before = files(bench.tree)
    assert bench.run() == []
    assert files(bench.tree) == before
    assert not [path for path in before if "intent" in path]


def test_a_suspended_participant_keeps_its_client_and_gets_no_new_one(settled: Bench) -> None:
    settled.change("greenbank", state=State.SUSPENDED)
    assert settled.run() == []
    settled.server.clients.clear()
    assert reasons(settled.run()) == [("redbank", "oauth-client-missing")]


def test_an_offboarded_participant_loses_client_record_and_credentials(settled: Bench) -> None:
    settled.change("greenbank", state=State.OFFBOARDED)
    predicted, _ = settled.dry_run()
    assert len(settled.server.clients) == 2
    assert reasons(predicted) == reasons(settled.run()) == [("greenbank", "oauth-client-retired")]
    assert len(settled.server.clients) == 1
    assert not [path for path in files(settled.tree) if "greenbank" in path]
    assert settled.run() == []


def test_a_client_already_gone_can_be_offboarded(settled: Bench) -> None:
    settled.server.clients.clear()
    settled.change("greenbank", state=State.OFFBOARDED)
    settled.change("redbank", state=State.OFFBOARDED)
    assert [finding.reason for finding in settled.run()] == ["oauth-client-retired"] * 2


def test_one_time_out_is_enough_for_all(settled: Bench, lose: Lose) -> None:
    settled.server.fault = lose("GET")
    found = settled.run()
    assert [finding.disposition for finding in found] == [Disposition.FAULT] * 2
    assert settled.server.calls == ["GET"]


def test_a_damaged_record_is_a_fault_of_one_participant(settled: Bench) -> None:
    settled.tree.write("store/hub/oauth/greenbank.json", b"{}")
    found = settled.run()
    assert reasons(found) == [("greenbank", "error")]
    assert "store/hub/oauth/greenbank.json" in found[0].detail


@pytest.mark.parametrize("content", ["", "two words"])
def test_a_bad_initial_access_token_file_is_named(bench: Bench, tmp_path: Path, content: str) -> None:
    (tmp_path / "initial-access-token").write_text(content)
    assert "initial-access-token" in bench.run()[0].detail
    assert bench.tree.names("store/hub/oauth") == []


def test_a_wrong_initial_access_token_is_explained(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "initial-access-token").write_text("wrong")
    assert "401 invalid_token. Renew the initial access token" in bench.run()[0].detail


@pytest.mark.parametrize("fields", [{"client_secret": ""}, {"client_id": "a b"}, {"registration_client_uri": None}])
def test_an_incomplete_registration_answer_is_refused(bench: Bench, fields: dict[str, object]) -> None:
    bench.change("redbank", state=State.SUSPENDED)
    whole = {"client_id": "a", "client_secret": "b", "registration_client_uri": "https://auth.test/reg/a", "registration_access_token": "c"}
    bench.server.fault = lambda _method: Answer(201, {}, json.dumps(whole | fields).encode())
    assert reasons(bench.run()) == [("greenbank", "authorization-server-refused")]


def test_management_tokens_never_travel_in_clear(settled: Bench) -> None:
    record = kept(settled, "store/hub/oauth/greenbank.json") | {"registration_client_uri": "http://auth.test/reg/client-1"}
    settled.tree.write("store/hub/oauth/greenbank.json", json.dumps(record).encode())
    found = settled.run()
    assert "https only" in found[0].detail


@pytest.fixture
def lose() -> Lose:
    def losing(when: str) -> Callable[[str], None]:
        def fault(method: str) -> None:
            if method == when:
                raise (Unreachable if when == "GET" else Unknown)("no answer", where="https://auth.test")

        return fault

    return losing


FIT = {
    "issuer": "https://auth.hub.lab",
    "grant_types_supported": ["authorization_code", "client_credentials"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "registration_endpoint": URL,
    "tls_client_certificate_bound_access_tokens": True,
}
"""What a server that can be used says of itself (RFC 8414)."""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"issuer": "https://other.test"}, "its issuer is 'https://other.test', described is https://auth.hub.lab"),
        ({"grant_types_supported": ["authorization_code"]}, "grant_types_supported lacks client_credentials"),
        ({"grant_types_supported": None}, "grant_types_supported lacks client_credentials"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "token_endpoint_auth_methods_supported lacks client_secret_basic"),
        ({"registration_endpoint": ""}, "it has no registration_endpoint (RFC 7591)"),
        ({"tls_client_certificate_bound_access_tokens": "true"}, "its tokens are not bound to certificates"),
    ],
)
def test_a_server_that_says_it_cannot_is_asked_for_no_client(bench: Bench, change: dict[str, object], fault: str) -> None:
    bench.publish_exchange()
    bench.server.metadata = FIT | change
    (found,) = bench.run()
    assert (found.reason, found.disposition, found.detail[: len(fault)]) == ("metadata-unfit", Disposition.FAULT, fault)
    assert bench.server.calls == []
    bench.server.metadata = FIT
    assert reasons(bench.run()) == BOTH
    bench.server.metadata = FIT | change  # once there are clients, they tell by themselves
    assert bench.run() == []
