# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How publications travel between the hub and a participant, as frozen values."""

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
class ConnectionManagerServer:
    """The Connection Manager of an environment. ``authentication`` is the hub's; ``environment`` names one of its first era."""

    url: str
    environment: str
    ca_file: str = ""
    authentication: ManagerAuthentication = ManagerAuthentication()


@dataclass(frozen=True)
class ConnectionManagerTransport(Transport):
    """Publications travel through the Connection Manager that hub.yml names. ``authentication`` is the participant's own."""

    kind: str = "connection-manager"
    authentication: ManagerAuthentication = ManagerAuthentication()
