# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CA certificates of a scheme's directory: pinned by their digests, one chain a side, for one environment of the directory."""

from __future__ import annotations

from cryptography import x509

from ..description.model import Approval, Side
from ..document_steps import Phase
from ..findings import OPERATOR, Disposition, Finding
from ..pki.authority import read_chain
from ..pki.certificates import Chain, fingerprint
from ..pki.chains import authority_expiry, chain_faults
from ..pki.inputs import InputRefused
from ..store import layout
from .authorities import directory_chain, pem_of
from .run import Run, rekey_switch

ARTEFACT = "directory-ca"


def keep_authorities(run: Run, side: Side, found: tuple[x509.Certificate, ...]) -> None:
    """Install what a person brought (``found``) if it is the pinned chain; report what is missing, differs or ends."""
    before = directory_chain(run, side.name)
    try:
        chain = read_chain(pem_of(found), where="inbox") if found else ()
    except InputRefused as error:
        _note(run, side, error.reason, Disposition.FAULT, detail=f"{_inbox(side)}: {error.what}")
        chain = ()
    if chain and chain != before and _acceptable(run, side, chain, before):
        _note(run, side, "replaced" if before else "not-installed")
        run.tree.write(layout.directory_chain_path(side.name), pem_of(chain))
        before = chain
    _tell(run, side, before)


def _acceptable(run: Run, side: Side, chain: Chain, before: Chain) -> bool:
    """Whether the chain may be trusted: pinned as a whole, or the first one where the environment approves by itself."""
    faults = chain_faults(chain, run.now)
    for fault in faults:
        _note(run, side, fault.reason, Disposition.FAULT, detail=f"{_inbox(side)}: {fault.detail}")
    strangers = _not_pinned(run, chain)
    digests = ", ".join(f"sha256:{fingerprint(each)}" for each in chain)
    if strangers and run.description.directory.authorities:
        detail = f"{_inbox(side)}: none of directory.authorities is {strangers[0]}: find out whose CA that is, and remove it"
        _note(run, side, "authority-not-pinned", Disposition.FAULT, detail=detail)
    elif strangers and run.description.approval is not Approval.AUTOMATIC:
        detail = f"compare with what {run.description.profile.directory} says, then write into hub.yml, directory.authorities: [{digests}]"
        _note(run, side, "awaiting-approval", Disposition.PENDING, OPERATOR, detail)
    elif strangers and before and f"{side.name}/directory" not in run.rekey:
        detail = (
            f"{_inbox(side)} holds another chain ({digests}); the one in use goes on. To take it: {rekey_switch(f'{side.name}/directory')}"
        )
        _note(run, side, "authority-differs", Disposition.FAULT, detail=detail)
    else:
        return not faults
    return False


def _not_pinned(run: Run, chain: Chain) -> list[str]:
    digests = (f"sha256:{fingerprint(each)}" for each in chain)
    return [digest for digest in digests if digest not in run.description.directory.authorities]


def _tell(run: Run, side: Side, chain: Chain) -> None:
    profile = run.description.profile
    if not chain:
        place = profile.places.get(run.description.directory.environment)
        source = " and ".join(place.authorities) if place else f"the CA certificates of {profile.directory}"
        detail = f"put {source} into {_inbox(side)}"
        _note(run, side, "awaiting-authority", Disposition.PENDING, profile.directory, detail)
        return
    if run.description.directory.authorities and (strangers := _not_pinned(run, chain)):
        detail = f"in use is {strangers[0]}, which is none of directory.authorities: put the right chain into {_inbox(side)}"
        _note(run, side, "authority-not-pinned", Disposition.FAULT, detail=detail)
    for fault in authority_expiry(chain, profile.authority.renew_before_days, run.now):
        _note(run, side, fault.reason, Disposition.PENDING, profile.directory, fault.detail)


def _inbox(side: Side) -> str:
    return layout.directory_folder(side.name, "inbox")


def _note(run: Run, side: Side, reason: str, disposition: Disposition = Disposition.CHANGE, pending_on: str = "", detail: str = "") -> None:
    run.note(Finding(side.name, Phase.AUTHORITY_RECEIVED, side.name, ARTEFACT, reason, disposition, pending_on, detail))
