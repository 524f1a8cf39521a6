# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The description from its files: the one place where text becomes values.

hub.yml must be right. A participant's file that is wrong does not stop the others: it is left out and listed in
``Description.broken``, so that one bad pull request does not stop a whole scheme.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from ..errors import DescriptionError, Problem
from .building import build_directory, build_hub, build_participant, build_revoking
from .claims import read_claims
from .documents import WHOLE_FILE, parse_document, read_content, shown
from .hosts_file import installation_of, lint_installation, listed_hosts, read_hosts_file
from .lint import Circumstances, SideText, circumstances, hub_side, lint_hub, lint_participant
from .lint_administration import lint_administration, lint_no_administration
from .lint_connector import lint_connector, lint_payment_manager, lint_transport
from .lint_directory import lint_directory, lint_registration, lint_tenant
from .lint_gate import lint_gate, lint_hub_gate
from .lint_hosts import lint_hosts
from .lint_kubernetes import lint_kubernetes
from .lint_ledger import lint_hub_ledger, lint_participant_ledger
from .lint_together import by_file, claims_of, lint_together
from .model import Approval, Description, EnvironmentKind, Participant, State
from .profile_file import FOLDER as OWN_PROFILES
from .profile_file import read_own_profile
from .profiles import PROFILES, Profile
from .schema import HUB_FILE, PARTICIPANT_FILE
from .spec import Checked, Record, check, nearest

HUB_NAME = "hub.yml"
PARTICIPANTS_NAME = "participants"
PROFILES_NAME = OWN_PROFILES.rstrip("/")
INVENTORIES = "inventories"
"""Folder of environments, each in the folder of its name."""
MOST_REPORTED = 100
"""Problems of one file that are reported each: whoever mends them sees the others then."""
_BESIDE = frozenset({"README.md"})


def default_state(folder: Path, environment: str) -> str:
    """The state folder where no one names one: ``.state/<environment>`` beside the folder of inventories."""
    return os.path.normpath(Path(folder).absolute() / ".." / ".." / ".state" / environment)


def load_description(folder: Path, *, state: str = "", strict: bool = False, profiles: Mapping[str, Profile] = PROFILES) -> Description:
    """The description in a folder; DescriptionError with every problem when hub.yml is wrong (``strict``: any file).

    ``state`` is the state folder that ``{state}`` stands for in paths (default: see ``default_state``). Problems name
    files below the folder as given. ``profiles`` are those that hub.yml may name.
    """
    hub_file = _load(folder / HUB_NAME, HUB_FILE)
    files, strays = _participant_files(folder / PARTICIPANTS_NAME)
    documents = [_load(path, PARTICIPANT_FILE) for path in files]
    hosts_file = read_hosts_file(folder)
    own, own_problems = read_own_profile(folder, hub_file.values.get("profile") or "", profiles)
    around = circumstances(hub_file, installation_of(hosts_file), {**profiles, **own})
    hub_problems = [
        *hub_file.problems,
        *own_problems,
        *_unknown_profile(hub_file, profiles),
        *lint_hub(hub_file, around),
        *lint_hub_ledger(hub_side(hub_file), around),
        *lint_administration(hub_side(hub_file), around),
        *lint_kubernetes(hub_side(hub_file)),
        *lint_hub_gate(hub_file, around),
        *lint_directory(hub_file, around),
        *_name_of_folder(folder, hub_file),
    ]
    if hosts_file:
        hub_problems += [*hosts_file.problems, *lint_installation(hosts_file, around, documents)]
    alone = [*strays, *_participant_problems(documents, around, listed_hosts(hosts_file)), *lint_tenant(documents, around)]
    faulty = frozenset(problem.file for problem in alone)
    place = _state_folder(folder, state, hub_file)
    problems = [*alone, *lint_together(hub_side(hub_file), documents, around, faulty, read_claims(place) if place else {})]
    if hub_problems or (strict and problems):
        raise DescriptionError([*hub_problems, *problems])
    assert around.profile is not None  # noqa: S101 -- an unknown one is a problem
    return _description(folder, place, hub_file, documents, by_file(problems), around.installation, around.profile)


def _state_folder(folder: Path, state: str, hub_file: Checked) -> str:
    """The state folder that is meant; empty while hub.yml names no environment."""
    if state:
        return os.path.normpath(Path(state).absolute())
    environment = hub_file.values.get("environment")
    return default_state(folder, environment) if environment else ""


def _unknown_profile(hub_file: Checked, profiles: Mapping[str, Profile]) -> list[Problem]:
    named = hub_file.values.get("profile")
    return (
        []
        if named is None or named in profiles or named.startswith(OWN_PROFILES)
        else [hub_file.problem("profile", shown(named), nearest(named, list(profiles)))]
    )


