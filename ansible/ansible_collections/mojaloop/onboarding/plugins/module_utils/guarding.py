# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The line between one participant's fault and the run's end.

Threat: whatever a counterpart sends, and whatever a library makes of it, stops no one else.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath

from .errors import LeaseHeld, OnboardingError

OF_THE_PROCESS = (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit)
"""A lack of memory, the end of the process: nothing goes on after these."""
OF_EVERYBODY = (LeaseHeld, OSError, *OF_THE_PROCESS)
"""These, a lost lease and a failing disk end the run."""
UNEXPECTED = "unexpected"
"""The reason code of a defect of this collection."""
_PACKAGE = PurePath(__file__).parent


@contextmanager
def guarded(tell: Callable[[str, str], None]) -> Iterator[None]:
    """Hand an error about one participant to ``tell`` as reason code and detail, and go on behind the block."""
    try:
        yield
    except OF_EVERYBODY:
        raise
    except OnboardingError as error:
        tell(error.reason or "error", str(error))
    except BaseException as error:  # noqa: BLE001 -- the PanicException of cryptography is no Exception
        tell(UNEXPECTED, unexpected(error))


def unexpected(error: BaseException) -> str:
    """An error that no code expects: its type, and the file and line of this collection. Its own words may hold what no log may."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if _PACKAGE in PurePath(frame.filename).parents), frames[-1])
    return f"{type(error).__name__} at {PurePath(last.filename).name}:{last.lineno}: a defect of this collection. Report it."
