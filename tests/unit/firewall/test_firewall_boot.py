# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the firewall knows of the host's start: whether it loads the file, and what the file would have put in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.firewall_cases import lab

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import render, written_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables as host


@pytest.mark.parametrize(("systemd", "included", "enabled", "loaded"), [
    (True, True, True, True),
    (True, True, False, False),
    (True, False, True, False),
    (False, True, False, True),
])  # fmt: skip
def test_a_file_counts_as_loaded_when_it_is_included_and_the_service_is_enabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, systemd: bool, included: bool, enabled: bool, loaded: bool
) -> None:
    boot, program = tmp_path / "nftables.conf", tmp_path / "systemctl"
    boot.write_text(f'flush ruleset\n{"" if included else "# "}include "{tmp_path}/nftables.d/*.nft"\n')
    program.write_text(f'#!/bin/sh\ntest "$*" = "is-enabled nftables.service" && exit {0 if enabled else 1}\nexit 9\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(host, "BOOT_FILES", (str(boot),))
    monkeypatch.setattr(host, "SYSTEMD", str(tmp_path if systemd else tmp_path / "none"))
    assert host.loaded_at_boot(f"{tmp_path}/nftables.d/onboarding.nft") is loaded


def test_the_file_tells_whose_addresses_it_holds() -> None:
    model = assigned(firewall_model(lab(), "hub"))
    reported = written_model("hub", render(model))
    assert (reported.allowed_in, reported.allowed_out) == (model.allowed_in, model.allowed_out)


@pytest.mark.parametrize("text", ["", "table inet other { }", '\tmap inbound_v4 { elements = { 1.2.3 : "in_x" } }'])
def test_another_text_holds_no_ones(text: str) -> None:
    assert written_model("hub", text).counterparts == ()
