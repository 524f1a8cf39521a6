# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service without privileges: its pods, the name they are reached by, the account they run as, and how many may be missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, PodSpecArgsDict, VolumeArgsDict, VolumeMountArgsDict
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

APP = "app.kubernetes.io/name"
SKIP_AWAIT = "pulumi.com/skipAwait"
SETTINGS_DIGEST = "onboarding.mojaloop.io/settings"
USER = 10001
FILES = "files"


@dataclass(frozen=True)
class SecretKey:
    """A value that stands in a Secret, which someone else writes: the Secret's name and the key in it."""

    secret: str
    key: str


@dataclass(frozen=True)
class WorkloadArgs:
    """One service. ``ports`` are its container's, by name; ``probe`` is the one that answers when it is ready.

    ``settings`` become a ConfigMap; ``secrets`` are variables from Secrets; ``mounts`` are Secrets by the folder they appear in.
    ``scratch`` are folders that the program may write to; what is there goes with the pod.
    """

    name: str
    namespace: str
    owner: str
    image: str
    replicas: int
    service: str
    ports: Mapping[str, int]
    probe: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretKey] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files by path, in folders that the image has; none of them is a secret, and no two have the same name."""
    scratch: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    memory: str = "512Mi"
    prepare: tuple[str, ...] = ()
    """Command that the same image runs, with the same variables, before it serves."""
    kubernetes_token: bool = False
    """Whether its pods get a token of their account, by which Vault knows them."""
    awaited: bool = True
    """Whether a run waits until it is ready; not where its Secrets are written only after that run."""

    @property
    def selector(self) -> dict[str, str]:
        """The labels that choose its pods."""
        return {APP: self.name}

    @property
    def config_map_of_files(self) -> str:
        """The ConfigMap that holds the files."""
        return f"{self.name}-files"


class Workload(Component):
    """Deployment, Service, account and disruption budget of one service; its settings in a ConfigMap."""

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        named = metadata(args.name, args.owner, args.namespace)
        kubernetes.core.v1.ServiceAccount(
            f"{name}-account", metadata=named, automount_service_account_token=args.kubernetes_token, opts=self.child
        )
        if args.settings:
            kubernetes.core.v1.ConfigMap(f"{name}-settings", metadata=named, data=dict(args.settings), opts=self.child)
        if args.files:
            held = metadata(args.config_map_of_files, args.owner, args.namespace)
            data = {path.rpartition("/")[2]: content for path, content in args.files.items()}
            kubernetes.core.v1.ConfigMap(f"{name}-files", metadata=held, data=data, opts=self.child)
        kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={**named, "annotations": {} if args.awaited else {SKIP_AWAIT: "true"}},
            spec={
                "replicas": args.replicas,
                "selector": {"match_labels": args.selector},
                "template": {"metadata": pod_metadata(args), "spec": pod_spec(args)},
            },
            opts=self.child,
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=metadata(args.service, args.owner, args.namespace),
            spec={
                "selector": args.selector,
                "ports": [{"name": port, "port": number, "target_port": number} for port, number in args.ports.items()],
            },
            opts=self.child,
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-disruptions",
            metadata=named,
            spec={"max_unavailable": 1, "selector": {"match_labels": args.selector}},
            opts=self.child,
        )
        self.register_outputs({"service": args.service})


def pod_metadata(args: WorkloadArgs) -> ObjectMetaArgsDict:
    """The pods' labels, and a digest of their settings: when these change, the pods start anew."""
    labels = metadata(args.name, args.owner, **args.selector)["labels"]
    digest = sha256(json.dumps({**args.settings, **args.files}, sort_keys=True).encode()).hexdigest()
    return {"labels": labels, "annotations": {SETTINGS_DIGEST: digest[:16]}}


def pod_spec(args: WorkloadArgs) -> PodSpecArgsDict:
    """Pods of one container that can write nowhere but to its scratch folders."""
    secrets = {secret: f"secret-{number}" for number, secret in enumerate(args.mounts.values())}
    scratch = {folder: f"scratch-{number}" for number, folder in enumerate(args.scratch)}
    return {
        "service_account_name": args.name,
        "automount_service_account_token": args.kubernetes_token,
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": USER,
            "run_as_group": USER,
            "fs_group": USER,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "init_containers": [_preparation(args, secrets, scratch)] if args.prepare else [],
        "containers": [_container(args, secrets, scratch)],
        "volumes": _volumes(args, secrets, scratch),
    }


def _preparation(args: WorkloadArgs, secrets: Mapping[str, str], scratch: Mapping[str, str]) -> ContainerArgsDict:
    serving = _container(args, secrets, scratch)
    kept = ("image", "env", "env_from", "resources", "security_context", "volume_mounts")
    made: ContainerArgsDict = {"name": f"{args.name}-prepare", "command": list(args.prepare)}
    made.update({key: serving[key] for key in kept if key in serving})  # type: ignore[literal-required, typeddict-item]
    return made


def _container(args: WorkloadArgs, secrets: Mapping[str, str], scratch: Mapping[str, str]) -> ContainerArgsDict:
    container: ContainerArgsDict = {
        "name": args.name,
        "image": args.image,
        "ports": [{"name": port, "container_port": number} for port, number in args.ports.items()],
        "env": [
            {"name": name, "value_from": {"secret_key_ref": {"name": found.secret, "key": found.key}}}
            for name, found in sorted(args.secrets.items())
        ],
        "resources": {"requests": {"cpu": "50m", "memory": args.memory}, "limits": {"cpu": "1", "memory": args.memory}},
        "readiness_probe": {"tcp_socket": {"port": args.probe}, "period_seconds": 5},
        "liveness_probe": {"tcp_socket": {"port": args.probe}, "initial_delay_seconds": 20, "period_seconds": 20},
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volume_mounts": _mounts(args, secrets, scratch),
    }
    if args.settings:
        container["env_from"] = [{"config_map_ref": {"name": args.name}}]
    if args.arguments:
        container["args"] = list(args.arguments)
    return container


def _volumes(args: WorkloadArgs, secrets: Mapping[str, str], scratch: Mapping[str, str]) -> list[VolumeArgsDict]:
    of_secrets: list[VolumeArgsDict] = [
        {"name": volume, "secret": {"secret_name": secret, "default_mode": 0o440}} for secret, volume in secrets.items()
    ]
    of_scratch: list[VolumeArgsDict] = [{"name": volume, "empty_dir": {"size_limit": "64Mi"}} for volume in scratch.values()]
    of_files: list[VolumeArgsDict] = [{"name": FILES, "config_map": {"name": args.config_map_of_files}}] if args.files else []
    return of_secrets + of_scratch + of_files


def _mounts(args: WorkloadArgs, secrets: Mapping[str, str], scratch: Mapping[str, str]) -> list[VolumeMountArgsDict]:
    of_secrets: list[VolumeMountArgsDict] = [
        {"name": secrets[secret], "mount_path": folder, "read_only": True} for folder, secret in args.mounts.items()
    ]
    of_scratch: list[VolumeMountArgsDict] = [{"name": volume, "mount_path": folder} for folder, volume in scratch.items()]
    of_files: list[VolumeMountArgsDict] = [
        {"name": FILES, "mount_path": path, "sub_path": path.rpartition("/")[2], "read_only": True} for path in args.files
    ]
    return of_secrets + of_scratch + of_files
