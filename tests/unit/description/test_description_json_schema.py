# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The schemas for editors are those of the validation, and say the same of a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.description_files import places, replaced

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.documents import parse_document, plain
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.json_schema import SCHEMAS, rendered
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.spec import (
    Field,
    Kind,
    Many,
    Record,
    Table,
    Text,
    Variant,
    check,
)

REMEDY = "python -m ansible_collections.mojaloop.onboarding.plugins.module_utils.description.json_schema inventories/.schema"

HUB = """
format: 1
environment: live
kind: lab
profile: mojaloop
hub:
  id: switch
  organisation: National Switch
  endpoint: {url: "https://api.switch.example", addresses: [45.60.1.10]}
  gateways:
    - host: hub-gateway
      kind: haproxy
      inbound: [{address: 10.1.0.10, port: 8443}]
      inbound_backend: {address: 127.0.0.1, port: 3000}
      outbound: {address: 127.0.0.1, port: 3100}
  ca: {kind: imported, certificate_file: "{state}/ca.pem", chain_file: chain.pem, key_file: key.pem}
"""
PARTICIPANT = """
format: 1
id: greenbank
organisation: Green Bank
currencies: [USD]
egress_addresses: [45.60.2.21]
net_debit_cap: {USD: "10"}
notification_addresses: [a@b.example]
first_publication: sha256:0000000000000000000000000000000000000000000000000000000000000000
probe: false
connector: direct
transport: {kind: local}
firewall: {kind: none}
keys: {tls: ec-p256}
"""
HOSTS = """
plugin: mojaloop.onboarding.hub
installation: [hub, greenbank]
hosts: {all: {ansible_user: x}, hub-gateway: {ansible_host: 10.0.0.1, deep: {a: [1]}}, other: null}
state: ../state
"""
PROFILE = """
format: 1
name: my-scheme
extends: mojaloop
resources: [parties, quotes]
keys: {tls: rsa-3072}
authority: {list_days: 7}
certificates:
  - {name: client, key_kinds: [rsa-3072], lifetime_days: 90, renew_before_days: 30}
  - {name: seal, like: jws, purpose: documents}
steps: {jws-1: keys of messages made}
"""
RIGHT: dict[str, Any] = {
    "profile.schema.json": yaml.safe_load(PROFILE),
    "hosts.schema.json": yaml.safe_load(HOSTS),
    "hub.schema.json": yaml.safe_load(HUB),
    "participant.schema.json": yaml.safe_load(PARTICIPANT),
}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_shipped_schema_is_the_derived_one(repository: Path, name: str) -> None:
    assert (repository / "inventories/.schema" / name).read_text(encoding="utf-8") == rendered(name), REMEDY


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(rendered(name)))


def without_parsers(kind: Kind) -> Any:  # noqa: ANN401 -- the kind's own type
    """The same kind judged by pattern and shape alone: what a JSON schema can say."""
    if isinstance(kind, Text):
        return Text(kind.allowed, kind.pattern, kind.choices, kind.longest)
    if isinstance(kind, Many):
        return Many(without_parsers(kind.item), kind.least, kind.most)
    if isinstance(kind, Table):
        return Table(without_parsers(kind.key), without_parsers(kind.value))
    if isinstance(kind, Variant):
        of = {name: without_parsers(record) for name, record in kind.of.items()}
        return replace(kind, of=of, common=without_parsers(Record("", kind.common)).fields)
    if isinstance(kind, Record):
        fields = (Field(each.name, without_parsers(each.kind), each.description, each.required, each.default) for each in kind.fields)
        return Record(kind.description, tuple(fields))
    return kind


def verdicts(name: str, data: object) -> tuple[bool, bool]:
    """What the validation and the JSON schema say of the same data."""
    root, problems = parse_document(json.dumps(data).encode(), file=name)
    assert (root is not None, problems) == (True, [])
    assert root is not None
    checked = check(root, without_parsers(SCHEMAS[name]), file=name)
    return not checked.problems, bool(jsonschema.Draft202012Validator(json.loads(rendered(name))).is_valid(plain(root)))


WRONG: list[Any] = [
    ..., None, True, 0, 1, 70000,
    1.5, "", "x", "a b", "Ab-1", "x" * 300, "{{ x }}", "\u0007", "é", "lab", "own", "none", "direct", "internal",
    "imported", "USD", "-", [], ["x"], ["x", "x"], {},
    {"x": 1}, {"USD": "5"}, {"usd": "5"},
    {"kind": "internal"}, {"kind": "none"}, {"kind": "internal", "key": "rsa-3072"}, {"kind": "own", "key": "rsa-3072"},
    {"kind": ["own"]}, [{"address": "1.1.1.1", "port": 1}], "https://a.example", "http://a", "/a/b", "a/../b",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_both_say_the_same_of_every_edit(name: str) -> None:
    assert verdicts(name, RIGHT[name]) == (True, True)
    seen = set()
    for place in places(RIGHT[name])[1:]:
        for new in WRONG:
            data = replaced(RIGHT[name], place, new)
            ours, theirs = verdicts(name, data)
            assert ours == theirs, (place, new)
            seen.add(ours)
    assert seen == {True, False}


CHARACTERS = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])
"""What JSON writes as escapes that YAML reads."""


@settings(max_examples=80, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(SCHEMAS)))
def test_both_say_the_same_of_any_text(data: st.DataObject, name: str) -> None:
    place = data.draw(st.sampled_from(places(RIGHT[name])[1:]))
    # A newline at the end is the one disagreement: the $ of Python's regular expressions matches before it, an editor's does not.
    text = data.draw(st.text(CHARACTERS, max_size=40).filter(lambda text: not text.endswith("\n")))
    ours, theirs = verdicts(name, replaced(RIGHT[name], place, text))
    assert ours == theirs
