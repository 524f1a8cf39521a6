# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on a cluster in a description: its defaults, its files, and what Istio cannot do there."""

from __future__ import annotations

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.kubernetes_gateway import KubernetesGateway, mesh_url
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import NOWHERE

GREENBANK = "participants/greenbank.yml"
ON_A_CLUSTER = "- {kind: kubernetes, name: hub-gateway, kubeconfig_file: kubeconfig, inbound: [{address: 45.60.1.10, port: PORT}]}"


def on_a_cluster(folder: Folder, *, port: str = "443", more: str = "", certificate: str = "tls") -> None:
    """The folder, with the hub on a cluster."""
    text = (folder.path / "hub.yml").read_text(encoding="utf-8")
    begin, end = text.index("    - host: hub-gateway"), text.index("  firewall:")
    gateway = f"    {ON_A_CLUSTER}\n".replace("PORT", port).replace("}]}\n", f"}}]{more}}}\n")
    text = text[:begin] + gateway + text[end:].replace("  firewall: {kind: nftables}\n", "")
    text = text.replace("    kind: rfc7591\n", f"    kind: rfc7591\n    client_certificate: {certificate}\n")
    (folder.path / "hub.yml").write_text(text, encoding="utf-8")


def test_the_names_are_those_of_the_pulumi_program_and_the_file_is_beside_the_description(folder: Folder) -> None:
    on_a_cluster(folder)
    assert folder.problems() == []
    (gateway,) = folder.load().hub.gateways
    assert isinstance(gateway, KubernetesGateway)
    assert (gateway.name, gateway.host, gateway.outbound) == ("hub-gateway", "", NOWHERE)
    assert gateway.kubeconfig_file == str(folder.path / "kubeconfig")
    assert (gateway.namespace, gateway.listener, gateway.certificate) == ("istio-ingress-ext", "interop-gateway", "vault-tls-cert")
    assert folder.load().hub.firewall.hosts == ()


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"certificate": "header"}, "hub.authorization_server.client_certificate: found 'header'"),
        ({"more": ", source_address: proxy-protocol"}, "hub.gateways[0].source_address: found 'proxy-protocol'"),
        ({"port": "9443"}, "hub.gateways[0].inbound: found port 9443; allowed: 443, the port of endpoint.url"),
        ({"more": ", namespace: Not_one"}, "hub.gateways[0].namespace: found 'Not_one'"),
        ({"more": ", host: hub-host"}, "hub.gateways[0].host: found a key of kind haproxy"),
    ],
)
def test_what_istio_cannot_do_is_refused_in_the_description(folder: Folder, changed: dict[str, str], found: str) -> None:
    on_a_cluster(folder, **changed)
    (problem,) = folder.problems()
    assert found in problem


def test_the_hubs_services_call_participants_without_tls_only_from_a_cluster(folder: Folder) -> None:
    endpoint = folder.load().participant("greenbank").endpoint
    assert endpoint is not None
    assert mesh_url(folder.load().hub.gateways, endpoint) == ""
    on_a_cluster(folder)
    assert mesh_url(folder.load().hub.gateways, endpoint) == f"http://{endpoint.host}{endpoint.base_path}"
