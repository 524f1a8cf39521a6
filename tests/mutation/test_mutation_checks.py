# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each check of the signing policy and of the verifiers of artefacts is taken away once: a case must notice."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutation_judgement import judged


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_check_of_certificates_keys_and_requests_is_missed(tmp_path: Path) -> None:
    judged("certificate checks", "mutants_checks", tmp_path, every=8)
