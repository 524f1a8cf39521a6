# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The JWS keys of the hub's own services: awaited, complete, and replaced one by one."""

from __future__ import annotations

import json
from pathlib import Path

from unit.connector.conftest import Describe

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.comparison import plan_connector, release_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.hub_services import hub_settings
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import HubServices
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

SERVICES = HubServices("hub-services")


def _store(tmp_path: Path) -> DiskTree:
    tree = DiskTree(tmp_path)
    tree.write("store/hub/jws/key.pem", b"key")
    tree.write("store/hub/jws-keys/switch.pem", b"hub")
    tree.write("store/hub/jws-keys/greenbank.pem", b"green")
    return tree


def test_without_a_key_it_is_awaited(describe: Describe, tmp_path: Path) -> None:
    settings, findings = hub_settings(describe(), SERVICES, DiskTree(tmp_path))
    assert settings is None
    assert [(one.step, one.reason, one.pending_on) for one in findings] == [("jws-4", "artefact-missing", "hub")]


def test_the_services_sign_as_the_hub_and_validate(describe: Describe, tmp_path: Path) -> None:
    settings, findings = hub_settings(describe(), SERVICES, _store(tmp_path))
    assert settings is not None
    assert findings == []
    assert json.loads(settings.files["endpoint-security.json"]) == {
        "ENDPOINT_SECURITY": {
            "JWS": {
                "JWS_SIGN": True,
                "JWS_SIGNING_KEY_PATH": "/etc/mojaloop/hub/current/jwsSigningKey.key",
                "JWS_VALIDATE": True,
                "JWS_VERIFICATION_KEYS_DIRECTORY": "/etc/mojaloop/hub/peer-keys",
            }
        },
        "HUB_PARTICIPANT": {"ID": 1, "NAME": "switch"},
    }
    assert set(release_of(settings).files) == {"jwsSigningKey.key", "endpoint-security.json"}


def test_a_participants_new_key_restarts_nothing(describe: Describe, tmp_path: Path) -> None:
    tree = _store(tmp_path)
    settings, _findings = hub_settings(describe(), SERVICES, tree)
    assert settings is not None
    release = release_of(settings)
    there = {"running": True, "installed": release.digest, "files": release.digests, "peer_keys": {}}
    plan = plan_connector("hub", "host", settings, there, starts=True)
    assert (plan.release, plan.keys, plan.start) == (False, True, False)
    assert {(one.step, one.reason) for one in plan.findings} == {("jws-3", "peer-key-missing")}
