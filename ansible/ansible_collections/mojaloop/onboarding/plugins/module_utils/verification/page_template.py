# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evidence page's look: one HTML text for Jinja, as a Python value because only Python files travel with a module."""

from __future__ import annotations

STYLE = """
:root{--ink:#1c2733;--soft:#5b6b7c;--line:#dde4ea;--paper:#fff;--ground:#f3f6f8;--head:#12314a;
--passed:#14713d;--passed-bg:#e4f4ea;--failed:#a81c26;--failed-bg:#fbe6e7;--error:#8f5200;--error-bg:#fdf0dc;
--open:#5b6b7c;--open-bg:#eceff2}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
header{background:var(--head);color:#fff;padding:26px 0 30px}
.wide{max-width:1300px;margin:0 auto;padding:0 28px}
.over{text-transform:uppercase;letter-spacing:.09em;font-size:12px;color:#a9c3d8;margin:0 0 4px}
h1{font-size:27px;margin:0;font-weight:650}
header .sub{margin:6px 0 0;color:#d3e1ec}
h2{font-size:18px;margin:36px 0 10px}
h3{font-size:15px;margin:22px 0 8px}
h3 small,h2 small{font-weight:400;color:var(--soft)}
.verdict{display:flex;gap:18px;align-items:center;background:var(--paper);border:1px solid var(--line);border-left:8px solid var(--open);
border-radius:8px;padding:18px 22px;margin-top:-14px;box-shadow:0 1px 3px #12314a1f}
.verdict .sign{font-size:34px;line-height:1}
.verdict b{font-size:18px;display:block}
.verdict.passed{border-left-color:var(--passed)}.verdict.passed .sign{color:var(--passed)}
.verdict.failed,.verdict.error{border-left-color:var(--failed)}.verdict.failed .sign,.verdict.error .sign{color:var(--failed)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:14px 0 0;padding:0;list-style:none}
.tiles li{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:12px 16px;color:var(--soft);font-size:13px}
.tiles b{display:block;font-size:25px;color:var(--ink);font-variant-numeric:tabular-nums}
.tiles .passed b{color:var(--passed)}.tiles .failed b{color:var(--failed)}.tiles .error b{color:var(--error)}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:5px 18px;margin:0;background:var(--paper);border:1px solid var(--line);
border-radius:8px;padding:14px 20px}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}
code,pre{font:12.5px/1.5 ui-monospace,"Cascadia Mono","DejaVu Sans Mono",Menlo,monospace}
.frame{overflow-x:auto;background:var(--paper);border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:6px 12px;border-top:1px solid var(--line);vertical-align:middle}
thead th{border-top:0;background:#f8fafb;font-size:13px;white-space:nowrap}
thead small{display:block;font-weight:400;color:var(--soft)}
tbody th{font-weight:400;min-width:230px}
table{font-size:14px}
td{width:1%;min-width:130px}
.mark{display:inline-block;border-radius:5px;padding:2px 8px;font-size:12.5px;text-decoration:none;white-space:nowrap}
.mark small{opacity:.8}
td .mark small{display:block;line-height:1.25}
.passed>.mark,.mark.passed{background:var(--passed-bg);color:var(--passed)}
.mark.failed{background:var(--failed-bg);color:var(--failed);font-weight:650}
.mark.error{background:var(--error-bg);color:var(--error);font-weight:650}
.mark.open{background:var(--open-bg);color:var(--open)}
a.mark:hover,a.mark:focus{outline:2px solid currentColor}
.legend{color:var(--soft);font-size:13px;margin:8px 2px}
details{background:var(--paper);border:1px solid var(--line);border-radius:6px;margin:5px 0}
summary{display:flex;gap:12px;align-items:baseline;padding:7px 12px;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:"\\25B8";color:var(--soft)}
details[open]>summary::before{content:"\\25BE"}
summary .what{flex:1}
summary .seen{color:var(--soft);font-size:13px;text-align:right}
.inside{padding:4px 16px 14px;border-top:1px solid var(--line)}
.inside:target{background:#fffbe8}
.inside dl.facts{border:0;padding:8px 0;background:none}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:14px}
.pair h4{margin:8px 0 4px;font-size:13px;color:var(--soft);font-weight:600}
pre{margin:0;background:#0f2231;color:#dbe7f0;border-radius:6px;padding:12px 14px;white-space:pre-wrap;overflow-wrap:anywhere;
max-height:420px;overflow-y:auto}
footer{color:var(--soft);font-size:13px;padding:34px 0 46px}
@media print{body{background:#fff}header{background:none;color:#000;padding:0}.over,header .sub{color:#444}details{break-inside:avoid}
pre{max-height:none;background:#fff;color:#000;border:1px solid #999}details::details-content{content-visibility:visible;block-size:auto}}
"""

