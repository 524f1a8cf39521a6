# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that other systems give, and that several parts of the pack read: one rule each."""

from __future__ import annotations

import re

CLIENT_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~:/=+@-]{0,199}")
"""An OAuth client's, as authorization servers make them: base64url may begin with a hyphen. No word of a map, no path."""
