# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A renewal of revocation lists, and nothing else, killed at system calls that change files: no number stands for two lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from support.kills import kill_at_every_call
from support.state_world import NOW, Files, Scenario, World, files

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]


def numbers(trees: Iterable[Files]) -> dict[tuple[str, int], set[bytes]]:
    """What each number of each CA stands for, wherever a list or a staged half of one is found."""
    found: dict[tuple[str, int], set[bytes]] = {}
    for tree in trees:
        for content in tree.values():
            if content.startswith(b"-----BEGIN X509 CRL-----") and content.endswith(b"-----END X509 CRL-----\n"):
                crl = x509.load_pem_x509_crl(content)
                number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
                found.setdefault((crl.issuer.rfc4514_string(), number), set()).add(content)
    return found


class Lists(Scenario):
    """A scenario whose lists are looked at as well."""

    def check_recovery(self, state: Path, point: object) -> None:
        """As for every interruption; and no list is another one's double."""
        killed = files(state)
        super().check_recovery(state, point)
        found = numbers((self.before, killed, files(state)))
        assert [key for key, contents in found.items() if len(contents) > 1] == [], point
        assert max(number for _issuer, number in found) > 1


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    fresh_world.run()
    return Lists.made(replace(fresh_world, now=NOW + timedelta(days=20)), fresh_world.state.parent)


def test_a_renewal_of_lists_killed_anywhere_is_finished_by_the_next_run(scenario: Scenario, folder: Path) -> None:
    kill_at_every_call(scenario, folder, every=9)
