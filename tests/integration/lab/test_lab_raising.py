# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab for real: raised, used and removed, by root and by an ordinary user; nothing of it outlives it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LabError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab import vantage
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.holder import Holder, find_holder, in_lab
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.namespaces import enter_network
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.processes import alive, started_at, wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
    pytest.mark.skipif(shutil.which("haproxy") is None or shutil.which("node") is None, reason="needs haproxy and node"),
]

ROOT = Path(__file__).resolve().parents[3]
UNPRIVILEGED = 65534
DRIVER = """
import json, sys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.raising import Request, run
print(json.dumps(run(Request(**json.loads(sys.argv[1]))).as_result()))
"""
YELLOWBANK = (ROOT / "inventories/lab/participants/redbank.yml").read_text().replace("redbank", "yellowbank").replace("113.4", "113.6")


@dataclass(frozen=True)
class Lab:
    """A lab to be raised by root or by an ordinary user; its state folder and its description are its own."""

    root: bool
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def description(self) -> Path:
        return self.folder / "description"

    def command(self, state: str, **options: object) -> list[str]:
        request = {"state": state, "description": str(self.description), "state_folder": str(self.state), "tools": str(ROOT / "tests/lab")}
        return [*_as(root=self.root), sys.executable, "-c", DRIVER, json.dumps({**request, **options})]

    def run(self, state: str, **options: object) -> dict[str, Any]:
        done = subprocess.run(self.command(state, **options), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    @property
    def holder(self) -> Holder:
        holder = find_holder(self.state)
        assert holder is not None
        return holder

    def enter(self, machine: str, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        whole = [*_as(root=self.root), *vantage.enter_command(self.state, machine), *command]
        return subprocess.run(whole, input=given, capture_output=True, text=True, timeout=20, check=False)

    def members(self) -> list[tuple[int, int]]:
        """Every process of the lab: number outside, and start."""
        own = Path(f"/proc/{self.holder.pid}/ns/pid").stat()
        return [(pid, started_at(pid) or 0) for pid in _processes() if _same(f"/proc/{pid}/ns/pid", own)]

    def started(self) -> set[str]:
        """Every machine and program that runs, with the number and start of its process; short-lived helpers of theirs do not count."""
        lasting = [f"/run/lab/{kind}/" for kind in ("machines", "services")]
        found = set(self.enter("controller", "grep", "-r", "", *lasting).stdout.splitlines())
        assert len(found) > 2
        return found


def _as(*, root: bool) -> list[str]:
    return [] if root or os.geteuid() else ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _same(path: str, other: os.stat_result) -> bool:
    try:
        return os.path.samestat(Path(path).stat(), other)
    except OSError:
        return False


def _possible(*, root: bool) -> bool:
    if root:
        return os.geteuid() == 0
    commands = (["unshare", "--user", "--map-root-user", "--net", "true"], [sys.executable, "-c", DRIVER.partition("print")[0]])
    return all(subprocess.run([*_as(root=False), *command], capture_output=True, check=False).returncode == 0 for command in commands)


def _new_lab(*, root: bool) -> Lab:
    if not _possible(root=root):
        pytest.skip("not root" if root else "an ordinary user gets no namespaces here, or cannot read the project")
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    shutil.copytree(ROOT / "inventories/lab", folder / "description")
    if not root and os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    return Lab(root, folder)


def _discard(lab: Lab) -> None:
    subprocess.run(lab.command("absent", purge=True), capture_output=True, timeout=120, check=False)
    shutil.rmtree(lab.folder)


@pytest.fixture(scope="module")
def raised() -> Iterator[Lab]:
    lab = _new_lab(root=os.geteuid() == 0)
    lab.run("present")
    yield lab
    _discard(lab)


@pytest.fixture
def small() -> Iterator[Lab]:
    lab = _small(_new_lab(root=os.geteuid() == 0))
    yield lab
    _discard(lab)


@pytest.fixture
def of_a_user() -> Iterator[Lab]:
    """An ordinary user's, whoever runs the tests."""
    lab = _small(_new_lab(root=False))
    yield lab
    _discard(lab)


def _small(lab: Lab) -> Lab:
    """The hub and redbank alone, without an authorization server: raised in a third of the time."""
    for name in ("greenbank", "bluebank", "probe-one", "probe-two"):
        (lab.description / "participants" / f"{name}.yml").unlink()
    hub = lab.description / "hub.yml"
    before, _, rest = hub.read_text().partition("  authorization_server:")
    hub.write_text(before + "\ndefaults:" + rest.partition("\ndefaults:")[2])
    return lab


def _reaches(lab: Lab, machine: str, source: str, destination: tuple[str, int]) -> bool:
    def attempt() -> bool:
        try:
            vantage.open_socket(machine, source, destination, timeout=0.5).close()
        except OSError:
            return False
        return True

    return bool(in_lab(lab.holder, attempt))


def test_every_machine_and_program_runs(raised: Lab) -> None:
    result = raised.run("present")
    assert [machine["name"] for machine in result["machines"] if not machine["running"]] == []
    programs = {f"{machine['name']}.{name}" for machine in result["machines"] for name in machine["services"]}
    assert {"hub-gateway.haproxy", "hub-gateway.backend", "authorization-server.authorization_server", "redbank.backend"} <= programs
    assert result["awaiting"] == []


def test_a_second_run_changes_nothing(raised: Lab) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in raised.state.rglob("*") if not path.is_symlink()}
    started = raised.started()
    result = raised.run("present")
    assert (result["changed"], result["differences"], result["advanced"]) == (False, [], [])
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in raised.state.rglob("*") if not path.is_symlink()} == before
    assert raised.started() == started


