# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs on a host from which verification sends: TCP connections from an address of the host, whose bytes come from the controller.

The controller pipes this file and one order (JSON) to a Python 3.8 of the host; nothing is installed and no file of the pack
stays. TLS ends at the controller, so no key, token or certificate comes here. A connection lives in a process of its own
between two orders, behind a socket in a folder that only its account can enter; it ends with the connection, or after
``IDLE_SECONDS`` without an order.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

IDLE_SECONDS = 20.0
GAP_SECONDS = 0.03
"""So long without a byte: what a peer has to say at once was said."""
MOST = 256 * 1024
_NFT_SECONDS = 10


def addresses(order: dict[str, Any]) -> dict[str, Any]:
    """Which of the candidates are addresses of this host, and with which address it calls the given targets."""
    return {
        "own": [address for address in order["candidates"] if _is_own(address)],
        "calls": {address: _calling(address) for address in order["targets"]},
    }


def opened(order: dict[str, Any]) -> dict[str, Any]:
    """Connect; the folder of the connection's process, or why there is none: an error's name, empty for silence."""
    connection = socket.socket(_family(order["address"]), socket.SOCK_STREAM)
    try:
        connection.settimeout(order["seconds"])
        if order["source"]:
            connection.bind((order["source"], 0))
        connection.connect((order["address"], order["port"]))
    except socket.timeout:
        return {"refused": ""}
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno or 0, str(error))}
    folder = tempfile.mkdtemp(prefix="onboarding-")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.path.join(folder, "relay"))
    listener.listen(1)
    if os.fork() == 0:
        _serve(connection, listener, folder)
    return {"relay": folder}


def exchanged(order: dict[str, Any]) -> dict[str, Any]:
    """Send bytes on a connection, then wait for what the peer has to say to them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to_relay:
        to_relay.settimeout(IDLE_SECONDS)
        to_relay.connect(os.path.join(order["relay"], "relay"))
        to_relay.sendall(json.dumps(order).encode() + b"\n")
        with to_relay.makefile("rb") as stream:
            answer = json.loads(stream.read())
    return dict(answer)


def counted(order: dict[str, Any]) -> dict[str, Any]:
    """The packets of a named counter of the packet filter, or why it cannot be read."""
    command = ["nft", "--json", "list", "counter", *order["table"], order["counter"]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_NFT_SECONDS, check=False)
        if done.returncode:
            return {"problem": done.stderr.decode(errors="replace").strip()[:200]}
        return {"packets": sum(entry["counter"]["packets"] for entry in json.loads(done.stdout.decode())["nftables"] if "counter" in entry)}
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return {"problem": str(error)[:200]}


ORDERS = {"addresses": addresses, "open": opened, "exchange": exchanged, "count": counted}


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _is_own(address: str) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
    return True


def _calling(address: str) -> str:
    with socket.socket(_family(address), socket.SOCK_DGRAM) as tried:
        try:
            tried.connect((address, 9))
            return str(tried.getsockname()[0])
        except OSError:
            return ""


def _serve(connection: socket.socket, listener: socket.socket, folder: str) -> None:
    """The process of one connection; it leaves the session, or the controller would wait for it."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        listener.settimeout(IDLE_SECONDS)
        ended = False
        while not ended:
            caller, _ = listener.accept()
            with caller:
                ended = _answer(connection, caller)
    except Exception:  # noqa: BLE001, S110 -- no one is there to tell: the controller sees that the connection is gone
        pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _answer(connection: socket.socket, caller: socket.socket) -> bool:
    """Carry out one order; whether it was the last one."""
    caller.settimeout(IDLE_SECONDS)
    with caller.makefile("rb") as stream:
        order = json.loads(stream.readline())
    if order.get("end"):
        caller.sendall(b'{"data": "", "eof": true}')
        return True
    data, eof = b"", False
    try:
        connection.settimeout(IDLE_SECONDS)
        connection.sendall(base64.b64decode(order["data"]))
    except OSError:
        # What the peer said before it closed is still to be read.
        pass
    connection.settimeout(order["seconds"])
    with suppress(socket.timeout):
        while len(data) < MOST and not eof:
            try:
                received = connection.recv(65536)
            except ConnectionError:
                received = b""
            eof = not received
            data += received
            connection.settimeout(GAP_SECONDS)
    caller.sendall(json.dumps({"data": base64.b64encode(data).decode(), "eof": eof}).encode())
    return eof


if __name__ == "__main__":
    _order = json.loads(sys.stdin.buffer.read().decode())
    sys.stdout.write(json.dumps(ORDERS[_order["do"]](_order)))
