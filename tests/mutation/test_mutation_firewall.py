# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule of the packet filter is taken away once: a packet that is dropped, or passes, wrongly must be noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutation_judgement import judged
from tools.firewall_network import why_not


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_every_rule_of_the_packet_filter_is_missed(tmp_path: Path) -> None:
    judged("firewall rules", "mutants_nftables", tmp_path, every=8)
