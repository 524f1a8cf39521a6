# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is suspended or has left is let in by nothing any more; what a lost file leaves is reported; a CA that went is confirmed once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from unit.steps.conftest import NOW, Site, changes, faults, marks

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

HUB_GATEWAY: dict[str, Any] = {
    "host": "hub-gateway",
    "kind": "haproxy",
    "inbound": [{"address": "203.0.113.10", "port": 8443}],
    "inbound_backend": {"address": "127.0.0.1", "port": 3000},
    "outbound": {"address": "127.0.0.1", "port": 3100},
}


def listeners(made: Site, was: tuple[str, str] = ("", "")) -> dict[str, str]:
    """Everything that the listeners of all sides let in and call: the maps and files of each gateway, the sets of each firewall.

    ``was``: a fingerprint, and the one to read in its place.
    """
    description = load_description(made.root / "description", state=str(made.state))
    found = {}
    for side in ("hub", "bluebank", "greenbank"):
        for gateway in description.side(side).gateways:
            release = render(gateway_model(description, side, gateway, DiskTree(made.state)))
            maps = {
                name: dict(sorted((key.replace(*was), to) for key, to in dict(entries).items())) for name, entries in release.maps.items()
            }
            found[f"gateway/{side}"] = json.dumps(maps) + str(sorted(release.files))
        model = firewall_model(description, side)
        found[f"firewall/{side}"] = str((model.allowed_in, model.allowed_out))
    return found


@pytest.mark.parametrize("state", ["suspended", "offboarded"])
def test_nothing_lets_in_who_is_suspended_or_has_left(finished_by_profile: Site, state: str) -> None:
    made = finished_by_profile
    made.hub["hub"]["gateways"] = [HUB_GATEWAY]
    made.describe()
    before = listeners(made)
    assert set(before) == {f"{kind}/{side}" for kind in ("gateway", "firewall") for side in ("hub", "bluebank", "greenbank")}
    assert {name for name, text in before.items() if "greenbank" in text} >= {"gateway/hub", "firewall/hub"}
    assert "bluebank" in before["gateway/hub"]

    made.participants["greenbank"]["state"] = state
    made.describe()
    assert faults(made.run()) == []
    after = listeners(made)
    assert {name for name, text in after.items() if "greenbank" in text and not name.endswith("/greenbank")} == set()
    # Control: the others stay. The one that left lets in no one and calls no one.
    assert after["gateway/bluebank"] == before["gateway/bluebank"]
    assert "bluebank" in after["gateway/hub"]
    assert '"hub"' not in after["gateway/greenbank"]
    assert "destinations" not in after["gateway/greenbank"].rpartition("}")[2]
    for side in ("hub", "bluebank"):
        assert sorted(path.stem for path in made.path(f"store/{side}/jws-keys").iterdir()) == ["bluebank", "switch"]
    assert set(json.loads(made.read("exchange/jws/list.json"))["list"]["keys"]) == {"bluebank", "switch"}
    state_before = marks(made.state)
    assert made.run() == []
    assert marks(made.state) == state_before

    made.participants["greenbank"]["state"] = "active"
    made.describe()
    certificate = fingerprint(made)
    assert faults(made.run()) == []
    # A hold is taken back; who had left for good gets another certificate, and with the one before it is let in no more.
    assert (fingerprint(made) == certificate) is (state == "suspended")
    assert listeners(made, (fingerprint(made), certificate)) == before
    assert made.run() == []


@pytest.mark.parametrize(("holder", "at"), [("greenbank", "hub"), ("hub", "greenbank")])
def test_a_key_that_others_may_have_opens_no_listener_once_a_new_one_is_permitted(finished_by_profile: Site, holder: str, at: str) -> None:
    made, folder = finished_by_profile, f"store/{holder}/client/{at}"
    made.hub["hub"]["gateways"] = [HUB_GATEWAY]
    made.describe()

    def let_in() -> bool:
        return exposed in listeners(made)[f"gateway/{at}"]

    exposed = fingerprint(made, folder)
    made.path(f"{folder}/key.pem").chmod(0o644)
    assert [each[:2] for each in faults(made.run())] == [(holder, f"client/{at}")]
    assert let_in(), "no one is shut out before a person has decided"
    rekey = [f"{holder}/client/{at}"]
    control = made.copied(made.root / "control")
    reported = made.run(rekey=rekey, check=True)
    found = made.run(rekey=rekey)
    assert sorted(reported) == sorted(found)
    assert faults(found) == []
    assert fingerprint(made, folder) in listeners(made)[f"gateway/{at}"]
    assert not let_in()
    assert made.run(rekey=rekey) == made.run() == []
    # Control: replaced elsewhere, without a word to this side, both are let in; named later, the earlier one no more.
    for name in ("generate", "publish"):
        control.step(name, rekey=rekey)
    control.run()
    made = control
    assert let_in()
    assert (at, "certificate-withdrawn") in {(side, reason) for side, _artefact, reason in changes(control.run(rekey=rekey))}
    assert not let_in()
    assert control.run() == []


