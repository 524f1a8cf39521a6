# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The packet filter of this host: read from the kernel, replaced in one transaction, undone unless confirmed.

Only the table ``inet mojaloop_onboarding`` is ever written. A change goes: check (``nft -c``), arm the roll-back timer,
one transaction, read back; then the controller confirms over a new connection, and only then the file that the host
loads at boot is replaced. A host that restarts in between comes up with the table it had.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from typing import Any, Match, Sequence

from . import rollback
from .firewall_content import FAMILY, TABLE, Content, content_of, counters_of
from .firewall_neighbours import neighbours

BOOT_FILE = "/etc/nftables.conf"
"""What the service ``nftables`` loads at boot (Debian; Red Hat's includes are followed from ``/etc/sysconfig``)."""
BOOT_FILES = (BOOT_FILE, "/etc/sysconfig/nftables.conf")
SERVICE = "nftables.service"
SYSTEMD = "/run/systemd/system"
"""Is there where systemd runs (``sd_booted(3)``)."""
TIMEOUT = 60
_RESET = f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
_COUNTER = re.compile(r"^(\tcounter (\S+) \{ packets )0 bytes 0( \})$", re.MULTILINE)


class FirewallRefused(Exception):
    """The rule set was not accepted or did not take effect; the table that was there still is."""


def observe(persist_file: str, ports: Sequence[int] = ()) -> dict[str, Any]:
    """What is in force, from the kernel, and what will be after the next boot.

    ``content`` (None when there is no table), ``counters`` (packets and bytes by name), ``persisted`` (SHA-256 of the file
    loaded at boot), ``lost`` (its text where it should have made the table that is not there), ``loaded_at_boot`` (whether
    the host's start loads it), ``neighbours`` (see there).
    """
    listing = _listing()
    return {
        "lost": "" if listing else _text(persist_file),
        "content": content_of(listing) if listing else None,
        "counters": counters_of(listing) if listing else {},
        "persisted": _digest(persist_file),
        "loaded_at_boot": loaded_at_boot(persist_file),
        "neighbours": neighbours(_everything(), ports),
    }


def apply(rules: str, expected: Content, persist_file: str, seconds: float) -> str:
    """Put ``rules`` in force in one transaction; returns the token to ``confirm`` with within ``seconds``.

    Raises FirewallRefused when nft refuses them, when the kernel then shows anything but ``expected``, or when all that
    took longer than ``seconds``: in every case the table of before is in force.
    """
    folder = _folder(persist_file)
    _settle(folder, seconds)
    _sweep(folder, persist_file)
    before = _RESET + (_nft("list", "table", FAMILY, TABLE, absent=True) or "")
    previous = _stage(folder, "previous.nft", before)
    candidate = _stage(folder, "candidate.nft", rules)
    _nft("-c", "-f", candidate)

    def change() -> None:
        _write(candidate, _carry_counters(rules))
        _nft("-f", candidate)
        _compare(expected)

    try:
        return rollback.guard(folder, seconds, lambda: _restore(previous), change)
    except TimeoutError as error:
        raise FirewallRefused(str(error)) from error


def confirm(token: str, rules: str, expected: Content, persist_file: str) -> None:
    """Keep the change and have it loaded at boot; FirewallRefused when it was rolled back already, or will be, or is not loaded."""
    folder = _folder(persist_file)
    if token not in rollback.fired(folder):
        _compare(expected)
    if not rollback.confirm(folder, token):
        msg = "the change was rolled back: no one confirmed it in time"
        raise FirewallRefused(msg)
    try:
        persist(rules, persist_file)
    except OSError as error:
        msg = f"the change is in force, and the next boot would bring the rules of before back: {error}"
        raise FirewallRefused(msg) from error
    for name in ("previous.nft", "candidate.nft"):
        os.unlink(os.path.join(folder, name))


def await_confirmation(persist_file: str, seconds: float) -> None:
    """Wait until no earlier change can be undone any more; nothing is written. FirewallRefused when one still can."""
    try:
        rollback.wait(_folder_of(persist_file), seconds + TIMEOUT)
    except TimeoutError as error:
        raise FirewallRefused(str(error)) from error


def persist(rules: str, persist_file: str) -> None:
    """Replace the file that the host loads at boot: staged beside it, synced, renamed; unchanged bytes stay untouched."""
    if _digest(persist_file) != hashlib.sha256(rules.encode()).hexdigest():
        folder = _folder(persist_file)
        _settle(folder, 0)
        _sweep(folder, persist_file)
        _write(persist_file, rules)


def loaded_at_boot(persist_file: str) -> bool:
    """Whether a boot file of nftables includes this file, by name or by pattern, and systemd (where it is) loads that at the start.

    Debian installs the service ``nftables`` switched off.
    """
    return _included(persist_file) and (not os.path.isdir(SYSTEMD) or _enabled())


