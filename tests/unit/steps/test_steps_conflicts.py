# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file that claims what is another's: whoever has it in force keeps it and goes on; the claiming file alone is at fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.trees import use_cheap_keys

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.claims import PATH
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.formats import NewerFormat

from .conftest import RENEWAL, Site, participant, site

Values = dict[str, Any]


@pytest.fixture
def scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Greenbank and bluebank, onboarded."""
    use_cheap_keys(monkeypatch)
    made = site(tmp_path, "bluebank", "greenbank")
    made.run()
    return made


def described(scheme: Site) -> Description:
    return load_description(scheme.describe().root / "description", state=str(scheme.state))


def same_host(other: Values, green: Values) -> None:
    other["gateways"][0]["host"] = green["gateways"][0]["host"]


def same_url(other: Values, green: Values) -> None:
    other["endpoint"]["url"] = f"{green['endpoint']['url']}:4443/fspiop"


def same_address(other: Values, green: Values) -> None:
    other["endpoint"]["addresses"] = green["endpoint"]["addresses"]


def same_address_and_host(other: Values, green: Values) -> None:
    other["egress_addresses"] = green["egress_addresses"]
    same_host(other, green)


CLAIMS: dict[str, Callable[[Values, Values], None]] = {
    "the same address": lambda other, green: other.update(egress_addresses=green["egress_addresses"]),
    "a network around it": lambda other, _: other.update(egress_addresses=["203.0.113.30/31"]),
    "it among its own": lambda other, green: other["egress_addresses"].extend(green["egress_addresses"]),
    "the host name of its endpoint": same_url,
    "the address of its endpoint": same_address,
    "the host of its gateway": same_host,
    "its address and its host": same_address_and_host,
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("who", ["redbank", "bluebank"])
def test_whoever_has_it_in_force_keeps_it(scheme: Site, claim: str, who: str) -> None:
    """A newcomer, or one that is onboarded and changes its file: greenbank's certificates are renewed as ever."""
    green = scheme.participants["greenbank"]
    other = participant(4, "redbank") if who == "redbank" else scheme.participants["bluebank"]
    scheme.participants[who] = other
    CLAIMS[claim](other, green)
    found = described(scheme)
    assert found.broken_names == {who}
    assert "greenbank" in {each.name for each in found.participants}
    before = scheme.read("store/greenbank/server/certificate.pem")
    faults = [one for one in scheme.run(now=RENEWAL) if one.disposition is Disposition.FAULT]
    assert {one.participant for one in faults} <= {who}
    assert scheme.read("store/greenbank/server/certificate.pem") != before
    scheme.path(PATH).unlink()
    assert described(scheme).broken_names == {who, "greenbank"}, "the control: without the record both are skipped"


def test_an_address_that_was_given_up_may_be_taken(scheme: Site) -> None:
    green, blue = (scheme.participants[name] for name in ("greenbank", "bluebank"))
    taken = green["egress_addresses"]
    green["egress_addresses"] = ["198.51.100.9/32"]
    blue["egress_addresses"] = taken
    assert described(scheme).broken == ()
    scheme.run()
    green["egress_addresses"] = taken
    assert described(scheme).broken_names == {"greenbank"}, "now it is bluebank's"


def written(scheme: Site) -> tuple[int, int]:
    """Inode and time of the last change of the record; reading it changes neither."""
    found = scheme.path(PATH).stat()
    return found.st_ino, found.st_mtime_ns


def test_the_record_is_written_when_it_changes_and_by_no_dry_run(scheme: Site) -> None:
    before = written(scheme)
    scheme.run()
    assert written(scheme) == before
    scheme.participants["redbank"] = participant(4, "redbank")
    scheme.describe().run(check=True)
    assert written(scheme) == before
    scheme.run()
    assert set(json.loads(scheme.read(PATH))["participants"]) == {"bluebank", "greenbank", "redbank"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"participants": 7}', b'{"participants": {"greenbank": 7}}', b"\xff"])
def test_a_record_that_cannot_be_read_gives_no_one_anything(scheme: Site, content: bytes) -> None:
    scheme.participants["bluebank"]["egress_addresses"] = scheme.participants["greenbank"]["egress_addresses"]
    scheme.path(PATH).write_bytes(content)
    assert described(scheme).broken_names == {"greenbank", "bluebank"}


def test_a_record_of_a_newer_release_is_not_guessed_at(scheme: Site) -> None:
    scheme.path(PATH).write_bytes(b'{"format": 99}')
    with pytest.raises(NewerFormat):
        described(scheme)


def test_a_file_cannot_take_what_is_anothers_under_its_id(scheme: Site) -> None:
    """The record goes by the file's name, not by what it says."""
    scheme.participants["redbank"] = {**scheme.participants["greenbank"], "id": "greenbank"}
    assert "greenbank" in {each.name for each in described(scheme).participants}


def test_suspension_and_revocation_are_carried_out_whatever_else_is_wrong(scheme: Site) -> None:
    blue = scheme.participants["bluebank"]
    blue["egress_addresses"] = scheme.participants["greenbank"]["egress_addresses"]
    blue |= {"state": "suspended", "oauth": {"revoke_before": "2026-02-01T00:00:00Z"}}
    found = described(scheme)
    assert found.broken_names == {"bluebank"} == found.closed_names
    (ending,) = found.revoking
    assert (ending.name, ending.active, ending.oauth.revoke_before is not None) == ("bluebank", False, True)
    blue["currencies"] = 7
    assert [each.name for each in described(scheme).revoking] == ["bluebank"]
    del blue["oauth"]
    assert described(scheme).revoking == ()
