# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removal of what an offboarded participant has left in the state folder, after all of it was archived."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

from ..description.loading import load_description
from ..description.model import HUB, State
from ..errors import OnboardingError
from ..steps.registers import held_artefacts
from ..store import layout
from ..store.backup import back_up
from ..store.journal import render_record, write_changed
from ..store.opening import leased_tree, open_tree
from ..store.tree import Tree

WHAT = "The journal keeps its serial numbers, keys and signatures: none of them is used again."


def purge(folder: Path, state: Path, participant: str, archive: Path, *, confirmed: str) -> tuple[list[str], str]:
    """Archive the whole state, then remove the participant's own store, and what the hub keeps and publishes for it.

    OnboardingError, and nothing is removed, unless it is offboarded and ``confirmed`` is its id. The folders that were removed.
    """
    description = load_description(folder, state=str(state))
    known = {each.name: each for each in description.participants}
    if participant not in known:
        remedy = "Name the id of a participant whose file is in order; one whose file is gone is described again with state: offboarded."
        raise OnboardingError("no such participant", where=participant, remedy=remedy)
    if known[participant].state is not State.OFFBOARDED:
        remedy = "Set state: offboarded in its file and run playbooks/onboard.yml first."
        raise OnboardingError(f"is {known[participant].state.value}: its material is in use", where=participant, remedy=remedy)
    tree = open_tree(state)
    if tree.status(layout.registration_path(participant)) is not None:
        raise OnboardingError("has an OAuth client still", where=participant, remedy="Run playbooks/onboard.yml until it is ended.")
    found = [path for path in _left(description.environment, participant) if tree.status(path) is not None]
    if confirmed != participant:
        listed = ", ".join(found) or "nothing"
        remedy = f"These would be archived and removed: {listed}. Confirm with --confirm {participant}."
        raise OnboardingError("is not purged without confirmation", where=participant, remedy=remedy)
    if not found:
        return [], f"{participant} has left nothing."
    back_up(state, archive, environment=description.environment, now=datetime.now(UTC))
    with leased_tree(state, holder=f"purge of {participant} on {socket.gethostname()}") as held:
        _remove(held, participant, found)
    return found, f"Removed {', '.join(found)}. Everything as it was is in {archive} (mode 0600). {WHAT}"


def _remove(tree: Tree, participant: str, paths: list[str]) -> None:
    # Ahead: what the hub held for it is no loss when it is gone.
    kept = held_artefacts(tree, HUB) - {f"client/{participant}"}
    write_changed(tree, layout.held_path(HUB), render_record({"artefacts": sorted(kept)}))
    for path in paths:
        tree.remove(path)


def _left(environment: str, participant: str) -> list[str]:
    """What is about this participant alone; nothing that keeps numbers from coming back."""
    return [
        f"store/{participant}",
        layout.received_folder(HUB, participant),
        f"store/{HUB}/issued/{participant}",
        layout.store_folder(HUB, "client", participant),
        layout.upcoming_folder(HUB, "client", participant),
        *(layout.sealed_credentials_path(participant, which) for which in ("", layout.NEXT, layout.PREVIOUS)),
        f"exchange/{participant}",
        layout.contact_path(HUB, participant),
        layout.carried_path(HUB, participant),
        layout.tried_path(participant),
        layout.held_path(participant),
        f"{layout.OUTBOX}/{environment}.{HUB}-for-{participant}.zip",
    ]
