# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loaded by every Python of a watched run: breaks steps where a test asks for it, and takes away their second chance to set modes."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

_PLACES = os.environ.get("ONBOARDING_TEST_BREAK", "[]")
_DONE = Path(os.environ.get("ONBOARDING_TEST_BROKEN", "/nowhere"))
_STEPS = any(name in argument for argument in sys.orig_argv for name in ("AnsiballZ", "ansible-playbook"))
"""Whether steps are carried out in this process."""


def _break(event: str, arguments: tuple[object, ...]) -> None:
    """Break at each of the places once, in their order, whichever process comes there."""
    if event in {"open", "os.rename", "os.link"} and _PATTERN.search(str(arguments[0])):
        done = len(list(_DONE.iterdir()))
        if done < len(_EACH) and _EACH[done].search(str(arguments[0])):
            (_DONE / str(done)).mkdir()
            raise RuntimeError("broken here by a test")


if _STEPS and _PLACES != "[]":
    _EACH = [re.compile(place) for place in json.loads(_PLACES)]
    _PATTERN = re.compile("|".join(f"(?:{each.pattern})" for each in _EACH))
    sys.addaudithook(_break)

if _STEPS and os.environ.get("ONBOARDING_TEST_NO_CHMOD"):
    os.fchmod = os.chmod = lambda *_arguments, **_options: None  # type: ignore[assignment]