def fingerprint(made: Site, folder: str = "store/greenbank/client/hub") -> str:
    """Of the certificate with which greenbank calls the hub, or of that in another folder."""
    return x509.load_pem_x509_certificate(made.read(f"{folder}/certificate.pem")).fingerprint(hashes.SHA256()).hex()


def test_a_client_whose_participant_is_described_no_more_is_reported(finished: Site) -> None:
    record = {"format": 1, "client_id": "x", "registration_client_uri": "", "registration_access_token": "", "issued": "", "scope": ""}
    for name in ("greenbank", "yellowbank"):
        finished.path("store/hub/oauth").mkdir(mode=0o700, exist_ok=True)
        finished.path(f"store/hub/oauth/{name}.json").write_text(json.dumps(record))
        finished.path(f"store/hub/oauth/{name}.json").chmod(0o600)
    for check in (True, False):
        (found,) = [f for f in finished.run(check=check) if f.disposition.value == "fault"]
        assert (found.participant, found.artefact, found.reason) == ("yellowbank", "client", "participant-unknown")
        assert "offboarded" in found.detail


def test_a_ca_that_was_replaced_alone_is_confirmed_once_for_all_that_hung_on_it(finished: Site) -> None:
    other = finished.path("store/hub/ca")
    keys = {name: finished.read(f"store/hub/{name}/key.pem") for name in ("server", "jws")}
    # As a run leaves it that was killed after the CA: everything that hangs on it is of the CA before.
    (other / "key.pem").unlink()
    finished.participants = {}
    finished.describe()
    kept = {name: finished.read(f"store/hub/{name}/certificate.pem") for name in ("server", "jws")}
    finished.step("generate", sides=["hub"], rekey=["hub/ca"], now=NOW)
    for name, content in kept.items():
        finished.path(f"store/hub/{name}/certificate.pem").write_bytes(content)
    reported = [f for f in finished.step("generate", sides=["hub"]) if f.reason == "issuer-is-not-ours"]
    assert {f.artefact for f in reported} == {"server", "jws"}
    assert all("-e rekey=hub/ca" in f.detail and "rekey=hub/server" not in f.detail for f in reported)
    authority = finished.read("store/hub/ca/certificate.pem")
    mended = finished.step("generate", sides=["hub"], rekey=["hub/ca"])
    assert faults(mended) == []
    assert {artefact for _side, artefact, _reason in changes(mended)} == {"server", "jws"}
    assert finished.read("store/hub/ca/certificate.pem") == authority
    assert {name: finished.read(f"store/hub/{name}/key.pem") for name in keys} == keys


@pytest.mark.parametrize("text", ["id: [bluebank\n", "format: 1\nid: bluebank\n"])
def test_a_slip_in_a_participants_file_withdraws_no_key_and_no_client(finished: Site, text: str) -> None:
    record = {"format": 1, "client_id": "x", "registration_client_uri": "", "registration_access_token": "", "issued": "", "scope": ""}
    finished.path("store/hub/oauth").mkdir(mode=0o700)
    finished.path("store/hub/oauth/bluebank.json").write_text(json.dumps(record))
    finished.path("store/hub/oauth/bluebank.json").chmod(0o600)
    state = marks(finished.state)
    (finished.root / "description/participants/bluebank.yml").write_text(text)
    assert finished.run() == finished.run() == []
    with pytest.raises(DescriptionError, match=r"bluebank: found a participant whose file is not in order \(.*bluebank\.yml"):
        finished.run(participants=["bluebank"])
    assert marks(finished.state) == state
    # Control: a file that is gone, or says so itself, does take the key away.
    (finished.root / "description/participants/bluebank.yml").unlink()
    found = finished.run()
    assert faults(found) == [("hub", "client", "participant-unknown")]
    for side in ("hub", "greenbank"):
        assert [path.stem for path in sorted(finished.path(f"store/{side}/jws-keys").iterdir())] == ["greenbank", "switch"]


def test_a_run_for_someone_else_leaves_a_suspension_to_the_run_that_carries_all_of_it_out(finished: Site) -> None:
    finished.participants["bluebank"]["state"] = "suspended"
    finished.describe()
    state = marks(finished.state)
    assert finished.run(participants=["greenbank"]) == []
    assert marks(finished.state) == state, "half of it, keys and lists without listeners, would look as if it were done"
    assert ("hub", "jws-list", "publication-differs") in changes(finished.run())
    assert not finished.path("store/hub/jws-keys/bluebank.pem").exists()
