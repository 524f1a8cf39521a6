# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of gateways that a description can name (see ``systems``), and the keys of each."""

from __future__ import annotations

from .addresses import HIGHEST_PORT
from .kubernetes_gateway import KubernetesGateway
from .model import EnvoyGateway, Gateway, HaproxyGateway
from .spec import Field, Many, Record, Text, Variant, Whole
from .systems import KIND
from .texts import ADDRESS, CONTEXT, HOST, LOG, NETWORK, OBJECT_NAME, REMOTE_PATH, choice

_LISTENER = Record(
    "An address and a port.",
    (
        Field("address", ADDRESS, "IP address.", required=True),
        Field("port", Whole(1, HIGHEST_PORT), "TCP port.", required=True),
    ),
)
_INTERNAL = Record(
    "The hub's internal listener, where its operators reach ledger and account lookup.",
    (
        Field("address", ADDRESS, "IP address.", required=True),
        Field("port", Whole(1, HIGHEST_PORT), "TCP port.", required=True),
        Field("networks", Many(NETWORK, least=1, most=50), "Where operators, and this pack, come from.", required=True),
        Field("ledger", _LISTENER, "The ledger's administration API, as this gateway reaches it.", required=True),
        Field("account_lookup", _LISTENER, "Account lookup's administration API."),
    ),
)
_ON_A_HOST = (
    Field("host", HOST, "Its inventory host.", required=True),
    Field("name", HOST, "Its name: its entry in the inventory's group gateways. Where absent: host."),
    Field("inbound_backend", _LISTENER, "The plain HTTP service behind the inbound listeners.", required=True),
    Field("outbound", _LISTENER, "Plain HTTP listener for the side's own services.", required=True),
)
_LOG_FILE = Text("stdout, or an absolute path", r"stdout|/[A-Za-z0-9._/-]{1,200}", longest=201)
_ON_A_CLUSTER = (
    Field("name", HOST, "Its name: its entry in the inventory's group gateways.", required=True),
    Field("context", CONTEXT, "Its context; where absent, the file's current one."),
    Field("namespace", OBJECT_NAME, "Namespace of the ingress gateway's pods.", default=KubernetesGateway.namespace),
    Field("gateway", OBJECT_NAME, "Value of the label istio of its pods.", default=KubernetesGateway.gateway),
    Field("listener", OBJECT_NAME, "Name of its Gateway object.", default=KubernetesGateway.listener),
    Field("certificate", OBJECT_NAME, "Name of the Secret with its certificate.", default=KubernetesGateway.certificate),
    Field("services_namespace", OBJECT_NAME, "Namespace of the side's services.", default=KubernetesGateway.services_namespace),
    Field("egress_namespace", OBJECT_NAME, "Namespace of the egress gateway's pods.", default=KubernetesGateway.egress_namespace),
    Field("egress_gateway", OBJECT_NAME, "Value of the label istio of its pods.", default=KubernetesGateway.egress_gateway),
)


def gateway(file: Text) -> Variant:
    """One gateway of a side, whose files may be named as ``file`` allows."""
    return Variant(
        "One gateway of the side: terminates and originates mutual TLS.",
        by=KIND,
        of={
            "haproxy": Record(
                "HAProxy 2.6 or later on a host.",
                (
                    *_ON_A_HOST,
                    Field("folder", REMOTE_PATH, "Folder of its files on the host.", default=HaproxyGateway.folder),
                    Field("master_socket", REMOTE_PATH, "Socket of its master process.", default=HaproxyGateway.master_socket),
                    Field("stats_socket", REMOTE_PATH, "Socket of its runtime commands.", default=HaproxyGateway.stats_socket),
                    Field("log", LOG, "Where its log goes.", default=HaproxyGateway.log),
                    Field("hello", _LISTENER, "Listener of the health check without a client certificate, in a profile that has one."),
                    Field("internal", _INTERNAL, "Internal listener, of the hub: ledger and account lookup for its operators."),
                ),
            ),
            "envoy": Record(
                "Envoy 1.35 or later on a host.",
                (
                    *_ON_A_HOST,
                    Field("folder", REMOTE_PATH, "Folder of its files on the host.", default=EnvoyGateway.folder),
                    Field("admin_socket", REMOTE_PATH, "Socket of its administration interface.", default=EnvoyGateway.admin_socket),
                    Field("log", _LOG_FILE, "Where its access log goes.", default=EnvoyGateway.log),
                ),
            ),
            "kubernetes": Record(
                "Istio on a cluster, whose environment the Pulumi programs have made.",
                (
                    Field(
                        "kubeconfig_file", file, "Kubeconfig file of the cluster: with its CA, and a token or a certificate.", required=True
                    ),
                    *_ON_A_CLUSTER,
                ),
            ),
        },
        common=(
            Field("inbound", Many(_LISTENER, least=1, most=50), "Mutual TLS listeners.", required=True),
            Field(
                "source_address",
                choice("direct", "proxy-protocol"),
                "How the peer's address is known: from the connection, or from a load balancer's PROXY protocol.",
                default=Gateway.source_address,
            ),
            Field(
                "egress_addresses",
                Many(NETWORK, most=50),
                "Where its calls come from, as its host has the addresses: where they are translated on the way (NAT), or each gateway has "
                "its own. An empty list: those of the side.",
                default=[],
            ),
        ),
    )
