# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's internal listener, as HAProxy 2.6 configuration: its operators reach ledger and account lookup here, by token and role.

Threat: neither system has access control; whoever reaches its port can book money. So the listener permits what a table permits
(``administration``), and nothing passes on the word of the caller: the role is looked up by the client that the token names.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...description.model import Listener
from ..administration import ACCOUNT_LOOKUP, LEDGER, PERMISSIONS
from ..model import Inbound, Internal
from ..policy import HANDSHAKE_SECONDS, METHODS, OWNED, OWNED_FAMILIES
from .connections import WHOLE_REQUEST, host, shares
from .lines import CURRENT, NO_TUNNEL, PARTING, clean_path, log_format, map_file, refusal
from .tokens import client_lines, token_lines


def internal_sections(inbound: Inbound) -> list[str]:
    """The frontend and the backends behind it, where the description has one; GatewayError when a value may not enter."""
    if inbound.internal is None:
        return []
    internal = inbound.internal
    systems = dict(_systems(internal))
    networks = " ".join(str(network) for network in internal.place.networks)
    return [
        "frontend internal",
        f'    bind {_place(internal.place.listener)} ssl crt "{CURRENT}/server.pem" alpn http/1.1',
        *shares("connection"),
        f"    timeout client {HANDSHAKE_SECONDS}s",
        log_format("operator=%[var(txn.operator)] role=%[var(txn.role)] refused=%[var(txn.refused)] %HM %HP"),
        PARTING,
        *NO_TUNNEL,
        *refusal("address-mismatch", f"unless {{ src {networks} }}"),
        *clean_path(),
        *refusal("method-unknown", f"unless {{ method {' '.join(METHODS)} }}"),
        *(f"    http-request del-header {name}" for name in OWNED),
        *(f"    http-request del-header {prefix} -m beg" for prefix in OWNED_FAMILIES),
        "    http-response del-header x-refused- -m beg if { res.hdr(x-refused-by) -i gateway }",
        WHOLE_REQUEST,
        *token_lines(internal.tokens),
        *_role(),
        *_permission(systems),
        *(f"    use_backend {name} if {{ var(txn.system) -m str {name} }}" for name in systems),
        "",
        *(line for name, backend in systems.items() for line in (f"backend {name}", f"    server {name} {_place(backend)}", "")),
    ]


def _systems(internal: Internal) -> Iterator[tuple[str, Listener]]:
    yield LEDGER, internal.place.ledger
    if internal.place.account_lookup:
        yield ACCOUNT_LOOKUP, internal.place.account_lookup


def _place(listener: Listener) -> str:
    return f"{host(str(listener.address))}:{listener.port}"


def _role() -> list[str]:
    return [
        *client_lines(),
        f'    http-request set-var(txn.role) "var(txn.client),map_str({map_file("operators")})"',
        *refusal("token-client", "unless { var(txn.role) -m found }"),
        "    http-request set-var(txn.operator) var(txn.client)",
    ]


def _permission(systems: dict[str, Listener]) -> list[str]:
    """One row of the table must permit the request; then the system gets its own path, and no token."""
    return [
        *(
            f"    http-request set-var(txn.permitted) bool(true) if {{ var(txn.role) -m str {' '.join(row.roles)} }} "
            f"{{ method {' '.join(row.methods)} }} {{ path -m reg '^/{row.system}/({row.path})$' }} "
            f"!{{ path -m str /{row.system}/{row.but} }}"
            for row in PERMISSIONS
            if row.system in systems
        ),
        *refusal("role-missing", "unless { var(txn.permitted) -m bool }"),
        "    http-request set-var(txn.system) path,field(2,/)",
        r"    http-request replace-path /[a-z-]+(/.*) \1",
        "    http-request del-header authorization",
    ]
