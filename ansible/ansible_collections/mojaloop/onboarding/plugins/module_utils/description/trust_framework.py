# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scheme's directory as the description has it: which of its environments, and as what each side is registered there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Registration:
    """As what a side is registered in the scheme's directory: its organisation's id, and the client id of its application."""

    organisation_id: str
    client_id: str = ""


@dataclass(frozen=True)
class TrustFramework:
    """The directory of this environment: which of its environments, and the digests (``sha256:<hex>`` of the DER) of its CA certificates.

    ``application_auth``: how messages are authenticated beside mutual TLS; ``mtls`` for nothing more.
    """

    environment: str = ""
    authorities: tuple[str, ...] = ()
    application_auth: str = "mtls"
    hub_server_ca_file: str = ""
    """CA of the hub's server certificate where another one than the directory has signed it; empty: the directory has."""
    keystore_ca_file: str = ""
    """CA of the server with its key sets, which a run then reads by itself; empty: a person saves them."""
