# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway changes: maps without a reload, releases with one, and every failure leaves the old state serving."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError, HostError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.drivers import driver_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_socket, releases, rollback
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.gateway_change import Change

if TYPE_CHECKING:
    from .conftest import Bench, Recorder


def without_bluebank(bench: Bench) -> Any:  # noqa: ANN401
    return bench.with_inbound(callers=bench.inbound.callers[:1])


def reasons(bench: Bench) -> set[str]:
    return {finding.reason for finding in bench.plan().findings}


def until(condition: Any, seconds: float = 60) -> bool:  # noqa: ANN401
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def state(folder: str) -> dict[str, tuple[int, int, int]]:
    paths = [Path(folder), *Path(folder).rglob("*")]
    return {
        str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in paths if path.name != "gateway.log"
    }


def test_second_run_finds_nothing_and_touches_nothing(bench: Bench) -> None:
    assert "gateway-not-installed" in reasons(bench)
    assert bench.install()["reloads"] == bench.driver.reloads
    before = state(bench.place.folder)
    assert bench.plan().findings == ()
    assert state(bench.place.folder) == before


def test_everything_on_the_host_is_for_its_owner_only(bench: Bench) -> None:
    bench.install()
    paths = [path for path in Path(bench.place.folder).rglob("*") if not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(Path(path).stat().st_mode) for path in bench.driver.sockets(bench.place)} == {0o600}


def test_map_change_needs_no_reload_and_counts_at_the_next_request_of_a_live_connection(bench: Bench) -> None:
    bench.install()
    live, other = bench.connect("bluebank"), bench.connect("greenbank")
    assert live.ask(headers=bench.headers("bluebank")).status == 200
    process = bench.driver.process(bench.place)
    bench.model = without_bluebank(bench)
    assert {(finding.participant, finding.reason) for finding in bench.plan().findings} == {("bluebank", "map-entry-unwanted")}
    assert bench.install()["reloads"] == 0
    assert live.ask(headers=bench.headers("bluebank")).reason == "certificate-unknown"
    assert other.ask(headers=bench.headers()).status == 200, "the other's live connection was not touched"
    assert bench.driver.process(bench.place) == process
    assert bench.plan().findings == ()


def test_many_entries_go_in_at_once(bench: Bench) -> None:
    bench.install()
    green = bench.inbound.callers[0]
    clients = tuple(f"client-{number:05d}-of-greenbank" for number in range(3000))
    assert bench.install(bench.with_inbound(callers=(replace(green, clients=(*green.clients, *clients)),)))["reloads"] == 0
    assert bench.plan().findings == ()


SOON = 4.0
"""Seconds until an unconfirmed change is undone: enough for the change itself on a machine that does much else."""
HOLDER = "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.lockf(file, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


def test_of_two_runs_at_once_one_changes_the_gateway_and_the_other_learns_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.install()
    before = bench.plan()
    staging = releases.stage(bench.place.folder)
    change = Change(before.digest, before.files, (), False, 30)
    releases.sweep(bench.place.folder)  # what the other run does before it looks
    with pytest.raises(HostError, match=releases.MEANWHILE):
        bench.driver.host.apply(bench.place, staging, change)
    installed = releases.current(bench.place.folder)
    releases.expect(bench.place.folder, installed)
    bench.install(without_bluebank(bench))
    bench.install(bench.with_inbound(base_path="/v1"))
    with pytest.raises(HostError, match=releases.MEANWHILE):
        releases.expect(bench.place.folder, installed)
    monkeypatch.setattr(releases, "_PATIENCE", 0)
    holder = [sys.executable, "-c", HOLDER, str(Path(bench.place.folder, ".lock"))]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(HostError, match=releases.MEANWHILE), releases.alone(bench.place.folder):
            pass
        other.communicate(timeout=10)
    with releases.alone(bench.place.folder):
        pass


