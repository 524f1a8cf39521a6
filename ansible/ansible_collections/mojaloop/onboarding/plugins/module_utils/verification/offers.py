# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS clients that offer what an inbound listener must not take, and the proof that they really offer it."""

from __future__ import annotations

import ssl
import warnings

from .model import Offer

NORMAL = Offer()
_EVERYTHING = "ALL:@SECLEVEL=0"
"""OpenSSL offers TLS 1.0 and 1.1 at its lowest level of security only."""
OUTDATED = (
    ("tls-1.0", "TLS 1.0 and nothing newer", Offer(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, _EVERYTHING)),
    ("tls-1.1", "TLS 1.1 and nothing newer", Offer(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1, _EVERYTHING)),
    (
        "tls-without-forward-secrecy",
        "TLS 1.2 with suites without forward secrecy",
        Offer(highest=ssl.TLSVersion.TLSv1_2, suites="kRSA:@SECLEVEL=0"),
    ),
    (
        "tls-without-aead",
        "TLS 1.2 with suites without authenticated encryption",
        Offer(highest=ssl.TLSVersion.TLSv1_2, suites="ECDHE:!AESGCM:!CHACHA20:!AESCCM:!ARIAGCM:!aNULL:!eNULL:!aPSK:!kECDHEPSK:@SECLEVEL=0"),
    ),
)
"""Key, title and offer: the versions and kinds of suite outside the policy (design: TLS 1.2 and 1.3 only, ECDHE with AEAD)."""


def offering(offer: Offer) -> ssl.SSLContext:
    """A TLS client with this offer that trusts no one yet; ValueError when this machine's OpenSSL cannot make it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # outdated versions are what is to be offered
        context.minimum_version, context.maximum_version = offer.lowest, offer.highest
    if offer.suites:
        try:
            context.set_ciphers(offer.suites)
        except ssl.SSLError as error:
            raise ValueError(f"OpenSSL here knows none of {offer.suites}") from error
    return context


def obstacle(offer: Offer) -> str:
    """Why this machine cannot make the offer (a hardened OpenSSL refuses before anything is sent); empty when it can."""
    outgoing = ssl.MemoryBIO()
    try:
        offering(offer).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="listener.invalid").do_handshake()
    except ssl.SSLWantReadError:
        return "" if outgoing.read()[9:11] == _hello_version(offer) else "this machine's OpenSSL offers another version instead"
    except (ssl.SSLError, ValueError) as error:
        return f"this machine's OpenSSL does not offer it: {error}"
    return "this machine's OpenSSL sent nothing"


def _hello_version(offer: Offer) -> bytes:
    """``client_version`` of the ClientHello (RFC 5246 section 7.4.1.2; RFC 8446 section 4.1.2: 1.3 says 1.2 here)."""
    highest = min(ssl.TLSVersion.TLSv1_2, offer.highest) if offer.highest > 0 else ssl.TLSVersion.TLSv1_2
    return int(highest).to_bytes(2, "big")
