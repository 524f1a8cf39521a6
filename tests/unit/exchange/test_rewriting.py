# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accepted files that are no certificates: stored without anything around what was read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from support.sides import side

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.published import CREDENTIALS, ENDPOINTS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.rewriting import written_anew
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import open_sealed, seal

GREEN = side("greenbank")
SECRET = b'{"client_secret": "s"}'
SEALED = seal(SECRET, GREEN.exchange)
AROUND: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "Latin-1 before": lambda pem: b"S\xe3o\n" + pem,
    "text behind": lambda pem: pem + b"\xff\xfe\n",
    "CRLF": lambda pem: pem.replace(b"\n", b"\r\n"),
    "label of openssl cms": lambda pem: pem.replace(b"PKCS7", b"CMS"),
    "one line": lambda pem: pem.replace(b"\n", b"").replace(b"-----MII", b"-----\nMII").replace(b"-----END", b"\n-----END"),
    "blanks behind": lambda pem: pem.replace(b"\n", b"  \n").replace(b"-----  \n", b"-----\n"),
    "no end of line": lambda pem: pem.rstrip(b"\n"),
}


def test_what_is_right_stays_as_it_is() -> None:
    assert written_anew(CREDENTIALS, SEALED) == SEALED


@pytest.mark.parametrize("around", AROUND)
def test_a_sealed_secret_is_written_anew_and_opens(around: str) -> None:
    published = AROUND[around](SEALED)
    assert published != SEALED
    kept = written_anew(CREDENTIALS, published)
    assert kept == SEALED
    assert open_sealed(kept, GREEN.exchange_key, GREEN.exchange, where=CREDENTIALS) == SECRET
    parsed = subprocess.run(
        ["openssl", "cms", "-cmsout", "-print", "-inform", "PEM"], input=kept, capture_output=True, timeout=60, check=True
    )
    assert b"envelopedData" in parsed.stdout


@pytest.mark.parametrize("wrong", [b"", b"text", SEALED.replace(b"-----\nM", b"-----\nProc-Type: 4\n\nM"), SEALED.replace(b"M", b"*", 1)])
def test_what_is_no_block_of_base64_is_refused(wrong: bytes) -> None:
    with pytest.raises(PublicationRefused) as refused:
        written_anew(CREDENTIALS, wrong)
    assert refused.value.reason == "sealed-unreadable"


@pytest.mark.parametrize(
    "text", ['{"url":"https://b.example","egress_addresses":[]}', ' {"egress_addresses" : [],\r\n"url": "https://b.example"}\n\n']
)
def test_endpoints_are_written_in_one_form(text: str) -> None:
    kept = written_anew(ENDPOINTS, text.encode())
    assert json.loads(kept) == json.loads(text)
    assert kept == written_anew(ENDPOINTS, kept)
    assert kept == b'{\n  "egress_addresses": [],\n  "url": "https://b.example"\n}\n'
