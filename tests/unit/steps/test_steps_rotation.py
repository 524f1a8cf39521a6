# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation by order: what is named gets a new key, the rest stays; a wrong order is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.steps.conftest import NOW, Site, changes, faults, marks, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import certificate_key, read_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run

ARTEFACTS = ("greenbank/server", "greenbank/jws", "greenbank/client/hub", "hub/server", "hub/client/greenbank", "hub/jws")


@pytest.fixture
def settled(tmp_path: Path) -> Site:
    made = site(tmp_path, "bluebank", "greenbank")
    made.run()
    assert changes(made.run()) == []
    return made


def rotate(made: Site, *, renew: tuple[str, ...] = (), rekey: tuple[str, ...] = (), check: bool = False) -> list[Finding]:
    request = Request(str(made.root / "description"), str(made.state), rekey=rekey, renew=renew, disclosed=rekey, check=check, now=NOW)
    return list(run(request).findings)


def keys(made: Site) -> dict[str, str]:
    """The digest of the public key of each artefact in use."""
    found = {name: made.path(f"store/{name}/certificate.pem") for name in (*ARTEFACTS, "bluebank/server", "bluebank/jws")}
    return {name: certificate_key(read_certificate(path.read_bytes()))[1] for name, path in found.items()}


@pytest.mark.parametrize("name", ARTEFACTS)
@pytest.mark.parametrize("how", ["renew", "rekey"])
def test_what_is_named_gets_another_key_and_nothing_else_does(settled: Site, name: str, how: str) -> None:
    before = keys(settled)
    order = {how: (name,)}
    foretold = rotate(settled, check=True, **order)
    assert keys(settled) == before
    found = rotate(settled, **order)  # type: ignore[arg-type]
    assert faults(found) == []
    assert sorted(found) == sorted(foretold)
    after = keys(settled)
    assert {each for each in before if before[each] != after[each]} == {name}
    assert changes(settled.run()) == []


def test_what_the_counterpart_elsewhere_must_sign_goes_on_until_it_has(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank")
    made.run()
    before = keys_of_client(made)
    (made.root / "description" / "hosts.yml").write_text("plugin: mojaloop.onboarding.hub\ninstallation: [greenbank]\n", encoding="utf-8")
    assert faults(rotate(made, renew=("greenbank/client/hub",))) == []
    assert keys_of_client(made) == before
    assert made.path("store/greenbank/client/hub.next/request.pem").exists()


def keys_of_client(made: Site) -> str:
    return certificate_key(read_certificate(made.read("store/greenbank/client/hub/certificate.pem")))[1]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"renew": ("greenbank/servr",)}, "did you mean greenbank/server?"),
        ({"rekey": ("redbank/server",)}, "no artefact of this run"),
        ({"renew": ("hub/ca",)}, "a CA: nothing rolls it over"),
        ({"rekey": ("hub/ca",)}, "a CA: nothing rolls it over"),
    ],
)
def test_a_name_that_is_none_is_refused_and_nothing_is_made(settled: Site, order: dict[str, tuple[str, ...]], said: str) -> None:
    before = marks(settled.state)
    for check in (True, False):
        with pytest.raises(DescriptionError) as refused:
            rotate(settled, check=check, **order)
        assert said in str(refused.value)
    assert marks(settled.state) == before


def test_what_is_lost_is_not_renewed_and_the_right_order_is_named(settled: Site) -> None:
    settled.path("store/greenbank/server/key.pem").unlink()
    with pytest.raises(DescriptionError, match="-e rekey=greenbank/server"):
        rotate(settled, renew=("greenbank/server",))
    assert faults(rotate(settled, rekey=("greenbank/server",))) == []
