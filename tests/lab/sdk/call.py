# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One plain HTTP call from the machine on which this runs: call.py METHOD URL, the body on standard input, the answer as JSON."""

from __future__ import annotations

import http.client
import json
import sys
from urllib.parse import urlsplit

SECONDS = 90


def main(method: str, address: str) -> None:
    """Print status and body of the answer as one JSON object."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=SECONDS)
    connection.request(method, url.path, sys.stdin.buffer.read() or None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    json.dump({"status": answer.status, "body": json.loads(answer.read() or b"null")}, sys.stdout)


main(*sys.argv[1:3])
