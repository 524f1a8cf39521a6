# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile as people read it: one row for each certificate, with who holds, signs and hands it in, and what is asked of it."""

from __future__ import annotations

from ..description.profiles import CertificateRule, Profile

_SIGNERS = {"own": "the holder's CA", "counterpart": "the counterpart's CA", "scheme": "the hub's CA", "self": "the holder itself"}


def as_data(profile: Profile) -> dict[str, object]:
    """The profile for pipelines."""
    return {
        "profile": profile.name,
        "version": profile.version,
        "directory": profile.directory,
        "resources": list(profile.resources),
        "certificates": [_row(profile, rule) for rule in profile.certificates],
    }


def as_text(profile: Profile) -> str:
    """The profile for people."""
    blocks = [f"{profile.name} {profile.version}"]
    for rule in profile.certificates:
        row = _row(profile, rule)
        head = f"{row.pop('certificate')} ({row.pop('name')}): {row.pop('purpose') or 'no further purpose'}"
        blocks.append("\n".join([head, *(f"  {name:<12}{value}" for name, value in row.items() if value)]))
    return "\n\n".join(blocks)


def _row(profile: Profile, rule: CertificateRule) -> dict[str, str]:
    submission = rule.submission
    hands_in = ("the counterpart" if submission.by_counterpart else "the holder") if submission else ""
    return {
        "certificate": rule.title,
        "name": rule.name,
        "purpose": rule.purpose,
        "holder": "each side" if rule.holder.value == "both" else rule.holder.value,
        "signer": profile.directory if rule.signer.value == "directory" else _SIGNERS[rule.signer.value],
        "hands in": hands_in,
        "gate": f"a person uploads it: {submission.location}, {submission.type}" if submission else "",
        "keys": ", ".join(rule.key_kinds),
        "subject": f"CN: {rule.common_name}",
        "names": "" if rule.san == "none" else rule.san,
        "usages": ", ".join((*rule.key_usage, *rule.extended_key_usage)),
        "known by": ", ".join(rule.pins),
        "lifetime": f"{rule.lifetime_days} days, renewed {rule.renew_before_days} days before its end",
        "only with": f"application_auth: {rule.when}" if rule.when else "",
    }
