# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tree on disk: atomic, private, recoverable after a kill at any point; and its overlay, which behaves the same."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.interface import Unavailable, contents
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Status, Tree

OLD = {"key.pem": b"old key", "certificate.pem": b"old certificate", "gone.pem": b"old"}
NEW = {"key.pem": b"new key", "certificate.pem": b"new certificate"}
CHANGING_CALLS = ("open", "mkdir", "rename", "replace", "link", "unlink", "rmdir", "fsync", "fchmod")
KILLED = 9

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    return DiskTree(tmp_path / "state")


@pytest.fixture
def permissive() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def content(tree: Tree, folder: str) -> dict[str, bytes]:
    return {name: tree.read(f"{folder}/{name}") or b"" for name in tree.names(folder)}


def modes(root: Path) -> set[tuple[str, int]]:
    return {
        ("folder" if path.is_dir() else "file", stat.S_IMODE(path.lstat().st_mode)) for path in [root, *root.rglob("*")] if path.exists()
    }


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a process of its own that dies, as by SIGKILL, at its n-th call that could change the disk."""
    child = os.fork()
    if child == 0:
        left = step

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(KILLED)
                return call(*arguments, **options)

            return counted

        for name in CHANGING_CALLS:
            setattr(os, name, dying(getattr(os, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001 -- this process must not return into pytest
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, KILLED}
    return code == KILLED


def test_what_is_written_is_read(tree: DiskTree) -> None:
    tree.write("store/hub/one", b"1")
    tree.write_folder("store/hub/ca", NEW)
    assert tree.read("store/hub/one") == b"1"
    assert content(tree, "store/hub/ca") == NEW
    assert tree.names("store/hub") == ["ca", "one"]
    tree.remove("store/hub/ca")
    tree.remove("store/hub/ca")
    assert tree.names("store/hub") == ["one"]
    assert tree.read("store/hub/ca/key.pem") is None
    assert tree.names("nothing/here") == []


def test_a_file_is_created_once(tree: DiskTree) -> None:
    assert tree.create("journal/serials/1.json", b"first")
    assert not tree.create("journal/serials/1.json", b"second")
    assert tree.read("journal/serials/1.json") == b"first"
    assert tree.unfinished() == []


def test_nothing_is_open_to_others_under_any_umask(tree: DiskTree, permissive: None) -> None:
    tree.write("store/hub/one", b"1")
    tree.write_folder("store/hub/ca", NEW)
    tree.create("journal/serials/1.json", b"")
    assert modes(tree.root) == {("folder", 0o700), ("file", 0o600)}


def work_on(tree: DiskTree, operation: str) -> None:
    if operation == "write":
        tree.write("store/hub/ca/key.pem", b"new key")
    elif operation == "folder":
        tree.write_folder("store/hub/ca", NEW)
    elif operation == "remove":
        tree.remove("store/hub/ca")
    elif operation == "update":
        tree.update_folder("store/hub/ca", {"key.pem": b"new key", "gone.pem": None})
    else:
        assert tree.create("store/hub/ca/created.pem", b"created")


OUTCOMES = {
    "write": [OLD, OLD | {"key.pem": b"new key"}],
    "folder": [OLD, NEW],
    "remove": [OLD, {}],
    "update": [OLD, NEW | {"certificate.pem": b"old certificate"}],
    "create": [OLD, OLD | {"created.pem": b"created"}],
}


@pytest.mark.parametrize("operation", sorted(OUTCOMES))
def test_killed_at_any_point_the_next_run_recovers(tmp_path: Path, permissive: None, operation: str) -> None:
    seen = []
    for step in range(200):
        tree = DiskTree(tmp_path / str(step))
        tree.write_folder("store/hub/ca", OLD)
        died = killed_at(step, lambda tree=tree: work_on(tree, operation))  # type: ignore[misc]
        assert modes(tree.root) <= {("folder", 0o700), ("file", 0o600)}
        predicted = content(Overlay(tree), "store/hub/ca")
        # The recovery is killed as well, once at each of its own points, before it may finish.
        for again in range(200):
            if not killed_at(again, lambda tree=tree: tree.recover()):  # type: ignore[misc]
                break
        between = [OLD | {"key.pem": b"new key"}] if operation == "update" else []
        assert content(tree, "store/hub/ca") in OUTCOMES[operation] + between
        assert content(tree, "store/hub/ca") == predicted
        assert tree.unfinished() == []
        assert tree.recover() == []
        assert [path.name for path in tree.root.rglob("*") if path.name.startswith(".")] == []
        seen.append(content(tree, "store/hub/ca"))
        if not died:
            break
        if content(tree, "store/hub/ca") in [OLD, *between]:
            work_on(tree, operation)
            assert content(tree, "store/hub/ca") == OUTCOMES[operation][1]
    else:
        pytest.fail("the work never ended")
    assert seen[0] == OLD
    assert seen[-1] == OUTCOMES[operation][1]


@pytest.mark.parametrize("operation", ["write", "folder", "create", "update"])
@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_full_disk_leaves_the_old_and_no_leftover(tree: DiskTree, monkeypatch: pytest.MonkeyPatch, operation: str, call: str) -> None:
    tree.write_folder("store/hub/ca", OLD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StoreError, match="No space left"):
            work_on(tree, operation)
    assert content(tree, "store/hub/ca") == OLD
    assert tree.unfinished() == []
    work_on(tree, operation)
    assert content(tree, "store/hub/ca") == OUTCOMES[operation][1]


def test_a_commit_that_could_not_be_finished_does_not_stop_the_next(tree: DiskTree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write_folder("store/hub/ca", OLD)
    committed = tree.root / "store/hub/.next-ca"
    committed.mkdir(mode=0o700)
    (committed / "key.pem").write_bytes(b"committed")
    tree.write_folder("store/hub/ca", NEW)
    assert content(tree, "store/hub/ca") == NEW
    assert tree.unfinished() == []


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/\0", ".next-ca", "a/.b.stage-0123", ".next-ca/key.pem"]
)
def test_a_path_that_is_not_plain_is_refused(tree: DiskTree, path: str) -> None:
    for each in (tree, Overlay(tree)):
        for attempt in (each.read, each.status, each.names, each.remove):
            with pytest.raises(StoreError, match="not a plain relative path"):
                attempt(path)
        changes: list[tuple[Callable[..., object], object]] = [(each.write, b""), (each.write_folder, {}), (each.create, b"")]
        for change, given in changes:
            with pytest.raises(StoreError, match="not a plain relative path"):
                change(path, given)
    assert not tree.root.exists()


def test_a_name_in_a_folder_is_one_name(tree: DiskTree) -> None:
    for each in (tree, Overlay(tree)):
        for name in ("a/b", "..", ""):
            with pytest.raises(StoreError, match="not a plain relative path"):
                each.write_folder("store", {name: b""})
        each.write_folder("store", {"a": b""})
    assert tree.unfinished() == []


def test_links_are_not_followed(tree: DiskTree) -> None:
    tree.write_folder("store/hub/ca", OLD)
    tree.write("exchange/real/ca.pem", b"ca")
    (tree.root / "exchange/linked").symlink_to("../store/hub/ca")
    (tree.root / "exchange/real/key.pem").symlink_to("../../store/hub/ca/key.pem")
    for each in (Overlay(tree), tree):
        for path in ("exchange/linked/key.pem", "exchange/real/key.pem"):
            with pytest.raises(StoreError, match="symbolic link"):
                each.read(path)
        with pytest.raises(StoreError, match="symbolic link"):
            each.names("exchange/linked")
        with pytest.raises(StoreError, match="symbolic link"):
            each.write("exchange/linked/key.pem", b"overwritten")
        assert each.read("exchange/real/ca.pem") == b"ca"
        assert each.status("exchange/linked") == Status(0o777, regular=False, symlink=True, size=len("../store/hub/ca"))
        each.write("exchange/real/key.pem", b"replaces the link")
        each.write_folder("exchange/linked", NEW)
        assert each.read("exchange/real/key.pem") == b"replaces the link"
        assert content(each, "exchange/linked") == NEW
    assert content(tree, "store/hub/ca") == OLD


def test_only_regular_files_are_read(tree: DiskTree) -> None:
    tree.write("exchange/a/file", b"")
    os.mkfifo(tree.root / "exchange/a/pipe")
    for path in ("exchange/a/pipe", "exchange/a"):
        with pytest.raises(StoreError, match="not a regular file"):
            tree.read(path)
    assert tree.read("exchange/a/file") == b""


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.EDQUOT])
def test_of_a_file_that_cannot_be_read_now_nothing_is_concluded(tree: DiskTree, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    tree.write_folder("store/hub/server", {"key.pem": b"the only copy", "certificate.pem": b"of it"})
    opened = os.open

    def refused(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path.endswith("key.pem"):
            raise OSError(number, os.strerror(number))  # played: root may read everything
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(Unavailable, match="remove the cause and run again"):
        tree.read("store/hub/server/key.pem")
    with pytest.raises(Unavailable, match=rf"^store/hub/server.*: cannot be read \({os.strerror(number)}\)"):
        contents(tree, "store/hub/server")
    if number == errno.EACCES:
        found = tree.folder("store/hub/server")
        assert (found["key.pem"].content, found["certificate.pem"].content) == (None, b"of it"), "it says something of this one alone"
    monkeypatch.undo()
    assert contents(tree, "store/hub/server") == {"key.pem": b"the only copy", "certificate.pem": b"of it"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
@pytest.mark.parametrize("at", ["store/hub", "store/hub/server", "store/hub/server/key.pem"])
def test_a_way_that_cannot_be_gone_now_is_one_error(tree: DiskTree, monkeypatch: pytest.MonkeyPatch, at: str, number: int) -> None:
    tree.write_folder("store/hub/server", {"key.pem": b"the only copy"})
    other, looked_at = DiskTree(tree.root), os.lstat

    def refused(path: str, *, dir_fd: int | None = None) -> os.stat_result:
        if path in {str(tree.root / at), "key.pem"}:
            raise OSError(number, os.strerror(number))
        return looked_at(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "lstat", refused)
    for look in (other.status, lambda path: other.folder(path.rpartition("/")[0])):
        with pytest.raises(Unavailable, match=os.strerror(number)):
            look("store/hub/server/key.pem")
    monkeypatch.undo()
    assert content(other, "store/hub/server") == {"key.pem": b"the only copy"}


def test_leftovers_that_are_no_commits_are_swept(tree: DiskTree) -> None:
    tree.write_folder("exchange/greenbank/hub", OLD)
    (tree.root / "exchange/greenbank/.next-hub").symlink_to("/etc")
    (tree.root / "exchange/greenbank/.next-participant").write_bytes(b"")
    tree.write("exchange/bluebank/hub/ca.pem", b"")
    (tree.root / "exchange/bluebank/.next-hub").mkdir()
    (tree.root / "exchange/bluebank/.next-hub/ca.pem").symlink_to("/etc/passwd")
    assert Overlay(tree).read("exchange/bluebank/hub/ca.pem") is None
    assert content(Overlay(tree), "exchange/greenbank/hub") == OLD
    assert len(tree.recover()) == 3
    assert tree.names("exchange/greenbank") == ["hub"]
    assert content(tree, "exchange/greenbank/hub") == OLD


def test_files_and_folders_do_not_take_each_others_place(tree: DiskTree) -> None:
    tree.write("a/file", b"1")
    for each in (tree, Overlay(tree)):
        changes: list[tuple[Callable[..., object], str, object]] = [
            (each.write, "a", b""),
            (each.write_folder, "a/file", {}),
            (each.write, "a/file/below", b""),
            (each.write, "a/file/far/below", b""),
            (each.create, "a/file/below", b""),
        ]
        for change, path, given in changes:
            with pytest.raises(StoreError):
                change(path, given)
        assert each.read("a/file/below") is None
        assert each.names("a/file") == []
        each.remove("a/file/below")
        assert each.names("a") == ["file"]


def test_a_guard_stops_every_change(tree: DiskTree) -> None:
    tree.write_folder("a", OLD)
    (tree.root / ".x.stage-00000000").write_bytes(b"")

    class LostError(Exception):
        pass

    def lost() -> None:
        raise LostError

    guarded = DiskTree(tree.root, guard=lost)
    for change in (
        lambda: guarded.write("b", b""),
        lambda: guarded.write_folder("a", NEW),
        lambda: guarded.remove("a"),
        lambda: guarded.create("b", b""),
        guarded.recover,
    ):
        with pytest.raises(LostError):
            change()
    assert content(guarded, "a") == OLD
    assert tree.recover() == [".x.stage-00000000"]
    assert tree.names("a") == sorted(OLD)


@pytest.mark.parametrize("operation", ["write", "folder", "create", "update"])
def test_the_guard_is_asked_again_before_a_change_takes_effect(tree: DiskTree, operation: str) -> None:
    tree.write_folder("store/hub/ca", OLD)
    answers = iter([None, RuntimeError("lost meanwhile")])

    def guard() -> None:
        answer = next(answers)
        if answer:
            raise answer

    with pytest.raises(RuntimeError, match="lost meanwhile"):
        work_on(DiskTree(tree.root, guard=guard), operation)
    assert content(tree, "store/hub/ca") == OLD
    assert tree.unfinished() == []


def test_a_folder_is_seen_in_one_look(tree: DiskTree) -> None:
    tree.write_folder("exchange/a", {"one": b"1", "three": b"333"})
    (tree.root / "exchange/a/.x.stage-0").write_bytes(b"")
    (tree.root / "exchange/a/link").symlink_to("one")
    (tree.root / "exchange/a/folder").mkdir(mode=0o755)
    os.mkfifo(tree.root / "exchange/a/pipe")
    (tree.root / "exchange/a/one").chmod(0o644)
    (tree.root / "exchange/linked").symlink_to("a")
    for each in (tree, Overlay(tree)):
        seen = each.folder("exchange/a", largest=2)
        assert list(seen) == each.names("exchange/a") == ["folder", "link", "one", "pipe", "three"]
        assert {name: entry.status for name, entry in seen.items()} == {name: each.status(f"exchange/a/{name}") for name in seen}
        assert {name: entry.content for name, entry in seen.items() if entry.content is not None} == {"one": b"1"}
        assert each.folder("exchange/nothing") == each.folder("exchange/a/one") == {}
        with pytest.raises(StoreError, match="symbolic link"):
            each.folder("exchange/linked")


def test_an_overlay_writes_nothing(tree: DiskTree) -> None:
    tree.write_folder("a/b", OLD)
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in tree.root.rglob("*")}
    overlay = Overlay(tree)
    overlay.write("a/b/key.pem", b"1")
    overlay.write_folder("a/c", NEW)
    overlay.remove("a/b/gone.pem")
    overlay.create("d", b"")
    assert content(overlay, "a/b") == {"key.pem": b"1", "certificate.pem": b"old certificate"}
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in tree.root.rglob("*")} == before
