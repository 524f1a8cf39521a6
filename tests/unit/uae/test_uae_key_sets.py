# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key ids are read from the directory's key sets by the run itself where the CA of their server is described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from support.key_sets import Keystore
from support.trust_framework import StandInDirectory
from unit.steps.conftest import NOW, Site, faults, pending

SCHEME = """
format: 1
name: near
extends: uae-api-hub
directory:
  name: the directory
  environments:
    sandbox: {website: "https://list.example", authorities: ["https://list.example/ca.pem"], keystore: "%s", kinds: [lab]}
"""


@pytest.fixture
def keystore(tmp_path: Path, directory: StandInDirectory) -> Iterator[Keystore]:
    with Keystore(tmp_path, directory) as found:
        yield found


@pytest.fixture
def near(oasis: Site, keystore: Keystore) -> Site:
    described = {**oasis.hub["directory"], "keystore_ca_file": str(keystore.authority_file)}
    oasis.hub = {**oasis.hub, "profile": "profiles/near.yml", "directory": described}
    oasis.describe()
    (oasis.root / "description/profiles").mkdir()
    (oasis.root / "description/profiles/near.yml").write_text(SCHEME % keystore.url)
    return oasis


def carried(site: Site, directory: StandInDirectory) -> None:
    """The person brings certificates, and no key sets."""
    directory.carry(site.state)
    for file in site.state.glob("directory/*/inbox/*.jwks"):
        file.unlink()


def key_ids(site: Site) -> dict[str, str]:
    found: dict[str, str] = json.loads(site.read("store/oasis/directory/key-ids.json"))["key_ids"]
    return found


def test_a_run_reads_what_it_lacks_and_asks_for_nothing_afterwards(near: Site, directory: StandInDirectory, keystore: Keystore) -> None:
    near.run()
    assert keystore.asked == []
    carried(near, directory)
    planned = near.run(check=True)
    found = near.run()
    assert sorted(planned) == sorted(found)
    assert (faults(found), pending(found)) == ([], [])
    assert set(key_ids(near)) == {"C3", "S4", "Enc1", "S1", "S3", "Sig2"}
    keystore.asked.clear()
    assert near.run() == []
    assert keystore.asked == []


def test_a_renewed_key_never_goes_by_the_id_of_the_one_before(near: Site, directory: StandInDirectory, keystore: Keystore) -> None:
    near.run()
    carried(near, directory)
    near.run()
    before, due = key_ids(near), NOW + timedelta(days=340)
    near.run(now=due)
    later = replace(directory, now=due)
    carried(near, later)
    kept, later.key_sets = later.key_sets, {}
    keystore.directory = later
    found = near.run(now=due)
    assert "C3" not in key_ids(near)
    assert {reason for _side, _artefact, reason, _who in pending(found)} == {"awaiting-key-id"}
    later.key_sets = kept
    assert pending(near.run(now=due)) == []
    assert not set(before.values()) & set(key_ids(near).values())


def test_a_keystore_with_another_certificate_is_not_believed(near: Site, directory: StandInDirectory, keystore: Keystore) -> None:
    near.run()
    carried(near, directory)
    right = keystore.authority_file.read_bytes()
    keystore.authority_file.write_bytes(directory.root.public_bytes(Encoding.PEM))
    found = near.run()
    assert {reason for _side, _artefact, reason, _who in pending(found)} == {"awaiting-key-id"}
    assert any("its certificate is refused" in finding.detail for finding in found)
    keystore.authority_file.write_bytes(right)
    assert pending(near.run()) == []
