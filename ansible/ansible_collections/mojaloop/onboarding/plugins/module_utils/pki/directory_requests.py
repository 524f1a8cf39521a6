# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request must be before a person uploads it to a scheme's directory: a wrong one costs days, or is signed as it is."""

from __future__ import annotations

from collections.abc import Iterator

from ..description.model import Side
from ..description.profiles import CertificateRule
from .contents import alternative_names, subject
from .faults import Fault
from .keys import key_kind, public_weakness
from .requests import Request, read_request


def upload_faults(pem: bytes, *, rule: CertificateRule, holder: Side, where: str) -> list[Fault]:
    """What is wrong with a request for this rule; ``holder`` as the certificate names it. SigningRefused: see ``read_request``.

    Key kind and strength, subject (every attribute, in its order), alternative names (none more, none less), nothing of a CA.
    """
    return list(_faults(read_request(pem, where=where), rule, holder))


def _faults(request: Request, rule: CertificateRule, holder: Side) -> Iterator[Fault]:
    wanted = subject(rule, holder)
    kind, (weakness, what) = key_kind(request.public_key), public_weakness(request.public_key)
    if kind not in rule.key_kinds:
        yield Fault("key-kind", f"has a key of kind {kind}; allowed: {', '.join(rule.key_kinds)}")
    if weakness:
        yield Fault(weakness, what)
    if request.subject != wanted:
        yield Fault("subject", f"asks for {request.subject.rfc4514_string()[:200]!a}; allowed: {wanted.rfc4514_string()!a}")
    names = {str(name.value) for name in alternative_names(rule, holder) or ()}
    asked = {*request.dns_names, *request.uri_names, *(name.partition(":")[2] for name in request.other_names)}
    if asked != names:
        found, right = (", ".join(sorted(each))[:200] or "none" for each in (asked, names))
        yield Fault("san", f"asks for the names {found!a}; allowed: {right!a}")
    if request.wants:
        yield Fault("request-wants-ca", f"asks for {', '.join(request.wants)}; allowed: nothing of a CA")
