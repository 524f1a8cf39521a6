# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run work in a process of its own whose every changing system call is asked for first: let it pass, fail it, or kill there.

The kernel asks (seccomp_unotify(2)): nothing escapes, neither C code nor child processes, and a call that ends in a kill
was not carried out. No tracing: a run costs a fork, not the start of a Python.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pickle
import platform
import select
import signal
import struct
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KILL = -1
"""Decision: end the process with SIGKILL, the call not carried out."""
PASS = 0
SHORT = -2
"""Decision on a ``write``: only the first half is written, and the caller learns so (which write(2) permits)."""
TORN = -3
"""Decision on a ``write``: the first half is written, then the process ends with SIGKILL."""
_LIMIT = 120.0
_FILTER_FD = 700
_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "open": 2, "write": 1, "pwrite64": 18, "writev": 20, "sendto": 44, "sendmsg": 46, "fsync": 74, "fdatasync": 75,
        "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87,
        "symlink": 88, "chmod": 90, "fchmod": 91, "openat": 257, "mkdirat": 258, "unlinkat": 263, "renameat": 264,
        "linkat": 265, "symlinkat": 266, "fchmodat": 268, "utimensat": 280, "renameat2": 316,
    },
    "aarch64": {
        "write": 64, "pwrite64": 68, "writev": 66, "sendto": 206, "sendmsg": 211, "fsync": 82, "fdatasync": 83,
        "truncate": 45, "ftruncate": 46, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38,
        "fchmod": 52, "fchmodat": 53, "openat": 56, "utimensat": 88, "renameat2": 276,
    },
}  # fmt: skip
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
CHANGING = frozenset(_NUMBERS["x86_64"]) - {"sendmsg", "sendto"}
"""Calls that change files: what is opened only to read is no change (see ``Watch.reading``)."""
_BY_HANDLE = {"write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fchmod", "sendmsg", "sendto"}
_AT = {"openat", "mkdirat", "unlinkat", "renameat", "linkat", "symlinkat", "fchmodat", "utimensat", "renameat2"}


@dataclass(frozen=True)
class Call:
    """One call that is about to happen: its ordinal among those counted (from 0), who calls, and the file it is about."""

    ordinal: int
    name: str
    pid: int
    path: str


@dataclass(frozen=True)
class Watch:
    """Which calls are counted: those named, on files below ``roots`` and (``sendmsg``, ``sendto``) on sockets.

    ``reading``: also those that open a file to read.
    """

    roots: tuple[str, ...]
    names: frozenset[str] = CHANGING
    reading: bool = False


@dataclass
class Ended:
    """How the work ended. ``answer`` is what it returned; an exception that it raised is in ``error``."""

    calls: list[Call] = field(default_factory=list)
    killed: bool = False
    answer: Any = None
    error: BaseException | None = None


def why_not() -> str:
    """Why system calls cannot be supervised here; empty when they can."""
    if platform.machine() not in _NUMBERS:
        return f"system calls are not known by number on {platform.machine()}"
    try:
        ended = supervise(lambda: True, Watch(("/",)))
    except OSError as error:
        return f"the kernel does not let system calls be supervised ({error})"
    return "" if ended.answer else f"system calls cannot be supervised here ({ended.error})"