def test_what_comes_from_an_address_arrives_from_it(raised: Lab) -> None:
    def exchange() -> list[str]:
        seen = []
        for family, address, source in (
            (socket.AF_INET, "203.0.113.10", "203.0.113.22"),
            (socket.AF_INET6, "2001:db8:6d6f::10", "2001:db8:6d6f::21"),
        ):
            with (
                _listening("hub-gateway", family, address) as server,
                vantage.open_socket("greenbank-gateway", source, (address, 9000), timeout=3),
            ):
                peer, remote = server.accept()
                peer.close()
                seen.append(str(remote[0]))
        return seen

    assert in_lab(raised.holder, exchange) == ["203.0.113.22", "2001:db8:6d6f::21"]


def _listening(machine: str, family: socket.AddressFamily, address: str) -> socket.socket:
    made: list[socket.socket] = []

    def listen() -> None:
        enter_network(f"/run/netns/{machine}")
        server = socket.socket(family, socket.SOCK_STREAM)
        server.bind((address, 9000))
        server.listen()
        made.append(server)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return made[0]


def test_a_vantage_leaves_the_callers_network_as_it_was(raised: Lab) -> None:
    def stays() -> bool:
        network = Path(f"/proc/self/task/{threading.get_native_id()}/ns/net")
        before = network.readlink()
        vantage.open_socket("redbank", "", ("203.0.113.40", 8443), timeout=3).close()
        return before == network.readlink()

    assert in_lab(raised.holder, stays)


def test_the_authorization_server_is_for_the_hubs_own_network(raised: Lab) -> None:
    server = ("198.18.0.20", 9443)
    assert _reaches(raised, "hub-gateway", "", server)  # control
    assert not _reaches(raised, "stranger", "", server)
    assert not _reaches(raised, "greenbank-gateway", "", server)


def test_a_stranger_has_only_his_own_addresses(raised: Lab) -> None:
    listener = ("203.0.113.40", 8443)
    assert _reaches(raised, "stranger", "203.0.113.99", listener)
    assert _reaches(raised, "hub-gateway", "203.0.113.11", listener)  # control
    assert not _reaches(raised, "stranger", "203.0.113.11", listener)


def test_the_operators_place_reaches_the_internal_link_alone(raised: Lab) -> None:
    addresses = raised.enter("controller", "ip", "-json", "address").stdout
    assert "198.18.0.1" in addresses
    assert "203.0.113." not in addresses


def test_a_packet_filter_of_one_machine_is_no_other_machines(raised: Lab) -> None:
    listener = ("203.0.113.40", 8443)
    rules = 'table inet probe { chain input { type filter hook input priority 0; ip saddr 203.0.113.99 counter drop comment "probe"; }; }'
    assert _reaches(raised, "stranger", "", listener)  # control
    assert raised.enter("redbank", "nft", "-f", "-", given=rules).returncode == 0
    try:
        assert not _reaches(raised, "stranger", "", listener)
        assert _reaches(raised, "hub-gateway", "", listener)
        assert raised.enter("hub-gateway", "nft", "list", "ruleset").stdout == ""
    finally:
        raised.enter("redbank", "nft", "flush", "ruleset")
    assert _reaches(raised, "stranger", "", listener)


def test_folders_of_production_are_the_machines_own(raised: Lab) -> None:
    for path in ("/etc/haproxy/lab-test", "/etc/nftables.d/lab-test.nft", "/run/haproxy/lab-test", "/etc/lab-test"):
        assert raised.enter("bluebank-gateway", "/bin/sh", "-c", f"echo '# test' > {path} && cat {path}").stdout == "# test\n"
        assert not Path(path).exists()
        assert raised.enter("hub-gateway", "cat", path).returncode != 0
        raised.enter("bluebank-gateway", "rm", path)


