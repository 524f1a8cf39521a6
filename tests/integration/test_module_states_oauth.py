# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of ``oauth_clients`` at a real authorization server on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.module_states import HUB, Matrix, Place, snapshot

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.material import authorization_server_files, write_folder

NODE = Path(__file__).resolve().parents[1] / "lab" / "node"
STEP = "oauth_clients"

pytestmark = pytest.mark.skipif(
    not (NODE / "node_modules" / "oidc-provider").is_dir() or shutil.which("node") is None,
    reason="Node.js packages are not installed: run `make node`",
)


@pytest.fixture
def server(tmp_path: Path, free_port: int) -> Iterator[Path]:
    """The folder of a running server, with the clients that it keeps; it listens on ``free_port``."""
    folder = tmp_path / "server"
    write_folder(folder, authorization_server_files("127.0.0.1"))
    files = {"certificate_file": "certificate.pem", "key_file": "key.pem", "jwks_file": "jwks.json", "clients_file": "clients.json"}
    settings: dict[str, object] = {name: str(folder / file) for name, file in files.items()}
    settings |= {"initial_access_token_file": str(folder / "initial-access-token"), "gateway_addresses": ["127.0.0.1"]}
    settings |= {"address": "127.0.0.1", "port": free_port, "issuer": "https://auth.example", "audience": "https://hub.example"}
    configuration, log = tmp_path / "server.json", tmp_path / "server.log"
    configuration.write_text(json.dumps(settings | {"scopes": list(MOJALOOP.resources)}))
    command = ["node", str(NODE / "authorization_server.mjs"), str(configuration)]
    with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("authorization server ready"), log.read_text()
            yield folder
        finally:
            process.terminate()


@pytest.fixture
def place(tmp_path: Path, server: Path, free_port: int) -> Place:
    made, url = Place(tmp_path), f"https://127.0.0.1:{free_port}"
    section = {
        "kind": "rfc7591",
        "issuer": "https://auth.example",
        "registration_url": f"{url}/reg",
        "token_endpoint": f"{url}/token",
        "jwks_url": f"{url}/jwks",
        "audience": "https://hub.example",
        "ca_file": str(server / "ca.pem"),
        "initial_access_token_file": str(server / "initial-access-token"),
    }
    made.description.edit("hub", hub={**HUB["hub"], "authorization_server": section})
    return made


def leaked(place: Place, name: str) -> None:
    """Every client registered until now is to be replaced at once."""
    time.sleep(1.1)
    place.description.edit(name, oauth={"revoke_before": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})


# Act, what happens, what is found of greenbank's client, whether the server knows it afterwards with these scopes.
ACTS: tuple[tuple[str, Callable[[Place], None], str, str], ...] = (
    ("create: two participants are described", lambda _place: None, "oauth-client-missing", "quotes"),
    (
        "change: a participant gets another role",
        lambda place: place.description.edit("greenbank", roles=["parties", "quotes"]),
        "oauth-client-differs",
        "parties quotes",
    ),
    (
        "replace: a participant's secret is known to others",
        lambda place: leaked(place, "greenbank"),
        "oauth-client-renewed",
        "parties quotes",
    ),
    (
        "remove: a participant is offboarded",
        lambda place: place.description.edit("greenbank", state="offboarded"),
        "oauth-client-retired",
        "",
    ),
)


def test_oauth_clients_pass_the_state_matrix(place: Place, server: Path) -> None:
    matrix = Matrix(lambda check: place.run(STEP, check=check), lambda: (place.snapshot(), snapshot(server)))
    for act, happens, reason, scope in ACTS:
        happens(place)
        report = matrix.walk(act, earlier=lambda: place.run("certificates"))
        assert (report.changed, report.awaited) == (True, ()), act
        assert ("client", reason) in {found[3:5] for found in report.findings if found[0] == "greenbank"}, act
        assert known_scopes(server).get("greenbank", "") == scope, act
        assert (place.state / "store/greenbank/oauth/credentials.json").exists() is bool(scope), act
        place.run("certificates")
        matrix.rest(act)


def known_scopes(server: Path) -> dict[str, str]:
    """Participant and scopes of every client that the server keeps in its own file."""
    clients = json.loads((server / "clients.json").read_text())["Client"].values()
    return {client["client_name"].rpartition("/")[2]: client["scope"] for client in clients}
