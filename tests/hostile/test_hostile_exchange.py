# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole run on what a participant has published: one clear fault, nothing kept of it, nothing executed, the others go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile.attempts import FAMILIES, Attempt
from hostile.fuzzing import LONGEST_REPORTED
from support.counting import record_count
from support.depth import sample
from unit.steps.conftest import Site, changes, faults
from unit.steps.test_steps_hostile import good, publish

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

CANARY = "store/bluebank/jws/public.pem"
"""Missing beside every attempt: that it is made again shows that the others go on."""
ALL = [(family, attempt) for family, made in FAMILIES.items() for attempt in made()]
EVERY = {"requests": 4, "private keys": 4, "endpoints": 5, "folders": 2}


def chosen() -> list[Attempt]:
    """All families in a short run, not all of their members."""
    found: list[Attempt] = []
    for family in FAMILIES:
        found += sample([attempt for name, attempt in ALL if name == family], EVERY.get(family, 1))
    return found


def everything_kept(site: Site) -> bytes:
    return b"".join(path.read_bytes() for part in ("store", "journal") for path in sorted(site.path(part).rglob("*")) if path.is_file())


def judge(site: Site, attempt: Attempt) -> list[Finding]:
    attempt.put(site)
    site.path(CANARY).unlink()
    found = site.run(sides=["hub", "bluebank", "greenbank"])
    reported = {(f.side, f.artefact, f.reason) for f in found}
    assert ("hub", attempt.artefact, attempt.reason) in reported, f"{attempt.title}: {sorted(reported)}"
    assert ("bluebank", "jws", "public-key-missing") in reported, "the others did not go on"
    wrong = [f for f in found if f.disposition.value == "fault"]
    assert all((f.side, f.participant) == ("hub", "redbank") for f in wrong), wrong
    assert len(wrong) <= 2, wrong
    for finding in found:
        assert finding.detail.isprintable(), repr(finding)
        assert len(finding.detail) < LONGEST_REPORTED
    for finding in wrong:
        assert finding.detail, "neither where nor what"
    record_count("hostile publications", 1)
    return found


@pytest.mark.parametrize(
    "attempt", [pytest.param(one, id=one.title.replace("/", "|")[:80].encode("ascii", "replace").decode()) for one in chosen()]
)
def test_a_hostile_publication_is_one_clear_fault(hub: Site, attempt: Attempt) -> None:
    found = judge(hub, attempt)
    if attempt.secret:
        kept = everything_kept(hub)
        assert attempt.secret not in kept
        assert not any(attempt.secret.decode("latin-1") in str(finding) for finding in found)
    assert not hub.path("store/hub/issued/redbank").exists() or attempt.artefact != "client"
    if attempt.artefact == "publication":
        assert not hub.path("store/hub/received/redbank").exists()
    elif attempt.reason != "awaiting-approval" and attempt.artefact != "client":
        assert not hub.path(f"store/hub/received/redbank/{attempt.artefact}").exists()
    assert DiskTree(hub.state).unfinished() == []


def test_the_control_is_accepted(hub: Site) -> None:
    publish(hub, good())
    assert faults(hub.run()) == []
    assert hub.path("store/hub/issued/redbank/client.pem").exists()
    assert sorted(path.name for path in hub.path("store/hub/received/redbank").iterdir()) == sorted(good())


def test_how_many_there_are() -> None:
    record_count("hostile publications known", len(ALL))
    assert len({attempt.title for _family, attempt in ALL}) > 300


def test_after_all_of_them_the_good_one_is_taken(hub: Site) -> None:
    for attempt in sample(chosen(), 25):
        attempt.put(hub)
        hub.run()
        clear(hub.path("exchange/redbank"))
    publish(hub, good())
    assert faults(hub.run()) == []
    assert changes(hub.run()) == []
    assert hub.path("store/hub/issued/redbank/client.pem").exists()


def clear(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif os.path.lexists(folder):
        discard(str(folder))
