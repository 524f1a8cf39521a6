# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that reads what others wrote: any bytes end in a value or in an error a person can act on, never in another exception."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hostile.fuzzing import JSON, fields, mutated, nothing_happens, reported
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sides import rsa_key, side
from unit.pki.bench import GREEN, key, rule
from unit.steps.conftest import NOW, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.addresses import parse_address, parse_network, parse_url
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.spec import Refused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.first_contact import Trust, read_contact, receive
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.jws_list import JwsListing, publish_jws_list
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import Manifest, read_manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import Address, publish
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import open_sealed, seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.token_keys import token_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.jws import SignatureRefused, sign_request, verify_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import read_intent, read_registration
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import read_chain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import received_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import read_own_key, read_public_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.policy import SigningCase, check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import read_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.approvals import compare_endpoints
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.registers import held_artefacts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Relation, Run, make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store import layout
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import (
    Issuance,
    KeyEntry,
    KeyRegister,
    SequenceJournal,
    SerialJournal,
    render_record,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Tree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import LATEST, latest_verdicts

PROFILE = settings.get_profile("hostile")
SHARED = settings(PROFILE, suppress_health_check=[HealthCheck.function_scoped_fixture])
ADDRESS = Address("lab", "greenbank", "hub")
GREENS = side("greenbank")


@pytest.fixture(autouse=True)
def _watched(tmp_path: Path) -> Iterator[None]:
    with nothing_happens(tmp_path):
        yield


def in_memory(path: str, content: bytes, root: Path) -> Tree:
    """A tree with one file."""
    tree = Overlay(DiskTree(root))
    tree.write(path, content)
    return tree


# --- keys, certificates, requests


def request_for(names: list[str], common_name: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    return builder.sign(key("ec-p256", "fuzz"), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class NoOne:
    def owner(self, public_digest: str) -> str | None:  # noqa: ARG002 -- the register knows no key
        return None


def judged(pem: bytes) -> object:
    asked = read_request(pem, where="client.csr")
    check(SigningCase(rule("client"), MOJALOOP, GREEN, "hub", asked, asked.public_key, NoOne()))
    return asked


@PROFILE
@given(mutated(request_for(["greenbank.test"], "greenbank")))
def test_any_bytes_of_a_request(pem: bytes) -> None:
    reported(lambda: judged(pem))


def by_der(pem: bytes) -> bytes:
    return x509.load_pem_x509_csr(pem).public_bytes(serialization.Encoding.DER)


@PROFILE
@given(mutated(by_der(request_for(["greenbank.test"], "greenbank"))))
def test_any_structure_of_a_request(der: bytes) -> None:
    reported(lambda: judged(as_pem(der, "CERTIFICATE REQUEST")))


def as_pem(der: bytes, label: str) -> bytes:
    text = base64.encodebytes(der)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), text, label.encode())


@PROFILE
@given(
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20), max_size=5),
    st.text(min_size=1, max_size=30),
)
def test_any_names_in_a_request_are_the_holders_own_or_refused(names: list[str], common_name: str) -> None:
    try:
        pem = request_for(names, common_name)
    except ValueError:
        return
    found = reported(lambda: judged(pem))
    own = {"greenbank", "greenbank.test", "urn:fspiop:greenbank"}
    assert isinstance(found, OnboardingError) is not ({*names, common_name} <= own)


CERTIFICATE, CHAIN, PUBLIC = GREENS.files["exchange.pem"], GREENS.files["ca.pem"], GREENS.files["jws.pem"]
PRIVATE = key("ec-p256", "fuzz").private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SEALED = seal(b'{"client_id": "x"}', GREENS.exchange)
READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "a certificate": (CERTIFICATE, lambda pem: received_certificate(pem, where="server.pem")),
    "a chain": (CHAIN, lambda pem: read_chain(pem, where="ca.pem")),
    "a public key": (PUBLIC, lambda pem: read_public_key(pem, where="jws.pem")),
    "a private key": (PRIVATE, lambda pem: read_own_key(pem, where="key.pem")),
    "a sealed secret": (SEALED, lambda pem: open_sealed(pem, GREENS.exchange_key, GREENS.exchange, where="oauth.p7m")),
}


@pytest.mark.parametrize("kind", READERS)
@SHARED
@given(data=st.data())
def test_any_bytes_in_pem(kind: str, data: st.DataObject) -> None:
    original, read = READERS[kind]
    read(original)
    content = data.draw(mutated(original) | mutated(pem_body(original)).map(lambda der: as_pem(der, label_of(original))))
    reported(lambda: read(content))


def pem_body(pem: bytes) -> bytes:
    lines = pem.split(b"-----")[2]
    return bytes(base64.b64decode(lines))


def label_of(pem: bytes) -> str:
    return pem.split(b"-----")[1].decode().removeprefix("BEGIN ")


