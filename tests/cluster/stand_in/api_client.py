# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client of a Kubernetes API server, as small as the stand-in provider needs: get, server-side apply, delete."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

MANAGER = "pulumi-kubernetes"
TIMEOUT = 60.0
Object = dict[str, Any]


class ApiError(Exception):
    """The server's answer in its own words, with its status code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class ApiClient:
    """Speaks to the cluster of one context of the kubeconfig file that KUBECONFIG names."""

    def __init__(self, context: str) -> None:
        kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
        chosen = _named(kubeconfig["contexts"], context or kubeconfig["current-context"], "context")
        self._cluster = _named(kubeconfig["clusters"], chosen["cluster"], "cluster")
        self._token = _named(kubeconfig["users"], chosen["user"], "user")["token"]
        self._local = threading.local()
        self._kinds = cache(self._resources)

    def path(self, wanted: Object) -> str:
        """Where an object lives, by what it says of its kind, name and namespace; ApiError where the server knows no such kind."""
        version, kind, given = wanted["apiVersion"], wanted["kind"], wanted["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        known = self._kinds(root).get(kind)
        if known is None:
            self._kinds.cache_clear()  # its definition may have come meanwhile
            known = self._kinds(root).get(kind)
        if known is None:
            raise ApiError(404, f'no matches for kind "{kind}" in version "{version}"')
        plural, namespaced = known
        place = f"/namespaces/{given.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{place}/{plural}/{given['name']}"

    def get(self, wanted: Object) -> Object | None:
        try:
            return self._call("GET", self.path(wanted))
        except ApiError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def apply(self, wanted: Object, *, dry_run: bool, force: bool) -> Object:
        """Server-side apply; the server judges every field."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        return self._call("PATCH", f"{self.path(wanted)}?{urlencode(query)}", wanted)

    def delete(self, wanted: Object) -> None:
        try:
            self._call("DELETE", self.path(wanted), {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.code != http.HTTPStatus.NOT_FOUND:
                raise

    def _resources(self, root: str) -> dict[str, tuple[str, bool]]:
        try:
            listed = self._call("GET", root)["resources"]
        except ApiError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return {}
            raise
        return {each["kind"]: (each["name"], each["namespaced"]) for each in listed if "/" not in each["name"]}

    def _call(self, method: str, path: str, body: Object | None = None) -> Object:
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": "application/json"}
        content = None if body is None else json.dumps(body)
        for attempt in ("kept connection", "new connection"):
            connection = self._connection()
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                text = answer.read()
                break
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                self._local.connection = None
                if attempt == "new connection":
                    raise
        read = json.loads(text)
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiError(answer.status, read.get("message", text.decode()))
        return dict(read)

    def _connection(self) -> http.client.HTTPSConnection:
        kept: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if kept is None:
            place = urlsplit(self._cluster["server"])
            kept = http.client.HTTPSConnection(str(place.hostname), place.port, timeout=TIMEOUT, context=self._trust)
            self._local.connection = kept
        return kept

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=base64.b64decode(self._cluster["certificate-authority-data"]).decode())


def _named(listed: list[Object], name: str, kind: str) -> Object:
    for each in listed:
        if each["name"] == name:
            return dict(each[kind])
    raise ApiError(404, f"the kubeconfig file has no {kind} {name!r}")
