# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a problem says of its place: a file with its line, or an argument, which has none."""

from __future__ import annotations

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import Problem


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("hub.yml", 3, "hub.yml:3: x: found nothing; allowed: something"),
        ("participants", 0, "participants: x: found nothing; allowed: something"),
    ],
)
def test_a_problem_names_its_line_where_it_has_one(file: str, line: int, words: str) -> None:
    assert str(Problem(file, line, "x", "nothing", "something")) == words
