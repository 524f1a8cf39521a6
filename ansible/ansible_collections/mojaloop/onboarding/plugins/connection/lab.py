# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs tasks on the machines of the lab."""

from __future__ import annotations

import shlex
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection.local import Connection as LocalConnection

from ..module_utils.errors import LabError
from ..module_utils.lab.vantage import PRIVATE, enter_command

DOCUMENTATION = r"""
name: lab
short_description: Runs tasks on the machines of the lab
version_added: "0.1.0"
description:
  - Enters the network and mount namespaces of the machine that is named as the host is, in the lab that C(playbooks/lab.yml) has raised.
  - The host C(controller) is the operator's place in the lab, with a leg on the hub's internal network.
  - The machines share this computer's files, all but C(/etc) and C(/run).
author: [Mojaloop onboarding maintainers (@mojaloop)]
options:
  state:
    description:
      - State folder of the environment whose lab it is.
      - An installation with a state folder of its own names that of the lab in C(onboarding_lab), which wins.
    type: path
    required: true
    vars:
      - name: onboarding_state
      - name: onboarding_lab
  machine:
    description: Name of the machine.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: lab_machine
  become_success_timeout:
    description: Seconds to wait for become to succeed.
    type: int
    default: 10
  become_strip_preamble:
    description: Strip what become printed before the command.
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(LocalConnection):  # type: ignore[misc]  # Ansible has no types
    """See DOCUMENTATION."""

    transport = "mojaloop.onboarding.lab"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:  # noqa: FBT001, FBT002
        """Run a shell command on the machine, in the folder of this process where the machine has it."""
        inside = f"cd {shlex.quote(str(Path.cwd()))} 2>/dev/null || cd /; {cmd}"
        entering = shlex.join([*self._entering(), "/bin/sh", "-c", inside])
        result: tuple[int, bytes, bytes] = super().exec_command(f"exec {entering}", in_data=in_data, sudoable=sudoable)
        return result

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file to the machine."""
        if not _is_private(out_path):
            super().put_file(in_path, out_path)
            return
        try:
            content = Path(in_path).read_bytes()
        except FileNotFoundError as error:
            raise AnsibleFileNotFound(f"file does not exist: {in_path}") from error
        self._copy(f"cat > {shlex.quote(out_path)}", content, out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file from the machine."""
        if not _is_private(in_path):
            super().fetch_file(in_path, out_path)
            return
        Path(out_path).write_bytes(self._copy(f"cat {shlex.quote(in_path)}", b"", in_path))

    def _copy(self, command: str, content: bytes, path: str) -> bytes:
        status, output, errors = self.exec_command(command, in_data=content, sudoable=False)
        if status:
            raise AnsibleError(f"cannot copy {path}: {errors.decode(errors='replace').strip()}")
        return output

    def _entering(self) -> list[str]:
        try:
            return enter_command(Path(self.get_option("state")), self.get_option("machine"))
        except LabError as error:
            raise AnsibleConnectionFailure(str(error)) from error


def _is_private(path: str) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in PRIVATE)
