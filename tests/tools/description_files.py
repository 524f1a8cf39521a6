# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A right description of a production environment, to be made wrong in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError

HUB = """\
format: 1
environment: live
kind: production
profile: mojaloop
approval: manual
hub:
  id: switch
  organisation: National Switch
  endpoint:
    url: https://api.switch.example
    addresses: [45.60.1.10]
  egress_addresses: [45.60.1.11/32]
  ca: {kind: internal}
  keys: {tls: ec-p256}
  gateways:
    - host: hub-gateway
      kind: haproxy
      inbound: [{address: 10.1.0.10, port: 8443}]
      inbound_backend: {address: 127.0.0.1, port: 3000}
      outbound: {address: 127.0.0.1, port: 3100}
  firewall: {kind: nftables}
  authorization_server:
    kind: rfc7591
    issuer: https://auth.switch.example
    registration_url: https://auth.switch.example/reg
    token_endpoint: https://auth.switch.example/token
    jwks_url: https://auth.switch.example/jwks
    audience: https://api.switch.example
    ca_file: ca/authorization-server.pem
    initial_access_token_file: "{state}/initial-access-token"
defaults:
  roles: [parties, quotes]
gate: {kind: none, reason: the first environment of the scheme}
"""

GREENBANK = """\
format: 1
id: greenbank
organisation: Green Bank
hosting: managed
currencies: [USD, KES]
endpoint:
  url: https://fspiop.greenbank.example:8443/fspiop
  addresses: [45.60.2.20]
egress_addresses: [45.60.2.21/32, "2c0f:fe38:2::/64"]
ca: {kind: internal}
keys: {tls: rsa-2048}
gateways:
  - host: greenbank-gateway
    kind: haproxy
    inbound: [{address: 10.2.0.10, port: 8443}]
    inbound_backend: {address: 127.0.0.1, port: 3000}
    outbound: {address: 127.0.0.1, port: 3100}
firewall: {kind: nftables}
net_debit_cap: {USD: "10000"}
notification_addresses: [operations@greenbank.example]
first_publication: sha256:0000000000000000000000000000000000000000000000000000000000000000
roles: [quotes]
state: active
"""

REDBANK = """\
format: 1
id: redbank
organisation: Red Bank
endpoint:
  url: https://fspiop.redbank.example
  addresses: [45.60.3.20]
egress_addresses: [45.60.3.21/32]
"""

PROBE = """\
format: 1
id: {id}
organisation: National Switch
probe: true
egress_addresses: [{address}]
"""


@dataclass
class Folder:
    """A description's folder whose files can be edited; every edit must find its text."""

    path: Path

    @classmethod
    def made(cls, path: Path) -> Folder:
        """A right description at a path."""
        folder = cls(path)
        folder.write("hub.yml", HUB)
        folder.write("participants/greenbank.yml", GREENBANK)
        folder.write("participants/redbank.yml", REDBANK)
        folder.write("participants/probe-one.yml", PROBE.format(id="probe-one", address="45.60.9.1"))
        folder.write("participants/probe-two.yml", PROBE.format(id="probe-two", address="45.60.9.2"))
        return folder

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace one text in one file."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def load(self, *, strict: bool = False) -> Description:
        """The description of the folder."""
        return load_description(self.path, strict=strict)

    def problems(self) -> list[str]:
        """All problems, file names relative to the folder."""
        try:
            found = [problem for _, problems in self.load().broken for problem in problems]
        except DescriptionError as error:
            found = [str(problem) for problem in error.problems]
        return [problem.replace(f"{self.path}/", "") for problem in found]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 -- any data
    """Every place in nested data, the whole first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:  # noqa: ANN401 -- any data
    """A copy of nested data with one place replaced, or taken away where ``new`` is ``...``."""
    if not path:
        return new
    copy = value.copy()
    if new is ... and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy
