# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which addresses a gateway's host has."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.gateway_handshake import absent, taken


def test_an_address_that_the_host_has_not_is_absent() -> None:
    assert absent(["127.0.0.1", "192.0.2.77"]) == ["192.0.2.77"]


def test_of_a_host_without_ipv6_those_addresses_are_absent_and_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made = socket.socket

    def without(family: int, *arguments: Any) -> socket.socket:  # noqa: ANN401 -- as the real one
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return made(family, *arguments)

    monkeypatch.setattr(socket, "socket", without)
    assert absent(["127.0.0.1", "2001:db8::11"]) == ["2001:db8::11"]
    assert not taken("2001:db8::11", 8443)
