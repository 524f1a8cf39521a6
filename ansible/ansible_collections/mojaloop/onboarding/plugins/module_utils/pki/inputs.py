# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counterparts hand in: size limits, PEM blocks of the expected kind alone, and never a private key."""

from __future__ import annotations

import re

from ..errors import ExchangeError, Refusal
from .conversions import conversion

KIBI = 1024
LONGEST_SHOWN = 200
"""Characters of what a file holds, as a refusal tells it."""
REST_OF_CHAIN = "Leave the first certificate, and publish those of the CAs behind it in ca.pem."
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")


class InputRefused(Refusal, ExchangeError):
    """A counterpart's file is refused; ``reason`` is the stable code (``private-key-received``, ``too-large`` …)."""


def check_input(data: bytes, *, labels: tuple[str, ...], most: int, limit: int, where: str) -> None:
    """InputRefused unless ``data`` has at most ``limit`` bytes and holds 1 to ``most`` PEM blocks, all with one of these labels.

    Reason codes: ``too-large``, ``private-key-received``, ``unreadable``, ``too-many``.

    Text around the blocks (as ``openssl -text`` writes it) is allowed. A private key is named as such and never repeated.
    """
    if len(data) > limit:
        raise InputRefused("too-large", f"has {len(data):,} bytes; allowed: {limit:,}", where=where)
    if b"PRIVATE KEY" in data:
        raise InputRefused(
            "private-key-received",
            "holds a private key; allowed: public material only",
            where=where,
            remedy="The key counts as disclosed: its owner removes this file, makes a new key pair and retires this one.",
        )
    found = [label.decode("ascii") for label in _BLOCK.findall(data)]
    if not found or not set(found) <= set(labels):
        form, command = conversion(data, labels[0], where)
        kinds = form or ", ".join(dict.fromkeys(found))[:LONGEST_SHOWN] or "no PEM block"
        remedy = f"Convert it: {command}" if command else ""
        raise InputRefused("unreadable", f"holds {kinds}; allowed: PEM of {' or '.join(labels)}", where=where, remedy=remedy)
    if len(found) > most:
        remedy = REST_OF_CHAIN if most == 1 and labels == ("CERTIFICATE",) else ""
        raise InputRefused("too-many", f"holds {len(found)} PEM blocks; allowed: {most}", where=where, remedy=remedy)
