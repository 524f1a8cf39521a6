# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an API server of Kubernetes is reached: a context of a kubeconfig file.

Source: the kubeconfig (v1) reference of Kubernetes. What would turn verification off, or run another program, is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import RemoteError
from .http import Route, bearer
from .tokens import read_token

_UNFIT = {
    "insecure-skip-tls-verify": "would turn the server's verification off",
    "proxy-url": "would go through a proxy",
    "tls-server-name": "would verify another name than the URL's",
    "exec": "would run another program",
    "auth-provider": "would need a program of the provider",
    "username": "is basic authentication, which Kubernetes no longer has",
    "as": "would act in another's name",
}
"""Keys of a cluster or user that are not followed, and why."""
_REMEDY = "Name a kubeconfig file with the server's CA and a token: kubectl create token, or tokenFile."


@dataclass(frozen=True)
class Access:
    """An API server: its URL, trust and own certificate, and the headers that present a token, made anew for each request."""

    server: str
    route: Route
    headers: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)


def read_access(file: str, context: str = "") -> Access:
    """The access of a context (by default the current one); RemoteError when the file does not say it in a way that is followed."""
    document = _document(file)
    chosen = _entry(document, "contexts", context or str(document.get("current-context", "")), "context", file)
    cluster = _entry(document, "clusters", str(chosen.get("cluster", "")), "cluster", file)
    user = _entry(document, "users", str(chosen.get("user", "")), "user", file)
    for part in (cluster, user):
        for key, why in _UNFIT.items():
            if part.get(key):
                raise RemoteError(f"has {key}, which {why}", where=file, remedy=_REMEDY)
    route = Route(ca_file="", ca=_pem(cluster, "certificate-authority", file).decode("ascii", "replace"), identity=_identity(user, file))
    if not route.ca:
        raise RemoteError("names no CA of the server", where=file, remedy=_REMEDY)
    return Access(str(cluster.get("server", "")).rstrip("/"), route, _headers(user, file))


def _document(file: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        # Its text holds secrets, and the parser's message quotes it.
        raise RemoteError("cannot be read as a kubeconfig file", where=file, remedy=_REMEDY) from error
    if not isinstance(found, dict):
        raise RemoteError("is no kubeconfig file", where=file, remedy=_REMEDY)
    return found


def _entry(document: Mapping[str, Any], group: str, name: str, key: str, file: str) -> Mapping[str, Any]:
    entries = document.get(group)
    for each in entries if isinstance(entries, list) else []:
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get(key), dict):
            return dict(each[key])
    raise RemoteError(f"has no {key} {name!r}", where=file, remedy="Compare the context in the description with kubectl config view.")


def _pem(part: Mapping[str, Any], key: str, file: str) -> bytes:
    """What a key names as a file, or holds as ``-data``; a relative path starts at the kubeconfig file, as kubectl has it."""
    try:
        if data := part.get(f"{key}-data"):
            return base64.b64decode(str(data), validate=True)
        return (Path(file).parent / str(part[key])).read_bytes() if part.get(key) else b""
    except (OSError, binascii.Error) as error:
        raise RemoteError(f"has a {key} that cannot be read", where=file, remedy=_REMEDY) from error


def _identity(user: Mapping[str, Any], file: str) -> bytes:
    certificate, key = (_pem(user, name, file) for name in ("client-certificate", "client-key"))
    return certificate.rstrip() + b"\n" + key if certificate and key else b""


def _headers(user: Mapping[str, Any], file: str) -> Callable[[], Mapping[str, str]]:
    if name := user.get("tokenFile"):
        path = str(Path(file).parent / str(name))
        return lambda: bearer(read_token(path))
    token = str(user.get("token") or "")
    return lambda: bearer(token) if token else {}
