# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The packet filter that is described against the one in the kernel: findings, and the table to put in force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..description.model import HUB, Description, EnvironmentKind
from ..document_steps import Phase
from ..findings import Disposition, Finding
from ..host.firewall_content import Content
from .model import FirewallModel, firewall_model
from .nftables import desired_content, observed_model, render, written_model
from .sharing import narrowed

STEP = Phase.ADDRESSES
AT_BOOT = "include the file in /etc/nftables.conf, and enable the service nftables"

Observation = Mapping[str, Any]
"""What ``host.firewall_nftables.observe`` returns."""


@dataclass(frozen=True)
class FirewallPlan:
    """What a run finds on one host, and what it puts in force there: the ``rules`` for nft and the ``content`` they make."""

    findings: tuple[Finding, ...]
    rules: str
    content: Content
    in_force: bool
    """Whether the kernel holds the content already, so that at most the file loaded at boot is written."""


def plan_firewall(description: Description, side: str, host: str, observation: Observation, chosen: Collection[str]) -> FirewallPlan:
    """Compare one host of a side with the description; ``chosen`` are the participants that the run is about (all of them: their ids).

    What the kernel holds for others stays as it is; where its table is gone, what the file loaded at boot has for them.
    FirewallError where the side's firewall cannot be what is described.
    """
    described = firewall_model(description, side, host)
    content = observation["content"]
    observed = observed_model(side, content)
    kept = written_model(side, observation["lost"]) if content is None and side == HUB else observed
    vanished = _vanished(description, kept) if side == HUB else ()
    mine = {HUB, *chosen} if side == HUB else {HUB, *observed.counterparts}
    desired = narrowed(described, kept, mine)
    rules, wanted = render(desired), desired_content(desired)
    report = _Report(side, host)
    findings = [
        *_shared_findings(report, wanted, content),
        *(finding for name in sorted(mine) for finding in _address_findings(report, name, desired, observed)),
        *(report.vanished(name) for name in vanished if set(chosen) >= {each.name for each in description.participants}),
    ]
    if content is not None and content != wanted and not findings:
        findings.append(report.change("rules-differ", detail="counters"))
    if observation["persisted"] != hashlib.sha256(rules.encode()).hexdigest():
        findings.append(report.change("not-persisted", detail="the file loaded at boot is not the table in force"))
    findings += _surroundings(report, observation, lab=description.kind is EnvironmentKind.LAB)
    return FirewallPlan(tuple(findings), rules, wanted, in_force=content == wanted)


def readable(content: Content | None) -> str:
    """A content as lines for a diff: a line for each address, port and chain; chains are the pack's own text, so a digest tells."""
    return "".join(f"{line}\n" for line in _lines(content)) if content else ""


@dataclass(frozen=True)
class _Report:
    """Makes the findings of one host."""

    side: str
    host: str

    def change(self, reason: str, *, counterpart: str = "", part: str = "", detail: str = "") -> Finding:
        return Finding(self._whom(counterpart), STEP, self.side, self._artefact(part), reason, detail=detail)

    def for_a_person(self, reason: str, *, part: str = "", detail: str = "") -> Finding:
        operator = f"operator of {self.host}"
        return Finding(self.side, STEP, self.side, self._artefact(part), reason, Disposition.PENDING, operator, detail)

    def vanished(self, name: str) -> Finding:
        remedy = "describe it again with state: offboarded, run onboard.yml, then remove its file"
        detail = f"the kernel still has addresses of {name}, which is not described: {remedy}"
        return Finding(name, STEP, self.side, self._artefact(""), "participant-unknown", Disposition.FAULT, detail=detail)

    def _whom(self, counterpart: str) -> str:
        return counterpart if counterpart and self.side == HUB else self.side

    def _artefact(self, part: str) -> str:
        return f"firewall/{self.host}/{part}" if part else f"firewall/{self.host}"


def _vanished(description: Description, observed: FirewallModel) -> tuple[str, ...]:
    """Counterparts in the kernel that no one describes; those whose file is broken are reported as that."""
    return tuple(name for name in observed.counterparts if name not in description.known_names | {HUB})


def _address_findings(report: _Report, name: str, desired: FirewallModel, observed: FirewallModel) -> Iterator[Finding]:
    destinations = (("inbound", desired.allowed_in, observed.allowed_in), ("outbound", desired.allowed_out, observed.allowed_out))
    for part, wanted, found in destinations:
        missing = [each for each in wanted.get(name, ()) if each not in found.get(name, ())]
        unwanted = [each for each in found.get(name, ()) if each not in wanted.get(name, ())]
        for reason, entries in (("address-missing", missing), ("address-unwanted", unwanted)):
            if entries:
                yield report.change(reason, counterpart=name, part=part, detail=", ".join(_text(entry) for entry in entries))


def _shared_findings(report: _Report, wanted: Content, content: Content | None) -> Iterator[Finding]:
    """What belongs to no counterpart: the table itself, its chains and rules, the guarded ports."""
    if content is None:
        yield report.change("firewall-not-installed", detail="there is no table inet mojaloop_onboarding")
        return
    missing = [name for name, chain in wanted["chains"].items() if any(rule not in _rules(content, name) for rule in chain["rules"])]
    if missing:
        yield report.change("rule-missing", part="rules", detail=", ".join(missing))
    differing = [key for key in ("flags", "chains", "sets", "unknown") if content[key] != wanted[key] and not (missing and key == "chains")]
    if {name: each["type"] for name, each in content["maps"].items()} != {name: each["type"] for name, each in wanted["maps"].items()}:
        differing.append("maps")
    if differing:
        yield report.change("rules-differ", part="rules", detail=", ".join(differing))


def _surroundings(report: _Report, observation: Observation, *, lab: bool) -> Iterator[Finding]:
    if not observation["loaded_at_boot"] and not lab:
        yield report.for_a_person("not-loaded-at-boot", detail=AT_BOOT)
    found: dict[tuple[str, str], list[str]] = {}
    for neighbour in observation["neighbours"]:
        found.setdefault((neighbour["reason"], neighbour["table"]), []).append(neighbour["detail"])
    for (reason, table), details in sorted(found.items()):
        yield report.for_a_person(reason, part=table, detail="; ".join(details))


def _rules(content: Content, chain: str) -> list[Any]:
    return list(content["chains"].get(chain, {}).get("rules", []))


def _text(entry: object) -> str:
    return f"{entry[0]} port {entry[1]}" if isinstance(entry, tuple) else str(entry)


def _lines(content: Content) -> Iterator[str]:
    for flag in content["flags"]:
        yield f"table flag {flag}"
    for name, declared in content["sets"].items():
        yield from (f"{name} {element}" for element in declared["elements"])
    for name, declared in content["maps"].items():
        yield from (f"{name} {owner} {key}" for owner, keys in sorted(declared["elements"].items()) for key in keys)
    for name, chain in sorted(content["chains"].items()):
        place = " ".join(["chain", name, *(str(part) for part in chain["hook"])])
        digest = hashlib.sha256(json.dumps(chain["rules"], sort_keys=True).encode()).hexdigest()
        yield f"{place}: {len(chain['rules'])} rules, digest {digest[:12]}"
    yield from (f"unknown {each}" for each in content["unknown"])
