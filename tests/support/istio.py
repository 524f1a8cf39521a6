# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Istio's meaning on a cluster without machines: the real control plane, and Envoy as the gateways that it configures.

Envoy is not Istio's own build of it, and its start is written here: what differs is said where it matters. The control plane judges
what is written to the API server too, by the webhook that it has for that.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

import yaml

from . import ports
from .kubernetes import ROOT, Cluster, built
from .programs import Programs

SYSTEM = "istio-system"
MESH = {
    "enableAutoMtls": False,
    "enableTracing": False,
    "defaultProviders": {},
    "extensionProviders": [],
    "accessLogFile": "/dev/stdout",
}
"""Settings of the mesh; a plain Envoy has none of the filters that Istio adds by default."""
_WITHOUT_ISTIOS_FILTERS = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false", "XDS_AUTH_PLAINTEXT": "true"}


@dataclass(frozen=True)
class Proxy:
    """An Envoy that is one gateway: the port of its administration."""

    admin: int

    def asked(self, path: str) -> str:
        """An answer of its administration."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            return str(answer.read().decode())


class Istio:
    """A running control plane, and the gateways that were started with it."""

    def __init__(self, cluster: Cluster, programs: Programs) -> None:
        self.cluster = cluster
        self._programs = programs
        self._started = 0
        self._ports = {name: ports.free_port() for name in ("grpc", "secure", "http", "https", "monitoring")}

    def start(self, authorities: Path) -> None:
        """Start the control plane; ``authorities`` signed the servers from which it fetches the keys of tokens (PEM)."""
        self.cluster.kubectl("create", "namespace", SYSTEM, check=False)
        mesh = self._programs.folder / "mesh.yaml"
        mesh.write_text(yaml.safe_dump(MESH), encoding="utf-8")
        at = {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}
        self._programs.run(
            built("istio") / "pilot-discovery",
            "discovery",
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--meshConfig={mesh}",
            "--clusterID=Kubernetes",
            f"--namespace={SYSTEM}",
            f"--grpcAddr={at['grpc']}",
            f"--secureGRPCAddr={at['secure']}",
            f"--httpAddr={at['http']}",
            f"--httpsAddr={at['https']}",
            f"--monitoringAddr={at['monitoring']}",
            "--ctrlz_port=0",
            environment={**_environment(), "SSL_CERT_FILE": str(authorities)},
        )
        self._programs.until(lambda: _answers(f"http://{at['http']}/ready"), "istiod")
        self._judge_what_is_written()

    def gateway(self, namespace: str, name: str, topology: Mapping[str, Any], identities: int = 0) -> Proxy:
        """Start Envoy as the pods of a gateway: its account, its labels, and the topology that its pods are annotated with.

        ``identities`` is the port where it finds its identity of the mesh, where it needs one.
        """
        token = self.cluster.kubectl("create", "token", name, f"--namespace={namespace}", "--audience=istio-ca").stdout.strip()
        proxy = Proxy(ports.free_port())
        metadata = {
            "NAMESPACE": namespace,
            "SERVICE_ACCOUNT": name,
            "CLUSTER_ID": "Kubernetes",
            "ISTIO_VERSION": "1.31.0",
            "INSTANCE_IPS": "192.0.2.7",
            "LABELS": {"istio": name},
            "PROXY_CONFIG": {"gatewayTopology": dict(topology)},
        }
        node = {"id": f"router~192.0.2.7~{name}.{namespace}~{namespace}.svc.cluster.local", "cluster": name, "metadata": metadata}
        self._started += 1
        place = self._programs.folder / f"{name}-{self._started}.json"
        place.write_text(json.dumps(_bootstrap(node, token, self._ports["grpc"], proxy.admin, identities)), encoding="utf-8")
        place.chmod(0o600)
        drain = ["--drain-time-s", "45", "--drain-strategy", "immediate"]  # as Istio starts it
        self._programs.run(_envoy(), "-c", str(place), "--disable-hot-restart", "--concurrency", "1", *drain, name=place.stem)
        self._programs.until(lambda: _answers(f"http://127.0.0.1:{proxy.admin}/ready"), f"the gateway {name}")
        return proxy

    def log(self, name: str) -> str:
        """What the control plane (``pilot-discovery``) or a gateway has printed."""
        return self._programs.log(name)

    def measured(self, name: str) -> tuple[float, float]:
        """Sum and count of one of the control plane's histograms so far, whatever their labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['monitoring']}/metrics", timeout=10) as answer:
            lines = [line.rpartition(" ") for line in answer.read().decode().splitlines() if line.startswith(f"{name}_")]
        total, count = (
            sum(float(value) for key, _, value in lines if key.partition("{")[0] == f"{name}_{end}") for end in ("sum", "count")
        )
        return total, count

    def _judge_what_is_written(self) -> None:
        """Have the API server ask the control plane before it takes an object of Istio's."""
        authority = self.cluster.kubectl("get", "secret", "istio-ca-secret", f"--namespace={SYSTEM}", "--output=json").stdout
        trusted = json.loads(authority)["data"]["ca-cert.pem"]
        client = {"url": f"https://localhost:{self._ports['https']}/validate", "caBundle": trusted}
        rule = {
            "apiGroups": ["security.istio.io", "networking.istio.io"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["*"],
        }
        hook = {
            "name": "validation.istio.io",
            "clientConfig": client,
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
        }
        webhook = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "istio-validator"},
            "webhooks": [hook],
        }
        self.cluster.kubectl("apply", "--filename=-", content=json.dumps(webhook))


