# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment of the test's own, with a real authorization server, played as an operator plays it and watched meanwhile."""

from __future__ import annotations

import json
import secrets as random
import shutil
import subprocess
from pathlib import Path

import yaml
from integration.test_oauth_authorization_server import Server
from support.leaks import Secrets, secrets_of_state
from support.playbooks import ROOT
from support.watched import Watched, play_watched

SCRIPT = ROOT / "tests/lab/openssl_participant.sh"
BREAKER = Path(__file__).with_name("breaking")
STEPS = (
    ("generate", r"/store/greenbank/.*stage-.*key\.pem"),
    ("publish", r"/exchange/.*stage-"),
    ("receive", r"/store/.*received.*stage-"),
    ("sign", r"/store/[^/]+/issued/.*stage-"),
    ("oauth_clients", r"/oauth/.*stage-"),
    ("publish", r"/exchange/.*stage-"),
    ("receive", r"/store/.*stage-"),
)
"""Every step, twice where it has more to do after others, and the files at which it is broken: written with secrets in hand."""
INVENTORY = """\
plugin: mojaloop.onboarding.hub
hosts:
  all:
    ansible_connection: ansible.builtin.local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""
GATEWAY = {
    "host": "greenbank-gateway",
    "kind": "haproxy",
    "inbound": [{"address": "203.0.113.20", "port": 8443}],
    "inbound_backend": {"address": "127.0.0.1", "port": 3000},
    "outbound": {"address": "127.0.0.1", "port": 3100},
}


def _hub(server: Server) -> dict[str, object]:
    base = f"https://127.0.0.1:{server.port}"
    return {
        "format": 1,
        "environment": "canaries",
        "kind": "lab",
        "profile": "mojaloop",
        "approval": "automatic",
        "hub": {
            "id": "switch",
            "organisation": "Hub",
            "endpoint": {"url": "https://api.hub.example:8443", "addresses": ["203.0.113.10"]},
            "egress_addresses": ["203.0.113.11/32"],
            "ca": {"kind": "internal"},
            "keys": {"jws": "rsa-2048"},
            "authorization_server": {
                "kind": "rfc7591",
                "issuer": "https://auth.hub.lab",
                "registration_url": f"{base}/reg",
                "token_endpoint": f"{base}/token",
                "jwks_url": f"{base}/jwks",
                "audience": "https://api.hub.example",
                "ca_file": str(server.folder / "server.pem"),
                "initial_access_token_file": str(server.folder / "initial-access-token"),
            },
        },
        "defaults": {"roles": ["parties", "quotes"]},
    }


def _participant(name: str, number: int, **more: object) -> dict[str, object]:
    return {
        "format": 1,
        "id": name,
        "organisation": name.title(),
        "endpoint": {"url": f"https://{name}.example:8443", "addresses": [f"203.0.113.{number}"]},
        "egress_addresses": [f"203.0.113.{number + 1}/32"],
        "keys": {"jws": "rsa-2048"},
        **more,
    }


def task(name: str, *, broken: bool = False) -> dict[str, object]:
    arguments: dict[str, object] = {"description": "{{ onboarding_description }}", "state": "{{ onboarding_state }}"}
    module = name if name == "oauth_clients" else "certificates"
    found: dict[str, object] = {
        "name": f"Step {name}",
        f"mojaloop.onboarding.{module}": arguments | ({"steps": [name]} if name != module else {}),
    }
    return found | ({"ignore_errors": True} if broken else {})


def playbook(folder: Path, tasks: list[dict[str, object]], **more: object) -> str:
    path = folder / "playbook.yml"
    path.write_text(yaml.safe_dump([{"hosts": "controller", "gather_facts": False, "tasks": tasks, **more}]), encoding="utf-8")
    return str(path)


class Environment:
    """The hub, a managed participant, and one that works with openssl. The CA passphrase stands in a private file."""

    limit: tuple[str, ...] = ("--limit", "controller")
    """No gateway is there."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.description = folder / "inventories" / "canaries"
        self.state = folder / ".state" / "canaries"
        self.passphrase = f"canary-{random.token_hex(16)}"
        self.passphrase_file = self._private(folder / "ca-passphrase", self.passphrase)
        (self.description / "participants").mkdir(parents=True)
        self._write("hosts.yml", INVENTORY)
        self._write("hub.yml", yaml.safe_dump(_hub(server)))
        managed = _participant("greenbank", 20, hosting="managed", ca={"kind": "internal"}, gateways=[GATEWAY], firewall={"kind": "none"})
        self._write("participants/greenbank.yml", yaml.safe_dump(managed))
        own = _participant("redbank", 40, hosting="self-hosted", manifest="none", ca={"kind": "own"})
        self._write("participants/redbank.yml", yaml.safe_dump({name: value for name, value in own.items() if name != "keys"}))

    def publish_redbank(self) -> None:
        """The other organisation's half, with its own tools."""
        (self.state / "exchange").mkdir(parents=True, exist_ok=True)
        folders = [str(self.folder / "redbank"), str(self.state / "exchange")]
        subprocess.run([SCRIPT, "publish", *folders, "redbank", "redbank.example", "Red Bank"], check=True, capture_output=True)

    def begin_anew(self, mode: int = 0o755) -> None:
        """Nothing is done yet but redbank's half; ``mode`` of all the folders that it made."""
        for part in ("store", "journal", "evidence", "exchange"):
            shutil.rmtree(self.state / part, ignore_errors=True)
        self.publish_redbank()
        if mode == 0o700:
            for path in [self.state, *self.state.rglob("*")]:
                path.chmod(0o700 if path.is_dir() else 0o600)

    def steps(self, folder: Path, **more: object) -> str:
        """A playbook of every step."""
        return playbook(folder, [task(name) for name, _ in STEPS], **more)

    def _write(self, name: str, text: str) -> None:
        (self.description / name).write_text(text, encoding="utf-8")

    def _private(self, path: Path, text: str) -> Path:
        path.touch(0o600)
        path.write_text(f"{text}\n", encoding="utf-8")
        return path

    def play(self, playbook: str, *arguments: str, environment: dict[str, str] | None = None) -> Watched:
        """Play with everything that Ansible can be made to say and to leave behind."""
        variables = {"PYTHONPATH": str(BREAKER), **self.variables, **(environment or {})}
        return play_watched(self, playbook, *self.limit, *arguments, environment=variables)

    @property
    def variables(self) -> dict[str, str]:
        """What the operator's shell gives to the run."""
        return {"ONBOARDING_CA_PASSPHRASE_FILE": str(self.passphrase_file)}

    @property
    def secrets(self) -> Secrets:
        """Everything that must not be seen, as far as it has been made."""
        found = secrets_of_state(self.state, self.passphrase.encode())
        found.add("CA passphrase", self.passphrase.encode())
        found.add("initial access token", (self.server.folder / "initial-access-token").read_bytes().strip())
        for key in json.loads((self.server.folder / "signing-keys.json").read_bytes())["keys"]:
            found.add("the server's signing key", key["d"].encode())
        for path in sorted((self.folder / "redbank").glob("*.key")):
            found.add_key(f"redbank's {path.name}", path.read_bytes())
        return found
