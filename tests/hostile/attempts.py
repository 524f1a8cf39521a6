# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# ruff: noqa: E501, PTH -- one attempt a line; calls that pathlib has no words for
"""What a participant may try with its publication, and how the hub must answer; each is the good publication with one thing wrong."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hostile.texts import CONTROLS, HAPROXY, NFT, PATHS, SHELL, TEMPLATES
from unit.steps.conftest import Site
from unit.steps.test_steps_hostile import AUTHORITY, Authority, Files, Key, build, good, name, pem, publish

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem, public_pem

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8, TRADITIONAL, OPENSSH = (
    serialization.PrivateFormat.PKCS8,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.PrivateFormat.OpenSSH,
)
PLAIN = serialization.NoEncryption()
FOLDER = "exchange/redbank/participant"
CURVES: dict[str, ec.EllipticCurve] = {
    "ec-p224": ec.SECP224R1(),
    "ec-p521": ec.SECP521R1(),
    "ec-k256": ec.SECP256K1(),
    "ec-p256": ec.SECP256R1(),
}


@dataclass(frozen=True)
class Attempt:
    """What is done to the good publication, and the fault or the awaited approval (artefact, reason) that must be reported for it."""

    title: str
    put: Callable[[Site], None]
    artefact: str
    reason: str
    secret: bytes = b""
    """What must not turn up in the store, the journal or any finding."""


@cache
def kept_key(kind: str) -> Key:
    """Keys are made once."""
    if kind.startswith("ec-"):
        return ec.generate_private_key(CURVES[kind])
    return rsa.generate_private_key({"rsa-e3": 3}.get(kind, 65537), {"rsa-1024": 1024}.get(kind, 2048))


def files(**wrong: bytes) -> Callable[[Site], None]:
    """The good publication with some files replaced; names with _ for the last dot."""
    named = {".".join(key.rsplit("_", 1)): content for key, content in wrong.items()}
    return lambda site: publish(site, good() | named)


def request(*extensions: x509.ExtensionType, common_name: str = "redbank", key: Key | ed25519.Ed25519PrivateKey | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(name_of(common_name))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    chosen = key or kept_key("ec-p256")
    return builder.sign(chosen, None if isinstance(chosen, ed25519.Ed25519PrivateKey) else hashes.SHA256()).public_bytes(PEM)


def name_of(common_name: str) -> x509.Name:
    """A subject whose common name may be anything: what no check of this library would have let pass."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)])


def names(*dns: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(one) for one in dns])


def usage(**wanted: bool) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{one: wanted.get(one, False) for one in every})


def as_pem(der: bytes, label: str) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def flipped(content: bytes) -> bytes:
    der = bytearray(base64.b64decode(b"".join(content.splitlines()[1:-1])))
    der[-3] ^= 1
    return as_pem(bytes(der), "CERTIFICATE REQUEST")


