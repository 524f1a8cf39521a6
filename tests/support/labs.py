# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab in a folder of a test's own, used by the project's playbooks as an operator uses them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.leaks import Secrets, contents, secrets_of_state
from support.playbooks import ROOT, Played, play
from support.watched import Watched, play_watched

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
"""An access token, whole: header, claims and signature (RFC 7515 section 3.1)."""

Contents = dict[str, tuple[int, int, bytes]]


class Lab:
    """A lab of the project, or one of a part of its participants."""

    def __init__(self, folder: Path, *, name: str = "lab", without: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.description = folder / "inventories" / name
        shutil.copytree(ROOT / "inventories" / name, self.description)
        for participant in without:
            self.file(participant).unlink()
        self.state = folder / ".state" / self.description.name
        self.runs: dict[str, Played] = {}

    def file(self, participant: str) -> Path:
        """The description of a participant."""
        return self.description / "participants" / f"{participant}.yml"

    def play(self, playbook: str, *arguments: str) -> Played:
        """Run a playbook of the project, or a file."""
        played = play(playbook, self.description / "hosts.yml", *arguments, record=self.folder / "record.jsonl")
        assert "Traceback" not in played.output
        return played

    def done(self, playbook: str, *arguments: str) -> Played:
        """As ``play``; it must not fail."""
        played = self.play(playbook, *arguments)
        assert played.status == 0, played.output
        return played

    def watched(self, playbook: str, *arguments: str, sees: str = "") -> Played:
        """As ``done``; no secret and no access token may be seen anywhere but where it is at home; ``sees``: a file that is looked into."""
        watched = play_watched(self, playbook, *arguments, environment={})
        assert sorted(map(str, watched.leaks())) == []
        assert self._tokens(watched) == []
        assert any(sees in place for place in watched.places())
        assert watched.played.status == 0, watched.played.output[-2000:]
        shutil.rmtree(watched.traces)
        return watched.played

    def _tokens(self, watched: Watched) -> list[str]:
        kept = {
            f"{part}/{name}": each for part in ("evidence", "journal", "exchange", "store") for name, each in contents(self.state / part)
        }
        return [place for place, content in (watched.places() | kept).items() if TOKEN.search(content)]

    def remove(self) -> Played:
        """End the lab and remove its state folder."""
        return self.play("lab.yml", "-e", "lab_state=absent", "-e", "lab_purge=true")

    def snapshot(self, *, without: tuple[str, ...] = ()) -> Contents:
        """Inode, modification time and content of every file of the state folder but the lab's own."""
        files = (path for path in self.state.rglob("*") if path.is_file() and not path.is_relative_to(self.state / "lab"))
        relative = {str(path.relative_to(self.state)): path for path in files}
        kept = {name: path for name, path in relative.items() if not name.startswith(("journal/lease", *without))}
        return {name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for name, path in kept.items()}

    @property
    def secrets(self) -> Secrets:
        """The stores', the authorization server's, and those of the participant with its own tools."""
        passphrases = {path.parent.name: path.read_bytes().strip() for path in (self.state / "store").glob("*/ca.passphrase")}
        found = secrets_of_state(self.state, passphrases)
        server = self.state / "lab" / "authorization-server"
        found.add("initial access token", (server / "initial-access-token").read_bytes().strip())
        for key in json.loads((server / "jwks.json").read_bytes())["keys"]:
            found.add("the server's signing key", key["d"].encode())
        for path in sorted((self.state / "self-hosted").rglob("*.key")):
            found.add_key(f"{path.parent.name}'s {path.name}", path.read_bytes())
        return found

    @contextmanager
    def live(self, participant: str = "greenbank") -> Iterator[Callable[[], str]]:
        """A participant's right request, again and again on one connection; what is asked ends with a status or in silence."""
        words = [sys.executable, "-m", "support.live_connection", str(self.description), str(self.state), participant]
        command = [*enter_command(self.state, "controller"), "env", f"PYTHONPATH={ROOT / 'tests'}", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            try:
                assert process.stdout.readline().strip() == "connected"

                def ask() -> str:
                    assert process.stdin
                    assert process.stdout
                    process.stdin.write("again\n")
                    process.stdin.flush()
                    return process.stdout.readline().strip()

                yield ask
            finally:
                process.kill()

    @contextmanager
    def calling(self, participant: str = "greenbank") -> Iterator[list[str]]:
        """A participant calls all the time on one connection, with the token that it had at first; what it was answered."""
        answers: list[str] = []
        over = threading.Event()
        with self.live(participant) as ask:

            def call() -> None:
                while not over.wait(0.2):
                    answers.append(ask())

            caller = threading.Thread(target=call)
            caller.start()
            try:
                yield answers
            finally:
                time.sleep(1)
                over.set()
                caller.join()