def supervise(
    work: Callable[[], Any],
    watch: Watch,
    decide: Callable[[Call], int] = lambda _call: PASS,
    *,
    stay: bool = False,
) -> Ended:
    """Do the work in a forked process; ``decide`` says of each counted call: PASS, KILL, SHORT, TORN, or an errno.

    Processes that the work starts in sessions of their own are neither counted nor killed; with ``stay`` they may go on
    after the end of the work.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(work, watch, writer)
    os.close(writer)
    supervisor = _Supervisor(child, watch, decide)
    with os.fdopen(reader, "rb") as stream:
        try:
            return supervisor.run(stream, stay=stay)
        finally:
            supervisor.end()


def _work(work: Callable[[], Any], watch: Watch, writer: int) -> None:
    """In the child: become the leader of a process group, install the filter, wait to be continued, work, tell."""
    code = 1
    try:
        os.setpgid(0, 0)
        _install(watch)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            reported: tuple[Any, BaseException | None] = (work(), None)
        except BaseException as error:  # noqa: BLE001 -- this process must not return into pytest
            reported = (None, error)
        try:
            content = pickle.dumps(reported)
        except Exception:  # noqa: BLE001 -- not every error can be sent; its text can
            content = pickle.dumps((None, RuntimeError(f"{type(reported[1]).__name__}: {reported[1]}")))
        with os.fdopen(writer, "wb") as stream:
            stream.write(content)
        code = 0
    finally:
        os._exit(code)


class _Supervisor:
    def __init__(self, child: int, watch: Watch, decide: Callable[[Call], int]) -> None:
        self._child, self._watch, self._decide = child, watch, decide
        self._names = {number: name for name, number in _NUMBERS[platform.machine()].items()}
        self._ended = Ended()
        self._collected = False
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._collected = True
            raise OSError(0, "the filter could not be installed")
        self._listener = _fetch(child, _FILTER_FD)
        os.kill(child, signal.SIGCONT)

    def run(self, stream: Any, *, stay: bool) -> Ended:  # noqa: ANN401 -- a binary stream
        """Answer until the work has ended, collect it, and tell."""
        deadline = time.monotonic() + _LIMIT
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        content = b""
        poll.register(stream, select.POLLIN)
        while not self._ended.killed:
            ready = dict(poll.poll(1000))
            if ready.get(self._listener, 0) & select.POLLIN:
                self._answer()
            elif stream.fileno() in ready:
                piece = os.read(stream.fileno(), 65536)
                content += piece
                if not piece:
                    break
            if time.monotonic() > deadline:
                raise TimeoutError(f"the work did not end; last calls: {self._ended.calls[-3:]}")
        self._collect(stay=stay)
        if content and not self._ended.killed:
            self._ended.answer, self._ended.error = pickle.loads(content)  # noqa: S301 -- from our own child
        return self._ended

    def end(self) -> None:
        """Leave nothing of the work behind."""
        if not self._collected:
            with suppress(ProcessLookupError):
                os.killpg(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            os.close(self._listener)

    def _collect(self, *, stay: bool) -> None:
        os.waitpid(self._child, 0)
        self._collected = True
        if stay:
            threading.Thread(target=self._attend, daemon=True).start()
        else:
            os.close(self._listener)

    def _attend(self) -> None:
        """Let what the work left running go on."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while True:
            for _, event in poll.poll():
                if event & select.POLLHUP:
                    os.close(self._listener)
                    return
                asked = _receive(self._listener)
                if asked:
                    _send(self._listener, asked[0], PASS)

    def _answer(self) -> None:
        asked = _receive(self._listener)
        if asked is None:
            return
        ticket, pid, number, arguments = asked
        path = self._path(pid, self._names[number], arguments)
        decision = PASS
        if self._counts(pid, path):
            call = Call(len(self._ended.calls), self._names[number], pid, path)
            decision = self._decide(call)
            self._ended.calls.append(call)
        if decision in {SHORT, TORN}:
            written = _write_half(pid, arguments)
        if decision in {KILL, TORN}:
            os.killpg(self._child, signal.SIGKILL)
            self._ended.killed = True
            return
        if decision == SHORT:
            _send(self._listener, ticket, PASS, written)
        else:
            _send(self._listener, ticket, decision)

    def _counts(self, pid: int, path: str) -> bool:
        below = any(path == root or path.startswith(root.rstrip("/") + "/") for root in self._watch.roots)
        if not below and not path.startswith("socket:"):
            return False
        try:
            return os.getpgid(pid) == self._child
        except ProcessLookupError:
            return False

    def _path(self, pid: int, name: str, arguments: tuple[int, ...]) -> str:
        """The file a call is about, as far as it has a name."""
        with suppress(OSError):
            if name in _BY_HANDLE:
                return str(Path(f"/proc/{pid}/fd/{arguments[0]}").readlink())
            # symlink's first path is what the link says; its own name is the last.
            at, given = (0, 1) if name in _AT else (None, 0)
            if name.startswith("symlink"):
                at, given = (1, 2) if name in _AT else (None, 1)
            text = _text(pid, arguments[given])
            if text.startswith("/"):
                return text
            folder = "cwd" if at is None or arguments[at] & 0xFFFFFFFF == 0xFFFFFF9C else f"fd/{arguments[at] & 0xFFFFFFFF}"
            return str(Path(f"/proc/{pid}/{folder}").readlink()) + (f"/{text}" if text else "")
        return ""


