# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A key is one side's: no one else's claim of it stands, be it for a CA."""

from __future__ import annotations

import pytest
from unit.steps.conftest import Site, changes, faults

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import read_chain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import certificate_key
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.registers import KnownKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import KeyRegister
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

DIGEST = "ab" * 32
COPY = "store/hub/received/bluebank/ca.pem"


@pytest.mark.parametrize("artefact", ["ca", "client", "jws"])
def test_the_key_of_another_side_is_not_claimed(hub: Site, artefact: str) -> None:
    known = KnownKeys(DiskTree(hub.state))
    known.claim("greenbank", artefact, DIGEST)
    with pytest.raises(SigningRefused, match="is a key of greenbank") as refused:
        known.claim("bluebank", artefact, DIGEST)
    assert refused.value.reason == "key-of-someone-else"
    known.claim("greenbank", artefact, DIGEST)
    assert known.owner(DIGEST) == f"greenbank {artefact}"


@pytest.mark.parametrize("owner", ["greenbank", "bluebank"])
def test_a_ca_with_the_key_of_another_is_not_taken(hub: Site, owner: str) -> None:
    (certificate, *_) = read_chain(hub.read(COPY), where=COPY)
    digest = certificate_key(certificate)[1]
    hub.path(f"journal/keys/{digest}.json").unlink()
    KeyRegister(DiskTree(hub.state)).claim(digest, owner, "server" if owner == "greenbank" else "ca")
    hub.path(COPY).unlink()
    found = hub.run(sides=["hub"])
    refused = ("hub", "ca.pem", "key-of-someone-else")
    assert (refused in faults(found), hub.path(COPY).exists()) == (owner == "greenbank", owner == "bluebank"), (
        faults(found),
        changes(found),
    )
