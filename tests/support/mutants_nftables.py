# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutants of the packet filter: each rule of the chains that the product renders, and each clause of one, taken away.

The chains are changed where both the text and the content that the kernel must then show are made from them, so that the
mutated filter is installed, verified and confirmed as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.mutation import Bench, Mutant

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall import nftables

CASES = ("tests/integration/test_firewall_traffic.py",)
MOST = 20
DEAR: tuple[str, ...] = ()
SURVIVORS = {r".*limit rate .*": "logs, and refuses nothing; a kernel keeps no log of what happens in a namespace of a test"}

Rule = tuple[nftables.Clause, ...]


def mutants(_bench: Bench) -> Iterator[Mutant]:
    """Every rule of every chain, and every clause of rules that have more than one."""
    for chain, rules in nftables.CHAINS.items():
        for place, rule in enumerate(rules):
            text = " ".join(clause.text for clause in rule)
            yield _mutant(f"{chain}: {text}", chain, place, ())
            for number, clause in enumerate(rule if len(rule) > 1 else ()):
                yield _mutant(f"{chain}: {text} WITHOUT {clause.text}", chain, place, rule[:number] + rule[number + 1 :])


def _mutant(name: str, chain: str, place: int, instead: Rule) -> Mutant:
    return Mutant(name, name, lambda: _applied(chain, place, instead))


@contextmanager
def _applied(chain: str, place: int, instead: Rule) -> Iterator[None]:
    whole = nftables.CHAINS
    rules = whole[chain]
    nftables.CHAINS = {**whole, chain: (*rules[:place], *((instead,) if instead else ()), *rules[place + 1 :])}
    try:
        yield
    finally:
        nftables.CHAINS = whole
