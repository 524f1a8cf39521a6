# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub and three participants whose steps on the state folder are run, interrupted and run again; what must hold then."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys, FreshKeys, PrivateKey
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import run as run_module
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import sequence

HUB = """\
format: 1
environment: tests
kind: lab
profile: mojaloop
approval: automatic
hub:
  id: switch
  organisation: Switch
  endpoint: {url: "https://api.switch.example", addresses: [203.0.113.10]}
  egress_addresses: [203.0.113.11/32]
  ca: {kind: internal}
  keys: {tls: ec-p256, jws: rsa-2048}
"""
PARTICIPANT = """\
format: 1
id: {name}
organisation: {name}
hosting: managed
currencies: [USD]
endpoint: {{url: "https://{name}.example", addresses: [203.0.113.{number}0]}}
egress_addresses: [203.0.113.{number}1/32]
ca: {{kind: internal}}
keys: {{tls: ec-p256, jws: rsa-2048}}
gateways:
  - host: {name}-gateway
    kind: haproxy
    inbound: [{{address: 203.0.113.{number}0, port: 8443}}]
    inbound_backend: {{address: 127.0.0.1, port: 3000}}
    outbound: {{address: 127.0.0.1, port: 3100}}
"""
PARTICIPANTS = ("bluebank", "greenbank", "redbank")
MEMORY = "/dev/shm"  # noqa: S108 -- made by mkdtemp in there
NOW = datetime.now(UTC).replace(microsecond=0)
ROTATION = NOW + timedelta(days=290)
"""When server and client certificates (365 days) are to be renewed (90 days before), and nothing else."""


class PooledKeys:
    """Distinct keys without the cost of making them: RSA from pairs of few primes, counted across forked processes."""

    def __init__(self, size: int = 40) -> None:
        cheap = DryRunKeys()
        self._pools: dict[str, list[PrivateKey]] = {kind: [cheap.make(kind) for _ in range(size)] for kind in ("rsa-2048", "rsa-3072")}
        self._used = mmap.mmap(-1, 8)

    @property
    def used(self) -> int:
        """How many RSA keys were handed out, by this process and its children."""
        return int(struct.unpack("Q", self._used[:8])[0])

    @used.setter
    def used(self, number: int) -> None:
        self._used[:8] = struct.pack("Q", number)

    def make(self, kind: str) -> PrivateKey:
        """See ``KeyFactory``."""
        if kind not in self._pools:
            return FreshKeys().make(kind)
        self.used += 1
        return self._pools[kind][self.used - 1]


@contextmanager
def pooled_keys() -> Iterator[PooledKeys]:
    """Let runs in this process take their keys from a pool."""
    pool = PooledKeys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "FreshKeys", lambda: pool)
        yield pool


@dataclass(frozen=True)
class Reported:
    """What a step said, in plain data: the error it ended with (empty: none), where and remedy of it, its findings."""

    error: str = ""
    where: str = ""
    remedy: str = ""
    kind: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> list[Finding]:
        """What a person must decide, or an error about one participant."""
        return [finding for finding in self.findings if finding.disposition is Disposition.FAULT]

    @property
    def changes(self) -> list[Finding]:
        """What was changed."""
        return [finding for finding in self.findings if finding.disposition is Disposition.CHANGE]


@dataclass(frozen=True)
class World:
    """A description, a state folder, and a moment in time at which runs happen; ``rekey`` and ``sides`` as in a request."""

    description: Path
    state: Path
    keys: PooledKeys
    now: datetime = NOW
    rekey: tuple[str, ...] = ()
    sides: tuple[str, ...] = ("all",)

    def run(self) -> list[Finding]:
        """Carry out all steps, as the playbooks do; all findings."""
        request = sequence.Request(str(self.description), str(self.state), now=self.now, rekey=self.rekey, sides=self.sides)
        return list(sequence.run(request).findings)

    def reported(self) -> Reported:
        """Carry out all steps; errors become plain data, which processes can send to each other."""
        try:
            return Reported(findings=tuple(self.run()))
        except OnboardingError as error:
            return Reported(str(error), error.where, error.remedy, type(error).__name__)
        except OSError as error:
            return Reported(str(error), kind=f"OSError {error.errno}")

    def at(self, state: Path) -> World:
        """The same with another state folder."""
        return replace(self, state=state)


