# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoint types of the ledger, and what each holds for a participant.

The ``{{…}}`` are Mustache for the switch, which fills them in for each message; they reach the ledger letter by letter.
Source: Mojaloop central-ledger 19.5, table endpointType, and the provisioning collections of the Mojaloop Testing Toolkit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

_PREFIX = "FSPIOP_CALLBACK_URL_"
_PARTY = "{{partyIdType}}/{{partyIdentifier}}"
_SUB = _PARTY + "/{{partySubIdOrType}}"
_BARE = ("AUTHORIZATIONS", "QUOTES", "BULK_QUOTES", "TRX_REQ_SERVICE", "FX_QUOTES")
"""Types whose value is the base URL alone: the service appends the path."""
_PATHS: Mapping[str, str] = {
    "PARTICIPANT_PUT": f"/participants/{_PARTY}",
    "PARTICIPANT_PUT_ERROR": f"/participants/{_PARTY}/error",
    "PARTICIPANT_DELETE": f"/participants/{_PARTY}",
    "PARTICIPANT_BATCH_PUT": "/participants/{{requestId}}",
    "PARTICIPANT_BATCH_PUT_ERROR": "/participants/{{requestId}}/error",
    "PARTICIPANT_SUB_ID_PUT": f"/participants/{_SUB}",
    "PARTICIPANT_SUB_ID_PUT_ERROR": f"/participants/{_SUB}/error",
    "PARTICIPANT_SUB_ID_DELETE": f"/participants/{_SUB}",
    "PARTIES_GET": f"/parties/{_PARTY}",
    "PARTIES_PUT": f"/parties/{_PARTY}",
    "PARTIES_PUT_ERROR": f"/parties/{_PARTY}/error",
    "PARTIES_SUB_ID_GET": f"/parties/{_SUB}",
    "PARTIES_SUB_ID_PUT": f"/parties/{_SUB}",
    "PARTIES_SUB_ID_PUT_ERROR": f"/parties/{_SUB}/error",
    "TRANSFER_POST": "/transfers",
    "TRANSFER_PUT": "/transfers/{{transferId}}",
    "TRANSFER_ERROR": "/transfers/{{transferId}}/error",
    "BULK_TRANSFER_POST": "/bulkTransfers",
    "BULK_TRANSFER_PUT": "/bulkTransfers/{{id}}",
    "BULK_TRANSFER_ERROR": "/bulkTransfers/{{id}}/error",
    "FX_TRANSFER_POST": "/fxTransfers",
    "FX_TRANSFER_PUT": "/fxTransfers/{{commitRequestId}}",
    "FX_TRANSFER_ERROR": "/fxTransfers/{{commitRequestId}}/error",
}
_EMAILS = ("SETTLEMENT_TRANSFER_POSITION_CHANGE_EMAIL", "NET_DEBIT_CAP_ADJUSTMENT_EMAIL", "NET_DEBIT_CAP_THRESHOLD_BREACH_EMAIL")


def callbacks(base: str) -> dict[str, str]:
    """Every callback type and its URL below ``base``; none without a base."""
    return dict(_callbacks(base)) if base else {}


def _callbacks(base: str) -> Iterator[tuple[str, str]]:
    yield from ((_PREFIX + name, base) for name in _BARE)
    yield from ((_PREFIX + name, base + path) for name, path in _PATHS.items())


def notifications(addresses: Iterable[str]) -> dict[str, str]:
    """The e-mail types and their recipients, separated by commas as in a mail's To; none without addresses."""
    recipients = ",".join(addresses)
    return dict.fromkeys(_EMAILS, recipients) if recipients else {}
