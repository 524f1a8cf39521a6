# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store in Vault, whose controller is a pod: it presents its service account."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.authorities import Authority
from support.openbao import OpenBao

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.opening import open_tree

pytestmark = pytest.mark.xdist_group("openbao")
InVault = Callable[..., str]
USER = "system:serviceaccount:onboarding:controller"


def test_a_pod_presents_its_service_account(tmp_path: Path, in_vault: InVault, bao: OpenBao) -> None:
    """The review of its token is a stand-in for Kubernetes; Vault's method itself is real."""
    account = {"namespace": "onboarding", "serviceaccount": {"name": "controller", "uid": "1"}}
    now = int(time.time())
    facts = {"sub": USER, "nbf": now - 60, "iat": now - 60, "exp": now + 600, "kubernetes.io": account}
    parts = ({"alg": "RS256", "typ": "JWT"}, facts)
    jwt = ".".join([*(_encoded(json.dumps(part).encode()) for part in parts), _encoded(b"signature")])
    authority = Authority("kubernetes")
    url, close = _reviewing(jwt, authority, tmp_path)
    try:
        bao.done("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
        reviewer = {"kubernetes_host": url, "kubernetes_ca_cert": authority.pem.decode(), "token_reviewer_jwt": jwt}
        bao.done("POST", "auth/kubernetes/config", reviewer | {"disable_local_ca_jwt": True})
        role = {"bound_service_account_names": "controller", "bound_service_account_namespaces": "onboarding"}
        bao.done("POST", "auth/kubernetes/role/onboarding", role | {"token_policies": "onboarding", "token_ttl": "5m"})
        in_vault(tmp_path / "one")
        (tmp_path / "jwt").write_text(jwt, encoding="ascii")
        place = tmp_path / "one" / "vault.json"
        own = {name: value for name, value in json.loads(place.read_bytes()).items() if not name.endswith("_file")}
        own["service_account_token_file"] = "../jwt"
        for name, right in (("onboarding", True), ("another", False)):
            place.write_text(json.dumps(own | {"kubernetes_role": name}), encoding="utf-8")
            with nullcontext() if right else pytest.raises(StoreError, match="is refused to this caller"):
                open_tree(tmp_path / "one").write("store/a/b", b"1")
        assert jwt not in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "one").rglob("*.json"))
    finally:
        close()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _reviewing(jwt: str, authority: Authority, folder: Path) -> tuple[str, Callable[[], None]]:
    """What Kubernetes' API server answers to a review of this token (``POST …/tokenreviews``)."""

    class Reviewing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            user = {"username": USER, "uid": "1", "groups": []}
            review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
            body = json.dumps(review | {"status": {"authenticated": asked["spec"]["token"] == jwt, "user": user}}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Reviewing)
    identity = authority.identity("localhost", server=True)
    (folder / "review.pem").write_bytes(identity.certificate + identity.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "review.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def close() -> None:
        server.shutdown()
        server.server_close()

    return f"https://localhost:{server.server_address[1]}", close
