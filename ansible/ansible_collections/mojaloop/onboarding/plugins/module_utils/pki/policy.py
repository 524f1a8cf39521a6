# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The signing policy: an ordered list of small named checks over one case; the first that objects is the answer.

Each check gives None, or the wording of both sides: what is asked, what is allowed. Names are compared exactly and shown
in ASCII, so that a look-alike letter or a NUL neither passes nor hides.

What is signed names no place for revocation lists (no cRLDistributionPoints): they go to the counterpart with the
publication, in a private exchange, and there is no URL that both sides could reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..description.model import HUB, Participant, Side, State
from ..description.profiles import CertificateRule, Profile, Signer
from ..errors import SigningRefused
from .contents import host, id_uri
from .keys import PublicKey, key_kind, public_digest, public_weakness
from .requests import Request

RETIRED = "retired"
"""What ``KeyRegister.owner`` answers for a key that was taken out of use."""


class KeyRegister(Protocol):
    """Who is known to hold which key in this environment."""

    def owner(self, public_digest: str) -> str | None:
        """``ownership(holder, rule)`` of the holder, ``<side> ca`` of a CA, ``retired``, or None for an unknown key."""


@dataclass(frozen=True)
class SigningCase:
    """Everything that decides whether one certificate may be signed. ``issuer_name``: the side whose CA signs."""

    rule: CertificateRule
    profile: Profile
    holder: Side
    issuer_name: str
    request: Request | None
    public_key: PublicKey
    register: KeyRegister
    names_of_others: frozenset[str] = frozenset()
    """See ``names_of_others``."""

    @property
    def owner(self) -> str | None:
        """Who is known to hold the key already."""
        return self.register.owner(public_digest(self.public_key))

    @property
    def own_names(self) -> frozenset[str]:
        """The names the holder may ask for, in lower case: host, FSPIOP id, side name, identity URI."""
        return _names_of(self.holder)


def _names_of(side: Side) -> frozenset[str]:
    return frozenset(name.lower().rstrip(".") for name in (host(side), side.fspiop_id, side.name, id_uri(side)) if name)


def names_of_others(sides: Iterable[Side], holder: Side) -> frozenset[str]:
    """Every name, in lower case, that the description gives to other sides than the holder; offboarded ones have given theirs back."""
    gone = State.OFFBOARDED
    others = (side for side in sides if side.name != holder.name and not (isinstance(side, Participant) and side.state is gone))
    return frozenset().union(*map(_names_of, others))


def ownership(holder: str, rule: str) -> str:
    """How the key register words it that this side (its name) holds a key for this rule (its name): ``greenbank client``."""
    return f"{holder} {rule}"


def check(case: SigningCase) -> None:
    """SigningRefused with the reason code of the first check that objects; nothing when the certificate may be signed."""
    for reason, objection in POLICY:
        what = objection(case)
        if what:
            raise SigningRefused(reason, what, where=f"{case.holder.name}/{case.rule.name}")


def holder_state(case: SigningCase) -> str | None:
    """An offboarded participant gets no certificate."""
    gone = isinstance(case.holder, Participant) and case.holder.state is State.OFFBOARDED
    return f"{case.holder.name} is offboarded; allowed: active and suspended participants" if gone else None


def issuer_allowed(case: SigningCase) -> str | None:
    """The profile says whose CA signs."""
    own = case.issuer_name == case.holder.name
    allowed = {Signer.OWN: own, Signer.COUNTERPART: not own, Signer.SCHEME: case.issuer_name == HUB, Signer.SELF: False}
    if allowed[case.rule.signer]:
        return None
    return f"asked of the CA of {case.issuer_name}; allowed by {case.profile.name}: {case.rule.signer.value}"


def key_is_request_key(case: SigningCase) -> str | None:
    """The key to certify is the one whose possession the request proves."""
    if case.request is None or public_digest(case.request.public_key) == public_digest(case.public_key):
        return None
    return "the key to certify is not the key of the request; allowed: the request's own key"


def key_kind_allowed(case: SigningCase) -> str | None:
    """The rule lists the key kinds."""
    kind = key_kind(case.public_key)
    return None if kind in case.rule.key_kinds else f"asked: a key of kind {kind}; allowed: {', '.join(case.rule.key_kinds)}"


def rsa_exponent(case: SigningCase) -> str | None:
    """Small or even public exponents are refused (FIPS 186-5 section A.1.1)."""
    reason, what = public_weakness(case.public_key)
    return what if reason == "rsa-exponent" else None


def key_sound(case: SigningCase) -> str | None:
    """Keys that are easily factored are refused."""
    reason, what = public_weakness(case.public_key)
    return what if reason == "key-weak" else None


def key_not_retired(case: SigningCase) -> str | None:
    """A renewal makes a new key pair (PKI Best Practices sections 5.6 and 6.6)."""
    return "asked: a key that was retired; allowed: a new key pair" if case.owner == RETIRED else None


