# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is done to a tree on disk and to an overlay, both read the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Tree

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
MEMORY = Path("/dev/shm")  # noqa: S108 -- mkdtemp makes a folder of its own there
CONTENT = st.binary(max_size=3)


def observed(tree: Tree, folder: str = "") -> dict[str, object]:
    """Everything there is to see, by path; the top is probed name by name, as the root has no path."""
    names = tree.names(folder) if folder else [name for name in ("a", "b", "c") if tree.status(name)]
    found: dict[str, object] = {}
    for path in (f"{folder}/{name}".lstrip("/") for name in names):
        status = tree.status(path)
        assert status is not None
        if status.folder:
            found[path] = sorted(tree.names(path)), status.mode
            found |= observed(tree, path)
        else:
            found[path] = tree.read(path), status
    return found


def contents(tree: Tree, path: str) -> dict[str, tuple[bytes | None, int]]:
    return {name: (entry.content, entry.status.mode) for name, entry in tree.folder(path).items()}


class TreesAgree(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a place: thousands of syncs prove nothing here.
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.disk = DiskTree(self.folder / "one")
        self.below = DiskTree(self.folder / "two")
        self.overlay = Overlay(self.below)
        self.frozen = False

    def both(self, method: str, *arguments: object) -> None:
        answers = []
        # First the tree below takes the changes, later (see ``freeze``) the overlay alone.
        for tree in (self.disk, self.overlay if self.frozen else self.below):
            try:
                answers.append(getattr(tree, method)(*arguments))
            except StoreError:
                answers.append("refused")
        assert answers[0] == answers[1]

    @rule()
    def freeze(self) -> None:
        self.frozen = True

    @rule(path=PATHS, content=CONTENT)
    def write(self, path: str, content: bytes) -> None:
        self.both("write", path, content)

    @rule(path=PATHS, content=CONTENT)
    def create(self, path: str, content: bytes) -> None:
        self.both("create", path, content)

    @rule(path=PATHS, files=st.dictionaries(NAMES, CONTENT, max_size=3))
    def write_folder(self, path: str, files: dict[str, bytes]) -> None:
        self.both("write_folder", path, files)

    @rule(path=PATHS, files=st.dictionaries(NAMES, st.none() | CONTENT, max_size=3))
    def update_folder(self, path: str, files: dict[str, bytes | None]) -> None:
        self.both("update_folder", path, files)

    @rule(path=PATHS)
    def remove(self, path: str) -> None:
        self.both("remove", path)

    @rule(path=PATHS)
    def read(self, path: str) -> None:
        for method in ("read", "status", "names"):
            self.both_see(method, path)

    def both_see(self, method: str, path: str) -> None:
        answers = []
        for tree in (self.disk, self.overlay):
            try:
                answer = getattr(tree, method)(path)
                answers.append("folder" if method == "status" and answer is not None and answer.folder else answer)
            except StoreError:
                answers.append("refused")
        assert answers[0] == answers[1]

    @invariant()
    def the_same_is_seen(self) -> None:
        assert observed(self.disk) == observed(self.overlay)
        for path in ("a", "a/b", "b/c"):
            assert contents(self.disk, path) == contents(self.overlay, path)
        assert self.disk.unfinished() == []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


TestTreesAgree = TreesAgree.TestCase
TestTreesAgree.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
