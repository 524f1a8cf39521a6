# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Istio on a cluster as a gateway driver."""

from __future__ import annotations

from ..driver import Driver
from .release import render
from .target import ClusterTarget

DRIVER = Driver(render, target=ClusterTarget)
