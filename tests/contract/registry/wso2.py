# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""WSO2 API Manager as a server of this contract: a stand-in (``support/wso2``), because the product cannot be had here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from integration.test_oauth_authorization_server import self_signed
from support.ports import free_port
from support.wso2.stand_in import Wso2StandIn
from support.wso2.state import ADMINISTRATOR, State

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.authorization_servers import Wso2Server
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer, fetch_token
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import HttpClient, Route

from .drivers import AUDIENCE

API = "FSPIOP:1.1"


@dataclass
class Wso2:
    """One stand-in with one published API."""

    folder: Path
    version: str = "4.2"
    suffix = ""
    binds = False
    """WSO2 issues no tokens that are bound to a certificate."""
    running: Wso2StandIn = field(init=False)

    def __post_init__(self) -> None:
        certificate, port = self_signed("wso2", self.folder), free_port()
        (self.folder / "admin-password").write_text(ADMINISTRATOR[1] + "\n")
        state = State(f"https://127.0.0.1:{port}/oauth2/token", AUDIENCE)
        state.apis["api-1"] = {"id": "api-1", "name": "FSPIOP", "version": "1.1", "context": "/fspiop", "lifeCycleStatus": "PUBLISHED"}
        state.signing.append(("key-0", _key(0)))
        if self.version == "2.6":
            state.apis["api-1"]["_definition"] = definition(MOJALOOP.resources)
        self.running = Wso2StandIn(state, port, certificate, self.version)
        self.running.start()

    @property
    def state(self) -> State:
        return self.running.state

    def described(self) -> Wso2Server:
        base = f"https://127.0.0.1:{self.running.port}"
        return Wso2Server(
            "wso2",
            self.state.issuer,
            token_endpoint=f"{base}/oauth2/token",
            jwks_url=f"{base}/oauth2/jwks",
            audience=AUDIENCE,
            ca_file=str(self.folder / "wso2.pem"),
            certificate_bound_tokens=False,
            version=self.version,
            admin_url=base,
            admin_user=ADMINISTRATOR[0],
            admin_password_file=str(self.folder / "admin-password"),
            apis=(API,),
        )

    def token(self, credentials: Mapping[str, object], certificate: Path | None, scope: str | None = None) -> TokenAnswer:
        del certificate
        with closing(HttpClient(Route(str(self.folder / "wso2.pem")))) as client:
            return fetch_token(client, credentials, url=self.described().token_endpoint, scope=scope)

    def new_signing_key(self) -> None:
        self.state.signing.insert(0, (f"key-{len(self.state.signing)}", _key(len(self.state.signing))))

    def stop(self) -> None:
        self.running.stop()
        assert self.running.faults == [], self.running.faults


def definition(resources: Iterable[str]) -> dict[str, object]:
    """An API's definition after a person has added its scopes, as 2.6 keeps them."""
    scopes = [{"key": name, "name": name, "roles": f"Internal/fspiop-{name}", "description": ""} for name in resources]
    return {"swagger": "2.0", "paths": {}, "x-wso2-security": {"apim": {"x-wso2-scopes": scopes}}}


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    """Making one takes longer than a test."""
    return rsa.generate_private_key(65537, 2048 + 0 * number)
