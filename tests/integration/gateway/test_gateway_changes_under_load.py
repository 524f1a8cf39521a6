# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes without loss: while requests come over kept and new connections, everything that changes in operation changes."""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from support.counting import record_count
from support.depth import DEEP
from support.load import Caller as LoadCaller
from support.load import Load, Session, under

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, Identity, TokenRules
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_haproxy as host

if TYPE_CHECKING:
    from .conftest import Bench, TokenSigner

CHANGES = 100 if DEEP else 6
KEPT, NEW = 0.02, 0.04
"""Seconds between two requests of one caller."""
ADDRESS = {"greenbank": "127.0.0.21", "bluebank": "127.0.0.31"}


@dataclass
class Credentials:
    """What a participant comes with: certificate and token belong together, and to a connection; the token may be renewed."""

    context: ssl.SSLContext
    token: str


class Bank:
    """A participant that calls: with which certificate and token it comes may change while it does."""

    def __init__(self, bench: Bench, name: str, identity: Identity) -> None:
        self.bench, self.name, self.signer, self.client = bench, name, bench.signers[0], f"client-{name}"
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
        return self.signer.token(self.bench.claims(self.name, client_id=self.client, cnf={"x5t#S256": thumbprint}))

    def dial(self) -> Session:
        """A connection with the present certificate; it is current as long as that is."""
        mine = self.now
        raw = socket.create_connection(("127.0.0.1", self.bench.door.listeners[0].port), 10, (ADDRESS[self.name], 0))
        secured = mine.context.wrap_socket(raw, server_hostname="api.hub.test")
        head = f"GET /parties/MSISDN/1 HTTP/1.1\r\nhost: api.hub.test\r\nfspiop-source: {self.name}\r\nauthorization: Bearer "

        def request() -> bytes:
            return f"{head}{mine.token}\r\n\r\n".encode()

        return Session(secured, request, lambda: mine is self.now)

    def callers(self) -> list[LoadCaller]:
        """Three that keep their connection, one that opens a new one for each request."""
        kept = [LoadCaller(f"{self.name} kept", self.dial, keep=True, pause=KEPT * number) for number in (1, 2, 8)]
        return [*kept, LoadCaller(f"{self.name} new", self.dial, keep=False, pause=NEW)]


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def banks(bench: Bench) -> dict[str, Bank]:
    return {name: Bank(bench, name, identity) for name, identity in bench.clients.items()}


@contextmanager
def load_on(bench: Bench, callers: list[LoadCaller], counted: str) -> Iterator[Load]:
    """The load; what was lost must not have reached the services behind the door."""
    bench.backend.seen.clear()
    with under(callers, counted) as load:
        yield load
    assert len(bench.backend.seen) == load.answered, "a request was carried out, and its answer lost"


def change(load: Load, bench: Bench, kind: str, *, reloads: int, **door: object) -> None:
    """One change of the door, with requests before, during and after it."""
    done = bench.install(bench.with_door(**door))
    assert done["reloads"] == reloads
    record_count(f"under load, changes: {kind}", 1)
    load.everyone()


def with_caller(bench: Bench, name: str, **changed: object) -> tuple[Caller, ...]:
    return tuple(replace(caller, **changed) if caller.participant == name else caller for caller in bench.door.callers)  # type: ignore[arg-type]


def test_map_changes_lose_nothing(bench: Bench) -> None:
    """Allowlist, participants, client certificates renewed, clients: none needs a reload, so nothing may be lost."""
    bench.install()
    both = banks(bench)
    green = both["greenbank"]
    own = bench.door.callers[0].networks
    with load_on(bench, [caller for bank in both.values() for caller in bank.callers()], "no reload") as load:
        for number in range(CHANGES):
            added = ip_network(f"198.51.{number}.0/24")
            change(load, bench, "allowlist", reloads=0, callers=with_caller(bench, "greenbank", networks=(*own, added)))
            one = Caller(f"bank{number}", f"bank{number}", (f"{number:064x}",), (added,), (f"client-{number}",), ("parties",))
            change(load, bench, "participant added", reloads=0, callers=(*bench.door.callers, one))
            renew_client(load, bench, green)
    assert load.losses == {}


def renew_client(load: Load, bench: Bench, bank: Bank) -> None:
    """New certificate accepted beside the old one, switch, drain, retire the old one; the token is bound to the new one."""
    old, new = bank.identity, bench.hub_ca.identity(bank.name)
    fingerprints = tuple(bench.digest(identity.certificate).hex() for identity in (old, new))
    change(
        load,
        bench,
        "client certificate accepted beside the old one",
        reloads=0,
        callers=with_caller(bench, bank.name, certificates=fingerprints),
    )
    bank.renew(new)
    load.everyone()
    change(load, bench, "client certificate retired", reloads=0, callers=with_caller(bench, bank.name, certificates=fingerprints[1:]))


def test_without_the_parting_answer_a_reload_loses_requests_that_may_be_repeated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the load sees what is lost, and the two lines of the configuration are what prevents it."""

    def abrupt() -> Plan:
        release = render(bench.model)
        made = {name: re.sub(rb"    (close-spread-time|http-after-response).*\n", b"", content) for name, content in release.files.items()}
        return plan(bench.model, replace(release, files=made), host.observe(bench.place))

    monkeypatch.setattr(bench, "plan", abrupt)
    bench.install()
    with load_on(bench, [caller for bank in banks(bench).values() for caller in bank.callers()], "idle connections closed") as load:
        for number in range(3):
            change(load, bench, "idle connections closed", reloads=1, resources=("parties", f"number{number}"))
    assert load.lost["closed while idle"] > 0
    assert load.unsafe == {}


def test_server_certificate_of_the_door_rotates(bench: Bench) -> None:
    bench.install()
    with load_on(bench, [caller for bank in banks(bench).values() for caller in bank.callers()], "server certificate") as load:
        for _number in range(CHANGES):
            change(load, bench, "server certificate", reloads=0, identity=bench.hub_ca.identity("api.hub.test", server=True))
    assert load.losses == {}


def test_keys_of_the_authorization_server_rotate(bench: Bench) -> None:
    """By ``kid``: the new key beside the old one, the server signs with the new one, then the old one goes: two reloads."""
    bench.install()
    both = banks(bench)
    with load_on(bench, [caller for bank in both.values() for caller in bank.callers()], "token keys") as load:
        for number in range(CHANGES):
            old, new = bench.signers[0], bench.signer(f"key-{number + 2}", ("ES256", "RS256")[number % 2])
            change(load, bench, "token key added", reloads=1, tokens=token_rules(bench, old, new))
            bench.signers[0] = new
            for bank in both.values():
                bank.renew_token(new)
            load.everyone()
            change(load, bench, "token key retired", reloads=1, tokens=token_rules(bench, new))
    assert load.losses == {}
    assert bench.connect("greenbank").ask(headers=bench.headers(token=old.token(bench.claims("greenbank")))).reason == "token-key-unknown"


def token_rules(bench: Bench, *signers: TokenSigner) -> TokenRules:
    assert bench.door.tokens
    return replace(bench.door.tokens, keys=tuple((signer.kid, signer.public) for signer in signers))