def test_client_ids_as_authorization_servers_make_them(bench: Bench) -> None:
    """Base64url, a hyphen in front too: known, let in, and taken away, each without a reload."""
    bench.install()
    right = bench.inbound
    green = next(caller for caller in right.callers if caller.participant == "greenbank")
    for client in ("-PON0fxgnS-BK_", "--", "_x", "~a"):
        callers = tuple(replace(one, clients=(*one.clients, client)) if one is green else one for one in right.callers)
        assert bench.install(bench.with_inbound(callers=callers))["reloads"] == 0
        assert bench.plan().findings == ()
        assert bench.connect("greenbank").ask(headers=bench.headers(client_id=client)).status == 200, client
        assert bench.install(bench.with_inbound(callers=right.callers))["reloads"] == 0
        assert bench.connect("greenbank").ask(headers=bench.headers(client_id=client)).reason == "token-client", client


def test_release_change_reloads_once_and_the_old_process_refuses_who_was_removed(bench: Bench) -> None:
    bench.install()
    live = bench.connect("bluebank")
    assert live.ask(headers=bench.headers("bluebank")).status == 200
    renewed = bench.hub_ca.identity("api.hub.test", server=True)
    model = without_bluebank(bench)
    bench.model = replace(model, inbound=replace(model.inbound, identity=renewed, resources=("parties", "quotes")))
    assert reasons(bench) == {"certificate-differs", "configuration-differs", "map-entry-unwanted"}
    done = bench.install()
    assert done["reloads"] == 1
    try:
        assert live.ask(headers=bench.headers("bluebank")).reason == "certificate-unknown"
    except (OSError, Exception) as closed:  # noqa: BLE001 -- an idle connection may be closed by the reload
        assert "Remote end closed" in str(closed) or isinstance(closed, OSError)  # noqa: PT017
    connection = bench.connect("greenbank")
    assert connection.client.sock.getpeercert(binary_form=True) == bench_der(renewed.certificate)
    assert connection.ask(headers=bench.headers()).status == 200
    assert len(list(Path(bench.place.folder, "releases").iterdir())) == 2, "the one in force and the one before it"
    assert bench.plan().findings == ()


def bench_der(certificate: bytes) -> bytes:
    import ssl  # noqa: PLC0415

    return ssl.PEM_cert_to_DER_cert(certificate.decode())


def test_request_in_progress_on_the_old_process_is_refused_too(bench: Bench) -> None:
    """The old worker drains; its maps lost the entry before the reload, so even it refuses."""
    bench.install()
    live = bench.connect("bluebank")
    assert live.ask(headers=bench.headers("bluebank")).status == 200
    live.client.sock.sendall(b"GET /parties/1 HTTP/1.1\r\nhost: x\r\n")
    model = without_bluebank(bench)
    assert bench.install(replace(model, inbound=replace(model.inbound, resources=("parties", "quotes"))))["reloads"] == bench.driver.reloads
    headers = "".join(f"{name}: {value}\r\n" for name, value in bench.headers("bluebank"))
    live.client.sock.sendall(headers.encode() + b"\r\n")
    assert b"certificate-unknown" in live.client.sock.recv(65536)


def test_configuration_that_haproxy_refuses_leaves_the_old_state(bench: Bench) -> None:
    bench.install()
    before = (bench.plan().digest, bench.observe())
    bad = replace(bench.inbound.identity, key=bench.clients["greenbank"].key)
    good, bench.model = bench.model, bench.with_inbound(identity=bad, callers=bench.inbound.callers[:1])
    with pytest.raises(GatewayError, match=r"inconsistencies|private key|refuses|mismatch"):
        bench.apply()
    bench.model = good
    assert bench.observe() == before[1]
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == 200
    assert not list(Path(bench.place.folder).glob(".staging-*"))