def test_no_one_writes_to_this_computers_etc(raised: Lab) -> None:
    assert raised.enter("hub-gateway", "cat", "/etc/passwd").stdout == Path("/etc/passwd").read_text()  # control
    done = raised.enter("hub-gateway", "/bin/sh", "-c", "echo x >> /etc/passwd")
    assert done.returncode != 0
    assert ("Read-only file system" if raised.root else "Permission denied") in done.stderr


def test_this_computers_network_and_mounts_are_untouched(raised: Lab) -> None:
    links = subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True, check=True).stdout
    inside = raised.enter("controller", "ip", "-json", "link").stdout
    cables = {link["ifname"] for link in json.loads(inside)} - {"lo"}
    assert len(cables) > 8
    assert not any(f": {cable}@" in links for cable in cables if "-" in cable)
    assert str(raised.folder) not in Path("/proc/self/mounts").read_text()
    assert not Path("/run/netns/greenbank-gateway").exists()
    assert not Path("/run/lab").exists()


def test_entering_costs_less_than_ten_milliseconds(raised: Lab) -> None:
    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def cost(command: list[str]) -> float:
        # Processor time, so that a busy computer does not decide.
        before = seconds()
        for _ in range(20):
            subprocess.run([*_as(root=raised.root), *command], check=True)
        return (seconds() - before) / 20

    assert cost([*vantage.enter_command(raised.state, "hub-gateway"), "/bin/true"]) - cost(["/bin/true"]) < 0.010


def test_an_ordinary_user_raises_uses_and_removes_a_lab(of_a_user: Lab) -> None:
    made = of_a_user.run("present")
    assert [machine["name"] for machine in made["machines"] if not machine["running"]] == []
    assert made["awaiting"] == []
    assert of_a_user.run("present")["changed"] is False
    assert _reaches(of_a_user, "hub-gateway", "203.0.113.11", ("203.0.113.40", 8443))
    denied = of_a_user.enter("hub-gateway", "/bin/sh", "-c", "echo x >> /etc/passwd")
    assert (denied.returncode != 0, "Permission denied" in denied.stderr) == (True, True)
    assert {folder.stat().st_mode & 0o777 for folder in (of_a_user.state, of_a_user.state / "lab")} == {0o700}
    members = of_a_user.members()
    assert of_a_user.run("absent", purge=True)["changed"]
    assert [process for process in members if alive(*process)] == []
    assert not of_a_user.state.exists()
    assert of_a_user.run("absent", purge=True)["changed"] is False


def test_an_unknown_machine_is_named(raised: Lab) -> None:
    with pytest.raises(LabError, match=r"has no machine nowhere\. Run playbooks/lab\.yml"):
        vantage.enter_command(raised.state, "nowhere")


def test_private_files_are_private(raised: Lab) -> None:
    server = raised.state / "lab/authorization-server"
    assert {path.stat().st_mode & 0o777 for path in server.iterdir() if path.is_file()} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in (raised.state, raised.state / "lab", server)} == {0o700}


def test_check_mode_tells_and_makes_nothing(small: Lab) -> None:
    expected = small.run("present", check=True)
    assert expected["changed"]
    assert not small.state.exists()
    made = small.run("present")
    assert (made["differences"], made["advanced"]) == (expected["differences"], expected["advanced"])
    gone = small.run("absent", purge=True, check=True)
    assert gone["changed"]
    assert small.run("present")["changed"] is False
    assert small.run("absent", purge=True)["differences"] == gone["differences"]


def test_removed_without_a_trace(small: Lab) -> None:
    small.run("present")
    members = small.members()
    assert len(members) > 7
    result = small.run("absent", purge=True)
    assert result["changed"]
    assert [process for process in members if alive(*process)] == []
    assert not small.state.exists()
    assert small.run("absent", purge=True)["changed"] is False


def test_a_lab_whose_folder_is_removed_ends(small: Lab) -> None:
    small.run("present")
    members = small.members()
    shutil.rmtree(small.state)
    assert wait_until(lambda: not any(alive(*process) for process in members), 20)
    assert small.run("absent", purge=True)["changed"] is False


def test_no_zombies_stay(raised: Lab) -> None:
    raised.enter("controller", "/bin/sh", "-c", "for n in 1 2 3; do setsid -f sleep 0.1; done")

    def zombies() -> list[int]:
        states = raised.enter("controller", "/bin/sh", "-c", "cat /proc/[0-9]*/stat").stdout.splitlines()
        return [1 for state in states if state.rpartition(")")[2].split()[0] == "Z"]

    assert wait_until(lambda: zombies() == [], 10)


