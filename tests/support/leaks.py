# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets, and the search for them wherever they may not be: plain, base64 at any alignment, hex, percent-encoded, decimal, escaped."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote_from_bytes

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

WINDOW = 24
"""Bytes of a long secret that are looked for: a part of a key is a leak too."""
_BLANKS = re.compile(rb"(?:\s|\\n|\\r)+")


@dataclass(frozen=True)
class Secret:
    """What must not be seen, and the one file (relative to the state folder) where it belongs; empty for none."""

    name: str
    value: bytes
    home: str = ""
    decimal: str = ""


@dataclass
class Secrets:
    """All secrets of an environment; every form of each is looked for."""

    known: list[Secret] = field(default_factory=list)

    def add(self, name: str, value: bytes, home: str = "") -> None:
        assert len(value) >= 8, f"{name} is too short to be looked for"
        self.known.append(Secret(name, value, home))

    def add_key(self, name: str, pem: bytes, passphrase: bytes | None = None, home: str = "") -> None:
        """The private numbers of a key: whatever encoding the key leaks in, it holds them."""
        found = _private_numbers(pem, passphrase)
        for what, number in found.items():
            self.known.append(Secret(f"{name}, {what}", number.to_bytes((number.bit_length() + 7) // 8, "big"), home, str(number)))
        body = b"".join(pem.splitlines()[1:-1])
        if passphrase is None:
            # The file as it is; of an encrypted key the encrypted form would be a leak as well.
            self.known.append(Secret(f"{name}, PEM body", _middle(body, 48), home))
        else:
            self.known.append(Secret(f"{name}, encrypted PEM body", _middle(body, 48), home))

    def needles(self) -> dict[bytes, Secret]:
        """Every form of every secret."""
        return {form: secret for secret in self.known for form in forms(secret)}


@cache
def _private_numbers(pem: bytes, passphrase: bytes | None) -> dict[str, int]:
    """Read once for a whole test: to open an encrypted key, and to judge an RSA key, is dear."""
    key = load_pem_private_key(pem, passphrase)
    assert isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    numbers = key.private_numbers()
    if isinstance(numbers, ec.EllipticCurvePrivateNumbers):
        return {"scalar": numbers.private_value}
    return {"exponent": numbers.d, "first prime": numbers.p, "second prime": numbers.q}


def _middle(value: bytes, length: int = WINDOW) -> bytes:
    start = max(0, (len(value) - length) // 2)
    return value[start : start + length]


def forms(secret: Secret) -> set[bytes]:
    """How a secret may look in text."""
    window = _middle(secret.value)
    found = {window, window.hex().encode(), window.hex().upper().encode(), window.hex(":").encode(), window.hex(":").upper().encode()}
    found |= {quote_from_bytes(window, safe="").encode(), repr(window)[2:-1].encode()}
    found.add(json.dumps(window.decode("latin-1"))[1:-1].encode())
    if secret.decimal:
        found.add(secret.decimal[len(secret.decimal) // 3 :][:40].encode())
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + window)
        # Only the characters that no neighbouring byte has a part in.
        certain = encoded[(shift * 8 + 5) // 6 : (shift + len(window)) * 8 // 6]
        found |= {certain, certain.replace(b"+", b"-").replace(b"/", b"_")}
    return found


@dataclass(frozen=True)
class Leak:
    """A secret where it must not be."""

    secret: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} in {self.place}"


def search(secrets: Secrets, places: Mapping[str, bytes]) -> set[Leak]:
    """Every secret in every place, line breaks and blanks in the way or not."""
    needles = secrets.needles()
    found: set[Leak] = set()
    for place, content in places.items():
        squeezed = _BLANKS.sub(b"", content)
        for needle, secret in needles.items():
            if needle in content or needle in squeezed:
                found.add(Leak(secret.name, place))
    return found


def search_state(secrets: Secrets, state: Path) -> set[Leak]:
    """Every secret in the state folder but in the one file where it is at home; what is a lab's own is left out."""
    homes = {secret.name: secret.home for secret in secrets.known}
    places = {name: content for name, content in contents(state, state) if not name.startswith(("lab/", "self-hosted/"))}
    return {leak for leak in search(secrets, places) if homes[leak.secret] != leak.place}


def contents(folder: Path, relative_to: Path | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below a folder; names are searched too, as part of the content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = str(path.relative_to(relative_to)) if relative_to else str(path)
            yield name, name.encode() + b"\n" + path.read_bytes()


def secrets_of_state(state: Path, passphrase: bytes | Mapping[str, bytes], *, sides: Iterable[str] = ()) -> Secrets:
    """Every secret that the stores hold; ``passphrase`` of the CA keys."""
    secrets = Secrets()
    for path in sorted((state / "store").rglob("*")):
        side = path.relative_to(state / "store").parts[0]
        if not path.is_file() or (sides and side not in sides):
            continue
        home = str(path.relative_to(state))
        if path.name == "key.pem":
            own = passphrase if isinstance(passphrase, bytes) else passphrase.get(side)
            secrets.add_key(home, path.read_bytes(), own if path.parent.name == "ca" else None, home)
        elif path.name in {"keystore.passphrase", "ca.passphrase"}:
            secrets.add(home, path.read_bytes().strip(), home)
        elif path.name == "keystore.p12":
            # Its end is random: the salt and the value of its MAC.
            secrets.known.append(Secret(home, path.read_bytes()[-48:-8], home))
        elif path.parent.name == "oauth" and path.suffix == ".json":
            found = json.loads(path.read_bytes())
            for name in {"client_secret", "registration_access_token"} & set(found):
                secrets.add(f"{home} {name}", found[name].encode(), home)
    return secrets
