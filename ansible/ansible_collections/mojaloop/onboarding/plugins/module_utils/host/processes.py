# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process of a gateway: a systemd unit, or one of its own that outlives the run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import GatewayError


def spawn(command: list[str], log: Path) -> int:
    """Start a program in a session of its own, its output appended to a file of mode 0600; returns its process id."""
    output = os.open(str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    streams = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((null, 0), (output, 1), (output, 2))]
    try:
        return os.posix_spawnp(command[0], command, os.environ, file_actions=streams, setsid=True)
    finally:
        os.close(output)
        os.close(null)


def start_unit(name: str) -> None:
    """Start a unit; GatewayError when systemd does not."""
    try:
        done = systemctl("start", name)
    except subprocess.TimeoutExpired as error:
        raise GatewayError(f"systemd did not start {name} within 60 s", remedy=f"See journalctl -u {name}.") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise GatewayError(f"systemd did not start {name}: {said}", remedy=f"See journalctl -u {name}.")


def systemctl(verb: str, name: str) -> subprocess.CompletedProcess[bytes]:
    """Have systemd do one thing with a unit."""
    return subprocess.run(["systemctl", verb, name], capture_output=True, timeout=60, check=False)
