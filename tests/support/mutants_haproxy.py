# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutants of a gateway: each rule of the HAProxy configuration, as the product renders it in the cases, taken away.

A rule is a line of a section, one condition of it, or one option of a ``bind`` or ``server`` line. The rules are read from
what is rendered while the cases in ``MODELS`` run; so a new rule is a new mutant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from support.mutation import Bench, Mutant

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy import release as haproxy
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.release import FileRule, Release

CASES = ("tests/contract/gateway",)
LISTENER, PARTICIPANT, OUTBOUND, PROCESS = "hub's listener", "participant's listener", "outbound", "process"
MODELS = (
    "test_certificate_that_is_not_mapped", "test_participants_listener_lets", "test_outbound_chooses", "test_outbound_of_a_participant",
    "test_base_path_is_cut_off",
)  # fmt: skip
"""Parts of the names of cases that render, together, everything that a gateway may have."""
AREAS: dict[str, tuple[str, ...]] = {
    LISTENER: (
        "gateway_refusals.py", "gateway_answers.py", "gateway_shares.py", "gateway_token_values.py",
        "tls_versions", "the_listener_speaks", "change_under_load", "reload_loses",
    ),
    PARTICIPANT: ("participants_listener",),
    OUTBOUND: ("outbound",),
    PROCESS: ("sessions_are_never_resumed", "tls_versions", "headers_of_the_gateway", "http_2_is_not_spoken"),
}  # fmt: skip
"""Where the cases for a kind of section are, by parts of their names."""
ANSWERS = ("gateway_answers.py",)
"""And for rules about answers."""
MOST = 120
DEAR: tuple[str, ...] = ()
SURVIVORS = {
    r"hub's listener: server .* WITHOUT sni": "the name is held against verifyhost; which certificate to show is the server's business",
    r".* WITHOUT verifyhost": "HAProxy holds the certificate against the announced name (sni) where no other is given",
    r"process: ssl-default-(bind|server)-options ssl-min-ver TLSv1.2( no-tls-tickets WITHOUT TLS floor| WITHOUT TLS floor)?": "the suites "
    "that are permitted exist from TLS 1.2 on: either rule alone would do",
    r"hub's listener: http-request set-var\(txn\.signed\) .*tokens/key-1\.pem.* WITHOUT all conditions": "whose key is another's is judged "
    "anew by the line of that key, which comes later",
    r"hub's listener: http-request set-var\(txn\.client\) .*client_id.* WITHOUT all conditions": "HAProxy leaves a variable as it is where "
    "there is nothing to set",
    r"hub's listener: http-request return .*\(token-malformed\).* #2": "the answer of the next rule refuses what was found, under its own "
    "reason",
    r"hub's listener: use_backend authorization-server .* WITHOUT condition \{ method POST \}": "any other method there was refused "
    "before, as a resource for which no one has a role",
}

NO_RULE = (
    "log", "stats", "maxconn", "mode", "timeout", "retries", "hard-stop-after", "close-spread-time", "tune.ssl.default-dh-param",
    "option httplog", "option redispatch", "frontend", "backend", "bind", "server", "defaults", "global",
)  # fmt: skip
"""First words of lines that refuse and choose nothing: how long, how many, where to. Of ``bind`` and ``server`` the options count."""
OPTIONS: dict[str, tuple[str, str]] = {
    r" verify required": (" verify none", "no verification"),
    r" ca-file \S+": (" ca-file @system-ca", "trust of its own"),
    r" verifyhost \S+": ("", "verifyhost"),
    r" sni \S+": ("", "sni"),
    r" verifyhost (\S+) sni \S+": ("", "verifyhost and sni"),
    r" crt \"\S+/client.pem\"": ("", "client certificate"),
    r" source \S+": ("", "source"),
    r" alpn \S+": ("", "alpn"),
    r" accept-proxy": ("", "accept-proxy"),
    r" ssl-min-ver \S+": (" ssl-min-ver TLSv1.0", "TLS floor"),
    r" no-tls-tickets": ("", "no-tls-tickets"),
    r" no-ssl-reuse": ("", "no-ssl-reuse"),
}
"""What is taken away from lines with options: pattern -> replacement, name."""
_SAME = {
    r"fspiop\.\w+\.test": "<host>", r"(auth|other)\.hub\.test": "<name>",
    r"to-\w+": "to-<name>", r"/destinations/\w+/": "/destinations/<name>/",
    r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]|<host>):\d+|:\d+": "<address>",
}  # fmt: skip
"""What differs from case to case."""
_CONDITION = re.compile(r"(?P<head>.*) (?P<word>if|unless) (?P<tail>!?\{ .+ \})$")
_TERM = re.compile(r"(\|\| )?!?\{ .*? \}(?= |$)")

Edit = Callable[[str], str | None]


