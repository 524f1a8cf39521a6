# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of the directory are renewed with new keys while the earlier ones serve, however long a person takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from support.trust_framework import StandInDirectory
from unit.steps.conftest import NOW, Site, changes, faults, pending

DUE = NOW + timedelta(days=340)
INSTALLED = ("hub/server", "hub/client/oasis", "oasis/server", "oasis/client/hub")


def serials(site: Site) -> dict[str, int]:
    read = (site.read(f"store/{folder}/certificate.pem") for folder in INSTALLED)
    return dict(zip(INSTALLED, [x509.load_pem_x509_certificate(pem).serial_number for pem in read], strict=True))


def connected(site: Site, directory: StandInDirectory) -> dict[str, int]:
    site.run()
    directory.carry(site.state)
    assert (faults(found := site.run()), pending(found)) == ([], [])
    return serials(site)


def test_the_earlier_certificate_serves_until_its_successor_has_come(oasis: Site, directory: StandInDirectory) -> None:
    before = connected(oasis, directory)
    found = oasis.run(now=DUE)
    assert faults(found) == []
    assert {("oasis", "client/hub", "request-written"), ("oasis", "server", "request-written")} <= set(changes(found))
    assert serials(oasis) == before
    assert changes(oasis.run(now=DUE)) == []
    later = replace(directory, now=DUE)
    later.carry(oasis.state)
    found = oasis.run(now=DUE)
    assert (faults(found), pending(found)) == ([], [])
    after = serials(oasis)
    assert not set(after.values()) & set(before.values())
    assert oasis.run(now=DUE) == []


def test_a_renewal_has_a_new_key(oasis: Site, directory: StandInDirectory) -> None:
    connected(oasis, directory)
    keys = {folder: oasis.read(f"store/{folder}/key.pem") for folder in INSTALLED}
    oasis.run(now=DUE)
    replace(directory, now=DUE).carry(oasis.state)
    oasis.run(now=DUE)
    assert not [folder for folder in INSTALLED if oasis.read(f"store/{folder}/key.pem") == keys[folder]]


def test_a_side_of_its_own_hands_in_for_the_other(tmp_path: Path, oasis: Site, directory: StandInDirectory) -> None:
    """The hub alone: what the LFI uploads for it is waits for the LFI, and not from the directory."""
    found = oasis.run(sides=("hub",))
    awaited = {(artefact, who) for _side, artefact, _reason, who in pending(found)}
    assert ("signed-server.pem", "oasis") in awaited
    assert {path.name.partition("-")[0] for path in oasis.path("directory/hub/outbox").iterdir()} == {"C4"}
    assert oasis.path("exchange/oasis/hub/server.csr").exists()
    assert directory.carry(tmp_path) == []


def test_thirteen_months_end_a_certificate_that_the_directory_made_for_longer(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    replace(directory, days=1000).carry(oasis.state)
    oasis.run()
    assert oasis.run(now=NOW + timedelta(days=320)) == []
    assert ("oasis", "client/hub", "request-written") in changes(oasis.run(now=DUE))