def test_listener_that_cannot_be_bound_is_undone_at_once(bench: Bench) -> None:
    bench.install()
    before = bench.observe()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        inbound, good = bench.inbound.listeners[0], bench.model
        bench.model = bench.with_inbound(listeners=(inbound, replace(inbound, port=taken.getsockname()[1])))
        with pytest.raises(GatewayError, match="undone"):
            bench.apply()
    bench.model = good
    assert bench.observe() == before
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200


def test_unconfirmed_release_is_rolled_back_by_the_host(bench: Bench) -> None:
    bench.install()
    first = bench.observe()["running"]
    good = bench.model
    bench.model = replace(without_bluebank(bench), inbound=replace(without_bluebank(bench).inbound, base_path="/v1"))
    token = bench.apply(seconds=SOON)["ticket"]
    assert bench.observe()["running"] != first
    assert until(lambda: bench.observe()["undone"] == [token])
    assert not bench.confirm(token)
    bench.model = good
    assert bench.observe()["running"] == first
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == 200
    assert bench.plan().findings == ()


def test_unconfirmed_map_change_is_rolled_back_by_the_host(bench: Bench) -> None:
    bench.install()
    good, bench.model = bench.model, without_bluebank(bench)
    token = bench.apply(seconds=SOON)["ticket"]
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).reason == "certificate-unknown"
    assert until(lambda: bench.observe()["undone"] == [token])
    bench.model = good
    assert bench.plan().findings == ()
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == 200


def test_unconfirmed_first_installation_serves_no_one(bench: Bench) -> None:
    token = bench.apply(seconds=SOON)["ticket"]
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200
    assert until(lambda: rollback.fired(str(Path(bench.place.folder, "rollback"))) == [token])
    assert until(lambda: not bench.driver.process(bench.place))
    assert releases.current(bench.place.folder) == ""
    bench.install()
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200


def test_next_change_waits_for_the_roll_back_of_an_unconfirmed_one(bench: Bench) -> None:
    bench.install()
    good, bench.model = bench.model, without_bluebank(bench)
    bench.apply(seconds=SOON)
    bench.model = good
    bench.install(replace(good, inbound=replace(bench.inbound, base_path="")))
    assert bench.plan().findings == ()
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == 200


def test_drift_in_the_running_process_is_found_and_ended(bench: Bench) -> None:
    bench.install()
    stats = bench.place.stats_socket
    gateway_socket.ask(stats, f"add map {bench.place.map_name('roles')} bluebank|transfers 1")
    gateway_socket.ask(stats, f"del map {bench.place.map_name('clients')} client-bluebank")
    assert reasons(bench) == {"map-entry-unwanted", "map-entry-missing", "running-config-stale"}
    assert bench.install()["reloads"] == 0
    assert bench.plan().findings == ()


def test_certificate_changed_in_the_running_process_only_is_found_and_ended(bench: Bench) -> None:
    bench.install()
    other = bench.hub_ca.identity("api.hub.test", server=True)
    name = f"{bench.place.release}/server.pem"
    gateway_socket.ask(bench.place.stats_socket, f"set ssl cert {name} <<\n{(other.certificate + other.key).decode()}\n")
    assert "Success" in gateway_socket.ask(bench.place.stats_socket, f"commit ssl cert {name}")
    assert reasons(bench) == {"running-config-stale"}
    assert bench.install()["reloads"] == 0
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(bench.inbound.identity.certificate)


def test_the_listeners_certificate_changes_without_a_reload_again_and_again(bench: Bench) -> None:
    bench.install()
    process = bench.driver.process(bench.place)
    for callers in (bench.inbound.callers[:1], bench.inbound.callers):
        renewed = bench.hub_ca.identity("api.hub.test", server=True)
        assert bench.install(bench.with_inbound(identity=renewed, callers=callers))["reloads"] == 0
        assert bench.plan().findings == ()
        assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(renewed.certificate)
        expected = 200 if len(callers) > 1 else 403
        assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == expected, "maps change with it"
    assert bench.driver.process(bench.place) == process


