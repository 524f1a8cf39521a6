# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of the onboarding documents, in their order: the columns of every summary.

Source: Mojaloop Hub Operations, "Technical onboarding of DFSPs", sections "Creating and sharing certificates",
"Sharing endpoint information", "Obtaining an OAuth token", "Setting up the Hub backend" and "Testing and validation".
"""

from __future__ import annotations

from dataclasses import dataclass


class Phase:
    """What is done to an artefact, and the document step that it belongs to: the one place where steps have keys."""

    SERVER_MADE = "tls-1"
    AUTHORITY_MADE = "tls-1"
    STORE = "tls-1"
    """The state folder itself, which everything else begins with."""
    GATEWAY_MADE = "tls-1"
    SERVER_SHARED = "tls-2"
    AUTHORITY_SHARED = "tls-2"
    EXCHANGE_KEY = "tls-2"
    PUBLICATION_MADE = "tls-2"
    PUBLICATION_RECEIVED = "tls-3"
    AUTHORITY_RECEIVED = "tls-3"
    AUTHORITY_INSTALLED = ("tls-3", "tls-8")
    CLIENT_REQUESTED = "tls-4"
    SERVER_REQUESTED = "tls-4"
    CLIENT_SIGNED = "tls-5"
    CALLER_ACCEPTED = "tls-5"
    LIST_MADE = "tls-5"
    CLIENT_RETURNED = "tls-6"
    SERVER_RETURNED = "tls-6"
    CLIENT_INSTALLED = "tls-7"
    JWS_MADE = "jws-1"
    JWS_SHARED = "jws-2"
    JWS_RECEIVED = "jws-3"
    JWS_INSTALLED = "jws-4"
    ADDRESSES = "endpoints-1"
    URLS = "endpoints-2"
    OAUTH = "oauth"
    LEDGER_HUB = "backend-3"
    LEDGER_PARTICIPANT = "backend-5"
    TESTING = "testing"


@dataclass(frozen=True)
class DocumentStep:
    """One step of the documents: its key, and its wording for people."""

    key: str
    title: str


DOCUMENT_STEPS: tuple[DocumentStep, ...] = (
    DocumentStep(Phase.SERVER_MADE, "server certificate signed by the side's CA"),
    DocumentStep(Phase.SERVER_SHARED, "server certificate and CA chain shared"),
    DocumentStep(Phase.AUTHORITY_RECEIVED, "counterpart's CA chain installed for outbound verification"),
    DocumentStep(Phase.CLIENT_REQUESTED, "request for the client certificate made and shared"),
    DocumentStep(Phase.CLIENT_SIGNED, "counterpart's request signed"),
    DocumentStep(Phase.CLIENT_RETURNED, "signed client certificate and root shared"),
    DocumentStep(Phase.CLIENT_INSTALLED, "own client certificate installed in the outbound gateway"),
    DocumentStep(Phase.AUTHORITY_INSTALLED[1], "counterpart's root installed in the outbound gateway"),
    DocumentStep(Phase.JWS_MADE, "JWS keystore, key pair and certificate made"),
    DocumentStep(Phase.JWS_SHARED, "JWS public key shared"),
    DocumentStep(Phase.JWS_RECEIVED, "JWS keys of all other sides installed inbound"),
    DocumentStep(Phase.JWS_INSTALLED, "own JWS private key installed outbound"),
    DocumentStep(Phase.ADDRESSES, "addresses in the firewall and gateway allowlists"),
    DocumentStep(Phase.URLS, "callback and API URLs configured"),
    DocumentStep(Phase.OAUTH, "OAuth client, roles and token"),
    DocumentStep(Phase.LEDGER_HUB, "hub's ledger accounts, e-mails and settlement models"),
    DocumentStep(Phase.LEDGER_PARTICIPANT, "in the ledger: currencies, callbacks, cap, e-mails"),
    DocumentStep(Phase.TESTING, "security set-up validated with real traffic"),
)

STEP_KEYS: tuple[str, ...] = tuple(step.key for step in DOCUMENT_STEPS)
