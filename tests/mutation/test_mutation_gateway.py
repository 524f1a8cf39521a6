# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule of a gateway's configuration is taken away once: a case of the request matrix must go red at the real HAProxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutation_judgement import judged


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_rule_of_a_gateway_is_missed(tmp_path: Path) -> None:
    judged("gateway rules", "mutants_haproxy", tmp_path, every=6)
