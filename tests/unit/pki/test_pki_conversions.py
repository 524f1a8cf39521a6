# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are right and not in PEM: refused with what they are, and the command that is named converts them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError, SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import Where, import_authority, read_chain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import received_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.inputs import REST_OF_CHAIN, InputRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import read_public_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import read_request

PASSPHRASE = b"correct-horse-battery"
MAKE = """set -eu
pass="-passin pass:$1 -passout pass:$1"
openssl req -x509 -new -newkey rsa:3072 -keyout pkcs8.key -passout "pass:$1" -days 3650 -subj '/O=Blue Bank/CN=Blue Bank CA' \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -sha512 -out ca.pem
openssl rsa -in pkcs8.key $pass -aes256 -traditional -out traditional.key
openssl pkcs8 -topk8 -in pkcs8.key $pass -outform DER -out der.key
openssl pkcs12 -export -inkey pkcs8.key -in ca.pem $pass -out store.p12
openssl pkey -in pkcs8.key -passin "pass:$1" -out plain.key
openssl pkey -in pkcs8.key -passin "pass:$1" -pubout -out public.pem
openssl req -new -key plain.key -subj /CN=b -out request.pem
openssl crl2pkcs7 -nocrl -certfile ca.pem -out ca.p7
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrapped")
    subprocess.run(["sh", "-c", MAKE, "sh", PASSPHRASE.decode()], cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


def openssl(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60).stdout


def converted(folder: Path, refused: OnboardingError) -> bytes:
    """What the command of a refusal makes; a passphrase that it asks for comes from standard input, or from an option."""
    _, _, command = refused.remedy.partition("Convert it: ")
    command = command.replace("openssl pkcs8", f"openssl pkcs8 -passin 'pass:{PASSPHRASE.decode()}' -passout 'pass:{PASSPHRASE.decode()}'")
    command = command.replace(
        "openssl pkcs12", f"openssl pkcs12 -passin 'pass:{PASSPHRASE.decode()}' -passout 'pass:{PASSPHRASE.decode()}'"
    )
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True, timeout=60)
    return (folder / "converted.pem").read_bytes()


WRAPPED: dict[str, Callable[[bytes, Path], bytes]] = {
    "DER": lambda pem, folder: openssl(folder, program(pem), *option(pem), "-in", "received", "-outform", "DER"),
    "text in UTF-16": lambda pem, _: pem.decode().encode("utf-16"),
    "base64 without its BEGIN line": lambda pem, _: b"".join(pem.splitlines(keepends=True)[1:-1]),
}
READERS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "certificate": ("ca.pem", lambda pem: received_certificate(pem, where="received")),
    "chain": ("ca.pem", lambda pem: read_chain(pem, where="received")),
    "request": ("request.pem", lambda pem: read_request(pem, where="received")),
    "key": ("public.pem", lambda pem: read_public_key(pem, where="received")),
}


def program(pem: bytes) -> str:
    return "req" if b"REQUEST" in pem else "pkey" if b"PUBLIC" in pem else "x509"


def option(pem: bytes) -> list[str]:
    return ["-pubin"] if b"PUBLIC" in pem else []


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("reader", READERS)
def test_a_file_in_another_form_is_named_and_its_command_converts_it(files: Path, tmp_path: Path, form: str, reader: str) -> None:
    file, read = READERS[reader]
    (tmp_path / "received").write_bytes((files / file).read_bytes())
    wrapped = WRAPPED[form]((files / file).read_bytes(), tmp_path)
    (tmp_path / "received").write_bytes(wrapped)
    with pytest.raises((InputRefused, SigningRefused)) as refused:
        read(wrapped)
    assert f"holds {form};" in refused.value.what
    read(converted(tmp_path, refused.value))


@pytest.mark.parametrize("encoding", ["PEM", "DER"])
def test_pkcs7_is_named_and_its_command_converts_it(files: Path, tmp_path: Path, encoding: str) -> None:
    bundle = openssl(files, "pkcs7", "-in", "ca.p7", "-outform", encoding)
    (tmp_path / "received").write_bytes(bundle)
    with pytest.raises(InputRefused, match="holds PKCS#7") as refused:
        read_chain(bundle, where="received")
    read_chain(converted(tmp_path, refused.value), where="received")


def test_a_whole_chain_in_place_of_one_certificate_is_reported_where_the_rest_belongs(files: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        received_certificate((files / "ca.pem").read_bytes() * 2, where="server.pem")
    assert (refused.value.reason, refused.value.remedy) == ("too-many", REST_OF_CHAIN)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("traditional.key", "key-form"),
        ("der.key", "key-form"),
        ("store.p12", "key-form"),
        ("plain.key", "key-not-encrypted"),
        ("pkcs8.key", ""),
    ],
)
def test_a_ca_key_in_other_wrappings_is_read_or_named_with_its_command(files: Path, tmp_path: Path, file: str, reason: str) -> None:
    certificate, now = (files / "ca.pem").read_bytes(), datetime.now(UTC)

    def take(key: bytes) -> object:
        rule = MOJALOOP.authority
        return import_authority(certificate, b"", key, PASSPHRASE, rule=rule, now=now, where=Where("ca.pem", file))

    content = (files / file).read_bytes()
    if not reason:
        assert take(content)
        return
    with pytest.raises(OnboardingError) as refused:
        take(content)
    assert (refused.value.reason, refused.value.where) == (reason, file)
    (tmp_path / file).write_bytes(content)
    assert take(converted(tmp_path, refused.value))


@pytest.mark.parametrize("content", [b"", b"\x30", b"\x30\x84", b"\x30\x80\x02\x01\x03", b"-----BEGIN X-----", b"text", b"\xff", b"\0\0"])
def test_what_is_nothing_known_is_refused_plainly(content: bytes) -> None:
    with pytest.raises(InputRefused, match=r"holds .*; allowed: PEM of CERTIFICATE"):
        read_chain(content, where="ca.pem")
