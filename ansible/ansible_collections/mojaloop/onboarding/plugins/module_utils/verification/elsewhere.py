# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that stands at no side's machine: it can say which cases there are, and try none of them."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager

from ..errors import OnboardingError
from .model import Identity, InboundListener, Witness

WHY = "this run stands at none of the sides' machines"


class Elsewhere:
    """No place to act from and no record to read (see ``verification.model.Site``)."""

    obstacle = WHY
    diverts = False

    def machine_of(self, side: str, source: str = "") -> str | None:  # noqa: ARG002 -- as the protocol has it
        """None."""
        return None

    def strangers(self, version: int = 4) -> tuple[str, str] | None:  # noqa: ARG002
        """No one."""
        return None

    def connect(self, machine: str, source: str, address: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        """OnboardingError: nothing is sent from here."""
        raise OnboardingError(WHY, where=machine or "verification")

    def handshake_witness(self, side: str) -> Witness | None:  # noqa: ARG002
        """None."""
        return None

    def packet_witness(self, side: str, *, outward: bool = False) -> Witness | None:  # noqa: ARG002
        """None."""
        return None

    def impostor(
        self,
        victim: str,
        listener: InboundListener,  # noqa: ARG002
        addresses: tuple[str, ...],  # noqa: ARG002
        identity: Identity,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """OnboardingError: nothing is diverted from here."""
        raise OnboardingError(WHY, where=victim)

    def control(self, side: str) -> InboundListener | None:  # noqa: ARG002
        """None."""
        return None
