# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's ILP secret is made once; a lost or unusable one is a person's to decide, as a key is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from unit.steps.conftest import Site, changes, faults, site

SECRET = "store/greenbank/ilp/secret"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (Path.unlink, "secret-lost"),
    "cut": (lambda path: path.write_text("short", encoding="utf-8"), "ilp-secret-short"),
    "the published default": (lambda path: path.write_text("mojaloop-sdk", encoding="utf-8"), "ilp-secret-default"),
}


@pytest.fixture
def with_sdk(tmp_path: Path) -> Site:
    made = site(tmp_path, "bluebank", "greenbank")
    made.participants["greenbank"]["connector"] = {"kind": "sdk", "version": "18.0.2", "backend": "127.0.0.1:3003"}
    return made.describe()


def test_a_secret_is_made_for_connectors_that_need_one_and_kept(with_sdk: Site) -> None:
    planned, made = with_sdk.run(check=True), with_sdk.run()
    assert sorted(planned) == sorted(made)
    assert [(f.side, f.reason) for f in made if f.artefact == "ilp"] == [("greenbank", "missing")]
    secret = with_sdk.path(SECRET).read_bytes()
    assert len(secret) == 43
    assert not with_sdk.path("store/bluebank/ilp").exists()
    assert with_sdk.run() == []
    assert with_sdk.path(SECRET).read_bytes() == secret


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_lost_or_unusable_secret_is_reported_and_replaced_only_when_permitted(with_sdk: Site, damage: str) -> None:
    with_sdk.run()
    change, reason = DAMAGE[damage]
    change(with_sdk.path(SECRET))
    planned, found = with_sdk.run(check=True), with_sdk.run()
    assert sorted(planned) == sorted(found)
    assert faults(found) == [("greenbank", "ilp", reason)]
    assert "-e rekey=greenbank/ilp" in next(f.detail for f in found if f.artefact == "ilp")
    assert changes(found) == []
    repaired = with_sdk.run(rekey=["greenbank/ilp"])
    assert faults(repaired) == []
    assert len(with_sdk.path(SECRET).read_bytes()) == 43
    assert with_sdk.run() == []
