# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's half of the exchange as plain openssl commands, with its own names in them: printed, and tested as printed.

Source: "Technical onboarding of DFSPs", TLS steps 1 to 7, JWS steps 1 to 3, "Obtaining an OAuth token".
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ..description.model import Participant

OUT, IN, SHARED = "$EXCHANGE/{id}/participant", "$EXCHANGE/{id}/hub", "$EXCHANGE/jws"


@dataclass(frozen=True)
class Part:
    """One part of the commands: its title, what comes before it, and shell lines for one folder of private files."""

    title: str
    before: str
    lines: tuple[str, ...]


def parts(participant: Participant) -> tuple[Part, ...]:
    """The parts in their order. Each is run once, with ``EXCHANGE`` naming the folder that is shared with the hub."""
    names = {"id": participant.name}
    out, received = OUT.format(**names), IN.format(**names)
    return (
        Part("Make keys, certificates and the request, and publish them", "Nothing.", (*_own(participant), *_publish(out))),
        Part("Sign the hub's request", f"`{received}/client.csr` is there.", _sign(out, received)),
        Part("Take what the hub has signed and sealed", f"`{received}/client.pem` and `oauth.p7m` are there.", _collect(received)),
    )


def _own(participant: Participant) -> tuple[str, ...]:
    host = participant.endpoint.host if participant.endpoint else participant.name
    organisation, name = participant.organisation, participant.name
    return (
        "umask 077",
        _ec("ca.key"),
        _self_signed("ca.key", 3650, _subject(organisation, f"{name} CA"), "CA:TRUE,pathlen:0 keyCertSign,cRLSign", "ca.pem"),
        _ec("server.key"),
        f"openssl req -new -utf8 -key server.key -subj {_subject(organisation, host)} -out server.csr",
        *_issue("server.csr", "server.pem", f"extendedKeyUsage=serverAuth\\nsubjectAltName=DNS:{host}"),
        _ec("client.key"),
        f"openssl req -new -utf8 -key client.key -subj {_subject(organisation, name)} -out client.csr",
        _rsa("jws.key"),
        "openssl pkey -in jws.key -pubout -out jws.pem",
        _rsa("exchange.key"),
        _self_signed("exchange.key", 1095, _subject(organisation, name), "CA:FALSE digitalSignature,keyEncipherment", "exchange.pem"),
    )


def _publish(out: str) -> tuple[str, ...]:
    return (f'mkdir -p "{out}"', f'cp ca.pem server.pem client.csr jws.pem exchange.pem "{out}/"')


def _sign(out: str, received: str) -> tuple[str, ...]:
    """The request names hosts; they go into a configuration file, so only plain ones may. Its other wishes are not copied."""
    return (
        f'openssl req -in "{received}/client.csr" -noout -verify -subject',
        f'cp "{received}/client.csr" hub-client.csr',
        "hub_names=$(openssl req -in hub-client.csr -noout -text | sed -n '/Subject Alternative Name/{n;s/^ *//;p;}')",
        "case $hub_names in *[!A-Za-z0-9:.,_\\ -]*) echo 'client.csr asks for unusual names' >&2; exit 1 ;; esac",
        *_issue("hub-client.csr", "hub-client.pem", "extendedKeyUsage=clientAuth\\n${hub_names:+subjectAltName=$hub_names}"),
        f'cp hub-client.pem "{out}/client.pem"',
        f'cp ca.pem "{out}/client-chain.pem"',
        "openssl x509 -in hub-client.pem -noout -fingerprint -sha256",
    )


def _collect(received: str) -> tuple[str, ...]:
    return (
        f'cp "{received}/ca.pem" hub-ca.pem',
        f'openssl verify -purpose sslclient -CAfile hub-ca.pem "{received}/client.pem"',
        f'cp "{received}/client.pem" client.pem',
        f'openssl cms -decrypt -inform PEM -in "{received}/oauth.p7m" -recip exchange.pem -inkey exchange.key -out credentials.json',
        "mkdir -p jws-keys",
        f'cp "{SHARED}"/*.pem jws-keys/',
    )


def _issue(request: str, certificate: str, extensions: str) -> tuple[str, ...]:
    """A certificate of the own CA. A request's own wishes are not copied."""
    common = "basicConstraints=critical,CA:FALSE\\nkeyUsage=critical,digitalSignature\\n"
    identifiers = "\\nsubjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid:always\\n"
    signing = f"openssl x509 -req -in {request} -CA ca.pem -CAkey ca.key -sha256 -days 365"
    return (
        f'printf "{common}{extensions}{identifiers}" >extensions.cnf',
        f"{signing} -set_serial 0x4$(openssl rand -hex 15) -extfile extensions.cnf -out {certificate}",
    )


def _ec(file: str) -> str:
    return f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {file}"


def _rsa(file: str) -> str:
    return f"openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out {file}"


def _self_signed(key: str, days: int, subject: str, constraints: str, certificate: str) -> str:
    """``constraints``: what is added, basic constraints and then key usages."""
    basic, usages = constraints.split()
    added = f"-addext basicConstraints=critical,{basic} -addext keyUsage=critical,{usages}"
    return f"openssl req -x509 -new -utf8 -key {key} -sha256 -days {days} -subj {subject} {added} -out {certificate}"


def _subject(organisation: str, common_name: str) -> str:
    """One shell word; what means something in a subject on the command line is escaped (openssl-req(1), -subj)."""
    escaped = ["".join(f"\\{each}" if each in "\\/+" else each for each in text) for text in (organisation, common_name)]
    return shlex.quote("/O={}/CN={}".format(*escaped))
