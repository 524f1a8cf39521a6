# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes without loss: while requests come over kept and new connections, everything that changes in operation changes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from support.banks import Bank, banks, change, load_on, with_caller
from support.counterpart import TokenServer
from support.depth import DEEP
from support.load import Caller as LoadCaller
from support.load import Load, under

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, TokenEndpoint, TokenRules
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_haproxy as host

if TYPE_CHECKING:
    from .conftest import Bench, TokenSigner

Servers = Callable[[TokenServer], TokenServer]
CHANGES = 100 if DEEP else 6


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


def test_clients_secret_rotates_with_overlap(bench: Bench, servers: Servers) -> None:
    """A second client with its own secret beside the first: a server need not keep two secrets of one client (RFC 7592)."""
    authority = bench.authority("CA of the authorization server")
    issue = lambda client, bound: bench.signers[0].token(bench.claims("greenbank", client_id=client, cnf={"x5t#S256": bound}))  # noqa: E731
    server = servers(TokenServer(authority.identity("auth.hub.test", server=True), bench.root, issue))
    bench.install(bench.with_door(token_endpoint=TokenEndpoint("127.0.0.1", server.server_port, "/token", "auth.hub.test", authority.pem)))
    green = Bank(bench, "greenbank", bench.clients["greenbank"])
    take_up(green, server, "client-greenbank")
    kept = LoadCaller("greenbank fetches tokens", green.dial_for_tokens, keep=True, pause=0.05)
    with under([*green.callers(), kept, replace(kept, keep=False)], "client secret") as load:
        for number in range(CHANGES):
            old, new = green.client, f"client-greenbank-{number}"
            change(load, bench, "second client accepted", reloads=0, callers=with_caller(bench, "greenbank", clients=(old, new)))
            take_up(green, server, new)
            load.everyone()
            del server.clients[old]
            change(load, bench, "client retired with its secret", reloads=0, callers=with_caller(bench, "greenbank", clients=(new,)))
    assert load.losses == {}
    green.credentials = {**green.credentials, "client_id": old}
    with pytest.raises(KeyError, match="access_token"):
        green.fetch_token()


def take_up(bank: Bank, server: TokenServer, client: str) -> None:
    """Register a client with a secret, and have the bank use both."""
    secret = secrets.token_urlsafe(24)
    server.clients[client] = secret
    bank.client, bank.credentials = client, {"client_id": client, "client_secret": secret, "scope": "parties"}
    bank.fetch_token()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Keeps servers until the test is over."""
    made: list[TokenServer] = []

    def keep(server: TokenServer) -> TokenServer:
        made.append(server)
        return server

    yield keep
    for server in made:
        server.close()


def test_a_change_of_many_entries_loses_nothing(bench: Bench) -> None:
    """Thousands of entries, far more than one command of the socket holds, come and go at once and without a reload."""
    bench.install()
    own = bench.door.callers[0].networks
    many = tuple(ip_network(f"10.{number >> 8}.{number & 255}.0/24") for number in range(2500))
    with load_on(bench, [caller for bank in banks(bench).values() for caller in bank.callers()], "many entries") as load:
        for _number in range(10 if DEEP else 1):
            change(load, bench, "5,000 map entries added", reloads=0, callers=with_caller(bench, "greenbank", networks=(*own, *many)))
            change(load, bench, "5,000 map entries removed", reloads=0, callers=with_caller(bench, "greenbank", networks=own))
    assert load.losses == {}


def test_what_does_not_fit_into_the_socket_is_reloaded_without_loss(bench: Bench) -> None:
    """A certificate with a chain longer than one command holds: one reload, by itself; and a list of CAs, which needs one always."""
    bench.install()
    others = b"".join(bench.authority(f"CA {number}").pem for number in range(40))
    assert len(others) > 16384
    with load_on(bench, [caller for bank in banks(bench).values() for caller in bank.callers()], "longer than the socket takes") as load:
        for number in range(10 if DEEP else 2):
            renewed = bench.hub_ca.identity("api.hub.test", server=True)
            change(load, bench, "long chain", reloads=1, identity=replace(renewed, chain=renewed.chain + others))
            change(load, bench, "certificate short again", reloads=0, identity=renewed)
            change(load, bench, "list of CAs", reloads=1, trusted=bench.hub_ca.pem + (b"" if number % 2 else others))
    assert load.losses == {}
