# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the CPU seconds of the last run, which pytest has kept, into the table of tests/README.md: `python tests/tools/areas.py`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "tests" / "README.md"
KEPT = ROOT / ".pytest_cache" / "v" / "onboarding" / "cpu_seconds"
ROW = re.compile(r"^\| `(?P<area>[a-z-]+)` \|(?P<proves>.*)\|(?P<seconds>[^|]*)\|$", re.MULTILINE)


def rewritten(text: str, seconds: dict[str, int]) -> str:
    """The table with the figures of those areas that were run; the others keep theirs."""

    def row(found: re.Match[str]) -> str:
        figure = f" {seconds[found['area']]} " if found["area"] in seconds else found["seconds"]
        return f"| `{found['area']}` |{found['proves']}|{figure}|"

    return ROW.sub(row, text)


def main() -> None:
    """Rewrite the table; name areas that have no row."""
    if not KEPT.exists():
        sys.exit("areas: no run has left figures; run `make test` first")
    text, seconds = README.read_text(encoding="utf-8"), json.loads(KEPT.read_text(encoding="utf-8"))
    README.write_text(rewritten(text, seconds), encoding="utf-8")
    missing = sorted(seconds.keys() - {found["area"] for found in ROW.finditer(text)})
    if missing:
        sys.exit(f"areas: no row in tests/README.md for {', '.join(missing)}")


if __name__ == "__main__":
    main()
