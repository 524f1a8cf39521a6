# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bundles that deployments read in Vault: written once, kept, and gone with whoever is suspended."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.openbao import TOKEN, OpenBao
from unit.steps.conftest import Site, _keys, _unsynced, changes, faults, site  # noqa: F401 -- cheap keys here too

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError

pytestmark = pytest.mark.xdist_group("openbao")
_numbers = itertools.count(1)
MEMBERS = {"host", "fqdn", "ca_bundle", "client_key", "client_cert_chain", "currency_code", "fxpCurrencies", "isProxy"}
Place = Callable[[], Site]


@pytest.fixture
def place(bao: OpenBao, tmp_path: Path) -> Site:
    """A hub with two participants, and a KV v1 engine for the bundles."""
    made = site(tmp_path, "bluebank", "greenbank")
    number = next(_numbers)
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    folder = f"bundles/onboarding_pm4mls-{number}"
    made.hub["hub"]["vault_bundles"] = {
        "url": bao.url,
        "path": folder,
        "whitelist": f"bundles/whitelist_pm4mls-{number}",
        "token_file": str(token),
    }
    return made.describe()


def where(place: Site) -> dict[str, str]:
    found: dict[str, str] = place.hub["hub"]["vault_bundles"]
    return found


def bundle(place: Site, bao: OpenBao, name: str = "greenbank") -> tuple[int, dict[str, object]]:
    status, answer = bao.ask("GET", f"{where(place)['path']}/{name}")
    return status, answer.get("data", {})


def test_a_bundle_has_what_deployments_read(place: Site, bao: OpenBao) -> None:
    planned = place.run(check=True)
    assert bundle(place, bao)[0] == 404
    assert sorted(planned) == sorted(place.run())
    _status, found = bundle(place, bao)
    assert set(found) == MEMBERS
    assert (found["host"], found["fqdn"], found["currency_code"], found["isProxy"]) == ("greenbank", "greenbank.example", "USD", False)
    chain = x509.load_pem_x509_certificates(str(found["client_cert_chain"]).encode())
    key = load_pem_private_key(str(found["client_key"]).encode(), None)
    assert key.public_key() == chain[0].public_key()
    assert chain[0].issuer == x509.load_pem_x509_certificates(str(found["ca_bundle"]).encode())[0].subject
    addresses = bao.done("GET", where(place)["whitelist"])
    assert addresses == {name: ",".join(place.participants[name]["egress_addresses"]) for name in ("bluebank", "greenbank")}


def test_another_run_changes_nothing_and_a_change_of_others_is_put_right(place: Site, bao: OpenBao) -> None:
    place.run()
    assert place.run() == []
    _status, found = bundle(place, bao)
    bao.done("POST", f"{where(place)['path']}/greenbank", {**found, "fqdn": "elsewhere.example", "timeStamp": "of others"})
    assert ("hub", "vault-bundle", "differs") in changes(place.run(check=True))
    assert changes(place.run()) == [("hub", "vault-bundle", "differs")]
    assert bundle(place, bao)[1] == {**found, "timeStamp": "of others"}


def test_who_is_suspended_has_none_and_the_others_keep_theirs(place: Site, bao: OpenBao) -> None:
    place.run()
    before = bundle(place, bao, "bluebank")
    place.participants["greenbank"]["state"] = "suspended"
    place.describe().run()
    assert bundle(place, bao)[0] == 404
    assert bundle(place, bao, "bluebank") == before
    assert list(bao.done("GET", where(place)["whitelist"])) == ["bluebank"]


def test_a_refusal_is_one_fault_and_shows_no_token(place: Site) -> None:
    (place.root / "token").write_text("s.wrong-token", encoding="utf-8")
    found = place.run()
    assert {artefact for _side, artefact, _reason in faults(found)} == {"vault-bundles", "vault-bundle"} or faults(found)
    assert "s.wrong-token" not in json.dumps([str(one) for one in found])


@pytest.mark.parametrize("names", [(), ("role_id_file",), ("token_file", "role_id_file", "secret_id_file")])
def test_one_kind_of_credentials_is_named(place: Site, names: tuple[str, ...]) -> None:
    facts = {name: value for name, value in where(place).items() if not name.endswith("_file")}
    place.hub["hub"]["vault_bundles"] = facts | dict.fromkeys(names, "x")
    with pytest.raises(DescriptionError, match="role_id_file and secret_id_file"):
        place.describe().run()
