# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's installation and a bank's, each with all its steps, and a Connection Manager that signs with a CA of its own between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from contract.transport.drivers import BANK, apart, described
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.connection_manager import pki
from support.connection_manager.api import serving
from support.connection_manager.bench import CASE
from support.connection_manager.era3 import Era3
from unit.steps.conftest import Site, _keys, _unsynced, changes, faults, marks, pending  # noqa: F401 -- cheap keys here too

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.access import Access
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import (
    ConnectionManagerServer,
    ManagerAuthentication,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding

pytestmark = pytest.mark.xdist_group("connection-manager")


def run(one: Site, *, check: bool = False) -> list[Finding]:
    """All steps, now: the server's clock is this machine's."""
    return one.run(now=datetime.now(UTC), check=check)


class Installed:
    """Both installations and the server."""

    def __init__(self, root: Path, server: Era3) -> None:
        self.server = server
        self.hub, self.bank = apart(root, "connection-manager", connection_manager={"url": server.url})
        for one, side in ((self.hub, "hub"), (self.bank, BANK)):
            for values in (one.hub["hub"], one.participants[BANK]):
                values["keys"] = {"tls": "rsa-2048", "jws": "rsa-2048"}
                values["ca"] = {"kind": "internal", "key": "rsa-3072"}
            described(one, side)

    def trips(self, number: int = 4) -> None:
        """Runs of each in turn."""
        for _ in range(number):
            run(self.hub)
            run(self.bank)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """A server that has seen nothing, and two installations."""
    with serving(Era3(switch_fqdn="api.switch.example")) as server:
        assert isinstance(server, Era3)
        yield Installed(tmp_path, server)
        assert server.contract.violations == []


def test_the_server_signs_once_what_the_policy_permits_and_both_have_it(installed: Installed) -> None:
    installed.trips()
    issued = installed.hub.read(f"store/hub/issued/{BANK}/client.pem")
    assert installed.bank.read(f"store/{BANK}/client/hub/certificate.pem") == issued
    authority = pki.pem(installed.server.authorities[0].certificate).encode()
    assert installed.hub.read("store/hub/connection-manager-ca.pem") == authority
    assert installed.bank.read(f"store/{BANK}/received/hub/ca.pem") == authority
    assert installed.bank.read(f"store/{BANK}/jws-keys/switch.pem") == installed.hub.read("store/hub/jws/public.pem")
    assert (faults(run(installed.hub)), faults(run(installed.bank))) == ([], [])
    assert installed.server.bundles[BANK]["fqdn"] == f"{BANK}.example"


def test_ten_more_runs_send_nothing(installed: Installed) -> None:
    installed.trips()
    before, states = installed.server.writes, [marks(one.state) for one in (installed.hub, installed.bank)]
    installed.trips(10)
    assert installed.server.writes == before
    assert [marks(one.state) for one in (installed.hub, installed.bank)] == states
    dfsp = installed.server.dfsps[BANK]
    assert (len(installed.server.authorities), len(dfsp.inbound), len(dfsp.outbound), len(installed.server.issued)) == (1, 1, 1, 2)


def test_check_mode_asks_the_server_and_changes_nothing(installed: Installed) -> None:
    installed.trips(1)
    before = list(installed.server.writes)
    planned = run(installed.hub, check=True)
    assert installed.server.writes == before
    assert changes(planned)
    real = changes(run(installed.hub))
    assert [found for found in changes(planned) if found not in real] == []


def test_a_request_that_the_policy_refuses_is_not_signed(installed: Installed) -> None:
    run(installed.hub)
    run(installed.bank)
    stranger = pki.make_request(pki.new_key(400), {"CN": "bluebank"}, ["api.bluebank.example"])
    dfsp = installed.server.dfsps[BANK]
    number = max(dfsp.inbound) + 1
    dfsp.inbound[number] = {**dfsp.inbound[max(dfsp.inbound)], "id": number, "csr": pki.pem(stranger)}
    found = run(installed.hub)
    assert ("hub", "client", "request-foreign-name") in faults(found)
    assert not any("/sign" in each for each in installed.server.writes)
    del dfsp.inbound[number]
    assert ("hub", "client", "request-foreign-name") not in faults(run(installed.hub))
    assert sum("/sign" in each for each in installed.server.writes) == 1


def test_a_request_that_the_server_finds_wrong_is_not_signed(installed: Installed) -> None:
    installed.server.key_bits = 4096
    installed.trips(2)
    assert not any("/sign" in each for each in installed.server.writes)
    assert any(artefact == "client" for _side, artefact, _reason in faults(run(installed.hub)))


def test_a_client_that_signs_the_hubs_request_again_and_again_changes_nothing_here(installed: Installed) -> None:
    installed.trips()
    before = list(installed.server.writes)
    state = marks(installed.hub.state)
    (enrollment,) = installed.server.dfsps[BANK].outbound.values()
    again = enrollment["certificate"].replace("\n", "\r\n")
    enrollment["certificate"] = again
    assert changes(run(installed.hub)) == []
    assert (installed.server.writes, marks(installed.hub.state)) == (before, state)


def test_a_server_that_is_down_is_one_clear_fault_and_the_next_run_goes_on(installed: Installed) -> None:
    installed.trips()
    there, installed.hub.hub["hub"]["connection_manager"] = (
        installed.hub.hub["hub"]["connection_manager"],
        {"url": "http://127.0.0.1:9/api"},
    )
    described(installed.hub, "hub")
    found = faults(run(installed.hub))
    assert {(side, artefact) for side, artefact, _reason in found} <= {("hub", "publication"), ("hub", "client")}
    assert found
    installed.hub.hub["hub"]["connection_manager"] = there
    described(installed.hub, "hub")
    assert faults(run(installed.hub)) == []


def test_what_the_server_has_no_object_for_may_be_copied_by_hand(installed: Installed) -> None:
    installed.trips()
    own = installed.bank.read(f"exchange/{BANK}/participant/exchange.pem")
    installed.hub.path(f"exchange/{BANK}/participant/exchange.pem").write_bytes(own)
    assert faults(run(installed.hub)) == []
    assert installed.hub.read(f"store/hub/received/{BANK}/exchange.pem") == own
    state = marks(installed.hub.state)
    assert (changes(run(installed.hub)), marks(installed.hub.state)) == ([], state)


def test_an_oauth_client_is_made_once_and_kept_for_the_connector(installed: Installed) -> None:
    installed.bank.participants[BANK]["transport"] = {"kind": "connection-manager", "oauth_token_url": "https://iam.switch.example/token"}
    described(installed.bank, BANK)
    run(installed.hub)
    planned = run(installed.bank, check=True)
    assert installed.server.clients_of_dfsps == {}
    assert (BANK, "client", "not-delivered") in changes(planned)
    installed.trips(3)
    kept = json.loads(installed.bank.read(f"store/{BANK}/oauth/credentials.json"))
    client = installed.server.clients_of_dfsps[BANK]
    assert (kept["client_id"], kept["client_secret"]) == (client["clientId"], client["clientSecret"])
    assert kept["token_url"] == "https://iam.switch.example/token"
    assert [each for each in installed.server.writes if each.endswith("/credentials")] == [f"POST /dfsps/{BANK}/credentials"]


def test_an_oauth_client_whose_making_was_not_answered_is_not_made_again(installed: Installed) -> None:
    installed.bank.participants[BANK]["transport"] = {"kind": "connection-manager", "oauth_token_url": "https://iam.switch.example/token"}
    described(installed.bank, BANK)
    installed.server.intercept = lambda call: "500" if call.method == "POST" and call.template.endswith("/credentials") else ""
    installed.trips(3)
    assert sum(each.endswith("/credentials") for each in installed.server.writes) == 1
    assert installed.bank.path(f"store/{BANK}/oauth/credentials.json").exists()


def test_runs_at_once_come_to_the_same_end(installed: Installed) -> None:
    """Twice the hub's run, of which one waits for the other's lease, and the bank's beside them."""
    for _ in range(5):
        with ThreadPoolExecutor(3) as pool:
            assert [faults(found) for found in pool.map(run, (installed.hub, installed.bank, installed.hub))] == [[], [], []]
    before = list(installed.server.writes)
    installed.trips(1)
    dfsp = installed.server.dfsps[BANK]
    assert installed.server.writes == before
    assert (len(installed.server.authorities), len(dfsp.inbound), len(dfsp.outbound), len(installed.server.issued)) == (1, 1, 1, 2)
    assert installed.bank.read(f"store/{BANK}/client/hub/certificate.pem") == installed.hub.read(f"store/hub/issued/{BANK}/client.pem")


def test_keys_of_those_who_exchange_elsewhere_are_published_there_and_follow_a_change(installed: Installed) -> None:
    installed.trips()
    name = "elsewhere"
    first, second = (pki.new_key(n).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for n in (410, 411))
    case = replace(CASE, now=datetime.now(UTC))
    with Access(ConnectionManagerServer(installed.server.url, "tests"), ManagerAuthentication(), dry_run=False).open() as server:
        for key in (first, first, second):
            for task in server.peer_tasks(case, {name: key}):
                if not task.done():
                    task.carry_out(dry_run=False)
            assert server.keys()[name] == key
    assert sum(each == "POST /external-dfsps/jwscerts" for each in installed.server.writes) == 2
