# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of text that a description's files hold: what each may be, in a pattern and in words."""

from __future__ import annotations

from datetime import UTC, datetime

from .addresses import parse_address, parse_endpoint_url, parse_internal_url, parse_network, parse_url
from .documents import shown
from .profiles import PROFILES
from .spec import Refused, Text


def _printable(text: str) -> str:
    """Names go into certificate subjects and reports: nothing that hides, reorders or templates text."""
    hidden = [character for character in text if not character.isprintable()]
    if hidden:
        raise Refused(f"{shown(text)} (with the invisible character U+{ord(hidden[0]):04X})", "printable characters and spaces")
    if text != text.strip() or not text:
        raise Refused(f"{shown(text)} (empty, or with spaces around it)", "text without spaces around it")
    return text


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(f"{shown(text)}, which no calendar has", "a day of the calendar, and a time of the day") from None


def key_kinds(*rules: str) -> tuple[str, ...]:
    """Every key kind that some profile allows in one of these rules."""
    found = {kind: None for profile in PROFILES.values() for rule in profile.certificates if rule.name in rules for kind in rule.key_kinds}
    return tuple(found)


def choice(*words: str) -> Text:
    """One of these words."""
    return Text(choices=words)


CERTIFICATES = tuple({rule.name: None for profile in PROFILES.values() for rule in profile.certificates if rule.san in {"host", "further"}})
CA_KEYS = tuple({kind: None for profile in PROFILES.values() for kind in profile.authority.key_kinds})

RESOURCE = Text("a resource of the API, as the profile lists them", r"[A-Za-z][A-Za-z0-9-]{1,39}", longest=40)
ID = Text("a letter, then 1 to 29 letters, digits, _ or -", r"[A-Za-z][A-Za-z0-9_-]{1,29}", longest=30)
NAME = Text("a lower-case letter, then letters, digits and - (at most 30)", r"[a-z][a-z0-9-]{0,28}[a-z0-9]", longest=30)
ORGANISATION = Text(
    "a name of 1 to 64 printable characters, without {{ {% {#", r"((?!\{[{%#])[^\u0000-\u001f\u007f-\u009f])+", longest=64, parse=_printable
)
PROFILE = Text(
    "the name of a profile, or profiles/<name>.yml", r"[a-z][a-z0-9-]{0,38}[a-z0-9]|profiles/[a-z][a-z0-9-]{0,28}[a-z0-9]\.yml", longest=44
)
COUNTRY = Text("two capital letters", r"[A-Z]{2}", longest=2)
ADDRESS = Text("an IPv4 or IPv6 address", longest=64, parse=parse_address)
NETWORK = Text("an IPv4 or IPv6 address or network", longest=64, parse=parse_network)
URL = Text("https://<host>[:<port>][/<path>]", r"https://.+", longest=512, parse=parse_url)
INTERNAL_URL = Text("https:// or http://<host>[:<port>][/<path>]", r"https?://.+", longest=400, parse=parse_internal_url)
ENDPOINT_URL = Text("https://<host>[:<port>][/<path>]", r"https://.+", longest=512, parse=parse_endpoint_url)
FILE = Text(
    "an absolute path, one relative to the description's folder, or one below {state}/; of letters, digits and . _ - /",
    r"(\{state\}/|/)?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*",
    longest=1024,
)
OWN_FILE = Text(
    "a path relative to participants-files/<id>/ beside participants/; letters, digits and . _ - /, no name begins with .",
    r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*",
    longest=255,
)
"""A participant's file may come from the participant: it names no other file of this machine."""
REMOTE_PATH = Text("an absolute path of letters, digits and . _ - /", r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", longest=100)
LOG = Text(
    "stdout, stderr, a socket's path, or <address>:<port>", r"stdout|stderr|/[A-Za-z0-9._/-]+|[0-9A-Fa-f.:\[\]]+:[0-9]+", longest=100
)
HOST = Text(
    "an inventory host name: lower-case letters, digits, - and .",
    r"[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    longest=63,
)
OBJECT_NAME = Text("a name of Kubernetes: lower-case letters, digits and -", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", longest=63)
CONTEXT = Text("the name of a context: letters, digits and . _ : / @ -", r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", longest=253)
IDENTIFIERS = ("MSISDN", "EMAIL", "PERSONAL_ID", "BUSINESS", "DEVICE", "ACCOUNT_ID", "IBAN", "ALIAS", "CONSENT", "THIRD_PARTY_LINK")
"""Types of identifiers of a party (FSPIOP API 1.1, section 7.3.27), and two of the third-party API."""
LEDGER_NAME = Text("2 to 30 letters, digits, _ and -", r"[A-Za-z0-9_-]{2,30}", longest=30)
MODEL_NAME = Text("2 to 30 letters and digits", r"[A-Za-z0-9]{2,30}", longest=30)
SIDE = Text("hub, or the id of a participant", r"[A-Za-z][A-Za-z0-9_-]{1,29}", longest=30)
FOLDER = Text("a folder", r"[^\u0000-\u001f\u007f-\u009f]+", longest=1024)
CURRENCY = Text("a currency code of ISO 4217, such as USD", r"[A-Z]{3}", longest=3)
AMOUNT = Text("an amount in quotes, such as '10000' or '99.5'", r"(0|[1-9][0-9]{0,17})(\.[0-9]{0,3}[1-9])?", longest=23)
EMAIL = Text("an e-mail address", r"[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}", longest=254)
DIGEST = Text("sha256: and 64 hexadecimal digits in lower case", r"sha256:[0-9a-f]{64}", longest=71)
CLIENT = Text("1 to 100 letters, digits and . _ @ -", r"[A-Za-z0-9][A-Za-z0-9_.@-]*", longest=100)
AUDIENCE = Text("the audience of access tokens: a URI or a word", r"[A-Za-z0-9._~:/@+-]+", longest=255)
UUID = Text("an id of the directory, such as 233bcd1d-4216-4b3c-a362-9e4a9282bba7", r"[A-Za-z0-9][A-Za-z0-9-]{1,62}[A-Za-z0-9]", longest=64)
DNS_NAME = Text("a DNS name in lower case", r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", longest=253)
MOMENT = Text(
    "a day (2026-11-24: its begin in UTC) or a moment in UTC (2026-11-24T10:30:00Z)",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
    longest=64,
    parse=_moment,
)
