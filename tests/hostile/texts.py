# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# ruff: noqa: E501, RUF001, S104 -- lists of texts
"""Texts that mean something to whatever they may end up in: templates, shells, configurations, paths, terminals."""

from __future__ import annotations

CANARY = "@CANARY@"
"""Where a text would leave a mark if it were executed: a test puts a path here."""

TEMPLATES = (
    "{{ lookup('pipe', 'touch @CANARY@') }}", "{% for x in [1] %}{{ x }}{% endfor %}", "{# comment #}", "{{ 7*7 }}", "{{ ''.__class__ }}",
    "!unsafe x", "$ANSIBLE_VAULT;1.1;AES256",
)  # fmt: skip
SHELL = ("$(touch @CANARY@)", "`touch @CANARY@`", "x; touch @CANARY@", "x|touch @CANARY@", "x && touch @CANARY@", "${IFS}", "-rf", "--help",
         "'x'", '"x"', "x\\", "~root", "*", "x > /tmp/x")  # fmt: skip
HAPROXY = ("x }\n  http-request allow", "x\n  server evil 192.0.2.66:80", "x # comment", "%[src]", "%[env(HOME)]", "x if TRUE", "x unless FALSE",
           "lua(x)", "zz,lower", "x|y", "x y")  # fmt: skip
NFT = ("x }; flush ruleset; table inet x {", "evil accept;", "jump evil", "@set", "x, 0.0.0.0/0", 'include "/etc/passwd"', 'x comment "y"')
YAML = ("!!python/object/apply:os.system ['touch @CANARY@']", "&a [*a]", "*a", "x: y", "- x", "? x", "| x", "> x", "x #y", "%YAML 1.1",
        "yes", "null", "~", "0x1f", "1e3", "2026-01-01", "[", "{", "---", "...", "<<")  # fmt: skip
PATHS = (
    "../x",
    "../../store/hub/ca/key",
    "/etc/passwd",
    ".",
    "..",
    "x/../y",
    "x/y",
    "C:\\x",
    "file:///etc/passwd",
    "x%2f..%2fy",
    "./x",
    "x.pem/..",
)
CONTROLS = ("x\ny", "x\ry", "x\ty", "x\0y", "x\x1b[2Jy", "x\x07y", "x\x7fy", "x\x85y", "x\u2028y", "\ufeffx", "x\u200by", "x\u00ady",
            "\u202ekbanneerg", "x\u2066y\u2069", "gr\u0435enbank", "ｇreenbank", "greenbank\u0301", "İx", "ß", "ſ", "\U000e0041x", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"))  # fmt: skip
NAMES = ("", " ", "x" * 31, "x" * 300, "x" * 70_000, "hub", "all", "managed", "localhost", "greenbank ", " greenbank", "GREENBANK", "green_bank",
         "1bank", "-bank", "_bank", "a", "*.example", "greenbank.evil.example", "CN=greenbank", "x+OU=evil", "x)(uid=*)", "' OR 1=1 --")  # fmt: skip

URLS = (
    "http://x.example", "file:///etc/passwd", "javascript:alert(1)", "https://user:pass@x.example", "https://x.example:0", "https://x.example:99999",
    "https://169.254.169.254/latest", "https://[::ffff:169.254.169.254]/", "https://0x7f.1/", "https://2130706433/", "https://017700000001/", "https://x.example/../../y",
    "https://x.example/%0d%0aHost:y", "https://x.example/\r\nX: y", "https://x.example/a;b", "https://x.example/a?b", "https://x.example/#b",
    "https://x.example/{{x}}", "https://x.example/$(id)", "https://x.example/a b", "https://x\u3002example/", "https://\u202ex.example/", "https://xn--/",
    "https://x.example\\@y.example/", "https://[fe80::1%25eth0]/", "https://x..example/", "https://-x.example/", "//x.example/", "x.example", "https://",
    "https://x.example/.git/", "https://x.example/a//b", "https://X.example/", "https://x.example./", "https://" + "a." * 300 + "example/",
)  # fmt: skip
ADDRESSES = (
    "0.0.0.0", "::", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "8000::/1", "203.0.0.0/8", "2001::/16", "203.0.113.41/24", "2001:db8::1/64", "203.0.113.041",
    "203.0.113.0x29", "3405803817", "203.0.113", "203.0.113.41/255.255.255.0", "203.0.113.41/33", "203.0.113.41/-1", "203.0.113.41/032", "203.0.113.41/",
    "/24", "203.0.113.41:443", "[2001:db8::1]:443", "[2001:db8::1]", "fe80::1%eth0", "fe80::1%$(id)", "::ffff:0:0/95", "::ffff:0.0.0.0/96", "224.0.0.1", "ff02::1",
    "255.255.255.255", "redbank.example", "203.0.113.41-203.0.113.50", "203.0.113.41, 0.0.0.0/0", "203.0.113.41 0.0.0.0/0", "203.0.113.41\n0.0.0.0/0",
    "203.0.113.41;", "!203.0.113.41", "@allowed", "any", "٢٠٣.0.113.41", "203。0。113。41", "203.0.113.41 ", "2001:db8:::1", "1:2:3:4:5:6:7:8:9", "g::1",
)  # fmt: skip

TEXTS = (*TEMPLATES, *SHELL, *HAPROXY, *NFT, *YAML, *PATHS, *CONTROLS, *NAMES)
"""What goes into any field."""
