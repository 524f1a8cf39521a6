# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab of two banks that have come by other ways than the first: bluebank by bundle, with an installation of its own, and greenbank
with a Payment Manager that the hub's installation hosts.

Payment Manager is its real client (``@mojaloop/mcm-client``) with its control server, OpenBao and the SDK; Connection Manager is the
stand-in of its later era. They run where the operator is, the SDK on greenbank's machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import CERTIFICATES, steps_of

from .connection_manager.client import Client, settings_of, until
from .openbao import TOKEN
from .playbooks import ROOT, Played, play
from .transfers import TransferLab

NAME = "lab-transfer"
VAULT, MANAGER, CONTROL, BACKEND, CACHE = 8200, 3001, 4005, 3003, 6379
BUNDLES = "bundles/onboarding_pm4mls"
BANK, HOSTED = "bluebank", "greenbank"
PROGRAM = ROOT / "tests/lab/sdk/node_modules/@mojaloop/sdk-scheme-adapter/src/index.js"
PATIENCE = 60

HUB = f"""
  connection_manager: {{url: "http://127.0.0.1:{MANAGER}/api"}}
  vault_bundles: {{url: "http://127.0.0.1:{VAULT}", path: {BUNDLES}, token_file: vault.token}}
defaults:
"""
PAYMENT_MANAGER = f"""
format: 1
id: {HOSTED}
organisation: Green Bank
currencies: [USD]
hosting: self-hosted
transport: connection-manager
keys: {{tls: rsa-2048, jws: rsa-2048}}
parties: [{{identifier: MSISDN, value: "27710000002"}}]
net_debit_cap: {{USD: "500"}}
opening_funds: {{USD: "1000"}}
notification_addresses: [operations@greenbank.lab]
endpoint: {{url: "https://fspiop.greenbank.lab:8443", addresses: [203.0.113.20]}}
egress_addresses: [203.0.113.20/32]
connector:
  kind: payment-manager
  version: 18.0.2
  vault_url: http://127.0.0.1:{VAULT}
  vault_token_file: vault.token
  inbound_port: 8443
  key_bits: 2048
"""
HUB_OF_THE_BANK = f"""
format: 1
environment: {NAME}
kind: lab
profile: mojaloop
approval: automatic
hub:
  id: switch
  organisation: Lab Hub
  endpoint: {{url: "https://api.hub.lab:8443", addresses: [203.0.113.10, "2001:db8:6d6f::10"]}}
  egress_addresses: [203.0.113.11/32, "2001:db8:6d6f::11/128"]
  ca: {{kind: internal, key: rsa-3072}}
defaults:
  roles: [parties, quotes, transfers]
"""


