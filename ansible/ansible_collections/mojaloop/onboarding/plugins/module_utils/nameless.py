# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets for programs that read files only: in memory, under no name in any folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nameless_file(content: bytes) -> Iterator[str]:
    """A path at which every process of this account reads the content, inside the block.

    Threat: a process that is killed removes no temporary file, and a private key stays in it. On Linux (memfd_create(2)) the
    content ends with the process; elsewhere it is a file of mode 0600 that only the end of the block removes.
    """
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("onboarding"), "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/{os.getpid()}/fd/{stream.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(content)
            named.flush()
            yield named.name
