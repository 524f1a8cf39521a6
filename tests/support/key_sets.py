# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for the directory's keystore: its key sets over HTTPS, by path, as it has them at this moment."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from .authorities import Authority
from .trust_framework import StandInDirectory


class Keystore(ThreadingHTTPServer):
    """Serves the key sets of a stand-in directory; ``asked`` are the paths that were read."""

    daemon_threads = True

    def __init__(self, folder: Path, directory: StandInDirectory) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory, self.asked = directory, list[str]()
        authority = Authority("keystore CA")
        self.authority_file = folder / "keystore-ca.pem"
        self.authority_file.write_bytes(authority.pem)
        identity = authority.identity("localhost", server=True)
        own = folder / "keystore.pem"
        own.write_bytes(identity.certificate + identity.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"https://localhost:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Keystore

    def do_GET(self) -> None:
        """One key set; 404 for a path that has none."""
        self.server.asked.append(self.path)
        found = [keys for url, keys in self.server.directory.key_sets.items() if urlsplit(url).path == self.path]
        content = json.dumps({"keys": found[0]}).encode() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""
