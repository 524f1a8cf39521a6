# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule of the hub's inbound listener is taken away once: a case of the request matrix must go red at the real HAProxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutants_haproxy import LISTENER
from support.mutation_judgement import judged


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_every_rule_of_the_hubs_listener_is_missed(tmp_path: Path) -> None:
    judged("rules at the hub's listener", "mutants_haproxy", tmp_path, every=16, only=LISTENER)
