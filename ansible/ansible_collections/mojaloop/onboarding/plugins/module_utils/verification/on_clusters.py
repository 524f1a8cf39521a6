# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be seen of a refusal at a listener on a cluster: Istio refuses without a name of this pack, and normalises paths first."""

from __future__ import annotations

from dataclasses import replace

from ..description.kubernetes_gateway import KubernetesGateway
from ..description.model import HUB, Description
from .hub_listener import DIRECTION as TO_THE_HUB
from .model import Case, Expected, Kind
from .participant_listener import DIRECTION as FROM_THE_HUB
from .wrong_requests import GATEWAY, LEFT_FOR

NORMALISED = "Istio judges the path's normal form, which the service gets too, and the caller may ask for that"
_MERGED = "path-double-slash"
_LEAVING = frozenset({"path-dots", "path-encoded-dots"})


def as_seen_on_a_cluster(description: Description, case: Case) -> Case:
    """The case as it can be proved where its listener is one of Istio's; the case itself where it is not."""
    listening = {TO_THE_HUB: HUB, FROM_THE_HUB: case.participant}.get(case.direction)
    gateways = description.side(listening).gateways if listening else ()
    if not any(isinstance(gateway, KubernetesGateway) for gateway in gateways):
        return case
    if _may_ask(description, case):
        return replace(case, obstacle=case.obstacle or NORMALISED)
    return replace(case, expected=_by_status(case.expected))


def _may_ask(description: Description, case: Case) -> bool:
    """Whether the path's normal form is one that the caller may ask for.

    A message from the hub is signed, and so says its URI: where its path leaves the resource, the two no longer agree.
    """
    leaving = case.direction == TO_THE_HUB and LEFT_FOR in description.participant(case.participant).roles
    return case.key == _MERGED or (case.key in _LEAVING and leaving)


def _by_status(expected: Expected) -> Expected:
    """That it refuses is what can be seen: by whom and why is in the proxy's log only."""
    return Expected(Kind.ANSWERED, (400, 401, 403, 404, 405)) if expected.refused_by == GATEWAY else expected