def test_the_listeners_trust_changes_with_a_reload(bench: Bench) -> None:
    bench.install()
    newcomer = bench.authority("Next hub CA")
    renewed, identity = bench.hub_ca.identity("api.hub.test", server=True), newcomer.identity("greenbank")
    with pytest.raises(OSError, match=r"unknown ca|closed|reset|EOF"):
        bench.connect("greenbank", identity=identity).ask()
    certificates = (*bench.inbound.callers[0].certificates, bench.digest(identity.certificate).hex())
    callers = (replace(bench.inbound.callers[0], certificates=certificates), bench.inbound.callers[1])
    model = bench.with_inbound(identity=renewed, trusted=bench.inbound.trusted + newcomer.pem, callers=callers)
    assert bench.install(model)["reloads"] == bench.driver.reloads
    assert bench.plan().findings == ()
    connection = bench.connect("greenbank", identity=identity)
    assert connection.client.sock.getpeercert(binary_form=True) == bench_der(renewed.certificate)
    assert connection.ask(headers=bench.headers()).reason == "token-binding", "the certificate is known, the token another's"
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200
    assert bench.install(bench.with_inbound(trusted=bench.hub_ca.pem))["reloads"] == bench.driver.reloads
    with pytest.raises(OSError, match=r"unknown ca|closed|reset|EOF"):
        bench.connect("greenbank", identity=identity).ask()


def test_what_is_longer_than_the_socket_takes_is_reloaded_instead(bench: Bench) -> None:
    """A command of HAProxy 2.6 holds at most one buffer of 16 KiB: the run falls back to one reload by itself."""
    bench.install()
    others = b"".join(bench.authority(f"CA {number}").pem for number in range(40))
    assert len(others) > 16384
    assert bench.install(bench.with_inbound(identity=replace(bench.inbound.identity, chain=bench.hub_ca.pem + others)))["reloads"] == 1
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200
    renewed = bench.hub_ca.identity("api.hub.test", server=True)
    assert bench.install(bench.with_inbound(identity=renewed))["reloads"] == 0, "what is short enough needs none again"


