# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cheap keys and no waiting for the disk, as for the tests of the steps."""

from __future__ import annotations

from unit.steps.conftest import _keys, _unsynced

__all__ = ["_keys", "_unsynced"]
