# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of right files, of one broken file among many, and of a thousand."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description import spec
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    CertificateAuthority,
    Endpoint,
    HaproxyGateway,
    KeyChoices,
    Listener,
    NftablesFirewall,
    Participant,
    Rfc7591Server,
    State,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError


def test_a_participant_as_described(folder: Folder) -> None:
    assert folder.load().participant("greenbank") == Participant(
        name="greenbank",
        fspiop_id="greenbank",
        organisation="Green Bank",
        endpoint=Endpoint("fspiop.greenbank.example", 8443, "/fspiop", (ip_address("45.60.2.20"),)),
        egress_addresses=(ip_network("45.60.2.21/32"), ip_network("2c0f:fe38:2::/64")),
        ca=CertificateAuthority("internal", "ec-p256"),
        keys=KeyChoices("rsa-2048", "rsa-3072", "rsa-3072"),
        gateways=(
            HaproxyGateway(
                kind="haproxy",
                name="greenbank-gateway",
                host="greenbank-gateway",
                inbound=(Listener(ip_address("10.2.0.10"), 8443),),
                inbound_backend=Listener(ip_address("127.0.0.1"), 3000),
                outbound=Listener(ip_address("127.0.0.1"), 3100),
            ),
        ),
        firewall=NftablesFirewall("nftables", ("greenbank-gateway",)),
        state=State.ACTIVE,
        currencies=("USD", "KES"),
        hosting="managed",
        first_publication="sha256:" + "0" * 64,
        roles=("quotes",),
        net_debit_cap=(("USD", "10000"),),
        notification_addresses=("operations@greenbank.example",),
    )


def test_defaults_of_a_short_file(folder: Folder) -> None:
    redbank = folder.load().participant("redbank")
    assert redbank.endpoint == Endpoint("fspiop.redbank.example", 443, "", (ip_address("45.60.3.20"),))
    assert (redbank.hosting, redbank.state, redbank.transport.kind, redbank.manifest) == ("self-hosted", State.ACTIVE, "local", "signed")
    assert (redbank.connector.kind, redbank.first_publication, redbank.probe) == ("direct", "", False)
    assert redbank.roles == ("parties", "quotes")
    assert redbank.keys == KeyChoices("ec-p256", "rsa-3072", "rsa-3072")
    assert redbank.ca.kind == "own"
    assert (redbank.gateways, redbank.firewall.kind, redbank.firewall.hosts) == ((), "none", ())


def test_defaults_of_a_probe(folder: Folder) -> None:
    probe = folder.load().participant("probe-one")
    assert (probe.probe, probe.managed, probe.endpoint, probe.gateways, probe.ca.kind) == (True, True, None, (), "none")


def test_the_hub_as_described(folder: Folder) -> None:
    description = folder.load()
    assert (description.environment, description.kind, description.approval) == ("live", "production", "manual")
    hub = description.hub
    assert (hub.name, hub.fspiop_id, hub.ca.kind, hub.firewall) == (
        "hub",
        "switch",
        "internal",
        NftablesFirewall("nftables", ("hub-gateway",)),
    )
    assert [participant.name for participant in description.participants] == ["greenbank", "probe-one", "probe-two", "redbank"]


def test_paths_become_absolute(folder: Folder, tmp_path: Path) -> None:
    def server(state: str = "") -> Rfc7591Server:
        found = load_description(folder.path, state=state).hub.authorization_server
        assert isinstance(found, Rfc7591Server)
        return found

    assert server().ca_file == f"{folder.path}/ca/authorization-server.pem"
    assert server().initial_access_token_file == f"{tmp_path.parent}/.state/live/initial-access-token"
    assert server("/srv/state").initial_access_token_file == "/srv/state/initial-access-token"
    folder.edit("hub.yml", "ca_file: ca/authorization-server.pem", "ca_file: /etc/ca.pem")
    assert server().ca_file == "/etc/ca.pem"


