# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two additions without a change of the core: a profile with other certificates, and a step of one's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from unit.additions.profile import SEALS
from unit.steps.conftest import NOW, RENEWAL, Site, changes, faults, marks, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import Signer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.summary import Summary, summarise
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.text import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import TABLE, Step

PROFILES = {SEALS.name: SEALS}


@pytest.fixture
def seals(tmp_path: Path) -> Site:
    made = site(tmp_path, "bluebank", "greenbank", profile=SEALS.name)
    for values in (made.hub["hub"], *made.participants.values()):
        del values["keys"]
    return made.describe()


def carried_out(made: Site, *, check: bool = False, sides: tuple[str, ...] = ("all",), renewal: bool = False) -> list[Finding]:
    request = Request(
        str(made.root / "description"), str(made.state), sides, check=check, now=RENEWAL if renewal else NOW, profiles=PROFILES
    )
    return list(run(request).findings)


def summary_of(made: Site, found: list[Finding], *, check: bool = False) -> Summary:
    return summarise(load_description(made.root / "description", profiles=PROFILES), found, {}, check=check)


def test_a_profile_with_one_more_certificate_and_without_jws_works(seals: Site) -> None:
    planned = carried_out(seals, check=True)
    assert not seals.state.exists()
    done = carried_out(seals)
    assert sorted(planned) == sorted(done)
    assert (faults(done), pending(done)) == ([], [])
    assert ("greenbank", "seal", "missing") in changes(done)
    before = marks(seals.state)
    assert carried_out(seals) == carried_out(seals, check=True) == []
    assert marks(seals.state) == before
    for side in ("hub", "greenbank"):
        seal, authority = (x509.load_pem_x509_certificate(seals.read(f"store/{side}/{name}/certificate.pem")) for name in ("seal", "ca"))
        seal.verify_directly_issued_by(authority)
        assert not seals.path(f"store/{side}/jws").exists()
        assert not seals.path(f"store/{side}/jws-keys").exists()
    # The counterpart has it, as it has all that is published.
    assert seals.read("store/hub/received/greenbank/seal.pem") == seals.read("store/greenbank/seal/certificate.pem")
    assert not seals.path("exchange/jws").exists()
    assert ("greenbank", "seal", "certificate-expires-soon") in changes(carried_out(seals, renewal=True))
    rows = summary_of(seals, done).as_dict()["participants"]
    assert rows["greenbank"]["steps"]["jws-1"] == "not-applicable"  # type: ignore[index]
    assert rows["greenbank"]["steps"]["seal-1"] == "changed"  # type: ignore[index]


def test_one_side_alone_awaits_what_the_profile_has_and_nothing_else(seals: Site) -> None:
    awaited = {artefact for _side, artefact, _reason, _who in pending(carried_out(seals, sides=("hub",)))}
    assert "client.csr" in awaited
    assert not {name for name in awaited if name.startswith("jws")}


def test_a_profile_that_no_one_gave_is_named_with_those_there_are(seals: Site) -> None:
    with pytest.raises(DescriptionError, match=r"hub\.yml:\d+: profile: found 'seals'; allowed: mojaloop \| mojaloop-scheme-ca"):
        load_description(seals.root / "description")


def test_an_issuer_that_is_no_side_has_its_place(seals: Site) -> None:
    rules = tuple(replace(rule, signer=Signer.DIRECTORY) if rule.name == "seal" else rule for rule in SEALS.certificates)
    profiles = {"seals": replace(SEALS, directory="trust-list", certificates=rules)}
    request = Request(str(seals.root / "description"), str(seals.state), now=NOW, profiles=profiles)
    found = list(run(request).findings)
    assert faults(found) == []
    awaited = {("seal", "awaiting-signature"), ("directory-ca", "awaiting-authority")}
    assert set(pending(found)) == {(side, *what, "trust-list") for side in ("hub", "bluebank", "greenbank") for what in awaited}
    (outbox,) = seals.path("directory/greenbank/outbox").iterdir()
    assert outbox.joinpath("request.csr").read_bytes() == seals.read("store/greenbank/seal/request.pem")
    assert changes(list(run(request).findings)) == []


def keep_a_note(run: Run) -> None:
    """What every participant must have by this step: a note in the journal."""
    for participant in run.chosen:
        path = f"journal/notes/{participant.name}.json"
        if run.tree.read(path) is None:
            run.note(Finding(participant.name, "notes-1", "hub", "note", "missing", detail=f"{path} is not there"))
            run.tree.write(path, b"{}")


MY_STEP = Step("notes", "notes", keep_a_note)


def test_a_step_of_ones_own_is_planned_carried_out_and_shown(tmp_path: Path) -> None:
    made = site(tmp_path, "bluebank", "greenbank")
    steps = (*TABLE, MY_STEP)
    planned = made.run(check=True, steps=steps)
    assert not made.state.exists()
    done = made.run(steps=steps)
    assert sorted(planned) == sorted(done)
    assert ("hub", "note", "missing") in changes(done)
    assert made.read("journal/notes/greenbank.json") == b"{}"
    assert made.run(steps=steps) == []
    # Control: without its row nothing of it happens.
    assert ("hub", "note", "missing") not in changes(site(tmp_path / "control", "bluebank").run())
    for found, check, word in ((planned, True, "would do"), (done, False, "done now")):
        summary = summarise(load_description(made.root / "description"), found, {}, check=check)
        (line,) = [line for line in render(summary).split("\n") if line.startswith("notes-1")]
        assert line.count(word) == 2
        said = json.loads(json.dumps(summary.as_dict()))
        assert {name: row["steps"]["notes-1"] for name, row in said["participants"].items()} == {
            "hub": "not-applicable", "bluebank": "changed", "greenbank": "changed",
        }  # fmt: skip
