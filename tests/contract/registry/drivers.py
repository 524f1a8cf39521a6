# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorization servers that pass these tests: real ones, each with what a test does at it beside the pack."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from integration.test_oauth_authorization_server import Server, self_signed, signing_key
from support.ports import free_port
from support.wso2.user_store import READS, operation_of

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    AuthorizationServer,
    KeycloakServer,
    Rfc7591Server,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer, fetch_token
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import (
    Answer,
    Http,
    HttpClient,
    Route,
    basic,
    bearer,
    form_body,
    json_body,
)

Json = dict[str, Any]
AUDIENCE = "https://api.hub.lab"
ADMINISTRATOR = ("administrator", "administrator-of-tests")
"""The client that tests/tools/build_keycloak made."""
PATIENCE = 120
"""Seconds for an answer: Keycloak makes a realm in one second on an idle machine, and in twenty on a busy one."""


class RegistryServer(Protocol):
    """One kind of authorization server."""

    suffix: str
    binds: bool
    """Whether its tokens are bound to the certificate that asked for them."""

    def described(self) -> AuthorizationServer:
        """How a description names it."""

    def token(self, credentials: Mapping[str, object], certificate: Path | None, scope: str | None = None) -> TokenAnswer:
        """Ask for a token as a participant whose client certificate this is."""

    def new_signing_key(self) -> None:
        """Have tokens signed with another key from now on; the one before is still published."""


@dataclass
class OidcProvider:
    """npm oidc-provider with RFC 7591 and 7592, as in the lab; certificates come in the gateway's header."""

    folder: Path
    suffix = ""
    binds = True
    server: Server = field(init=False)
    keys: list[dict[str, str]] = field(default_factory=lambda: [signing_key("first")])

    def __post_init__(self) -> None:
        self_signed("server", self.folder)
        (self.folder / "initial-access-token").write_text("initial-token-of-this-test\n")
        self.server = Server(self.folder, free_port())
        self.server.use_keys(*self.keys)
        self.server.start()

    def described(self) -> AuthorizationServer:
        base = f"https://127.0.0.1:{self.server.port}"
        return Rfc7591Server(
            "rfc7591",
            "https://auth.hub.lab",
            token_endpoint=f"{base}/token",
            jwks_url=f"{base}/jwks",
            audience=AUDIENCE,
            ca_file=str(self.folder / "server.pem"),
            registration_url=f"{base}/reg",
            initial_access_token_file=str(self.folder / "initial-access-token"),
        )

    def token(self, credentials: Mapping[str, object], certificate: Path | None, scope: str | None = None) -> TokenAnswer:
        with closing(HttpClient(Route(str(self.folder / "server.pem")))) as client:
            return fetch_token(WithHeader(client, certificate), credentials, url=self.described().token_endpoint, scope=scope)

    def new_signing_key(self) -> None:
        self.keys.insert(0, signing_key(f"key-{len(self.keys)}"))
        self.server.use_keys(*self.keys)
        with closing(HttpClient(Route(str(self.folder / "server.pem")))) as client:
            for _ in range(300):  # it reads them at a signal, and says nothing
                if self.keys[0]["kid"].encode() in client.request("GET", self.described().jwks_url, {}).body:
                    return
                time.sleep(0.1)
        raise AssertionError("the new key was not read")

    def stop(self) -> None:
        self.server.stop()