@dataclass(frozen=True)
class Rule:
    """Where a rule stands: which kind of section, the line with what differs from case to case made the same, which of several."""

    world: str
    line: str
    number: int


@dataclass
class Seam:
    """Stands between the renderer and everything that uses what it made."""

    rules: dict[Rule, None] = field(default_factory=dict)
    rule: Rule | None = None
    edit: Edit = field(default=lambda line: line)
    met: bool = False

    def release(self, files: dict[str, bytes], maps: Any, rules: tuple[FileRule, ...] = ()) -> Release:  # noqa: ANN401 -- as the class it stands for
        """In the place of the class ``Release``: the same with one rule mutated."""
        return _RELEASE({name: self.edited(content) if name.endswith(".cfg") else content for name, content in files.items()}, maps, rules)

    def edited(self, content: bytes) -> bytes:
        """A file with the rule mutated; all rules noted."""
        made = []
        for rule, line in located(content.decode()):
            self.rules.setdefault(rule)
            hit = rule == self.rule
            self.met = self.met or hit
            made.append(self.edit(line) if hit else line)
        return "\n".join(line for line in made if line is not None).encode()


_RELEASE = Release
_SEAM = Seam()


def located(text: str) -> Iterator[tuple[Rule, str]]:
    """Every line of a file with where it stands."""
    participant = "destination-header" in text
    counted: Counter[tuple[str, str]] = Counter()
    section = ""
    for line in text.split("\n"):
        section = line if line and not line.startswith(" ") else section
        name = section.split(" ")[-1]
        world = OUTBOUND if name == "outbound" or name.startswith("to-") else PARTICIPANT if participant else LISTENER
        world = world if section and section != "defaults" else PROCESS
        same = line
        for pattern, instead in _SAME.items():
            same = re.sub(pattern, instead, same)
        counted[world, same] += 1
        yield Rule(world, same, counted[world, same]), line


def edits(line: str) -> Iterator[tuple[str, Edit]]:
    """What may be taken away from a line, each with its name."""
    stripped = line.strip()
    if stripped and not stripped.startswith(NO_RULE):
        yield "", lambda _line: None
    if stripped.startswith(("bind ", "server ", "ssl-default-")) and " " in stripped:
        for pattern, (replacement, name) in OPTIONS.items():
            if re.search(pattern, line):
                yield name, lambda text, pattern=pattern, replacement=replacement: re.sub(pattern, replacement, text)  # type: ignore[misc]
    yield from conditions(line)


def conditions(line: str) -> Iterator[tuple[str, Edit]]:
    """One condition of several taken away; of what permits something (nothing is refused by it) all of them."""
    found = _CONDITION.fullmatch(line)
    if not found:
        return
    terms = [match.group(0) for match in _TERM.finditer(found["tail"])]
    permits = "txn.refused" not in line
    if permits:
        yield "all conditions", lambda text: _parts(text)[0]
    for number, term in enumerate(terms):
        if len(terms) > 1:
            yield f"condition {term}", lambda text, number=number: _without(text, number)  # type: ignore[misc]


def _parts(line: str) -> tuple[str, str, list[str]]:
    found = _CONDITION.fullmatch(line)
    assert found, line
    return found["head"], found["word"], [match.group(0) for match in _TERM.finditer(found["tail"])]


def _without(line: str, number: int) -> str:
    """One term left out; the one behind takes its place, and its ``||`` when it had one."""
    head, word, terms = _parts(line)
    gone = terms.pop(number)
    if number < len(terms) and not (gone.startswith("||") and not terms[number].startswith("||")):
        kept = terms[number]
        terms[number] = kept if number or not kept.startswith("||") else kept.removeprefix("|| ")
    elif number < len(terms):
        terms[number] = f"|| {terms[number]}"
    return f"{head} {word} {' '.join(terms)}"


@contextmanager
def _applied(rule: Rule | None, edit: Edit) -> Iterator[None]:
    _SEAM.rule, _SEAM.edit, _SEAM.met = rule, edit, False
    haproxy.Release = _SEAM.release  # type: ignore[assignment, attr-defined]
    try:
        yield
    finally:
        haproxy.Release = _RELEASE  # type: ignore[attr-defined]


def mutants(bench: Bench) -> Iterator[Mutant]:
    """All of all worlds, from what the model cases render."""
    with _applied(None, lambda line: line):
        for part in MODELS:
            bench.control(name for name in bench.items if part in name)
    for rule in _SEAM.rules:
        for name, edit in edits(rule.line):
            seen = f"{rule.world}: {rule.line.strip()}{f' #{rule.number}' if rule.number > 1 else ''}{f' WITHOUT {name}' if name else ''}"
            cases = ANSWERS if rule.line.strip().startswith("http-response") else AREAS[rule.world]
            yield Mutant(seen, name or rule.line, partial(_applied, rule, edit), cases, seen=lambda: _SEAM.met)
