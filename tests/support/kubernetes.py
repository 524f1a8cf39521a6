# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Kubernetes API on this machine, on the loopback interface alone, once for all tests of a process.

API server, etcd, controllers, scheduler, and a node without a machine, on which pods become ready without a container.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import ports
from .programs import PATIENCE, Programs

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = "lab"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-without-machine", "annotations": {"kwok.x-k8s.io/node": "fake"}},
    "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "500"}, "capacity": {"cpu": "64", "memory": "256Gi", "pods": "500"}},
}


@cache
def built(name: str) -> Path:
    """The folder with the programs that a folder of ``tests/cluster/builds`` pins; they are built where no one has yet."""
    command = [str(ROOT / "tests/tools/go_programs"), name]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@dataclass(frozen=True)
class Cluster:
    """A running API server: how to reach it, and an administrator's token, which must not appear anywhere else."""

    kubeconfig: Path
    token: str
    kubectl_program: Path

    def kubectl(self, *arguments: str, content: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl, a client that knows nothing of Pulumi."""
        command = [str(self.kubectl_program), "--kubeconfig", str(self.kubeconfig), *arguments]
        ended = subprocess.run(command, input=content, capture_output=True, text=True, check=False, timeout=PATIENCE)
        if check and ended.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {ended.stderr}")
        return ended

    def asked(self) -> list[str]:
        """The requests of the pack so far, as the server received them: ``PATCH /apis/…?…``. It alone names no program of its own."""
        lines = (self.kubeconfig.parent / "audit.log").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        verbs = {"get": "GET", "list": "GET", "watch": "GET", "patch": "PATCH", "delete": "DELETE", "create": "POST", "update": "PUT"}
        return [f"{verbs.get(each['verb'], each['verb'])} {each['requestURI']}" for each in events if not each.get("userAgent")]

    def objects(self) -> set[str]:
        """Every object of every kind that can be listed, as ``kind.group namespace/name``, but what the controllers make of others."""
        kinds = self.kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()
        wanted = ",".join(kind for kind in kinds if kind not in PASSING)
        listed = json.loads(self.kubectl("get", wanted, "--all-namespaces", "--output=json").stdout)["items"]
        return {object_name(each) for each in listed if "ownerReferences" not in each["metadata"]} - set(self._of_every_namespace())

    def _of_every_namespace(self) -> Iterator[str]:
        names = self.kubectl("get", "namespaces", "--output=jsonpath={.items[*].metadata.name}").stdout.split()
        for name in names:
            yield from (f"ConfigMap {name}/{each}" for each in ("kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl"))
            yield f"ServiceAccount {name}/default"


AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": ["administrator"]}],
}
"""What the server writes down of each request of the tests and of what they test."""
PASSING = {"events", "events.events.k8s.io", "componentstatuses", "endpoints"}
PASSING |= {"leases.coordination.k8s.io", "ipaddresses.networking.k8s.io"}
"""Kinds whose objects the server makes of others, and of what happens."""


def object_name(found: Mapping[str, Any]) -> str:
    """How tests call an object: ``kind.group namespace/name``."""
    group, _, _version = found["apiVersion"].rpartition("/")
    given = found["metadata"]
    return f"{found['kind']}{'.' if group else ''}{group} {given.get('namespace', '')}/{given['name']}"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The API server of this process' tests, with the definitions of Istio's and cert-manager's objects."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster whose files are in this folder; it ends, and the folder goes, when the block does."""
    folder.mkdir(exist_ok=True)
    try:
        with Programs(folder) as running:
            yield _Starting(folder, running).start()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Starting:
    """How the programs of a cluster are started, one after the other."""

    def __init__(self, folder: Path, running: Programs) -> None:
        self._folder = folder
        self._run = running.run
        self._running = running
        self._programs = built("kubernetes")

    def start(self) -> Cluster:
        token = secrets.token_hex(16)
        etcd = f"http://127.0.0.1:{ports.free_port()}"
        peer = f"http://127.0.0.1:{ports.free_port()}"
        self._run(
            shutil.which("etcd") or "etcd",
            f"--data-dir={self._folder}/etcd",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        port = ports.free_port()
        self._api_server(port, etcd, token)
        certificate = self._folder / "certificates/apiserver.crt"
        cluster = Cluster(self._kubeconfig(port, certificate, token), token, self._programs / "kubectl")
        self._controllers(cluster)
        self._define(cluster)
        return cluster

    def _api_server(self, port: int, etcd: str, token: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(self._folder / "accounts.key", pem)
        _write(self._folder / "audit.yaml", yaml.safe_dump(AUDIT).encode())
        _write(self._folder / "tokens.csv", f"{token},administrator,administrator,system:masters\n".encode())
        self._run(
            self._programs / "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._folder}/accounts.key",
            f"--service-account-signing-key-file={self._folder}/accounts.key",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self._folder}/certificates",
            f"--token-auth-file={self._folder}/tokens.csv",
            f"--audit-policy-file={self._folder}/audit.yaml",
            f"--audit-log-path={self._folder}/audit.log",
            "--audit-log-mode=blocking",
            "--authorization-mode=RBAC",
            "--feature-gates=WatchList=false",  # Debian's etcd is too old for it
        )
        self._running.until(lambda: self._answers(f"https://127.0.0.1:{port}/readyz", token), "the API server")

    def _controllers(self, cluster: Cluster) -> None:
        own = [f"--kubeconfig={cluster.kubeconfig}", "--bind-address=127.0.0.1", "--leader-elect=false"]
        self._run(
            self._programs / "kube-controller-manager",
            *own,
            f"--secure-port={ports.free_port()}",
            f"--service-account-private-key-file={self._folder}/accounts.key",
            f"--root-ca-file={self._folder}/certificates/apiserver.crt",
            "--use-service-account-credentials=false",
            "--concurrent-namespace-syncs=20",
        )
        self._run(self._programs / "kube-scheduler", *own, f"--secure-port={ports.free_port()}")
        kwok = [f"--kubeconfig={cluster.kubeconfig}", "--manage-all-nodes", "--node-lease-duration-seconds=40"]
        self._run(built("kwok") / "kwok", *kwok, f"--server-address=127.0.0.1:{ports.free_port()}")

    def _define(self, cluster: Cluster) -> None:
        for name in ("istio", "cert-manager"):
            cluster.kubectl("apply", "--server-side", "--filename", str(built("definitions") / f"{name}.yaml"))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        cluster.kubectl("apply", "--filename=-", content=json.dumps(NODE))

    def _kubeconfig(self, port: int, certificate: Path, token: str) -> Path:
        path = self._folder / "kubeconfig"
        trusted = base64.b64encode(certificate.read_bytes()).decode()
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": trusted}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "current-context": CONTEXT,
        }
        _write(path, yaml.safe_dump(content).encode())
        return path

    def _answers(self, url: str, token: str) -> bool:
        certificate = self._folder / "certificates/apiserver.crt"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 -- https, below
        try:
            trust = ssl.create_default_context(cafile=str(certificate))
            with urllib.request.urlopen(request, timeout=5, context=trust):  # noqa: S310 -- https
                return True
        except (OSError, ssl.SSLError, urllib.error.URLError):
            return False


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
