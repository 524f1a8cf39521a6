# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy's two sockets: the master's, which reloads, and the worker's, which knows what is really in force.

Source: HAProxy 2.6 Management Guide, sections 9.3 (unix socket commands) and 9.4 (master CLI).
"""

from __future__ import annotations

import csv
import re
import socket
import time
from typing import Iterable, Mapping

from ..errors import GatewayError

TIMEOUT = 10.0
"""Seconds for one command and its answer."""
LIMIT = 32 * 1024 * 1024
"""Bytes of an answer: the largest is a map, and 32 MiB hold several hundred thousand entries."""
COMMAND = 15000
"""Bytes of a command with a file: the buffer of 16 KiB less what HAProxy keeps free in it."""
AT_ONCE = 20
"""Commands in one line: a command is a few hundred bytes, and a line at most one buffer."""
PAYLOAD = 8000
"""Bytes of one ``add map``: HAProxy 2.6 takes at most one buffer (16 KiB) a command."""


def ask(path: str, command: str) -> str:
    """The answer to one command (a payload's last line ends with a line break); OSError when no one answers in time.

    GatewayError for more than ``LIMIT`` bytes: whatever serves this socket is not HAProxy.
    """
    until = time.monotonic() + TIMEOUT
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)  # the master would wait for more
        answer = bytearray()
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            connection.settimeout(left)
            part = connection.recv(65536)
            if not part:
                return answer.decode("utf-8", "replace")
            answer += part
            if len(answer) > LIMIT:
                raise GatewayError(f"answered with more than {LIMIT:,} bytes", where=path, remedy="Check what serves this socket.")


def answers(path: str) -> bool:
    """Whether a process serves this socket. A master that starts anew accepts, says nothing, and ends the connection."""
    try:
        return bool(ask(path, "help").strip())
    except OSError:
        return False


def running_release(stats: str) -> str:
    """What the running worker calls the fixed part of its release (``gateway_release.fixed``); empty when none of ours runs."""
    try:
        answer = ask(stats, "show env ONBOARDING_RELEASE").strip()
    except OSError:
        return ""
    name, _equals, digest = answer.partition("=")
    return digest if name == "ONBOARDING_RELEASE" else ""


def worker(stats: str) -> str:
    """The process id of the worker that accepts connections; empty when no one answers."""
    try:
        found = re.search(r"^Pid: (\d+)$", ask(stats, "show info"), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1) if found else ""


def last_check(stats: str, backend: str) -> str:
    """What the worker saw at its last check of a backend's only server: ``L6OK``, or a code with its words; empty: no such backend.

    ``INI`` while the first check is still due. Source: HAProxy 2.6 Management Guide, section 9.1, columns check_status and last_chk.
    """
    lines = ask(stats, f"show stat {backend} 4 -1").splitlines()
    if len(lines) < 2 or not lines[0].startswith("# "):  # noqa: PLR2004  a heading and one server
        return ""
    heading, row = list(csv.reader([lines[0][2:], lines[1]]))
    found = dict(zip(heading, row))
    status = found.get("check_status", "").replace("* ", "")
    if found.get("status", "").startswith("MAINT"):
        return "its name is not resolved on this host"
    return status if status in {"L6OK", "INI", ""} else f"{status} {found.get('check_desc', '')}: {found.get('last_chk', '')}".strip(": ")


def maps(stats: str, pattern: str) -> list[str]:
    """What ``*`` of the pattern stands for in the names of the maps that the process has, sorted."""
    start, _star, end = pattern.partition("*")
    names = re.findall(r"^-?\d+ \((.+?)\) ", ask(stats, "show map"), re.MULTILINE)
    return sorted(name[len(start) : -len(end)] for name in names if name.startswith(start) and name.endswith(end))


def read_map(stats: str, name: str) -> dict[str, str] | None:
    """The entries in force of a map; None when the process has no such map."""
    answer = ask(stats, "show map " + name)
    entries = {}
    for line in answer.splitlines():
        parts = line.split(None, 2)
        if line.startswith("0x") and len(parts) > 1:
            entries[parts[1]] = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004  pointer, key, value
        elif line.strip():
            return None
    return entries


def replace_map(stats: str, name: str, entries: Mapping[str, str]) -> None:
    """Make these the entries of a map, all at once; GatewayError when the process refuses."""
    answer = ask(stats, "prepare map " + name)
    found = re.search(r"New version created: (\d+)", answer)
    if found is None:
        raise GatewayError(f"the running gateway has no map {name}: {answer.strip()}")
    version = found.group(1)
    for lines in _chunks(entries):
        _expect_silence(ask(stats, f"add map @{version} {name} <<\n{lines}"), name)
    _expect_silence(ask(stats, f"commit map @{version} {name}"), name)


def workers(path: str) -> list[str]:
    """Process ids of all workers, those that still drain after a reload included."""
    lines = [line.split() for line in ask(path, "show proc").splitlines()]
    return [words[0] for words in lines if len(words) > 1 and words[1] == "worker"]


def master(path: str) -> int:
    """The process id of the master that serves this socket."""
    lines = [line.split() for line in ask(path, "show proc").splitlines()]
    return int(next(words[0] for words in lines if len(words) > 1 and words[1] == "master"))


def failed_reloads(path: str) -> int:
    """How many reloads in a row the master could not carry out."""
    found = re.search(r"\[failed: (\d+)\]", ask(path, "show proc"))
    return int(found.group(1)) if found else 0


def withdraw(path: str, name: str, keys: Iterable[str]) -> None:
    """Take entries out of a map in every worker, so that live connections of draining ones are refused as well."""
    doomed = list(keys)
    for process in workers(path) if doomed else []:
        for start in range(0, len(doomed), AT_ONCE):
            ask(path, "; ".join(f"@!{process} del map {name} {key}" for key in doomed[start : start + AT_ONCE]))


def fingerprints(stats: str, kind: str, name: str) -> list[str]:
    """SHA-1 fingerprints (upper-case hex) of what the process loaded from a file; ``kind``: ``cert`` or ``ca-file``."""
    answer = ask(stats, f"show ssl {kind} {name}")
    return re.findall(r"^SHA1 FingerPrint: ([0-9A-F]{40})$", answer, re.MULTILINE)


def replace_certificate(stats: str, name: str, content: bytes) -> None:
    """Have the running worker use this certificate with chain and key (PEM) for new handshakes.

    GatewayError when it refuses, or the content is longer than its socket takes; then it goes on with what it has.
    """
    lines = [line for line in content.decode("ascii").splitlines() if line.strip()]  # an empty line would end the command
    command = "set ssl cert {} <<\n{}\n".format(name, "\n".join(lines))
    if len(command) > COMMAND:
        raise GatewayError(f"{name} is longer than the running gateway's socket takes")
    ask(stats, command)
    if "Success" not in ask(stats, f"commit ssl cert {name}"):
        ask(stats, f"abort ssl cert {name}")
        raise GatewayError(f"the running gateway refused {name}")


def _chunks(entries: Mapping[str, str]) -> Iterable[str]:
    lines: list[str] = []
    size = 0
    for key, value in sorted(entries.items()):
        line = f"{key} {value}\n"
        if size + len(line) > PAYLOAD:
            yield "".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield "".join(lines)


def _expect_silence(answer: str, name: str) -> None:
    if answer.strip():
        raise GatewayError(f"the running gateway refused a change of map {name}: {answer.strip()}")
