# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes without loss: while requests come over kept and new connections, everything that changes in operation changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from support.banks import Bank, b64, banks, change, load_on, with_caller
from support.counterpart import TokenServer
from support.depth import DEEP
from support.gateways import described
from support.load import Caller as LoadCaller
from support.load import Load, under
from unit.oauth.conftest import INITIAL, NOW, participant
from unit.oauth.conftest import Server as Registrations

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    Approval,
    CertificateAuthority,
    Description,
    Endpoint,
    EnvironmentKind,
    Firewall,
    Hub,
    KeyChoices,
    Rfc7591Server,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HaproxyGateway as DescribedGateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Caller, TokenEndpoint, TokenRules
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.listeners import keep_accepted
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.records import read_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

if TYPE_CHECKING:
    from .conftest import Bench, TokenSigner

Servers = Callable[[TokenServer], TokenServer]
CHANGES = 100 if DEEP else 6


def test_map_changes_lose_nothing(bench: Bench) -> None:
    """Allowlist, participants, client certificates renewed, clients: none needs a reload, so nothing may be lost."""
    bench.install()
    both = banks(bench)
    green = both["greenbank"]
    own = bench.inbound.callers[0].networks
    with load_on(bench, [caller for bank in both.values() for caller in bank.callers()], "no reload") as load:
        for number in range(CHANGES):
            added = ip_network(f"198.51.{number}.0/24")
            change(load, bench, "allowlist", reloads=0, callers=with_caller(bench, "greenbank", networks=(*own, added)))
            one = Caller(f"bank{number}", f"bank{number}", (f"{number:064x}",), (added,), (f"client-{number}",), ("parties",))
            change(load, bench, "participant added", reloads=0, callers=(*bench.inbound.callers, one))
            renew_client(load, bench, green)
    assert load.losses == {}


def test_who_keeps_an_address_under_another_prefix_loses_nothing(bench: Bench) -> None:
    """Wider and narrower again, also in a run that has to reload: what is taken out first is not what is still asked from."""
    bench.install()
    own, wide = bench.inbound.callers[0].networks, (ip_network("127.0.0.20/30"),)
    with load_on(bench, banks(bench)["greenbank"].callers(), "another prefix") as load:
        for networks in (wide, own) * (CHANGES // 2):
            change(load, bench, "prefix", reloads=0, callers=with_caller(bench, "greenbank", networks=networks))
        for networks, log in zip((wide, own), bench.driver.logs(bench.place), strict=True):
            bench.install(described(bench.with_inbound(callers=with_caller(bench, "greenbank", networks=networks)), log=log))
            load.everyone()
    assert load.losses == {}
    assert bench.plan().findings == ()


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
        return plan(bench.model, replace(release, files=made), bench.observe())

    monkeypatch.setattr(bench, "plan", abrupt)
    bench.install()
    with load_on(bench, [caller for bank in banks(bench).values() for caller in bank.callers()], "idle connections closed") as load:
        for number in range(3):
            change(load, bench, "idle connections closed", reloads=1, resources=("parties", f"number{number}"))
    assert load.lost["closed while idle"] > 0
    assert load.unsafe == {}


def test_server_certificate_of_the_listener_rotates(bench: Bench) -> None:
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
            change(load, bench, "token key added", reloads=bench.driver.reloads, tokens=token_rules(bench, old, new))
            bench.signers[0] = new
            for bank in both.values():
                bank.renew_token(new)
            load.everyone()
            change(load, bench, "token key retired", reloads=bench.driver.reloads, tokens=token_rules(bench, new))
    assert load.losses == {}
    assert bench.connect("greenbank").ask(headers=bench.headers(token=old.token(bench.claims("greenbank")))).reason == "token-key-unknown"


def token_rules(bench: Bench, *signers: TokenSigner) -> TokenRules:
    assert bench.inbound.tokens
    return replace(bench.inbound.tokens, keys=tuple((signer.kid, signer.public) for signer in signers))


def test_clients_secret_rotates_with_overlap(bench: Bench, servers: Servers) -> None:
    """As the pack renews it: a second client with a secret beside the first, handed over when the listener accepts it, the first ended."""
    hub, green = renewing(bench, servers)
    kept = LoadCaller("greenbank fetches tokens", green.dial_for_tokens, keep=True, pause=0.05)
    with under([*green.callers(), kept, replace(kept, keep=False)], "client secret") as load:
        for _number in range(CHANGES):
            earlier = green.credentials
            hub.now += timedelta(days=30)
            assert hub.onboard() == ["oauth-client-renewed", "awaiting-gateways"]
            change(load, bench, "second client accepted", reloads=0, callers=hub.callers())
            hub.inbound_was_seen()
            assert hub.onboard() == ["oauth-credentials-renewed"]
            load.everyone()
            green.fetch_token()
            load.everyone()
            hub.now += timedelta(days=7)
            assert hub.onboard() == ["oauth-client-retired"]
            load.everyone()
            change(load, bench, "client retired with its secret", reloads=0, callers=hub.callers())
            assert hub.onboard() == []
    assert load.losses == {}
    assert hub.ask_with_token_of(str(green.credentials["client_id"])) == ""
    assert hub.ask_with_token_of(str(earlier["client_id"])) == "token-client"
    (hub.state / CREDENTIALS).write_text(json.dumps(earlier))
    with pytest.raises(KeyError, match="access_token"):
        green.fetch_token()


def test_credentials_handed_over_before_the_listener_accepts_the_client_lose_requests(bench: Bench, servers: Servers) -> None:
    """The control: without waiting for the listener, the authorization server gives a token out that the listener refuses."""
    hub, green = renewing(bench, servers)
    hub.description = replace(hub.description, hub=replace(hub.description.hub, gateways=()))
    hub.now += timedelta(days=30)
    assert hub.onboard() == ["oauth-client-renewed", "oauth-credentials-renewed"]
    green.fetch_token()
    with under(green.callers(), "client handed over early") as load:
        load.everyone()
        bench.install(bench.with_inbound(callers=hub.callers()))
    assert set(load.lost) == {"status 401 token-client"}


def renewing(bench: Bench, servers: Servers) -> tuple[RenewingHub, Connector]:
    """A hub whose listener and authorization server know greenbank's first client, and greenbank with a token of it."""
    authority = bench.authority("CA of the authorization server")
    server = servers(TokenServer(authority.identity("auth.hub.test", server=True), bench.root, lambda *client: token_of(bench, *client)))
    hub = RenewingHub(bench, server)
    assert hub.onboard() == ["oauth-client-missing"]
    endpoint = TokenEndpoint("127.0.0.1", server.server_port, "/token", "auth.hub.test", authority.pem)
    bench.install(bench.with_inbound(token_endpoint=endpoint, callers=hub.callers()))
    green = Connector(bench, "greenbank", bench.clients["greenbank"])
    green.fetch_token()
    return hub, green


def token_of(bench: Bench, client: str, thumbprint: str) -> str:
    return bench.signers[0].token(bench.claims("greenbank", client_id=client, cnf={"x5t#S256": thumbprint}))


CREDENTIALS = "store/greenbank/oauth/credentials.json"


class Connector(Bank):
    """A participant whose credentials are what the hub has put into its file, at each request."""

    @property
    def credentials(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.bench.root / "state" / CREDENTIALS).read_text())
        return found

    @credentials.setter
    def credentials(self, value: dict[str, object]) -> None:
        assert value == {}


