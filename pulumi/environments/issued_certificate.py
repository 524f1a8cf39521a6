# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate of cert-manager's for a gateway's hosts that face no other side of the scheme: it issues and renews it, in its Secret.

What other sides trust (the FSPIOP host's, a participant's) is issued and handed over by the onboarding, never here.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata

DURATION, RENEW_BEFORE = "2160h", "720h"


@dataclass(frozen=True)
class IssuedCertificateArgs:
    """``issuer``: a ClusterIssuer with a CA of the operator's own, which also signs the certificates of those who call."""

    secret: str
    namespace: str
    owner: str
    hosts: tuple[str, ...]
    issuer: str


class IssuedCertificate(Component):
    """The Certificate, whose Secret has the certificate, its key, and the issuer's CA as that of the callers."""

    def __init__(self, name: str, args: IssuedCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        if args.issuer:
            kubernetes.apiextensions.CustomResource(
                f"{name}-certificate",
                api_version="cert-manager.io/v1",
                kind="Certificate",
                metadata=metadata(args.secret, args.owner, args.namespace),
                spec={
                    "secretName": args.secret,
                    "dnsNames": list(args.hosts),
                    "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": args.issuer},
                    "usages": ["digital signature", "server auth"],
                    "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                    "duration": DURATION,
                    "renewBefore": RENEW_BEFORE,
                },
                opts=self.child,
            )
        self.register_outputs({"secret": args.secret})
