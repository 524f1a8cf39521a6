# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every described way to an inbound listener: an allowlist, a listener or a rule may be wrong for one address or IP version only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..description.model import Side
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Kind, Witness
from .probe import perform

DROPPED = Expected(Kind.DROPPED)
Refusal = Callable[[str, str, Expected, Callable[[], Attempt], Witness | None], Case]


@dataclass(frozen=True)
class Ways:
    """The ways from a caller to a target's listener; ``right`` makes the attempt that is right in every fact, by the first way."""

    material: Material
    caller: Side
    target: Side
    right: Callable[[], Attempt]

    def further(self) -> Iterator[tuple[str, str, Expected, Callable[[], Answer]]]:
        """The right attempt by each further way, as the parts of a case."""
        for number, (source, address) in enumerate(self.material.routes(self.caller, self.target)[1:], 2):

            def action(source: str = source, address: str = address) -> Answer:
                return perform(self.material.site, self._by(source, address))

            yield f"way-{number}", f"the same from {source} at {address}", ACCEPTED, action

    def strangers(self, refusal: Refusal, obstacle: str) -> Iterator[Case]:
        """A stranger's address, once over each IP version; without its address or the firewall's counter: the obstacle."""
        site, witness = self.material.site, self.material.site.packet_witness(self.target.name)
        listeners = {":" in address: address for _source, address in reversed(self.material.routes(self.caller, self.target))}
        for number, wide in enumerate(sorted(listeners) or [False]):
            place = site.strangers(6 if wide else 4)

            def attempt(place: tuple[str, str] | None = place, address: str = listeners.get(wide, "")) -> Attempt:
                machine, source = place or ("", "")
                return replace(self._by(source, address), machine=machine)

            over = " (IPv6)" if number else ""
            case = refusal(
                f"stranger{'-ipv6' if number else ''}", f"a stranger's address, everything else right{over}", DROPPED, attempt, witness
            )
            yield case if place and witness else replace(case, obstacle=obstacle)

    def _by(self, source: str, address: str) -> Attempt:
        machine = self.material.site.machine_of(self.caller.name, source) or ""
        return replace(self.right(), machine=machine, source=source, listener=self.material.listener(self.target, address))
