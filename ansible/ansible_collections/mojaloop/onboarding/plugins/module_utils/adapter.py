# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place where AnsibleModule meets the core: parameters in, results and errors out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from .description.model import Description, EnvironmentKind
    from .errors import OnboardingError
    from .lab.site import LabSite
    from .steps.run import select_participants
    from .steps.sequence import Request, run
    from .steps.table import steps_of
    from .verification.evidence import LATEST, counts
    from .verification.model import Result, Site
    from .verification.once import try_once
    from .verification.proving import SiteOf, elsewhere, prove
    from .verification.suites import suites_named
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

VERIFICATION_ARGUMENTS: dict[str, dict[str, Any]] = {
    **COMMON_ARGUMENTS,
    "suites": {"type": "list", "elements": "str", "default": ["security"]},
    "junit": {"type": "path", "default": ""},
    "page": {"type": "path", "default": ""},
    "once": {"type": "bool", "default": False},
}
"""Arguments of the module verification."""


EXTRA_ARGUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "certificates": {
        "steps": {
            "type": "list",
            "elements": "str",
            "choices": ["generate", "directory", "publish", "fetch", "receive", "sign", "deliver", "bundles", "payment_managers"],
            "default": [],
        },
        "allow_rekey": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "renew": {"type": "list", "elements": "str", "default": []},
        "disclosed": {"type": "list", "elements": "str", "default": []},
    },
}
"""What the module of a group of steps takes besides."""


def step_arguments(group: str) -> dict[str, dict[str, Any]]:
    """The arguments of the module that carries out a group of steps. ``plan`` is given by its action alone."""
    return {**COMMON_ARGUMENTS, **EXTRA_ARGUMENTS.get(group, {}), "plan": {"type": "path", "default": ""}}


def step_module(group: str) -> None:
    """Run the steps of one group of the table as an Ansible module."""
    module = AnsibleModule(argument_spec=step_arguments(group), supports_check_mode=True)
    require_libraries(module)
    with reporting(module):
        result = carry_out(group, module.params, check=module.check_mode, diff=module._diff)  # noqa: SLF001 -- the documented way to it
    module.exit_json(**result)


def carry_out(group: str, parameters: Mapping[str, Any], *, check: bool, diff: bool) -> dict[str, Any]:
    """Run the steps of a group, or those of it that are named; the result of the module. Errors are the core's."""
    outcome = run(_request(parameters, check=check), steps_of(group, parameters.get("steps") or ()))
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
    with reporting_to(lambda message: module.fail_json(msg=message)):
        yield


@contextmanager
def reporting_to(fail: Callable[[str], None]) -> Iterator[None]:
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
    module = AnsibleModule(argument_spec=VERIFICATION_ARGUMENTS, supports_check_mode=True)
    require_libraries(module)
    with reporting(module):
        outcome = verification_outcome(module.params, _site_of, check=module.check_mode)
    if outcome.pop("failed"):
        module.fail_json(**outcome)
    module.exit_json(**outcome)


def verification_outcome(parameters: Mapping[str, Any], site_of: SiteOf, *, check: bool) -> dict[str, Any]:
    """Verify from the places of a site; the result of the module: ``failed``, and ``proved``: whether any case was."""
    request = _request(parameters, check=check)
    if check:
        select_participants(request.load(), list(request.participants))
        suites_named(parameters["suites"])
        return {"changed": False, "failed": False, "cases": [], "counts": {}, "text": ["Traffic is not sent in check mode."]}
    if parameters["once"]:
        return {"changed": False, "failed": False, "findings": [each.as_dict() for each in try_once(request, site_of)]}
    files = {"junit_file": parameters["junit"], "page_file": parameters["page"]}
    results = prove(request, suites=parameters["suites"], site_of=site_of, **files)
    seen = counts(results)
    bad = seen["failed"] + seen["error"]
    kept = f"{_kept(results)}: {Path(LATEST).with_suffix('.html')} in {request.state}"
    outcome = {
        "changed": False,
        "failed": bool(bad or not seen["passed"]),
        "cases": [result.as_dict() for result in results],
        "counts": dict(seen),
        "text": [*render(results).split("\n"), kept],
        "summary": [*render(results, folded=True).split("\n"), f"{kept} (-v lists them here)"],
        "proved": bool(seen["passed"] or bad),
    }
    if bad:
        outcome["msg"] = f"{bad} of {len(results)} verification cases failed."
    elif not seen["passed"]:
        outcome["msg"] = f"Nothing was proved: none of {len(results)} cases could be tried from where this run stands."
    return outcome


def _kept(results: Sequence[Result]) -> str:
    """What the page shows, in words."""
    sent = any(result.transcript or result.control_transcript for result in results)
    return "What was sent and received" if sent else "Nothing was sent; the cases, and why"


def _site_of(description: Description, state: Path) -> Site:
    """The lab's machines are here; of any other environment, this run stands at none."""
    return LabSite(description, state) if description.kind is EnvironmentKind.LAB else elsewhere(description, state)


def _request(parameters: Mapping[str, Any], *, check: bool) -> Request:
    return Request(
        description=parameters["description"],
        state=parameters["state"],
        sides=parameters["sides"],
        participants=parameters["participants"],
        rekey=parameters.get("allow_rekey") or (),
        renew=parameters.get("renew") or (),
        disclosed=parameters.get("disclosed") or (),
        check=check,
        plan=parameters.get("plan") or "",
    )