@contextmanager
def running_istio(cluster: Cluster, folder: Path, authorities: Path) -> Iterator[Istio]:
    """Istio on a cluster, with its files in this folder; the webhook goes with it."""
    folder.mkdir(exist_ok=True)
    with Programs(folder) as programs:
        istio = Istio(cluster, programs)
        istio.start(authorities)
        yield istio
        cluster.kubectl("delete", "validatingwebhookconfiguration", "istio-validator")


def _environment() -> dict[str, str]:
    return {
        **_WITHOUT_ISTIOS_FILTERS,
        "POD_NAME": "istiod",
        "POD_NAMESPACE": SYSTEM,
        "REVISION": "default",
        "CLUSTER_ID": "Kubernetes",
        "PILOT_CERT_PROVIDER": "istiod",
        "ISTIOD_CUSTOM_HOST": "localhost",
        "ENABLE_LEADER_ELECTION": "false",
        "INJECT_ENABLED": "false",
        "PILOT_ENABLE_GATEWAY_API": "false",
    }


def _bootstrap(node: Mapping[str, Any], token: str, control_plane: int, admin: int, identities: int) -> dict[str, Any]:
    """Envoy's own configuration: who it is, and that everything else comes from the control plane."""
    service = {"envoy_grpc": {"cluster_name": "xds-grpc"}, "initial_metadata": [{"key": "authorization", "value": f"Bearer {token}"}]}
    clusters = [_http2_cluster("xds-grpc", control_plane)] + ([_http2_cluster("sds-grpc", identities)] if identities else [])
    ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": node,
        "admin": {"address": _socket(admin)},
        "dynamic_resources": {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]},
            "lds_config": {**ads, "initial_fetch_timeout": "0s"},
            "cds_config": {**ads, "initial_fetch_timeout": "0s"},
        },
        "static_resources": {"clusters": clusters},
    }


def _http2_cluster(name: str, port: int) -> dict[str, Any]:
    http2 = {"@type": f"type.googleapis.com/{_OPTIONS}", "explicit_http_config": {"http2_protocol_options": {}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [_endpoint(port)]}]},
        "typed_extension_protocol_options": {_OPTIONS: http2},
    }


_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def _socket(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _endpoint(port: int) -> dict[str, Any]:
    return {"endpoint": {"address": _socket(port)}}


def _envoy() -> str:
    return run([ROOT / "tests/tools/envoy_program"], check=True, stdout=PIPE, text=True).stdout.strip()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 -- this machine
            return True
    except (OSError, urllib.error.URLError):
        return False
