# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the gateways of the hub and the LFI are reported: whom to know by which parts of a subject, and which header to demand."""

from __future__ import annotations

from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site
from unit.uae.conftest import LFI, OZONE

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree


def model(site: Site, side: str) -> GatewayModel:
    description = load_description(site.root / "description", state=str(site.state))
    return gateway_model(description, side, description.side(side).gateways[0], DiskTree(site.state))


def connected(site: Site, directory: StandInDirectory) -> Site:
    site.hub = {**site.hub, "hub": {**site.hub["hub"], "gateways": [_gateway()]}}
    site.describe().run()
    directory.carry(site.state)
    site.run()
    return site


def _gateway() -> dict[str, object]:
    place = {"address": "127.0.0.1"}
    listeners = {"inbound": [{"address": "203.0.113.10", "port": 443}], "inbound_backend": {**place, "port": 1}}
    return {"host": "hub-gateway", "kind": "haproxy", **listeners, "outbound": {**place, "port": 2}}


def test_callers_are_known_by_their_organisation_and_not_by_a_certificate(oasis: Site, directory: StandInDirectory) -> None:
    connected(oasis, directory)
    for side, subjects in (("oasis", {OZONE.id: "hub"}), ("hub", {f"{LFI.id}|{LFI.clients[0]}": "oasis"})):
        release = render(model(oasis, side))
        assert release.maps["subjects"] == subjects
        assert "fingerprints" not in release.maps
        trusted = release.files["callers-ca.pem"]
        assert trusted.count(b"BEGIN CERTIFICATE") == 2


def test_the_lfis_listener_demands_the_provider_but_at_health_checks(oasis: Site, directory: StandInDirectory) -> None:
    lines = render(model(connected(oasis, directory), "oasis")).files["parts/10-listeners.cfg"].decode()
    assert "set-var(txn.health) bool(true) if { method GET } { path -m str /hello-mtls /echo-cert }" in lines
    assert "if { req.fhdr_cnt(o3-provider-id) eq 0 } !{ var(txn.health) -m bool }" in lines
    assert "ssl_c_s_dn(OU,2) -m found" in lines


def test_a_suspended_lfi_is_neither_let_in_nor_called(oasis: Site, directory: StandInDirectory) -> None:
    connected(oasis, directory)
    assert render(model(oasis, "hub")).maps["destinations"]
    oasis.participants = {"oasis": {**oasis.participants["oasis"], "state": "suspended"}}
    oasis.describe()
    made = render(model(oasis, "hub"))
    assert (made.maps["subjects"], made.maps["destinations"]) == ({}, {})
