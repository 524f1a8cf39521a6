# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outputs of a hub's stack, as the configuration has them."""

from __future__ import annotations

import pulumi

for name, value in pulumi.Config().require_object("outputs").items():
    pulumi.export(name, value)
