# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One participant's input never ends the run: whatever a reader makes of it is that participant's fault, and the others go on."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cryptography import x509
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.published import BUILT_IN
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import read_public_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import read_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import received_certificates

from .conftest import Site
from .test_steps_hostile import good, hub, publish

__all__ = ["hub"]

VERSIONS = {"client.csr": b"\x02\x01\x00", "ca.pem": b"\xa0\x03\x02\x01\x02", "server.pem": b"\xa0\x03\x02\x01\x02"}
"""How the version stands in each structure: the number is the last byte."""
UTF8_NAME = b"\x0c\x07Redbank"
STRING_TYPES = {
    "T61String": 0x14,
    "PrintableString": 0x13,
    "IA5String": 0x16,
    "UniversalString": 0x1C,
    "BMPString": 0x1E,
    "OCTET STRING": 0x04,
}


def der(pem: bytes) -> bytes:
    return base64.b64decode(re.sub(rb"-----[^-]+-----|\s", b"", pem))


def pem(content: bytes, like: bytes) -> bytes:
    label = re.search(rb"BEGIN ([A-Z ]+)", like)
    assert label
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label[1], base64.encodebytes(content), label[1])


def changed(file: str, before: bytes, after: bytes) -> bytes:
    """A file of the good publication with one thing written otherwise, its length kept."""
    content = der(good()[file])
    assert before in content
    return pem(content.replace(before, after), good()[file])


def odd_files() -> Iterator[tuple[str, str, bytes]]:
    """What is odd, in which file, and the file."""
    for file, version in VERSIONS.items():
        for number in (0, 1, 2, 3, 4, 127, 255):
            if number != version[-1]:
                yield f"version {number + 1}", file, changed(file, version, version[:-1] + bytes([number]))
        for name, tag in STRING_TYPES.items():
            yield name, file, changed(file, UTF8_NAME, bytes([tag, 7]) + b"R\xe9dbank")
        yield "not UTF-8", file, changed(file, UTF8_NAME, b"\x0c\x07R\xe9\xffbank"[:9])
        yield "empty key", file, changed(file, b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x7f")
        yield "unknown kind of key", file, changed(file, b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x7f")
        yield "unknown signature", file, changed(file, b"\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x2a\x86\x48\xce\x3d\x04\x03\x7f")
    for number in range(4):
        content = der(good()["jws.pem"])
        yield f"part {number}", "jws.pem", pem(content[: len(content) * number // 4], good()["jws.pem"])


ODD = list(odd_files())


def others_go_on(site: Site, found: list[Finding]) -> None:
    """Faults are redbank's alone, and the others have what a run gives them."""
    assert {finding.participant for finding in found if finding.disposition is Disposition.FAULT} == {"redbank"}
    for name in ("bluebank", "greenbank"):
        assert site.path(f"store/hub/issued/{name}/client.pem").exists()
        assert site.path(f"store/{name}/client/hub/certificate.pem").exists()


@pytest.mark.parametrize(("what", "file", "content"), ODD[::3], ids=[f"{file}, {what}" for what, file, _ in ODD[::3]])
def test_an_odd_file_is_its_senders_fault(hub: Site, what: str, file: str, content: bytes) -> None:
    publish(hub, {**good(), file: content})
    found = hub.run()
    others_go_on(hub, found)
    reported = [finding for finding in found if finding.disposition is Disposition.FAULT]
    assert all(finding.reason != "unexpected" for finding in reported), reported
    if file == "client.csr" and what.startswith("version"):
        assert [(finding.reason, what in finding.detail) for finding in reported] == [("request-version", True)]
    record_count("odd files of one participant", 1)


@pytest.mark.parametrize(("what", "file", "content"), ODD, ids=[f"{file}, {what}" for what, file, _ in ODD])
def test_every_reader_refuses_or_reads_an_odd_file(what: str, file: str, content: bytes) -> None:
    """The readers alone, for all of them: whatever they raise is an error that a run reports, and names no defect."""
    assert what
    with suppress(OnboardingError):
        if file == "jws.pem":
            read_public_key(content, where=file)
        else:
            received_certificates.check_form(BUILT_IN["client.csr" if file == "client.csr" else "client.pem"], content)


class Panic(BaseException):
    """As cryptography's Rust code raises it: no Exception."""


DEFECTS: tuple[BaseException, ...] = (
    KeyError("n"), TypeError("secret"), AttributeError("secret"), IndexError("secret"), AssertionError("secret"), RecursionError("secret"),
    x509.InvalidVersion("secret", 2), LookupError("secret"), NotImplementedError("secret"), StopIteration("secret"), UnicodeError("secret"),
    ArithmeticError("secret"), ValueError("secret"), RuntimeError("secret"), Panic("secret"),
)  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: type(defect).__name__)
def test_a_defect_that_one_participant_meets_is_reported_and_the_others_go_on(
    hub: Site, monkeypatch: pytest.MonkeyPatch, defect: BaseException
) -> None:
    publish(hub, good())
    meets(monkeypatch, defect)
    found = hub.run()
    others_go_on(hub, found)
    (reported,) = [finding for finding in found if finding.disposition is Disposition.FAULT]
    assert reported.reason == "unexpected"
    assert re.fullmatch(rf"{type(defect).__name__} at [a-z_]+\.py:\d+: a defect of this collection\. Report it\.", reported.detail)
    monkeypatch.undo()
    assert [finding for finding in hub.run() if finding.disposition is Disposition.FAULT] == []


@pytest.mark.parametrize(
    "end", [LeaseHeld("lost"), OSError(5, "disk"), MemoryError(), KeyboardInterrupt(), SystemExit(1)], ids=lambda end: type(end).__name__
)
def test_what_concerns_everybody_ends_the_run(hub: Site, monkeypatch: pytest.MonkeyPatch, end: BaseException) -> None:
    """The control: these are no participant's fault, and going on would do harm."""
    publish(hub, good())
    meets(monkeypatch, end)
    with pytest.raises(type(end)):
        hub.run()


def meets(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The reader of certificate requests raises this for redbank's."""
    theirs = good()["client.csr"]

    def odd(content: bytes, *, where: str = "") -> object:
        if content == theirs or b"redbank" in der(content):
            raise error
        return read_request(content, where=where)

    monkeypatch.setattr(received_certificates, "read_request", odd)
