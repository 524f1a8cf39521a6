# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refusals that need a CA, a key or a counterpart of one's own: each differs from its control in one fact, and the log names it."""

from __future__ import annotations
