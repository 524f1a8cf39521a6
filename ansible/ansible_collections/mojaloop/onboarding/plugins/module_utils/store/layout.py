# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where everything is in the state folder: every path of the store, the exchange and the journal, in this one place.

Paths are relative to the state folder, as a ``Tree`` takes them.
"""

from __future__ import annotations

from ..description.model import HUB

JWS_LIST_FOLDER = "exchange/jws"
"""The hub's signed list of every side's JWS key."""
OUTBOX, INBOX = "outbox", "inbox"
"""Files with one side of the exchange that a person carries: those made here, and those that came."""
OWN_CLIENT = "own-client.pem"
PREVIOUS_OWN_CLIENT = "own-client.previous.pem"
"""Among what was received: with what a counterpart calls a side that has no CA to sign it, and what that replaced."""
NEXT, PREVIOUS = ".next", ".previous"
"""An OAuth client that is prepared and not handed over yet, and the one that it replaced while both work."""
LEASE_FOLDER = "journal/lease"
KEYS_FOLDER = "journal/keys"
SERIALS_FOLDER = "journal/serials"
LIST_NUMBERS_FOLDER = "journal/sequences/crl"


def store_folder(side: str, artefact: str, counterpart: str = "") -> str:
    """Folder of an artefact (``ca``, ``server``, ``client``, ``jws``, ``exchange``) of a side, for one counterpart where it has several."""
    folder = f"store/{side}/{artefact}"
    return f"{folder}/{counterpart}" if counterpart else folder


def upcoming_folder(side: str, artefact: str, counterpart: str = "") -> str:
    """The sibling folder in which a renewal of an artefact is prepared."""
    return store_folder(side, artefact, counterpart) + ".next"


def jws_keys_folder(side: str) -> str:
    """Public JWS keys of every side, one ``<FSPIOP id>.pem`` each: what a side's backends read."""
    return f"store/{side}/jws-keys"


def directory_chain_path(side: str) -> str:
    """The CA certificates of the scheme's directory, as a side has pinned them."""
    return f"store/{side}/directory/chain.pem"


def key_ids_path(side: str) -> str:
    """The key ids that the directory has given to a side's certificates."""
    return f"store/{side}/directory/key-ids.json"


def directory_folder(side: str, name: str) -> str:
    """What a person carries to the scheme's directory (``outbox``) and brings back (``inbox``) for a side."""
    return f"directory/{side}/{name}"


def received_folder(side: str, counterpart: str) -> str:
    """Verified copies of what a counterpart published."""
    return f"store/{side}/received/{counterpart}"


def issued_path(issuer: str, holder: str, artefact: str) -> str:
    """The certificate that the CA of side ``issuer`` signed for ``holder``."""
    return f"store/{issuer}/issued/{holder}/{artefact}.pem"


def manager_authority_path() -> str:
    """The CA with which the hub's Connection Manager signs participants' requests, where it does so itself."""
    return f"store/{HUB}/connection-manager-ca.pem"


def payment_manager_folder(participant: str) -> str:
    """The files with which a participant's Payment Manager starts, its credentials at Vault among them."""
    return f"store/{participant}/payment-manager"


def planned_bundle_path(name: str) -> str:
    """In dry runs alone: what an earlier pass has planned to write into Vault for this participant."""
    return f"journal/planned-bundles/{name}"


def activation_path(participant: str) -> str:
    """What of a participant the hub's Connection Manager was last asked to put into force."""
    return f"journal/connection-manager/{participant}.json"


def own_list_path(side: str) -> str:
    """The revocation list of a side's own CA."""
    return f"store/{side}/ca/crl.pem"


def passphrase_path(side: str) -> str:
    """The passphrase of a side's CA key, kept beside it in labs only."""
    return f"store/{side}/ca.passphrase"


def registrations_folder() -> str:
    """The hub's records of OAuth clients."""
    return f"store/{HUB}/oauth"


def registration_path(participant: str, which: str = "") -> str:
    """The hub's record of a participant's OAuth client (``which``: also ``NEXT`` or ``PREVIOUS``); holds no client secret."""
    return f"{registrations_folder()}/{participant}{which}.json"


