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
from ...remote.kubernetes import Cluster, compared, kind_of, name_of
from ..comparison import Plan
from ..model import GatewayModel
from ..release import release_digest
from .expectations import lacking
from .live import ORDER, Live, read_live
from .place import Object
from .policies import caller_in, callers_of, policies, tables
from .release import content, parsed, place_of, render
from .shutting import shut_certificates, shut_route


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
            live = read_live(cluster, self._place)
            self._shut(cluster, live, made.maps)
            self._expect_environment(cluster)
            differing = [one for one in self._wanted(made) if not _same(cluster, one, live.objects.get(name_of(one)))]
            for one in differing:
                cluster.normal(one)
            self._write(cluster, live, differing)
            self._close(cluster, live, made)
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
        live, release = read_live(cluster, self._place), render(self._model)
        files = {}
        for name, found in live.files.items():
            made = release.files.get(name)
            same = made is not None and _same(cluster, parsed(made), found)
            files[name] = sha256(made if made is not None and same else content(compared(found))).hexdigest()
        callers = [caller_in(policy) for policy in live.policies.values()]
        installed = release_digest(files) if files else ""
        common: dict[str, Any] = {"undone": [], "absent": [], "token_endpoint": "", "stale": self._stale(cluster, live)}
        if lacking(cluster, self._place, self._model):
            # Found in every run, though nothing else differs: without its floor the gateway would be open. ``change`` says what lacks.
            common["stale"].append("environment")
        return {"running": installed, "installed": installed, "files": files, "maps": tables(callers), **common}

    def _stale(self, cluster: Cluster, live: Live) -> list[str]:
        """The participants whose policy or opening is not as it would be made for what their policy says, or who are refused all the same.

        The latter is what a run leaves that was killed while it shut a participant out, if that one is to be let in after all.
        """
        made = policies(self._model, self._place, [caller_in(policy) for policy in live.policies.values()])
        found = []
        for name in sorted({*live.policies, *live.openings}):
            there = [live.policies.get(name), live.openings.get(name)]
            wanted, route = made.get(name), live.routes.get(name)
            refused = route and name in live.policies and shut_certificates(route) & set(caller_in(live.policies[name]).certificates)
            if wanted is None or refused or not all(_same(cluster, one, each) for one, each in zip(wanted, there, strict=True)):
                found.append(f"participants/{name}/policy.json")
        return found

    def _shut(self, cluster: Cluster, live: Live, entries: Mapping[str, Mapping[str, str]]) -> None:
        """Refuse, on live connections too, every certificate that is let in now and will not be."""
        allowed = entries["fingerprints"]
        for participant, policy in live.policies.items():
            leaving = frozenset(caller_in(policy).certificates) - set(allowed)
            if leaving:
                before = live.routes.get(participant)
                kept = shut_certificates(before) - set(allowed) if before else frozenset()
                cluster.apply(shut_route(self._place, participant, leaving | kept))

    def _expect_environment(self, cluster: Cluster) -> None:
        found = lacking(cluster, self._place, self._model)
        if found:
            remedy = "Run pulumi up for the environment. Who had to be shut out is shut out; nothing else was changed."
            raise GatewayError("; ".join(found), where=f"gateway/{self._model.host}", remedy=remedy)

    def _wanted(self, made: Plan) -> list[Object]:
        """What is to be there, in its order."""
        files = [parsed(made.release.files[name]) for name in made.sent]
        callers = policies(self._model, self._place, callers_of(made.maps))
        return [*sorted(files, key=lambda each: ORDER.index(kind_of(each))), *(one for each in callers.values() for one in each)]

    def _write(self, cluster: Cluster, live: Live, wanted: list[Object]) -> None:
        """Write these objects; what was written is put back when one of them is refused after all."""
        done: list[Object] = []
        try:
            for each in wanted:
                done.append(each)
                cluster.apply(each)
        except OnboardingError as error:
            for each in reversed(done):
                self._put_back(cluster, each, live.objects.get(name_of(each)))
            raise GatewayError(f"the change was undone: {error}", where=f"gateway/{self._model.host}", remedy="Run again.") from error

    def _put_back(self, cluster: Cluster, written: Object, before: Mapping[str, Any] | None) -> None:
        if before is not None:
            cluster.apply(compared(before))
        elif made := cluster.read(kind_of(written), written["metadata"]["namespace"], written["metadata"]["name"]):
            cluster.delete(made)

    def _close(self, cluster: Cluster, live: Live, made: Plan) -> None:
        """Remove what is not to be there, what names before what is named."""
        kept = policies(self._model, self._place, callers_of(made.maps))
        gone = [found for each in (live.openings, live.policies) for name, found in each.items() if name not in kept]
        for found in (*gone, *(found for name, found in reversed(live.files.items()) if name not in made.files)):
            cluster.delete(found)

    def _open(self, cluster: Cluster, entries: Mapping[str, Mapping[str, str]]) -> None:
        """Take back the routes that refuse a certificate which is let in again: its policy is in force by now."""
        for participant, route in read_live(cluster, self._place).routes.items():
            refused = shut_certificates(route)
            left = refused - set(entries["fingerprints"])
            if left and left != refused:
                cluster.apply(shut_route(self._place, participant, left))
            elif not left:
                cluster.delete(route)


def _same(cluster: Cluster, wanted: Object, found: Mapping[str, Any] | None) -> bool:
    """Whether an object is as the server would make it of what is wanted; it is asked only where the two are not equal anyhow."""
    if found is None:
        return False
    there = compared(found)
    return there == wanted or compared(cluster.normal(wanted)) == there
