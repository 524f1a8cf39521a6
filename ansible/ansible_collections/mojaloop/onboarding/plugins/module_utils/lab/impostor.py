# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An impostor on the lab's network: it answers for someone else's addresses, with a certificate of its choice."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ..errors import LabError
from ..nameless import nameless_file
from ..verification.model import Identity
from . import namespaces
from .holder import NETWORKS

T = TypeVar("T")
_CARD = "eth0"
_SECONDS = 10


class _Answer(http.server.BaseHTTPRequestHandler):
    """Takes whatever reaches it: an impostor that is believed."""

    def do_GET(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the base class
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    """Serves on a socket that was made on another machine."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(listener.getsockname()[:2], _Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        """Shake hands in the connection's own thread, so that one refusal does not stop the rest."""
        assert isinstance(request, socket.socket)  # noqa: S101 -- narrows the base class's type
        request.settimeout(_SECONDS)
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A peer that goes away is what is hoped for."""


class Impostor:
    """TLS servers on a machine's addresses and a port, while it lasts."""

    def __init__(self, machine: str, addresses: Sequence[str], port: int, identity: Identity) -> None:
        context = _server_context(identity)
        self._servers = [_Server(_listen(machine, address, port), context) for address in addresses]

    def __enter__(self) -> Self:
        """Start answering."""
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop, and free the port."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


@contextmanager
def divert(victim: str, impostor: str, addresses: Sequence[str]) -> Iterator[None]:
    """Let a machine believe that another one has these addresses: the addresses on its loopback, and forged neighbours."""
    link = json.loads(_ip(impostor, "-json", "link", "show", "dev", _CARD))[0]["address"]
    _there(impostor, _whisper)
    try:
        for address in addresses:
            # No server can listen on an address whose duplicates are still looked for (RFC 4862 section 5.4).
            _ip(impostor, "address", "replace", _host(address), "dev", "lo", *(["nodad"] if ":" in address else []))
            _ip(victim, "neighbour", "replace", address, "lladdr", link, "dev", _CARD, "nud", "permanent")
        yield
    finally:
        for address in addresses:
            with suppress(LabError):
                _ip(victim, "neighbour", "del", address, "dev", _CARD)
            with suppress(LabError):
                _ip(impostor, "address", "del", _host(address), "dev", "lo")


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def _ip(machine: str, *words: str) -> bytes:
    command = ["nsenter", f"--net={NETWORKS / machine}", "ip", *words]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}", where=machine)
    return done.stdout


def _whisper() -> None:
    """Let the machine we are on neither answer nor announce on its wire for the addresses of its loopback: only the victim is to err."""
    for setting, value in (("arp_ignore", 1), ("arp_announce", 2)):
        Path(f"/proc/sys/net/ipv4/conf/all/{setting}").write_text(str(value), encoding="ascii")


def _listen(machine: str, address: str, port: int) -> socket.socket:
    """A listening socket on another machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _there(machine, lambda: socket.create_server((address, port), family=family))


def _there(machine: str, action: Callable[[], T]) -> T:
    """Do something on another machine's network: in a thread that goes there and ends. OSError as the action's."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(namespaces.enter_network, str(NETWORKS / machine)).result()
        return thread.submit(action).result()


def _server_context(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with nameless_file(identity.chain + identity.key) as file:
        context.load_cert_chain(file)
    return context
