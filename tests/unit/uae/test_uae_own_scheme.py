# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A third scheme with a directory of its own, in YAML alone: other places, types, titles, pins, lifetimes, and one more certificate."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site, faults, pending

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.summary import summarise
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.text import render

SCHEME = """
format: 1
name: trust-list
version: "3"
extends: uae-api-hub
directory:
  name: the Trust List
  environments:
    trial:
      website: https://list.example/trial
      authorities: [https://list.example/trial/ca.pem]
      keystore: https://keys.list.example/trial
      kinds: [lab, pre-production]
certificates:
  - name: client
    holder: hub
    pins: [OU, CN]
    submission: {location: Members, type: LIST CLIENT TRANSPORT, jwks: "{organisation}/members.jwks"}
  - {name: server, lifetime_days: 200, renew_before_days: 40}
  - name: consent-signature
    like: response-signature
    holder: participant
    code: Sig9
    purpose: consents
    submission: {location: Members, type: LIST SIGNING, jwks: "{organisation}/consents.jwks"}
steps: {tls-4: requests handed to the Trust List}
"""


@pytest.fixture
def scheme(oasis: Site) -> Site:
    oasis.hub = {**oasis.hub, "profile": "profiles/trust-list.yml", "directory": {**oasis.hub["directory"], "environment": "trial"}}
    registration = {**oasis.hub["hub"]["registration"], "client_id": "44444444-dddd-4ddd-8ddd-000000000004"}
    oasis.hub["hub"] = {**oasis.hub["hub"], "registration": registration}
    oasis.describe()
    folder = oasis.root / "description/profiles"
    folder.mkdir()
    folder.joinpath("trust-list.yml").write_text(SCHEME, encoding="utf-8")
    return oasis


def test_it_works_from_request_to_certificate(scheme: Site, directory: StandInDirectory) -> None:
    scheme.run()
    papers = {}
    for side in ("hub", "oasis"):
        for file in scheme.path(f"directory/{side}/outbox").glob("*/request.json"):
            facts = json.loads(file.read_text())
            papers[facts["certificate"]] = facts
    assert set(papers) == {"C3", "C4", "S1", "S3", "S4", "Sig2", "Sig9", "Enc1"}
    assert papers["C4"]["location"] == "Members"
    assert papers["C4"]["website"] == "https://list.example/trial"
    assert papers["Sig9"]["holder"] == "oasis"
    assert papers["Sig9"]["key_set"].startswith("https://keys.list.example/trial/")
    directory.carry(scheme.state)
    found = scheme.run()
    assert (faults(found), pending(found)) == ([], [])
    assert scheme.run() == []
    certificate = x509.load_pem_x509_certificate(scheme.read("store/oasis/consent-signature/certificate.pem"))
    certificate.verify_directly_issued_by(directory.issuer)


def test_the_summary_has_its_words(scheme: Site) -> None:
    found = scheme.run()
    description = load_description(scheme.root / "description", state=str(scheme.state))
    text = render(summarise(description, found, {}))
    assert "requests handed to the Trust List" in text
    assert "waits for the Trust List (put https://list.example/trial/ca.pem into directory/oasis/inbox)" in text
