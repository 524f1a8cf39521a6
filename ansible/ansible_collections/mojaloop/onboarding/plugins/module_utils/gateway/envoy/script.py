# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an Envoy gateway judges a request: one script, the same for every gateway, in the order of ``policy.REFUSALS``.

Whose certificate, address, client and role it is comes as data with the routes (RDS), key by key, so that a request looks up its
own caller only, however many there are, and no value ever becomes code. Signatures are Envoy's ``jwt_authn``; what it verified is
in its metadata.

Threat: where a script fails, Envoy lets the request go on. So it lets no one in: it sets ``verdict``, and without that the only
route is a refusal. Clients cannot set such metadata.
"""

from __future__ import annotations

from .script_tokens import TOKENS

NAMESPACE = "mojaloop.onboarding"
"""Metadata of a request that the script sets, for routes and the log: ``verdict``, ``participant``, ``resource``, ``refused``."""

_COMMON = r"""
local NAMESPACE = "mojaloop.onboarding"

local function note(handle, key, value)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, key, value)
end

local known = { version = "", entries = {} }

-- What came with the routes. It is read once for each change and worker: reading it copies all of it. The route's name is its digest.
local function entries(handle)
  local version = handle:streamInfo():routeName()
  if version ~= known.version then
    local found = {}
    for key, value in pairs(handle:metadata()) do found[key] = value end
    known = { version = version, entries = found }
  end
  return known.entries
end

local function refuse(handle, reason)
  local answer = entries(handle)["refusal:" .. reason]
  note(handle, "refused", reason)
  local headers = {
    [":status"] = answer.status, ["content-type"] = "application/json",
    ["x-refused-by"] = "gateway", ["x-refused-because"] = reason,
  }
  if answer.status == "401" then headers["www-authenticate"] = 'Bearer error="invalid_token"' end
  handle:respond(headers, answer.body)
end

local function pass(handle, verdict)
  note(handle, "verdict", verdict)
  handle:clearRouteCache()
end

-- No answer opens a tunnel (RFC 9110 section 7.8); returns whether one would have.
local function tunnel_refused(handle)
  local headers = handle:headers()
  if headers:get(":status") ~= "101" then return false end
  note(handle, "refused", "upgrade-answered")
  headers:replace(":status", "502")
  headers:remove("upgrade")
  headers:replace("content-length", "0")
  return true
end

-- The header stands there exactly once and equals the value.
local function once(headers, name, value)
  return headers:getNumValues(name) == 1 and headers:get(name) == value
end

-- What another reader of the path may understand differently (RFC 3986 section 6.2.2; CWE-22).
local function suspicious(path)
  if not path:find("^/[%w/._~!$&()*+,=:@%%-]*$") or path:find("//", 1, true) then return true end
  for segment in path:gmatch("[^/]+") do
    if segment == "." or segment == ".." then return true end
  end
  for code in path:gmatch("%%(.?.?)") do
    code = code:lower()
    if not code:find("^%x%x$") or code:find("^[01]") then return true end
    if code == "2e" or code == "2f" or code == "5c" or code == "25" or code == "3b" or code == "7f" then return true end
  end
  return false
end
"""

INBOUND = (
    _COMMON
    + r"""
