# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the ledger's database: the judge of what a run has done."""

from __future__ import annotations

from .ledger import RealLedger

BALANCES = """
SELECT p.name, c.currencyId, t.name, c.isActive, q.value FROM participant p JOIN participantCurrency c USING (participantId)
JOIN ledgerAccountType t USING (ledgerAccountTypeId) LEFT JOIN participantPosition q USING (participantCurrencyId) ORDER BY 1, 2, 3
"""
LIMITS = """
SELECT p.name, c.currencyId, l.value, l.thresholdAlarmPercentage, l.isActive FROM participant p
JOIN participantCurrency c USING (participantId) JOIN participantLimit l USING (participantCurrencyId) ORDER BY participantLimitId
"""
ENDPOINTS = """
SELECT p.name, t.name, e.value, e.isActive FROM participantEndpoint e JOIN participant p USING (participantId)
JOIN endpointType t USING (endpointTypeId) ORDER BY participantEndpointId
"""
MODELS = """
SELECT s.name, g.name, i.name, d.name, s.currencyId, s.requireLiquidityCheck, s.autoPositionReset, a.name, b.name, s.isActive
FROM settlementModel s JOIN settlementGranularity g USING (settlementGranularityId)
JOIN settlementInterchange i USING (settlementInterchangeId) JOIN settlementDelay d USING (settlementDelayId)
JOIN ledgerAccountType a ON a.ledgerAccountTypeId = s.ledgerAccountTypeId
JOIN ledgerAccountType b ON b.ledgerAccountTypeId = s.settlementAccountTypeId ORDER BY settlementModelId
"""
STATE = """
SELECT s.transferStateId FROM transferStateChange s WHERE s.transferId = '{}' ORDER BY s.transferStateChangeId DESC LIMIT 1
"""
"""Where a transfer stands: to be formatted with its id."""
STATES_OF_AMOUNT = """
SELECT s.transferStateId FROM transferStateChange s WHERE s.transferStateChangeId IN (
SELECT MAX(c.transferStateChangeId) FROM transferStateChange c JOIN transfer t USING (transferId) WHERE t.amount = {} GROUP BY c.transferId)
"""
"""Where the transfers of an amount stand: to be formatted with it."""
FUNDS = "SELECT transferId, amount, currencyId FROM transfer ORDER BY createdDate, transferId"
PARTICIPANTS = "SELECT name, isActive FROM participant ORDER BY participantId"
EVERYTHING = (PARTICIPANTS, BALANCES, LIMITS, ENDPOINTS, MODELS, FUNDS)
Rows = list[tuple[str, ...]]


def everything(ledger: RealLedger) -> list[Rows]:
    """All rows that the pack has to do with."""
    return [ledger.rows(query) for query in EVERYTHING]


def all_of(ledger: RealLedger, name: str) -> list[Rows]:
    """All rows about one participant."""
    return [of(ledger, query, name) for query in (PARTICIPANTS, BALANCES, LIMITS, ENDPOINTS)]


def of(ledger: RealLedger, query: str, name: str) -> Rows:
    """The rows about one participant, without its name."""
    return [row[1:] for row in ledger.rows(query) if row[0] == name]


def settlement(ledger: RealLedger, name: str, currency: str = "USD") -> str:
    """The balance of a settlement account."""
    return next(value for code, kind, _active, value in of(ledger, BALANCES, name) if (code, kind) == (currency, "SETTLEMENT"))


def is_active(ledger: RealLedger, name: str) -> bool:
    """Whether the ledger lets the participant transfer."""
    return (name, "1") in ledger.rows(PARTICIPANTS)


def set_settlement(ledger: RealLedger, name: str, value: float) -> None:
    """Have the balance of all settlement accounts of a participant be this: as settlements, or another program, have left it."""
    accounts = f"SELECT participantCurrencyId FROM participantCurrency WHERE {whose(name)} AND ledgerAccountTypeId = 2"  # noqa: S608
    ledger.rows(f"UPDATE participantPosition SET value = {value} WHERE participantCurrencyId IN ({accounts})")  # noqa: S608


def whose(name: str) -> str:
    """The condition that a row of a participant's accounts meets."""
    return f"participantId = (SELECT participantId FROM participant WHERE name = '{name}')"  # noqa: S608 -- a name of a test
