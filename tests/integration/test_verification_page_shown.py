# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evidence page in a real browser: it is drawn, its words are there, and a mark opens its transcript."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.playbooks import ROOT

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import write_evidence
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import ACCEPTED, Answer, Case, Expected, Kind
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.running import run_cases

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium here (make system)"),
]
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=2000",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own errands reach no one
)  # fmt: skip
WIDE, HIGH = 1280, 900
RIGHT = Answer(Kind.ANSWERED, 202, transcript="> GET /parties/MSISDN/1 HTTP/1.1\n> authorization: Bearer ***\n< 202 Accepted")
WRONG = Answer(
    Kind.ANSWERED, 403, "gateway", "role-missing", "> GET /fxQuotes/1 HTTP/1.1\n< 403 Forbidden <script>document.title='run'</script>"
)
FORBIDDEN = Expected(Kind.ANSWERED, (403,), "gateway", ("role-missing",))

Browse = Callable[..., bytes]


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Browse]:
    """Run the browser once, with a profile of its own."""

    def run(*arguments: str) -> bytes:
        command = ["chromium", *QUIET, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={WIDE},{HIGH}", *arguments]
        return subprocess.run(command, capture_output=True, timeout=90, check=True).stdout

    yield run
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """The page of a small recorded verification, as verify.yml keeps it."""
    cases = [
        case
        for name in ("bluebank", "greenbank")
        for case in (
            Case("token-and-call", "token, certificate, address and source agree", "to the hub", name, ACCEPTED, lambda: RIGHT),
            Case("outside-roles", "a resource outside its roles", "to the hub", name, FORBIDDEN, lambda: WRONG, lambda: RIGHT),
            Case("stranger", "a stranger's address", "from the hub", name, FORBIDDEN, lambda: WRONG, obstacle="not this run's to read"),
        )
    ]
    description = load_description(ROOT / "inventories" / "lab", state="/nowhere")
    write_evidence(DiskTree(tmp_path), run_cases(cases), now=datetime.now(UTC), description=description, description_digest="d1" * 32)
    return tmp_path / "evidence" / "verification.html"


def pixels(png: bytes) -> tuple[tuple[int, int], set[bytes]]:
    """Width, height and the different colours of an 8-bit PNG without interlacing (PNG specification, sections 5, 9)."""
    position, data, header = 8, b"", b""
    while position < len(png):
        (length,), kind = struct.unpack(">I", png[position : position + 4]), png[position + 4 : position + 8]
        content = png[position + 8 : position + 8 + length]
        header, data = (content if kind == b"IHDR" else header), data + (content if kind == b"IDAT" else b"")
        position += 12 + length
    width, height, _depth, colour = struct.unpack(">IIBB", header[:10])
    size = {2: 3, 6: 4}[colour]
    rows, line, before = zlib.decompress(data), width * size, bytes(width * size)
    found = set()
    for top in range(0, len(rows), line + 1):
        before = _unfiltered(rows[top], rows[top + 1 : top + 1 + line], before, size)
        found |= {before[at : at + 3] for at in range(0, line, size)}
    return (width, height), found


def _unfiltered(kind: int, row: bytes, above: bytes, size: int) -> bytes:
    made = bytearray(row)
    for at, value in enumerate(row):
        left, up, corner = (made[at - size], above[at], above[at - size]) if at >= size else (0, above[at], 0)
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda near: abs(guess - near))
        made[at] = (value + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return bytes(made)


def test_the_page_is_drawn_and_says_what_the_evidence_says(shown: Path, browse: Browse, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(f"--screenshot={picture}", shown.as_uri())
    size, colours = pixels(picture.read_bytes())
    assert size == (WIDE, HIGH)
    assert len(colours) > 50, "a blank page has one"
    assert {bytes.fromhex("12314a"), bytes.fromhex("e4f4ea")} <= colours, "the style is let in by the page's own policy"


def test_its_words_are_there_and_no_script_runs(shown: Path, browse: Browse) -> None:
    text = browse("--dump-dom", shown.as_uri()).decode()
    for words in ("Lab Hub", "4 cases proved with real traffic, 2 not provable", "Green Bank", "d1" * 32, "403 by gateway: role-missing"):
        assert words in text
    assert "<title>Verification of lab" in text
    assert "&lt;script&gt;document.title" in text


def test_a_mark_opens_its_transcript_without_a_script(shown: Path, browse: Browse) -> None:
    assert "<details open" not in browse("--dump-dom", shown.as_uri()).decode()
    opened = browse("--dump-dom", f"{shown.as_uri()}#case-2").decode()
    assert opened.count("<details open") == 1
    assert opened.index("<details open") < opened.index('id="case-2"')
