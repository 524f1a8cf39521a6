# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every claim and header parameter that the hub's gateway judges, with every JSON type and sign, signed by the right key.

A value passes only when it is the right one in the right type; each refusal has its control on the same connection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.counting import record_count

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import TokenRules

if TYPE_CHECKING:
    from .conftest import Bench

LATER = int(time.time()) + 3000
ANYTHING = (
    "null", "true", "false", '""', '"x"', '"1"', '"-1"', "[]", "[1]", "[null]", '["x"]', "[[]]", "{}", '{"x":1}', "0", "-0", "1", "-1",
    "1.5", "-1.5", "1e3", "-1e3", "1e400", "-1e400", "9007199254740993", "-9007199254740993", "9223372036854775807",
    "-9223372036854775807", "-9223372036854775808", "99999999999999999999", "-99999999999999999999", "0x7fffffffff", "0777777777777",
    "NaN", "-Infinity", "+1",
)  # fmt: skip
"""JSON of every type and sign, and what is no JSON but what careless readers take."""
TIMES = (
    f"-{LATER}", f'"{LATER}"', f'"-{LATER}"', f"[{LATER}]", f'{{"exp":{LATER}}}', f"{LATER}000", f"{LATER}e0", f"0{LATER}", f"-{LATER}.5",
)  # fmt: skip
"""A time that is still to come, in forms that are none."""


def text(members: dict[str, str]) -> str:
    """A JSON object of values that are written already."""
    return f"{{{','.join(f'{json.dumps(name)}:{value}' for name, value in members.items())}}}"


def written(members: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in members.items()}


class Judge:
    """One caller at the hub's gateway who shows tokens that its authorization server signed."""

    def __init__(self, bench: Bench, claims: dict[str, Any] | None = None) -> None:
        self.bench, self.signer = bench, bench.signers[0]
        self.kid = bench.inbound.tokens.keys[0][0] if bench.inbound.tokens else ""
        self.claims = written(claims or bench.claims("greenbank"))
        self.head = written({"alg": self.signer.algorithm, "kid": self.kid, "typ": "at+jwt"})
        self.connection = bench.connect("greenbank")
        self.tried = 0

    def passes(self, head: str, claims: str) -> bool:
        """Whether such a token lets a request through to the services; AssertionError when the control does not pass beside it."""
        outcomes = []
        for token in (self.signer.signed(head, claims), self.signer.signed(text(self.head), text(self.claims))):
            before = len(self.bench.backend.seen)
            answer = self.connection.ask(headers=self.bench.headers(token=token))
            outcomes.append((answer.status, answer.reason, len(self.bench.backend.seen) - before))
        assert outcomes[1] == (200, "", 1), "the control passes"
        passed = outcomes[0] == (200, "", 1)
        assert passed or (outcomes[0][0] in {401, 403} and outcomes[0][1] and not outcomes[0][2]), outcomes[0]
        self.tried += 1
        return passed

    def claim(self, name: str, value: str) -> bool:
        return self.passes(text(self.head), text({**self.claims, name: value}))

    def parameter(self, name: str, value: str) -> bool:
        return self.passes(text({**self.head, name: value}), text(self.claims))


@pytest.fixture
def judge(bench: Bench) -> Iterator[Judge]:
    bench.install()
    made = Judge(bench)
    yield made
    record_count("token values of every JSON type judged by the gateway", made.tried)


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        ("exp", {str(LATER), f"{LATER}.5", "9999999999"}), ("nbf", {"0", "1", "1.5", "1700000000"}),
        ("iss", set()), ("aud", set()), ("client_id", set()), ("scope", set()), ("cnf", set()),
        ("azp", {value for value in (*ANYTHING, *TIMES) if value[0] == '"'}),
    ],
)  # fmt: skip
def test_a_claim_passes_only_with_a_right_value_of_its_own_type(judge: Judge, claim: str, right: set[str]) -> None:
    values = dict.fromkeys((*ANYTHING, *TIMES, *sorted(right)))
    assert {value for value in values if judge.claim(claim, value)} == right


def test_a_thumbprint_passes_only_as_a_text(judge: Judge) -> None:
    right = json.loads(judge.claims["cnf"])["x5t#S256"]
    values = [*ANYTHING, *TIMES, f'["{right}"]', f'{{"x5t#S256":"{right}"}}', f'"{right}="', f'"{right}"']
    assert [value for value in values if judge.claim("cnf", f'{{"x5t#S256":{value}}}')] == [f'"{right}"']


