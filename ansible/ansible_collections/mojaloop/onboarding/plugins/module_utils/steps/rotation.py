# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person orders anew: judged before anything is made, so that a slip of the pen replaces nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ..description.model import Side
from ..description.trust import Artefact, artefacts_of, named
from ..errors import DescriptionError, Problem
from ..pki.faults import PERSON, remedy
from ..pki.verification import artefact_faults
from ..store import layout
from .authorities import issuing_chain
from .run import Run

AUTHORITY = "ca"


def check_orders(run: Run) -> None:
    """DescriptionError with every name that is none, and with every order that is the wrong one of the two, and the right one."""
    problems = [problem for what, names in (("renew", run.renew), ("rekey", run.disclosed)) for problem in _problems(run, what, names)]
    if problems:
        raise DescriptionError(problems)


def _problems(run: Run, what: str, names: frozenset[str]) -> Iterator[Problem]:
    if not names:
        return
    known = {f"{side.name}/{artefact.label}": (side, artefact) for side, artefact in _artefacts(run)}
    authorities = {f"{side.name}/{AUTHORITY}" for side in run.own_sides()}
    for name in sorted(names):
        if name in authorities:
            found = "a CA: nothing rolls it over with both in use"
            yield Problem(what, 0, name, found, "onboard.yml -e rekey with its key moved away, which replaces all that it signed")
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield Problem(what, 0, name, "no artefact of this run", f"{', '.join(known)}{f' (did you mean {near[0]}?)' if near else ''}")
        elif what == "renew" and _is_lost(run, *known[name]):
            yield Problem(what, 0, name, "one that is lost or damaged", f"-e rekey={name}, when no backup has it")


def _artefacts(run: Run) -> Iterator[tuple[Side, Artefact]]:
    for side in run.own_sides():
        yield from ((side, artefact) for artefact in artefacts_of(run.description, side, run.counterparts(side)))


def _is_lost(run: Run, side: Side, artefact: Artefact) -> bool:
    folder = layout.store_folder(side.name, artefact.rule.name, artefact.counterpart)
    chain = issuing_chain(run, artefact)
    found = artefact_faults(run.tree, folder, rule=artefact.rule, holder=named(run.description, artefact), issuer_chain=chain, now=run.now)
    return any(remedy(fault) == PERSON for fault in found)
