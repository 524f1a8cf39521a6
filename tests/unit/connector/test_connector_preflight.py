# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an SDK would fail of in its first payment is found before: each fault beside the same settings without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support.authorities import NOW, Authority, key_pem
from unit.connector.conftest import Describe, public, settings_of

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector import model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.preflight import Expected, Installed, preflight

FOLDER = "/etc/mojaloop/connector/current"


@pytest.fixture
def right(describe: Describe, material: Material) -> Installed:
    settings = settings_of(describe(alone=True), material)
    return Installed(settings.variables, {f"{FOLDER}/{name}": pem for name, pem in settings.files.items()}, settings.peer_keys)


@pytest.fixture
def expected(material: Material, keys: dict[str, rsa.RSAPrivateKey], authorities: dict[str, Authority]) -> Expected:
    return Expected(
        era="18",
        hub="switch",
        peers=material.peer_keys,
        signing_key=public(keys["greenbank"]),
        server_name="fspiop.greenbank.lab",
        own_ca=authorities["own"].pem,
        hub_ca=authorities["hub"].pem,
    )


def _reasons(installed: Installed, expected: Expected, *, later: timedelta = timedelta(0)) -> list[tuple[str, str]]:
    return [(fault.file, fault.reason) for fault in preflight(installed, expected, NOW + later)]


def _with_file(installed: Installed, name: str, content: bytes) -> Installed:
    return replace(installed, files={**installed.files, f"{FOLDER}/{name}": content})


def _without(installed: Installed, name: str) -> Installed:
    return replace(installed, files={path: pem for path, pem in installed.files.items() if path != f"{FOLDER}/{name}"})


def _set(installed: Installed, **variables: str) -> Installed:
    return replace(installed, variables={**installed.variables, **variables})


def _unset(installed: Installed, name: str) -> Installed:
    return replace(installed, variables={other: value for other, value in installed.variables.items() if other != name})


def test_right_settings_pass(right: Installed, expected: Expected) -> None:
    assert _reasons(right, expected) == []


def test_a_stale_certificate_fails_with_its_reason(right: Installed, expected: Expected) -> None:
    assert _reasons(right, expected) == []
    found = _reasons(right, expected, later=timedelta(days=3))
    assert ("OUT_CLIENT_CERT_PATH", "certificate-expired") in found
    assert {reason for _name, reason in found} == {"certificate-expired"}
    early = _reasons(right, expected, later=timedelta(days=-1))
    assert ("IN_SERVER_CERT_PATH", "certificate-not-yet-valid") in early


