# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every side's folder of JWS public keys, one file for each FSPIOP id (JWS 3): what its backends verify with."""

from __future__ import annotations

from cryptography import x509

from ..description.model import HUB, Side
from ..exchange.jws_list import accept_jws_list, read_jws_list
from ..findings import Disposition, Finding
from ..store import layout
from .run import Run


def keep_jws_keys(run: Run, side: Side) -> None:
    """Bring the folder up to date: a participant's from the hub's signed list, the hub's from its own verified copies."""
    wanted = hub_keys(run) if side.name == HUB else _listed_keys(run, side)
    if not wanted:
        run.note(Finding(side.name, "jws-3", side.name, "jws-keys", "awaiting-counterpart", Disposition.PENDING, HUB))
        return
    folder = layout.jws_keys_folder(side.name)
    kept = {name: run.tree.read(f"{folder}/{name}") for name in run.tree.names(folder)}
    for name in sorted({f"{fspiop_id}.pem" for fspiop_id in wanted} | set(kept)):
        _keep(run, side, name, kept.get(name), wanted.get(name.removesuffix(".pem")))


def hub_keys(run: Run) -> dict[str, bytes]:
    """The JWS public keys that the hub vouches for, by FSPIOP id: its own and every active participant's."""
    found = {run.description.hub.fspiop_id: run.tree.read(f"{layout.store_folder(HUB, 'jws')}/public.pem")}
    for participant in run.description.participants:
        if participant.active:
            found[participant.fspiop_id] = run.tree.read(f"{layout.received_folder(HUB, participant.name)}/jws.pem")
    return {name: content for name, content in found.items() if content is not None}


def _keep(run: Run, side: Side, name: str, kept: bytes | None, wanted: bytes | None) -> None:
    if kept == wanted:
        return
    reason = "not-installed" if kept is None else "unwanted" if wanted is None else "replaced"
    run.note(Finding(side.name, "jws-3", side.name, f"jws-keys/{name}", reason))
    path = f"{layout.jws_keys_folder(side.name)}/{name}"
    if wanted is None:
        run.tree.remove(path)
    else:
        run.tree.write(path, wanted)


def _listed_keys(run: Run, side: Side) -> dict[str, bytes]:
    pem = run.tree.read(f"{layout.received_folder(side.name, HUB)}/exchange.pem")
    if pem is None:
        return {}
    listed = read_jws_list(run.tree, run.description.environment, side.name, [x509.load_pem_x509_certificate(pem)])
    accept_jws_list(run.tree, side.name)
    return listed
