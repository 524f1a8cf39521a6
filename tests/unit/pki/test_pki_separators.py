# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What separates the fields of ``X-Forwarded-Client-Cert`` is in no name that is signed, whatever gateway is described.

Envoy writes a certificate's names into that header without escaping them, and what is signed today may meet such a gateway tomorrow:
so the rule holds everywhere. Of a request's subject only the common name is looked at; the rest reaches no certificate.
"""

from __future__ import annotations

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from unit.pki.bench import GREEN, key, names, request, rule, signed

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.addresses import parse_endpoint_url
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.spec import Refused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.texts import DNS_NAME, ID, UUID
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.policy import SigningCase, check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import Request, read_request

SEPARATORS = ';,="'
KEY, CLIENT = key("ec-p256", "greenbank client"), rule("client")
OWN = ("greenbank", "greenbank.test", "urn:fspiop:greenbank")
REFUSALS = {"request-foreign-name", "request-common-name"}


class NoOne:
    def owner(self, public_digest: str) -> str | None:  # noqa: ARG002
        return None


def read(pem: bytes) -> Request:
    asked = read_request(pem, where="client.csr")
    check(SigningCase(CLIENT, MOJALOOP, GREEN, "hub", asked, asked.public_key, NoOne()))
    return asked


@st.composite
def with_a_separator(draw: st.DrawFn) -> str:
    """One of the holder's own names with a separator somewhere, and what an attacker would have follow it."""
    own, separator = draw(st.sampled_from(OWN)), draw(st.sampled_from(SEPARATORS))
    place = draw(st.integers(0, len(own)))
    follows = draw(st.sampled_from(("", f"Hash={'0' * 30}", "URI=urn:fspiop:bluebank", 'Subject="CN=bluebank')))
    return f"{own[:place]}{separator}{follows}{own[place:]}"


@given(name=with_a_separator(), place=st.sampled_from(("common name", "DNS", "URI")))
def test_a_name_with_a_separator_is_refused(name: str, place: str) -> None:
    general: dict[str, x509.GeneralName] = {"DNS": x509.DNSName(name), "URI": x509.UniformResourceIdentifier(name)}
    asked = x509.SubjectAlternativeName([general.get(place, x509.DNSName(OWN[1]))])
    with pytest.raises(SigningRefused) as refused:
        read(request(KEY, asked, common_name=name if place == "common name" else "greenbank"))
    assert refused.value.reason in REFUSALS


@pytest.mark.parametrize("name", OWN)
def test_the_same_names_without_it_pass(name: str) -> None:
    read(request(KEY, names(*OWN[1:]), common_name=name))


@given(name=with_a_separator())
def test_no_described_name_has_one(name: str) -> None:
    """An id, a host, a name in a registration: what a side's own names are made of."""
    assert not any(re.fullmatch(text.pattern, name) for text in (ID, DNS_NAME, UUID))
    with pytest.raises(Refused):
        parse_endpoint_url(f"https://{name}:443")


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_rest_of_a_requests_subject_reaches_no_certificate(separator: str) -> None:
    organisation = f"Bank{separator}Hash={'0' * 30}"
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)])
    pem = x509.CertificateSigningRequestBuilder(subject).sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    made = signed("client", read(pem).public_key, by="hub")
    assert organisation not in made.subject.rfc4514_string()
    assert {each.value for each in made.subject} == {GREEN.organisation, "greenbank"}
