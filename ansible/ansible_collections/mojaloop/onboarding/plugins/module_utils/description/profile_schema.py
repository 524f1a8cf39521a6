# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile of one's own as values: every key of ``profiles/<name>.yml``, its kind and meaning. ``profile_file`` reads it."""

from __future__ import annotations

from ..document_steps import STEP_KEYS
from .model import EnvironmentKind
from .profile_rows import Holder
from .profiles import PROFILES
from .spec import Field, Many, Record, Table, Text, Whole
from .texts import NAME, RESOURCE, URL, choice

_LONGEST_LIFE = 7300
_LINE = Text("one line of 1 to 100 printable characters, without {{ {% {#", r"((?!\{[{%#])[^\u0000-\u001f\u007f-\u009f])+", longest=100)
_PLACE_OF_KEYS = Text("a path in which {organisation} and {client} stand for ids", r"[A-Za-z0-9{}._/-]+", longest=200)
_KEY_KINDS = tuple({kind: None for profile in PROFILES.values() for rule in profile.certificates for kind in rule.key_kinds})
_CHOICES = tuple({rule.key_choice: None for profile in PROFILES.values() for rule in profile.certificates})
_USAGES = tuple({usage: None for profile in PROFILES.values() for rule in profile.certificates for usage in rule.key_usage})
_EXTENDED = tuple({usage: None for profile in PROFILES.values() for rule in profile.certificates for usage in rule.extended_key_usage})

_SUBMISSION = Record(
    "How a person has a request signed in the directory.",
    (
        Field("location", _LINE, "Where in the directory.", required=True),
        Field("type", _LINE, "What type of certificate to choose there.", required=True),
        Field("jwks", _PLACE_OF_KEYS, "Its key set, below the directory's keystore.", required=True),
    ),
)
_CERTIFICATE = Record(
    "One certificate: another one beside those of the profile (with like), or what is tightened in one of them.",
    (
        Field("name", NAME, "Its name: that of a certificate of the profile, unless like is given.", required=True),
        Field("like", NAME, "A new certificate, in everything not said here like this one."),
        Field(
            "holder", choice(*(holder.value for holder in Holder)), "Who holds it; where the profile has a row for each, which is meant."
        ),
        Field("code", _LINE, "What the scheme's documents call it."),
        Field("purpose", _LINE, "What it proves."),
        Field("key_kinds", Many(choice(*_KEY_KINDS), least=1), "Kinds of keys: some of those that the profile allows."),
        Field("key_usage", Many(choice(*_USAGES), least=1), "Key usages: some of the profile's."),
        Field("extended_key_usage", Many(choice(*_EXTENDED)), "Extended key usages: some of the profile's."),
        Field("lifetime_days", Whole(1, _LONGEST_LIFE), "Days of validity: at most the profile's."),
        Field("renew_before_days", Whole(1, _LONGEST_LIFE), "Days before its end in which it is renewed."),
        Field("pins", Many(choice("OU", "CN")), "Parts of the subject by which a caller is known: at least the profile's."),
        Field("submission", _SUBMISSION, "Where the directory signs."),
    ),
)
_AUTHORITY = Record(
    "CA certificates made by the pack.",
    (
        Field("key_kinds", Many(choice(*_KEY_KINDS), least=1), "Kinds of keys: some of those that the profile allows."),
        Field("lifetime_days", Whole(1, _LONGEST_LIFE), "Days of validity: at most the profile's."),
        Field("renew_before_days", Whole(1, _LONGEST_LIFE), "Days before its end in which a successor is asked for."),
        Field("list_days", Whole(1, 30), "Days for which a revocation list is in force: at most the profile's."),
    ),
)
_ENVIRONMENT = Record(
    "One environment of the directory.",
    (
        Field("website", URL, "Where a person uploads requests.", required=True),
        Field("authorities", Many(URL, least=1, most=10), "Where its CA certificates are published.", required=True),
        Field("keystore", URL, "Where its key sets are published.", required=True),
        Field(
            "kinds", Many(choice(*(kind.value for kind in EnvironmentKind)), least=1), "The kinds of environments it is for.", required=True
        ),
    ),
)
_DIRECTORY = Record(
    "The scheme's directory, where the profile has one.",
    (
        Field("name", _LINE, "Its name.", required=True),
        Field("environments", Table(NAME, _ENVIRONMENT), "Its environments.", required=True),
    ),
)

PROFILE_FILE = Record(
    "profiles/<name>.yml: a scheme of one's own. It tightens the profile that it extends, and loosens nothing.",
    (
        Field("format", Whole(1, 1), "Version of the file's format.", required=True),
        Field("name", NAME, "Its name; the file is named after it.", required=True),
        Field("version", _LINE, "Version of the rules, as records of signatures name it.", default="1"),
        Field("extends", choice(*PROFILES), "The profile that it tightens.", required=True),
        Field("resources", Many(RESOURCE, least=1, most=50), "Resources that roles can name: some of the profile's."),
        Field(
            "keys",
            Record(
                "Kind of key by choice, where a side makes none.",
                tuple(Field(each, choice(*_KEY_KINDS), f"Keys of choice {each}.") for each in _CHOICES),
            ),
            "Kind of key where a side chooses none.",
            default={},
        ),
        Field("backdate_seconds", Whole(0, 300), "How far clocks may be apart: at most the profile's."),
        Field("authority", _AUTHORITY, "CA certificates made by the pack.", default={}),
        Field("certificates", Many(_CERTIFICATE, most=50), "Certificates that are added or tightened.", default=[]),
        Field("directory", _DIRECTORY, "The scheme's directory, where the profile has one."),
        Field("steps", Table(choice(*STEP_KEYS), _LINE), "The scheme's own titles of document steps.", default={}),
    ),
)
"""profiles/<name>.yml."""
