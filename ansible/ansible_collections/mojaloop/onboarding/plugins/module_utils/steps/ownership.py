# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the keys of a side are kept by another installation: nothing of such a side is made, signed or published here."""

from __future__ import annotations

from collections.abc import Collection

from ..description.model import HUB
from ..document_steps import Phase
from ..errors import OnboardingError
from ..exchange.published import EXCHANGE_CERTIFICATE
from ..findings import Disposition, Finding
from ..store import layout
from ..store.tree import Tree
from .registers import held_artefacts

KEY = "exchange"
REASON = "kept-elsewhere"


def kept_elsewhere(tree: Tree, side: str, rekey: Collection[str], switch: str) -> Finding | None:
    """A fault where a side has published with an exchange key that this state folder never had; ``switch`` permits a new one."""
    try:
        if f"{side}/{KEY}" in rekey or _had(tree, side):
            return None
        published = next((path for path in _publications(tree, side) if tree.status(path)), "")
    except OnboardingError as error:
        return Finding(side, Phase.EXCHANGE_KEY, side, KEY, error.reason or "error", Disposition.FAULT, detail=str(error))
    detail = (
        f"{published} is of an exchange key never held here: another installation has {side}. "
        f"Name yours in hosts.yml, restore its backup, or: {switch}."
    )
    return Finding(side, Phase.EXCHANGE_KEY, side, KEY, REASON, Disposition.FAULT, detail=detail) if published else None


def _had(tree: Tree, side: str) -> bool:
    return tree.status(f"{layout.store_folder(side, KEY)}/key.pem") is not None or KEY in held_artefacts(tree, side)


def _publications(tree: Tree, side: str) -> list[str]:
    counterparts = tree.names("exchange") if side == HUB else [HUB]
    folders = [layout.publication_folder(side, counterpart) for counterpart in counterparts]
    return [f"{folder}/{EXCHANGE_CERTIFICATE}" for folder in folders]