# --- the exchange


MANIFEST: dict[str, Any] = {
    "manifest": Manifest("lab", "greenbank", "hub", 1, "", {"ca.pem": "ab" * 32}).content,
    "signature": "AAAA",
}


@PROFILE
@given(fields(MANIFEST) | mutated(json.dumps(MANIFEST).encode()) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_manifest(data: bytes) -> None:
    reported(lambda: read_manifest(data, "manifest.json"))


@pytest.fixture
def published(tmp_path: Path) -> DiskTree:
    tree = DiskTree(tmp_path)
    publish(tree, ADDRESS, GREENS.files, GREENS.exchange_key)
    publish_jws_list(tree, "lab", {"greenbank": PUBLIC}, GREENS.exchange_key)
    return tree


TRUSTS = {
    "first contact": Trust(automatic=True),
    "known": Trust(automatic=True, certificate=GREENS.exchange),
    "plain": Trust(automatic=True, plain=True),
    "no-one": Trust(),
}


@SHARED
@given(data=st.data(), file=st.sampled_from([*GREENS.files, "manifest.json"]), trust=st.sampled_from(sorted(TRUSTS)))
def test_any_bytes_of_any_published_file(published: DiskTree, data: st.DataObject, file: str, trust: str) -> None:
    path = f"{ADDRESS.folder}/{file}"
    content = data.draw(mutated(published.read(path) or b""))
    tree = Overlay(published)
    if trust == "plain":
        tree.remove(ADDRESS.manifest_path)
    tree.write(path, content)
    found = reported(lambda: receive(tree, ADDRESS, TRUSTS[trust]))
    if file != "manifest.json" and trust != "plain" and content != published.read(path):
        assert getattr(found, "reason", "") in {"file-altered", "private-key-received", "manifest-signature", "unreadable", "too-many"}


@SHARED
@given(data=st.data(), file=st.sampled_from(["list.json", "greenbank.pem"]))
def test_any_bytes_of_the_list_of_signing_keys(published: DiskTree, data: st.DataObject, file: str) -> None:
    path = f"exchange/jws/{file}"
    content = data.draw(mutated(published.read(path) or b""))
    tree = Overlay(published)
    tree.write(path, content)
    found = reported(lambda: JwsListing(tree).keys("lab", "bluebank", [GREENS.exchange]))
    if isinstance(found, OnboardingError):
        assert found.reason in {"list-unreadable", "list-signature", "file-altered", "private-key-received"}
    else:
        assert found == {"greenbank": PUBLIC}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = site(tmp_path_factory.mktemp("run"), "bluebank", "greenbank")
    description = load_description(made.root / "description", state=str(made.state))
    return make_run(description, DiskTree(made.state), sides=["hub"], participants=[], now=NOW, dry_run=True)


ENDPOINTS: dict[str, Any] = {
    "format": 1,
    "fspiop_id": "bluebank",
    "url": "https://bluebank.example",
    "addresses": ["203.0.113.20"],
    "egress_addresses": ["203.0.113.21/32"],
}


@SHARED
@given(content=fields(ENDPOINTS) | mutated(json.dumps(ENDPOINTS).encode()) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_published_endpoints(run: Run, content: bytes) -> None:
    run.findings.clear()
    relation = Relation(run.description.hub, run.description.participant("bluebank"))
    reported(lambda: compare_endpoints(run, relation, content))
    for finding in run.findings:
        assert finding.reason in {"awaiting-approval", "unreadable"}
        assert finding.detail.isprintable()
        assert len(finding.detail) < 3000


# --- the journal and the records beside it


DIGEST = "ab" * 32
ISSUANCE = Issuance("hub", "greenbank", "client", "why", "policy", DIGEST, "signed", NOW.isoformat(), DIGEST, NOW.isoformat())
DESCRIBED = load_description(Path(__file__).parents[2] / "inventories" / "lab", state="/nowhere")
RECORDS: dict[str, tuple[str, bytes, Callable[[Tree], object]]] = {
    "a key": (
        layout.key_path(DIGEST),
        render_record(asdict(KeyEntry("greenbank", "client"))),
        lambda tree: KeyRegister(tree).owner(DIGEST),
    ),
    "a sequence": (
        layout.seen_path("hub", "greenbank"),
        render_record({"number": 3, "digest": DIGEST}),
        lambda tree: SequenceJournal(tree).highest(layout.seen_path("hub", "greenbank")),
    ),
    "a signature": (layout.issue_path("hub", 255), render_record(asdict(ISSUANCE)), lambda tree: SerialJournal(tree).issued("hub")),
    "a reservation": (layout.serial_path(255), render_record(asdict(ISSUANCE)), lambda tree: SerialJournal(tree).unrecorded()),
    "a contact": (
        layout.contact_path("hub", "greenbank"),
        render_record({"digest": DIGEST, "provenance": "signed", "exchange_certificates": [CERTIFICATE.decode()]}),
        lambda tree: (contact := read_contact(tree, "hub", "greenbank")) and contact.certificates(),
    ),
    "what is held": (layout.held_path("hub"), render_record({"artefacts": ["ca", "server"]}), lambda tree: held_artefacts(tree, "hub")),
    "a registration": (
        layout.registration_path("greenbank"),
        json.dumps({
            "format": 1, "client_id": "a", "registration_client_uri": "b", "registration_access_token": "c", "issued": "d", "scope": "e",
            "delivered": "",
        }).encode(),
        lambda tree: read_registration(tree, "greenbank"),
    ),
    "an intent": (
        "store/hub/oauth/greenbank.intent.json",
        b'{"format": 1, "action": "create", "client_name": "x", "since": "y"}',
        lambda tree: read_intent(tree, "greenbank"),
    ),
    "evidence": (
        LATEST,
        b'{"format": 1, "verdicts": {"greenbank": true}, "material": {"greenbank": "x"}}',
        lambda tree: latest_verdicts(tree, DESCRIBED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
@SHARED
@given(data=st.data())
def test_any_bytes_of_a_journal_file(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path, original, read = RECORDS[kind]
    read(in_memory(path, original, tmp_path))
    content = data.draw(mutated(original) | fields(json.loads(original)))
    found = reported(lambda: read(in_memory(path, content, tmp_path)))
    assert not isinstance(found, OnboardingError) or isinstance(found, StoreError) or "format" in found.what


@PROFILE
@given(st.text(max_size=12).filter(lambda name: "/" not in name and name not in {"", ".", ".."} and name.isprintable()))
def test_any_name_among_the_journals_files(name: str) -> None:
    root = Path(os.devnull)
    reported(
        lambda: (
            in_memory(f"journal/serials/{name}", render_record(asdict(ISSUANCE)), root)
            and SerialJournal(in_memory(f"journal/serials/{name}", render_record(asdict(ISSUANCE)), root)).unrecorded()
        )
    )


# --- what comes over the wire


SIGNED = sign_request(rsa_key("rsa-2048"), "POST", "https://a.example/parties", {"FSPIOP-Source": "greenbank"}, {"a": 1})
VERIFIER = rsa_key("rsa-2048").public_key()


@PROFILE
@given(
    mutated(SIGNED.headers["fspiop-signature"].encode()) | JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
)
def test_any_message_signature(value: bytes, body: bytes) -> None:
    headers = SIGNED.headers | {"fspiop-signature": value.decode("latin-1")}
    assert isinstance(reported(lambda: verify_request(VERIFIER, headers, body)), SignatureRefused)


JWKS = {"keys": {"kid": "a", "kty": "RSA", "n": "AQAB", "e": "AQAB"}}


@PROFILE
@given(fields(JWKS).map(lambda data: data.replace(b'"keys": {', b'"keys": [{', 1).replace(b"}}", b"}]}", 1)) | mutated(b'{"keys": []}'))
def test_any_set_of_token_keys(data: bytes) -> None:
    reported(lambda: token_keys(data))


@PROFILE
@given(mutated(b'{"access_token": "x", "expires_in": 60}') | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_answer_of_an_authorization_server(body: bytes) -> None:
    reported(lambda: Answer(200, {}, body).json())
    reported(lambda: TokenAnswer(200, "a." + body.decode("latin-1") + ".c").claims)
    reported(lambda: TokenAnswer(200, "a." + base64.urlsafe_b64encode(body).decode().rstrip("=") + ".c").claims)


# --- addresses and URLs


PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "network": (parse_network, "2001:db8::/48"),
    "address": (parse_address, "203.0.113.5"),
    "url": (parse_url, "https://api.example:8443/fspiop"),
}


@pytest.mark.parametrize("kind", PARSERS)
@SHARED
@given(data=st.data())
def test_any_text_for_an_address(kind: str, data: st.DataObject) -> None:
    parse, right = PARSERS[kind]
    edits = mutated(right.encode()).map(lambda content: content.decode("utf-8", "replace"))
    text = data.draw(edits | st.text(st.sampled_from("0123456789abcdef:./[]%-x\u0663\ufffc\u202e \n"), max_size=30) | st.text(max_size=30))

    def once() -> object:
        try:
            return parse(text)
        except Refused as refused:
            raise OnboardingError(str(refused)) from refused

    found = reported(once)
    if not isinstance(found, OnboardingError):
        # One spelling, which is read back as the same: what goes into maps, sets and configurations.
        spelled = str(getattr(found, "text", found))
        assert parse(spelled) == found
        assert spelled.isascii()
        assert not set(spelled) & set(" \t\n\"'`$;{}()<>|&\\#,%@!*?")
        assert "::ffff:" not in spelled
