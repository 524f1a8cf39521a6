# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person asked for on the command line: a misspelt variable would otherwise be a run for everybody."""

from __future__ import annotations

import difflib

from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

KNOWN = ("participants", "sides", "rekey", "renew", "report", "junit", "page", "suites")
"""The short variables of the playbooks; roles have longer ones of their own, with their name in front."""
LIKENESS = 0.8
"""As difflib counts it: ``participant`` and ``side`` are like known ones, ``site`` is a variable of someone's own."""


def refuse_misspelt(loader: DataLoader) -> None:
    """Raise AnsibleActionFail for an extra variable (``-e``) that is nearly one of the playbooks' own."""
    for name in load_extra_vars(loader):
        likely = difflib.get_close_matches(str(name).lower(), KNOWN, n=1, cutoff=LIKENESS)
        if likely and name not in KNOWN:
            raise AnsibleActionFail(f"-e {name}=...: no playbook reads this variable. Did you mean {likely[0]!r}? Nothing was done.")
