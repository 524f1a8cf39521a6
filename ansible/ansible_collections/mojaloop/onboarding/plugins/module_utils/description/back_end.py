# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's back end in a description: ledger, account lookup, how participants are tested and let into production (see ``systems``)."""

from __future__ import annotations

from .model import Ledger, Oracle, SettlementModel
from .spec import Field, Flag, Many, Record, Text, Variant, Whole
from .systems import KIND
from .testing import SUITE_NAMES, Load, Testing
from .texts import AMOUNT, CURRENCY, DIGEST, EMAIL, FILE, ID, IDENTIFIERS, INTERNAL_URL, LEDGER_NAME, MODEL_NAME, choice

_ADMINISTRATION = (
    Field("url", INTERNAL_URL, "Its administration API, which has no access control of its own.", required=True),
    Field("ca_file", FILE, "CA certificates that verify its TLS certificate (PEM); with an https URL."),
    Field("token_file", FILE, "File with the bearer token that is presented to it, or to the listener in front of it."),
    Field("plain_http", choice("accepted"), "Accepts an http URL outside labs: the way to it is the hub's own network."),
)
_SETTLEMENT_MODEL = Record(
    "A settlement model.",
    (
        Field("name", MODEL_NAME, "Its name in the ledger.", required=True),
        Field("kind", choice("deferred-net", "gross", "interchange-fee"), "What is settled, and when.", default=SettlementModel.kind),
        Field("currency", CURRENCY, "The currency that it is for; where absent, all without one of their own."),
        Field("liquidity_check", Flag(), "Whether transfers are checked against net debit caps.", default=SettlementModel.liquidity_check),
    ),
)
LEDGER = Variant(
    "The hub's ledger.",
    by=KIND,
    of={
        "central-ledger": Record(
            "Mojaloop central-ledger 19.",
            (
                Field("hub_name", LEDGER_NAME, "Its name of the hub (HUB_PARTICIPANT in its configuration).", default=Ledger.hub_name),
                Field(
                    "settlement_models",
                    Many(_SETTLEMENT_MODEL, most=50),
                    "Settlement models; where empty, DEFERREDNET for all currencies.",
                    default=[],
                ),
            ),
        ),
    },
    common=(
        *_ADMINISTRATION,
        Field("currencies", Many(CURRENCY, least=1, most=50), "Currencies of the hub.", required=True),
        Field(
            "callback_url",
            INTERNAL_URL,
            "The hub's outbound gateway, base of all callback URLs; by default, each participant's own endpoint.",
        ),
        Field("notification_addresses", Many(EMAIL, most=5), "Whom the ledger's e-mails about the hub go to.", default=[]),
    ),
)

_ORACLE = Record(
    "An oracle: the service that knows whose an identifier is.",
    (
        Field("identifier", choice(*IDENTIFIERS), "Type of identifier.", required=True),
        Field("url", INTERNAL_URL, "Its URL, as the account lookup service reaches it.", required=True),
        Field("currency", CURRENCY, "The currency that it is for; where absent, any."),
        Field("default", Flag(), "Whether it is asked where no other is named.", default=Oracle.default),
    ),
)
ACCOUNT_LOOKUP = Variant(
    "The hub's account lookup service.",
    by=KIND,
    of={"account-lookup-service": Record("Mojaloop account-lookup-service.", ())},
    common=(*_ADMINISTRATION, Field("oracles", Many(_ORACLE, least=1, most=100), "Oracles; others are left alone.", required=True)),
)

SETTLEMENT = Variant(
    "The hub's settlement service.",
    by=KIND,
    of={"central-settlement": Record("Mojaloop central-settlement.", ())},
    common=_ADMINISTRATION,
)

PARTY = Record(
    "A customer.",
    (
        Field("identifier", choice(*IDENTIFIERS), "Type of identifier.", required=True),
        Field(
            "value", Text("an identifier of letters, digits and + . _ @ -", r"[A-Za-z0-9+._@-]{1,128}"), "The identifier.", required=True
        ),
    ),
)
_SERVICE_LEVEL = Record(
    "Limits and extent of the SLA suite; where absent, as the profile says.",
    (
        Field("p95_ms", Whole(1, 600_000), "Milliseconds within which 95 of 100 payments are through."),
        Field("p99_ms", Whole(1, 600_000), "Milliseconds within which 99 of 100 payments are through."),
        Field("errors_percent", Whole(0, 100), "How many of 100 payments may fail."),
        Field("requests", Whole(1, 10_000), "How many payments are made."),
        Field("parallel", Whole(1, 100), "How many payments are under way at a time."),
    ),
)
_LOAD = Record(
    "Extent of the performance suite.",
    (
        Field("requests", Whole(1, 10_000), "How many payments are made in each direction.", default=Load.requests),
        Field("parallel", Whole(1, 100), "How many payments are under way at a time.", default=Load.parallel),
    ),
)
TESTING = Record(
    "How participants are tested.",
    (
        Field("counterpart", ID, "Participant that plays the other part: a simulator or a friendly DFSP. By default, the next one."),
        Field("amount", AMOUNT, "What test payments are about.", default=Testing.amount),
        Field("wrong_fulfilment", AMOUNT, "Amount at which the counterpart fulfils wrongly on purpose."),
        Field("abort", AMOUNT, "Amount at which the counterpart refuses the transfer on purpose."),
        Field("service_level", _SERVICE_LEVEL, "Limits and extent of the SLA suite.", default={}),
        Field("load", _LOAD, "Extent of the performance suite.", default={}),
    ),
)

REASON = Text("a reason in words", r"[^\s](.*[^\s])?", longest=500)
GATE = Variant(
    "The gate of production.",
    by=KIND,
    of={
        "evidence": Record(
            "A participant is active with evidence of pre-production only.",
            (
                Field(
                    "signers",
                    Many(DIGEST, least=1, most=10),
                    "Fingerprints of the exchange certificates of pre-production's hubs (mojaloop-onboarding evidence prints them).",
                    required=True,
                ),
                Field("suites", Many(choice(*SUITE_NAMES), most=20), "Suites demanded; where absent, those of the profile.", default=[]),
                Field("days", Whole(0, 3650), "For how many days evidence counts; 0: for ever.", default=0),
            ),
        ),
        "none": Record("No evidence is asked for.", (Field("reason", REASON, "Why; it stands in the evidence.", required=True),)),
    },
)
