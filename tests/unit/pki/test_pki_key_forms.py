# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests whose key is in another form than certificates have it: refused, for the certificate would be for another encoding."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import read_request

MADE: dict[str, tuple[list[str], list[str]]] = {
    "rsa": (["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], []),
    "rsa-pss": (["genpkey", "-quiet", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], []),
    "ec": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], []),
    "ec, compressed": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-conv_form", "compressed"]),
    "ec, hybrid": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-conv_form", "hybrid"]),
    "ec, explicit curve": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-param_enc", "explicit"]),
}
FORMS = {"rsa": "", "ec": "", "rsa-pss": "request-key-form", "ec, compressed": "request-key-form"}


def request(folder: Path, form: str) -> bytes:
    """A request for a key of this form, made with plain openssl."""
    made, rewritten = MADE[form]
    key = folder / "key.pem"
    subprocess.run(["openssl", *made, "-out", str(key)], check=True, capture_output=True, timeout=60)
    if rewritten:
        subprocess.run(["openssl", "ec", "-in", str(key), "-out", str(key), *rewritten], check=True, capture_output=True, timeout=60)
    command = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=redbank"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize("form", MADE)
def test_a_key_is_taken_in_the_form_that_certificates_have(tmp_path: Path, form: str) -> None:
    pem = request(tmp_path, form)
    if FORMS.get(form) == "":
        assert read_request(pem, where="client.csr").common_name == "redbank"
        return
    with pytest.raises(SigningRefused) as refused:
        read_request(pem, where="client.csr")
    assert refused.value.reason == FORMS.get(form, refused.value.reason)
    assert refused.value.reason in {"request-key-form", "request-unreadable"}
