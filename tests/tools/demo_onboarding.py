# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The second half of `make demo-kubernetes`: two participants onboarded at a hub on Kubernetes, verified, one suspended, Pulumi again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from contract.registry.drivers import OidcProvider
from support.istio import SYSTEM, running_istio
from support.istio_hub import until
from support.istio_site import ADDRESSES, IstioSite, ask, call_back, object_versions, running_site, start_callbacks
from support.kubernetes import Cluster
from support.workload_identities import identity, serving

from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import LATEST

OPEN, REFUSED = 200, 403


def onboarded(cluster: Cluster, folder: Path) -> bool:
    """Whether everything came as it is printed."""
    title("Istio's control plane, an authorization server, and the environments by Pulumi")
    (folder / "provider").mkdir()
    provider = OidcProvider(folder / "provider")
    with _stopped(provider), running_istio(cluster, folder / "istio", folder / "provider/server.pem") as istio:
        (folder / "site").mkdir()
        with running_site(istio, provider, folder / "site") as site:
            right = all([_onboard(site), _calls(site), _callback(site), _verified(site), _suspend(site), _again(site)])
            title("pulumi destroy, of all three")
    cluster.kubectl("delete", "namespace", SYSTEM)
    return right


@contextmanager
def _stopped(provider: OidcProvider) -> Iterator[None]:
    try:
        yield
    finally:
        provider.stop()


def _onboard(site: IstioSite) -> bool:
    title("ansible-playbook playbooks/onboard.yml")
    played = site.play()
    say(_summary(played.output))
    for name in ADDRESSES:
        until(lambda name=name: site.status(name) == OPEN)  # type: ignore[misc]
    again = site.play()
    say(f"A second run changes: {again.changed or 'nothing'}")
    return (played.status, again.status, again.changed) == (0, 0, [])


def _calls(site: IstioSite) -> bool:
    title("Calls to the hub through Envoy, as istiod configured it")
    green, blue = site.headers("greenbank"), site.headers("bluebank")
    return all(
        [
            _shown("greenbank, as it is", site.status("greenbank", green), OPEN),
            _shown("bluebank, as it is", site.status("bluebank", blue), OPEN),
            _shown("greenbank with bluebank's token", site.status("greenbank", [blue[0], green[1]]), REFUSED),
            _shown("greenbank that says it is bluebank", site.status("greenbank", [green[0], blue[1]]), REFUSED),
            _shown("greenbank without a token", site.status("greenbank", green[1:]), REFUSED),
        ]
    )


def _callback(site: IstioSite) -> bool:
    title("Callbacks of the hub's services, through the egress gateway and the participants' own")
    with serving(identity(site.istio.cluster, "istio-egress", "egress-gateway")) as identities:
        port = start_callbacks(site, identities, *ADDRESSES)
        service = identity(site.istio.cluster, "mojaloop", "default").context(site.folder)
        hosts = [f"fspiop.{name}.lab" for name in ADDRESSES]
        for host in hosts:
            until(lambda host=host: call_back(port, service, host) == OPEN)  # type: ignore[misc]
        came = [_shown(f"PUT https://{host}/transfers/1", call_back(port, service, host), OPEN) for host in hosts]
        return all(came)


def _verified(site: IstioSite, *arguments: str) -> bool:
    """Run the verification; print how many cases came to what, and each that did not pass."""
    title(" ".join(("ansible-playbook playbooks/verify.yml", *arguments)))
    played = site.play("verify.yml", *arguments)
    cases = json.loads(DiskTree(site.state).read(LATEST) or b"{}").get("cases", [])
    counts = Counter(case["verdict"] for case in cases)
    say(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), reverse=True)) or played.output)
    reasons = Counter(case["detail"] for case in cases if case["verdict"] == "not-provable-from-here")
    for reason, count in sorted(reasons.items()):
        say(f"  {count} not provable: {reason}")
    for case in cases:
        if case["verdict"] in {"failed", "error"}:
            say(f"  {case['participant']} {case['direction']}, {case['title']}: {case['detail']}")
    return played.status == 0 and counts.keys() <= {"passed", "not-provable-from-here"}


def _suspend(site: IstioSite) -> bool:
    title("bluebank: state: suspended, then playbooks/onboard.yml")
    headers = site.headers("bluebank")
    site.stacks["hub"].run("stack", "export", "--file", str(site.folder / "older.json"))
    site.describe(bluebank="suspended")
    with closing(site.connect("bluebank")) as live:
        before = ask(live, headers)
        played = site.play()
        until(lambda: site.status("bluebank", headers) == REFUSED)
    return all(
        [
            played.status == 0,
            _shown("bluebank before", before, OPEN),
            _shown("bluebank now", site.status("bluebank", headers), REFUSED),
            _shown("greenbank", site.status("greenbank"), OPEN),
            _verified(site, "-e", "participants=bluebank"),
        ]
    )


def _again(site: IstioSite) -> bool:
    title("pulumi up, refresh with up, and up from the state of before the suspension")
    headers, versions, hub = site.headers("bluebank"), object_versions(site.istio), site.stacks["hub"]
    right = []
    for words, arguments in (("up", ()), ("up --refresh", ("--refresh",)), ("up from the older state", ())):
        if "older" in words:
            hub.run("stack", "import", "--file", str(site.folder / "older.json"))
        hub.run("up", "--yes", "--skip-preview", *arguments)
        same = object_versions(site.istio) == versions
        say(f"{words}: the {len(versions)} objects of the onboarding are {'as they were' if same else 'CHANGED'}")
        right += [same, _shown("bluebank", site.status("bluebank", headers), REFUSED)]
    return all(right)


def _summary(output: str) -> str:
    """The summary at the end of a run."""
    lines = output.splitlines()
    begin = next((number for number, line in enumerate(lines) if line.startswith("step ")), 0)
    end = next((number for number, line in enumerate(lines) if line.startswith("Outcome")), len(lines) - 1)
    return "\n".join(line.rstrip() for line in lines[begin : end + 1])


def _shown(what: str, status: int, wanted: int) -> bool:
    say(f"{status}  {what}" + ("" if status == wanted else f"   (expected: {wanted})"))
    return status == wanted


def title(text: str) -> None:
    """Print a heading."""
    say(f"\n== {text}")


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 -- what the demonstration is for
