# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Pulumi's Kubernetes provider, for machines where the official plugin cannot be had.

It carries out plain objects and custom resources against a real API server, by server-side apply, and waits for Deployments
and deletions. It has no Helm charts, no YAML groups and no patches, and its rules of replacement are fewer.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent import futures
from http import HTTPStatus
from importlib import metadata
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from .api_client import ApiClient, ApiError, Object
from .objects import differences, drifted, holds_unknown, outputs, replaces

NOTICE = "stand-in for the Kubernetes provider: plain objects and custom resources only; the official plugin is not installed"
PATIENCE = 90.0
SKIP_AWAIT = "pulumi.com/skipAwait"


def _deployment_ready(live: Object) -> bool:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    return bool(seen and status.get("availableReplicas", 0) >= wanted and status.get("updatedReplicas", 0) >= wanted)


READY = {"Deployment": _deployment_ready}


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """One provider instance. Unknown methods answer UNIMPLEMENTED, which the engine takes as "does not have it"."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._settings: dict[str, str] = {}
        self._cancelled = threading.Event()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802 -- as gRPC has it, here and below
        return plugin_pb2.PluginInfo(version=f"{metadata.version('pulumi_kubernetes')}+stand-in")

    def CheckConfig(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        self._settings = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        with grpc.insecure_channel(self._engine_address) as channel:
            notice = engine_pb2.LogRequest(severity=engine_pb2.LogSeverity.Value("INFO"), message=NOTICE)
            engine_pb2_grpc.EngineStub(channel).Log(notice)
        self._client = ApiClient(self._settings.get("context", ""))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        news = _dict(request.news)
        if news.get("metadata", {}).get("name"):
            return provider_pb2.CheckResponse(inputs=request.news)
        reason = "the stand-in makes no names: give the object one"
        return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(property="metadata.name", reason=reason)])

    def Diff(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        old, new = _dict(request.old_inputs), _dict(request.news)
        response = provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        for path, kind in differences(old, new):
            response.changes = provider_pb2.DiffResponse.DIFF_SOME
            replacing = replaces(new["kind"], path)
            named = f"{kind}_REPLACE" if replacing else kind
            response.detailedDiff[path].CopyFrom(
                provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(named), inputDiff=True)
            )
            response.diffs.append(path)
            if replacing:
                response.replaces.append(path)
        response.deleteBeforeReplace = bool(response.replaces) and old.get("metadata") == new.get("metadata")
        return response

    def Create(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        wanted = _dict(request.properties)
        made = self._apply(wanted, context, preview=request.preview)
        identity = "" if request.preview else _identity(wanted)
        return provider_pb2.CreateResponse(id=identity, properties=_struct(made))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        return provider_pb2.UpdateResponse(properties=_struct(self._apply(_dict(request.news), context, preview=request.preview)))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        inputs = _dict(request.inputs) or _imported(request.type, request.id)
        try:
            live = self._client.get(inputs)
            if live is None:
                return provider_pb2.ReadResponse()  # gone
            normal = self._client.apply(inputs, dry_run=True, force=True)
        except ApiError as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))
        found = _struct(drifted(inputs, normal, live))
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(outputs(live)), inputs=found)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        gone = _dict(request.properties)
        try:
            self._client.delete(gone)
            self._wait(lambda: self._client.get(gone) is None, f"{_title(gone)} is not gone")
        except ApiError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    def Cancel(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        self._cancelled.set()
        return empty_pb2.Empty()

    def _apply(self, wanted: Object, context: Any, *, preview: bool) -> Object:  # noqa: ANN401
        if preview and holds_unknown(wanted):
            return wanted
        try:
            made = self._client.apply(wanted, dry_run=preview, force=self._forces(wanted))
            return outputs(made if preview else self._settled(wanted, made))
        except ApiError as error:
            if preview and error.code == HTTPStatus.NOT_FOUND and "namespaces" in str(error):
                return wanted  # its namespace is made by the same run
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))  # type: ignore[no-any-return]

    def _settled(self, wanted: Object, made: Object) -> Object:
        ready = READY.get(wanted["kind"])
        if ready is None or wanted["metadata"].get("annotations", {}).get(SKIP_AWAIT) == "true":
            return made
        self._wait(lambda: ready(self._client.get(wanted) or made), f"{_title(wanted)} does not become ready")
        return self._client.get(wanted) or made

    def _forces(self, wanted: Object) -> bool:
        asked = wanted["metadata"].get("annotations", {}).get("pulumi.com/patchForce")
        return (asked or self._settings.get("enablePatchForce")) == "true"

    def _wait(self, done: Any, otherwise: str) -> None:  # noqa: ANN401
        deadline = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > deadline or self._cancelled.wait(0.1):
                raise ApiError(504, f"{otherwise} after {PATIENCE:.0f} s")


def _dict(message: struct_pb2.Struct) -> Object:
    read: Object = _whole(json_format.MessageToDict(message))
    return {key: value for key, value in read.items() if not key.startswith("__")}


def _struct(value: Object) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(value)
    return made


def _whole(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """Numbers come as floating point; Kubernetes wants integers."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _identity(wanted: Object) -> str:
    given = wanted["metadata"]
    return f"{given['namespace']}/{given['name']}" if given.get("namespace") else str(given["name"])


def _imported(token: str, identity: str) -> Object:
    _package, version, kind = token.split(":")
    namespace, _, name = identity.rpartition("/")
    given = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": given}


def _title(wanted: Object) -> str:
    return f"{wanted['kind']} {_identity(wanted)}"


def main() -> None:
    """Serve on a port of the loopback interface, named on standard output; end with the engine that started this."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(sys.argv[1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 -- Pulumi's protocol
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while os.getppid() == parent:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