class RenewingHub:
    """The hub's runs, as far as OAuth clients go: greenbank's is replaced after 30 days, with an overlap of 7."""

    def __init__(self, bench: Bench, tokens: TokenServer) -> None:
        self.bench, self.tokens, self.registrations, self.now = bench, tokens, Registrations(), NOW
        self.state = bench.root / "state"
        self.tree = DiskTree(self.state)
        (bench.root / "initial").write_text(INITIAL)
        place = "https://auth.hub.test"
        urls: dict[str, Any] = {"registration_url": f"{place}/reg", "token_endpoint": f"{place}/token", "jwks_url": f"{place}/jwks"}
        files: dict[str, Any] = {"ca_file": "ca.pem", "initial_access_token_file": str(bench.root / "initial")}
        server = Rfc7591Server("rfc7591", place, audience="a", **urls, **files, client_days=30)
        inbound, keys, authority = (
            bench.inbound.listeners[0],
            KeyChoices("ec-p256", "rsa-3072", "rsa-3072"),
            CertificateAuthority("none", ""),
        )
        gateway = DescribedGateway("haproxy", "listener", "listener", (inbound,), inbound, inbound)
        endpoint = Endpoint("api.hub.test", inbound.port, "", ())
        hub = Hub("hub", "switch", "Hub", endpoint, (), authority, keys, (gateway,), Firewall("none", ()), authorization_server=server)
        people = (replace(participant("greenbank"), roles=("parties",)),)
        self.description = Description(str(bench.root), "lab", EnvironmentKind.LAB, Approval.AUTOMATIC, MOJALOOP, hub, people)

    def onboard(self) -> list[str]:
        """One run; the authorization server gives tokens to whom it has registered."""
        found = onboard_clients(
            description=self.description,
            participants=self.description.participants,
            tree=self.tree,
            now=self.now,
            check=False,
            connect=lambda _server: self.registrations,
        )
        self.tokens.clients = {name: str(client["client_secret"]) for name, client in self.registrations.clients.items()}
        return [finding.reason for finding in found]

    def callers(self) -> tuple[Caller, ...]:
        """Whom the listener must accept now."""
        return with_caller(self.bench, "greenbank", clients=tuple(one.client_id for one in read_clients(self.tree, "greenbank").values()))

    def ask_with_token_of(self, client: str) -> str:
        """Why the listener refuses greenbank with a token of this client; empty when it does not."""
        thumbprint = b64(self.bench.digest(self.bench.clients["greenbank"].certificate))
        return self.bench.connect("greenbank").ask(headers=self.bench.headers(token=token_of(self.bench, client, thumbprint))).reason

    def inbound_was_seen(self) -> None:
        """As a run of the gateway ends: what its process accepts is remembered."""
        keep_accepted(self.tree, "listener", self.bench.observe()["maps"]["clients"])


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
    own = bench.inbound.callers[0].networks
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
            change(load, bench, "long chain", reloads=bench.driver.reloads, identity=replace(renewed, chain=renewed.chain + others))
            change(load, bench, "certificate short again", reloads=0, identity=renewed)
            change(load, bench, "list of CAs", reloads=bench.driver.reloads, trusted=bench.hub_ca.pem + (b"" if number % 2 else others))
    assert load.losses == {}
