# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens and signatures that someone without the right key can make out of right ones."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..formats import read_json
from ..jws import sign_request, signature_bytes
from ..pki.keys import PrivateKey, public_pem
from .model import Attempt
from .wrong_requests import BY_BACKEND, Change, Wrong, by_gateway, with_header, without_header

KeyMaker = Callable[[str], PrivateKey]
"""Makes a fresh key of a kind (``rsa-2048``, ``ec-p256``)."""
_SIGNATURE = "fspiop-signature"


def forged_tokens(make: KeyMaker) -> tuple[Wrong, ...]:
    """Tokens made out of the right one, by reason; ValueError from their changes when that is no signed JSON web token (RFC 7519)."""

    def foreign(token: str) -> str:
        head = _token_part(token, 0)
        key = make("ec-p256" if head.get("alg") == "ES256" else "rsa-2048")
        text = token.rpartition(".")[0]
        return f"{text}.{_encode(signature_bytes(key, text.encode()))}"

    cases: tuple[tuple[str, str, str, Callable[[str], str]], ...] = (
        ("unsigned", "without signature (alg none)", "token-algorithm", lambda token: _rehead(token, alg="none").rpartition(".")[0] + "."),
        ("symmetric", "whose header says HS256", "token-algorithm", lambda token: _rehead(token, alg="HS256")),
        ("unknown-key", "of a key no one knows (kid)", "token-key-unknown", lambda token: _rehead(token, kid="no-one")),
        ("foreign-key", "signed again with another key", "token-signature", foreign),
        ("changed", "with one more scope written in", "token-signature", _with_more_scope),
    )
    return tuple(
        Wrong(f"token-{key}", f"token {title}", by_gateway(401, reason), with_header("authorization", _bearer(change)))
        for key, title, reason, change in cases
    )


def forged_signatures(make: KeyMaker, signer: Callable[[], PrivateKey]) -> tuple[Wrong, ...]:
    """Messages whose signature is missing, of another key, of another algorithm, or of other headers than theirs (FSPIOP error 3105).

    Of the ``signer``'s key only the public half is used: as a secret that both sides share, which a careless reader takes it for.
    """

    def symmetric(attempt: Attempt) -> Attempt:
        secret, body = public_pem(signer().public_key()), _encode(attempt.body)
        return with_header(
            _SIGNATURE, lambda value: _resigned(value, "HS256", lambda text: hmac.digest(secret, f"{text}.{body}".encode(), "sha256"))
        )(attempt)

    cases: tuple[tuple[str, str, Change], ...] = (
        ("missing", "no signature", without_header(_SIGNATURE)),
        ("foreign-key", "signature by a key no one knows", lambda attempt: signed_by(make("rsa-2048"), attempt)),
        ("none", "signature with algorithm none", with_header(_SIGNATURE, lambda value: _resigned(value, "none", lambda _: b""))),
        ("symmetric", "signature with the public key as a shared secret (HS256)", symmetric),
        ("other-date", "date changed after signing", with_header("date", lambda _: "Thu, 01 Jan 1970 00:00:00 GMT")),
    )
    return tuple(Wrong(f"signature-{key}", title, BY_BACKEND, change) for key, title, change in cases)


UNADDRESSED = Wrong("signature-no-destination", "destination taken away after signing", BY_BACKEND, without_header("fspiop-destination"))
"""At the hub, whose gateway looks at the source; a participant's gateway refuses this one itself."""


def signed_by(key: PrivateKey, attempt: Attempt) -> Attempt:
    """The same message signed with this key: right in everything else."""
    signed = sign_request(key, attempt.method, attempt.path, dict(attempt.headers), read_json(attempt.body))
    return replace(attempt, headers=tuple(signed.headers.items()), body=signed.body)


def _bearer(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: f"Bearer {change(value.split()[-1])}"


def _token_part(token: str, index: int) -> dict[str, Any]:
    words = token.split(".")
    if len(words) != 3:  # noqa: PLR2004 -- header, claims, signature (RFC 7515 section 3.1)
        raise ValueError("the token is no signed JSON web token")
    found = read_json(_decode(words[index]))
    return found if isinstance(found, dict) else {}


def _rehead(token: str, **changed: str) -> str:
    head = _encode(json.dumps({**_token_part(token, 0), **changed}).encode())
    return f"{head}.{token.partition('.')[2]}"


def _with_more_scope(token: str) -> str:
    claims = _token_part(token, 1)
    head, _, signature = token.split(".")
    more = json.dumps({**claims, "scope": f"{claims.get('scope', '')} admin"})
    return f"{head}.{_encode(more.encode())}.{signature}"


def _resigned(value: str, algorithm: str, signature: Callable[[str], bytes]) -> str:
    """An FSPIOP-Signature with another algorithm in its protected header."""
    protected = read_json(_decode(read_json(value)["protectedHeader"]))
    text = _encode(json.dumps({**protected, "alg": algorithm}).encode())
    return json.dumps({"protectedHeader": text, "signature": _encode(signature(text))})


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
