# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""hosts.yml: the operator's own file, which Ansible reads too, templates and tags included: of its values only shapes are judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import yaml

from ..errors import Problem
from .documents import WHOLE_FILE, Node, read_content, shown
from .lint import Circumstances
from .model import HUB
from .schema import HOSTS_FILE
from .spec import Checked, check

HOSTS_NAME = "hosts.yml"
_NOT_OF_A_GATEWAY = frozenset({"all", "controller"})
_RULE = "hub, and ids of participants with hosting: managed"


def read_hosts_file(folder: Path) -> Checked | None:
    """The hosts.yml of a description's folder held against its schema; None where there is none."""
    path = folder / HOSTS_NAME
    if not path.exists():
        return None
    content = read_content(path)
    if isinstance(content, Problem):
        return Checked(str(path), {}, {}, (content,))
    try:
        root = yaml.compose(content, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        return Checked(str(path), {}, {}, (Problem(str(path), line, WHOLE_FILE, "no YAML", "YAML that Ansible reads"),))
    return check(_node(root, depth=0), HOSTS_FILE, file=str(path))


def listed_hosts(hosts_file: Checked | None) -> frozenset[str] | None:
    """The host names below ``hosts``; None where there is no such file."""
    return None if hosts_file is None else frozenset(hosts_file.values.get("hosts", ())) - _NOT_OF_A_GATEWAY


def installation_of(hosts_file: Checked | None) -> frozenset[str]:
    """The sides that this installation acts for, as written; empty: not given, which is all of them."""
    named = hosts_file.values.get("installation") if hosts_file else None
    return frozenset(name for name in named or () if name)


def lint_installation(hosts_file: Checked, around: Circumstances, participants: Iterable[Checked]) -> Iterator[Problem]:
    """The faults of ``installation``: which sides can be named is known from the participants' files."""
    if "installation" not in hosts_file.lines:
        if around.exposed:
            yield hosts_file.problem("installation", "no such key", f"it is required outside labs: a list of {_RULE}")
        return
    broken = {PurePath(document.file).stem for document in participants if document.problems}
    managed = {document.values.get("id") for document in participants if _managed(document)}
    for index, name in enumerate(hosts_file.values.get("installation") or ()):
        if name and name not in {HUB, *broken, *managed}:
            yield hosts_file.problem(f"installation[{index}]", shown(name), _RULE)


def _managed(document: Checked) -> bool:
    hosted = (document.values.get("connector") or {}).get("kind") == "payment-manager"
    return (document.values.get("hosting") == "managed" or hosted) and not document.values.get("probe")


def _node(node: yaml.Node | None, *, depth: int) -> Node:
    """The shape of the file down to the names of hosts; what stands below them is Ansible's."""
    line = node.start_mark.line + 1 if node else 1
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)) if depth < _DEEPEST else ()
        return Node({str(key.value): _at(_node(value, depth=depth + 1), key) for key, value in pairs}, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(each, depth=depth + 1) for each in node.value] if depth < _DEEPEST else [], line)
    return Node(None if node is None or node.tag == _NULL else str(node.value), line)


def _at(node: Node, key: yaml.Node) -> Node:
    return Node(node.value, key.start_mark.line + 1)


_DEEPEST = 2
_NULL = "tag:yaml.org,2002:null"
