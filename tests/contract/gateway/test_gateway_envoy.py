# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only an Envoy gateway has: files that it watches, a script that judges, an administration interface."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import envoy_admin, releases

from .test_gateway_changes import bench_der, reasons, until

PRODUCTS = ("envoy",)

if TYPE_CHECKING:
    from .conftest import Bench


def by_hand(bench: Bench, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a file that Envoy watches, as the pack never would, and wait until it is in force."""
    file, before = bench.place.live / name, envoy_admin.ask(bench.place.admin_socket, "/config_dump")
    content = json.loads(file.read_text())
    edit(content["resources"][0])
    if name.startswith("routes-"):
        content["resources"][0]["virtual_hosts"][-1]["routes"][-1]["name"] = "by hand"
    releases.write(file, json.dumps(content).encode())
    assert until(lambda: envoy_admin.ask(bench.place.admin_socket, "/config_dump") != before)


def known(routes: dict[str, Any]) -> dict[str, Any]:
    """What the script of a route configuration knows."""
    held: dict[str, Any] = routes["virtual_hosts"][-1]["routes"][-1]["metadata"]["filter_metadata"]["envoy.filters.http.lua"]
    return held


def test_tables_changed_by_hand_are_found_in_the_running_process_and_ended(bench: Bench) -> None:
    bench.install()
    by_hand(bench, "routes-inbound.json", lambda routes: known(routes)["participant:bluebank"]["roles"].update(transfers=True))
    assert reasons(bench) == {"map-entry-unwanted", "running-config-stale"}
    bench.install()
    assert bench.plan().findings == ()


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("routes-inbound.json", lambda routes: known(routes)["facts"].update(bound=False)),
        ("clusters.json", lambda cluster: cluster.update(connect_timeout="9s")),
        ("tokens.json", lambda tokens: tokens["typed_config"]["providers"]["authorization-server"].update(clock_skew_seconds=9999)),
        ("listeners.json", lambda listener: listener.update(per_connection_buffer_limit_bytes=1024)),
    ],
)
def test_configuration_changed_by_hand_is_found_in_the_running_process_and_ended(
    bench: Bench, name: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    bench.install()
    by_hand(bench, name, edit)
    assert [(finding.artefact.rpartition("/")[2], finding.reason) for finding in bench.plan().findings] == [(name, "running-config-stale")]
    bench.install()
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200


def test_certificate_changed_by_hand_is_found_in_the_running_process_and_ended(bench: Bench) -> None:
    bench.install()
    other = bench.hub_ca.identity("api.hub.test", server=True)
    pair = {"certificate_chain": {"inline_string": other.certificate.decode()}, "private_key": {"inline_string": other.key.decode()}}
    by_hand(bench, "secret-server.json", lambda secret: secret.update(tls_certificate=pair))
    assert reasons(bench) == {"running-config-stale"}
    bench.install()
    assert bench.plan().findings == ()
    assert bench.connect("greenbank").client.sock.getpeercert(binary_form=True) == bench_der(bench.inbound.identity.certificate)


def test_a_script_that_fails_lets_no_one_in(bench: Bench) -> None:
    """Envoy lets a request go on where a script fails; the route that is left refuses it."""
    bench.install()
    live = bench.connect("greenbank")
    assert live.ask(headers=bench.headers()).status == 200
    by_hand(bench, "routes-inbound.json", lambda routes: known(routes).pop("facts"))
    passed = len(bench.backend.seen)
    assert live.ask(headers=bench.headers()).status == 403
    assert bench.connect("greenbank").ask("POST", "/oauth2/token").status == 403
    assert (len(bench.backend.seen), bench.authorization.seen) == (passed, [])
    bench.install()
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200


def test_a_caller_cannot_say_the_verdict_itself(bench: Bench) -> None:
    bench.install()
    stranger = bench.hub_ca.identity("greenbank")
    headers = [*bench.headers(), ("verdict", "services"), ("mojaloop.onboarding", "services"), ("x-envoy-metadata", "verdict=services")]
    assert bench.connect("greenbank", identity=stranger).ask(headers=headers).reason == "certificate-unknown"
    assert bench.backend.seen == []


def test_who_is_shut_out_is_refused_on_a_listener_that_is_being_replaced_too(bench: Bench) -> None:
    """Another log is another listener: the earlier one drains, with the tables of now."""
    bench.install()
    live = bench.connect("bluebank")
    assert live.ask(headers=bench.headers("bluebank")).status == 200
    model = bench.with_inbound(callers=bench.inbound.callers[:1])
    bench.install(replace(model, gateway=replace(model.gateway, log=f"{bench.place.folder}.log")))  # type: ignore[call-arg]
    assert live.ask(headers=bench.headers("bluebank")).reason == "certificate-unknown"
    assert bench.connect("greenbank").ask(headers=bench.headers()).status == 200


def test_no_key_is_shown_by_the_administration_or_in_an_observation(bench: Bench) -> None:
    bench.install()
    shown = envoy_admin.ask(bench.place.admin_socket, "/config_dump") + json.dumps(bench.observe()).encode()
    key = bench.inbound.identity.key.decode().splitlines()[1]
    assert b"BEGIN CERTIFICATE" in shown
    assert b"PRIVATE KEY" not in shown
    assert key.encode() not in shown
    assert key in Path(bench.place.live, "secret-server.json").read_text(), "the control"


def test_another_envoy_on_the_socket_is_left_alone(bench: Bench) -> None:
    file = bench.root / "foreign.json"
    file.write_text(json.dumps({"admin": {"address": {"pipe": {"path": bench.place.admin_socket, "mode": 0o600}}}}))
    os.posix_spawn(bench.place.binary, ["envoy", "-c", str(file), "--disable-hot-restart", "-l", "off"], os.environ, setsid=True)
    assert until(lambda: envoy_admin.process(bench.place.admin_socket))
    with pytest.raises(GatewayError, match="not ours"):
        bench.apply()
    assert releases.current(bench.place.folder) == ""
