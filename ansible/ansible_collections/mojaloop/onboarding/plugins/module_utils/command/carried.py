# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which files of the outbox their readers have not read yet, as the last files that came from them say."""

from __future__ import annotations

from collections.abc import Iterator

from ..description.model import HUB, Description
from ..exchange.carrying import outbox
from ..store.tree import Tree


def unread(tree: Tree, description: Description) -> Iterator[str]:
    """A line for people for each file that is to be sent, or sent again, as far as is known here."""
    for participant in description.participants:
        if participant.transport.kind == "bundle":
            for sender, reader in ((HUB, participant.name), (participant.name, HUB)):
                file = outbox(tree, description.environment, sender, reader)
                if file is not None and file.read < file.sequence:
                    known = f"{reader} has read {file.read}" if file.read else f"nothing says that {reader} has read one"
                    yield f"{file.path}: publication {file.sequence} for {reader}; {known}"
