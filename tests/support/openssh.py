# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Machines of a raised lab behind real OpenSSH: client and server as Debian has them, the server in the machine's own network.

The server is started by the client's ProxyCommand (``sshd -i``): no machine gets a listener that the description does not name.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from support.playbooks import ROOT

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

_CONFIG = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


class OpenSsh:
    """Keys and the server's configuration in a folder of a test's own."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder, self.state = folder, state
        self._server = _unpacked()
        folder.mkdir(mode=0o700, parents=True)
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=20)
        (folder / "sshd_config").write_text(_CONFIG.format(folder=folder), encoding="utf-8")
        kind, key, *_ = (folder / "host_key.pub").read_text(encoding="utf-8").split()
        (folder / "known_hosts").write_text(f"* {kind} {key}\n", encoding="utf-8")

    def variables(self, machine: str) -> dict[str, object]:
        """How Ansible reaches this machine: what an operator writes into hosts.yml, and the way in."""
        enter = shlex.join(enter_command(self.state, machine))
        serve = f"mkdir -p -m 0755 /run/sshd && exec {self._server} -i -f {self.folder}/sshd_config"
        proxy = f"{enter} /bin/sh -c {shlex.quote(serve)}"
        options = ["-F", "none", "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", f"ProxyCommand={proxy}"]
        return {
            "ansible_connection": "ssh",
            "ansible_host": machine,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(self.folder / "user_key"),
            "ansible_ssh_common_args": shlex.join(options),
            "ansible_control_path_dir": str(self.folder / "control"),
        }


def _unpacked() -> str:
    """The command of Debian's server, unpacked in a cache: where it is installed, it listens."""
    script = str(ROOT / "tests" / "tools" / "unpack_openssh")
    done = subprocess.run(
        [ROOT / "tests" / "tools" / "cached", "openssh", script, "--", script], capture_output=True, text=True, check=True
    )
    folder = Path(done.stdout.strip())
    libraries = ":".join(sorted({str(file.parent) for file in folder.glob("usr/lib/*/libwrap.so.0")}))
    return shlex.join([*(("env", f"LD_LIBRARY_PATH={libraries}") if libraries else ()), os.fspath(folder / "usr/sbin/sshd")])
