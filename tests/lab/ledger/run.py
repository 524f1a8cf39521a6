# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as one program of the lab: run.py CONFIGURATION.json.

The configuration names the folder of its data, the URL of its administration API, the socket of its database, and the file into
which the address of its broker is written. Prints ``ledger ready``; ends on SIGTERM, with all that it has started.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support.ledger import RealLedger, running

INSTALLED = Path(__file__).parent / ".installed"
"""The build of the ledger (see ``prepare``)."""


def main() -> None:
    """Run until SIGTERM."""
    configuration = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder, socket = Path(configuration["folder"]), Path(configuration["socket"])
    for each in (folder, socket.parent):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    brokers = Path(configuration["brokers_file"])
    brokers.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit())
    with running(RealLedger(folder, INSTALLED.resolve(), configuration["url"], socket)) as ledger:
        staged = brokers.with_suffix(".staged")
        staged.write_text(ledger.brokers, encoding="utf-8")
        staged.replace(brokers)
        sys.stdout.write("ledger ready\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
