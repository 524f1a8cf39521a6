# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's stack that refers to the hub's, by Pulumi's own reference between stacks of one back end."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.hosted_participants import IMAGE, hub_outputs
from support.kubernetes import Cluster
from support.pulumi_runs import new_stack

pytestmark = pytest.mark.xdist_group("cluster")
HUB, STACK = "mojaloop-hub", "organization/mojaloop-hub/lab"


def test_a_hub_elsewhere_holds_everything_back_and_the_approved_one_lets_it_go_on(
    cluster: Cluster, repository: Path, tmp_path: Path
) -> None:
    before = cluster.objects()
    hub = new_stack(tmp_path / "pulumi", Path(__file__).parent / "hub_outputs", cluster, "lab")
    dfsp = new_stack(tmp_path / "pulumi", repository / "pulumi/dfsp", cluster, "lab.greenbank")
    images = dict.fromkeys(("connectorImage", "cacheImage", "backendImage", "proxyImage"), IMAGE)
    places = {"context": "lab", "description": str(repository / "inventories/lab"), "hubStack": STACK}
    dfsp.configure("mojaloop-dfsp", {**images, **places})
    hub.configure(HUB, {"outputs": hub_outputs(host="api.elsewhere.example")})
    hub.run("up", "--yes", "--skip-preview")
    refused = dfsp.run("up", "--yes", "--skip-preview", check=False)
    assert refused.code != 0
    assert "awaiting approval: the hub's stack is of lab at api.elsewhere.example:8443" in refused.text
    assert cluster.objects() == before
    hub.configure(HUB, {"outputs": hub_outputs()})
    hub.run("up", "--yes", "--skip-preview")
    assert "Namespace /greenbank" in dfsp.previewed()["create"]
