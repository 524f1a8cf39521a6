# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a connector runs with, as values: its variables, its files, and the peers' keys that it watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENVIRONMENT = "connector.env"
SIGNING_KEY = "jws.pem"
SERVER, SERVER_KEY, CALLERS_CA = "server.pem", "server-key.pem", "callers-ca.pem"
CLIENT, CLIENT_KEY, HUB_CA = "client.pem", "client-key.pem", "hub-ca.pem"
LOOPBACK = "loopback.cjs"
UNIT = "connector.service"
PEER_KEYS = "peer-keys"
"""Folder beside the releases: its files change while the connector runs."""


@dataclass(frozen=True)
class Settings:
    """A connector's complete settings. ``files`` are the private ones of a release, ``peer_keys`` public keys by FSPIOP id."""

    era: str
    variables: Mapping[str, str] = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    peer_keys: Mapping[str, bytes]
    public_ports: tuple[int, ...] = ()
    """Ports at which others than this machine may call; the SDK itself can bind none of its ports to one address."""
