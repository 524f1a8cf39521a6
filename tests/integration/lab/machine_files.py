# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies on a machine of the lab: secrets that do not belong there, and files that others can read."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from support.labs import Lab
from support.leaks import search

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command


@dataclass(frozen=True)
class Held:
    """A file of a machine: its mode, that of its folder, its content."""

    path: str
    mode: int
    folder_mode: int
    content: bytes


def misplaced(lab: Lab, machine: str, side: str) -> list[str]:
    """Secrets that do not belong on a machine, files of secrets that others can read, and leftovers."""
    held = _files_of(lab, machine)
    found = search(lab.secrets, {each.path: each.content for each in held})
    assert f"store/{side}/server/key.pem, PEM body" in {leak.secret for leak in found}, machine
    own = re.compile(rf"store/{side}/(server|client/[a-z-]+)/key\.pem, .*")
    wrong = [str(leak) for leak in found if not own.fullmatch(leak.secret)]
    places = {leak.place for leak in found}
    open_to_others = [f"{each.path} {each.mode:04o}" for each in held if each.path in places and (each.mode | each.folder_mode) & 0o077]
    return sorted(wrong + open_to_others + [each.path for each in held if "stag" in each.path])


def _files_of(lab: Lab, machine: str) -> list[Held]:
    """Every file of a machine's own configuration and of what lasts while it runs."""
    command = [*enter_command(lab.state, machine), "tar", "-C", "/", "--ignore-failed-read", "-cf", "-", "etc", "run"]
    packed = subprocess.run(command, capture_output=True, check=False).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        modes = {member.name: member.mode & 0o777 for member in tar.getmembers()}
        found = [(member, tar.extractfile(member)) for member in tar.getmembers() if member.isreg()]
        return [
            Held(member.name, member.mode & 0o777, modes[str(Path(member.name).parent)], b"" if stream is None else stream.read())
            for member, stream in found
        ]