def _receive(listener: int) -> tuple[int, int, int, tuple[int, ...]] | None:
    """Ticket, process, call number and arguments of the next call; None when its process is gone."""
    asked = bytearray(80)
    try:
        fcntl.ioctl(listener, _ioctl(3, 0, 80), asked)
    except (FileNotFoundError, InterruptedError):
        return None
    ticket, pid, _flags, number, _arch, _ip, *arguments = struct.unpack("=QIIiIQ6Q", bytes(asked))
    return ticket, pid, number, tuple(arguments)


def _send(listener: int, ticket: int, error: int, value: int = 0) -> None:
    """Let a call pass, fail with this errno, or answer in its stead with a value that is not 0."""
    goes_on = 0 if error or value else 1
    answer = struct.pack("=QqiI", ticket, value, -error, goes_on)
    with suppress(FileNotFoundError):
        fcntl.ioctl(listener, _ioctl(3, 1, 24), bytearray(answer))


def _write_half(pid: int, arguments: tuple[int, ...]) -> int:
    """Write the first half (at least a byte) of what a call wants written, to the file it wants it written to; how much."""
    handle, address, size = arguments[:3]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 -- as below
        content = os.pread(memory.fileno(), max(size // 2, 1), address)
    target = _fetch(pid, handle)
    try:
        return os.write(target, content)
    finally:
        os.close(target)


def _ioctl(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("!") << 8 | number


def _text(pid: int, address: int) -> str:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 -- a position far beyond what streams expect
        return os.pread(memory.fileno(), 4096, address).partition(b"\0")[0].decode("utf-8", "replace")


def _fetch(pid: int, number: int) -> int:
    """The child's descriptor of this number, as one of ours."""
    handle = os.pidfd_open(pid)
    try:
        got = _LIBC.syscall(_PIDFD_GETFD, handle, number, 0)
    finally:
        os.close(handle)
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(got)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _install(watch: Watch) -> None:
    """Have the kernel ask for the watched calls (of this process and all that it starts)."""
    code = ctypes.create_string_buffer(_filter(watch.names, reading=watch.reading))
    program = _Program(len(code.raw) // 8, ctypes.cast(code, ctypes.c_void_p))
    if _LIBC.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "no_new_privs is refused")
    listener = _LIBC.syscall(_SECCOMP[platform.machine()], 1, 8, ctypes.byref(program))  # a filter, with a listener
    if listener < 0:
        raise OSError(ctypes.get_errno(), "a filter is refused")
    os.dup2(listener, _FILTER_FD, inheritable=False)
    os.close(listener)


def _filter(names: Collection[str], *, reading: bool) -> bytes:
    """The filter, in classic BPF: ask for the calls named; of opening, only for what may create (unless ``reading``)."""
    numbers = {name: number for name, number in _NUMBERS[platform.machine()].items() if name in names}
    opening = {number: 16 + 8 * (1 if name == "open" else 2) for name, number in numbers.items() if name in {"open", "openat"}}
    ask, allow = _instruction(0x06, 0x7FC00000), _instruction(0x06, 0x7FFF0000)
    code = _instruction(0x20, 0)  # the call's number
    for number in numbers.values():
        if number in opening and not reading:
            create = _instruction(0x20, opening[number]) + _instruction(0x45, os.O_CREAT, 0, 1) + ask + allow
            code += _instruction(0x15, number, 0, 4) + create
        else:
            code += _instruction(0x15, number, 0, 1) + ask
    return code + allow


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
