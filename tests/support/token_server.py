# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-in for an authorization server's key set (RFC 7517), and tokens signed with its key (RFC 9068)."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .authorities import Authority, digest_of

ISSUER, AUDIENCE = "https://auth.hub.lab", "https://api.hub.lab"


def base64url(content: bytes) -> str:
    """RFC 7515, appendix C."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenServer(ThreadingHTTPServer):
    """Serves one P-256 key over HTTPS on this machine, and signs with it whatever a test asks for."""

    daemon_threads = True

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.authority_file = folder / "authority.pem"
        self.authority_file.write_bytes(authority.pem)
        identity = authority.identity("localhost", server=True)
        own = folder / "server.pem"
        own.write_bytes(identity.certificate + identity.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Broken connections are the other side's business."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}/jwks"

    @property
    def keys(self) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        point = {name: base64url(value.to_bytes(32, "big")) for name, value in (("x", numbers.x), ("y", numbers.y))}
        return {"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "key-1", **point}]}

    def token(self, client: str, certificate: bytes, **changed: Any) -> str:  # noqa: ANN401
        """A token for a client, bound to its certificate (PEM); ``changed`` are other claims, None takes one away."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "client_id": client,
            "scope": "parties quotes transfers",
            "exp": int(time.time()) + 600,
            "cnf": {"x5t#S256": base64url(digest_of(certificate))},
            **changed,
        }
        return self.signed({name: value for name, value in claims.items() if value is not None})

    def signed(self, claims: dict[str, Any]) -> str:
        head = {"alg": "ES256", "kid": "key-1", "typ": "at+jwt"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, TokenServer)
        content = json.dumps(self.server.keys).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""
