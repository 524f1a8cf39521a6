# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway itself saw of the authorization server, in the words of its process and as a finding."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from support.gateways import haproxy

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HUB, Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import tried
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel, Outbound
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_socket

HEADING = "# pxname,svname,status,check_status,check_code,last_chk,check_desc,"
MODEL = GatewayModel(HUB, "switch", haproxy(), None, Outbound(Listener(ip_address("127.0.0.1"), 3100), (), routed=True))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (f"{HEADING}\nauthorization-server,authorization-server,UP,L6OK,,,Layer6 check passed,\n", "L6OK"),
        (f"{HEADING}\nauthorization-server,authorization-server,UP,* L6OK,,,Layer6 check passed,\n", "L6OK"),
        (f"{HEADING}\nauthorization-server,authorization-server,UP,INI,,,Initializing,\n", "INI"),
        (
            f"{HEADING}\nauthorization-server,authorization-server,UP 1/9,L6RSP,,SSL handshake failure,Layer6 invalid response,\n",
            "L6RSP Layer6 invalid response: SSL handshake failure",
        ),
        (f"{HEADING}\nauthorization-server,authorization-server,MAINT (resolution),,,,,\n", "its name is not resolved on this host"),
        ("No such proxy.\n", ""),
        ("\n", ""),
    ],
)
def test_the_last_check_in_the_words_of_the_process(monkeypatch: pytest.MonkeyPatch, answer: str, seen: str) -> None:
    monkeypatch.setattr(gateway_socket, "ask", lambda _path, _command: answer)
    assert gateway_socket.last_check("/run/s.sock", "authorization-server") == seen


def test_a_token_endpoint_that_fails_is_a_fault_of_the_hub() -> None:
    assert tried(MODEL, {"token_endpoint": ""}) == []
    (found,) = tried(MODEL, {"token_endpoint": "L6RSP: SSL handshake failure"})
    assert (found.participant, found.step, found.artefact) == (HUB, "oauth", "gateway/hub-gateway/token-endpoint")
    assert (found.reason, found.disposition) == ("token-endpoint-fails", Disposition.FAULT)
    assert "SSL handshake failure" in found.detail
