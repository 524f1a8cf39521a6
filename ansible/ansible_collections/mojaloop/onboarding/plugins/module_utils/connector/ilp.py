# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ILP packets, conditions and fulfilments of a quote, as Mojaloop's own library makes and judges them.

Source: FSPIOP API Definition v1.1 section 4.4 (Interledger Payment Request), Interledger RFC 0027 (packet), RFC 0030 (OER).
Version 1 packets are payments to the payee's account, version 4 packets are prepares for ``g.mojaloop``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import ConnectorError

VERSIONS = ("1", "4")
"""What connectors can speak: payer and payee of a transfer need the same one."""
_PAYMENT, _PREPARE = 1, 12
_MOJALOOP = "g.mojaloop"
_LONG = 0x80
_AMOUNT_BYTES = 8
_WITHOUT = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF")
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = {**dict.fromkeys(_WITHOUT, 0), **dict.fromkeys(_THREE, 3), "CLF": 4, "UYW": 4}
"""Decimal places by currency where they are not two (ISO 4217)."""


@dataclass(frozen=True)
class Agreement:
    """What a payee puts into a quote's answer: the packet, the condition, and the fulfilment that it keeps (base64url)."""

    packet: str
    condition: str
    fulfilment: str


def agreement_v1(transaction: Mapping[str, Any], secret: str, *, sort_keys: bool) -> Agreement:
    """The version 1 agreement; newer libraries sort the transaction's keys. Too many decimal places are cut off, as there."""
    amount = int(_scaled(transaction["amount"]))
    data = _encode(_json(transaction, sort_keys=sort_keys)).encode()
    content = amount.to_bytes(_AMOUNT_BYTES, "big") + _octets(account(transaction["payee"]).encode()) + _octets(data) + b"\0"
    packet = _encode(bytes([_PAYMENT]) + _octets(content))
    return _agreement(packet, _fulfilment(packet.encode(), secret))


def agreement_v4(transaction: Mapping[str, Any], secret: str, expires: datetime) -> Agreement:
    """The version 4 agreement; ConnectorError when the amount has more decimal places than its currency."""
    scaled = _scaled(transaction["amount"])
    if scaled != scaled.to_integral_value():
        raise ConnectorError(f"{transaction['amount']['amount']} has too many decimal places", where="ILP packet", reason="ilp-amount")
    text = _json(transaction, sort_keys=True)
    fulfilment = _fulfilment(base64.b64encode(text), secret)
    moment = expires.astimezone(UTC)
    content = int(scaled).to_bytes(_AMOUNT_BYTES, "big") + f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}".encode()
    content += _decode(condition_of(fulfilment)) + _octets(_MOJALOOP.encode()) + _octets(_encode(text).encode())
    return _agreement(_encode(bytes([_PREPARE]) + _octets(content)), fulfilment)


def account(party: Mapping[str, Any]) -> str:
    """The payee's ILP address, ``g.<fspId>.<type>.<id>[.<sub id>]`` in lower case."""
    words = party["partyIdInfo"]
    parts = (words["fspId"], words["partyIdType"], words["partyIdentifier"], words.get("partySubIdOrType"))
    return ".".join(["g", *(str(part) for part in parts if part)]).lower()


def condition_of(fulfilment: str) -> str:
    """The condition that a fulfilment fulfils: SHA-256 of its bytes."""
    return _encode(hashlib.sha256(_decode(fulfilment)).digest())


def fulfils(fulfilment: str, condition: str) -> bool:
    """Whether a payee's fulfilment belongs to the condition of the quote; what is no base64url does not."""
    try:
        return hmac.compare_digest(condition_of(fulfilment), condition.rstrip("="))
    except (ConnectorError, TypeError):
        return False


def transaction_of(packet: str) -> dict[str, Any]:
    """The transaction object in a packet of either version; ConnectorError (``ilp-packet``) when it cannot be read."""
    try:
        kind, content = _decode(packet)[0], _octets_at(_decode(packet), 1)[0]
        rest = content[_AMOUNT_BYTES:] if kind == _PAYMENT else content[_AMOUNT_BYTES + 17 + 32 :]
        _account, end = _octets_at(rest, 0)
        data, _end = _octets_at(rest, end)
        found = json.loads(_decode(data.decode("ascii")))
    except (ValueError, IndexError) as error:
        raise ConnectorError("cannot be read", where="ILP packet", reason="ilp-packet") from error
    if not isinstance(found, dict):
        raise ConnectorError("holds no transaction", where="ILP packet", reason="ilp-packet")
    return found


def _scaled(money: Mapping[str, str]) -> Decimal:
    try:
        return Decimal(money["amount"]).scaleb(_DECIMALS.get(money["currency"], 2))
    except InvalidOperation as error:
        raise ConnectorError(f"{money['amount']!r} is no amount", where="ILP packet", reason="ilp-amount") from error


def _agreement(packet: str, fulfilment: str) -> Agreement:
    return Agreement(packet, condition_of(fulfilment), fulfilment)


def _fulfilment(message: bytes, secret: str) -> str:
    """The library keys the HMAC with the ASCII of the secret's base64."""
    return _encode(hmac.new(base64.b64encode(secret.encode()), message, hashlib.sha256).digest())


def _json(value: Mapping[str, Any], *, sort_keys: bool) -> bytes:
    return json.dumps(value, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False).encode()


def _octets(content: bytes) -> bytes:
    """A variable-length octet string (ITU-T X.696 section 8.6)."""
    size = len(content)
    if size < _LONG:
        return bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([_LONG | len(length)]) + length + content


def _octets_at(content: bytes, start: int) -> tuple[bytes, int]:
    """The octet string that starts there, and where it ends; ValueError when it is cut off."""
    size, begin = content[start], start + 1
    if size & _LONG:
        begin += size & ~_LONG
        size = int.from_bytes(content[start + 1 : begin], "big")
    if len(content) < begin + size:
        msg = "cut off"
        raise ValueError(msg)
    return content[begin : begin + size], begin + size


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ConnectorError("is not base64url", where="ILP", reason="ilp-packet") from error
