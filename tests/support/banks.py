# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Participants that call a gateway's inbound listener all the time, each with its certificate, token and address."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from support.counting import record_count
from support.load import Caller as LoadCaller
from support.load import Load, Session, under

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, Identity
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import token_request

Bench = Any
"""The bench of the gateway's tests, which pytest makes."""
TokenSigner = Any
Inside = Callable[[Callable[[], None]], None]
KEPT, NEW = 0.02, 0.04
"""Seconds between two requests of one caller."""
LASTING = 86400
"""Seconds for which a token is good: no token may expire during the load, which is another matter."""
ADDRESS = {"greenbank": "127.0.0.21", "bluebank": "127.0.0.31"}


@dataclass
class Credentials:
    """What a participant comes with: certificate and token belong together, and to a connection; the token may be renewed."""

    context: ssl.SSLContext
    token: str


class Bank:
    """A participant that calls: with which certificate and token it comes may change while it does."""

    def __init__(self, bench: Bench, name: str, identity: Identity, address: str = "", inside: Inside = lambda work: work()) -> None:
        self.bench, self.name, self.signer, self.client = bench, name, bench.signers[0], f"client-{name}"
        self.credentials: dict[str, object] = {}
        self.address, self.inside = address or ADDRESS[name], inside
        self.renew(identity)

    def renew(self, identity: Identity) -> None:
        """From now on come with this certificate, over new connections, with a token of its own."""
        context = ssl.create_default_context(cadata=self.bench.hub_ca.pem.decode())
        file = self.bench.root / f"load-{self.name}.pem"
        file.write_bytes(identity.certificate + identity.key)
        context.load_cert_chain(file)
        self.identity = identity
        self.now = Credentials(context, self.made_token())

    def renew_token(self, signer: TokenSigner) -> None:
        """From now on come with a new token, over the same connections."""
        self.signer = signer
        self.now.token = self.made_token()

    def made_token(self) -> str:
        thumbprint = b64(self.bench.digest(self.identity.certificate))
        return str(
            self.signer.token(
                self.bench.claims(self.name, client_id=self.client, exp=int(time.time()) + LASTING, cnf={"x5t#S256": thumbprint})
            )
        )

    def dial(self) -> Session:
        """A connection with the present certificate; it is current as long as that is."""
        mine = self.now
        inbound = self.bench.inbound.listeners[0]
        raw = socket.create_connection((str(inbound.address), inbound.port), 10, (self.address, 0))
        secured = mine.context.wrap_socket(raw, server_hostname="api.hub.test")
        head = f"GET /parties/MSISDN/1 HTTP/1.1\r\nhost: api.hub.test\r\nfspiop-source: {self.name}\r\nauthorization: Bearer "

        def request() -> bytes:
            return f"{head}{mine.token}\r\n\r\n".encode()

        return Session(secured, request, lambda: mine is self.now)

    def dial_for_tokens(self) -> Session:
        """A connection over which tokens are fetched, with the credentials that the bank has at each request."""
        return replace(self.dial(), request=self.token_request)

    def token_request(self) -> bytes:
        """As the connector asks for a token."""
        headers, body = token_request(self.credentials)
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, "host": "api.hub.test", "content-length": len(body)}.items()]
        return f"POST /oauth2/token HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body

    def fetch_token(self) -> None:
        """From now on come with a token that the present credentials yield."""
        with self.dial_for_tokens().raw as raw:
            raw.sendall(self.token_request())
            answer = b""
            while not answer.endswith(b"}"):
                part = raw.recv(65536)
                assert part, answer
                answer += part
        self.now.token = json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"]

    def callers(self) -> list[LoadCaller]:
        """Three that keep their connection, one that opens a new one for each request."""
        kept = [LoadCaller(f"{self.name} kept", self.dial, keep=True, pause=KEPT * number, inside=self.inside) for number in (1, 2, 8)]
        return [*kept, LoadCaller(f"{self.name} new", self.dial, keep=False, pause=NEW, inside=self.inside)]


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def banks(bench: Bench) -> dict[str, Bank]:
    return {name: Bank(bench, name, identity) for name, identity in bench.clients.items()}


@contextmanager
def load_on(bench: Bench, callers: list[LoadCaller], counted: str) -> Iterator[Load]:
    """The load; what was lost must not have reached the services behind the listener."""
    bench.backend.seen.clear()
    with under(callers, counted) as load:
        yield load
    assert len(bench.backend.seen) == load.answered, "a request was carried out, and its answer lost"


def change(load: Load, bench: Bench, kind: str, *, reloads: int, **inbound: object) -> None:
    """One change of the listener, with requests before, during and after it."""
    done = bench.install(bench.with_inbound(**inbound))
    assert done["reloads"] == reloads
    record_count(f"under load, changes: {kind}", 1)
    load.everyone()


def with_caller(bench: Bench, name: str, **changed: object) -> tuple[Caller, ...]:
    return tuple(replace(caller, **changed) if caller.participant == name else caller for caller in bench.inbound.callers)
