# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens that a person or another program puts in a file, and that are presented to a remote system."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError


def read_token(file: str, remedy: str = "Put the token there (mode 0600).") -> str:
    """The token in a file, read anew each time because others replace it; StoreError when it cannot be read or holds none."""
    try:
        token = Path(file).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise StoreError("cannot be read", where=file, remedy=remedy) from error
    if not token or any(character.isspace() for character in token):
        raise StoreError("holds no token", where=file, remedy="Put one token there, on one line.")
    return token
