# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile of one's own in YAML: it tightens, all its faults are reported at once, and the run goes by it without a line of Python."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cryptography import x509
from unit.steps.conftest import Site, _keys, _unsynced, changes, faults, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError

__all__ = ["_keys", "_unsynced"]

SCHEME = """
format: 1
name: my-scheme
version: "2026.1"
extends: mojaloop
resources: [quotes, transfers]
keys: {tls: rsa-3072}
backdate_seconds: 60
authority: {key_kinds: [rsa-4096], list_days: 7}
certificates:
  - {name: server, key_kinds: [rsa-3072], lifetime_days: 90, renew_before_days: 30}
  - {name: client, key_kinds: [rsa-3072], lifetime_days: 60, renew_before_days: 20}
  - {name: seal, like: jws, purpose: seals of documents, lifetime_days: 400, renew_before_days: 90}
steps: {jws-1: keys and certificates of messages made}
"""


@pytest.fixture
def scheme(tmp_path: Path) -> Site:
    made = site(tmp_path, "bluebank", "greenbank", profile="profiles/my-scheme.yml")
    made.hub["hub"]["ca"] = {"kind": "internal", "key": "rsa-4096"}
    for values in made.participants.values():
        values["ca"] = {"kind": "internal", "key": "rsa-4096"}
    return described(made, SCHEME)


def described(made: Site, text: str) -> Site:
    made.describe()
    folder = made.root / "description/profiles"
    folder.mkdir()
    folder.joinpath("my-scheme.yml").write_text(text, encoding="utf-8")
    return made


def said(made: Site, text: str) -> str:
    with pytest.raises(DescriptionError) as raised:
        load_description(described(made, text).root / "description", strict=True)
    return str(raised.value)


def test_a_run_goes_by_it(scheme: Site) -> None:
    planned = scheme.run(check=True)
    found = scheme.run()
    assert sorted(planned) == sorted(found)
    assert (faults(found), pending(found)) == ([], [])
    assert ("greenbank", "seal", "missing") in changes(found)
    assert scheme.run() == []
    lengths = {}
    for folder in ("server", "client/hub", "seal"):
        certificate = x509.load_pem_x509_certificate(scheme.read(f"store/greenbank/{folder}/certificate.pem"))
        lengths[folder] = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days
    assert lengths == {"server": 90, "client/hub": 60, "seal": 400}
    assert scheme.read("store/hub/received/greenbank/seal.pem") == scheme.read("store/greenbank/seal/certificate.pem")
    # Records of signatures name it, with its version.
    records = [path.read_text() for path in scheme.path("journal/issued/hub").iterdir()]
    assert records
    assert all("my-scheme 2026.1" in record for record in records)


def test_its_resources_are_those_that_roles_can_name(scheme: Site) -> None:
    scheme.participants["greenbank"]["roles"] = ["parties"]
    assert "roles[0]: found 'parties'; allowed: quotes | transfers" in said(scheme, SCHEME)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lifetime_days: 90,", "lifetime_days: 366,", "certificates[0].lifetime_days: found the number 366; allowed: at most 365"),
        ("[rsa-3072], lifetime_days: 60", "[rsa-3072, rsa-2048], lifetime_days: 60, pins: [OU]", "certificates[1].pins: found pins"),
        ("like: jws, ", "like: jws, key_kinds: [rsa-4096], ", "certificates[2].key_kinds[0]: found 'rsa-4096', which the profile does not"),
        ("like: jws, ", "like: jws, key_usage: [key_encipherment], ", "certificates[2].key_usage[0]: found 'key_encipherment'"),
        ("like: jws", "like: jvs", "certificates[2].like: found 'jvs'; allowed: server | client | jws | exchange (did you mean jws?)"),
        ("name: seal", "name: server", "certificates[2].name: found 'server'; allowed: the name of no certificate of the profile"),
        ("renew_before_days: 20", "renew_before_days: 60", "certificates[1].renew_before_days: found 60 of 60 days; allowed: under 60"),
        ("list_days: 7", "list_days: 31", "authority.list_days: found the number 31; allowed: a whole number from 1 to 30"),
        ("key_kinds: [rsa-4096]", "key_kinds: [rsa-2048]", "authority.key_kinds[0]: found 'rsa-2048', which the profile does not allow"),
        ("backdate_seconds: 60", "backdate_seconds: 301", "backdate_seconds: found the number 301; allowed: a whole number from 0 to 300"),
        ("[quotes, transfers]", "[quotes, consents]", "resources[1]: found 'consents', which the profile does not allow"),
        ("{tls: rsa-3072}", "{tls: ec-p256}", "keys.tls: found 'ec-p256'; allowed: rsa-3072"),
        ("extends: mojaloop", "extends: mojalop", "extends: found 'mojalop'; allowed: mojaloop | mojaloop-scheme-ca | uae-api-hub"),
        ("name: my-scheme", "name: mojaloop", "name: found the built-in profile 'mojaloop'; allowed: a name of its own"),
        ("name: my-scheme", "name: other", "name: found 'other' in the file my-scheme.yml; allowed: the file name other.yml"),
        ("version:", "verson:", "verson: found an unknown key"),
    ],
)
def test_what_loosens_or_is_wrong_is_refused(scheme: Site, old: str, new: str, words: str) -> None:
    assert words in said(scheme, SCHEME.replace(old, new))


def test_all_faults_come_at_once_with_their_lines(scheme: Site) -> None:
    text = (
        SCHEME.replace("lifetime_days: 90", "lifetime_days: 9000").replace("[quotes, transfers]", "[quote]").replace("like: jws", "like: x")
    )
    reported = said(scheme, text)
    for place in (
        "my-scheme.yml:6: resources[0]",
        "my-scheme.yml:11: certificates[0].lifetime_days",
        "my-scheme.yml:13: certificates[2].like",
    ):
        assert place in reported


def test_a_file_that_is_not_there_is_named(scheme: Site) -> None:
    (scheme.root / "description/profiles/my-scheme.yml").unlink()
    with pytest.raises(DescriptionError, match=r"profiles/my-scheme\.yml:1: file: found a file that cannot be read"):
        load_description(scheme.root / "description")


def test_a_link_is_not_followed(scheme: Site, tmp_path: Path) -> None:
    path = scheme.root / "description/profiles/my-scheme.yml"
    tmp_path.joinpath("elsewhere.yml").write_text(SCHEME)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(DescriptionError, match="links are not followed"):
        load_description(scheme.root / "description")


def test_the_shipped_example_is_read(repository: Path) -> None:
    for file in sorted((repository / "inventories").glob("*/profiles/*.yml")):
        assert yaml.safe_load(file.read_text())["name"] == file.stem
