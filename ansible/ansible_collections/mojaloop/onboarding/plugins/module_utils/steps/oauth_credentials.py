# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The participant's half of OAuth where the hub runs elsewhere: opening the credentials that the hub sealed for it."""

from __future__ import annotations

from functools import partial

from ..description.model import HUB
from ..document_steps import Phase
from ..errors import OnboardingError
from ..exchange.refusal import PublicationRefused
from ..exchange.sealing import open_sealed, sealed_anew
from ..findings import Finding
from ..formats import read_json
from ..oauth.records import canonical
from ..pki.authority import CHAIN_LIMIT
from ..pki.certificates import CertificateUnreadable, read_certificate
from ..pki.inputs import check_input
from ..store import layout
from .publications import exchange_key
from .run import Relation, Run

SEALED = "oauth.p7m"
check_sealed = partial(check_input, labels=("PKCS7", "CMS"), most=1, limit=CHAIN_LIMIT, where=SEALED)
"""What a file must at least be to be opened, or kept where it is not for this side to open."""
_FIELDS = {"client_id", "client_secret", "token_url", "scope"}


def opened_credentials(run: Run, relation: Relation, sealed: bytes) -> bytes | None:
    """The credentials as the participant's connector reads them; None when there is nothing to open here.

    PublicationRefused (``sealed-for-another``, ``sealed-unreadable``, ``credentials-unreadable``) when they cannot be had.
    """
    side = relation.side.name
    if relation.counterpart.name != HUB or HUB in run.sides:
        # In a run with the hub they are put where they belong without a seal.
        return None
    try:
        certificate = read_certificate(run.tree.read(f"{layout.store_folder(side, 'exchange')}/certificate.pem") or b"")
        key = exchange_key(run, side)
    except (OnboardingError, CertificateUnreadable):
        # Damaged or lost: reported by ``generate``.
        return None
    try:
        return _checked(open_sealed(sealed, key, certificate, where=SEALED))
    except PublicationRefused as refusal:
        if refusal.reason == "sealed-for-another" and _opened_before(run, relation, sealed):
            return None
        raise


def install_credentials(run: Run, relation: Relation, content: bytes | None) -> None:
    """Keep opened credentials for the participant's connector, unless it has them."""
    path = layout.credentials_path(relation.side.name)
    kept = run.tree.read(path) if content is not None else None
    if content is not None and kept != content:
        reason = "not-installed" if kept is None else "replaced"
        run.note(Finding(relation.participant, Phase.OAUTH, relation.side.name, "credentials", reason))
        run.tree.write(path, content)


def _opened_before(run: Run, relation: Relation, sealed: bytes) -> bool:
    """Whether this was opened with the exchange key before: the hub seals again as soon as it has received the new one."""
    side = relation.side.name
    kept = run.tree.read(f"{layout.received_folder(side, HUB)}/{SEALED}")
    return kept == sealed_anew(sealed, where=SEALED) and run.tree.status(layout.credentials_path(side)) is not None


def _checked(content: bytes) -> bytes:
    try:
        found = read_json(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found) != _FIELDS or not all(isinstance(value, str) for value in found.values()):
        # Nothing of it is reported: it may hold the secret.
        what = f"does not hold the credentials of a client; allowed: {', '.join(sorted(_FIELDS))}"
        raise PublicationRefused("credentials-unreadable", what, where=SEALED, remedy="The hub publishes them again.")
    return canonical(found)