def test_urls_of_the_authorization_server_are_kept_letter_by_letter(folder: Folder) -> None:
    folder.edit("hub.yml", "issuer: https://auth.switch.example", "issuer: https://auth.switch.example/")
    server = folder.load().hub.authorization_server
    assert server is not None
    assert (server.issuer, server.jwks_url) == ("https://auth.switch.example/", "https://auth.switch.example/jwks")


def test_a_broken_participant_does_not_stop_the_others(folder: Folder) -> None:
    folder.edit("participants/redbank.yml", "format: 1", "format: one")
    description = folder.load()
    assert [participant.name for participant in description.participants] == ["greenbank", "probe-one", "probe-two"]
    path = f"{folder.path}/participants/redbank.yml"
    assert description.broken == ((path, (f"{path}:1: format: found 'one'; allowed: 1",)),)


def test_strict_loading_stops_at_a_broken_participant(folder: Folder) -> None:
    assert folder.load(strict=True).broken == ()
    folder.edit("participants/redbank.yml", "format: 1", "format: one")
    with pytest.raises(DescriptionError, match="1 problem in the description"):
        folder.load(strict=True)


def test_a_broken_hub_stops_with_the_problems_of_all_files(folder: Folder) -> None:
    folder.edit("participants/redbank.yml", "format: 1", "format: one")
    folder.edit("hub.yml", "format: 1", "format: two")
    folder.edit("hub.yml", "profile: mojaloop", "profile: other")
    with pytest.raises(DescriptionError) as caught:
        folder.load()
    assert [problem.key for problem in caught.value.problems] == ["format", "profile", "format"]


def test_a_folder_without_a_hub(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"hub.yml:1: file: found a file that cannot be read \(No such file or directory\)"):
        load_description(tmp_path)


def test_files_that_someone_may_take_for_a_participant_are_reported(folder: Folder) -> None:
    for name in (".hidden.yml", "README.md"):
        folder.write(f"participants/{name}", "x")
    assert folder.problems() == []
    for name in ("bluebank.yaml", "old/bluebank.yml", "redbank.yml~"):
        folder.write(f"participants/{name}", "x")
    assert folder.problems() == [
        f"participants/{name}:1: file: found the name '{name}'; allowed: files named <id>.yml only"
        for name in ("bluebank.yaml", "old", "redbank.yml~")
    ]


def test_a_hub_without_participants_is_a_lab_that_begins(folder: Folder) -> None:
    for path in (folder.path / "participants").iterdir():
        path.unlink()
    (folder.path / "participants").rmdir()
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.load().participants == ()


def test_the_lab_is_right(repository: Path) -> None:
    description = load_description(repository / "inventories/lab", strict=True)
    assert [participant.name for participant in description.participants] == ["bluebank", "greenbank", "probe-one", "probe-two", "redbank"]


def test_only_the_first_of_many_unknown_keys_are_compared_with_the_known_ones(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def close(word: str, *_words: object, n: int) -> list[str]:
        compared.append(word)
        return [][:n]

    monkeypatch.setattr(spec, "get_close_matches", close)
    red = folder.path / "participants/redbank.yml"
    red.write_text(red.read_text(encoding="utf-8") + "".join(f"k{number}: 1\n" for number in range(24_000)), encoding="utf-8")
    assert red.stat().st_size > 220 * 1024
    ((_file, problems),) = folder.load().broken
    assert len(compared) == len(problems) - 1 == 100


def test_a_thousand_participants_take_less_than_two_seconds_of_processor_time(folder: Folder) -> None:
    text = (folder.path / "participants/greenbank.yml").read_text(encoding="utf-8")
    (folder.path / "participants/greenbank.yml").unlink()
    for number in range(1000):
        name = f"bank{number:04d}"
        block = f"45.{100 + number // 250}.{number % 250}"
        own = text.replace("greenbank", name).replace("45.60.2.21/32", f"{block}.0/24").replace("45.60.2.20", f"{block}.20")
        folder.write(f"participants/{name}.yml", own.replace("2c0f:fe38:2:", f"2c0f:fe38:{number + 4096:x}:"))
    started = time.process_time()
    description = folder.load()
    assert time.process_time() - started < 2
    assert (len(description.participants), description.broken) == (1003, ())