CHANGES: dict[str, tuple[Callable[[Installed], Installed], tuple[str, str]]] = {
    "misspelt": (lambda it: _set(it, JWS_SIGNN="true"), ("JWS_SIGNN", "variable-unknown")),
    "no certificate file": (lambda it: _without(it, model.SERVER), ("IN_SERVER_CERT_PATH", "file-missing")),
    "certificate not set": (lambda it: _unset(it, "IN_SERVER_CERT_PATH"), ("IN_SERVER_CERT_PATH", "file-missing")),
    "no certificate": (lambda it: _with_file(it, model.SERVER, b"x"), ("IN_SERVER_CERT_PATH", "certificate-unreadable")),
    "no key": (lambda it: _with_file(it, model.CLIENT_KEY, b"x"), ("OUT_CLIENT_KEY_PATH", "key-unreadable")),
    "signing key not set": (lambda it: _unset(it, "JWS_SIGNING_KEY_PATH"), ("JWS_SIGNING_KEY_PATH", "signing-key-missing")),
    "signing key gone": (lambda it: _without(it, model.SIGNING_KEY), ("JWS_SIGNING_KEY_PATH", "file-missing")),
    "signing off": (lambda it: _set(it, JWS_SIGN="false"), ("JWS_SIGN", "signing-off")),
    "validation off": (lambda it: _set(it, VALIDATE_INBOUND_JWS="false"), ("VALIDATE_INBOUND_JWS", "validation-off")),
    "no folder of keys": (lambda it: replace(it, peer_keys=None), ("JWS_VERIFICATION_KEYS_DIRECTORY", "verification-folder-missing")),
    "default secret": (lambda it: _set(it, ILP_SECRET="mojaloop-sdk"), ("ILP_SECRET", "ilp-secret-default")),
    "short secret": (lambda it: _set(it, ILP_SECRET="x" * 42), ("ILP_SECRET", "ilp-secret-short")),
    "ILP unchecked": (lambda it: _set(it, CHECK_ILP="false"), ("CHECK_ILP", "ilp-check-off")),
    "no client secret": (lambda it: _unset(it, "OAUTH_CLIENT_SECRET"), ("OAUTH_CLIENT_SECRET", "credentials-missing")),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_one_wrong_fact_is_named(right: Installed, expected: Expected, name: str) -> None:
    change, found = CHANGES[name]
    assert _reasons(right, expected) == []
    assert _reasons(change(right), expected) == [found]


def test_a_key_of_another_certificate_is_named(right: Installed, expected: Expected) -> None:
    other = key_pem(ec.generate_private_key(ec.SECP256R1()))
    assert _reasons(_with_file(right, model.SERVER_KEY, other), expected) == [("IN_SERVER_KEY_PATH", "key-does-not-match")]


def test_a_certificate_for_another_purpose_host_or_of_another_ca_is_named(
    right: Installed, expected: Expected, authorities: dict[str, Authority]
) -> None:
    swapped = authorities["own"].identity("fspiop.greenbank.lab")
    made = _with_file(_with_file(right, model.SERVER, swapped.certificate), model.SERVER_KEY, swapped.key)
    assert _reasons(made, expected) == [("IN_SERVER_CERT_PATH", "certificate-purpose")]
    assert _reasons(right, replace(expected, server_name="other.lab")) == [("IN_SERVER_CERT_PATH", "certificate-name")]
    foreign = authorities["stranger"].identity("greenbank")
    made = _with_file(_with_file(right, model.CLIENT, foreign.certificate), model.CLIENT_KEY, foreign.key)
    assert _reasons(made, expected) == [("OUT_CLIENT_CERT_PATH", "certificate-chain")]


def test_a_signing_key_that_others_do_not_know_or_cannot_verify_is_named(
    right: Installed, expected: Expected, keys: dict[str, rsa.RSAPrivateKey]
) -> None:
    other = _with_file(right, model.SIGNING_KEY, key_pem(keys["stranger"]))
    assert _reasons(other, expected) == [("JWS_SIGNING_KEY_PATH", "signing-key-differs")]
    elliptic = _with_file(right, model.SIGNING_KEY, key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert _reasons(elliptic, replace(expected, signing_key=b"")) == [("JWS_SIGNING_KEY_PATH", "signing-key-unsupported")]


def test_a_wrong_peer_key_is_named_before_a_payment_meets_it(
    right: Installed, expected: Expected, keys: dict[str, rsa.RSAPrivateKey]
) -> None:
    held, folder = dict(right.peer_keys or {}), "JWS_VERIFICATION_KEYS_DIRECTORY"
    wrong = {
        "peer-key-differs": held | {"bluebank": public(keys["stranger"])},
        "peer-key-unreadable": held | {"bluebank": b"x"},
        "peer-key-missing": {name: pem for name, pem in held.items() if name != "bluebank"},
        "peer-key-unknown": held | {"stranger": public(keys["stranger"])},
        "hub-key-missing": {name: pem for name, pem in held.items() if name != "switch"},
    }
    assert _reasons(right, expected) == []
    for reason, found in wrong.items():
        assert _reasons(replace(right, peer_keys=found), expected) == [(folder, reason)]


def test_both_ends_speak_the_same_ilp_version(describe: Describe, material: Material, expected: Expected) -> None:
    settings = settings_of(describe(version="24.19.4", ilp_version="4"), material)
    installed = Installed(settings.variables, {f"{FOLDER}/{name}": pem for name, pem in settings.files.items()}, settings.peer_keys)
    assert _reasons(installed, replace(expected, era="24", ilp_version="4")) == []
    assert _reasons(installed, replace(expected, era="24")) == [("ILP_VERSION", "ilp-version-differs")]
