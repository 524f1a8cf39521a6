# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the gateways of the hub and the LFI are reported: whom to know by which parts of a subject, and which header to demand."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site
from unit.uae.conftest import LFI, OZONE

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
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


def test_one_path_is_answered_without_a_certificate_at_a_listener_of_its_own(oasis: Site, directory: StandInDirectory) -> None:
    bank = oasis.participants["oasis"]
    gateway = {**bank["gateways"][0], "hello": {"address": "203.0.113.20", "port": 8443}}
    oasis.participants = {"oasis": {**bank, "gateways": [gateway]}}
    lines = render(model(connected(oasis, directory), "oasis")).files["parts/10-listeners.cfg"].decode()
    _before, _hello, section = lines.partition("frontend hello\n")
    hello = section.partition("\nfrontend ")[0]
    assert 'bind 203.0.113.20:8443 ssl crt "${ONBOARDING_CURRENT}/server.pem" alpn http/1.1' in hello
    assert "unless { method GET } { path -m str /hello }" in hello
    assert "http-request del-header client-cert -m beg" in hello
    assert "verify" not in hello
    # Control: every other listener asks for a certificate, and without the key in the description there is none of this kind.
    assert lines.count("verify required") == lines.count(" ssl ") - 1
    oasis.participants = {"oasis": bank}
    assert "frontend hello" not in render(model(oasis.describe(), "oasis")).files["parts/10-listeners.cfg"].decode()


def test_the_firewall_guards_that_listener_too(oasis: Site) -> None:
    bank = oasis.participants["oasis"]
    gateway = {**bank["gateways"][0], "hello": {"address": "203.0.113.20", "port": 8443}}
    oasis.participants = {"oasis": {**bank, "gateways": [gateway]}}
    description = load_description(oasis.describe().root / "description", state=str(oasis.state))
    assert firewall_model(description, "oasis", "oasis-gateway").guarded_inbound == (443, 8443)


def test_another_host_of_the_hub_is_called_by_its_own_name_and_no_other_is(oasis: Site, directory: StandInDirectory) -> None:
    files = render(model(connected(oasis, directory), "oasis")).files
    backend = files["destinations/hub/backend.cfg"].decode()
    assert "set-var(txn.name) str(cm.oasis.preprod.apihub.example)\n" in backend
    (line,) = [line for line in backend.splitlines() if " if { req.hdr(host)" in line]
    assert line.endswith(
        "str(hh.oasis.preprod.apihub.example) if { req.hdr(host),field(1,:),lower -m str hh.oasis.preprod.apihub.example }"
    )
    assert "ssl verify required" in backend
    assert "sni var(txn.name)" in backend
    # The hub has one name for the LFI, and holds its certificate against that.
    back = render(model(oasis, "hub")).files["destinations/oasis/backend.cfg"].decode()
    assert "verifyhost connect.oasis.example sni str(connect.oasis.example)" in back


def test_the_hubs_server_may_have_a_ca_of_its_own_at_the_lfis_site(oasis: Site, directory: StandInDirectory) -> None:
    other = StandInDirectory.make()
    file = oasis.root / "commercial.pem"
    file.write_bytes(other.root.public_bytes(Encoding.PEM))
    right = {**oasis.hub, "approval": "automatic"}
    oasis.hub = {**right, "directory": {**right["directory"], "hub_server_ca_file": str(file)}}
    hosts = oasis.describe().root / "description/hosts.yml"
    hosts.write_text("plugin: mojaloop.onboarding.hub\ninstallation: [oasis]\nhosts: {oasis-gateway: {ansible_host: 203.0.113.20}}\n")
    oasis.run()
    directory.carry(oasis.state)
    oasis.run()
    assert not [path for path in oasis.path("directory/oasis/inbox").iterdir() if path.name.startswith("S3")]
    files = render(model(oasis, "oasis")).files
    assert files["destinations/hub/ca.pem"].strip() == file.read_bytes().strip()
    # Who calls the LFI is known by the directory's CA as before; and by default the hub's server is too.
    assert files["callers-ca.pem"].count(b"BEGIN CERTIFICATE") == 2
    oasis.hub = right
    hosts_text = hosts.read_text()
    oasis.describe().root.joinpath("description/hosts.yml").write_text(hosts_text)
    assert render(model(oasis, "oasis")).files["destinations/hub/ca.pem"] == files["callers-ca.pem"]
    # Where the installation keeps the hub's S3 itself, there is nothing to describe.
    oasis.hub = {**right, "directory": {**right["directory"], "hub_server_ca_file": str(file)}}
    with pytest.raises(DescriptionError, match="hub_server_ca_file"):
        load_description(oasis.describe().root / "description", state=str(oasis.state))
