# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A local connection that comes to a halt with a private key in its hands, until it is killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: stuck
short_description: stops when it is to copy a private key
description: For tests of what a killed run leaves behind.
author: tests
options: {}
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(LocalConnection):  # type: ignore[misc]  # Ansible has no types
    """See DOCUMENTATION."""

    transport = "stuck"

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file; of a private key tell only where it is, and wait."""
        if b"PRIVATE KEY" in Path(in_path).read_bytes():
            marker = Path(os.environ["ONBOARDING_TEST_MARKER"])
            marker.with_suffix(".new").write_text(in_path, encoding="utf-8")
            marker.with_suffix(".new").rename(marker)
            time.sleep(600)
        super().put_file(in_path, out_path)
