# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scheme of the test's own: no message signatures, and one more certificate, with which sides seal documents."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import (
    JWS,
    MOJALOOP,
    CertificateRule,
    Phases,
    Signer,
)

SEAL = CertificateRule(
    name="seal",
    key_choice="tls",
    key_kinds=("ec-p256", "rsa-3072"),
    signer=Signer.OWN,
    per_counterpart=False,
    common_name="id",
    san="id",
    key_usage=("digital_signature",),
    extended_key_usage=(),
    lifetime_days=365,
    renew_before_days=90,
    phases=Phases(*(6 * ("seal-1",))),
)
SEALS = replace(MOJALOOP, name="seals", certificates=(*(rule for rule in MOJALOOP.certificates if rule.name != JWS), SEAL))
