# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One verification from request to evidence."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from ..description.model import Description
from ..steps.run import make_run
from ..steps.sequence import Request, clock
from ..store.opening import leased_tree
from .elsewhere import Elsewhere
from .evidence import SECURITY, digest_of_description, junit, write_evidence
from .model import Result, Site
from .signed import write_signed
from .suites import carry_out, suites_named

SiteOf = Callable[[Description, Path], Site]
"""The place to act from, for a description and its state folder: the caller knows it."""


def elsewhere(_description: Description, _state: Path) -> Site:
    """None of the sides' machines."""
    return Elsewhere()


def prove(
    request: Request, *, suites: Sequence[str] = (SECURITY,), site_of: SiteOf = elsewhere, junit_file: str = "", page_file: str = ""
) -> list[Result]:
    """Verify the participants of a request, keep the evidence under the lease; JUnit XML and the page go to files that are named too."""
    chosen = suites_named(suites)
    description: Description = request.load()
    root, now = Path(request.state), clock(request)
    with leased_tree(root, holder=f"verification on {socket.gethostname()}") as tree:
        run = make_run(description, tree, sides=list(request.sides), participants=list(request.participants), now=now, dry_run=False)
        results = carry_out(run, site_of(description, root), chosen)
        digest = digest_of_description(Path(request.description))
        page = write_evidence(tree, results, now=now, description=description, description_digest=digest)
        write_signed(run, results)
    if junit_file:
        Path(junit_file).write_text(junit(results), encoding="utf-8")
    if page_file:
        Path(page_file).write_text(page, encoding="utf-8")
    return results
