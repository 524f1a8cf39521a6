# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger would accept and should not, or would answer with an error that says nothing: refused before it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ..errors import Problem
from .addresses import Url
from .documents import shown
from .lint import Circumstances, SideText

_CODES = """
AED AFA AFN ALL AMD ANG AOA AOR ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BYR BZD CAD CDF CHE CHF CHW
CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EEK EGP ERN ETB EUR FJD FKP GBP GEL GGP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG
HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK
MNT MOP MRO MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
SGD SHP SLL SOS SPL SRD SSP STD SVC SYP SZL THB TJS TMT TND TOP TRY TTD TVD TWD TZS UAH UGX USD USN UYI UYU UZS VEF VND VUV WST XAF XAG
XAU XCD XDR XFO XFU XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMK ZMW ZWD ZWL ZWN ZWR
"""
CURRENCIES = frozenset(_CODES.split())
"""The currencies of central-ledger 19.5: it takes no others."""
DIGITS = 15
"""Significant digits of an amount: the ledger reads JSON numbers as doubles, and rounds what has more."""
LARGEST = Decimal(10) ** 14
"""The ledger's columns have 14 digits before the point."""


def lint_hub_ledger(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """The hub's ledger and account lookup in hub.yml."""
    for system in ("ledger", "account_lookup", "connection_manager", "vault_bundles"):
        yield from _administration(side, system, around)
    yield from _vault_credentials(side)
    if side.get("connection_manager.server.host") and side.get("connection_manager.server.host") == side.get("services.host"):
        yield side.problem("connection_manager.server.host", "the host of services", "a host of its own")
    for key, currency in side.items("ledger.currencies"):
        if currency not in CURRENCIES:
            yield side.problem(key, f"the currency {shown(currency)}", "a currency that the ledger knows (central-ledger 19.5)")
    yield from _models(side)
    taken: set[object] = set()
    for key, oracle in side.items("account_lookup.oracles"):
        named = (oracle.get("identifier"), oracle.get("currency"))
        if named in taken:
            yield side.problem(key, f"an oracle for {shown(named[0])} a second time", "one for each identifier and currency")
        taken.add(named)


def _administration(side: SideText, system: str, around: Circumstances) -> Iterator[Problem]:
    url = side.get(f"{system}.url")
    if not isinstance(url, Url):
        return
    if url.text.startswith("http://") and around.exposed and not side.get(f"{system}.plain_http"):
        yield side.problem(f"{system}.url", shown(url.text), "an https URL, or the key 'plain_http: accepted' (for the hub's own network)")
    if url.text.startswith("http://") and around.exposed and side.get(f"{system}.token_file"):
        yield side.problem(f"{system}.token_file", "a token that would travel in clear", "an https URL beside it")
    own = system in {"ledger", "account_lookup"} and side.get("administration.own")
    if url.text.startswith("http://") and around.exposed and own:
        yield side.problem(f"{system}.url", shown(url.text), "an https URL: the token of administration.own would travel in clear")
    if url.text.startswith("https://") and not side.get(f"{system}.ca_file"):
        yield side.problem(f"{system}.ca_file", "no such key", "it is required with an https URL")


def _vault_credentials(side: SideText) -> Iterator[Problem]:
    """One kind of credentials, and all of it."""
    given = {name for name in ("token_file", "role_id_file", "secret_id_file") if side.get(f"vault_bundles.{name}")}
    if side.get("vault_bundles.url") and given not in ({"token_file"}, {"role_id_file", "secret_id_file"}):
        yield side.problem(
            "vault_bundles", f"{', '.join(sorted(given)) or 'no credentials'}", "token_file, or role_id_file and secret_id_file"
        )


def _models(side: SideText) -> Iterator[Problem]:
    names: set[str] = set()
    currencies = side.get("ledger.currencies") or []
    for key, model in side.items("ledger.settlement_models"):
        name, currency = model.get("name"), model.get("currency")
        if name and name.lower() in names:
            yield side.problem(f"{key}.name", f"{shown(name)} a second time", "each name once")
        names.add((name or "").lower())
        if currency and currency not in currencies:
            yield side.problem(f"{key}.currency", f"the currency {shown(currency)}", "one of ledger.currencies")


def lint_participant_ledger(side: SideText, around: Circumstances) -> Iterator[Problem]:
    """A participant's currencies and amounts."""
    currencies = side.get("currencies")
    for key, currency in side.items("currencies"):
        if around.ledger_currencies and currency not in around.ledger_currencies:
            yield side.problem(key, f"the currency {shown(currency)}", f"one of ledger.currencies in hub.yml: {_listed(around)}")
    for name in ("net_debit_cap", "opening_funds"):
        for currency, amount in (side.get(name) or {}).items():
            if currencies is not None and currency not in currencies:
                yield side.problem(f"{name}.{currency}", f"the currency {shown(currency)}", "the participant's currencies")
            elif currency not in (side.get("net_debit_cap") or {}):
                yield side.problem(f"{name}.{currency}", f"opening funds in {currency}", "a net_debit_cap in the same currency beside it")
            if amount is not None and not _kept(amount, least=0 if name == "net_debit_cap" else 1):
                yield side.problem(f"{name}.{currency}", shown(amount), f"an amount of at most {DIGITS} digits{_above_zero(name)}")


def _kept(amount: str, *, least: int) -> bool:
    """Whether the ledger keeps an amount as it is written."""
    value = Decimal(amount)
    return value < LARGEST and len(value.as_tuple().digits) <= DIGITS and (value > 0 or not least)


def _above_zero(name: str) -> str:
    return ", above zero" if name == "opening_funds" else ""


def _listed(around: Circumstances) -> str:
    return ", ".join(around.ledger_currencies)