def public_numbers(modulus: int, exponent: int = 65537) -> bytes:
    return public_pem(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def roca_modulus() -> int:
    """A modulus with the fingerprint of CVE-2017-15361: a power of 65537 modulo all the small primes of the attack."""
    primes = [number for number in range(3, 168, 2) if all(number % divisor for divisor in range(3, number, 2))]
    product = 2
    for prime in primes:
        product *= prime
    rest = (1 << 2047) // product + 1
    return product * rest + pow(65537, 7, product)


# --- requests


def requests() -> Iterator[Attempt]:
    """Client certificates that the hub is asked for."""
    for text in (*TEMPLATES, *SHELL, *HAPROXY, *NFT, *PATHS, *CONTROLS, "bluebank", "hub", "switch", "redbank.evil.example", "*"):
        if len(text) <= 64:
            yield Attempt(f"a request for the name {text!a}", files(client_csr=request(common_name=text)), "client", "request-common-name")
    for text in (
        *TEMPLATES,
        *SHELL,
        *HAPROXY,
        *NFT,
        *PATHS,
        "bluebank.example",
        "redbank.example.evil.example",
        "redbank.example\0.evil.example",
    ):
        if text.isascii():
            reason = "request-wildcard" if "*" in text else "request-foreign-name"
            yield Attempt(f"a request for the host {text!a}", files(client_csr=request(names("redbank.example", text))), "client", reason)
    yield from (Attempt(title, files(client_csr=content), artefact, reason) for title, content, artefact, reason in odd_requests())


def odd_requests() -> Iterator[tuple[str, bytes, str, str]]:
    any_usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:fspiop:bluebank")])
    other = x509.SubjectAlternativeName([x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x04root")])
    mail = x509.SubjectAlternativeName([x509.RFC822Name("root@redbank.example")])
    control = request()
    yield "a request for CA:TRUE", request(x509.BasicConstraints(ca=True, path_length=None)), "client", "request-wants-ca"
    yield "a request for keyCertSign", request(usage(key_cert_sign=True)), "client", "request-wants-cert-sign"
    yield "a request for cRLSign", request(usage(crl_sign=True)), "client", "request-wants-cert-sign"
    yield "a request for any usage", request(any_usage), "client", "request-wants-any-usage"
    yield "a request for a wildcard", request(names("*.redbank.example")), "client", "request-wildcard"
    yield "a request for another's identity", request(uri), "client", "request-foreign-name"
    yield "a request for an otherName", request(other), "client", "request-foreign-name"
    yield "a request for an e-mail address", request(mail), "client", "request-foreign-name"
    yield "a request for 100 names", request(names(*(f"{n}.redbank.example" for n in range(100)))), "client", "request-foreign-name"
    yield "a request for 101 names", request(names(*(f"{n}.redbank.example" for n in range(101)))), "publication", "request-names-too-many"
    yield "a request for 10,000 names", request(names(*(f"{n}.redbank.example" for n in range(10_000)))), "publication", "too-large"
    yield "a request for 800 names", request(names(*(f"{n}.redbank.example" for n in range(800)))), "publication", "request-too-large"
    yield "a request of 1 MB", control + b"#" * (1 << 20), "publication", "too-large"
    yield "a request of 17 KiB", b"#" * 17_000 + control, "publication", "request-too-large"
    for kind in ("ec-p224", "ec-p521", "ec-k256", "rsa-1024"):
        yield f"a request with a key of kind {kind}", request(key=kept_key(kind)), "client", "key-kind"
    yield "a request with an exponent of 3", request(key=kept_key("rsa-e3")), "client", "rsa-exponent"
    yield "a request with an Ed25519 key", request(key=ed25519.Ed25519PrivateKey.generate()), "publication", "key-kind"
    yield "a request with the key of its CA", request(key=AUTHORITY.key), "client", "key-of-a-ca"
    yield "a request that proves nothing", flipped(control), "publication", "request-signature"
    yield "two requests", control * 2, "publication", "request-too-many"
    yield "a certificate in its place", good()["server.pem"], "publication", "request-unreadable"
    yield "a request in DER", x509.load_pem_x509_csr(control).public_bytes(DER), "publication", "request-unreadable"
    yield "a request of another label", control.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"), "publication", "request-unreadable"
    yield "an empty request", b"", "publication", "request-unreadable"
    for part in range(1, 20):
        yield f"a request cut at {part}/20", control[: len(control) * part // 20], "publication", "request-unreadable"


# --- private keys


def private_keys() -> Iterator[Attempt]:
    """A private key sent by mistake, in every file and every form."""
    key, number = kept_key("ec-p256"), kept_key("rsa-2048")
    forms = {
        "PKCS#8": key.private_bytes(PEM, PKCS8, PLAIN),
        "SEC 1": key.private_bytes(PEM, TRADITIONAL, PLAIN),
        "PKCS#1": number.private_bytes(PEM, TRADITIONAL, PLAIN),
        "OpenSSH": key.private_bytes(PEM, OPENSSH, PLAIN),
        "encrypted": private_pem(key, b"secret passphrase"),
    }
    for form, content in forms.items():
        secret = content.splitlines()[1]
        for file in sorted(good()):
            label = file.replace(".", "_")
            yield Attempt(f"a private key ({form}) in {file}", files(**{label: content}), "publication", "private-key-received", secret)
            both = good()[file] + content
            yield Attempt(f"a private key ({form}) behind {file}", files(**{label: both}), "publication", "private-key-received", secret)
        yield Attempt(f"a private key ({form}) as a file", with_file("client.key", content), "publication", "private-key-received", secret)
    der = key.private_bytes(DER, PKCS8, PLAIN)
    for file, artefact, reason in (("client.csr", "publication", "request-unreadable"), ("jws.pem", "publication", "unreadable"),
                                   ("server.pem", "server.pem", "unreadable"), ("endpoints.json", "endpoints.json", "unreadable"),
                                   ("client.pem", "client.pem", "unreadable"), ("oauth.p7m", "oauth.p7m", "unreadable")):  # fmt: skip
        yield Attempt(f"a private key in DER in {file}", with_file(file, der), artefact, reason, der)


def with_file(file: str, content: bytes) -> Callable[[Site], None]:
    return lambda site: publish(site, good() | {file: content})


# --- certificates and public keys


def certificates() -> Iterator[Attempt]:
    """CAs, server certificates and JWS keys."""
    for title, wrong, artefact, reason in odd_certificates():
        yield Attempt(title, with_files(wrong), artefact, reason)


def with_files(wrong: Files) -> Callable[[Site], None]:
    return lambda site: publish(site, good() | wrong)


def odd_certificates() -> Iterator[tuple[str, Files, str, str]]:
    weak = build(name("weak CA"), name("weak CA"), kept_key("rsa-1024").public_key(), kept_key("rsa-1024"), ca=True)  # type: ignore[arg-type]
    old = Authority.made(name("other CA"))
    yield "a CA of 1024 bits", {"ca.pem": pem(weak), "server.pem": b""}, "ca.pem", "authority-key-kind"
    yield "two CAs", {"ca.pem": pem(AUTHORITY.certificate, old.certificate)}, "ca.pem", "chain-unrelated"
    yield "seven CAs", {"ca.pem": pem(AUTHORITY.certificate) * 7}, "ca.pem", "too-many"
    yield "an empty CA", {"ca.pem": b""}, "publication", "unreadable"
    yield "a CA cut in half", {"ca.pem": good()["ca.pem"][:400]}, "publication", "unreadable"
    yield "a server certificate of 64 KiB", {"server.pem": good()["server.pem"] + b"#" * 65536}, "publication", "too-large"
    yield "a wildcard server certificate", {"server.pem": AUTHORITY.server("*.other.example")}, "server.pem", "san"
    yield "an empty server certificate", {"server.pem": b""}, "server.pem", "unreadable"
    for text in ("{{ x }}.example", "$(id).example", "redbank.example\0.evil.example", "../redbank.example"):
        yield f"a server certificate for {text!a}", {"server.pem": AUTHORITY.server(text)}, "server.pem", "san"
    roca, factor = roca_modulus(), 7 * ((1 << 2047) // 7 + 1 | 1)
    yield "a JWS key with the ROCA fingerprint", {"jws.pem": public_numbers(roca)}, "publication", "key-weak"
    yield "a JWS key with a small factor", {"jws.pem": public_numbers(factor)}, "publication", "key-weak"
    yield "a JWS key with an exponent of 3", {"jws.pem": public_pem(kept_key("rsa-e3").public_key())}, "publication", "rsa-exponent"
    yield "a JWS key of 1024 bits", {"jws.pem": public_pem(kept_key("rsa-1024").public_key())}, "jws.pem", "key-kind"
    yield "a JWS key on P-224", {"jws.pem": public_pem(kept_key("ec-p224").public_key())}, "jws.pem", "key-kind"
    yield "two JWS keys", {"jws.pem": good()["jws.pem"] * 2}, "publication", "too-many"
    yield "an EC certificate as JWS key", {"jws.pem": good()["server.pem"]}, "jws.pem", "key-kind"
    yield "an empty JWS key", {"jws.pem": b""}, "publication", "unreadable"
    yield "templates as JWS key", {"jws.pem": TEMPLATES[0].encode()}, "publication", "unreadable"


def keys_of_others() -> Iterator[Attempt]:
    """Keys that someone else is known by."""

    def copied(source: str) -> Callable[[Site], None]:
        return lambda site: publish(site, good() | {"jws.pem": site.read(source)})

    def of_certificate(site: Site) -> None:
        certificate = x509.load_pem_x509_certificate(site.read("store/bluebank/exchange/certificate.pem"))
        publish(site, good() | {"jws.pem": certificate.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)})

    yield Attempt("the JWS key of bluebank", copied("store/bluebank/jws/public.pem"), "jws.pem", "key-of-someone-else")
    yield Attempt("the JWS key of the hub", copied("store/hub/jws/public.pem"), "jws.pem", "key-of-someone-else")
    yield Attempt("the exchange key of bluebank as JWS key", of_certificate, "jws.pem", "key-of-someone-else")


# --- endpoints


def endpoints() -> Iterator[Attempt]:
    """What it says of its addresses: never taken over, and shown so that nothing of it is interpreted."""
    right = {"format": 1, "url": "https://redbank.example", "addresses": [], "egress_addresses": ["203.0.113.41/32"]}
    for text in (*TEMPLATES, *SHELL, *HAPROXY, *NFT, *CONTROLS, "https://evil.example"):
        for key, value in (("url", text), ("egress_addresses", [text])):
            content = json.dumps(right | {key: value}).encode()
            reason = "awaiting-approval" if (key, text) == ("url", "https://evil.example") else "unreadable"
            yield Attempt(f"the {key} {text!a}", with_file("endpoints.json", content), "endpoints.json", reason)
    many = json.dumps(right | {"egress_addresses": [f"10.{n // 256}.{n % 256}.0/24" for n in range(4000)]}, separators=(",", ":")).encode()
    yield Attempt(
        "4,000 addresses",
        with_file("endpoints.json", many[:60_000] + b'"]}' if len(many) > 65_000 else many),
        "endpoints.json",
        "awaiting-approval",
    )
    text = json.dumps(right)
    for title, content in {
        "no JSON": b"{", "a list": b"[]", "a number": b"1", "nothing": b"", "deep nesting": b"[" * 60_000, "deep objects": b'{"a":' * 10_000,
        "a huge number": text.replace('"format": 1', '"format": ' + "9" * 50_000).encode(), "NaN": text.replace('"format": 1', '"format": NaN').encode(),
        "Infinity": text.replace('"format": 1', '"format": -Infinity').encode(), "a key twice": text.replace('"url"', '"url": "x", "url"').encode(),
        "half a character": text.replace("https", "\\ud800").encode(), "no UTF-8": b"\xff" + text.encode(), "UTF-16": text.encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(), "an object as URL": text.replace('"https://redbank.example"', "{}").encode(),
        "numbers as addresses": text.replace('"203.0.113.41/32"', "1, 2").encode(), "text as addresses": text.replace('["203.0.113.41/32"]', '"x"').encode(),
        "YAML": b"url: https://redbank.example\negress_addresses: []\n", "a comment": text.encode() + b"// x",
    }.items():  # fmt: skip
        yield Attempt(f"endpoints: {title}", with_file("endpoints.json", content), "endpoints.json", "unreadable")


# --- the folder itself


def folders() -> Iterator[Attempt]:
    """What may stand where a file is expected; the exchange comes by git or from a share."""

    def each(title: str, act: Callable[[Path, Site], None], reason: str = "not-a-plain-file", artefact: str = "publication") -> Attempt:
        def put(site: Site) -> None:
            publish(site, good())
            act(site.path(FOLDER), site)

        return Attempt(title, put, artefact, reason)

    def link(target: str) -> Callable[[Path, Site], None]:
        def act(folder: Path, _site: Site) -> None:
            (folder / "jws.pem").unlink()
            (folder / "jws.pem").symlink_to(target)

        return act

    for target in (
        "/etc/passwd",
        "../../../store/hub/ca/key.pem",
        "nowhere",
        "jws.pem",
        "server.pem",
        "/dev/zero",
        "/proc/self/environ",
        ".",
    ):
        yield each(f"a link to {target}", link(target))
    yield each("a pipe", _pipe)
    yield each("a folder", _folder)
    yield each("a socket", _socket)
    yield each("a second name of a private key", _hard_link, "private-key-received")
    yield each("a file of a gigabyte", lambda folder, _: os.truncate(folder / "jws.pem", 1 << 30), "too-large")
    yield each("1,000 files", _crowd, "file-name")
    yield each("folders 1,500 levels deep", _deep)
    yield each(
        "folders 1,500 levels deep beside it",
        _deep_beside,
        "unreadable",
    )
    yield each("a link in the place of its folder", _linked_folder)
    yield each(
        "a link to a side's store in the place of its folder", lambda folder, site: _link_to(folder, site.path("store/bluebank/jws"))
    )
    yield each("a link above its folder", lambda folder, site: _link_to(folder.parent, site.path("exchange/bluebank")))
    for text in (*TEMPLATES[:4], *SHELL, *CONTROLS, "..pem", "client.csr ", "CLIENT.CSR", "x" * 255, "-x", "\udcff\udcfe"):
        if "/" not in text and "\0" not in text and len(os.fsencode(text)) < 256 and text != ".":
            yield each(f"a file named {text[:40]!a}", _named(text), "file-name")


def _pipe(folder: Path, _site: Site) -> None:
    (folder / "jws.pem").unlink()
    os.mkfifo(folder / "jws.pem")


def _folder(folder: Path, _site: Site) -> None:
    (folder / "jws.pem").unlink()
    (folder / "jws.pem").mkdir()


def _crowd(folder: Path, _site: Site) -> None:
    for number in range(1000):
        (folder / f"{number}.pem").touch()


def _deep_beside(folder: Path, site: Site) -> None:
    _deep(folder.parent, site)
    (folder / "jws.pem").write_bytes(b"")


def _named(name: str) -> Callable[[Path, Site], None]:
    def act(folder: Path, _site: Site) -> None:
        (folder / name).write_bytes(b"x")

    return act


def _socket(folder: Path, _site: Site) -> None:
    here = Path.cwd()
    (folder / "jws.pem").unlink()
    with socket.socket(socket.AF_UNIX) as made:
        # The name of a socket may have 108 bytes only.
        os.chdir(folder)
        try:
            made.bind("jws.pem")
        finally:
            os.chdir(here)


def _hard_link(folder: Path, site: Site) -> None:
    (folder / "jws.pem").unlink()
    os.link(site.path("store/bluebank/client/hub/key.pem"), folder / "jws.pem")


def _deep(folder: Path, _site: Site) -> None:
    made = str(folder)
    for _ in range(1500):
        made += "/d"
        Path(made).mkdir()


def _linked_folder(folder: Path, _site: Site) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def _link_to(folder: Path, target: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(target)


FAMILIES: dict[str, Callable[[], Iterator[Attempt]]] = {
    "requests": requests,
    "private keys": private_keys,
    "certificates": certificates,
    "keys of others": keys_of_others,
    "endpoints": endpoints,
    "folders": folders,
}