def operator_path(client: str) -> str:
    """The OAuth credentials of an operator of the hub, where this pack makes its client."""
    return f"store/{HUB}/operators/{client}.json"


def credentials_path(participant: str, which: str = "") -> str:
    """The participant's own OAuth credentials: what its connector reads; those of ``NEXT`` are for no one yet."""
    return f"store/{participant}/oauth/credentials{which}.json"


def ilp_secret_path(participant: str) -> str:
    """The secret from which the participant's connector makes ILP fulfilments. It never leaves its side."""
    return f"store/{participant}/ilp/secret"


def sealed_credentials_path(participant: str, which: str = "") -> str:
    """A participant's OAuth credentials, encrypted to its exchange key: what the hub publishes for it, ``NEXT`` left out."""
    return f"store/{HUB}/oauth/{participant}{which}.p7m"


def accepted_path(host: str) -> str:
    """Which prepared OAuth clients the hub's gateway on a host was seen to accept."""
    return f"journal/listeners/{host}.json"


def listed_keys_folder(participant: str) -> str:
    """The JWS keys of all sides as the channel to the hub lists them for this participant, where no one signs the hub's list."""
    return f"exchange/{participant}/jws"


def exchange_folder(participant: str, *, from_hub: bool) -> str:
    """What the hub publishes for a participant, or what that participant publishes."""
    return f"exchange/{participant}/{'hub' if from_hub else 'participant'}"


def is_input(folder: str) -> bool:
    """Whether participants write in this folder. No one else does: what is published here for them is staged beside it."""
    top, _, below = folder.partition("/")
    name, _, last = below.partition("/")
    return bool(name) and (top, last) == ("exchange", "participant")


def publication_folder(sender: str, receiver: str) -> str:
    """The exchange folder in which one side publishes for the other; exactly one of them is the hub."""
    return exchange_folder(receiver, from_hub=True) if sender == HUB else exchange_folder(sender, from_hub=False)


def serial_path(serial: int) -> str:
    """The reservation of a serial number."""
    return f"{SERIALS_FOLDER}/{serial:x}.json"


def issues_folder(issuer: str) -> str:
    """The audit records of the certificates a side's CA signed."""
    return f"journal/issued/{issuer}"


def issue_path(issuer: str, serial: int) -> str:
    """The audit record of one certificate."""
    return f"{issues_folder(issuer)}/{serial:x}.json"


def revoked_folder(issuer: str) -> str:
    """What a side's CA has revoked: one small file a certificate."""
    return f"journal/revoked/{issuer}"


def revoked_path(issuer: str, serial: int) -> str:
    """The revocation of one certificate."""
    return f"{revoked_folder(issuer)}/{serial:x}.json"


def list_number_path(issuer: str) -> str:
    """The highest number of a revocation list that a side's CA has signed."""
    return f"{LIST_NUMBERS_FOLDER}/{issuer}.json"


def key_path(digest: str) -> str:
    """The register's entry of a public key, by the SHA-256 of its SubjectPublicKeyInfo (hex)."""
    return f"{KEYS_FOLDER}/{digest}.json"


def held_path(side: str) -> str:
    """The artefacts that a side was seen to hold."""
    return f"journal/held/{side}.json"


def contact_path(side: str, counterpart: str) -> str:
    """What ``side`` knows its ``counterpart`` by since first contact."""
    return f"journal/contacts/{side}/{counterpart}.json"


def published_path(sender: str, receiver: str) -> str:
    """The highest sequence number a side has published for another."""
    return f"journal/sequences/published/{sender}/{receiver}.json"


def opening_funds_path(participant: str, currency: str) -> str:
    """What was asked of the ledger as a participant's opening funds in one currency, and whether it was booked."""
    return f"journal/ledger/{participant}/{currency}.json"


def seen_path(reader: str, sender: str) -> str:
    """The highest sequence number a side has accepted from another."""
    return f"journal/sequences/seen/{reader}/{sender}.json"


def carried_path(reader: str, sender: str) -> str:
    """The file with the other side of the exchange that ``reader`` took last from ``sender``."""
    return f"journal/carried/{reader}/{sender}.json"


def tried_path(participant: str) -> str:
    """For which material a call of this participant has passed."""
    return f"journal/tried/{participant}.json"
