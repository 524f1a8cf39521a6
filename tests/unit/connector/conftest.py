# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A described participant with an SDK, behind a gateway or alone, and material as its store would have it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.authorities import Authority, key_pem

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.material import Material, fresh_ilp_secret
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.model import Settings
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.settings import sdk_settings
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description

SECRET = "a secret / with: signs"


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="session")
def keys() -> dict[str, rsa.RSAPrivateKey]:
    return {name: rsa_key() for name in ("greenbank", "bluebank", "switch", "stranger")}


@pytest.fixture(scope="session")
def authorities() -> dict[str, Authority]:
    return {name: Authority(name) for name in ("own", "hub", "stranger")}


@pytest.fixture(scope="session")
def material(keys: dict[str, rsa.RSAPrivateKey], authorities: dict[str, Authority]) -> Material:
    server = authorities["own"].identity("fspiop.greenbank.lab", server=True)
    client = authorities["hub"].identity("greenbank")
    tls = {
        "server": server.certificate,
        "server-key": server.key,
        "own-ca": authorities["own"].pem,
        "client": client.certificate,
        "client-key": client.key,
        "hub-ca": authorities["hub"].pem,
    }
    credentials = {"client_id": "green-1", "client_secret": SECRET, "token_url": "https://api.hub.lab:8443/oauth2/token"}
    peers = {name: public(keys[name]) for name in ("greenbank", "bluebank", "switch")}
    return Material(credentials, key_pem(keys["greenbank"]), fresh_ilp_secret().decode(), peers, tls)


Describe = Callable[..., Description]


@pytest.fixture
def describe(repository: Path, tmp_path: Path) -> Describe:
    """Describe greenbank with other words at its connector; ``alone``: without a gateway."""

    def made(*, alone: bool = False, **connector: object) -> Description:
        folder = tmp_path / "inventories" / "lab-transfer"
        shutil.copytree(repository / "inventories" / "lab-transfer", folder, dirs_exist_ok=True)
        file = folder / "participants" / "greenbank.yml"
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        values["connector"] |= connector
        if alone:
            del values["gateways"], values["firewall"]
            values["connector"]["host"] = "greenbank-sdk"
        file.write_text(json.dumps(values), encoding="utf-8")
        return load_description(folder, state=str(tmp_path / "state"))

    return made


def settings_of(description: Description, material: Material) -> Settings:
    participant = description.participant("greenbank")
    assert participant.sdk is not None
    return sdk_settings(description, participant, participant.sdk, material)


def with_secret(material: Material, secret: str) -> Material:
    return replace(material, ilp_secret=secret)