@contextmanager
def world() -> Iterator[World]:
    """A new world with an empty state folder, in memory where that can be: thousands of trees are made and removed."""
    with pooled_keys() as pool:
        root = Path(tempfile.mkdtemp(prefix="onboarding-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        try:
            description = root / "description"
            (description / "participants").mkdir(parents=True)
            (description / "hub.yml").write_text(HUB, encoding="utf-8")
            for number, name in enumerate(PARTICIPANTS, start=2):
                (description / f"participants/{name}.yml").write_text(PARTICIPANT.format(name=name, number=number), encoding="utf-8")
            yield World(description, root / "state", pool)
        finally:
            shutil.rmtree(root)


Files = dict[str, bytes]


def files(root: Path) -> Files:
    """The content of every file below a folder, by its relative path."""
    found: Files = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 -- thousands of trees are read
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as stream:  # noqa: PTH123
                    found[path[len(str(root)) + 1 :]] = stream.read()
    return found


def marks(root: Path) -> dict[str, tuple[int, int]]:
    """Inode and modification time of every file."""
    return {name: ((root / name).lstat().st_ino, (root / name).lstat().st_mtime_ns) for name in files(root)}


def open_to_others(folder: str | Path, *, deep: bool = True) -> list[str]:
    """Files that are not 0600 and folders that are not 0700."""
    wrong = []
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    for entry in entries:
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            continue
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600):
            wrong.append(f"{entry.path} {stat.S_IMODE(mode):04o}")
        if deep and stat.S_ISDIR(mode):
            wrong += open_to_others(entry.path)
    return wrong


def effective(tree: Files) -> Files:
    """A tree as the next run will take it up: committed folders (``.next-<name>``) in their places, staged files left out."""
    committed = {name.rpartition("/")[0] for name in tree if "/.next-" in name}
    places = {folder.replace("/.next-", "/"): folder for folder in committed}
    found = {name: data for name, data in tree.items() if "/." not in name and name.rpartition("/")[0] not in places}
    for place, folder in places.items():
        found |= {f"{place}/{name.rpartition('/')[2]}": data for name, data in tree.items() if name.rpartition("/")[0] == folder}
    return found


def private_keys(tree: Files) -> dict[str, str]:
    """What stands in every place of a private key: the digest of the file (a key is written in one way only)."""
    return {name: sha256(data).hexdigest() for name, data in tree.items() if b"PRIVATE KEY-----" in data}


def serials(tree: Files) -> dict[str, str]:
    """Serial numbers (hex) of the journal, reserved before a signature; and for whom."""
    return {Path(name).stem: data.decode() for name, data in tree.items() if name.startswith("journal/serials/") and "/." not in name}


def certificates(tree: Files) -> dict[str, set[str]]:
    """Every certificate that a CA of these sides signed for others, or a CA's own: serial number (hex) to fingerprints."""
    found: dict[str, set[str]] = {}
    for name, data in tree.items():
        if not name.startswith("journal/") and b"BEGIN CERTIFICATE-----" in data:
            for serial, fingerprint in _certificates(data):
                found.setdefault(serial, set()).add(fingerprint)
    return found


_KNOWN: dict[bytes, list[tuple[str, str]]] = {}


def _certificates(data: bytes) -> list[tuple[str, str]]:
    if data not in _KNOWN:
        try:
            read = x509.load_pem_x509_certificates(data)
        except ValueError:  # half of a file, in a killed run's staging
            read = []
        _KNOWN[data] = [(f"{each.serial_number:x}", each.fingerprint(hashes.SHA256()).hex()) for each in read]
    return _KNOWN[data]


def shape(tree: Files) -> set[str]:
    """The places of all files whose names do not depend on keys and serial numbers."""
    return {name for name in tree if not name.startswith(("journal/serials/", "journal/issued/", "journal/keys/"))}


@dataclass
class Scenario:
    """A run that is interrupted: where it starts, what it comes to undisturbed, and a copy of the tree from before."""

    world: World
    before: Files
    after: Files
    start: Path
    used: int
    awaited: tuple[Finding, ...] = ()

    @classmethod
    def made(cls, world: World, folder: Path) -> Scenario:
        """Run undisturbed from the world's present state, of which a copy is kept in a folder."""
        before = files(world.state) if world.state.exists() else {}
        folder.mkdir(exist_ok=True)
        copy(world.state, folder / "start")
        used = world.keys.used
        world.run()
        again = world.run()
        assert [finding for finding in again if finding.disposition is not Disposition.PENDING] == []
        return cls(world, before, files(world.state), folder / "start", used, tuple(again))

    def place(self, at: Path) -> World:
        """A fresh copy of the tree as it stands before the run."""
        shutil.rmtree(at, ignore_errors=True)
        copy(self.start, at)
        self.world.keys.used = self.used
        return self.world.at(at)

    def check_recovery(self, state: Path, point: object) -> None:
        """After an interruption: the next run converges, the one after changes nothing, and no key or serial came to harm."""
        world = self.world.at(state)
        killed = files(state) if state.exists() else {}
        assert open_to_others(state) == [], point
        findings = world.run()
        assert [finding for finding in findings if finding.disposition is Disposition.FAULT] == [], point
        then = files(state)
        self._check_keys(killed, then, point)
        check_serials(killed, then, point)
        assert shape(then) == shape(self.after), point
        before = marks(state)
        assert tuple(world.run()) == self.awaited, point
        assert marks(state) == before, point
        assert open_to_others(state) == [], point

    def _check_keys(self, killed: Files, then: Files, point: object) -> None:
        old, seen, new = private_keys(self.before), private_keys(effective(killed)), private_keys(then)
        undisturbed = private_keys(self.after)
        for place in undisturbed:
            folder, _, name = place.rpartition("/")
            prepared = seen.get(f"{folder}.next/{name}")
            if prepared is not None and f"{folder}.next/{name}" not in undisturbed:
                assert new[place] == prepared, (point, place, "a prepared key was not taken up")
            elif place in seen and seen[place] != old.get(place):
                assert new[place] == seen[place], (point, place, "a new key was replaced again")
            elif place in old:
                assert place in seen, (point, place, "a key was lost")
                assert (new[place] == old[place]) == (undisturbed[place] == old[place]), (point, place, "a key that was to stay, or to go")
        for name, data in killed.items():
            if name.startswith("journal/keys/") and "/." not in name:
                retired = data.replace(b'"current"', b'"retired"')
                assert then.get(name) in {data, retired}, (point, name, "the register of keys forgot")


def check_serials(killed: Files, then: Files, point: object) -> None:
    """No number of one certificate on another, none used that an interrupted run had reserved; every signature journalled."""
    assert serials(killed).items() <= serials(then).items(), point
    seen, now = certificates(killed), certificates(then)
    for serial, fingerprints in now.items():
        assert len(fingerprints | seen.get(serial, set())) == 1, (point, serial, "one number, two certificates")
        assert serial in seen or serial not in serials(killed), (point, serial, "a number was used again")
    for name, data in then.items():
        if name.startswith("journal/issued/"):
            serial = Path(name).stem
            assert serial in serials(then), (point, serial, "signed and never journalled before")
            assert now.get(serial, set()) <= {json.loads(data)["fingerprint"]}, (point, serial)


def copy(source: Path, target: Path) -> None:
    """Copy a tree, where there is one."""
    if source.exists():
        shutil.copytree(source, target, symlinks=True)


def first_and_last(found: Sequence[Any]) -> str:
    """A short form of a long list, for messages."""
    return f"{found[:1]} … {found[-1:]}"


Decide = Callable[[Any], int]
