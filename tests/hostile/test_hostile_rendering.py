# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What got through, in certificates and in the descriptions' free text, is inert: HAProxy and nft read it, and none of it is in there."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hostile.attempts import name_of
from hostile.texts import CANARY, HAPROXY, NFT, SHELL, TEXTS, YAML
from support.counting import record_count
from unit.steps.conftest import Site, faults
from unit.steps.test_steps_hostile import Authority, good, publish

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import render as render_rules
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.release import Release
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import written
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

GATEWAY = {
    "host": "hub-gateway",
    "kind": "haproxy",
    "inbound": [{"address": "203.0.113.10", "port": 8443}],
    "inbound_backend": {"address": "127.0.0.1", "port": 3000},
    "outbound": {"address": "127.0.0.1", "port": 3100},
}
MEANT = (*HAPROXY, *NFT, *SHELL, *YAML)
"""Text that would do something in a configuration; here as names of organisations."""
EXTREMES: dict[str, dict[str, Any]] = {
    "ids at their limits": {"id": "B-_" + "x" * 26 + "-"},
    "a path of marks": {"url": "https://" + ".".join(["x" * 50] * 4) + ".example:65535/" + "/".join(["-~_.a"[1:]] * 40)},
    "many addresses": {"egress": [f"198.51.{n // 256}.{n % 256}/32" for n in range(200)]},
}


def describe(hub: Site, organisations: list[str]) -> Description:
    """The hub with a gateway, everybody with a hostile name; redbank's id, URL and addresses at the limits of what is allowed."""
    hub.hub["hub"] |= {"gateways": [GATEWAY], "firewall": {"kind": "nftables"}, "organisation": organisations[0]}
    for name, organisation in zip(("bluebank", "greenbank", "redbank"), organisations[1:], strict=True):
        hub.participants[name]["organisation"] = organisation
    hub.describe()
    found = load_description(hub.root / "description", state=str(hub.state))
    assert found.broken == ()
    return found


