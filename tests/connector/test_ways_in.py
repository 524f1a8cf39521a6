# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two banks that have come by bundle and with a Payment Manager pay each other through all gateways and the real ledger.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from support.transfers import EXPECTED
from support.ways_in import BANK, HOSTED, WaysIn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("transfer-lab")]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaysIn]:
    """Both banks, onboarded as each does it, with their connectors running."""
    made = WaysIn(tmp_path_factory.mktemp("ways"))
    try:
        made.raised.done("lab.yml")
        made.start_servers()
        _onboard(made)
        yield made
    finally:
        made.raised.done("lab.yml", "-e", "lab_state=absent")
        made.end()


def _onboard(made: WaysIn) -> None:
    """The first trips without playbooks, because nothing of them is on a host yet; what travels is the same."""
    made.bank.steps()
    made.to_hub()
    made.hub.steps(BANK)
    _hand_in_authority(made)
    made.to_bank()
    made.bank.steps()
    made.to_hub()
    made.hub.done("onboard.yml")
    made.start_client()
    made.await_client("switch", BANK, certified=False)
    made.hub.done("onboard.yml")
    made.to_bank()
    made.bank.done("onboard.yml")
    made.raised.done("lab.yml")
    made.await_client("switch", BANK, HOSTED, certified=True)
    made.start_connector()


def _hand_in_authority(made: WaysIn) -> None:
    """Connection Manager signs with the hub's own CA, so that its participants trust the hub's gateway: once, by a person."""
    folder = made.state / "store" / "hub"
    key = load_pem_private_key((folder / "ca" / "key.pem").read_bytes(), (folder / "ca.passphrase").read_bytes())
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    root = (folder / "ca" / "certificate.pem").read_text(encoding="ascii")
    made.ask_manager("PUT", "/hub/ca", {"rootCertificate": root, "privateKey": text})


@pytest.mark.parametrize(("payer", "payee"), [(BANK, HOSTED), (HOSTED, BANK)])
def test_a_transfer_completes_between_a_bank_by_bundle_and_one_with_a_payment_manager(ways: WaysIn, payer: str, payee: str) -> None:
    before = ways.lab.positions()
    payment = ways.lab.pay(payer, payee, "10.5")
    assert payment.state == "COMPLETED", payment.answer
    assert (payment.forwarded, payment.signatures, payment.ilp_holds) == (EXPECTED, 5, True)
    moved = {name: str(after - before[name]) for name, after in ways.lab.positions().items()}
    assert moved == {payer: "10.5000", payee: "-10.5000"}


def test_every_request_and_answer_of_connection_manager_was_as_published(ways: WaysIn) -> None:
    assert ways.stopped("connection-manager") == (0, "ready\n")
