# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The passphrase of a CA key as a person gives it: an environment variable, or a private file that a variable names.

Never a module parameter, an argument or a task's ``environment``: Ansible writes those into commands, which every
account of the machine can list.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from ..errors import StoreError

VARIABLE = "ONBOARDING_CA_PASSPHRASE"
FILE_VARIABLE = f"{VARIABLE}_FILE"
SHORTEST = 15
"""Characters of a passphrase that a person chooses: NIST SP 800-63B-4 section 3.1.1.2, for one that stands alone."""
LONGEST = 1024
"""Bytes of a passphrase."""


def given_passphrase(side: str, environment: Mapping[str, str]) -> bytes | None:
    """The passphrase given for a side's CA key, None when none is; a side's own variable counts before the common one.

    StoreError when the file cannot be read, is empty, or is open to others, and when the passphrase is too short.
    """
    suffix = f"_{side.upper().replace('-', '_')}"
    for name in (f"{VARIABLE}{suffix}", VARIABLE):
        # A participant may be called file-something: a path is no passphrase.
        if environment.get(name) and not name.startswith(FILE_VARIABLE):
            return _long_enough(environment[name].encode(), name)
    path = environment.get(f"{FILE_VARIABLE}{suffix}") or environment.get(FILE_VARIABLE)
    return _long_enough(_read(path), path) if path else None


def _long_enough(passphrase: bytes, where: str) -> bytes:
    """Threat: whoever has a copy of the store tries passphrases for as long as it takes."""
    length = len(passphrase.decode("utf-8", "replace"))
    if length < SHORTEST:
        what = f"the passphrase of a CA key has {length} characters; allowed: {SHORTEST} or more"
        raise StoreError(what, where=where, remedy="Choose a longer one, of several random words for example.")
    return passphrase


def not_given(side: str) -> StoreError:
    """The error of a passphrase that is needed and was not given."""
    remedy = f"Set this environment variable, or let {FILE_VARIABLE} name a file of mode 0600; _{side.upper().replace('-', '_')} "
    return StoreError(
        f"the passphrase of the CA key of {side} is not given", where=VARIABLE, remedy=f"{remedy}after either is for it alone."
    )


def _read(path: str) -> bytes:
    try:
        # A pipe that no one writes to must not stop the run.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise StoreError(f"cannot be read ({error.strerror})", where=path, remedy=f"{FILE_VARIABLE} names it.") from error
    try:
        _check(os.fstat(handle), path)
        content = os.read(handle, LONGEST + 3)
    finally:
        os.close(handle)
    passphrase = content.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase or len(passphrase) > LONGEST or b"\n" in passphrase:
        raise StoreError("holds no passphrase", where=path, remedy=f"Put it there on one line of up to {LONGEST} bytes.")
    return passphrase


def _check(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StoreError("is not a plain file", where=path, remedy=f"Let {FILE_VARIABLE} name one.")
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in {0, os.geteuid()}:
        what = f"is open to others (mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid})"
        raise StoreError(what, where=path, remedy="Choose another passphrase where it may have been read, and give the file mode 0600.")