TEMPLATE = """\
{% macro mark(case, link=false) -%}
{% set words = {"passed": "&#10003; refused"|safe if case.control else "&#10003; accepted"|safe, "failed": "&#10007; failed"|safe,
                "error": "! error", "not-provable-from-here": "not provable"} -%}
{% set look = "open" if case.verdict not in ("passed", "failed", "error") else case.verdict -%}
{% if link %}<a class="mark {{ look }}" href="#case-{{ case.number }}">{% else %}<span class="mark {{ look }}">{% endif -%}
{{ words.get(case.verdict, case.verdict) }}
{%- if link and case.refuser and case.verdict == "passed" %} <small>{{ case.refuser }}</small>{% endif -%}
{% if link %}</a>{% else %}</span>{% endif %}
{%- endmacro -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Verification of {{ kept.environment }}, {{ when }}</title>
<style>{{ style }}</style>
</head>
<body>
<header><div class="wide">
<p class="over">Evidence of verification</p>
<h1>{{ kept.hub }} &middot; environment {{ kept.environment }}</h1>
<p class="sub">{{ when }} &middot; profile {{ kept.profile }}</p>
</div></header>
<main class="wide">
<div class="verdict {{ verdict }}"><span class="sign">{{ {"passed": "&#10003;", "open": "&#9675;"}.get(verdict, "&#10007;")|safe }}</span>
<div><b>{{ sentence }}</b>
{% if numbers.sent %}The transcripts below are of requests that were really sent
{%- if numbers.open %}; {{ numbers.open }} of {{ kept.cases|length }} cases were not tried, and each says why{% endif %}.
A refusal counts only beside its control: the same attempt with the one wrong fact made right, accepted.
{%- else %}No request was sent.{% endif %}
{% if kept.left_out %} This run was not about {{ kept.left_out|join(", ") }}.{% endif %}</div></div>
<ul class="tiles">
<li><b>{{ kept.cases|length }}</b>cases</li>
<li class="passed"><b>{{ numbers.passed }}</b>as expected</li>
<li class="passed"><b>{{ numbers.pairs }}</b>refusals beside their control</li>
<li class="{{ 'failed' if numbers.failed }}"><b>{{ numbers.failed }}</b>failed</li>
<li class="{{ 'error' if numbers.error }}"><b>{{ numbers.error }}</b>errors: nothing proved</li>
<li><b>{{ numbers.open }}</b>not provable from here</li>
</ul>

<h2>What was verified</h2>
<dl class="facts">
<dt>When</dt><dd>{{ when }}, in {{ "%.1f"|format(numbers.seconds) }} s of traffic</dd>
<dt>Description</dt><dd>SHA-256 <code>{{ kept.description }}</code></dd>
{% for name, good in kept.verdicts|dictsort if name in kept.participants %}
<dt>{{ name }}</dt><dd>{{ kept.participants[name] }} &middot;
{{ {true: "every listener that could be tried behaves as described" if open[name] else "every listener behaves as described",
    none: "nothing could be tried"}.get(good, "not everything behaves as described") }}
{%- if open[name] %}, {{ open[name] }} not provable from here{% endif %} &middot; material and description
SHA-256 <code>{{ kept.material.get(name, "") }}</code></dd>
{% endfor %}
</dl>

<h2>Matrix <small>a row for each case, a column for each participant; every mark leads to its transcript</small></h2>
<p class="legend"><span class="mark passed">&#10003; accepted</span> or
<span class="mark passed">&#10003; refused <small>by whom</small></span> as described &middot;
<span class="mark failed">&#10007; failed</span> the listener did something else &middot;
<span class="mark error">! error</span> nothing was proved &middot;
<span class="mark open">not provable</span> from where this run stood</p>
{% for table in tables %}
<h3>{{ table.direction|capitalize }}</h3>
<div class="frame"><table>
<thead><tr><th scope="col">Case</th>{% for name in table.participants %}
<th scope="col">{{ name }}<small>{{ kept.participants.get(name, "") }}</small></th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr><th scope="row">{{ row.title }}</th>{% for case in row.cells %}<td>{% if case %}{{ mark(case, true) }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}

<h2>Every case{% if numbers.sent %}, with what was sent and received{% else %}; nothing was sent{% endif %}</h2>
{% for table in tables %}{% for name in table.participants %}
<h3>{{ name }} <small>{{ table.direction }}</small></h3>
{% for case in table.cases if case.participant == name %}
<details><summary>{{ mark(case) }}<span class="what">{{ case.title }}</span><span class="seen">{{ case.seen }}</span></summary>
<div class="inside" id="case-{{ case.number }}">
<dl class="facts">
<dt>Case</dt><dd><code>{{ case.key }}</code></dd>
<dt>Expected</dt><dd>{{ case.expected }}</dd>
<dt>Seen</dt><dd>{{ case.seen or "nothing was tried" }}</dd>
{% if case.control %}<dt>Control</dt><dd>{{ case.control }}</dd>{% endif %}
{% if case.refuser %}<dt>Named by</dt><dd>{{ case.refuser }}</dd>{% endif %}
{% if case.detail %}<dt>Because</dt><dd>{{ case.detail }}</dd>{% endif %}
<dt>Took</dt><dd>{{ "%.3f"|format(case.seconds) }} s</dd>
</dl>
{% if case.get("series") %}{{ case.series|plot }}{% endif %}
<div class="pair">
{% if case.transcript %}
<div><h4>{{ "The attempt" if case.control else "The request" }}</h4><pre>{{ case.transcript|visible }}</pre></div>
{% endif %}
{% if case.control_transcript %}
<div><h4>Its control</h4><pre>{{ case.control_transcript|visible }}</pre></div>
{% endif %}
</div>
</div></details>
{% endfor %}{% endfor %}{% endfor %}
</main>
<footer><div class="wide">Made from the JSON evidence of the same name. Tokens, secrets and private keys are replaced by ***. This page
loads nothing and runs nothing.</div></footer>
</body>
</html>
"""
