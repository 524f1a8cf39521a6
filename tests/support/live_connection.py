# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's right request to the hub, again and again on one connection; run inside the lab, asked by lines on its standard input.

``python -m support.live_connection <description> <state> <participant>`` says ``connected`` or how that failed, then for each line
it reads the status of an answer, or ``silence``.
"""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.site import LabSite
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.hub_listener import HubListener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Attempt
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.probe import client_context

PATIENCE = 5


def main(description: str, state: str, name: str) -> None:
    """Connect, then answer each line."""
    described, root = load_description(Path(description), state=state), Path(state)
    run = make_run(described, DiskTree(root), sides=["all"], participants=[], now=datetime.now(UTC), dry_run=True)
    participant = next(each for each in described.participants if each.name == name)
    attempt = HubListener(Material(run, LabSite(described, root)), participant, None)._base()
    listener = attempt.listener
    raw = LabSite(described, root).connect(attempt.machine, attempt.source, listener.address, listener.port, PATIENCE)
    with client_context(listener.trust, attempt.identity) as context:
        secured = context.wrap_socket(raw, server_hostname=listener.name)
    secured.settimeout(PATIENCE)
    _say("connected")
    for _ in sys.stdin:
        _say(_asked(secured, attempt))


def _asked(secured: ssl.SSLSocket, attempt: Attempt) -> str:
    lines = "".join(f"{name}: {value}\r\n" for name, value in attempt.headers)
    secured.sendall(f"GET {attempt.path} HTTP/1.1\r\nhost: {attempt.listener.name}\r\n{lines}\r\n".encode())
    try:
        return secured.recv(65536).split()[1].decode()
    except TimeoutError:
        return "silence"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
