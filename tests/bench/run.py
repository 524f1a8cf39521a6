# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CPU of the certificate part, beside a community.crypto playbook that makes the same files: whole commands, user + system.

``python tests/bench/run.py`` measures this project and the peer for 10 and 100 participants; the peer's 100 take
about half an hour: ``PEER=10`` leaves them out, ``PEER=`` the peer. Ratios are what to read; seconds depend on the machine,
and on what else it does: CPU time grows when its cores are shared.

This project also makes each side's exchange key (RSA 3072) and exchanges, signs and verifies everything between the sides.
RSA key generation costs both the same for the same key, whoever asks for it: the last ratio leaves it out on both sides.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

ROOT = Path(__file__).resolve().parents[2]
PEER_VERSION = "ansible==12.3.0"
"""Brings ansible-core 2.19 and community.crypto 3.0."""
SIZES = (10, 100)

HUB = """
format: 1
environment: bench
kind: lab
profile: mojaloop
approval: automatic
hub:
  id: switch
  organisation: Bench Hub
  endpoint: {url: "https://api.hub.example", addresses: [203.0.113.10]}
  egress_addresses: [203.0.113.11/32]
  ca: {kind: internal}
  keys: {jws: rsa-2048}
  gateways:
    - {host: hub-gateway, kind: haproxy, inbound: [{address: 203.0.113.10, port: 443}],
       inbound_backend: {address: 127.0.0.1, port: 3000}, outbound: {address: 127.0.0.1, port: 3100}}
  firewall: {kind: nftables}
defaults: {roles: [parties, quotes, transfers]}
"""
PARTICIPANT = """
format: 1
id: bank{number}
organisation: Bank {number}
currencies: [USD]
hosting: managed
endpoint: {{url: "https://bank{number}.example", addresses: [{listener}]}}
egress_addresses: [{egress}/32]
ca: {{kind: internal}}
keys: {{jws: rsa-2048}}
gateways:
  - {{host: bank{number}-gateway, kind: haproxy, inbound: [{{address: {listener}, port: 443}}],
     inbound_backend: {{address: 127.0.0.1, port: 3000}}, outbound: {{address: 127.0.0.1, port: 3100}}}}
firewall: {{kind: nftables}}
"""
INVENTORY = "plugin: mojaloop.onboarding.hub\n"


def main() -> None:
    """Measure and print one line for each figure, then the ratios."""
    peer_sizes = [int(size) for size in os.environ.get("PEER", "10,100").split(",") if size]
    keys = {bits: key_generation(bits) for bits in (2048, 3072)}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        print("CPU seconds (user + system) of the whole command; P-256 TLS keys, RSA 2048 JWS keys")  # noqa: T201
        figures = {("ours", size): shown("ours", size, lambda size=size: ours(folder, size)) for size in SIZES}  # type: ignore[misc]
        peer = peer_python() if peer_sizes else Path()
        for size in peer_sizes:
            figures["peer", size] = shown("peer", size, lambda size=size: community_crypto(folder, size, peer))  # type: ignore[misc]
    print("\n".join(report(figures, keys)))  # noqa: T201


def shown(who: str, size: int, command: Callable[[], None]) -> tuple[float, float]:
    """Measure and say so at once: the peer takes its time."""
    first, second = measure(command)
    print(f"{who:<6} {size:>5} participants   first run {first:8.2f} s   second run {second:8.2f} s", flush=True)  # noqa: T201
    return first, second


def report(figures: Mapping[tuple[str, int], tuple[float, float]], keys: Mapping[int, float]) -> Iterator[str]:
    """The ratios."""
    for size in SIZES:
        if ("peer", size) in figures:
            mine, theirs = figures["ours", size], figures["peer", size]
            generation = (size + 1) * (keys[2048] + keys[3072]), size * keys[2048]
            rest = (theirs[0] - generation[1]) / (mine[0] - generation[0])
            yield f"ratio  {size:>5} participants   first run {theirs[0] / mine[0]:8.1f} x   second run {theirs[1] / mine[1]:8.1f} x"
            yield f"{'':31}first run {rest:8.1f} x   without RSA key generation (ours {generation[0]:.2f} s, peer {generation[1]:.2f} s)"
    slope = [(figures["ours", 100][column] - figures["ours", 10][column]) / 90 * 1000 for column in (0, 1)]
    yield f"ours, each further participant: first run {slope[0]:.1f} ms, second run {slope[1]:.1f} ms, all steps and both sides"


def key_generation(bits: int, times: int = 12) -> float:
    """CPU seconds of one RSA key, on average."""
    before = time.process_time()
    for _ in range(times):
        rsa.generate_private_key(65537, bits)
    return (time.process_time() - before) / times


def measure(command: Callable[[], None]) -> tuple[float, float]:
    """CPU seconds of the first run and of one that changes nothing (the cheaper of two), children included."""
    first, *others = (cpu(command) for _ in range(3))
    return first, min(others)


def cpu(command: Callable[[], None]) -> float:
    """User and system seconds that the children of this process took meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(folder: Path, size: int) -> None:
    """The certificate part of this project over a description of this size."""
    description = folder / f"inventories-{size}" / "bench"
    if not description.exists():
        (description / "participants").mkdir(parents=True)
        (description / "hub.yml").write_text(HUB, encoding="utf-8")
        (description / "hosts.yml").write_text(INVENTORY + f"state: {folder}/state-{size}\n", encoding="utf-8")
        for number in range(1, size + 1):
            listener, egress = f"198.51.100.{number}", f"192.0.2.{number}"
            text = PARTICIPANT.format(number=number, listener=listener, egress=egress)
            (description / "participants" / f"bank{number}.yml").write_text(text, encoding="utf-8")
    run(Path(sys.executable).parent / "ansible-playbook", "ours.yml", "-i", str(description / "hosts.yml"))


def community_crypto(folder: Path, size: int, python: Path) -> None:
    """The same files by community.crypto."""
    target = folder / f"peer-{size}"
    target.mkdir(exist_ok=True)
    run(python.parent / "ansible-playbook", "peer.yml", "-i", "localhost,", "-e", f"folder={target} count={size}")


def run(program: Path, playbook: str, *arguments: str) -> None:
    """Run a playbook of this folder; its output is shown when it fails."""
    command = [str(program), str(Path(__file__).with_name(playbook)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=2 * 3600)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def peer_python() -> Path:
    """A Python environment of its own for the peer, made once."""
    folder = ROOT / ".make" / "peer"
    if not (folder / "bin" / "ansible-playbook").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", PEER_VERSION, "cryptography>=45,<51"], check=True, timeout=1200)
    return folder / "bin" / "python"


if __name__ == "__main__":
    main()
