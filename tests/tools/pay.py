# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a payment in each direction in the raised lab with connectors, and say what every part of the way reports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.transfers import EXPECTED, Payment, TransferLab

WAY = "bank -> SDK -> own gateway -> hub's gateway -> switch -> ledger -> switch -> hub's gateway -> gateway -> SDK -> bank"
SIGNED = 5
"""Messages of a transfer that carry a signature: all with a body."""


def main() -> int:
    """The number of expectations that did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    arguments = parser.parse_args()
    lab = TransferLab(arguments.description, arguments.state.resolve())
    wrong = 0
    for payer, payee, amount in (("greenbank", "bluebank", "10.5"), ("bluebank", "greenbank", "4.25")):
        _say(f"\n{payer} pays {payee} {amount} USD: {WAY}")
        before = lab.positions()
        wrong += _show(lab.pay(payer, payee, amount))
        wrong += _moved(before, lab.positions(), {payer: Decimal(amount), payee: -Decimal(amount)})
    status, answer = lab.around_the_gateway()
    wrong += _line(
        "a call to the switch that passed no gateway", f"{status} {answer['errorInformation']['errorDescription']}", status == 403
    )
    return wrong


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _show(payment: Payment) -> int:
    wrong = _line("state", f"{payment.state} in {payment.seconds:.2f} s", payment.state == "COMPLETED")
    if wrong:
        return wrong
    calls = ", ".join(f"{name} {count}" for name, count in payment.forwarded.items())
    wrong += _line("switch forwarded", calls, payment.forwarded == EXPECTED)
    wrong += _line("signed messages, each validated by the receiving SDK", str(payment.signatures), payment.signatures == SIGNED)
    wrong += _line("fulfilment matches the condition of the quote (ILP)", "yes" if payment.ilp_holds else "no", payment.ilp_holds)
    return wrong


def _moved(before: Mapping[str, Decimal], after: Mapping[str, Decimal], expected: Mapping[str, Decimal]) -> int:
    """What the ledger's database says: the payer's position rises by the amount, the payee's falls by it."""
    wrong = 0
    for name, amount in expected.items():
        found = f"{before[name].normalize():f} before, {after[name].normalize():f} after ({amount:+f})"
        wrong += _line(f"position of {name} in the ledger's database", found, after[name] == before[name] + amount)
    return wrong


def _line(what: str, found: str, right: bool) -> int:  # noqa: FBT001 -- one row of a table
    _say(f"  {'ok   ' if right else 'WRONG'} {what}: {found}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
