# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How publications travel between the hub and a participant, and how a participant connects, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Transport:
    """How publications travel. ``local``: in the exchange folder, which both sides read and write; ``bundle``: as carried files."""

    kind: str = "local"


@dataclass(frozen=True)
class ManagerAuthentication:
    """How one side presents itself to Connection Manager.

    ``none``: the way there is enough. ``client-credentials``: a client of an OpenID provider, with the secret in ``secret_file``.
    ``login``: a name and the password in ``password_file`` (the first era, with its cookie).
    """

    kind: str = "none"
    token_url: str = ""
    client_id: str = ""
    secret_file: str = field(default="", repr=False)
    username: str = ""
    password_file: str = field(default="", repr=False)


@dataclass(frozen=True)
class ManagerHost:
    """The server itself, on a host of the hub. ``host`` is an inventory entry; ``program`` the folder of the installed server there.

    ``settings`` are variables by name, ``secret_files`` the files with those that are secrets.
    """

    host: str
    version: str
    program: str
    folder: str = "/etc/mojaloop/connection-manager"
    node: str = "/usr/bin/node"
    port: int = 3001
    account: str = "mojaloop-manager"
    service: str = "mojaloop-connection-manager.service"
    settings: tuple[tuple[str, str], ...] = ()
    secret_files: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def era(self) -> str:
        """The major version: names of variables change with it."""
        return self.version.partition(".")[0]


@dataclass(frozen=True)
class ConnectionManagerServer:
    """The Connection Manager of an environment. ``authentication`` is the hub's; ``environment`` names one of its first era."""

    url: str
    environment: str
    ca_file: str = ""
    authentication: ManagerAuthentication = ManagerAuthentication()
    server: ManagerHost | None = None
    """Where this pack also operates it; None: someone else does."""


@dataclass(frozen=True)
class ConnectionManagerTransport(Transport):
    """Publications travel through the Connection Manager that hub.yml names. ``authentication`` is the participant's own.

    ``oauth_token_url``: the participant takes its OAuth client from there as well, whose tokens come from this URL; empty: it does not.
    """

    kind: str = "connection-manager"
    authentication: ManagerAuthentication = ManagerAuthentication()
    oauth_token_url: str = ""


@dataclass(frozen=True)
class VaultBundles:
    """Where deployments read the hub's client certificates: ``path`` is ``<mount>/<folder>`` of a KV v1 engine, ``whitelist`` a secret.

    Who asks: the token of a file, or an AppRole with its two files.
    """

    url: str
    path: str = "secret/onboarding_pm4mls"
    whitelist: str = ""
    ca_file: str = ""
    token_file: str = field(default="", repr=False)
    role_id_file: str = field(default="", repr=False)
    secret_id_file: str = field(default="", repr=False)


@dataclass(frozen=True)
class Connector:
    """How a participant's services connect. ``direct``: behind its own gateway, nothing is configured in them."""

    kind: str = "direct"


@dataclass(frozen=True)
class OzoneConnector(Connector):
    """An LFI's own Ozone Connect server (profile ``uae-api-hub``): the API Hub calls it, and nothing is configured in it."""

    kind: str = "ozone-connect"


@dataclass(frozen=True, kw_only=True)
class PaymentManagerConnector(Connector):
    """A Payment Manager that this installation hosts, with its part of a Vault, whose administrator's token is in a file.

    ``folder``: where the files of ``store/<id>/payment-manager/`` are mounted for it. ``credentials_file``: its client's id and secret
    at the hub's authorization server; where absent, those that this installation has registered. ``version``: of the Mojaloop SDK beside
    it (empty: its settings are left to the deployment); it calls ``backend``, and is pushed its keys by management-api at ``control``.
    """

    kind: str = "payment-manager"
    vault_url: str
    vault_token_file: str = field(repr=False)
    vault_ca_file: str = ""
    credentials_file: str = field(default="", repr=False)
    folder: str = "/etc/mojaloop/payment-manager"
    key_bits: int = 4096
    version: str = ""
    backend: str = "127.0.0.1:3003"
    cache: str = "127.0.0.1:6379"
    control: str = "127.0.0.1:4005"
    inbound_port: int = 4000
    outbound_port: int = 4001
