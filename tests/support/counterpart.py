# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers behind which a test can see who called: a counterpart's listener by certificate, an authorization server by client."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Identity


class Server(ThreadingHTTPServer):
    """HTTPS on loopback; what a request is answered is up to ``answer``."""

    daemon_threads = True

    def __init__(self, identity: Identity, callers: bytes, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        file = folder / f"server-{self.server_port}.pem"
        file.write_bytes(identity.certificate + identity.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if callers:
            context.load_verify_locations(cadata=callers.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """Status and body."""
        raise NotImplementedError

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Broken connections are the other side's business."""


class Counterpart(Server):
    """Answers those whose client certificate it accepts at the moment, and refuses others with 403."""

    def __init__(self, identity: Identity, callers: bytes, folder: Path) -> None:
        self.accepted: frozenset[str] = frozenset()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.answered = 0
        super().__init__(identity, callers, folder)

    def accept(self, *identities: Identity) -> None:
        """From now on accept these and no one else."""
        self.accepted = frozenset(_fingerprint(identity) for identity in identities)

    def seen(self, egress: str, identity: Identity) -> int:
        """How many requests came through this egress with this certificate."""
        return self.calls[egress, _fingerprint(identity)]

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """By the fingerprint of the client certificate."""
        found = sha256(cast("ssl.SSLSocket", handler.connection).getpeercert(binary_form=True) or b"").hexdigest()
        passes = found in self.accepted
        with self.lock:
            self.calls[handler.headers.get("x-egress", ""), found] += 1
            self.answered += passes
        return (200, b"{}") if passes else (403, b"{}")


class TokenServer(Server):
    """An authorization server: tokens for clients that it has, bound to the certificate that the gateway tells of."""

    def __init__(self, identity: Identity, folder: Path, token: Any) -> None:  # noqa: ANN401 -- (client, thumbprint) -> token
        self.clients: dict[str, str] = {}
        self.issued = 0
        self.token = token
        super().__init__(identity, b"", folder)

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """RFC 6749 section 4.4: client credentials in, a token out."""
        handler.rfile.read(int(handler.headers.get("content-length", "0")))
        basic = base64.b64decode(handler.headers.get("authorization", "").removeprefix("Basic ")).decode()
        client, _colon, secret = (unquote(part) for part in basic.partition(":"))
        if not secret or self.clients.get(client) != secret:
            return 401, b'{"error":"invalid_client"}'
        der = base64.b64decode(handler.headers.get("x-client-certificate", ""))
        thumbprint = base64.urlsafe_b64encode(sha256(der).digest()).rstrip(b"=").decode()
        with self.lock:
            self.issued += 1
        return 200, json.dumps({"access_token": self.token(client, thumbprint), "token_type": "Bearer", "expires_in": 300}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = cast("Server", self.server).answer(self)
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""


def _fingerprint(identity: Identity) -> str:
    return sha256(ssl.PEM_cert_to_DER_cert(identity.certificate.decode())).hexdigest()