class Place:
    """One installation: a description, a state folder, and the lab on whose machines it works."""

    def __init__(self, folder: Path, state: Path, lab: Path, *sides: str) -> None:
        self.folder, self.state = folder, state
        place = {"ansible_connection": "mojaloop.onboarding.lab", "onboarding_lab": str(lab)}
        every = place | {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        hosts: dict[str, object] = {"plugin": "mojaloop.onboarding.hub", "state": str(state), "hosts": {"all": every, "controller": place}}
        hosts |= {"installation": list(sides)} if sides else {}
        (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")

    def done(self, playbook: str, *arguments: str) -> Played:
        played = play(playbook, self.folder / "hosts.yml", *arguments, record=self.folder / "record.jsonl", timeout=500)
        assert played.status == 0, played.output
        assert "Traceback" not in played.output
        return played

    def steps(self, *participants: str) -> None:
        """What a run does before it comes to servers and hosts."""
        run(Request(str(self.folder), str(self.state), participants=participants), steps_of(CERTIFICATES))


class WaysIn:
    """The lab, the hub's installation and the bank's, and what runs for the Payment Manager."""

    def __init__(self, root: Path) -> None:
        self.root, self.state, own = root, root / ".state" / NAME, root / ".state" / BANK
        for name in ("lab", "hub"):
            self._describe(root / name)
        bank = root / BANK
        (bank / "participants").mkdir(parents=True)
        (bank / "hub.yml").write_text(HUB_OF_THE_BANK, encoding="utf-8")
        shutil.copy(root / "hub" / "participants" / f"{BANK}.yml", bank / "participants")
        self.raised = Place(root / "lab", self.state, self.state)
        self.hub = Place(root / "hub", self.state, self.state, "hub", HOSTED)
        self.bank = Place(bank, own, self.state, BANK)
        self.lab = TransferLab(root / "hub", self.state)
        self.client: Client | None = None
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        # No one resolves names in a lab, and this SDK calls the hub itself.
        self.state.mkdir(mode=0o700, parents=True)
        etc = self.machine / "etc"
        etc.mkdir(parents=True)
        (etc / "hosts").write_text("127.0.0.1 localhost\n203.0.113.10 api.hub.lab\n", encoding="utf-8")

    @property
    def machine(self) -> Path:
        """The folder of greenbank's machine."""
        return self.state / "lab" / "machines" / HOSTED

    def _describe(self, folder: Path) -> None:
        shutil.copytree(ROOT / "inventories" / NAME, folder)
        hub = (folder / "hub.yml").read_text(encoding="utf-8").replace("ca: {kind: internal}", "ca: {kind: internal, key: rsa-3072}")
        (folder / "hub.yml").write_text(hub.replace("\ndefaults:\n", HUB), encoding="utf-8")
        with (folder / "participants" / f"{BANK}.yml").open("a", encoding="utf-8") as file:
            file.write("transport: bundle\n")
        (folder / "participants" / f"{HOSTED}.yml").write_text(PAYMENT_MANAGER, encoding="utf-8")
        own = folder / "participants-files" / HOSTED
        own.mkdir(parents=True)
        for place in (folder, own):
            (place / "vault.token").touch(mode=0o600)
            (place / "vault.token").write_text(TOKEN, encoding="utf-8")

    def carry(self, sender: Place, receiver: Place, name: str) -> None:
        """Take a file from one outbox to the other inbox, as a person does."""
        inbox = receiver.state / "inbox"
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(sender.state / "outbox" / f"{NAME}.{name}.zip", inbox)

    def to_hub(self) -> None:
        self.carry(self.bank, self.hub, f"{BANK}-for-hub")

    def to_bank(self) -> None:
        self.carry(self.hub, self.bank, f"hub-for-{BANK}")

    def start(self, machine: str, *command: str, ready: str = "", name: str) -> None:
        """A program on a machine of the lab; its output is in a file of this name."""
        log = self.root / f"{name}.log"
        paths = {"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / 'ansible'}", "PATH": os.environ["PATH"], "HOME": str(self.root)}
        entering = enter_command(self.state, machine)
        with log.open("wb") as out:
            program = subprocess.Popen([*entering, *command], stdin=subprocess.PIPE, stdout=out, stderr=out, env=paths, cwd=self.root)
        self.programs[name] = program
        end = time.monotonic() + PATIENCE
        while ready and ready not in log.read_text(encoding="utf-8", errors="replace"):
            assert program.poll() is None, f"{name}: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
            assert time.monotonic() < end, f"{name} is not ready: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
            time.sleep(0.2)

    def start_servers(self) -> None:
        """OpenBao, and the hub's Connection Manager."""
        found = subprocess.run([ROOT / "tests/tools/openbao_program"], capture_output=True, text=True, check=True, timeout=300)
        program, url = found.stdout.strip(), f"http://127.0.0.1:{VAULT}"
        self.start(
            "controller", program, "server", "-dev", f"-dev-listen-address=127.0.0.1:{VAULT}", f"-dev-root-token-id={TOKEN}",
            "-dev-no-store-token", ready="Root Token", name="openbao",
        )  # fmt: skip
        enable = [*enter_command(self.state, "controller"), "env", f"BAO_ADDR={url}", f"BAO_TOKEN={TOKEN}", program]
        subprocess.run(
            [*enable, "secrets", "enable", f"-path={BUNDLES.partition('/')[0]}", "-version=1", "kv"],
            check=True, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        serve = "support.connection_manager.serve"
        arguments = (str(MANAGER), "api.hub.lab", url, TOKEN, BUNDLES)
        self.start("controller", sys.executable, "-m", serve, *arguments, ready="ready", name="connection-manager")

    def ask_manager(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 -- plain data
        """What Connection Manager answers to the operator."""
        status, answer = self.lab.call("controller", method, f"http://127.0.0.1:{MANAGER}/api{path}", body)
        assert status == 200, (path, status, answer)
        return answer

    def start_client(self) -> None:
        """Payment Manager's client, with nothing but what the pack has made for it."""
        folder = self.state / "store" / HOSTED / "payment-manager"
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        facts = dict(line.split("=", 1) for line in files["management-api.env"].decode().splitlines())
        settings = settings_of(facts, files) | {"controlPort": CONTROL}
        (self.root / "client.json").write_text(json.dumps(settings), encoding="utf-8")
        self.client = Client(self.root / "client.json", enter_command(self.state, "controller"))

    def await_client(self, *peers: str, certified: bool) -> None:
        """Wait until it has handed in its half, and knows these peers; ``certified``: and has its certificate."""
        assert self.client is not None
        client = self.client

        def published() -> bool:
            keys = {one["dfspId"] for one in self.ask_manager("GET", "/dfsps/jwscerts")}
            signed = self.ask_manager("GET", f"/dfsps/{HOSTED}/enrollments/outbound")[-1]["state"] == "CERT_SIGNED"
            return HOSTED in keys and signed and bool(self.ask_manager("GET", f"/dfsps/{HOSTED}/enrollments/inbound"))

        until(lambda: bool(client.last["client"]) or not certified, client)
        until(lambda: set(peers) <= set(client.last["peers"]), client)
        until(published, client)

    def start_connector(self) -> None:
        """Greenbank's own systems, Redis and the SDK, which is pushed its keys."""
        backend = {"id": HOSTED, "listen": {"address": "127.0.0.1", "port": BACKEND}, "numbers": ["27710000002"]}
        backend |= {"organisation": "Green Bank", "delay_file": str(self.machine / "delay")}
        (self.root / "core.json").write_text(json.dumps(backend), encoding="utf-8")
        relay = str(ROOT / "tests/lab/connection_manager/relay.py")
        self.start("controller", sys.executable, relay, HOSTED, str(CONTROL), ready="ready", name="relay")
        redis = ("redis-server", "--port", str(CACHE), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.machine))
        self.start(HOSTED, *redis, ready="Ready to accept connections", name="redis")
        core = str(ROOT / "tests/lab/sdk/core_connector.mjs")
        self.start(HOSTED, "node", core, str(self.root / "core.json"), ready="core-connector ready", name="core")
        variables = self.state / "store" / HOSTED / "payment-manager" / "connector.env"
        self.start(HOSTED, "node", f"--env-file={variables}", str(PROGRAM), ready="Serving outbound API on port", name="sdk")

    def stopped(self, name: str) -> tuple[int, str]:
        """The exit status and the last words of a program that ends with its standard input."""
        program = self.programs.pop(name)
        assert program.stdin is not None
        program.stdin.close()
        return program.wait(PATIENCE), (self.root / f"{name}.log").read_text(encoding="utf-8")

    def end(self) -> None:
        """Take leave of the programs, which have ended with the lab."""
        if self.client:
            self.client.stop()
        for program in self.programs.values():
            with program:
                program.kill()
