# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Participants onboarded by the playbooks at a hub on Kubernetes: let in, left alone by the next run, suspended. In this order."""

from __future__ import annotations

import ssl
import time
from contextlib import closing

import pytest
from support.authorities import Authority
from support.istio_hub import until
from support.istio_site import IstioSite, ask, call_back, object_versions, start_callbacks
from support.workload_identities import identity, serving

pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.slow]
OPEN = 200


def changing(asked: list[str]) -> list[str]:
    """The requests that could have changed something."""
    return [request for request in asked if not request.startswith("GET ") and "dryRun=All" not in request]


def test_1_the_plan_writes_nothing(site: IstioSite) -> None:
    before = len(site.istio.cluster.asked())
    played = site.play("onboard.yml", "--check", "--diff")
    assert played.status == 0, played.output
    assert changing(site.istio.cluster.asked()[before:]) == []


def test_2_a_run_lets_the_participants_in(site: IstioSite) -> None:
    played = site.play()
    assert played.status == 0, played.output
    for name in ("greenbank", "bluebank"):
        until(lambda name=name: site.status(name) == OPEN)  # type: ignore[misc]
    assert site.status("greenbank", site.headers("bluebank")) == 403


def test_3_a_second_run_changes_nothing_at_the_wire(site: IstioSite) -> None:
    before, versions = len(site.istio.cluster.asked()), object_versions(site.istio)
    played = site.play()
    assert (played.status, played.changed) == (0, []), played.output
    asked = site.istio.cluster.asked()[before:]
    assert any(request.startswith("GET ") for request in asked)
    assert changing(asked) == []
    assert object_versions(site.istio) == versions


def test_4_a_callback_of_the_hubs_services_arrives_and_no_other(site: IstioSite) -> None:
    cluster, host = site.istio.cluster, "fspiop.greenbank.lab"
    with serving(identity(cluster, "istio-egress", "egress-gateway")) as identities:
        port = start_callbacks(site, identities, "greenbank")
        service = identity(cluster, "mojaloop", "default").context(site.folder)
        seen = len(site.backend.seen)
        until(lambda: call_back(port, service, host) == OPEN)
        assert site.backend.seen[seen:] != []
        # Another namespace's services do not reach the egress gateway, another host leads nowhere.
        assert call_back(port, identity(cluster, "elsewhere", "default").context(site.folder), host) == 403
        assert call_back(port, service, "fspiop.redbank.lab") in {0, 404}
        assert call_back(port, service, host) == OPEN
        impostors(site, port, service)


def impostors(site: IstioSite, port: int, service: ssl.SSLContext) -> None:
    """A server in bluebank's place is called only with a certificate of bluebank's CA for bluebank's name, and gets the hub's own."""
    host = "fspiop.bluebank.lab"
    other = Authority("bluebank CA").identity(host, server=True)
    wrong = {"another CA": other.certificate + other.key, "another name": site.stored("hub/client/bluebank")}
    for fault, shown in wrong.items():
        with site.counterpart("bluebank", shown) as server:
            assert (call_back(port, service, host), server.seen) == (503, []), fault
    with site.counterpart("bluebank", site.stored("bluebank/server")) as server:
        until(lambda: call_back(port, service, host) == OPEN)
        assert server.seen != []


def test_5_the_verification_proves_both_listeners(site: IstioSite) -> None:
    played = site.play("verify.yml", "-e", "participants=greenbank", "-e", "suites=security")
    assert played.status == 0, played.output
    (result,) = played.of("verification")
    assert result["counts"].keys() <= {"passed", "not-provable-from-here"}, played.output
    assert result["counts"]["passed"] > 50


def test_6_who_is_suspended_is_refused_on_a_live_connection(site: IstioSite) -> None:
    headers, other = site.headers("bluebank"), site.headers("greenbank")
    site.stacks["hub"].run("stack", "export", "--file", str(site.folder / "older.json"))
    site.describe(bluebank="suspended")
    with closing(site.connect("bluebank")) as live, closing(site.connect("greenbank")) as kept:
        assert (ask(live, headers), ask(kept, other)) == (OPEN, OPEN)
        played = site.play()
        assert played.status == 0, played.output
        begun = time.monotonic()
        until(lambda: site.status("bluebank", headers) == 403)
        print(f"\nsuspended: refused {time.monotonic() - begun:.2f} s after the run")  # noqa: T201 -- a figure for people
    assert (site.status("bluebank", headers), site.status("greenbank", other)) == (403, OPEN)


def test_7_pulumi_opens_nothing_again(site: IstioSite) -> None:
    """Neither does a refresh, nor the state of before the suspension."""
    headers, versions = site.headers("bluebank"), object_versions(site.istio)
    hub = site.stacks["hub"]
    hub.run("up", "--yes", "--skip-preview", "--refresh")
    assert object_versions(site.istio) == versions
    hub.run("stack", "import", "--file", str(site.folder / "older.json"))
    hub.run("up", "--yes", "--skip-preview")
    assert object_versions(site.istio) == versions
    assert (site.status("bluebank", headers), site.status("greenbank")) == (403, OPEN)
    assert site.play().changed == []


def test_8_who_is_offboarded_leaves_no_object_behind(site: IstioSite) -> None:
    headers = site.headers("greenbank")
    site.describe(bluebank="suspended", greenbank="offboarded")
    played = site.play()
    assert played.status == 0, played.output
    until(lambda: site.status("greenbank", headers) == 403)
    left = [name for name in object_versions(site.istio) if "greenbank" in name and not name.startswith("EnvoyFilter ")]
    assert [name for name in left if "connector" not in name] == []
