# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who holds which artefact, and whose CA signs it: the profile applied to the sides of a description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .model import HUB, Description, Participant, Side, State
from .profiles import CertificateRule, Signer

SELF = ""
"""The issuer of a self-signed certificate."""


class Directory(str):
    """The name of an issuer that is no side: a directory of the scheme, to which each holder hands its requests itself."""

    __slots__ = ()


Issuer = str | Directory
"""Who signs: the side of this name, a directory, or ``SELF``."""


@dataclass(frozen=True)
class Artefact:
    """One certificate that a side must hold.

    ``counterpart`` is empty unless it is made for one counterpart; ``issuer`` is the side whose CA signs it, a ``Directory``, or ``SELF``.
    ``submitter``: the counterpart that hands the request to the directory; empty where the holder does.
    """

    rule: CertificateRule
    holder: str
    counterpart: str
    issuer: Issuer
    submitter: str = ""

    @property
    def published(self) -> str:
        """How the signed certificate is called in the signer's publication, without ``.pem``."""
        return self.rule.name if self.rule.per_counterpart else f"signed-{self.rule.name}"

    @property
    def label(self) -> str:
        """How findings name it: ``server`` or ``client/hub``."""
        return f"{self.rule.name}/{self.counterpart}" if self.counterpart else self.rule.name


def has_authority(description: Description, side: str) -> bool:
    """Whether this side runs a CA of its own, wherever that CA is."""
    return description.side(side).ca.kind != "none"


def shows_client(description: Description, side: Side, counterpart: Side) -> bool:
    """Whether a side publishes the certificates with which it calls a counterpart that has not signed them, and knows callers by them."""
    return not has_authority(description, counterpart.name) and not caller_pins(description, side)


def caller_pins(description: Description, side: Side) -> tuple[str, ...]:
    """The parts of the subject by which this side is known as a caller; none: by its certificates."""
    return description.profile.rule("client", hub=side.name == HUB).pins


def artefacts_of(description: Description, side: Side, counterparts: Iterable[Side]) -> Iterator[Artefact]:
    """The certificates this side must hold: its own ones, then one for each counterpart that has a listener to call."""
    for rule in _rules(description, side):
        if rule.per_counterpart:
            for counterpart in counterparts:
                if counterpart.endpoint is not None:
                    yield Artefact(rule, side.name, counterpart.name, issuer_of(description, rule, side.name, counterpart.name))
        elif rule.name != "server" or side.endpoint is not None:
            issuer = issuer_of(description, rule, side.name, HUB if side.name != HUB else "")
            submitter = (HUB if side.name != HUB else description.tenant.name) if _by_counterpart(rule) and description.tenant else ""
            yield Artefact(rule if issuer else replace(rule, signer=Signer.SELF), side.name, "", issuer, submitter)


def _rules(description: Description, side: Side) -> Iterator[CertificateRule]:
    """The rows of what this side holds: not before there is someone whose tenant it is, where the counterpart must submit it."""
    for rule in description.profile.certificates:
        needed = rule.when in {"", description.directory.application_auth} and (rule.san != "further" or side.hosts_of(rule.name))
        if rule.held_by(side.name == HUB) and needed and (not _by_counterpart(rule) or _submitted(description, rule)):
            yield rule


def _submitted(description: Description, rule: CertificateRule) -> bool:
    """Whether there is someone to hand in the hub's request, and the directory signs it at all."""
    return description.tenant is not None and not (rule.name == "server" and description.directory.hub_server_ca_file)


def _by_counterpart(rule: CertificateRule) -> bool:
    return rule.submission is not None and rule.submission.by_counterpart


def named(description: Description, artefact: Artefact) -> Side:
    """The holder as the certificate names it: with the organisation of the side that hands the request to the directory."""
    holder = description.side(artefact.holder)
    if not artefact.submitter:
        return holder
    other = description.side(artefact.submitter)
    return replace(holder, organisation=other.organisation, country=other.country, registration=other.registration)


def issuer_of(description: Description, rule: CertificateRule, holder: str, counterpart: str) -> Issuer:
    """Who signs. A participant without a CA is signed for by the hub for TLS, and by itself otherwise."""
    if rule.signer is Signer.COUNTERPART:
        return counterpart if has_authority(description, counterpart) else HUB
    if rule.signer is Signer.SCHEME:
        return HUB
    if rule.signer is Signer.DIRECTORY:
        return Directory(description.profile.directory)
    if rule.signer is Signer.OWN and has_authority(description, holder):
        return holder
    return SELF


def requests_between(description: Description, holder: Side, signer: Side) -> list[Artefact]:
    """The artefacts of ``holder`` that ``signer`` is asked to sign, or to have signed by a directory, in the order of the profile."""
    if holder.name == signer.name:
        return []
    return [artefact for artefact in artefacts_of(description, holder, [signer]) if signer.name in {artefact.issuer, artefact.submitter}]


def counterparts_of(description: Description, side: str, chosen: Iterable[Participant]) -> tuple[Side, ...]:
    """The chosen participants for the hub; the hub for a participant. Offboarded participants are no one's counterpart."""
    if side != HUB:
        return (description.hub,)
    return tuple(participant for participant in chosen if participant.state is not State.OFFBOARDED)
