# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's real ledger for tests and the lab: central-ledger with its handlers on MariaDB and a broker of librdkafka.

Nothing here speaks the ledger's API: outcomes are read from its database (``rows``), so that a mistake of the pack's client cannot
hide itself.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import ports

LAB = Path(__file__).resolve().parents[1] / "lab" / "ledger"
PATIENCE = 120.0
"""Seconds for the whole to start on a loaded machine; when idle it takes less than five."""


@dataclass
class RealLedger:
    """A running ledger. ``url`` is its administration API, ``brokers`` the address of its broker on the loopback address."""

    folder: Path
    built: Path
    url: str
    socket: Path
    """The database's socket."""
    brokers: str = ""
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """What the database answers, each value as text (NULL for none)."""
        answer = subprocess.run(query_command(self.socket, query), capture_output=True, text=True, check=True, timeout=60)
        return rows_of(answer.stdout)

    @contextmanager
    def hanging_broker(self) -> Iterator[None]:
        """While it lasts the broker takes connections and requests, and answers none: its process is stopped, as the kernel says."""
        broker = self.processes["broker"].pid
        os.kill(broker, signal.SIGSTOP)
        try:
            end = time.monotonic() + PATIENCE
            while Path(f"/proc/{broker}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "T":
                assert time.monotonic() < end, "the broker does not stop"
                time.sleep(0.01)
            yield
        finally:
            os.kill(broker, signal.SIGCONT)

    def broker(self, order: str) -> None:
        """Have the broker go ``down``, ``up``, or ``send <topic> <text>``."""
        process = self.processes["broker"]
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{order}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"


def query_command(socket: Path, query: str) -> list[str]:
    """The command that asks the ledger's database; its output is for ``rows_of``."""
    command = ["mariadb", "--no-defaults", "--user=root", f"--socket={socket}", "--batch", "--skip-column-names"]
    return [*command, "central_ledger", "--execute", query]


def rows_of(output: str) -> list[tuple[str, ...]]:
    """What the database has answered, each value as text (NULL for none)."""
    return [tuple(line.split("\t")) for line in output.splitlines()]


def built() -> Path:
    """The folder with the build of the ledger; it is made where this machine has none."""
    answer = subprocess.run([LAB / "built"], capture_output=True, text=True, check=False, timeout=1800)
    assert answer.returncode == 0, f"the ledger cannot be built here (make prepare-ledger): {answer.stderr}"
    return Path(answer.stdout.strip())


@contextmanager
def real_ledger(folder: Path) -> Iterator[RealLedger]:
    """A ledger with an empty hub on the loopback address, in a folder whose path is short enough for a socket; ends with the context."""
    with running(RealLedger(folder, built(), f"http://127.0.0.1:{ports.free_port()}", folder / "socket")) as ledger:
        yield ledger


@contextmanager
def running(ledger: RealLedger) -> Iterator[RealLedger]:
    """Start a ledger, with the database that is in its folder or an empty one; it ends with the context."""
    try:
        _start(ledger)
        yield ledger
    finally:
        for process in reversed(ledger.processes.values()):
            process.kill()
        for process in ledger.processes.values():
            _ended(process)


def _ended(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def _start(ledger: RealLedger) -> None:
    database_port = ports.free_port()
    _spawn(ledger, "broker", [sys.executable, str(LAB / "kafka.py")], piped=True)
    if not (ledger.folder / "database").exists():
        shutil.copytree(ledger.built / "database", ledger.folder / "database")
    _spawn(ledger, "database", _database(ledger, database_port))
    output = ledger.processes["broker"].stdout
    assert output
    ledger.brokers = output.readline().strip()
    package = ledger.built / "node_modules" / "@mojaloop" / "central-ledger"
    settings = json.loads((package / "config" / "default.json").read_text(encoding="utf-8"))
    _point_at(settings["KAFKA"], ledger.brokers)
    configuration = ledger.folder / "kafka.json"
    configuration.write_text(json.dumps({"KAFKA": settings["KAFKA"]}), encoding="utf-8")
    _until(lambda: bool(ledger.rows("SELECT 1")), ledger)
    environment = {
        "PATH": os.environ["PATH"],
        "CLEDG_DATABASE__HOST": "127.0.0.1",
        "CLEDG_DATABASE__PORT": str(database_port),
        "CLEDG_PROXY_CACHE__enabled": "false",
        "CLEDG_MIGRATIONS__DISABLED": "true",
        "CLEDG_PORT": ledger.url.rpartition(":")[2],
        "LISTEN_ADDRESS": urlsplit(ledger.url).hostname or "",
        "LOG_LEVEL": "warn",
        "CSL_LOG_LEVEL": "warn",
        "LOG_FILTER": "",
    }
    node = str(ledger.built / "bin" / "node")
    command = [node, "--require", str(LAB / "loopback.cjs"), "src/api/index.js", "--config", str(configuration)]
    _spawn(ledger, "ledger", command, cwd=package, env=environment)
    _until(lambda: _healthy(ledger.url), ledger)


def _spawn(
    ledger: RealLedger, name: str, command: list[str], *, piped: bool = False, cwd: Path | None = None, env: dict[str, str] | None = None
) -> None:
    with (ledger.folder / f"{name}.log").open("w", encoding="utf-8") as log:
        ledger.processes[name] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else log,
            stderr=log,
            text=True,
            start_new_session=True,
            cwd=cwd,
            env=env,
        )


def _database(ledger: RealLedger, port: int) -> list[str]:
    return [
        "/usr/sbin/mariadbd",
        "--no-defaults",
        f"--datadir={ledger.folder}/database",
        "--innodb-log-file-size=4M",
        "--innodb-buffer-pool-size=64M",
        "--innodb-flush-log-at-trx-commit=0",
        "--skip-log-bin",
        "--skip-name-resolve",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        f"--socket={ledger.socket}",
        f"--pid-file={ledger.folder}/database.pid",
        f"--user={pwd.getpwuid(os.getuid()).pw_name}",
    ]


def _point_at(settings: dict[str, Any], brokers: str) -> None:
    for name, value in settings.items():
        if name == "rdkafkaConf":
            value["metadata.broker.list"] = brokers
        elif isinstance(value, dict):
            _point_at(value, brokers)


def _healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 -- a URL of this test
        return bool(json.load(answer)["status"] == "OK")


def _until(ready: Callable[[], bool], ledger: RealLedger) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for name, process in ledger.processes.items():
            assert process.poll() is None, f"{name} has ended:\n{_log(ledger, name)}"
        try:
            if ready():
                return
        except (OSError, subprocess.CalledProcessError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"the ledger does not start: {[_log(ledger, name) for name in ledger.processes]}")


def _log(ledger: RealLedger, name: str) -> str:
    return (ledger.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