-- An address as lower-case hexadecimal digits: 8 for IPv4 (mapped IPv6 too), 32 for IPv6.
local function digits(place)
  local text = place:match("^%[?([^%]]*)%]?:%d+$") or ""
  local a, b, c, d = text:match("(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  local four = a and string.format("%02x%02x%02x%02x", a, b, c, d)
  if four and not text:find(":", 1, true) then return four end
  if four then text = text:gsub("%d+%.%d+%.%d+%.%d+$", four:sub(1, 4) .. ":" .. four:sub(5)) end
  local head, tail = text:match("^(.-)::(.*)$")
  local function groups(part)
    local found = ""
    for group in part:gmatch("%x+") do found = found .. ("0000" .. group:lower()):sub(-4) end
    return found
  end
  local left, right = groups(head or text), groups(tail or "")
  local full = left .. ("0"):rep(32 - #left - #right) .. right
  if #full ~= 32 then return "" end
  return full:match("^" .. ("0"):rep(20) .. "ffff(%x%x%x%x%x%x%x%x)$") or full
end

-- The prefix of this length that an address lies in, as digits/length.
local function prefix(address, length)
  local whole, rest = math.floor(length / 4), length % 4
  local kept = address:sub(1, whole)
  if rest > 0 then
    local unit = 2 ^ (4 - rest)
    kept = kept .. string.format("%x", math.floor(tonumber(address:sub(whole + 1, whole + 1), 16) / unit) * unit)
  end
  return kept .. ("0"):rep(#address - #kept) .. "/" .. length
end

-- Whether a participant may come from an address: one look for each length of its prefixes.
local function allowed(tables, participant, lengths, address)
  for _, length in ipairs(lengths) do
    if length <= 4 * #address and tables["allowed:" .. participant .. "|" .. prefix(address, length)] then return true end
  end
  return false
end
"""
    + TOKENS
    + r"""
local function permitted(caller, claims, resource)
  if not caller.roles[resource] then return false end
  if not claims then return true end
  return type(claims.scope) == "string" and (" " .. claims.scope .. " "):find(" " .. resource .. " ", 1, true) ~= nil
end

-- Headers in which a gateway speaks: copies from outside are removed. Envoy writes x-forwarded-proto itself, and finds no route without.
local function remove_owned(headers, facts)
  local gone = {}
  for name in pairs(headers) do
    local owned = facts.owned[name]
    for _, family in ipairs(facts.families) do owned = owned or name:sub(1, #family) == family end
    if owned and name ~= "x-forwarded-proto" then gone[#gone + 1] = name end
  end
  for _, name in ipairs(gone) do headers:remove(name) end
end

local function judge(handle)
  local tables, info, headers = entries(handle), handle:streamInfo(), handle:headers()
  local facts, tls = tables["facts"], info:downstreamSslConnection()
  local fingerprint = tls and tls:sha256PeerCertificateDigest() or ""
  local participant = tables["certificate:" .. fingerprint]
  if not participant then return "certificate-unknown" end
  note(handle, "participant", participant)
  local caller = tables["participant:" .. participant]
  local address = digits(info:downstreamRemoteAddress())
  if not (caller and allowed(tables, participant, caller.lengths, address)) then return "address-mismatch" end
  local url, method = headers:get(":path"), headers:get(":method")
  local path = url:match("^[^?]*")
  if suspicious(path) or path:sub(1, #facts.base + 1) ~= facts.base .. "/" then return "path-suspicious" end
  if not facts.methods[method] then return "method-unknown" end
  local uri = url:sub(#facts.base + 1)
  local resource = path:sub(#facts.base + 1):match("^/([^/]*)")
  note(handle, "resource", resource)
  remove_owned(headers, facts)
  if facts.token_path and method == "POST" and url == facts.token_path then
    local pem = tls:urlEncodedPemEncodedPeerCertificate():gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)
    headers:add("x-client-certificate", (pem:gsub("%-%-%-%-%-[%w ]+%-%-%-%-%-", ""):gsub("%s", "")))
    return nil, "authorization-server"
  end
  local name = facts.header
  local side = name == "fspiop-source" and "source" or "destination"
  if headers:getNumValues(name) == 0 then return side .. "-missing" end
  if not once(headers, name, facts.own or caller.source) then return side .. "-header" end
  if side == "destination" then return nil, "services" end
  if headers:getNumValues("fspiop-uri") > 0 and not once(headers, "fspiop-uri", uri) then return "uri-header" end
  if headers:getNumValues("fspiop-http-method") > 0 and not once(headers, "fspiop-http-method", method) then return "method-header" end
  local claims
  if facts.issuer then
    local reason
    reason, claims = against_token(handle, facts, fingerprint, participant)
    if reason then return reason end
  end
  if not permitted(caller, claims, resource) then return "role-missing" end
  return nil, "services"
end

function envoy_on_request(handle)
  local reason, verdict = judge(handle)
  if reason then refuse(handle, reason) else pass(handle, verdict) end
end

-- No service behind the gateway refuses in its name.
function envoy_on_response(handle)
  if tunnel_refused(handle) then return end
  local headers = handle:headers()
  for index = 0, headers:getNumValues("x-refused-by") - 1 do
    if ("," .. headers:getAtIndex("x-refused-by", index):lower():gsub("%s", "") .. ","):find(",gateway,", 1, true) then
      local refused = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
      if refused and refused.refused then return end
      headers:remove("x-refused-by")
      headers:remove("x-refused-because")
      return
    end
  end
end
"""
)

OUTBOUND = (
    _COMMON
    + r"""
local function choose(handle)
  local headers, tables = handle:headers(), entries(handle)
  if suspicious(headers:get(":path"):match("^[^?]*")) then return "path-suspicious" end
  local wanted = "*"
  local facts = tables["facts"]
  if facts.routed then
    wanted = headers:getNumValues(facts.header) == 1 and headers:get(facts.header) or ""
  end
  local destination = tables["destination:" .. wanted]
  if not destination then return "destination-unknown" end
  note(handle, "destination", destination)
  return nil, destination
end

function envoy_on_request(handle)
  local reason, destination = choose(handle)
  if reason then refuse(handle, reason) else pass(handle, destination) end
end

function envoy_on_response(handle)
  tunnel_refused(handle)
end
"""
)