def _enabled() -> bool:
    try:
        done = subprocess.run(["systemctl", "is-enabled", SERVICE], capture_output=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _included(persist_file: str) -> bool:
    for boot_file in BOOT_FILES:
        try:
            with open(boot_file, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            continue
        for pattern in re.findall(r'^\s*include\s+"([^"]+)"', text, re.MULTILINE):
            if fnmatch.fnmatch(persist_file, os.path.join(os.path.dirname(boot_file), pattern)):
                return True
    return False


def _listing() -> dict[str, Any] | None:
    answer = _nft("-j", "list", "table", FAMILY, TABLE, absent=True)
    if answer is None:
        return None
    return _parsed(answer) or _listing_in_pieces()


def _listing_in_pieces() -> dict[str, Any]:
    """The listing of a table with flags (``dormant``: someone switched it off), which nft 1.0.6 cannot print whole."""
    entries: list[dict[str, Any]] = [{"table": {"flags": ["set"]}}]
    for arguments in (("counters", "table", FAMILY, TABLE), ("sets", "table", FAMILY, TABLE), ("maps",), ("chains", FAMILY)):
        entries += _own_objects(*arguments)
    for chain in [entry["chain"]["name"] for entry in entries if "chain" in entry]:
        entries += [entry for entry in _own_objects("chain", FAMILY, TABLE, chain) if "rule" in entry]
    return {"nftables": entries}


def _own_objects(*arguments: str) -> list[dict[str, Any]]:
    listed = _parsed(_nft("-j", "list", *arguments) or "") or {"nftables": []}
    return [entry for entry in listed["nftables"] for item in entry.values() if (item.get("family"), item.get("table")) == (FAMILY, TABLE)]


def _everything() -> dict[str, Any]:
    """The rules of all tables, without elements of sets; tables that are switched off decide nothing and may be left out."""
    whole = _parsed(_nft("-j", "-t", "list", "ruleset") or "")
    if whole is not None:
        return whole
    entries: list[dict[str, Any]] = []
    for line in (_nft("list", "tables") or "").splitlines():
        single = _parsed(_nft("-j", "-t", "list", *line.split(), absent=True) or "")
        entries += single["nftables"] if single else []
    return {"nftables": entries}


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _compare(expected: Content) -> None:
    listing = _listing()
    found = content_of(listing) if listing else None
    if found != expected:
        differing = sorted(key for key in expected if found is None or found.get(key) != expected[key])
        msg = "the kernel does not hold what was loaded (differing: {})".format(", ".join(differing))
        raise FirewallRefused(msg)


def _carry_counters(rules: str) -> str:
    """The rule set with the counters' present values, so that a replacement does not set them to zero.

    What passes between this reading and the transaction (milliseconds) is not counted.
    """
    values = counters_of(_listing() or {"nftables": []})

    def filled(match: Match[str]) -> str:
        packets, octets = values.get(match.group(2), (0, 0))
        return f"{match.group(1)}{packets} bytes {octets}{match.group(3)}"

    return _COUNTER.sub(filled, rules)


def _restore(previous: str) -> None:
    _nft("-f", previous)


def _nft(*arguments: str, absent: bool = False) -> str | None:
    """The output of one call of nft; None where ``absent`` permits that there is no such table."""
    program = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if program is None:
        msg = "nft is not installed on this host"
        raise FirewallRefused(msg)
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    reported = done.stderr.decode("utf-8", "replace").strip()
    if absent and "No such file or directory" in reported:
        return None
    msg = f"nft {' '.join(arguments)}: {reported[:2000]}"
    raise FirewallRefused(msg)


def _folder(persist_file: str) -> str:
    """The working folder, made where it is missing."""
    folder = _folder_of(persist_file)
    os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


def _folder_of(persist_file: str) -> str:
    """The working folder beside the file: hidden, so that an include pattern never takes a candidate from it."""
    head, tail = os.path.split(persist_file)
    return os.path.join(head, "." + os.path.splitext(tail)[0])


def _settle(folder: str, seconds: float) -> None:
    """Let an earlier change that no one confirmed be undone before the next one begins."""
    try:
        rollback.settle(folder, seconds + TIMEOUT)
    except TimeoutError as error:
        raise FirewallRefused(str(error)) from error


def _sweep(folder: str, persist_file: str) -> None:
    """Remove what a killed run left half written."""
    for place in (folder, os.path.dirname(persist_file)):
        for name in os.listdir(place):
            if name.startswith((".candidate.nft.stage-", ".previous.nft.stage-", f".{os.path.basename(persist_file)}.stage-")):
                os.unlink(os.path.join(place, name))


def _stage(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    _write(path, text)
    return path


def _write(path: str, text: str) -> None:
    staged = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.stage-{secrets.token_hex(4)}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(staged, path)
    except BaseException:
        os.unlink(staged)
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