def test_a_lab_whose_holder_is_killed_is_gone_and_comes_back(small: Lab) -> None:
    small.run("present")
    rules = 'table inet probe { comment "kept"; }'
    small.enter("hub-gateway", "/bin/sh", "-c", "cat > /etc/nftables.d/probe.nft", given=rules)
    members, holder = small.members(), small.holder
    os.kill(holder.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(alive(*process) for process in members), 10)
    with pytest.raises(LabError, match="the lab is not up"):
        vantage.enter_command(small.state, "hub-gateway")
    assert "lab: lab-down" in small.run("present")["differences"]
    assert "kept" in small.enter("hub-gateway", "nft", "list", "ruleset").stdout  # as a computer loads its filter when it starts
    assert small.run("present")["changed"] is False


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.4])
def test_a_run_that_is_killed_is_finished_by_the_next(small: Lab, moment: float) -> None:
    with subprocess.Popen(small.command("present"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert wait_until(lambda: find_holder(small.state) is not None, 30)
        time.sleep(moment)
        run.kill()
    small.run("present")
    assert small.run("present")["changed"] is False


def test_a_run_that_is_killed_leaves_what_can_be_removed(small: Lab) -> None:
    with subprocess.Popen(small.command("present"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert wait_until(lambda: find_holder(small.state) is not None, 30)
        members = small.members()
        run.kill()
    small.run("absent", purge=True)
    assert wait_until(lambda: not any(alive(*process) for process in members), 10)
    assert not small.state.exists()


def test_a_new_participant_adds_its_machine_only(small: Lab) -> None:
    small.run("present")
    started = small.started()
    (small.description / "participants" / "yellowbank.yml").write_text(YELLOWBANK)
    result = small.run("present")
    assert result["differences"] == ["yellowbank: machine-missing", "yellowbank backend: service-down"]
    assert started < small.started()
    assert small.run("present")["differences"] == []  # what was started is still there
    assert _reaches(small, "stranger", "", ("203.0.113.60", 8443))


def test_what_ended_alone_is_started_again(small: Lab) -> None:
    small.run("present")
    started = small.started()
    machine = json.loads(small.enter("controller", "cat", "/run/lab/machines/hub-gateway.json").stdout)["pid"]
    program = json.loads(small.enter("controller", "cat", "/run/lab/services/redbank.backend.json").stdout)["pid"]
    small.enter("controller", "kill", "-KILL", str(machine), str(program))
    assert small.run("present")["differences"] == [
        "hub-gateway: machine-missing",
        "hub-gateway haproxy: service-down",
        "hub-gateway backend: service-down",
        "redbank backend: service-down",
    ]
    assert len(started - small.started()) == 4  # as many as are listed
    assert small.run("present")["changed"] is False


def test_addresses_follow_the_description(small: Lab) -> None:
    small.run("present")
    file = small.description / "participants" / "redbank.yml"
    file.write_text(file.read_text().replace("203.0.113.41/32", "203.0.113.42/32"))
    assert small.run("present")["differences"] == ["redbank: addresses-differ", "redbank backend: service-differs"]
    assert _reaches(small, "redbank", "203.0.113.42", ("203.0.113.40", 8443))
    assert not _reaches(small, "redbank", "203.0.113.41", ("203.0.113.40", 8443))


def test_a_turn_lets_the_participant_answer_the_hub(small: Lab) -> None:
    small.run("present")
    assert small.run("advance")["changed"] is False  # the hub has said nothing yet
    offered = small.state / "exchange/redbank/hub"
    offered.mkdir(parents=True)
    subject = ["-subj", "/CN=switch", "-addext", "subjectAltName=DNS:api.hub.lab"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(small.folder / "hub.key")]
    subprocess.run(["openssl", "req", "-new", *key, *subject, "-out", str(offered / "client.csr")], capture_output=True, check=True)
    if not small.root and os.geteuid() == 0:
        for path in (offered, offered / "client.csr"):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    assert small.run("advance", check=True)["advanced"] == ["redbank sign"]
    result = small.run("advance")
    assert result["advanced"] == ["redbank sign"]
    assert result["differences"] == ["redbank backend: service-differs"]
    assert (small.state / "exchange/redbank/participant/client.pem").exists()
    assert small.run("advance")["changed"] is False


def test_two_labs_do_not_meet(small: Lab) -> None:
    other = _new_lab(root=small.root)
    try:
        small.run("present")
        other.run("present")
        first = Path(f"/proc/{small.holder.pid}/ns/net").stat()
        assert not _same(f"/proc/{other.holder.pid}/ns/net", first)
        other.run("absent", purge=True)
        assert small.run("present")["changed"] is False
    finally:
        _discard(other)


def test_only_a_lab_is_raised_or_purged(small: Lab) -> None:
    hub = small.description / "hub.yml"
    hub.write_text(hub.read_text().replace("kind: lab", "kind: pre-production").replace("approval: automatic", "approval: manual"))
    (small.state / "store").mkdir(parents=True)
    for request in ({"state": "present"}, {"state": "absent", "purge": True}):
        done = subprocess.run(small.command(**request), capture_output=True, text=True, check=False)
        assert done.returncode != 0
    assert (small.state / "store").exists()