def allowed(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isprintable() and text == text.strip() and not any(mark in text for mark in ("{{", "{%", "{#"))


def haproxy_reads(release: Release, folder: Path, extra: str = "") -> subprocess.CompletedProcess[str]:
    files: Mapping[str, bytes] = release.files
    for file, content in {**files, **{f"maps/{file}.map": written(entries) for file, entries in release.maps.items()}}.items():
        path = folder / file
        assert folder in path.resolve().parents
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    parts = [name for name in sorted(files) if name.startswith("parts/")] + [
        name for name in sorted(files) if name.endswith("/backend.cfg")
    ]
    config = b"global\n" + b"".join(files[name] for name in parts) + extra.encode()
    (folder / "haproxy.cfg").write_bytes(config)
    environment = {**os.environ, "ONBOARDING_CURRENT": str(folder), "ONBOARDING_RELEASE": "test"}
    command = ["haproxy", "-c", "-f", str(folder / "haproxy.cfg")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def nft_reads(rules: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "rules.nft").write_text(rules, encoding="utf-8")
    return subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", str(folder / "rules.nft")], capture_output=True, text=True, check=False, timeout=60
    )


def hostile_authority(hub: Site, text: str) -> None:
    """Redbank's CA names itself so, and text stands around its certificates."""
    authority = Authority.made(name_of(text[:64] or "x"))
    around = text.replace("\0", "").encode("utf-8", "replace") + b"\n"
    pem = authority.certificate.public_bytes(Encoding.PEM)
    publish(hub, good() | {"ca.pem": around + pem + around, "server.pem": around + authority.server("redbank.example") + around})


@pytest.mark.parametrize("quarter", range(4))
def test_what_got_through_is_inert(hub: Site, tmp_path: Path, quarter: int) -> None:
    texts = [text.replace(CANARY, "x") for text in MEANT]
    organisations = [text for text in texts if allowed(text)][quarter::4][:4]
    foreign = texts[quarter::4]
    discard(str(hub.state))
    description = describe(hub, organisations)
    hostile_authority(hub, foreign[quarter])
    assert faults(hub.run()) == []
    made = gateway_model(description, "hub", description.hub.gateways[0], DiskTree(hub.state))
    # Redbank has not signed the hub's request yet: it may call, and is not called.
    assert made.inbound is not None
    assert {each.participant for each in made.inbound.callers} == {"bluebank", "greenbank", "redbank"}
    assert {each.participant for each in made.outbound.destinations} == {"bluebank", "greenbank"}
    release = render(made)
    assert {finding.participant for finding in made.findings} <= {"redbank"}
    for text in [*organisations, foreign[quarter]]:
        for file, content in release.files.items():
            assert len(text) < 4 or text.encode() not in content, file
    done = haproxy_reads(release, tmp_path)
    assert done.returncode == 0, done.stderr[-1500:]
    rules = render_rules(firewall_model(description, "hub"))
    assert not any(len(text) > 3 and text in rules for text in organisations)
    judged = nft_reads(rules, tmp_path)
    assert judged.returncode == 0, judged.stderr[-500:]
    certificate = x509.load_pem_x509_certificate(hub.read("store/hub/issued/redbank/client.pem"))
    assert organisations[3] in [name.value for name in certificate.subject]
    record_count("hostile texts rendered", len(organisations) + 1)


def test_the_control_the_same_text_in_a_configuration_is_not_inert(hub: Site, tmp_path: Path) -> None:
    description = describe(hub, ["Switch", "Blue", "Green", "Red"])
    release = render(gateway_model(description, "hub", description.hub.gateways[0], DiskTree(hub.state)))
    assert haproxy_reads(release, tmp_path).returncode == 0
    assert haproxy_reads(release, tmp_path, extra=f"{HAPROXY[1]}\n").returncode != 0
    rules = render_rules(firewall_model(description, "hub"))
    assert nft_reads(rules, tmp_path).returncode == 0
    assert nft_reads(f"{rules}\n{NFT[1]}\n", tmp_path).returncode != 0


@pytest.mark.parametrize("case", EXTREMES)
def test_what_is_at_the_limits_of_what_is_allowed_is_read_by_both(hub: Site, tmp_path: Path, case: str) -> None:
    wanted, red = EXTREMES[case], copy.deepcopy(hub.participants.pop("redbank"))
    name = wanted.get("id", "redbank")
    red |= {"id": name, "egress_addresses": wanted.get("egress", red["egress_addresses"]), "hosting": "managed", "manifest": "signed"}
    red["endpoint"]["url"] = wanted.get("url", red["endpoint"]["url"])
    red["gateways"] = copy.deepcopy(hub.participants["bluebank"]["gateways"])
    red["gateways"][0] |= {"host": "redbank-gateway", "inbound": [{"address": "203.0.113.40", "port": 8443}]}
    hub.participants[name] = red
    description = describe_as_is(hub)
    assert faults(hub.run()) == []
    for side in ("hub", name):
        gateway = description.side(side).gateways[0]
        done = haproxy_reads(render(gateway_model(description, side, gateway, DiskTree(hub.state))), tmp_path / side)
        assert done.returncode == 0, done.stderr[-1500:]
        judged = nft_reads(render_rules(firewall_model(description, side)), tmp_path)
        assert judged.returncode == 0, judged.stderr[-500:]
    record_count("hostile texts rendered", 1)


def describe_as_is(hub: Site) -> Description:
    hub.hub["hub"] |= {"gateways": [GATEWAY], "firewall": {"kind": "nftables"}}
    hub.describe()
    found = load_description(hub.root / "description", state=str(hub.state))
    assert found.broken == ()
    return found


@pytest.mark.parametrize("part", range(3))
def test_any_name_of_a_foreign_authority_ends_in_a_fault_or_in_an_inert_configuration(hub: Site, tmp_path: Path, part: int) -> None:
    for text in TEXTS[part * 5 :: 15]:
        hostile_authority(hub, text)
        found = hub.run(sides=["hub"])
        assert all((f.participant, f.side) == ("redbank", "hub") for f in found if f.disposition.value == "fault")
        assert all(f.detail.isprintable() for f in found)
        record_count("hostile texts rendered", 1)
    description = describe_as_is(hub)
    release = render(gateway_model(description, "hub", description.hub.gateways[0], DiskTree(hub.state)))
    done = haproxy_reads(release, tmp_path)
    assert done.returncode == 0, done.stderr[-1500:]
