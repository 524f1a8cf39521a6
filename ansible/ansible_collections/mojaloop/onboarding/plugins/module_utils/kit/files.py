# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kit that a hub operator hands to a participant: what it needs of the hub, and how to do its half. It holds no secret."""

from __future__ import annotations

import json
from hashlib import sha256

from cryptography import x509

from ..connector.material import Material
from ..connector.settings import environment_file, sdk_settings
from ..description.model import HUB, Description, Participant, SdkConnector
from ..document_steps import DOCUMENT_STEPS
from ..errors import StoreError
from ..oauth.model import token_url
from ..pki.certificates import fingerprint, read_certificates
from ..store import layout
from ..store.interface import Tree, contents
from .commands import parts

_VERSIONS = ("18.0.2", "24.19.4")
_OURS = frozenset({"tls-5", "tls-6"})
_FIRST = "to be filled in"


def kit_files(description: Description, participant: Participant, tree: Tree) -> dict[str, bytes]:
    """Every file of the kit by its path; StoreError while the hub has no CA yet."""
    if description.profile.tenant:
        remedy = f"Use export; a person's papers lie in {layout.directory_folder(participant.name, 'outbox')}."
        raise StoreError(
            f"there is no kit in profile {description.profile.name}: its directory signs", where=participant.name, remedy=remedy
        )
    authority = tree.read(f"{layout.store_folder(HUB, 'ca')}/certificate.pem")
    if authority is None:
        remedy = "Run playbooks/onboard.yml for the hub first, at the hub's own installation."
        raise StoreError("the hub has no CA certificate here", where=layout.store_folder(HUB, "ca"), remedy=remedy)
    chain = authority + (tree.read(f"{layout.store_folder(HUB, 'ca')}/chain.pem") or b"")
    keys = {name: key for name, key in contents(tree, layout.jws_keys_folder(HUB)).items() if key}
    return {
        "README.md": _readme(description, participant, chain).encode(),
        "hub/ca.pem": chain,
        "hub/fingerprints.txt": _fingerprints(chain),
        "addresses.json": _addresses(description, participant),
        **{f"jws-keys/{name}": key for name, key in keys.items()},
        **{f"connector/{version}.env": _settings(description, participant, version) for version in _VERSIONS},
        "commands.sh": _commands(participant),
    }


def _fingerprints(chain: bytes) -> bytes:
    lines = [f"{fingerprint(one)}  {_name(one)}, until {one.not_valid_after_utc:%Y-%m-%d}\n" for one in read_certificates(chain)]
    return "".join(lines).encode()


def _name(certificate: x509.Certificate) -> str:
    return ascii(certificate.subject.rfc4514_string())[1:-1]


def _addresses(description: Description, participant: Participant) -> bytes:
    """What the participant's firewall and gateway let in and out, and what the hub has approved for it."""
    hub, own = description.hub, participant.endpoint
    calls = hub.endpoint
    found = {
        "in": {"from": [str(network) for network in hub.egress_addresses], "to": own.url if own else "", "port": own.port if own else 0},
        "out": {
            "to": [str(address) for address in calls.addresses] if calls else [],
            "port": calls.port if calls else 0,
            "server_name": calls.host if calls else "",
            "url": calls.url if calls else "",
            "token_url": token_url(description),
        },
        "approved_for_you": {
            "egress_addresses": [str(network) for network in participant.egress_addresses],
            "endpoint_addresses": [str(address) for address in own.addresses] if own else [],
        },
    }
    return json.dumps(found, indent=2).encode() + b"\n"


def _settings(description: Description, participant: Participant, version: str) -> bytes:
    """The SDK's settings with words in place of the secrets, which never leave the participant (or come sealed)."""
    credentials = {"client_id": _FIRST, "client_secret": _FIRST, "token_url": token_url(description)}
    tls = dict.fromkeys(("server", "server-key", "own-ca", "client", "client-key", "hub-ca"), b"")
    material = Material(credentials, b"", _FIRST, {}, tls)
    connector = SdkConnector(kind="sdk", version=version, backend="127.0.0.1:3003")
    made = environment_file(sdk_settings(description, participant, connector, material)).decode()
    lines = [
        f"# Settings of the Mojaloop SDK {version} for {participant.fspiop_id}: replace '{_FIRST}', and give the file mode 0600.",
        "# ILP_SECRET: the output of openssl rand -base64 32.",
        "# OAUTH_CLIENT_KEY, OAUTH_CLIENT_SECRET: client_id and client_secret of credentials.json.",
    ]
    return "\n".join([*lines, made]).encode()


def _commands(participant: Participant) -> bytes:
    """The printed commands as one file: each part is run by itself, when it can be."""
    head = f"#!/bin/sh\n# The half of {participant.fspiop_id} with plain openssl. Run the parts one by one, in one private folder.\n"
    numbered = enumerate(parts(participant), 1)
    made = [f"\n# {number}. {part.title}. Before: {part.before}\n" + "\n".join(part.lines) + "\n" for number, part in numbered]
    return (head + "".join(made)).encode()


def _readme(description: Description, participant: Participant, chain: bytes) -> str:
    hub = description.hub
    listed = "\n".join(f"- [ ] {step.key}: {step.title}{_whose(step.key)}" for step in DOCUMENT_STEPS)
    commands = "\n\n".join(
        f"### {number}. {part.title}\n\nBefore: {part.before}\n\n```sh\n" + "\n".join(part.lines) + "\n```"
        for number, part in enumerate(parts(participant), 1)
    )
    return _TEXT.format(
        id=participant.fspiop_id,
        organisation=participant.organisation,
        hub=hub.organisation,
        hub_id=hub.fspiop_id,
        environment=description.environment,
        url=hub.endpoint.url if hub.endpoint else "",
        digest=sha256(chain).hexdigest(),
        steps=listed,
        commands=commands,
    )


def _whose(step: str) -> str:
    return " (each side for the other)" if step in _OURS else ""


_TEXT = """\
# {organisation}: technical onboarding to {hub}

Environment `{environment}`. Your FSPIOP id is `{id}`, the hub's is `{hub_id}`. The hub's API is {url}.
This kit holds no secret. Confirm the digest of `hub/ca.pem` with the hub over another channel before you trust it:

    sha256 {digest}

| file | what for |
| --- | --- |
| `hub/ca.pem`, `hub/fingerprints.txt` | the CA that your outbound gateway trusts for the hub, and only for the hub |
| `addresses.json` | what your firewall and gateway let in and out; everything else stays blocked |
| `jws-keys/` | public keys of all sides so far; your connector watches a folder like this one |
| `connector/*.env` | complete settings of the Mojaloop SDK, by version |
| `commands.sh` | your half of the exchange with nothing but openssl |

## Check-list, in the documents' order

{steps}

## With this pack on your own machine

List yourself in `installation` of `hosts.yml`, confirm the hub's first publication in `hub.yml`, and run:

    ansible-playbook playbooks/onboard.yml -i inventories/{environment}/hosts.yml
    ansible-playbook playbooks/status.yml -i inventories/{environment}/hosts.yml

## With openssl alone

Work in one private folder. `EXCHANGE` is the folder that you share with the hub. Private keys never leave your folder.

{commands}
"""
