# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every object of a stack must keep. Each rule yields one sentence for each violation, and nothing for a right object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

Object = Mapping[str, Any]
OWNER = "onboarding.mojaloop.io/owner"
WITHOUT_CERTIFICATE = "onboarding.mojaloop.io/without-client-certificate"
"""Annotation of a listener that asks for no client certificate: it says why, in words."""
MUTUAL = {"MUTUAL", "ISTIO_MUTUAL"}
WIDEST = {4: 8, 6: 32}
"""The shortest prefix that is no open allowlist, by the version of IP."""
_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
_SECRET_NAME = re.compile(r"(?i)(?!.*_(?:file|path|length|algorithm)$).*(secret|password|passwd|token$|private_?key|pass_?phrase)")
"""A name that says where a secret stands, or of which kind it is, holds none."""
_NETWORK_FIELDS = {"cidr", "ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "loadBalancerSourceRanges"}


@dataclass(frozen=True)
class Rule:
    """A rule about one object: its stable name, what it asks for, and the function that finds violations."""

    name: str
    asks: str
    violations: Callable[[Object], Iterator[str]]


def plaintext_secrets(found: Object) -> Iterator[str]:
    """Secrets are referred to by name: their content would stand in the program and in its state."""
    if found["kind"] == "Secret" and (found.get("data") or found.get("stringData")):
        yield "a Secret with content: refer to one by its name"
    if found["kind"] == "ConfigMap":
        yield from (f"{key} in a ConfigMap: refer to a Secret" for key in found.get("data") or () if _SECRET_NAME.match(key))
    for container in _containers(found):
        for variable in container.get("env") or ():
            if "value" in variable and _SECRET_NAME.match(variable["name"]):
                yield f"the variable {variable['name']} with a value: use valueFrom.secretKeyRef"


def open_allowlists(found: Object) -> Iterator[str]:
    """An allowlist that lets (nearly) everything pass is none."""
    for field, text in _networks(found):
        network = ip_network(text, strict=False)
        if network.prefixlen < WIDEST[network.version]:
            yield f"{text} in {field}: at least /{WIDEST[network.version]} long"
    spec = found.get("spec") or {}
    if found["kind"] == "AuthorizationPolicy" and spec.get("action", "ALLOW") == "ALLOW":
        yield from ("an empty rule lets everything pass" for rule in spec.get("rules") or () if not rule)
    if found["kind"] == "NetworkPolicy":
        for way, end in (("ingress", "from"), ("egress", "to")):
            yield from (f"an {way} rule without `{end}` lets everything pass" for rule in spec.get(way) or () if not rule.get(end))


def one_way_tls(found: Object) -> Iterator[str]:
    """Every listener asks for a client certificate, or says in words why not."""
    spec = found.get("spec") or {}
    if found["kind"] == "Gateway" and found["apiVersion"].startswith("networking.istio.io/"):
        excused = (found["metadata"].get("annotations") or {}).get(WITHOUT_CERTIFICATE)
        modes = [(server.get("tls") or {}).get("mode", "none") for server in spec.get("servers") or ()]
        yield from (
            f"a listener with TLS mode {mode}: MUTUAL, or {WITHOUT_CERTIFICATE}" for mode in modes if mode not in MUTUAL and not excused
        )
    if found["kind"] == "PeerAuthentication" and (spec.get("mtls") or {}).get("mode") != "STRICT":
        yield "mutual TLS that is not STRICT"


def images_by_tag(found: Object) -> Iterator[str]:
    """A tag can point to another image tomorrow."""
    for container in _containers(found):
        image = container.get("image", "")
        if not _DIGEST.fullmatch(image):
            yield f"the image {image!r}: name it by its digest"


def privileged_pods(found: Object) -> Iterator[str]:
    """Pods run without privileges, which Kubernetes would otherwise refuse only when they start."""
    pod = _pod(found)
    if pod is None:
        return
    yield from (f"{field}: the pod shares it with its node" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    of_all = pod.get("securityContext") or {}
    for container in _containers(found):
        own = container.get("securityContext") or {}
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            yield f"the container {container['name']} may gain privileges: allowPrivilegeEscalation: false"
        if not own.get("runAsNonRoot", of_all.get("runAsNonRoot")):
            yield f"the container {container['name']} may run as root: runAsNonRoot: true"


def nameless_owners(found: Object) -> Iterator[str]:
    """An object says whose it is: what belongs to a participant can be found and removed."""
    if not (found["metadata"].get("labels") or {}).get(OWNER):
        yield f"no label {OWNER}"


RULES = (
    Rule("no-plaintext-secret", "Secrets are referred to by name.", plaintext_secrets),
    Rule("no-open-allowlist", "An allowlist names networks that are narrow.", open_allowlists),
    Rule("mutual-tls", "Every listener asks for a client certificate.", one_way_tls),
    Rule("image-by-digest", "Images are named by their digest.", images_by_tag),
    Rule("no-privileged-pod", "Pods run without privileges.", privileged_pods),
    Rule("owner-label", "Every object names its owner.", nameless_owners),
)
DEFAULT_DENY = "default-deny"
"""Name of the rule about all objects of a stack."""


def open_namespaces(objects: Sequence[Object]) -> Iterator[str]:
    """Each namespace has a policy that denies what no other allows, in both directions."""
    closed = {each["metadata"].get("namespace") for each in objects if each["kind"] == "NetworkPolicy" and _denies(each["spec"])}
    names = [each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"]
    yield from (f"the namespace {name} has no NetworkPolicy that denies by default" for name in names if name not in closed)


def _denies(spec: Mapping[str, Any]) -> bool:
    everything = not spec.get("podSelector")
    return everything and {*spec.get("policyTypes", ())} == {"Ingress", "Egress"} and not spec.get("ingress") and not spec.get("egress")


def _pod(found: Object) -> Mapping[str, Any] | None:
    spec = found.get("spec") or {}
    if found["kind"] == "Pod":
        return dict(spec)
    if found["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    return template["spec"] if isinstance(template, Mapping) and "containers" in template.get("spec", {}) else None


def _containers(found: Object) -> Iterator[Mapping[str, Any]]:
    pod = _pod(found) or {}
    for field in ("initContainers", "containers"):
        yield from pod.get(field) or ()


def _networks(value: Any, field: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- a part of a manifest
    """Every network that an allowlist names, with its field, wherever in the object it stands."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _networks(each, key)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _networks(each, field)
    elif isinstance(value, str) and field in _NETWORK_FIELDS:
        yield field, value
