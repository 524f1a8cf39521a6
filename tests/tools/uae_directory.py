# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in for the Open Finance Trust Framework and for the person who goes there, as one command: a round with every outbox.

Usage: python tests/tools/uae_directory.py <state folder> <folder of the stand-in>. It reads nothing of the state but outboxes.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.trust_framework import Organisation, StandInDirectory

REGISTERED = (
    Organisation("11111111-aaaa-4aaa-8aaa-000000000001", "Stand-in API Hub Operator"),
    Organisation("22222222-bbbb-4bbb-8bbb-000000000002", "Oasis Bank PJSC", ("33333333-cccc-4ccc-8ccc-000000000003",)),
)
"""As organisations have registered themselves: what inventories/uae-lab describes must agree with it."""


def main(state: Path, folder: Path) -> None:
    """Carry, and say what was carried."""
    known = (folder / "issuer-key.pem").exists()
    directory = StandInDirectory.load(folder, *REGISTERED) if known else StandInDirectory.make(*REGISTERED)
    for line in directory.carry(state):
        sys.stdout.write(f"{line}\n")
    directory.save(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
