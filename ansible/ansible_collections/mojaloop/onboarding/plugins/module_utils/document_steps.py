# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of the onboarding documents, in their order: the columns of every summary.

Source: Mojaloop Hub Operations, "Technical onboarding of DFSPs", sections "Creating and sharing certificates",
"Sharing endpoint information", "Obtaining an OAuth token", "Setting up the Hub backend" and "Testing and validation".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DocumentStep:
    """One step of the documents: its key, and its wording for people."""

    key: str
    title: str


DOCUMENT_STEPS: tuple[DocumentStep, ...] = (
    DocumentStep("tls-1", "server certificate signed by the side's CA"),
    DocumentStep("tls-2", "server certificate and CA chain shared"),
    DocumentStep("tls-3", "counterpart's CA chain installed for outbound verification"),
    DocumentStep("tls-4", "request for the client certificate made and shared"),
    DocumentStep("tls-5", "counterpart's request signed"),
    DocumentStep("tls-6", "signed client certificate and root shared"),
    DocumentStep("tls-7", "own client certificate installed in the outbound gateway"),
    DocumentStep("tls-8", "counterpart's root installed in the outbound gateway"),
    DocumentStep("jws-1", "JWS keystore, key pair and certificate made"),
    DocumentStep("jws-2", "JWS public key shared"),
    DocumentStep("jws-3", "JWS keys of all other sides installed inbound"),
    DocumentStep("jws-4", "own JWS private key installed outbound"),
    DocumentStep("endpoints-1", "addresses in the firewall and gateway allowlists"),
    DocumentStep("endpoints-2", "callback and API URLs configured"),
    DocumentStep("oauth", "OAuth client, roles and token"),
    DocumentStep("backend-3", "hub's ledger accounts, e-mails and settlement models"),
    DocumentStep("backend-5", "in the ledger: currencies, callbacks, cap, e-mails"),
    DocumentStep("testing", "security set-up validated with real traffic"),
)

STEP_KEYS: tuple[str, ...] = tuple(step.key for step in DOCUMENT_STEPS)
