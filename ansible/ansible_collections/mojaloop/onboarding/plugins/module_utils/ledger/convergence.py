# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, compare, send what differs, read again: no answer of the ledger counts as done, only what it has afterwards.

The ledger answers 400 and 500 for "there already" and for "not there", and 202 before anything is booked. A request that failed is
never repeated in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from ..errors import RemoteError
from ..findings import Disposition
from ..remote.errors import Unknown

State = TypeVar("State")


@dataclass(frozen=True)
class Order:
    """A request that changes something, and what for."""

    method: str
    path: str
    body: Mapping[str, Any] = field(hash=False)
    why: str


@dataclass(frozen=True)
class Difference:
    """One thing that differs, with the requests that make it right; without any, it waits for a person."""

    artefact: str
    reason: str
    orders: tuple[Order, ...] = ()
    detail: str = ""
    disposition: Disposition = Disposition.CHANGE
    pending_on: str = ""


class NoAnswer(RemoteError):
    """The ledger took a request that changes something and did not answer: asked about more, it would hang again each time."""


Stage = Callable[[State], list[Difference]]


@dataclass(frozen=True)
class Convergence(Generic[State]):
    """One thing of the ledger: how it is read and changed, and the comparisons in the order in which they need each other."""

    observe: Callable[[], State]
    send: Callable[[Order], None]
    stages: Sequence[Stage[State]]

    def differences(self, *, dry_run: bool) -> Iterator[Difference]:
        """What was changed or (dry run) would be, and what waits for a person. Raises NoAnswer, or RemoteError from reading."""
        return self._planned() if dry_run else self._carried_out()

    def _planned(self) -> Iterator[Difference]:
        observed = self.observe()
        for stage in self.stages:
            waiting, acting = _parted(stage(observed))
            yield from (*waiting, *acting)
            if _has_fault(waiting):
                return

    def _carried_out(self) -> Iterator[Difference]:
        """A stage with a fault ends it: later ones may need it."""
        observed = self.observe()
        for stage in self.stages:
            waiting, acting = _parted(stage(observed))
            yield from waiting
            failures = {each: self._sent(each.orders) for each in acting}
            observed = self.observe() if acting else observed
            left = {each.artefact for each in stage(observed)} if acting else set()
            yield from (each for each in acting if each.artefact not in left)
            undone = [each for each in acting if each.artefact in left]
            yield from (_failed(each, failures[each]) for each in undone)
            if any(isinstance(failures[each], Unknown) and not _status(failures[each]) for each in undone):
                raise NoAnswer("did not answer a request in time", remedy="Look into its log and at its message broker; then run again.")
            if undone or _has_fault(waiting):
                return

    def _sent(self, orders: Sequence[Order]) -> RemoteError | None:
        """Send them; the first error. One that was answered keeps no other from being sent: it may have been carried out."""
        first: RemoteError | None = None
        for order in orders:
            try:
                self.send(order)
            except RemoteError as error:
                first = first or error
                if not _status(error):
                    break
        return first


def _parted(found: Sequence[Difference]) -> tuple[list[Difference], list[Difference]]:
    """What waits for a person, and what a run changes."""
    return [each for each in found if not each.orders], [each for each in found if each.orders]


def _has_fault(found: Sequence[Difference]) -> bool:
    return any(each.disposition is Disposition.FAULT for each in found)


def _status(error: RemoteError | None) -> int:
    return getattr(error, "status", 0)


def _failed(difference: Difference, error: RemoteError | None) -> Difference:
    said = str(error) if error else "the request was accepted, and what it asked for is not there."
    return replace(difference, reason="not-taken-over", orders=(), disposition=Disposition.FAULT, detail=said)
