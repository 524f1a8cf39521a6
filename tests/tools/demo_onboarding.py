# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The second half of `make demo-kubernetes`: two participants onboarded at a hub on Kubernetes, one suspended, and Pulumi run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from contract.registry.drivers import OidcProvider
from support.istio import running_istio
from support.istio_hub import until
from support.istio_site import ADDRESSES, IstioSite, ask, call_back, object_versions, running_site, start_callbacks
from support.kubernetes import Cluster
from support.workload_identities import identity, serving

OPEN, REFUSED = 200, 403


def onboarded(cluster: Cluster, folder: Path) -> bool:
    """Whether everything came as it is printed."""
    title("Istio's control plane, an authorization server, and the environments by Pulumi")
    (folder / "provider").mkdir()
    provider = OidcProvider(folder / "provider")
    with _stopped(provider), running_istio(cluster, folder / "istio", folder / "provider/server.pem") as istio:
        (folder / "site").mkdir()
        with running_site(istio, provider, folder / "site") as site:
            return all([_onboard(site), _calls(site), _callback(site), _suspend(site), _again(site)])


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
    title("A callback of the hub's services to greenbank, through both gateways")
    with serving(identity(site.istio.cluster, "istio-egress", "egress-gateway")) as identities:
        port = start_callbacks(site, identities)
        service = identity(site.istio.cluster, "mojaloop", "default").context(site.folder)
        until(lambda: call_back(port, service, "fspiop.greenbank.lab") == OPEN)
        return _shown("PUT /transfers/1", call_back(port, service, "fspiop.greenbank.lab"), OPEN)


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