def key_not_an_authoritys(case: SigningCase) -> str | None:
    """A CA's key certifies, it is not certified as a leaf."""
    owner = case.owner or ""
    return f"asked: the key of {owner}; allowed: a key of no CA" if owner.endswith(" ca") else None


def key_not_someone_elses(case: SigningCase) -> str | None:
    """Two holders of one key could each pass for the other."""
    owner = case.owner
    if owner is None or owner.split(" ")[0] == case.holder.name:
        return None
    return f"asked: a key that belongs to {owner}; allowed: a key of {case.holder.name} alone"


def key_of_one_purpose(case: SigningCase) -> str | None:
    """Separate keys for separate purposes (PKI Best Practices section 6.1)."""
    owner = case.owner
    if owner in {None, ownership(case.holder.name, case.rule.name)}:
        return None
    return f"asked: a key already in use as {owner}; allowed: a key for {case.rule.name} alone"


def no_authority_wanted(case: SigningCase) -> str | None:
    """A request for CA=TRUE is answered, not ignored: its sender has made a mistake or is trying something."""
    return "asked: BasicConstraints CA=TRUE; allowed: CA=FALSE or nothing" if _wanted(case, "ca") else None


def no_signing_usage_wanted(case: SigningCase) -> str | None:
    """Signing certificates and CRLs is a CA's usage."""
    return f"asked: keyCertSign or cRLSign; allowed: {_rule_usages(case)}" if _wanted(case, "key_cert_sign", "crl_sign") else None


def no_any_usage_wanted(case: SigningCase) -> str | None:
    """One usage for anything would void the separation of client and server."""
    return f"asked: anyExtendedKeyUsage; allowed: {_rule_usages(case)}" if _wanted(case, "any_extended_key_usage") else None


def no_wildcards(case: SigningCase) -> str | None:
    """One certificate, one listener."""
    wide = [name for name in _names(case) if "*" in name]
    return f"asked: {_shown(wide)}; allowed: {_shown(case.own_names)}, no wildcard" if wide else None


def names_are_own(case: SigningCase) -> str | None:
    """A name that is not the holder's own is refused, not dropped."""
    foreign = [name for name in _names(case) if name.lower() not in case.own_names]
    return f"asked: the name {_shown(foreign)}; allowed: {_shown(case.own_names)}" if foreign else None


def names_are_no_one_elses(case: SigningCase) -> str | None:
    """Described as one's own, another side's name is still that side's: its certificate would pass for the other's."""
    taken = case.own_names & case.names_of_others
    return f"to be certified: {_shown(taken)}, a name of another side; allowed: names of {case.holder.name} alone" if taken else None


def common_name_is_own(case: SigningCase) -> str | None:
    """As for the other names: empty, the host, or the id."""
    name = case.request.common_name if case.request else ""
    if not name or name.lower() in case.own_names:
        return None
    return f"asked: the common name {_shown([name])}; allowed: {_shown(case.own_names)}"


Objection = Callable[[SigningCase], "str | None"]
POLICY: tuple[tuple[str, Objection], ...] = (
    ("holder-offboarded", holder_state),
    ("issuer-not-allowed", issuer_allowed),
    ("name-of-another-side", names_are_no_one_elses),
    ("key-not-of-request", key_is_request_key),
    ("key-kind", key_kind_allowed),
    ("rsa-exponent", rsa_exponent),
    ("key-weak", key_sound),
    ("key-retired", key_not_retired),
    ("key-of-a-ca", key_not_an_authoritys),
    ("key-of-someone-else", key_not_someone_elses),
    ("key-used-elsewhere", key_of_one_purpose),
    ("request-wants-ca", no_authority_wanted),
    ("request-wants-cert-sign", no_signing_usage_wanted),
    ("request-wants-any-usage", no_any_usage_wanted),
    ("request-wildcard", no_wildcards),
    ("request-foreign-name", names_are_own),
    ("request-common-name", common_name_is_own),
)
"""Reason code and check, in the order in which they are asked."""


def _wanted(case: SigningCase, *wants: str) -> bool:
    return case.request is not None and not set(wants).isdisjoint(case.request.wants)


def _names(case: SigningCase) -> list[str]:
    """Every SAN asked for; an IP address is compared by its value, other kinds never match and are refused."""
    if case.request is None:
        return []
    others = [name.removeprefix("IPAddress:") for name in case.request.other_names]
    return [*case.request.dns_names, *case.request.uri_names, *others]


def _rule_usages(case: SigningCase) -> str:
    return ", ".join((*case.rule.key_usage, *case.rule.extended_key_usage))


def _shown(names: list[str] | frozenset[str]) -> str:
    """At most five names, each at most 80 characters, in ASCII."""
    first = sorted(names)[:5]
    return ", ".join(ascii(name[:80]) for name in first) + (" …" if len(names) > len(first) else "")
