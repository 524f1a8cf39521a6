# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy pack: `pulumi preview --policy-pack pulumi/policies` refuses what breaks a rule."""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the engine starts this file alone, in the pack's own environment

from policies.rules import DEFAULT_DENY, RULES, Rule, open_namespaces

KUBERNETES = "kubernetes:"


def policy(rule: Rule) -> ResourceValidationPolicy:
    """A rule as a policy about one resource."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith(KUBERNETES) and "kind" in args.props:
            for violation in rule.violations(args.props):
                report(violation, None)

    return ResourceValidationPolicy(name=rule.name, description=rule.asks, validate=validate)


def validate_stack(args: StackValidationArgs, report: ReportViolation) -> None:
    """The rule about all resources of a stack together."""
    objects = [each.props for each in args.resources if each.resource_type.startswith(KUBERNETES) and "kind" in each.props]
    for violation in open_namespaces(objects):
        report(violation, None)


PolicyPack(
    name="mojaloop-onboarding",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *(policy(rule) for rule in RULES),
        StackValidationPolicy(name=DEFAULT_DENY, description="Each namespace denies by default.", validate=validate_stack),
    ],
)
