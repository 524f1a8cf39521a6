# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts of the inventory as places from which verification sends, over whatever connection Ansible has to them."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible import constants as C  # type: ignore[attr-defined]  # noqa: N812 -- as Ansible calls it
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from ..module_utils.errors import OnboardingError
from ..module_utils.host import relay

GROUPS = ("gateways", "probe_hosts")
"""Gateway hosts are tried too: they own their side's addresses."""
_REMEDY = "See that Ansible reaches it and that it has Python 3.8 (ansible -m ping)."
_SOURCE = Path(relay.__file__).read_bytes()


class AnsiblePlace:
    """One host. One order at a time; nothing is written on the host."""

    def __init__(self, name: str, variables: Mapping[str, Any], loader: object) -> None:
        self._host = name
        self._variables = variables
        self._loader = loader
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self._host

    def carry_out(self, order: Mapping[str, object]) -> Mapping[str, Any]:
        """See ``verification.relaying.Place``."""
        program = f"import sys;exec(sys.stdin.buffer.read({len(_SOURCE)}))"
        command = f"{shlex.quote(self._python)} -c {shlex.quote(program)}"
        try:
            with self._lock:
                status, output, errors = self._connection.exec_command(
                    command, in_data=_SOURCE + json.dumps(order).encode(), sudoable=False
                )
        except (AnsibleError, OSError) as error:
            raise OnboardingError(f"cannot be reached: {error}", where=self._host, remedy=_REMEDY) from error
        try:
            answer = json.loads(output) if status == 0 else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            said = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"status {status}"]
            raise OnboardingError(f"did not carry out {order['do']}: {said[0][:200]}", where=self._host, remedy=_REMEDY)
        return answer

    @cached_property
    def _python(self) -> str:
        given = str(self._variables.get("ansible_python_interpreter") or "")
        return given if given and not given.startswith("auto") else "python3"

    @cached_property
    def _connection(self) -> Any:  # noqa: ANN401 -- Ansible has no types
        """As the executor of tasks makes one."""
        context = PlayContext()
        context.remote_addr = self._variables.get("ansible_host", self._host)
        connection = connection_loader.get(str(self._variables.get("ansible_connection") or C.DEFAULT_TRANSPORT), context)
        if connection is None:
            raise AnsibleError(f"there is no connection {self._variables.get('ansible_connection')}")
        templar = Templar(self._loader, variables=dict(self._variables))
        connection.set_options(var_options=connection._resolve_option_variables(dict(self._variables), templar))  # noqa: SLF001
        return connection


def places(task_vars: Mapping[str, Any], loader: object) -> dict[str, AnsiblePlace]:
    """The hosts of these groups, by name; gateway hosts first."""
    groups, variables = task_vars.get("groups", {}), task_vars.get("hostvars", {})
    names = dict.fromkeys(name for group in GROUPS for name in groups.get(group, ()))
    return {name: AnsiblePlace(name, variables[name], loader) for name in names}
