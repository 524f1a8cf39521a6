# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile of one's own, from ``profiles/<name>.yml`` beside hub.yml: a built-in one tightened, never loosened, every fault at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..document_steps import DocumentStep
from ..errors import Problem
from .documents import read_document, shown
from .profile_rows import AuthorityRule, CertificateRule, DirectoryPlace, Holder, Profile, Submission
from .profile_schema import PROFILE_FILE
from .spec import Checked, check, nearest

FOLDER = "profiles/"
"""How the value of ``profile`` in hub.yml begins when it names a file."""
_SAID = ("code", "purpose", "lifetime_days", "renew_before_days")
_LISTED = ("key_kinds", "key_usage", "extended_key_usage", "pins")
_NARROWED = ("key_kinds", "key_usage", "extended_key_usage")
_BOUNDED = ("lifetime_days", "list_days", "backdate_seconds")


def read_own_profile(folder: Path, named: str, profiles: Mapping[str, Profile]) -> tuple[dict[str, Profile], list[Problem]]:
    """The profile in the file that hub.yml names, by that name, and every fault of the file; nothing where it names no file."""
    if not named.startswith(FOLDER):
        return {}, []
    path = folder / named
    root, problems = read_document(path)
    if root is None:
        return {}, problems
    checked = check(root, PROFILE_FILE, file=str(path))
    base = profiles.get(checked.values.get("extends", ""))
    problems += checked.problems
    if base is None or not isinstance(checked.values.get("name"), str):
        return {}, problems
    problems += _name(checked, path, profiles)
    found = [*problems, *_lint(checked, base)]
    return ({}, found) if found else ({named: _built(checked.values, base)}, [])


def _name(checked: Checked, path: Path, profiles: Mapping[str, Profile]) -> Iterator[Problem]:
    name = checked.values["name"]
    if name != path.stem:
        yield checked.problem("name", f"{shown(name)} in the file {path.name}", f"the file name {name}.yml")
    if name in profiles:
        yield checked.problem("name", f"the built-in profile {shown(name)}", "a name of its own")


def _lint(checked: Checked, base: Profile) -> Iterator[Problem]:
    """What would loosen the profile, and what names nothing of it."""
    values = checked.values
    yield from _wider(checked, "resources", values.get("resources"), base.resources)
    yield from _bounds(checked, "", values, base)
    yield from _bounds(checked, "authority.", values.get("authority") or {}, base.authority)
    yield from _wider(checked, "authority.key_kinds", (values.get("authority") or {}).get("key_kinds"), base.authority.key_kinds)
    if "directory" in values and not base.directory:
        yield checked.problem("directory", "a directory", f"none: in {base.name} no directory signs")
    for index, entry in enumerate(values["certificates"]):
        if entry and "name" in entry:
            yield from _certificate(checked, f"certificates[{index}]", entry, base)
    rows = _rows(values["certificates"], base) if not checked.problems else base.certificates
    for choice, kind in (values.get("keys") or {}).items():
        for rule in rows:
            if rule.key_choice == choice and kind not in rule.key_kinds:
                yield checked.problem(f"keys.{choice}", shown(kind), " | ".join(rule.key_kinds))
                break


def _certificate(checked: Checked, key: str, entry: Mapping[str, Any], base: Profile) -> Iterator[Problem]:
    """One entry against every row that it is about."""
    word, names = ("like" if "like" in entry else "name"), [rule.name for rule in base.certificates]
    if "like" in entry and entry["name"] in names:
        yield checked.problem(f"{key}.name", shown(entry["name"]), "the name of no certificate of the profile, where like is given")
    meant = list(_meant(entry, base))
    if not meant:
        yield checked.problem(f"{key}.{word}", shown(entry[word]), nearest(str(entry[word]), names))
    for rule in meant:
        for name in _NARROWED:
            yield from _wider(checked, f"{key}.{name}", entry.get(name), getattr(rule, name))
        yield from _bounds(checked, f"{key}.", entry, rule)
        missing = [part for part in rule.pins if part not in (entry.get("pins") or rule.pins)]
        if missing or (entry.get("pins") and not rule.pins):
            wanted = " and ".join(rule.pins) if rule.pins else "no pins: a caller is known by its certificate"
            yield checked.problem(f"{key}.pins", f"no {' and '.join(missing)}" if missing else "pins", wanted)
        if "submission" in entry and rule.submission is None:
            yield checked.problem(f"{key}.submission", "a submission", f"none: no directory signs {rule.name}")
        life = entry.get("lifetime_days", rule.lifetime_days)
        if entry.get("renew_before_days", rule.renew_before_days) >= life:
            yield checked.problem(
                f"{key}.renew_before_days", f"{entry.get('renew_before_days', rule.renew_before_days)} of {life} days", f"under {life}"
            )