def test_what_the_running_process_refuses_is_reloaded_instead(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.install()
    asked = gateway_socket.ask
    refusing = lambda path, command: "Can't replace a certificate!" if command.startswith("commit ssl") else asked(path, command)  # noqa: E731
    monkeypatch.setattr(gateway_socket, "ask", refusing)
    renewed = bench.hub_ca.identity("api.hub.test", server=True)
    assert bench.install(bench.with_inbound(identity=renewed))["reloads"] == 1
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(renewed.certificate)


def test_unconfirmed_certificate_that_needed_no_reload_is_rolled_back_by_the_host(bench: Bench) -> None:
    bench.install()
    good, inbound = bench.model, bench.inbound
    renewed = bench.hub_ca.identity("api.hub.test", server=True)
    bench.model = bench.with_inbound(identity=renewed)
    done = bench.apply(seconds=SOON)
    assert done["reloads"] == 0
    assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(renewed.certificate)
    assert until(lambda: bench.observe()["undone"] == [done["ticket"]])
    bench.model = good
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(inbound.identity.certificate)


def test_drift_on_the_disk_is_found_and_ended(bench: Bench) -> None:
    bench.install()
    for name in ("server.pem", "maps/roles.map", *bench.driver.files):
        file = Path(bench.place.folder, "current", name)
        file.write_bytes(file.read_bytes() + (b"bluebank|x 1\n" if name.startswith("maps") else b"\n# touched\n"))
        assert bench.plan().findings, name
        bench.install()
        assert bench.plan().findings == (), name


def test_stray_staging_is_swept(bench: Bench) -> None:
    stray = Path(releases.stage(bench.place.folder))
    (stray / "release.tar").write_bytes(b"secret")
    assert stat.S_IMODE(stray.stat().st_mode) == 0o700
    bench.install()
    assert not list(Path(bench.place.folder).glob(".staging-*"))


def test_narrowed_run_leaves_the_others_as_they_are_in_force(bench: Bench) -> None:
    bench.install()
    green, blue = bench.inbound.callers
    changed = (replace(green, roles=("parties",)), replace(blue, roles=(), networks=(ip_network("127.0.0.0/8"),)))
    bench.model = bench.with_inbound(callers=changed)
    narrowed = bench.plan({"greenbank"})
    assert {finding.participant for finding in narrowed.findings} == {"greenbank"}
    done = bench.apply(narrowed)
    assert bench.confirm(done["ticket"])
    assert bench.plan({"greenbank"}).findings == ()
    assert {finding.participant for finding in bench.plan().findings} == {"bluebank"}
    assert bench.connect("bluebank").ask(headers=bench.headers("bluebank")).status == 200
    assert bench.connect("greenbank").ask(headers=bench.headers(), path="/quotes").reason == "role-missing"


def test_archive_with_a_foreign_name_is_refused(bench: Bench) -> None:
    bench.install()
    made = bench.plan()
    for name in ("../escape", "/etc/x", "a/b/c/d"):
        files = {**made.release.files, name: b"x"}
        bad = replace(made, sent=(name,), release=replace(made.release, files=files))
        with pytest.raises(HostError, match="no file of a release"):
            bench.apply(bad)
    with pytest.raises(HostError, match="unasked"):
        bench.apply(replace(made, sent=("extra",), release=replace(made.release, files={**made.release.files, "extra": b"x"})))


def last_line(bench: Bench) -> str:
    lines = Path(bench.place.folder, "gateway.log").read_text().splitlines()
    return ["", *(line for line in lines if " outbound " in line)][-1]


def ask_plain(bench: Bench, path: str, headers: dict[str, str]) -> tuple[int, str]:
    import http.client  # noqa: PLC0415

    client = http.client.HTTPConnection("127.0.0.1", bench.model.outbound.listener.port, timeout=10)
    try:
        client.request("GET", path, headers=headers)
        response = client.getresponse()
        response.read()
        return response.status, response.headers.get("x-refused-because", "")
    finally:
        client.close()


def test_outbound_chooses_by_header_and_verifies_each_counterpart_with_its_own_trust(bench: Bench, destination: Any, recorder: Any) -> None:  # noqa: ANN401
    green_ca, blue_ca = bench.authority("Green CA"), bench.authority("Blue CA")
    green: Recorder = recorder(green_ca.identity("fspiop.greenbank.test", server=True), bench.root, green_ca.pem)
    impostor: Recorder = recorder(blue_ca.identity("fspiop.greenbank.test", server=True), bench.root, green_ca.pem)
    client = green_ca.identity("switch")
    right = destination("greenbank", green, green_ca.pem, client, "/fspiop")
    bench.install(bench.with_destinations(right))
    name = "FSPIOP-Destination"
    assert ask_plain(bench, "/parties/1?x=1", {name: "greenbank"}) == (200, "")
    assert green.seen[-1][1] == "/fspiop/parties/1?x=1"
    assert green.header("host") == [f"fspiop.greenbank.test:{green.server_port}"]
    assert ask_plain(bench, "/parties/1", {name: "redbank"}) == (404, "destination-unknown")
    assert ask_plain(bench, "/parties/1", {}) == (404, "destination-unknown")
    assert ask_plain(bench, "/parties/../1", {name: "greenbank"}) == (404, "path-suspicious")
    wrong_ca = destination("greenbank", impostor, green_ca.pem, client)
    wrong_name = replace(right, host="fspiop.bluebank.test")
    for wrong in (wrong_ca, wrong_name):
        bench.install(bench.with_destinations(wrong))
        assert ask_plain(bench, "/parties/1", {name: "greenbank"})[0] == 503
        assert until(lambda: " 503 " in last_line(bench))
        assert bench.driver.verify_failed in last_line(bench)
    assert impostor.seen == []


def test_outbound_connection_that_is_kept_ends_with_an_answer_after_a_reload(bench: Bench) -> None:
    import http.client  # noqa: PLC0415

    bench.install()
    kept = http.client.HTTPConnection("127.0.0.1", bench.model.outbound.listener.port, timeout=10)
    bench.open.append(kept)
    for closes in (False, True):
        kept.request("GET", "/parties/1", headers={"FSPIOP-Destination": "redbank"})
        answer = kept.getresponse()
        assert (answer.status, answer.read() != b"", kept.sock is None) == (404, True, closes)
        bench.install(bench.with_inbound(trusted=bench.inbound.trusted + bench.authority("Next hub CA").pem))


def test_narrowed_run_keeps_the_other_destinations_files(bench: Bench, destination: Any, recorder: Any) -> None:  # noqa: ANN401
    authority = bench.authority("CA")
    server: Recorder = recorder(authority.identity("fspiop.greenbank.test", server=True), bench.root, authority.pem)
    made = [destination(name, server, authority.pem, authority.identity("switch")) for name in ("greenbank", "bluebank")]
    bench.install(bench.with_destinations(*made))
    renewed = tuple(replace(one, identity=authority.identity("switch")) for one in made)
    bench.model = bench.with_destinations(*renewed)
    narrowed = bench.plan({"greenbank"})
    assert narrowed.sent == ("destinations/greenbank/client.pem",)
    assert bench.confirm(bench.apply(narrowed)["ticket"])
    assert {(finding.participant, finding.reason) for finding in bench.plan().findings} == {("bluebank", "certificate-differs")}
    assert {finding.step for finding in bench.plan().findings} == {"tls-7"}
    gone = bench.with_destinations(renewed[0])
    found = plan(gone, driver_of(gone.gateway).render(gone), bench.observe()).findings
    assert {(finding.participant, finding.step) for finding in found} == {
        ("bluebank", step) for step in ("tls-3", "tls-7", "tls-8", "endpoints-2")
    }


def test_foreign_haproxy_on_the_socket_is_left_alone(bench: Bench) -> None:
    config = bench.root / "foreign.cfg"
    config.write_text(
        f"global\n    stats socket {bench.place.stats_socket} level admin\ndefaults\n    mode http\n    timeout client 1s\n"
        f"    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind 127.0.0.1:{bench.inbound.listeners[0].port}\n"
    )
    os.posix_spawnp("haproxy", ["haproxy", "-W", "-S", bench.place.master_socket, "-f", str(config)], os.environ, setsid=True)
    assert until(lambda: gateway_socket.answers(bench.place.master_socket))
    with pytest.raises(GatewayError, match="not ours"):
        bench.apply()
    assert releases.current(bench.place.folder) == ""


def as_unit(bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str) -> Bench:
    """The bench with a stand-in for systemd on the path."""
    folder = Path(bench.place.folder).parent / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return replace(bench, place=replace(bench.place, service="gateway.service"))


def test_first_run_starts_the_unit_and_the_next_finds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    place = bench.place
    start = f'test "$*" = "start gateway.service" && {bench.driver.started(place)}'
    unit = as_unit(bench, monkeypatch, start)
    unit.install()
    assert unit.plan().findings == ()
    assert unit.connect("greenbank").ask(headers=unit.headers()).status == 200


def test_a_unit_that_does_not_start_is_said_so_and_leaves_nothing_in_force(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = as_unit(bench, monkeypatch, "echo Unit gateway.service not found. >&2; exit 5")
    with pytest.raises(GatewayError, match=r"systemd did not start gateway\.service: Unit gateway\.service not found"):
        unit.install()
    assert releases.current(unit.place.folder) == ""
