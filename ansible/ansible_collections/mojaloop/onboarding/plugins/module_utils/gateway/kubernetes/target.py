# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on a cluster as a ``driver.Target``: what is in force is read from the API, and a change is written in a safe order.

Whoever is shut out is shut out first, whatever else is wrong. No one is let in before the environment is as described, and nothing
is written before the server and Istio's webhook have judged all of it. What a run that was killed left half-done, the next one sees
as a difference and completes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from ...errors import GatewayError, OnboardingError, RemoteError
from ...remote.http import HttpClient
from ...remote.kubeconfig import read_access
from ...remote.kubernetes import (
    AUTHORIZATION_POLICY,
    ENVOY_FILTER,
    KINDS,
    Cluster,
    Kind,
    compared,
    kind_of,
)
from ..comparison import Plan
from ..model import GatewayModel
from ..release import Release, release_digest
from .expectations import lacking
from .place import GATEWAY, Object, participant_of
from .policies import caller_in, callers_of, policies, tables
from .release import content, parsed, place_of, render
from .shutting import shut_certificates, shut_name, shut_route


class ClusterTarget:
    """See ``driver.Target``."""

    def __init__(self, model: GatewayModel, _seconds: float) -> None:
        self._model = model
        self._place = place_of(model)

    def observe(self) -> dict[str, Any]:
        """See ``driver.Target``: ``stale`` are policies that say something else than their tables."""
        with self._cluster() as cluster:
            return self._observed(cluster)

    def change(self, made: Plan, observed: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: ARG002 -- read anew
        """See ``driver.Target``. There is nothing to reload."""
        with self._cluster() as cluster:
            self._shut(cluster, made.maps)
            self._expect_environment(cluster)
            wanted = self._wanted(made)
            for each in wanted:
                cluster.normal(each)
            self._write(cluster, wanted)
            self._delete_policies(cluster, made.maps)
            self._open(cluster, made.maps)
            return 0, self._observed(cluster)

    @contextmanager
    def _cluster(self) -> Iterator[Cluster]:
        on = self._place.on
        access = read_access(on.kubeconfig_file, on.context)
        http = HttpClient(access.route)
        try:
            yield Cluster(http, access, dry_run=False)
        except RemoteError as error:
            raise GatewayError(error.what, where=error.where, remedy=error.remedy) from error
        finally:
            http.close()

    def _observed(self, cluster: Cluster) -> dict[str, Any]:
        release = render(self._model)
        files = self._files(cluster, release)
        callers, stale = self._callers(cluster)
        entries = tables(callers)
        installed = release_digest(files) if files else ""
        common: dict[str, Any] = {"undone": [], "absent": [], "token_endpoint": ""}
        return {"running": installed, "installed": installed, "files": files, "maps": entries, "stale": stale, **common}

    def _files(self, cluster: Cluster, release: Release) -> dict[str, str]:
        """The digest of each file whose object is there: that of the release where the object is as the server would make it of it."""
        found = {}
        for name, made in release.files.items():
            wanted = parsed(made)
            live = cluster.read(kind_of(wanted), wanted["metadata"]["namespace"], wanted["metadata"]["name"])
            if live is not None:
                same = compared(cluster.normal(wanted)) == compared(live)
                found[name] = sha256(made if same else content(compared(live))).hexdigest()
        return found

    def _policies(self, cluster: Cluster) -> dict[str, Object]:
        """The policies of participants that are there, by participant."""
        return {participant_of(each): dict(each) for each in self._own(cluster, AUTHORIZATION_POLICY) if participant_of(each)}

    def _callers(self, cluster: Cluster) -> tuple[list[Any], list[str]]:
        """Who is let in, and the names of policies that are not as they would be made for them."""
        there = self._policies(cluster)
        callers = [caller_in(policy) for policy in there.values()]
        made = policies(self._model, self._place, callers)
        stale = [
            f"participants/{name}/policy.json"
            for name, policy in there.items()
            if name not in made or compared(cluster.normal(made[name])) != compared(policy)
        ]
        return callers, stale

    def _own(self, cluster: Cluster, kind: Kind) -> Iterator[Mapping[str, Any]]:
        return cluster.listed(kind, self._place.on.namespace, {GATEWAY: self._place.labels[GATEWAY]})

    def _shut(self, cluster: Cluster, entries: Mapping[str, Mapping[str, str]]) -> None:
        """Refuse, on live connections too, every certificate that is let in now and will not be."""
        allowed = entries["fingerprints"]
        for participant, policy in self._policies(cluster).items():
            leaving = frozenset(caller_in(policy).certificates) - set(allowed)
            if leaving:
                before = cluster.read(ENVOY_FILTER, self._place.on.namespace, shut_name(participant))
                kept = shut_certificates(before) - set(allowed) if before else frozenset()
                cluster.apply(shut_route(self._place, participant, leaving | kept))

    def _expect_environment(self, cluster: Cluster) -> None:
        found = lacking(cluster, self._place, self._model)
        if found:
            remedy = "Run pulumi up for the environment. Who had to be shut out is shut out; nothing else was changed."
            raise GatewayError("; ".join(found), where=f"gateway/{self._model.host}", remedy=remedy)

    def _wanted(self, made: Plan) -> list[Object]:
        """What is to be written, in its order."""
        files = [parsed(made.release.files[name]) for name in made.sent]
        callers = policies(self._model, self._place, callers_of(made.maps))
        return [*sorted(files, key=lambda each: KINDS.index(kind_of(each))), *callers.values()]

    def _write(self, cluster: Cluster, wanted: list[Object]) -> None:
        """Write what differs; what was written is put back when one of it is refused after all."""
        done: list[tuple[Object, Mapping[str, Any] | None]] = []
        try:
            for each in wanted:
                before = cluster.read(kind_of(each), each["metadata"]["namespace"], each["metadata"]["name"])
                if before is None or compared(cluster.normal(each)) != compared(before):
                    done.append((each, before))
                    cluster.apply(each)
        except OnboardingError as error:
            self._put_back(cluster, done)
            raise GatewayError(f"the change was undone: {error}", where=f"gateway/{self._model.host}", remedy="Run again.") from error

    def _put_back(self, cluster: Cluster, done: list[tuple[Object, Mapping[str, Any] | None]]) -> None:
        for written, before in reversed(done):
            if before is not None:
                cluster.apply(compared(before))
            elif made := cluster.read(kind_of(written), written["metadata"]["namespace"], written["metadata"]["name"]):
                cluster.delete(made)

    def _delete_policies(self, cluster: Cluster, entries: Mapping[str, Mapping[str, str]]) -> None:
        kept = policies(self._model, self._place, callers_of(entries))
        for participant, policy in self._policies(cluster).items():
            if participant not in kept:
                cluster.delete(policy)

    def _open(self, cluster: Cluster, entries: Mapping[str, Mapping[str, str]]) -> None:
        """Take back the routes that refuse a certificate which is let in again: its policy is in force by now."""
        for route in self._own(cluster, ENVOY_FILTER):
            participant, refused = participant_of(route), shut_certificates(route)
            left = refused - set(entries["fingerprints"])
            if participant and left != refused:
                if left:
                    cluster.apply(shut_route(self._place, participant, left))
                else:
                    cluster.delete(route)
