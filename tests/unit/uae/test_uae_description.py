# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a description of this scheme must say, each fault beside the description that is right."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site
from unit.uae.conftest import BANK

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition

Change = Callable[[Site], Any]


def fault(site: Site, change: Change) -> str:
    """What the loader says once a change was made; nothing before it."""
    load_description(site.root / "description", strict=True)
    site.hub, site.participants = copy.deepcopy(site.hub), copy.deepcopy(site.participants)
    change(site)
    with pytest.raises(DescriptionError) as raised:
        load_description(site.describe().root / "description", strict=True)
    return str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda site: site.hub.pop("directory"), "directory: found no such key; allowed: it is required in profile uae-api-hub"),
        (lambda site: site.hub["directory"].update(environment="production"), "allowed: sandbox in kind lab"),
        (lambda site: site.hub["hub"].pop("registration"), "hub.registration.organisation_id: found no such key"),
        (lambda site: site.hub["hub"].update(ca={"kind": "internal"}), "hub.ca.kind: found 'internal'; allowed: none in profile"),
        (lambda site: site.hub["hub"].update(keys={"tls": "ec-p256"}), "hub.keys.tls: found 'ec-p256'; allowed: rsa-2048"),
        (lambda site: site.participants["oasis"].pop("country"), "country: found no such key"),
        (lambda site: site.participants["oasis"]["registration"].pop("client_id"), "registration.client_id: found no such key"),
        (lambda site: site.participants["oasis"].update(manifest="none"), "manifest: found 'none'"),
        (lambda site: site.participants["oasis"].update(roles=["quotes"]), "roles[0]: found 'quotes'; allowed: consents"),
        (
            lambda site: site.participants.update(second={**BANK, "id": "second", "endpoint": None, "gateways": []}),
            "a participant beside 'oasis'; allowed: one participant in an environment",
        ),
    ],
)
def test_a_fault_is_named_with_what_is_allowed(oasis: Site, change: Change, words: str) -> None:
    assert words in fault(oasis, change)


def test_a_mojaloop_description_has_no_directory(oasis: Site) -> None:
    said = fault(oasis, lambda site: site.hub.update(profile="mojaloop"))
    assert "directory: found a key of profiles whose directory signs" in said
    assert "hub.registration: found a key of profiles whose directory signs" in said


@pytest.mark.parametrize(("kind", "environment", "host"), [("pre-production", "sandbox", ".sandbox."), ("production", "production", ".")])
def test_each_environment_has_its_own_directory(oasis: Site, directory: StandInDirectory, kind: str, environment: str, host: str) -> None:
    oasis.hub = {
        **oasis.hub,
        "kind": kind,
        "directory": {"environment": environment},
        "hub": {**oasis.hub["hub"], "private_addresses": "accepted"},
        **({"gate": {"kind": "none", "reason": "a test of the directory"}} if kind == "production" else {}),
    }
    addresses = {"endpoint": {**BANK["endpoint"], "addresses": ["45.60.1.20"]}, "egress_addresses": ["45.60.1.21/32"]}
    oasis.participants = {"oasis": {**BANK, **addresses}}
    hub = oasis.hub["hub"]
    oasis.hub["hub"] = {**hub, "endpoint": {**hub["endpoint"], "addresses": ["45.60.1.10"]}, "egress_addresses": ["45.60.1.11/32"]}
    (oasis.describe().root / "description/hosts.yml").write_text(
        "plugin: mojaloop.onboarding.hub\ninstallation: [hub, oasis]\nhosts: {oasis-gateway: {ansible_host: 45.60.1.20}}\n"
    )
    assert oasis.run(check=True)
    found = oasis.run()
    assert [finding for finding in found if finding.disposition is Disposition.FAULT] == []
    papers = [json.loads(file.read_text()) for file in oasis.path("directory").glob("*/outbox/*/request.json")]
    assert len(papers) == 7
    assert {each["website"] for each in papers} == {f"https://web{host}directory.openfinance.ae"}
    assert all(each["key_set"].startswith(f"https://keystore{host}directory.openfinance.ae/") for each in papers)
    # No CA is believed there until a person has written its digest.
    directory.carry(oasis.state)
    assert ("oasis", "directory-ca", "awaiting-approval") in {(each.side, each.artefact, each.reason) for each in oasis.run()}
    assert not oasis.path("store/oasis/directory/chain.pem").exists()
    oasis.hub["directory"] = {"environment": environment, "authorities": directory.digests}
    (oasis.root / "description/hub.yml").write_text(yaml.safe_dump(oasis.hub))
    found = oasis.run()
    assert [finding for finding in found if finding.disposition is not Disposition.CHANGE] == []
    assert oasis.path("store/oasis/client/hub/certificate.pem").exists()
    assert oasis.run() == []
