# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new exchange key, announced, taken up and switched to by sides that run apart; each run killed at every call that changes files.

Besides what holds for every interrupted run: what was sealed to a side's exchange key opens with the key in its place until
the switch, and whoever runs next, the killed side or its counterpart, follows to the end without a fault.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.counting import record_count
from support.depth import sample
from support.kills import calls_of, interrupted
from support.state_world import NOW, PARTICIPANTS, Files, Scenario, World, copy, effective, files, private_keys
from support.supervisor import KILL, PASS

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import open_sealed, seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import read_own_key

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]

DUE = NOW + timedelta(days=920)
"""The exchange certificates (1,095 days) are due since 5 to 12 days; server and client certificates have been renewed shortly before."""
SWITCH = DUE + timedelta(days=90)
"""Half of the 180 days in which they are due."""
HUB = ("hub",)
STAGES: dict[str, tuple[datetime, tuple[str, ...]]] = {
    "announce": (DUE, HUB),
    "take-up": (DUE + timedelta(days=2), PARTICIPANTS),
    "take-up-theirs": (DUE + timedelta(days=4), HUB),
    "switch": (SWITCH, HUB),
    "follow-and-switch": (SWITCH + timedelta(days=3), PARTICIPANTS),
}
"""The participants announce their own new keys while they take up the hub's."""
ORDER = tuple(STAGES)
FOLLOWED = 4
"""Of so many kills one is followed to the end by everybody; of those in the switch every one."""
SECRET = b'{"client_id": "c", "client_secret": "s", "scope": "", "token_url": "https://api.switch.example/token"}'


def stage(world: World, name: str) -> World:
    """The same world when the sides of this stage run."""
    now, sides = STAGES[name]
    return replace(world, now=now, sides=sides)


def faultless(world: World) -> None:
    """A run, of which no one has to hear."""
    assert [finding for finding in world.run() if finding.disposition is Disposition.FAULT] == [], (world.now, world.sides)


def certificate_of(tree: Files, side: str) -> x509.Certificate:
    """A side's exchange certificate in use."""
    return x509.load_pem_x509_certificate(tree[f"store/{side}/exchange/certificate.pem"])


def opens(tree: Files, side: str, sealed: bytes) -> bool:
    """Whether the exchange key in use opens this."""
    key = read_own_key(tree[f"store/{side}/exchange/key.pem"])
    assert isinstance(key, RSAPrivateKey)
    try:
        return open_sealed(sealed, key, certificate_of(tree, side), where="oauth.p7m") == SECRET
    except PublicationRefused as refusal:
        assert refusal.reason == "sealed-for-another"  # noqa: PT017 -- the other reasons would be failures
        return False


@pytest.fixture(scope="module")
def due(fresh_world: World) -> World:
    """Everybody knows everybody, secrets lie sealed for the participants, and the keys are due soon."""
    fresh_world.run()
    for participant in PARTICIPANTS:
        place = fresh_world.state / f"store/hub/oauth/{participant}.p7m"
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.write_bytes(seal(SECRET, certificate_of(files(fresh_world.state), participant)))
        place.chmod(0o600)
    for days in (290, 570, 850, 900):
        for sides in (HUB, PARTICIPANTS, HUB, PARTICIPANTS):
            faultless(replace(fresh_world, now=NOW + timedelta(days=days), sides=sides))
    return fresh_world


@pytest.fixture(scope="module")
def scenarios(due: World) -> dict[str, Scenario]:
    """The undisturbed stages, each begun where the one before ended."""
    made: dict[str, Scenario] = {}
    for name in ORDER:
        made[name] = Scenario.made(stage(due, name), due.state.parent / f"stage-{name}")
    return made


@pytest.fixture(scope="module")
def sealed(scenarios: dict[str, Scenario]) -> dict[str, bytes]:
    """A secret for each side, sealed to the exchange certificate it had before anything was announced."""
    before = scenarios["announce"].before
    return {side: seal(SECRET, certificate_of(before, side)) for side in ("hub", *PARTICIPANTS)}


def exchange_keys(tree: Files) -> dict[str, str]:
    """What stands in the places of exchange keys, in use and announced: the digest of each file."""
    return {place: digest for place, digest in private_keys(tree).items() if place.split("/")[2] in {"exchange", "exchange.next"}}


def in_use(side: str) -> str:
    """The place of a side's exchange key."""
    return f"store/{side}/exchange/key.pem"


def announced(side: str) -> str:
    """The place of the one that comes after it."""
    return f"store/{side}/exchange.next/key.pem"


