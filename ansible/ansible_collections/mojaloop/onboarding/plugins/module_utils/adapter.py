# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place where AnsibleModule meets the core: parameters in, results and errors out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from .errors import OnboardingError
    from .steps.run import select_participants
    from .steps.sequence import Request, perform, perform_all
    from .verification.evidence import LATEST, counts
    from .verification.proving import prove
    from .verification.text import render

    MISSING: tuple[str, str] | None = None
except ImportError as error:  # pragma: no cover - only on a controller without the libraries
    MISSING = ((error.name or "a Python library").partition(".")[0], traceback.format_exc())

COMMON_ARGUMENTS: dict[str, dict[str, Any]] = {
    "description": {"type": "path", "required": True},
    "state": {"type": "path", "required": True},
    "sides": {"type": "list", "elements": "str", "default": ["all"]},
    "participants": {"type": "list", "elements": "str", "default": []},
}
"""Arguments of every module that works on the state folder; documented in the ``onboarding`` fragment."""


ALL_STEPS = "artefacts"
"""The module that carries out all steps."""
REKEY: dict[str, dict[str, Any]] = {"allow_rekey": {"type": "list", "elements": "str", "default": [], "no_log": False}}
"""The argument of a step that may replace keys."""
TURN: dict[str, dict[str, Any]] = {"turn": {"type": "int", "choices": [1, 2], "default": 1}}
"""The argument of a step that has two turns."""


def step_module(name: str, extra: dict[str, dict[str, Any]] | None = None) -> None:
    """Run one step of the sequence as an Ansible module."""
    module = AnsibleModule(argument_spec={**COMMON_ARGUMENTS, **(extra or {})}, supports_check_mode=True)
    require_libraries(module)
    with reporting(module):
        result = carry_out(name, module.params, check=module.check_mode, diff=module._diff)  # noqa: SLF001 -- the documented way to it
    module.exit_json(**result)


def carry_out(name: str, parameters: Mapping[str, Any], *, check: bool, diff: bool) -> dict[str, Any]:
    """Run one step of the sequence, or all; the result of the module. ``parameters`` are validated; errors are the core's."""
    request = _request(parameters, check=check)
    outcome = perform_all(request) if name == ALL_STEPS else perform(request, name, parameters.get("turn") or 1)
    result: dict[str, Any] = outcome.as_result()
    if diff:
        result["diff"] = {"prepared": "".join(f"{finding}\n" for finding in outcome.findings)}
    return result


def require_libraries(module: AnsibleModule) -> None:
    """Fail with the name of the library that the controller lacks."""
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING[0]), exception=MISSING[1])


@contextmanager
def reporting(module: AnsibleModule) -> Iterator[None]:
    """End the module with where, what and remedy on a failure that a person can act on; no traceback."""
    with telling(lambda message: module.fail_json(msg=message)):
        yield


@contextmanager
def telling(fail: Callable[[str], None]) -> Iterator[None]:
    """Give ``fail`` where, what and remedy of a failure that a person can act on."""
    try:
        yield
    except OnboardingError as error:
        fail(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        fail(f"{place}{error.strerror or error}. Nothing is half-written: remove the cause and run again.")


def verification_module() -> None:
    """Run the verification as an Ansible module: evidence is kept, and a failed case fails the task."""
    files = {name: {"type": "path", "default": ""} for name in ("junit", "page")}
    module = AnsibleModule(argument_spec={**COMMON_ARGUMENTS, **files}, supports_check_mode=True)
    require_libraries(module)
    request = _request(module.params, check=module.check_mode)
    with reporting(module):
        if module.check_mode:
            select_participants(request.load(), list(request.participants))
            module.exit_json(changed=False, cases=[], counts={}, text=["Traffic is not sent in check mode."])
        results = prove(request, junit_file=module.params["junit"], page_file=module.params["page"])
    seen = counts(results)
    outcome = {
        "changed": False,
        "cases": [result.as_dict() for result in results],
        "counts": dict(seen),
        "text": [*render(results).split("\n"), f"What was sent and received: {Path(LATEST).with_suffix('.html')} in {request.state}"],
    }
    bad = seen["failed"] + seen["error"]
    if bad:
        module.fail_json(msg=f"{bad} of {len(results)} cases are not as they must be.", **outcome)
    module.exit_json(**outcome)


def _request(parameters: Mapping[str, Any], *, check: bool) -> Request:
    return Request(
        description=parameters["description"],
        state=parameters["state"],
        sides=parameters["sides"],
        participants=parameters["participants"],
        rekey=parameters.get("allow_rekey") or (),
        check=check,
    )