def _load(path: Path, record: Record) -> Checked:
    content = read_content(path)
    if isinstance(content, Problem):
        return Checked(str(path), {}, {}, (content,))
    return _checked(content, str(path), is_hub=record is HUB_FILE)


@lru_cache(maxsize=4096)
def _checked(content: bytes, file: str, *, is_hub: bool) -> Checked:
    """The inventory and every task of a playbook read the same files: what they say is worked out once."""
    root, problems = parse_document(content, file=file)
    if root is None:
        return Checked(file, {}, {}, _first(problems))
    checked = check(root, HUB_FILE if is_hub else PARTICIPANT_FILE, file=file)
    return Checked(checked.file, checked.values, checked.lines, _first([*problems, *checked.problems]))


def _first(problems: list[Problem]) -> tuple[Problem, ...]:
    """What is reported of these problems of one file: a small file can hold tens of thousands."""
    if len(problems) <= MOST_REPORTED:
        return tuple(problems)
    next_one = problems[MOST_REPORTED]
    more = f"{len(problems) - MOST_REPORTED:,} more problems from here on"
    return (*problems[:MOST_REPORTED], Problem(next_one.file, next_one.line, WHOLE_FILE, more, "none"))


def _participant_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The files to read, and a problem for everything that someone may take for one."""
    if folder.is_symlink():
        return [], [Problem(str(folder), 1, WHOLE_FILE, "a link", "a folder of its own (links are not followed)")]
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    visible = [name for name in names if not name.startswith(".") and name not in _BESIDE]
    files = [folder / name for name in visible if name.endswith(".yml")]
    strays = [name for name in visible if not name.endswith(".yml")]
    return files, [Problem(str(folder / name), 1, WHOLE_FILE, f"the name {shown(name)}", "files named <id>.yml only") for name in strays]


def _participant_problems(documents: Iterable[Checked], around: Circumstances, listed: frozenset[str] | None) -> list[Problem]:
    """A file that could not be read as a mapping has said so already."""
    found: list[Problem] = []
    for document in documents:
        found += document.problems
        if document.values:
            side = SideText(document, "", document.values)
            found += [*lint_participant(document, around), *lint_hosts(side, around, listed), *lint_participant_ledger(side, around)]
            found += [
                *lint_connector(side, around),
                *lint_transport(side, around),
                *lint_payment_manager(side, around),
                *lint_registration(side, around),
                *lint_no_administration(side, around),
                *lint_kubernetes(side),
                *lint_gate(side, around),
            ]
    return found


def _name_of_folder(folder: Path, hub_file: Checked) -> list[Problem]:
    """A copied description that still has the other's name would be carried out on the other's state."""
    place, named = Path(os.path.normpath(folder.absolute())), hub_file.values.get("environment")
    if place.parent.name != INVENTORIES or named in {None, place.name}:
        return []
    return [hub_file.problem("environment", f"{shown(named)} in the folder {INVENTORIES}/{place.name}", "the name of the folder")]


def _is_closed(document: Checked) -> bool:
    """Whether a file shuts its own participant out, whatever else is wrong with it. Another's name shuts no one out."""
    closed = document.values.get("state") in {State.SUSPENDED, State.OFFBOARDED}
    return closed and _of_its_own(document)


def _revokes(document: Checked) -> bool:
    """Whether a file orders the end of its own participant's clients, whatever else is wrong with it."""
    orders = document.values.get("oauth")
    return isinstance(orders, dict) and orders.get("revoke_before") is not None and _of_its_own(document)


def _of_its_own(document: Checked) -> bool:
    return bool(document.values.get("id") == Path(document.file).stem)


def _description(
    folder: Path,
    state: str,
    hub_file: Checked,
    documents: list[Checked],
    problems: Mapping[str, list[Problem]],
    installation: frozenset[str],
    profile: Profile,
) -> Description:
    values = hub_file.values
    place = str(Path(folder).absolute())
    roles = tuple(values["defaults"]["roles"])
    right = [document.values for document in documents if document.file not in problems]
    participants: list[Participant] = [
        build_participant(each, profile=profile, roles=roles, folder=place, state=state, installation=installation)
        for each in sorted(right, key=lambda each: each["id"])
    ]
    return Description(
        folder=place,
        environment=values["environment"],
        kind=EnvironmentKind(values["kind"]),
        approval=Approval(values["approval"]),
        profile=profile,
        hub=build_hub(values, profile=profile, folder=place, state=state),
        participants=tuple(participants),
        installation=installation,
        broken=tuple((file, tuple(str(problem) for problem in problems[file])) for file in sorted(problems)),
        closed_names=frozenset(each.values["id"] for each in documents if each.file in problems and _is_closed(each)),
        revoking=tuple(build_revoking(each.values) for each in documents if each.file in problems and _revokes(each)),
        directory=build_directory(values, folder=place, state=state),
        claims={each.values["id"]: claims_of(each) for each in documents if each.file not in problems},
    )
