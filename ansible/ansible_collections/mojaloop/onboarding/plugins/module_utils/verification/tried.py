# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For which keys, roles and addresses of a participant a right call has passed."""

from __future__ import annotations

from datetime import datetime

from ..description.model import Description
from ..store.journal import find_record, render_record, write_changed
from ..store.layout import tried_path
from ..store.tree import Tree
from .evidence import material_digest

_FIELDS = {"material", "time"}


def tried_participants(tree: Tree, description: Description) -> frozenset[str]:
    """The participants that are as they were when a call of theirs passed."""
    return frozenset(each.name for each in description.participants if is_tried(tree, description, each.name))


def is_tried(tree: Tree, description: Description, name: str) -> bool:
    """Whether a call has passed for what is in force of this participant now."""
    record = find_record(tree, tried_path(name), _FIELDS)
    return record is not None and record["material"] == material_digest(tree, description.participant(name), description.hub)


def note_tried(tree: Tree, description: Description, name: str, now: datetime) -> None:
    """Record that a call has passed."""
    material = material_digest(tree, description.participant(name), description.hub)
    write_changed(tree, tried_path(name), render_record({"material": material, "time": now.isoformat()}))
