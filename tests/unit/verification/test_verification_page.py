# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evidence page: loads and runs nothing, shows a counterpart's words as words, and holds no secret."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.redaction import redacted
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Answer, Case, Expected, Kind, Verdict
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.page import page
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.running import TRANSCRIPT_CHARACTERS, run_cases

HOSTILE = """<script>alert(1)</script><img src=x onerror=1>"'&{{ 7 * 7 }}\x1b[2J\u202e"""
TOKEN = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg":"RS256"}', b'{"iss":"x"}', b"signature" * 5))
REFUSED = Expected(Kind.ANSWERED, (403,), "gateway")
SECRETS = {
    "header": f"> Authorization: Bearer opaque-0123\n> authorization: {TOKEN}",
    "basic": "proxy-authorization: Basic b3BhcXVlLTAxMjM=",
    "echo": f'{{"headers": {{"authorization": "Bearer {TOKEN}"}}}}',
    "json in json": f'"{{\\"access_token\\":\\"{TOKEN}\\",\\"client_secret\\": \\"opaque-0123\\"}}"',
    "json": f'{{"access_token": "opaque-0123", "refresh_token":"{TOKEN}", "registration_access_token": "b3BhcXVlLTAxMjM"}}',
    "form": "grant_type=client_credentials&client_secret=opaque-0123&client_assertion=" + TOKEN,
    "key": "-----BEGIN PRIVATE KEY-----\nb3BhcXVlLTAxMjM=\n-----END PRIVATE KEY-----",
    "key cut off": "-----BEGIN EC PRIVATE KEY-----\nb3BhcXVlLTAxMjM=",
    "token cut off": TOKEN[:40],
}


def case(verdict: Verdict = Verdict.PASSED, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "key": "no-token", "title": "no token", "direction": "to the hub", "participant": "greenbank", "verdict": verdict.value,
        "expected": "401", "seen": "401 by gateway", "control": "202", "refuser": "gateway", "detail": "", "transcript": "> GET /",
        "control_transcript": "< 202", "seconds": 0.25, **values,
    }  # fmt: skip


def evidence(*cases: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": 1, "environment": "lab", "hub": "Lab Hub", "description": "d1" * 32, "profile": "mojaloop 1",
        "at": "2030-01-01T00:00:00+00:00", "counts": {}, "participants": {"greenbank": "Green Bank", "bluebank": "Blue Bank"},
        "verdicts": {"greenbank": True, "bluebank": False}, "material": {"greenbank": "a" * 64}, "left_out": [], "cases": list(cases),
    }  # fmt: skip


class Read(HTMLParser):
    """Every element of a page, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_nothing_is_loaded_and_nothing_runs() -> None:
    text = page(evidence(case(), case(participant="bluebank", verdict=Verdict.FAILED)))
    read = Read(text)
    assert {tag for tag, _ in read.elements} & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"} == set()
    names = {name for _, attributes in read.elements for name in attributes}
    assert [name for name in names if name.startswith("on") or name in {"src", "style", "srcset", "action"}] == []
    assert all((attributes["href"] or "").startswith("#case-") for _, attributes in read.elements if "href" in attributes)
    policy = next(value["content"] for tag, value in read.elements if tag == "meta" and "http-equiv" in value) or ""
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_every_mark_leads_to_its_case() -> None:
    read = Read(page(evidence(case(), case(key="other"), case(participant="bluebank"))))
    targets = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert [attributes["href"] for _, attributes in read.elements if "href" in attributes] == ["#case-1", "#case-3", "#case-2"]
    assert sorted(map(str, targets)) == ["case-1", "case-2", "case-3"]


@pytest.mark.parametrize("field", ["key", "title", "direction", "participant", "expected", "seen", "control", "refuser", "detail"])
def test_what_a_counterpart_says_is_text(field: str) -> None:
    plain, hostile = Read(page(evidence(case()))), Read(page(evidence({**case(), field: HOSTILE})))
    assert [tag for tag, _ in hostile.elements if tag not in {"dt", "dd"}] == [tag for tag, _ in plain.elements if tag not in {"dt", "dd"}]
    assert "{{ 7 * 7 }}" in hostile.words


def test_transcripts_keep_their_lines_and_lose_control_characters() -> None:
    read = Read(page(evidence(case(transcript=f"> GET /\n< {HOSTILE}", control_transcript=HOSTILE))))
    assert "> GET /\n< <script>alert(1)</script>" in read.words
    assert all(character.isprintable() or character == "\n" for character in read.words)


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([Verdict.PASSED, Verdict.NOT_PROVABLE], "Everything that could be tried behaves as described: 1 case proved"),
        ([Verdict.PASSED, Verdict.FAILED, Verdict.ERROR], "2 cases do not behave as described; 1 case proved"),
        ([Verdict.NOT_PROVABLE], "Nothing was proved: 1 case is not provable from where this run stood."),
        ([Verdict.ERROR], "1 case does not behave as described"),
    ],
)
def test_the_verdict_is_that_of_the_cases(verdicts: list[Verdict], sentence: str) -> None:
    assert sentence in Read(page(evidence(*(case(verdict, key=str(verdict)) for verdict in verdicts)))).words


def test_the_page_claims_nothing_that_was_not_sent() -> None:
    words = " ".join(Read(page(evidence(case(Verdict.NOT_PROVABLE, transcript="", control_transcript="")))).words.split())
    assert "No request was sent." in words
    assert "really sent" not in words
    assert "what was sent and received" not in words
    words = " ".join(Read(page(evidence(case(Verdict.PASSED), case(Verdict.NOT_PROVABLE, key="other")))).words.split())
    assert "really sent; 1 of 2 cases were not tried, and each says why." in words


@pytest.mark.parametrize("kind", SECRETS)
def test_evidence_holds_no_secret(kind: str) -> None:
    def answer() -> Answer:
        return Answer(Kind.ANSWERED, 403, "gateway", f"because {SECRETS[kind]}", "x" * (TRANSCRIPT_CHARACTERS - 60) + "\n" + SECRETS[kind])

    def control() -> Answer:
        return Answer(Kind.ANSWERED, 200, transcript=SECRETS[kind])

    (result,) = run_cases([Case("k", "t", "d", "p", REFUSED, answer, control)])
    assert result.verdict is Verdict.PASSED
    shown = str(result.as_dict())
    for secret in ("opaque-0123", "b3BhcXVlLTAxMjM", TOKEN[:30]):
        assert secret not in shown
    assert "***" in shown


def test_what_is_public_stays() -> None:
    public = '{"protectedHeader":"eyJhbGciOiJSUzI1NiJ9","signature":"abc"} token-missing fspiop-source: greenbank'
    assert redacted(public) == public


def test_a_narrowed_run_says_whom_it_was_not_about() -> None:
    whole = {**evidence(case()), "left_out": ["bluebank", "redbank"]}
    assert "This run was not about bluebank, redbank." in page(whole)
    assert "was not about" not in page(evidence(case()))
