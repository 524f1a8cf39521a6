# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule of a participant's listener, of the way out and of the process is taken away once: a case at the real HAProxy goes red."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutants_haproxy import LISTENER
from support.mutation_judgement import judged


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_every_other_rule_of_a_gateway_is_missed(tmp_path: Path) -> None:
    judged("other gateway rules", "mutants_haproxy", tmp_path, every=16, only=f"(?!{LISTENER})")
