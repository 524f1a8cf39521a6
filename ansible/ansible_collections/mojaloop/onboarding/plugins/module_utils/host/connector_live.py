# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of the pre-flight that needs the connector's own host: one handshake with the hub, one token, its cache and backend.

Each fault is a reason code and words for people; no answer's body, secret or token is ever among them.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Tuple
from urllib.parse import SplitResult, quote, urlsplit

TIMEOUT = 10.0
"""Seconds for one connection."""
SKEW = 30
"""Seconds that this host's clock may differ from the authorization server's."""
_LARGEST = 65536
_NO_CONNECTION = (502, 503, 504)
_NOT_THIS_CLIENT = (400, 401)
Fault = Tuple[str, str, str]
"""Reason code, the variable it is about, words for people."""


def live_faults(variables: Mapping[str, str]) -> list[Fault]:
    """Everything wrong with what these variables lead to, in the order in which a connector would meet it."""
    faults = _reachable("CACHE_URL", "cache-unreachable", _cache(variables))
    faults += _reachable("BACKEND_ENDPOINT", "backend-unreachable", _place(variables.get("BACKEND_ENDPOINT", "")))
    return faults + _handshake(variables) + _token(variables)


def _cache(variables: Mapping[str, str]) -> tuple[str, int]:
    url = urlsplit(variables.get("CACHE_URL", ""))
    return url.hostname or "", url.port or 6379


def _place(endpoint: str) -> tuple[str, int]:
    url = urlsplit("//" + endpoint)
    return url.hostname or "", url.port or 80


def _reachable(name: str, reason: str, place: tuple[str, int]) -> list[Fault]:
    try:
        socket.create_connection(place, timeout=TIMEOUT).close()
    except (OSError, ValueError) as error:
        return [(reason, name, f"{place[0]}:{place[1]} does not accept connections: {error}")]
    return []


def _handshake(variables: Mapping[str, str]) -> list[Fault]:
    """One mutual TLS handshake with the hub; behind a gateway it is the gateway's, and the token call goes through it."""
    if variables.get("OUTBOUND_MUTUAL_TLS_ENABLED") != "true":
        return []
    name, place = "PEER_ENDPOINT", _place(variables["PEER_ENDPOINT"])
    try:
        context = _context(variables)
    except (OSError, ValueError, KeyError) as error:
        return [("tls-files", "OUT_CLIENT_CERT_PATH", f"cannot be used: {error}")]
    connection = http.client.HTTPSConnection(place[0], place[1], timeout=TIMEOUT, context=context)
    try:
        # TLS 1.3 refuses a client's certificate after the handshake: only an answer proves that it was taken.
        connection.request("GET", "/")
        connection.getresponse().read(_LARGEST)
    except ssl.SSLCertVerificationError as error:
        return [("hub-certificate", name, f"the hub's certificate is refused: {error.verify_message}")]
    except (ssl.SSLError, ConnectionError, http.client.HTTPException) as error:
        return [("hub-handshake", name, f"the hub ended the handshake: {getattr(error, 'reason', '') or type(error).__name__}")]
    except OSError as error:
        return [("hub-unreachable", name, f"{place[0]}:{place[1]}: {error}")]
    finally:
        connection.close()
    return []


def _context(variables: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in variables["OUT_CA_CERT_PATH"].split(","):
        context.load_verify_locations(path)
    context.load_cert_chain(variables["OUT_CLIENT_CERT_PATH"], variables["OUT_CLIENT_KEY_PATH"])
    return context


def _token(variables: Mapping[str, str]) -> list[Fault]:
    """One token by client credentials, as the SDK asks for it (RFC 6749 section 4.4)."""
    name, url = "OAUTH_TOKEN_ENDPOINT", urlsplit(variables.get("OAUTH_TOKEN_ENDPOINT", ""))
    try:
        status, headers, body = _post(url, variables)
    except ssl.SSLCertVerificationError as error:
        return [("token-certificate", name, f"the certificate is refused: {error.verify_message}")]
    except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
        return [("token-unreachable", name, f"{type(error).__name__}: {error}")]
    faults = _refusal(status, headers, body)
    return [faults] if faults else _judged(headers, body)


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> Fault | None:
    name, refused = "OAUTH_TOKEN_ENDPOINT", headers.get("x-refused-because", "")
    if refused:
        return ("gateway-refused", name, f"the hub's gateway refused the call: {_plain(refused)}")
    if status in _NO_CONNECTION:
        return ("hub-handshake", name, f"the own gateway has no connection to the hub ({status}); its log says why")
    if status in _NOT_THIS_CLIENT:
        return ("token-refused", "OAUTH_CLIENT_SECRET", f"the authorization server refuses the client: {status} {_error(body)}".strip())
    return None if status == http.client.OK else ("token-failed", name, f"was answered with {status}")


def _post(url: SplitResult, variables: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    words = [quote(variables[name], safe="") for name in ("OAUTH_CLIENT_KEY", "OAUTH_CLIENT_SECRET")]
    basic = base64.b64encode(":".join(words).encode()).decode()
    secure = url.scheme == "https"
    connection: http.client.HTTPConnection
    if secure:
        connection = http.client.HTTPSConnection(url.hostname or "", url.port or 443, timeout=TIMEOUT, context=_context(variables))
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=TIMEOUT)
    try:
        headers = {"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", url.path, "grant_type=client_credentials", headers)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read(_LARGEST)
    finally:
        connection.close()


def _judged(headers: Mapping[str, str], body: bytes) -> list[Fault]:
    found = _object(body)
    faults = [] if found and isinstance(found.get("access_token"), str) else [_malformed()]
    skew = _skew(headers.get("date", ""))
    if skew is not None and abs(skew) > SKEW:
        faults.append(("clock-skew", "clock", f"this host's clock differs by {skew:.0f} s from the authorization server's"))
    return faults


def _malformed() -> Fault:
    return ("token-malformed", "OAUTH_TOKEN_ENDPOINT", "the answer holds no access_token")


def _skew(date: str) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError):
        return None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(body: bytes) -> str:
    found = (_object(body) or {}).get("error", "")
    return _plain(found) if isinstance(found, str) else ""


def _plain(text: str) -> str:
    """A code word that another system sent: letters and dashes only."""
    return "".join(each for each in text if each.isalnum() or each in "-_")[:60]