@dataclass
class KeycloakProcess:
    """One Keycloak on loopback, built as ``mode`` says (tests/tools/build_keycloak); writes below ``folder`` only."""

    folder: Path
    built: Path
    mode: str = "tls"
    clients: str = ""
    """PEM file with the certificates of clients that it takes for verified."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> str:
        return str(self.folder / "127.0.0.1.pem")

    def start(self) -> None:
        self_signed("127.0.0.1", self.folder)
        (self.folder / "admin-secret").write_text(ADMINISTRATOR[1] + "\n")
        shutil.copytree(self.built / "h2", self.folder / "h2")
        home = self._home()
        options = {
            "http-host": "127.0.0.1",
            "https-port": str(self.port),
            "hostname": self.url,
            "https-certificate-file": self.ca_file,
            "https-certificate-key-file": str(self.folder / "127.0.0.1.key"),
            "truststore-paths": self.clients,
            "db-url": f"jdbc:h2:file:{self.folder}/h2/keycloak;NON_KEYWORDS=VALUE",
            "spi-x509cert-lookup--haproxy--ssl-client-cert": "x-client-certificate" if self.mode == "header" else "",
        }
        given = [f"--{name}={value}" for name, value in options.items() if value]
        command = [str(home / "bin" / "kc.sh"), "start", "--optimized", "--cache=local", *given]
        environment = os.environ | {"JAVA_OPTS": f"-Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.io.tmpdir={self.folder}"}
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def _home(self) -> Path:
        """The built distribution under another path, where it may write what it likes."""
        home = self.folder / "home"
        (home / "bin").mkdir(parents=True)
        shutil.copy2(self.built / self.mode / "bin" / "kc.sh", home / "bin" / "kc.sh")
        for name in ("conf", "lib", "providers", "themes"):
            (home / name).symlink_to(self.built / self.mode / name)
        return home

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(1200):
            if b"Listening on:" in (log := (self.folder / "log").read_bytes()):
                return
            assert self.process
            assert self.process.poll() is None, log[-3000:].decode()
            time.sleep(0.1)
        raise AssertionError(log[-3000:].decode())

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)


@dataclass
class Keycloak:
    """A realm of its own at a running Keycloak; certificates come by TLS, or in the gateway's header."""

    running: KeycloakProcess
    realm: str
    suffix: str = ""
    """Of the participants' FSPIOP identifiers: tests share a realm, because making one takes longer than a test."""
    binds = True

    def described(self) -> KeycloakServer:
        base = f"{self.running.url}/realms/{self.realm}"
        return KeycloakServer(
            "keycloak",
            base,
            token_endpoint=f"{base}/protocol/openid-connect/token",
            jwks_url=f"{base}/protocol/openid-connect/certs",
            audience=AUDIENCE,
            ca_file=self.running.ca_file,
            admin_url=self.running.url,
            admin_client_id=ADMINISTRATOR[0],
            admin_secret_file=str(self.running.folder / "admin-secret"),
            admin_realm="master",
            realm=self.realm,
        )

    def token(self, credentials: Mapping[str, object], certificate: Path | None, scope: str | None = None) -> TokenAnswer:
        with closing(self.caller(certificate)) as client:
            carrier: Http = WithHeader(client, certificate) if self.running.mode == "header" else client
            return fetch_token(carrier, credentials, url=self.described().token_endpoint, scope=scope)

    def caller(self, certificate: Path | None = None) -> HttpClient:
        """A client that presents this certificate by TLS."""
        own = (str(certificate), str(certificate.with_suffix(".key"))) if certificate else ("", "")
        return HttpClient(Route(self.running.ca_file, *own), timeout=PATIENCE, longest=PATIENCE)

    def new_signing_key(self) -> None:
        realm = self.admin("GET", "")
        # Above those of earlier tests.
        config = {"priority": [str(int(time.time()))], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"], "keySize": ["2048"]}
        kind = {"providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm["id"]}
        self.admin("POST", "components", {"name": "following", "config": config, **kind})

    def admin(self, method: str, place: str, body: object = None) -> Any:  # noqa: ANN401 -- JSON
        """What an administrator does by hand; the answer's JSON."""
        with closing(self.caller()) as client:
            form = form_body({"grant_type": "client_credentials"})
            url = f"{self.running.url}/realms/master/protocol/openid-connect/token"
            answer = client.request("POST", url, {"Content-Type": form.kind, **basic(*ADMINISTRATOR)}, form.content)
            headers = bearer(str(answer.json()["access_token"])) | {"Content-Type": "application/json"}
            sent = json_body(body).content if body is not None else b""
            place = f"/{place}" if place else ""
            answer = client.request(method, f"{self.running.url}/admin/realms/{self.realm}{place}", headers, sent)
            assert answer.status < 300, answer
            return json.loads(answer.body) if answer.body else None

    def client(self, name: str) -> Json:
        """A participant's client."""
        found: Json = self.admin("GET", f"clients?clientId={name}{self.suffix}")[0]
        return found

    def is_active(self, token: str, asker: tuple[str, str]) -> bool:
        """What the server itself says of a token (RFC 7662)."""
        with closing(self.caller()) as client:
            form = form_body({"token": token})
            url = f"{self.described().issuer}/protocol/openid-connect/token/introspect"
            answer = client.request("POST", url, {"Content-Type": form.kind, **basic(*asker)}, form.content)
            assert answer.status == 200, answer
            return answer.json()["active"] is True


@dataclass
class WithHeader:
    """As the hub's gateway passes a request on: with the client's certificate in its own header."""

    client: HttpClient
    certificate: Path | None

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        own = {"X-Client-Certificate": header_of(self.certificate)} if self.certificate else {}
        return self.client.request(method, url, {**headers, **own}, body)

    def close(self) -> None:
        self.client.close()


def header_of(certificate: Path) -> str:
    """A certificate as the gateway writes it into its header."""
    return base64.b64encode(ssl.PEM_cert_to_DER_cert(certificate.read_text())).decode()


@dataclass
class Wire:
    """Carries the pack's requests, counts those that change something, and cuts the connection after ``left`` of them."""

    below: Http
    writes: list[str]
    left: int | None = None

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        answer = self.below.request(method, url, headers, body)
        if method != "GET" and not url.endswith("/token") and operation_of(headers.get("Content-Type", "")) not in READS:
            self.writes.append(f"{method} {urlsplit(url).path}")
            if self.left is not None and len(self.writes) >= self.left:
                raise KeyboardInterrupt
        return answer

    def close(self) -> None:
        self.below.close()
