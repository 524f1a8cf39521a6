# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of the modules that work on files: create, change and remove, each checked and done, each twice.

What the three acts mean for each module is the table below. Everything else is the same for all: check mode reports what the
real run then reports, and writes nothing; a second run finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.module_states import Matrix, Place, bank, call

from ansible_collections.mojaloop.onboarding.plugins.modules import description_check


@dataclass(frozen=True)
class Act:
    """What happens, in words and in deed, and what the module must find: artefacts with reasons, or nothing at all."""

    what: str
    happens: Callable[[Place], None]
    finds: frozenset[tuple[str, str]] = frozenset()


def described(_place: Place) -> None:
    """The description as it is, and nothing else."""


def renamed(place: Place) -> None:
    place.description.edit("greenbank", endpoint={"url": "https://new.greenbank.example:8443", "addresses": ["203.0.113.20"]})


def offboarded(place: Place) -> None:
    place.description.edit("greenbank", state="offboarded")


def lost(path: str) -> Callable[[Place], None]:
    return lambda place: place.delete(path)


def rekeyed(place: Place) -> None:
    place.delete("store/greenbank/client/hub/key.pem")
    place.run("generate", allow_rekey=["greenbank/client/hub"])


def finds(reason: str, *artefacts: str) -> frozenset[tuple[str, str]]:
    return frozenset((artefact, reason) for artefact in artefacts)


FIRST = Act("two participants are described", described)
ISSUED = "store/hub/issued/greenbank/client.pem"
# what create, change and remove are for the module ``certificates``, and for each of its steps alone
TABLE: dict[str, tuple[Act, Act, Act]] = {
    "certificates": (
        Act(
            FIRST.what,
            described,
            finds("missing", "server")
            | finds("not-signed", "client")
            | finds("not-published", "client.pem", "client-chain.pem", "crl.pem")
            | finds("not-installed", "client/hub", "jws-keys", "received/crl.pem"),
        ),
        Act("a participant's listener gets another name", renamed, finds("replaced", "received/server.pem")),
        Act("a participant is offboarded", offboarded, finds("unwanted", "jws-keys") | finds("replaced", "received/crl.pem")),
    ),
    "generate": (
        Act(FIRST.what, described, finds("missing", "ca", "server", "client/hub", "client/greenbank", "jws", "exchange")),
        Act("a participant's listener gets another name", renamed, finds("request-does-not-match", "server")),
        Act("a server certificate is deleted", lost("store/greenbank/server/certificate.pem"), finds("certificate-missing", "server")),
    ),
    "publish": (
        Act(
            FIRST.what, described, finds("not-published", "ca.pem", "server.pem", "client.csr", "jws.pem", "exchange.pem", "endpoints.json")
        ),
        Act("a participant's listener gets another name", renamed, finds("publication-differs", "server.pem", "endpoints.json")),
        Act("a participant is offboarded", offboarded, finds("publication-differs", "jws-list")),
    ),
    "receive": (
        Act(FIRST.what, described, finds("not-installed", "received/ca.pem", "received/client.csr", "jws-keys")),
        Act("a participant's listener gets another name", renamed, finds("replaced", "received/server.pem", "received/endpoints.json")),
        Act("a participant is offboarded", offboarded, finds("unwanted", "jws-keys")),
    ),
    "sign": (
        Act(FIRST.what, described, finds("not-signed", "client") | finds("crl-missing", "crl")),
        Act("a participant asks with another key, as a person permitted", rekeyed, finds("key-does-not-match", "client")),
        Act("a signed certificate is deleted", lost(ISSUED), finds("not-signed", "client")),
    ),
}
# Modules that work on more than files, each in a test file of its own.
ELSEWHERE = {
    "connector": "../connector/test_transfer.py",
    "firewall": "test_module_states_hosts.py",
    "gateway": "test_module_states_hosts.py",
    "lab": "lab/test_module_states_lab.py",
    "ledger_hub": "../ledger/test_module_states_ledger.py",
    "ledger_participants": "../ledger/test_module_states_ledger.py",
    "oauth_clients": "test_module_states_oauth.py",
    "onboarding_status": "test_module_states_status.py",
    "verification": "lab/test_changes_in_the_lab.py",
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_module_passes_a_state_matrix() -> None:
    folder = Path(description_check.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} == {"certificates", "description_check", *ELSEWHERE}
    texts = {file: (Path(__file__).parent / file).read_text(encoding="utf-8") for file in ELSEWHERE.values()}
    assert [
        name for name, file in ELSEWHERE.items() if not re.search(rf"def test_.*{name}.*_pass(es)?_the_state_matrix", texts[file])
    ] == []


@pytest.mark.parametrize("name", TABLE)
def test_certificates_and_each_of_its_steps_pass_the_state_matrix(place: Place, name: str) -> None:
    matrix = Matrix(lambda check: place.run(name, check=check), place.snapshot)
    for act in TABLE[name]:
        act.happens(place)
        report = matrix.walk(act.what, earlier=lambda: place.run_earlier(name))
        assert report.reasons >= act.finds, act.what
        assert report.changed is bool(act.finds), act.what
        if name == "certificates":
            assert report.awaited == (), act.what
        place.run("certificates")
        matrix.rest(act.what)


# description_check changes nothing, whatever happens to the files: each act is a file added, spoilt or taken away.
CHECKED: dict[str, tuple[Callable[[Place], None], bool, list[str]]] = {
    "create: a participant is added": (
        lambda place: place.description.write("redbank", bank("redbank", 40)),
        True,
        ["bluebank", "greenbank", "redbank"],
    ),
    "change: a participant's file is spoilt": (lambda place: place.description.edit("greenbank", currencies=["usd"]), False, ["bluebank"]),
    "remove: a participant's file is taken away": (lambda place: place.description.remove("greenbank"), True, ["bluebank"]),
}


@pytest.mark.parametrize("act", CHECKED)
def test_description_check_passes_the_state_matrix(place: Place, act: str) -> None:
    happens, right, listed = CHECKED[act]
    happens(place)
    given = {"description": str(place.description.folder), "state": str(place.state)}
    before = place.snapshot()
    for strict in (True, False):
        runs = [call(description_check.main, **given, strict=strict, _ansible_check_mode=check) for check in (True, True, False, False)]
        without_invocation = [{name: value for name, value in run.items() if name != "invocation"} for run in runs]
        assert without_invocation == without_invocation[:1] * 4
        assert runs[0].get("failed", False) is (strict and not right)
        assert not runs[0].get("changed", False)
        assert [participant["id"] for participant in runs[0]["participants"]] == listed
        assert (runs[0]["problems"] == []) is right
    assert place.snapshot() == before
