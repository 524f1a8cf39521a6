# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one Payment Manager needs in Vault: its own PKI and secrets, a policy that opens nothing else, and an AppRole.

Source: ``src/config.ts`` of management-api 7, and what @mojaloop/mcm-client 4.1.2 was seen to ask for. Upstream's examples let one role
sign any name and one policy open every mount; here a role signs the participant's own host alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..description.model import Participant
from ..store.vault.client import Vault

Json = dict[str, Any]
YEARS = "87600h"
LEAF = "8760h"
SECRET_ID_TTL = 90 * 24 * 3600
"""Seconds for which a secret id is good; the next one is made when a third is left."""
APPROLE = "approle/"
SHARED = "AppRole login"
"""The one thing that all of them have in common."""


@dataclass(frozen=True)
class Object:
    """One thing in Vault: where it is read and written, what of it counts, and what makes it anew."""

    name: str
    path: str
    wanted: Mapping[str, object]
    body: Mapping[str, object]
    method: str = "POST"


@dataclass(frozen=True)
class Tenant:
    """One participant's part of a Vault."""

    participant: Participant
    key_bits: int

    @property
    def pki(self) -> str:
        """Its PKI mount."""
        return f"pki-{self.participant.name}"

    @property
    def secrets(self) -> str:
        """Its KV v1 mount."""
        return f"secrets-{self.participant.name}"

    @property
    def role(self) -> str:
        """Its AppRole, and its policy."""
        return f"pm4ml-{self.participant.name}"

    @property
    def host(self) -> str:
        """The host that its certificates are for."""
        return self.participant.endpoint.host if self.participant.endpoint else self.participant.name

    @property
    def policy(self) -> str:
        """Sign and issue with its two roles, read its CA, and keep its own secrets: no other path of this server."""
        paths = {f"{self.pki}/issue/server": "create, update", f"{self.pki}/sign/client": "create, update"}
        paths |= {f"{self.pki}/ca/pem": "read", f"{self.pki}/ca_chain": "read", f"{self.pki}/cert/ca": "read"}
        paths |= {f"{self.secrets}/*": "create, read, update, delete, list"}
        lines = (f'path "{path}" {{ capabilities = [{_quoted(allowed)}] }}' for path, allowed in paths.items())
        return "\n".join(lines) + "\n"

    def objects(self) -> Iterator[Object]:
        """What is written by one request and read back as it was written, in the order in which it can be made."""
        common: Json = {
            "allowed_domains": [self.host],
            "allow_bare_domains": True,
            "allow_subdomains": False,
            "allow_any_name": False,
            "enforce_hostnames": True,
            "require_cn": False,
            "use_csr_common_name": False,
            "use_csr_sans": False,
            "key_type": "rsa",
            "key_bits": self.key_bits,
        }
        for name, flags in (("server", (True, False)), ("client", (False, True))):
            wanted = common | {"server_flag": flags[0], "client_flag": flags[1]}
            yield Object(f"role {name}", f"{self.pki}/roles/{name}", wanted, wanted | {"max_ttl": LEAF, "ttl": LEAF})
        yield Object("policy", f"sys/policies/acl/{self.role}", {"policy": self.policy}, {"policy": self.policy})
        approle = {"token_policies": [self.role], "token_ttl": 3600, "token_max_ttl": 24 * 3600, "secret_id_ttl": SECRET_ID_TTL}
        yield Object("AppRole", f"auth/approle/role/{self.role}", approle, approle)


def mounts(vault: Vault, tenant: Tenant) -> Iterator[Object]:
    """The mounts that are missing; nothing that is there is mounted anew."""
    there = vault.read_plain("sys/mounts") or {}
    if f"{tenant.pki}/" not in there:
        yield Object("mount pki", f"sys/mounts/{tenant.pki}", {}, {"type": "pki", "config": {"max_lease_ttl": YEARS}})
    if f"{tenant.secrets}/" not in there:
        yield Object("mount secrets", f"sys/mounts/{tenant.secrets}", {}, {"type": "kv", "options": {"version": "1"}})
    if APPROLE not in (vault.read_plain("sys/auth") or {}):
        yield Object(SHARED, "sys/auth/approle", {}, {"type": "approle"})


def authority(vault: Vault, tenant: Tenant, *, mounted: bool) -> Iterator[Object]:
    """The CA, made once: its key never leaves Vault."""
    if not mounted or vault.read_plain(f"{tenant.pki}/issuers?list=true") is None:
        participant = tenant.participant
        subject = {"common_name": f"{participant.organisation} CA", "organization": participant.organisation}
        country = {"country": participant.country} if participant.country else {}
        body = {**subject, **country, "key_type": "rsa", "key_bits": max(tenant.key_bits, 3072), "ttl": YEARS, "max_path_length": 0}
        yield Object("CA", f"{tenant.pki}/root/generate/internal", {}, body)


def difference(vault: Vault, wanted: Object) -> str:
    """``missing`` or ``differs``; empty where Vault has it as it is wanted."""
    found = vault.read_plain(wanted.path)
    if found is None:
        return "missing"
    return "differs" if any(found.get(name) != value for name, value in wanted.wanted.items()) else ""


def _quoted(words: str) -> str:
    return ", ".join(f'"{word}"' for word in words.split(", "))
