# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets leave a text before people read it: evidence and errors quote what other systems answered."""

from __future__ import annotations

import re

HIDDEN = "***"
_NAMES = r"(?:access_token|refresh_token|id_token|registration_access_token|client_secret|client_assertion|secret|password|passphrase)"
_RULES = (
    (re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*"), HIDDEN),
    (
        re.compile(r"\b((?:proxy-)?authorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?:bearer|basic|dpop)\s+)[^\s\"'\\,]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(\b{_NAMES}\\?[\"']?\s*:\s*)(\\?\").*?(?:\2|\Z)", re.DOTALL), rf"\1\2{HIDDEN}\2"),
    (re.compile(rf"(\b{_NAMES}=)[^&\s\"']+"), rf"\1{HIDDEN}"),
)
"""Private keys (RFC 7468), JSON web tokens (RFC 7519), credentials in headers (RFC 9110), in JSON and in forms; also cut off at the end."""


def redacted(text: str) -> str:
    """The text with every private key, token and client secret replaced by ``***``; signatures of messages are public and stay."""
    for rule, replacement in _RULES:
        text = rule.sub(replacement, text)
    return text
