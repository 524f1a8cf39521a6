# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of Kubernetes: read, compared, applied and deleted, by one field manager.

The client is the project's own (``http``, ``changes``): the rule of dry run, the bounds and the errors are the same as for every
remote system. Of the libraries, ``kubernetes`` of PyPI comes nearest. It is not used: it follows a kubeconfig file's programs and
its ``insecure-skip-tls-verify``, repeats requests by itself, would need its own rule of dry run, and costs about a CPU second to
import; what it would save is the little below.

Source: Kubernetes API concepts (server-side apply, dry run, resource versions).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from .changes import Change, Changes
from .errors import Refused
from .http import Answer, Body, Http, json_body, origin
from .kubeconfig import Access

Object = Mapping[str, Any]
MANAGER = "mojaloop-onboarding"
"""The field manager of every object that this pack writes."""
PAGE = 50
"""Objects of one answer: 50 Secrets with chains stay below the bound of an answer."""
_JUDGED = frozenset({400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429})
_NOT_COMPARED = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


@dataclass(frozen=True)
class Kind:
    """A kind of object: ``api`` is its group and version, ``plural`` its name in URLs."""

    api: str
    name: str
    plural: str


SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
GATEWAY = Kind("networking.istio.io/v1", "Gateway", "gateways")
VIRTUAL_SERVICE = Kind("networking.istio.io/v1", "VirtualService", "virtualservices")
SERVICE_ENTRY = Kind("networking.istio.io/v1", "ServiceEntry", "serviceentries")
DESTINATION_RULE = Kind("networking.istio.io/v1", "DestinationRule", "destinationrules")
ENVOY_FILTER = Kind("networking.istio.io/v1alpha3", "EnvoyFilter", "envoyfilters")
AUTHORIZATION_POLICY = Kind("security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies")
REQUEST_AUTHENTICATION = Kind("security.istio.io/v1", "RequestAuthentication", "requestauthentications")
KINDS = (
    SECRET, CONFIG_MAP, NETWORK_POLICY, DEPLOYMENT, GATEWAY, VIRTUAL_SERVICE, SERVICE_ENTRY, DESTINATION_RULE, ENVOY_FILTER,
    AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION,
)  # fmt: skip


def kind_of(found: Object) -> Kind:
    """The kind of an object."""
    return next(kind for kind in KINDS if (kind.api, kind.name) == (found["apiVersion"], found["kind"]))


def name_of(found: Object) -> str:
    """How messages call an object: kind, namespace and name."""
    return f"{found['kind']} {found['metadata'].get('namespace', '')}/{found['metadata']['name']}"


def compared(found: Object) -> dict[str, Any]:
    """An object without what the server writes about it: what two states of it are compared by."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _NOT_COMPARED}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}


class Cluster:
    """One API server. Raises as ``Changes`` does; what the server or a webhook says of a refused object is in the error."""

    def __init__(self, http: Http, access: Access, *, dry_run: bool) -> None:
        self._server = access.server
        self._changes = Changes(http, dry_run=dry_run, headers=access.headers)

    @property
    def changes(self) -> list[Change]:
        """What was written, or in a dry run would have been."""
        return self._changes.changes

    def read(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """One object; None when there is none, or no such kind."""
        url = self._url(kind, namespace, name)
        why = f"reading {kind.name} {namespace}/{name}"
        answer = self._changes.read(url, why, also=_JUDGED)
        return None if answer.status == HTTPStatus.NOT_FOUND else _object(answer, why, url)

    def listed(self, kind: Kind, namespace: str, labels: Mapping[str, str] | None = None) -> Iterator[Object]:
        """The objects of a namespace that carry these labels."""
        query = {"limit": str(PAGE), "labelSelector": ",".join(f"{key}={value}" for key, value in (labels or {}).items())}
        why = f"listing {kind.plural} of {namespace}"
        while True:
            url = self._url(kind, namespace, **query)
            page = _object(self._changes.read(url, why, also=_JUDGED), why, url)
            # The items of a list do not say what they are.
            yield from ({"apiVersion": kind.api, "kind": kind.name, **each} for each in page["items"])
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more

    def normal(self, wanted: Object) -> Object:
        """The object as it would be after ``apply``: with the server's defaults, judged by its webhooks, not written."""
        url, why = self._applied(wanted, dryRun="All"), f"judging {name_of(wanted)}"
        return _object(self._changes.inquire("PATCH", url, why, _patch(wanted), also=_JUDGED), why, url)

    def apply(self, wanted: Object) -> None:
        """Write an object whole, by server-side apply: what this pack no longer names goes, fields of others stay.

        A field that another manager changed is taken back: the objects are this pack's.
        """
        url, why = self._applied(wanted), f"writing {name_of(wanted)}"
        answer = self._changes.write("PATCH", url, why, _patch(wanted), also=_JUDGED)
        if answer is not None:
            _object(answer, why, url)

    def delete(self, found: Object) -> None:
        """Delete an object as it was read; Refused when it was changed or made anew in between. One that is gone is no error."""
        given = found["metadata"]
        url, why = self._url(kind_of(found), given.get("namespace", ""), given["name"]), f"deleting {name_of(found)}"
        body = json_body({"preconditions": {"uid": given["uid"], "resourceVersion": given["resourceVersion"]}})
        answer = self._changes.write("DELETE", url, why, body, also=_JUDGED)
        if answer is not None and answer.status != HTTPStatus.NOT_FOUND:
            _object(answer, why, url)

    def _applied(self, wanted: Object, **query: str) -> str:
        given = wanted["metadata"]
        return self._url(kind_of(wanted), given.get("namespace", ""), given["name"], fieldManager=MANAGER, force="true", **query)

    def _url(self, kind: Kind, namespace: str, name: str = "", **query: str) -> str:
        root = "api" if "/" not in kind.api else "apis"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        last = f"/{quote(name, safe='')}" if name else ""
        asked = {key: value for key, value in query.items() if value}
        return f"{self._server}/{root}/{kind.api}{within}/{kind.plural}{last}" + (f"?{urlencode(asked)}" if asked else "")


def _patch(wanted: Object) -> Body:
    """Server-side apply takes YAML, of which JSON is a part: nothing in a value can end its text."""
    return Body("application/apply-patch+yaml", json.dumps(wanted).encode())


def _object(answer: Answer, why: str, url: str) -> dict[str, Any]:
    """The object of an answer; Refused, in the server's own words, when it is another than success."""
    found = answer.json()
    if answer.status in _JUDGED:
        raise Refused(why, answer.status, str(found.get("message", ""))[:600], where=origin(url), remedy=_remedy(answer.status))
    return found


def _remedy(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "Check the user of the kubeconfig file, and what it may do there: kubectl auth can-i --list."
    if status == HTTPStatus.NOT_FOUND:
        return "Make the environment first (Pulumi): its namespace, or Istio's definitions, are not there."
    if status in {HTTPStatus.CONFLICT, HTTPStatus.GONE}:
        return "Something else changed it in between: run again."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Run again later."
    return "Correct in the description what the server names."
