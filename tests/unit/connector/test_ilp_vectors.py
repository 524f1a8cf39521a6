# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ILP agreements against vectors made with the published @mojaloop/sdk-standard-components (17.4.0 and 19.19.1)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector import ilp
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ConnectorError

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "ilp_vectors.json").read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = DATA["vectors"]
MADE = [vector for vector in VECTORS if "output" in vector]
REFUSED = [vector for vector in VECTORS if "output" not in vector]


def _name(vector: dict[str, Any]) -> str:
    return f"{vector['library']} {vector['currency']} {vector['amount']}"


def _agreement(vector: dict[str, Any], transaction: dict[str, Any]) -> ilp.Agreement:
    if vector["library"].endswith("v4"):
        expires = datetime.fromisoformat(vector["quoteResponse"]["expiration"])
        return ilp.agreement_v4(transaction, DATA["secret"], expires)
    return ilp.agreement_v1(transaction, DATA["secret"], sort_keys=vector["library"].startswith("19"))


def test_all_vectors_are_here() -> None:
    assert (len(MADE), len(REFUSED)) == (20, 1)


@pytest.mark.parametrize("vector", MADE, ids=_name)
def test_the_agreement_is_the_librarys_byte_by_byte(vector: dict[str, Any]) -> None:
    made = _agreement(vector, vector["transactionObject"])
    output = vector["output"]
    assert (made.packet, made.condition, made.fulfilment) == (output["ilpPacket"], output["condition"], output["fulfilment"])
    assert ilp.transaction_of(made.packet) == vector["transactionObject"]
    assert ilp.fulfils(output["fulfilment"], output["condition"])


@pytest.mark.parametrize("vector", MADE, ids=_name)
def test_another_amount_or_secret_gives_another_condition(vector: dict[str, Any]) -> None:
    transaction = {**vector["transactionObject"], "note": "another"}
    assert _agreement(vector, transaction).condition != vector["output"]["condition"]


@pytest.mark.parametrize("vector", MADE, ids=_name)
def test_a_tampered_fulfilment_is_refused(vector: dict[str, Any]) -> None:
    fulfilment = vector["output"]["fulfilment"]
    tampered = ("B" if fulfilment[0] == "A" else "A") + fulfilment[1:]
    assert not ilp.fulfils(tampered, vector["output"]["condition"])
    assert not ilp.fulfils("not base64url!", vector["output"]["condition"])


@pytest.mark.parametrize("vector", MADE[:3], ids=_name)
@pytest.mark.parametrize("cut", [1, 9, 40])
def test_a_packet_that_is_cut_off_is_refused(vector: dict[str, Any], cut: int) -> None:
    with pytest.raises(ConnectorError) as caught:
        ilp.transaction_of(vector["output"]["ilpPacket"][:-cut])
    assert caught.value.reason == "ilp-packet"


def test_too_many_decimal_places_are_an_error_in_version_4() -> None:
    transaction = next(vector for vector in MADE if vector["amount"] == "10.555")["transactionObject"]
    with pytest.raises(ConnectorError) as caught:
        ilp.agreement_v4(transaction, DATA["secret"], datetime.fromisoformat("2026-06-23T10:20:00Z"))
    assert caught.value.reason == "ilp-amount"
