# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inputs that are nearly right, and what every reader of them must do: give a value or raise an error a person can act on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

LONGEST_REPORTED = 3000
"""Characters of one error: what a person reads on a screen, whatever the input's length."""

WORDS = (b"-----BEGIN ", b"-----END ", b"-----\n", b"CERTIFICATE", b"PRIVATE KEY", b"PUBLIC KEY", b"\0", b"\r\n", b"\n", b"=", b"\xff",
         b"{{ lookup('pipe', 'id') }}", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"[" * 3000, b"{", b"}", b'"', b"1e999", b"NaN", b"-1",
         b"9" * 5000, b"\\ud800", b"../", b"null", b"true", b"\x30\x80", b"\x02\x01\x00")  # fmt: skip
"""Pieces that mean something to one of the readers."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["\ud800", "\u202e", "../x", "", "format"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def reported(call: Callable[[], object]) -> object:
    """The value of a call, or the error it ended with; anything but an error a person can act on fails the test."""
    record_count("fuzz examples", 1)
    _WATCH.on = True
    try:
        return call()
    except OnboardingError as error:
        refused = error
    finally:
        _WATCH.on = False
    text = str(refused)
    assert text.replace("\n", "").isprintable(), "an error that a terminal would interpret"
    assert len(text) < LONGEST_REPORTED
    assert refused.what
    return refused


def huge(path: Path) -> None:
    """A file of a gigabyte that takes no room."""
    path.touch()
    os.truncate(path, 1 << 30)


def mutated(original: bytes) -> st.SearchStrategy[bytes]:
    """This content with up to four pieces cut, repeated, replaced or put in."""
    edit = st.tuples(st.integers(0, len(original)), st.integers(0, 40), st.sampled_from(WORDS) | st.binary(max_size=4))
    return st.lists(edit, min_size=1, max_size=4).map(lambda edits: _edited(original, edits))


def _edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, new in edits:
        content = content[:start] + new + content[start + length :]
    return content


def fields(right: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A JSON object in which one member, at any depth of two, is something else, is missing, or stands twice."""
    places = [(name,) for name in right] + [(name, inner) for name, value in right.items() if isinstance(value, dict) for inner in value]

    def put(place: tuple[str, ...], value: object, way: str) -> bytes:
        copy = json.loads(json.dumps(right))
        holder = copy if len(place) == 1 else copy[place[0]]
        if way == "missing":
            del holder[place[-1]]
        else:
            holder[place[-1]] = value
        text = json.dumps(copy)
        if way == "twice":
            text = text.replace(f'"{place[-1]}":', f'"{place[-1]}": {json.dumps(value)}, "{place[-1]}":', 1)
        return text.encode("utf-8", "surrogatepass")

    return st.builds(put, st.sampled_from(places), JSON, st.sampled_from(["other", "other", "missing", "twice"]))


class _Watch:
    """What the interpreter says that it is about to do (PEP 578); a hook can be added and never taken away, so it is switched."""

    EXECUTES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn", "pickle.find_class")
    TALKS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")
    CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "shutil.rmtree")
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def __init__(self) -> None:
        self.on = False
        self.roots: tuple[str, ...] = ()
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in self.EXECUTES or event in self.TALKS:
            self.seen.append(f"{event} {arguments[:2]!r}")
        elif event in self.CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & self.WRITES):
            places = [os.fsdecode(one) for one in arguments[: 2 if event in {"os.rename", "os.link", "os.symlink"} else 1]
                      if isinstance(one, (str, bytes))]  # fmt: skip
            self.seen += [f"{event} {place}" for place in places if not place.startswith(self.roots)]


_WATCH = _Watch()
sys.addaudithook(_WATCH)


@contextmanager
def nothing_happens(*roots: Path) -> Iterator[None]:
    """In all that is ``reported`` meanwhile nothing is executed, no one is called, and no file outside these folders is touched."""
    _WATCH.seen.clear()
    _WATCH.roots = tuple(f"{root}/" for root in roots)
    yield
    assert _WATCH.seen == []
