# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a TLS server takes, offer by offer, with OpenSSL's own client: one version and one suite at a time."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from support.playbooks import ROOT

_SECONDS = 20
_ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
INTERMEDIATE = frozenset(
    {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    }
)  # fmt: skip
"""Mozilla's intermediate profile (Server Side TLS, guidelines 5.7) without its suites of finite-field Diffie-Hellman."""


CURVES = ("X25519", "P-256", "P-384")
"""The same profile's curves."""
OTHER_CURVES = ("X448", "P-521", "secp256k1", "brainpoolP256r1", "secp224r1", "ffdhe2048")


@dataclass(frozen=True)
class Offer:
    """One version, and the suites that go with it."""

    version: str
    suites: str
    curve: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """For ``openssl s_client``; old versions and weak suites need its lowest level of security."""
        curve = ("-groups", self.curve) if self.curve else ()
        if self.version == "tls1_3":
            return ("-tls1_3", "-ciphersuites", self.suites, *curve)
        return (f"-{self.version}", "-cipher", f"{self.suites}:@SECLEVEL=0", *curve)

    @property
    def permitted(self) -> bool:
        """Whether a listener may take it."""
        return self.version in {"tls1_2", "tls1_3"} and self.suites in INTERMEDIATE and self.curve in {"", *CURVES}

    def __str__(self) -> str:
        return f"{self.version} {self.suites} {self.curve}"


@cache
def offers() -> tuple[Offer, ...]:
    """Everything that this machine's OpenSSL can offer: old versions with all they have, newer ones suite by suite."""
    old = tuple(Offer(version, "ALL") for version in ("tls1", "tls1_1"))
    return (*old, *(Offer(version, suite) for version in ("tls1_2", "tls1_3") for suite in _suites(version)))


def with_curves(names: Sequence[str]) -> list[Offer]:
    """A good suite of each good version (for servers with a key of either kind) with one curve alone."""
    suites = {"tls1_2": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", "tls1_3": "TLS_AES_128_GCM_SHA256"}
    return [Offer(version, suite, name) for version, suite in suites.items() for name in names]


def outside_at_once() -> tuple[Offer, ...]:
    """The same outside the profile with a connection for each version: whatever is taken of it is one too many."""
    outside = [offer for offer in offers() if not offer.permitted]
    versions = dict.fromkeys(offer.version for offer in outside)
    return tuple(Offer(version, ":".join(offer.suites for offer in outside if offer.version == version)) for version in versions)


def _suites(version: str) -> list[str]:
    strong = [
        "-ciphersuites",
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256",
    ]
    command = ["openssl", "ciphers", "-s", f"-{version}", *strong, _ALL]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout.strip().split(":")
    return [name for name in listed if name.startswith("TLS_") is (version == "tls1_3")]


def taken(offer: Offer, address: str, *options: str, prefix: Sequence[str] = ()) -> str:
    """The suite that the server answers this offer with; empty when it refuses. ``prefix`` is a command to run it under."""
    command = [*prefix, "openssl", "s_client", "-connect", address, *offer.options, *options]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=_SECONDS, check=False)
    if b"CONNECTED" not in done.stdout:
        raise ConnectionError(f"{address}: {done.stderr.decode(errors='replace')[-300:]}")
    found = re.search(rb"Cipher is (\S+)", done.stdout)
    suite = found[1].decode() if found else "(NONE)"
    return "" if suite == "(NONE)" else suite


def scanned(address: str, name: str, *options: str, prefix: Sequence[str] = ()) -> dict[str, Any]:
    """What sslyze finds wrong with a server by Mozilla's intermediate profile, and the suites it accepts: see tests/tools/tls_scan.py."""
    host, _, port = address.rpartition(":")
    command = [*prefix, str(ROOT / ".make/scanner/bin/python"), str(ROOT / "tests/tools/tls_scan.py"), host.strip("[]"), port, name]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout))
