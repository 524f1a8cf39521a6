# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roll-back timer: a change undoes itself unless the controller confirms it over a new connection in time.

A change that cuts off the controller cannot be undone by the controller. So the host arms a detached process before it
switches; the process undoes the change when no one confirms. Confirming takes the same file away that firing renames:
exactly one of them wins.

Files in ``folder`` (mode 0700): ``pending-<token>`` (locked by the living timer), ``fired-<token>`` (what was undone).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from typing import Callable, NoReturn

POLL = 0.2
"""Seconds between two looks at whether the change was confirmed."""
UNDONE = "undone"
"""What a timer's record says when undoing succeeded; else it says why not."""
UNDOING = 60.0
"""Seconds that undoing may take on a host that is barely alive."""


def arm(folder: str, seconds: float, undo: Callable[[], None]) -> str:
    """Start the timer: ``undo`` runs in a detached process after ``seconds`` unless ``confirm`` comes first.

    Returns the token to confirm with. ``undo`` must need no import that has not happened yet: the module's own archive
    is gone by then. Older ``fired-`` records are removed.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in _names(folder, "fired-"):
        os.unlink(os.path.join(folder, name))
    token = secrets.token_hex(16)
    pending = os.path.join(folder, "pending-" + token)
    handle = os.open(pending, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    child = os.fork()
    if child == 0:
        _detach(folder, token, handle, seconds, undo)
    os.close(handle)
    os.waitpid(child, 0)
    return token


def guard(folder: str, seconds: float, undo: Callable[[], None], change: Callable[[], None]) -> str:
    """Arm, then ``change``; returns the token to confirm with. Whatever ``change`` raises comes through, after ``undo``.

    A change that takes longer than ``seconds`` (a disk that stalls) may come after the timer has looked at it, and no one
    would ever undo it: it is undone here, and TimeoutError says so. What failed is undone by the detached process, at
    once: this one may be killed meanwhile, with the connection that it serves.
    """
    token = arm(folder, seconds, undo)
    try:
        change()
        _in_time(folder, token, seconds)
    except BaseException:
        _undo_now(folder, token, undo)
        raise
    return token


def confirm(folder: str, token: str) -> bool:
    """Keep the change; False when the timer has fired already, or never was."""
    if not token.isalnum():
        return False
    try:
        os.unlink(os.path.join(folder, "pending-" + token))
    except FileNotFoundError:
        return False
    return True


def wait(folder: str, limit: float) -> list[str]:
    """Wait at most ``limit`` seconds until no timer runs any more; nothing is written. Returns the files of dead timers.

    For looking at a host: what is in force while a timer runs may be undone a moment later. TimeoutError when one still runs.
    """
    deadline = time.monotonic() + limit
    while True:
        found = [os.path.join(folder, name) for name in _names(folder, "pending-") + _names(folder, "firing-")]
        alive = any(_alive(path) for path in found)
        # A file that has gone since may stand under its next name: the timer fires at this moment.
        if not alive and all(os.path.exists(path) for path in found):
            return found
        if time.monotonic() > deadline:
            raise TimeoutError("an earlier change still waits for its confirmation or its roll-back")
        time.sleep(POLL)


def settle(folder: str, limit: float) -> list[str]:
    """As ``wait``, and remove what timers that died unfinished left; returns their tokens.

    For the start of a change: a killed controller's earlier change must be undone before the next one begins. A timer
    dies with its host.
    """
    dead = wait(folder, limit)
    for path in dead:
        os.unlink(path)
    return [os.path.basename(path).split("-", 1)[1] for path in dead]


def fired(folder: str) -> list[str]:
    """Tokens of changes that were undone because no one confirmed them."""
    return [name.split("-", 1)[1] for name in _names(folder, "fired-")]


def _undo_now(folder: str, token: str, undo: Callable[[], None]) -> None:
    """Have a timer undo the change now, and wait for it; undo here when that did not help."""
    if not _hasten(folder, token):
        # It has fired already, and may have done so before the change came: once more, after it.
        _await(folder)
        token = arm(folder, 0, undo)
    _await(folder)
    record = os.path.join(folder, "fired-" + token)
    try:
        with open(record, encoding="utf-8") as stream:
            done = stream.read().strip() == UNDONE
        os.unlink(record)
    except FileNotFoundError:
        done = False
    if not done:
        undo()


def _hasten(folder: str, token: str) -> bool:
    """Have the timer fire at its next look; False when it has fired already."""
    try:
        handle = os.open(os.path.join(folder, "pending-" + token), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.write(handle, b"now")
    finally:
        os.close(handle)
    return True


def _await(folder: str) -> None:
    try:
        wait(folder, UNDOING)
    except TimeoutError:
        return


def _in_time(folder: str, token: str, seconds: float) -> None:
    if not os.path.exists(os.path.join(folder, "pending-" + token)):
        raise TimeoutError(f"the change took longer than the {seconds:g} s within which it must be confirmed")


def _names(folder: str, prefix: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(prefix))
    except FileNotFoundError:
        return []


def _alive(path: str) -> bool:
    """Whether a living timer holds the file. A lock cannot be mistaken, as a process id used again could."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _detach(folder: str, token: str, handle: int, seconds: float, undo: Callable[[], None]) -> NoReturn:
    """Leave the session and every open file of the caller, so that the end of the connection does not end the timer."""
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(handle, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.closerange(3, 65536)
        _wait(folder, token, seconds, undo)
    finally:
        os._exit(0)


def _wait(folder: str, token: str, seconds: float, undo: Callable[[], None]) -> None:
    pending, firing = (os.path.join(folder, state + token) for state in ("pending-", "firing-"))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if os.stat(pending).st_size:
                break
        except FileNotFoundError:
            return
        time.sleep(POLL)
    try:
        os.rename(pending, firing)
    except FileNotFoundError:
        return
    outcome = UNDONE
    try:
        undo()
    except Exception as error:  # noqa: BLE001  the record must be written whatever happened: no one else is left to tell
        outcome = f"undoing failed: {error}"
    with open(firing, "w", encoding="utf-8") as record:
        record.write(outcome + "\n")
    os.rename(firing, os.path.join(folder, "fired-" + token))