@pytest.mark.parametrize("parameter", ["alg", "kid"])
def test_a_parameter_passes_only_with_its_right_text(judge: Judge, parameter: str) -> None:
    right = judge.head[parameter]
    assert [value for value in (*ANYTHING, f"[{right}]", right) if judge.parameter(parameter, value)] == [right]


def test_no_critical_extension_is_understood_in_whatever_type(judge: Judge) -> None:
    assert [value for value in (*ANYTHING, '["exp"]', '["b64"]') if judge.parameter("crit", value)] == []


def test_numbers_and_truth_are_not_taken_for_texts(bench: Bench) -> None:
    """Names that are digits only, as some servers make them: the number of the same digits is another value."""
    green, blue = bench.inbound.callers
    keys = (("1", bench.signers[0].public),)
    bench.install(
        bench.with_inbound(callers=(replace(green, clients=("1",)), blue), tokens=TokenRules("1", "1", keys, certificate_bound=True))
    )
    judge = Judge(bench, bench.claims("greenbank", iss="1", aud="1", client_id="1"))
    for claim in ("iss", "aud", "client_id"):
        right = {'"1"'} | ({'["1"]'} if claim == "aud" else set())
        values = ("true", "1", "1.0", "1e0", '["1"]', "[1]", '[1,"1"]', '["1",null]', '"1"')
        assert {value for value in values if judge.claim(claim, value)} == right
    assert [value for value in ("true", "1", "1.0", '["1"]', '"1"') if judge.parameter("kid", value)] == ['"1"']
    assert not judge.passes(text(judge.head), text({**{n: v for n, v in judge.claims.items() if n != "client_id"}, "azp": "1"}))
    record_count("token values of every JSON type judged by the gateway", judge.tried)


def test_what_is_there_twice_is_refused_in_either_order(judge: Judge) -> None:
    """Readers differ in which of two members of one name they take (RFC 7519 section 4)."""
    wrong = {"exp": str(LATER - 6000), "nbf": str(LATER), "client_id": '"client-bluebank"', "aud": '"x"', "iss": '"x"', "scope": '"quotes"',
             "cnf": "{}", "azp": '"client-bluebank"'}  # fmt: skip
    full = {**judge.claims, "nbf": "1", "azp": judge.claims["client_id"]}
    assert judge.passes(text(judge.head), text(full))
    for name, value in wrong.items():
        other = f"{json.dumps(name)}:{value}"
        assert not judge.passes(text(judge.head), f"{text(full)[:-1]},{other}}}")
        assert not judge.passes(text(judge.head), f"{{{other},{text(full)[1:]}")
    for name in ("alg", "kid"):
        assert not judge.passes(f'{text(judge.head)[:-1]},"{name}":"x"}}', text(judge.claims))
        assert not judge.passes(f'{{"{name}":{judge.head[name]},{text(judge.head)[1:]}', text(judge.claims))


@pytest.mark.parametrize("name", [r"\u006ebf", r"nb\u0066", r"\u006E\u0062\u0066"])
def test_a_name_written_with_escapes_is_refused(judge: Judge, name: str) -> None:
    """Services read it as the claim that the gateway does not see."""
    assert not judge.passes(text(judge.head), f'{text(judge.claims)[:-1]},"{name}":{LATER}}}')
    assert not judge.passes(f'{text(judge.head)[:-1]},"{name}":{LATER}}}', text(judge.claims))
    assert judge.passes(text(judge.head), f'{text(judge.claims)[:-1]},"note":"{name}"}}'), "in a value it is harmless"


def test_white_space_between_members_is_harmless(judge: Judge) -> None:
    def spread(members: dict[str, str]) -> str:
        return "{ " + " ,\n\t".join(f"{json.dumps(name)}\r\n : {value}" for name, value in members.items()) + "\n}"

    assert judge.passes(spread(judge.head), spread({**judge.claims, "nbf": "1"}))
    assert not judge.passes(spread(judge.head), spread({**judge.claims, "exp": "-1"}))


def test_parts_that_are_no_text_are_refused(judge: Judge) -> None:
    head, claims = (text(part) for part in (judge.head, judge.claims))
    for wrong in ("", "null", "[]", "7", '"x"', "{", f"[{claims}]", f"{claims}{claims}"):
        assert not judge.passes(head, wrong)
    for wrong in ("", "null", "[]", "7", '"x"', "{", f"[{head}]"):
        assert not judge.passes(wrong, claims)
