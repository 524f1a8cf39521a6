# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store in Vault does what one on disk does; sealed, silent, or taken by another controller, it says so and nothing is half-written."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from support.openbao import OpenBao
from unit.steps.conftest import NOW, Site, _keys, _unsynced, changes, faults, pending, site  # noqa: F401 -- cheap keys here too

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, OnboardingError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.backup import back_up
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.interface import Status
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import LeaseLost
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.opening import leased_tree, open_tree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.vault.client import Vault
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.vault.lease import vault_lease

KILLED = """
import os, sys, pathlib
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.opening import leased_tree
with leased_tree(pathlib.Path(sys.argv[1]), holder="killed") as tree:
    tree.write("store/a/b", b"1")
    os.kill(os.getpid(), 9)
"""
pytestmark = pytest.mark.xdist_group("openbao")
InVault = Callable[..., str]


@pytest.fixture(params=["disk", "vault"])
def tree(request: pytest.FixtureRequest, tmp_path: Path, in_vault: InVault) -> DiskTree:
    """An empty tree of each kind."""
    state = tmp_path / "state"
    state.mkdir()
    if request.param == "vault":
        in_vault(state)
    return open_tree(state)


def test_files_and_folders_are_as_they_were_written(tree: DiskTree) -> None:
    tree.write("store/hub/ca/key.pem", b"a key")
    tree.write("store/hub/ca.passphrase", b"words")
    tree.write_folder("store/hub/client/greenbank", {"key.pem": b"1", "certificate.pem": b"\x00\xff"})
    tree.write("journal/serials/ab.json", b"{}")
    assert tree.read("store/hub/ca/key.pem") == b"a key"
    assert tree.read("store/hub/client/greenbank/certificate.pem") == b"\x00\xff"
    assert tree.read("store/hub/ca/none.pem") is None
    assert tree.names("store/hub") == ["ca", "ca.passphrase", "client"]
    assert tree.names("journal/serials") == ["ab.json"]
    assert tree.status("store/hub/ca/key.pem") == Status(0o600, regular=True, symlink=False, size=5)
    assert tree.status("store/hub/no-one") is None
    folder = tree.folder("store/hub")
    assert {name: (entry.status.folder, entry.content) for name, entry in folder.items()} == {
        "ca": (True, None),
        "ca.passphrase": (False, b"words"),
        "client": (True, None),
    }


def test_a_folder_is_replaced_as_a_whole_and_single_files_alone(tree: DiskTree) -> None:
    tree.write_folder("store/a/server", {"key.pem": b"1", "request.pem": b"2"})
    tree.write_folder("store/a/server", {"key.pem": b"3"})
    assert tree.names("store/a/server") == ["key.pem"]
    tree.update_folder("store/a/server", {"key.pem": None, "other.pem": b"4"})
    assert {name: tree.read(f"store/a/server/{name}") for name in tree.names("store/a/server")} == {"other.pem": b"4"}
    tree.remove("store/a/server/other.pem")
    assert tree.names("store/a/server") == []


def test_what_is_removed_is_gone_with_all_below(tree: DiskTree) -> None:
    for path in ("store/a/oauth/x.json", "store/a/client/hub/key.pem", "journal/contacts/a/hub.json", "journal/contacts/b/hub.json"):
        tree.write(path, b"1")
    tree.remove("store/a")
    tree.remove("journal/contacts/a")
    assert tree.names("store") == []
    assert tree.names("journal/contacts") == ["b"]
    tree.remove("store/a")


def test_a_file_is_created_once(tree: DiskTree) -> None:
    assert tree.create("journal/serials/1.json", b"a") is True
    assert tree.create("journal/serials/1.json", b"b") is False
    assert tree.read("journal/serials/1.json") == b"a"


def test_a_file_and_a_folder_do_not_take_each_others_place(tree: DiskTree) -> None:
    tree.write("store/a/b/c", b"1")
    with pytest.raises(StoreError, match="is a folder"):
        tree.write("store/a/b", b"1")
    with pytest.raises(StoreError, match="is a file"):
        tree.write_folder("store/a/b/c", {"x": b"1"})


def test_the_exchange_stays_on_disk_and_no_secret_does(tmp_path: Path, in_vault: InVault, bao: OpenBao) -> None:
    made = finished(tmp_path, in_vault)
    assert (changes(made.run()), faults(made.run()), pending(made.run())) == ([], [], [])
    assert made.path("exchange/greenbank/participant/ca.pem").exists()
    on_disk = [str(path.relative_to(made.state)) for path in made.state.rglob("*") if path.is_file()]
    assert [path for path in on_disk if path.startswith("store/")] == []
    assert [path for path in on_disk if b"PRIVATE KEY" in made.path(path).read_bytes()] == []
    prefix = json.loads(made.path("vault.json").read_bytes())["prefix"]
    facts = bao.done("GET", f"onboarding/metadata/{prefix}/store/greenbank/server")
    assert facts["max_versions"] == 1


def finished(root: Path, in_vault: InVault, prefix: str = "") -> Site:
    made = site(root / "site", "bluebank", "greenbank")
    in_vault(made.state, prefix)
    planned = made.run(check=True)
    assert sorted(planned) == sorted(made.run())
    return made


