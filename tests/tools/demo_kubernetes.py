# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`make demo-kubernetes`: the environments of a hub and two participants on a Kubernetes API of this machine; then their onboarding.

What runs is Pulumi itself against a real API server. There are no machines behind it: pods become ready without a container.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import yaml
from support.kubernetes import ROOT, Cluster, running_cluster
from support.published import publish
from support.pulumi_runs import OFFICIAL_IS_HERE, Stack, new_stack
from tools.demo_onboarding import onboarded, say, title

PARTICIPANTS = ("greenbank", "bluebank")
NOT_TRIED = """\
Applied, not tried: NetworkPolicies and probes have no effect without nodes. A plain Envoy stood for the gateways' pods, not Istio's own.
"""


def main() -> int:
    """Raise, show, remove, onboard; 1 where anything differs from what was said, or is left of the environments."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        title("A Kubernetes API server, its controllers, and a node without a machine")
        with running_cluster(folder / "cluster") as cluster:
            before = cluster.objects()
            stacks = _stacks(folder, cluster)
            planned = {name: set(_planned(name, stack)) for name, stack in stacks.items()}
            for name, stack in stacks.items():
                _run(name, stack, "up", "--yes", "--skip-preview")
            right = _compare(cluster.objects() - before, set().union(*planned.values()))
            for name, stack in stacks.items():
                _run(f"{name}, second run", stack, "up", "--yes", "--skip-preview", "--expect-no-changes")
            for name, stack in reversed(stacks.items()):
                _run(name, stack, "destroy", "--yes", "--skip-preview")
            right = _removed(cluster, before) and right
            right = onboarded(cluster, folder) and right
            right = _removed(cluster, before) and right
    say(NOT_TRIED)
    say("Everything came as it was said." if right else "NOT everything came as it was said: see above.")
    return 0 if right else 1


def _stacks(folder: Path, cluster: Cluster) -> dict[str, Stack]:
    """The hub's stack and those of the participants, with the configuration that the programs hold for the lab."""
    exchange = folder / "exchange"
    inventory = {"description": str(ROOT / "inventories/lab")}
    stacks = {"hub": new_stack(folder / "hub", ROOT / "pulumi/hub", cluster, "lab")}
    stacks["hub"].configure("mojaloop-hub", {**_kept("hub/Pulumi.lab.yaml"), **inventory})
    for name in PARTICIPANTS:
        stacks[name] = new_stack(folder / name, ROOT / "pulumi/dfsp", cluster, f"lab.{name}")
        places = {**inventory, "exchange": str(publish(exchange, name))}
        stacks[name].configure("mojaloop-dfsp", {**_kept("dfsp/Pulumi.lab.greenbank.yaml"), **places})
    return stacks


def _kept(file: str) -> dict[str, object]:
    config: Mapping[str, object] = yaml.safe_load((ROOT / "pulumi" / file).read_text(encoding="utf-8"))["config"]
    return {key.partition(":")[2]: value for key, value in config.items()}


def _planned(name: str, stack: Stack) -> list[str]:
    """Print what a stack would make, by kind; the objects."""
    planned = stack.previewed()["create"]
    kinds = Counter(each.partition(" ")[0].partition(".")[0] for each in planned)
    title(f"Plan of {name}: {len(planned)} objects")
    say(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return planned


def _run(name: str, stack: Stack, command: str, *arguments: str) -> None:
    """Run a command and print how it ended, in Pulumi's own words."""
    title(f"pulumi {command}: {name}")
    ended = stack.run(command, *arguments)
    words = ended.text[ended.text.rindex("Resources:") :] if "Resources:" in ended.text else ended.text
    say("\n".join(line for line in words.partition("\n\nThe resources")[0].splitlines() if line.strip()))


def _compare(found: set[str], planned: set[str]) -> bool:
    title("What an independent client finds")
    verdict = "exactly what the plans named" if found == planned else f"not planned: {found - planned}; missing: {planned - found}"
    say(f"{len(found)} objects: {verdict}")
    return found == planned


def _removed(cluster: Cluster, before: set[str]) -> bool:
    """Whether nothing is left but what was there before."""
    left = cluster.objects() - before
    say(f"Left on the cluster: {len(left)} objects" + "".join(f"\n  {each}" for each in sorted(left)))
    return not left


if __name__ == "__main__":
    if not OFFICIAL_IS_HERE:
        say("A stand-in of the tests serves in place of Pulumi's Kubernetes plugin, which is not installed here.")
    sys.exit(main())
