# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text around what a counterpart publishes: a file is refused, or is stored as written anew and every later reader takes it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway import rules

from .conftest import Site, faults
from .test_steps_hostile import Files, good, hub, publish

__all__ = ["hub"]

CANONICAL = re.compile(rb"(-----BEGIN ([A-Z ]+)-----\n([A-Za-z0-9+/=]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END \2-----\n)+")
FILES = ("ca.pem", "server.pem", "client.csr", "jws.pem")


def lines(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: b"".join(change(line) for line in content.splitlines())


def one_line(content: bytes) -> bytes:
    head, *body, tail = content.splitlines()
    return head + b"\n" + b"".join(body) + b"\n" + tail + b"\n"


def in_columns(width: int) -> Callable[[bytes], bytes]:
    def made(content: bytes) -> bytes:
        head, *body, tail = content.splitlines()
        text = b"".join(body)
        return b"\n".join([head, *(text[at : at + width] for at in range(0, len(text), width)), tail, b""])

    return made


AROUND: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "UTF-8 attributes": lambda content: "Bag Attributes\n    friendlyName: São João CA\n".encode() + content,
    "Latin-1 attributes": lambda content: "friendlyName: São João\n".encode("latin-1") + content,
    "text behind": lambda content: content + "\nfim do ficheiro: São João\n".encode(),
    "every byte before": lambda content: bytes(byte for byte in range(256) if byte not in b"-") + b"\n" + content,
    "NUL behind": lambda content: content + b"\0",
    "CRLF": lines(lambda line: line + b"\r\n"),
    "CR": lines(lambda line: line + b"\r"),
    "no end of line": lambda content: content.rstrip(b"\n"),
    "empty lines": lines(lambda line: line + b"\n\n"),
    "indented": lines(lambda line: b"    " + line + b"\n"),
    "tabs": lines(lambda line: b"\t" + line + b"\n"),
    "quoted": lines(lambda line: b"> " + line + b"\n"),
    "blanks behind": lines(lambda line: line + b"  \n"),
    "one line": one_line,
    "76 columns": in_columns(76),
    "63 columns": in_columns(63),
    "headers": lambda content: content.replace(b"-----\n", b"-----\nComment: S\xc3\xa3o\n\n", 1),
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "UTF-16 without mark": lambda content: content.decode().encode("utf-16-le"),
    "UTF-32": lambda content: content.decode().encode("utf-32"),
    "twice": lambda content: content + b"S\xe3o\n" + content,
}
ACCEPTED = {"byte order mark", "UTF-8 attributes", "Latin-1 attributes", "text behind", "CRLF", "no end of line", "one line", "76 columns"}
"""What people have and every tool takes: to refuse these would be of no use."""


def received(site: Site, name: str) -> bytes | None:
    path = site.path(f"store/hub/received/redbank/{name}")
    return path.read_bytes() if path.exists() else None


def read_by_all(kept: dict[str, bytes]) -> None:
    """As the probes, the gateways and the connectors read them later."""
    ssl.create_default_context(cadata=kept["ca.pem"].decode("ascii"))
    rules.bundle(kept["ca.pem"])
    x509.load_pem_x509_certificate(kept["server.pem"])
    x509.load_pem_x509_csr(kept["client.csr"])
    serialization.load_pem_public_key(kept["jws.pem"])


@pytest.mark.parametrize("around", AROUND)
def test_a_file_with_text_around_is_refused_or_stored_as_written_anew(hub: Site, around: str) -> None:
    plain = good()
    for name in FILES:
        publish(hub, {**plain, name: AROUND[around](plain[name])})
        found = [finding for finding in hub.run() if finding.disposition is Disposition.FAULT]
        assert {finding.participant for finding in found} <= {"redbank"}
        assert {finding.artefact for finding in found} <= {name, "client/hub", "publication"}
        assert {path.name for path in hub.path("store/hub/issued").iterdir()} >= {"bluebank", "greenbank"}
        if around in ACCEPTED:
            assert found == []
        kept = {file: content for file in FILES if (content := received(hub, file)) is not None}
        assert [file for file, content in kept.items() if not CANONICAL.fullmatch(content)] == []
        assert found or set(kept) == set(FILES)
        if set(kept) == set(FILES):
            read_by_all(kept)
        record_count("files with text around them judged", 1)


def test_what_is_stored_is_what_was_published(hub: Site) -> None:
    """The control, and the second run: nothing changes where nothing was around it, nor when it is there again."""
    plain: Files = good()
    publish(hub, plain)
    hub.run()
    assert {name: received(hub, name) for name in FILES} == {name: plain[name] for name in FILES}
    publish(hub, {name: b"\xef\xbb\xbf" + content for name, content in plain.items()})
    assert [finding for finding in hub.run() if finding.reason in {"replaced", "not-installed"}] == []
    assert {name: received(hub, name) for name in FILES} == {name: plain[name] for name in FILES}


def test_text_on_both_sides_is_left_out(hub: Site) -> None:
    chain = good()["ca.pem"]
    publish(hub, {**good(), "ca.pem": b"S\xe3o\n" + chain + b"\xff\xfe\n"})
    assert faults(hub.run()) == []
    assert received(hub, "ca.pem") == chain