@pytest.mark.parametrize("writes", [1, 6, 15, 33])
def test_a_run_that_dies_at_a_write_is_continued(writes: int, tmp_path: Path, in_vault: InVault, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(tmp_path / "site", "greenbank")
    in_vault(made.state)
    left, write = [writes], Vault.write

    def dying(vault: Vault, path: str, data: Mapping[str, str], version: int) -> int:
        if not path.endswith("/lease"):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        return write(vault, path, data, version)

    monkeypatch.setattr(Vault, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    monkeypatch.undo()
    serials = open_tree(made.state).names("journal/serials")
    assert faults(made.run()) == []
    assert set(serials) <= set(open_tree(made.state).names("journal/serials"))
    assert made.run() == []


def test_a_second_controller_goes_on_with_the_same_store(tmp_path: Path, in_vault: InVault) -> None:
    first = finished(tmp_path / "one", in_vault)
    second = site(tmp_path / "two", "bluebank", "greenbank")
    in_vault(second.state, json.loads(first.path("vault.json").read_bytes())["prefix"])
    found = second.run()
    assert faults(found) == []
    # The exchange is elsewhere: it is published anew, and nothing is signed or made again.
    assert {reason for _side, _artefact, reason in changes(found)} <= {"not-published", "publication-differs", "missing"}
    assert open_tree(second.state).names("journal/serials") == open_tree(first.state).names("journal/serials")
    assert changes(second.run()) == []


def test_two_controllers_do_not_work_at_once_and_the_holder_is_named(tmp_path: Path, in_vault: InVault) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    in_vault(two, in_vault(one))
    tree = open_tree(two)
    vault: Vault = tree._vault  # type: ignore[attr-defined]
    with leased_tree(one, holder="the first") as held:
        held.write("store/a/x", b"1")
        with pytest.raises(LeaseHeld, match="the first"), vault_lease(vault, holder="the second", wait=0.2):
            pass
    with vault_lease(vault, holder="the second", wait=0.2):
        pass


def test_a_holder_that_slept_writes_nothing_more(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    vault: Vault = open_tree(tmp_path / "one")._vault  # type: ignore[attr-defined]
    moment = [1000.0]
    with vault_lease(vault, holder="the first", now=lambda: moment[0], ttl=300) as slept:
        moment[0] += 400
        with vault_lease(vault, holder="the second", now=lambda: moment[0], ttl=300, wait=0.2) as awake:
            with pytest.raises(LeaseLost):
                slept.check()
            awake.check()
        awake.release()


def test_the_lease_of_a_process_that_was_killed_here_is_free_at_once(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    killed = [sys.executable, "-c", KILLED, str(tmp_path / "one")]
    assert subprocess.run(killed, timeout=60, check=False).returncode == -9
    with leased_tree(tmp_path / "one", holder="the next") as tree:
        assert tree.read("store/a/b") == b"1"


def test_of_many_who_create_one_does(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    made: list[bool] = []
    trees = [open_tree(tmp_path / "one") for _ in range(6)]
    threads = [threading.Thread(target=lambda tree=tree: made.append(tree.create("journal/serials/7.json", b"x"))) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 5 + [True]


def test_what_someone_else_wrote_is_not_written_over(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    mine, other = (open_tree(tmp_path / "one") for _ in range(2))
    mine.write("store/a/b/key.pem", b"1")
    other.write("store/a/b/key.pem", b"2")
    with pytest.raises(StoreError, match="someone else"):
        mine.write("store/a/b/key.pem", b"3")
    assert open_tree(tmp_path / "one").read("store/a/b/key.pem") == b"2"


@pytest.mark.parametrize("state", ["sealed", "silent", "refused"])
def test_a_server_that_cannot_be_used_is_one_clear_error(state: str, tmp_path: Path, in_vault: InVault, bao: OpenBao) -> None:
    made = finished(tmp_path, in_vault)
    place = made.path("vault.json")
    right = json.loads(place.read_bytes())
    if state == "sealed":
        server = _sealed()
        wrong = right | {"url": server[0]}
    elif state == "silent":
        wrong = right | {"url": "http://127.0.0.1:9"}
    else:
        wrong = {name: value for name, value in right.items() if not name.endswith("_file")} | {"token_file": str(tmp_path / "bad")}
        (tmp_path / "bad").write_text("s.wrong", encoding="utf-8")
    place.write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(OnboardingError) as found:
        made.run(now=NOW + timedelta(hours=1))
    assert {"sealed": "is sealed", "silent": "cannot be reached", "refused": "is refused"}[state] in str(found.value)
    assert "s.wrong" not in str(found.value)
    if state == "sealed":
        server[1]()
    place.write_text(json.dumps(right), encoding="utf-8")
    assert changes(made.run()) == []


def _sealed() -> tuple[str, Callable[[], None]]:
    """What a sealed server answers to everything."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415

    class Sealed(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b'{"errors":["Vault is sealed"]}'
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 -- the names of http.server

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sealed)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def close() -> None:
        server.shutdown()
        server.server_close()

    return f"http://127.0.0.1:{server.server_address[1]}", close


def test_a_token_of_a_file_does_as_well(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    place = tmp_path / "one" / "vault.json"
    facts = {name: value for name, value in json.loads(place.read_bytes()).items() if not name.endswith("_file")}
    place.write_text(json.dumps(facts | {"token_file": "../token"}), encoding="utf-8")
    tree = open_tree(tmp_path / "one")
    tree.write("store/a/b", b"1")
    assert open_tree(tmp_path / "one").read("store/a/b") == b"1"


@pytest.mark.parametrize(
    "wrong", ['{"format": 2}', '{"format": 1, "url": "http://127.0.0.1:1"}', "no json", '{"format": 1, "token": "s.x"}']
)
def test_a_place_that_cannot_be_understood_is_refused_before_anything(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "vault.json").write_text(wrong, encoding="utf-8")
    with pytest.raises(StoreError, match="Write"):
        open_tree(tmp_path)


def test_a_backup_of_files_is_refused(tmp_path: Path, in_vault: InVault) -> None:
    in_vault(tmp_path / "one")
    with pytest.raises(StoreError, match="its store is in Vault"):
        back_up(tmp_path / "one", tmp_path / "archive", environment="tests", now=NOW)