def _wider(checked: Checked, key: str, found: Sequence[str] | None, allowed: Sequence[str]) -> Iterator[Problem]:
    for index, value in enumerate(found or ()):
        if value is not None and value not in allowed:
            yield checked.problem(
                f"{key}[{index}]", f"{shown(value)}, which the profile does not allow", nearest(value, list(allowed)) or "none"
            )


def _bounds(checked: Checked, prefix: str, values: Mapping[str, Any], rule: Profile | AuthorityRule | CertificateRule) -> Iterator[Problem]:
    for name in _BOUNDED:
        most = getattr(rule, name, None)
        if most is not None and name in values and values[name] > most:
            yield checked.problem(f"{prefix}{name}", f"the number {values[name]}", f"at most {most}, as in the profile that it extends")


def _meant(entry: Mapping[str, Any], base: Profile) -> Iterator[CertificateRule]:
    """The rows of the profile that an entry tightens, or is made like."""
    wanted = entry.get("like", entry["name"])
    for rule in base.certificates:
        if rule.name == wanted and ("holder" not in entry or "like" in entry or rule.holder in {Holder.BOTH, Holder(entry["holder"])}):
            yield rule


def _rows(entries: Sequence[Mapping[str, Any]], base: Profile) -> tuple[CertificateRule, ...]:
    rows = list(base.certificates)
    for entry in entries:
        meant = list(_meant(entry, base))
        if "like" in entry:
            rows += [_row(meant[0], entry, name=entry["name"], holder=Holder(entry.get("holder", meant[0].holder)))] if meant else []
        else:
            rows = [_row(rule, entry) if rule in meant else rule for rule in rows]
    return tuple(rows)


def _row(rule: CertificateRule, entry: Mapping[str, Any], **new: Any) -> CertificateRule:  # noqa: ANN401 -- fields of a row
    said: dict[str, Any] = {name: entry[name] for name in _SAID if name in entry}
    listed: dict[str, Any] = {name: tuple(entry[name]) for name in _LISTED if name in entry}
    if "submission" in entry:
        said["submission"] = Submission(**entry["submission"], by_counterpart=_by_counterpart(rule))
    return replace(rule, **said, **listed, **new)


def _by_counterpart(rule: CertificateRule) -> bool:
    return rule.submission is not None and rule.submission.by_counterpart


def _built(values: Mapping[str, Any], base: Profile) -> Profile:
    authority: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in (values.get("authority") or {}).items()
    }
    directory = values.get("directory")
    return replace(
        base,
        name=values["name"],
        version=values["version"],
        authority=replace(base.authority, **authority),
        certificates=_rows(values["certificates"], base),
        resources=tuple(values.get("resources", base.resources)),
        backdate_seconds=values.get("backdate_seconds", base.backdate_seconds),
        keys={**base.keys, **values["keys"]},
        directory=directory["name"] if directory else base.directory,
        places={name: _place(place) for name, place in directory["environments"].items()} if directory else base.places,
        steps=tuple(DocumentStep(step.key, values["steps"].get(step.key, step.title)) for step in base.steps),
    )


def _place(values: Mapping[str, Any]) -> DirectoryPlace:
    addresses = tuple(url.text for url in values["authorities"])
    return DirectoryPlace(values["website"].text, addresses, values["keystore"].text.rstrip("/"), tuple(values["kinds"]))
