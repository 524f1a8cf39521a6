# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in for Connection Manager 3.4.0 as a program:   python -m support.connection_manager.serve PORT SWITCH VAULT TOKEN BUNDLES

What ``onboard`` makes goes to Vault, below BUNDLES (``<mount>/<folder>`` of a KV v1 engine). It says ``ready``, ends with its standard
input, and then says what of its answers was not as published.
"""

from __future__ import annotations

import json
import sys
from urllib.request import Request, urlopen

from .api import Json, serving
from .era3 import Era3


def main(port: str, switch: str, vault: str, token: str, bundles: str) -> int:
    """Serve until standard input ends; 1 where an answer was not as published."""

    def keep(dfsp: str, bundle: dict[str, Json]) -> None:
        content = json.dumps(bundle).encode()
        asked = Request(f"{vault}/v1/{bundles}/{dfsp}", content, {"X-Vault-Token": token}, method="POST")  # noqa: S310 -- the test's own
        with urlopen(asked, timeout=20):  # noqa: S310 -- as above
            pass

    with serving(Era3(switch_fqdn=switch, on_onboard=keep), int(port)) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
    sys.stdout.write("\n".join(server.contract.violations))
    return 1 if server.contract.violations else 0


sys.exit(main(*sys.argv[1:6]))
