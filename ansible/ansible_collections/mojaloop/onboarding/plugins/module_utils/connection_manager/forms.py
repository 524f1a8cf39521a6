# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is compared with what a server gives back: by its meaning, not by its line ends or its order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

from cryptography import x509

from ..description.model import Side
from ..errors import SigningRefused
from ..pki.certificates import CertificateUnreadable, certificate_key, certificate_pem, read_certificates
from ..pki.inputs import InputRefused
from ..pki.keys import public_digest, public_pem, read_public_key
from ..pki.requests import read_request
from .service import text_of

Chain = tuple[x509.Certificate, ...]


def chain_of(*texts: str) -> Chain:
    """All certificates of some texts, the issuing CA first and the root last; empty where there is none that can be read."""
    found: list[x509.Certificate] = []
    for text in texts:
        with suppress(CertificateUnreadable):
            found += read_certificates(text.encode())
    return tuple(_ordered(list(dict.fromkeys(found))))


def _ordered(found: list[x509.Certificate]) -> list[x509.Certificate]:
    issuers = {one.issuer for one in found if one.issuer != one.subject}
    first = next((one for one in found if one.subject not in issuers), None)
    chain: list[x509.Certificate] = []
    while first is not None and first not in chain:
        chain.append(first)
        issuer = first.issuer
        first = next((one for one in found if one.subject == issuer and one not in chain), None)
    return chain


def chain_pem(chain: Chain) -> bytes | None:
    """As files of the exchange have it; None for no certificate."""
    return certificate_pem(*chain) if chain else None


def same_certificates(one: bytes | None, other: bytes) -> bool:
    """Whether both hold the same certificates, in any order."""
    return one is not None and set(chain_of(one.decode("ascii", "replace"))) == set(chain_of(other.decode("ascii", "replace")))


def key_of_certificate(text: str) -> str:
    """Digest of the public key of the first certificate of a text; empty where there is none."""
    with suppress(CertificateUnreadable):
        return certificate_key(read_certificates(text.encode())[0])[1]
    return ""


def key_of_request(text: str) -> str:
    """Digest of a request's public key; empty where the request is not one to rely on."""
    with suppress(SigningRefused):
        return public_digest(read_request(text.replace("\r\n", "\n").encode(), where="csr").public_key)
    return ""


def public_key(text: str) -> bytes | None:
    """A JWS key as files of the exchange have it, from a public key or from a certificate around one; None for neither."""
    with suppress(InputRefused):
        return public_pem(read_public_key(text.replace("\r\n", "\n").encode(), where="jws.pem"))
    return None


def addresses(found: Iterable[object]) -> set[str]:
    """Addresses as networks: ``192.0.2.1`` and ``192.0.2.1/32`` are one."""
    networks: set[str] = set()
    for each in found:
        with suppress(ValueError):
            networks.add(str(ip_network(str(each), strict=False)))
    return networks


def carried(found: Iterable[object]) -> set[str]:
    """Those addresses that the server takes: it knows none of IPv6."""
    return {one for one in addresses(found) if ":" not in one}


def not_carried(side: Side, facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """The addresses of a side with what the server does not take, which is as described."""
    endpoint = side.endpoint.addresses if side.endpoint else ()
    described = {"addresses": map(str, endpoint), "egress_addresses": map(str, side.egress_addresses)}
    return {name: list(dict.fromkeys([*facts[name], *(one for one in each if ":" in one)])) for name, each in described.items()}


def endpoints(facts: Mapping[str, Any]) -> bytes:
    """The file ``endpoints.json``."""
    return (json.dumps({"format": 1, **facts}, indent=2, sort_keys=True) + "\n").encode()


def read_endpoints(content: bytes) -> dict[str, Any]:
    """What that file says; empty when it is none."""
    with suppress(ValueError):
        found = json.loads(content)
        return found if isinstance(found, dict) else {}
    return {}


def same_endpoints(one: bytes | None, other: bytes) -> bool:
    """Whether both name the same URL and addresses."""
    found, wanted = read_endpoints(one or b""), read_endpoints(other)
    same = all(addresses(found.get(name, ())) == addresses(wanted.get(name, ())) for name in ("addresses", "egress_addresses"))
    return same and found.get("url") == wanted.get("url")


def first_certificate(found: Mapping[str, Any] | None, name: str) -> bytes | None:
    """The first certificate of a member; as it is where it cannot be read, so that it is judged and refused. None for no text."""
    text = text_of(found, name)
    return chain_pem(chain_of(text)[:1]) or text.encode() or None


def lines(text: str) -> bytes | None:
    """A text with plain line ends; None for an empty one."""
    return text.replace("\r\n", "\n").encode() or None


def texts_of(chain: bytes) -> tuple[str, str]:
    """The root of a chain, and what stands between: the issuing CA first."""
    found = chain_of(chain.decode("ascii", "replace"))
    root, rest = chain_pem(found[-1:]), chain_pem(found[:-1])
    return (root or b"").decode(), (rest or b"").decode()