def test_the_turns_are_an_announcement_a_taking_up_and_a_switch(scenarios: dict[str, Scenario], sealed: dict[str, bytes]) -> None:
    before = {name: exchange_keys(scenarios[name].before) for name in ORDER}
    after = {name: exchange_keys(scenarios[name].after) for name in ORDER}
    assert after["announce"] == {**before["announce"], announced("hub"): after["announce"][announced("hub")]}
    assert set(after["take-up"]) - set(before["take-up"]) == {announced(name) for name in PARTICIPANTS}
    assert after["take-up-theirs"] == before["take-up-theirs"]
    assert after["switch"][in_use("hub")] == before["switch"][announced("hub")]
    assert set(after["follow-and-switch"]) == {in_use(name) for name in sealed}
    for name in PARTICIPANTS:
        assert after["follow-and-switch"][in_use(name)] == after["take-up"][announced(name)]
    for side, content in sealed.items():
        assert opens(scenarios["switch"].before, side, content)
        assert not opens(scenarios["follow-and-switch"].after, side, content)
    contacts = [json.loads(scenarios["take-up"].after[f"journal/contacts/{name}/hub.json"]) for name in PARTICIPANTS]
    assert {len(contact["exchange_certificates"]) for contact in contacts} == {2}


@dataclass(frozen=True)
class Watcher:
    """What must hold right after a kill, in one stage."""

    name: str
    scenario: Scenario
    sealed: dict[str, bytes]
    folder: Path

    def no_key_went(self, world: World, point: object) -> None:
        """Every side has a key in use: the one of before, or, of a side that switches in this stage, the announced one."""
        tree = effective(files(world.state))
        found, before, after = exchange_keys(tree), exchange_keys(self.scenario.before), exchange_keys(self.scenario.after)
        first = exchange_keys(files(self.folder / "stage-announce" / "start"))
        for side, content in self.sealed.items():
            place = in_use(side)
            assert found.get(place) in {before[place], after[place]}, (point, place)
            assert opens(tree, side, content) == (found[place] == first[place]), (point, place, "what was sealed to it")
            assert announced(side) not in before or before[announced(side)] in found.values(), (point, side, "an announced key was lost")

    def others_follow(self, world: World) -> None:
        """The counterparts run before the killed side does, then everybody to the end: no one is refused, the announced key is used."""
        seen = exchange_keys(effective(files(world.state)))
        target = world.at(self.folder / "followed")
        shutil.rmtree(target.state, ignore_errors=True)
        copy(world.state, target.state)
        now, sides = STAGES[self.name]
        faultless(replace(target, now=now, sides=PARTICIPANTS if sides == HUB else HUB))
        for name in ORDER[ORDER.index(self.name) :]:
            faultless(stage(target, name))
        faultless(replace(target, now=SWITCH + timedelta(days=5), sides=HUB))
        last = exchange_keys(files(target.state))
        assert set(last) == {in_use(side) for side in self.sealed}
        for side in self.sealed:
            assert last[in_use(side)] == seen.get(announced(side), last[in_use(side)]), (side, "the announced key was not taken up")
            assert not opens(files(target.state), side, self.sealed[side])
        record_count("announcements followed to the end after a kill", 1)


GAPS = {
    "a key put in its place and not taken from where it was announced": "/store/hub/exchange.next",
    "before the list that the new key signs": "/exchange/.jws.stage-",
    "before a manifest that the new key signs": "/exchange/bluebank/.hub.stage-",
    "before the last manifest that the new key signs": "/exchange/redbank/.hub.stage-",
}
"""Where the switch has done one half of what belongs together: in whose path the first call of the other half is."""


@pytest.mark.parametrize("gap", GAPS)
def test_a_switch_killed_between_its_halves(scenarios: dict[str, Scenario], sealed: dict[str, bytes], folder: Path, gap: str) -> None:
    scenario, place = scenarios["switch"], GAPS[gap]
    world = scenario.place(folder / "killed")
    ended = interrupted(world, lambda call: KILL if place in call.path else PASS)
    assert ended.killed
    watcher = Watcher("switch", scenario, sealed, folder)
    watcher.no_key_went(world, ended.calls[-1])
    watcher.others_follow(world)
    scenario.check_recovery(world.state, ended.calls[-1])
    record_count("kill points", 1)


@pytest.mark.parametrize("name", ORDER)
def test_an_announcement_killed_anywhere_is_finished_by_the_next_run(
    scenarios: dict[str, Scenario], sealed: dict[str, bytes], folder: Path, name: str
) -> None:
    scenario = scenarios[name]
    watcher = Watcher(name, scenario, sealed, folder)
    calls = calls_of(scenario, folder / "undisturbed")
    points = sample(range(len(calls)), 151)
    for number, point in enumerate(points):
        world = scenario.place(folder / "killed")
        ended = interrupted(world, lambda call, point=point: KILL if call.ordinal == point else PASS)  # type: ignore[misc]
        assert ended.killed, point
        watcher.no_key_went(world, ended.calls[-1])
        if name == "switch" or number % FOLLOWED == 0:
            watcher.others_follow(world)
        scenario.check_recovery(world.state, ended.calls[-1])
    record_count("kill points", len(points), of=len(calls))
    record_count("kill points in the announcement of a key", len(points), of=len(calls))
