# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of the script that judges a bearer token: what is in it, once ``jwt_authn`` has verified its signature.

Envoy reads tokens with a JSON reader of its own, and the services behind it with others. So what is judged is also looked at in
the text itself: no member that is judged may be there twice or be written with escapes.
"""

from __future__ import annotations

TOKENS = r"""
local JWT = "envoy.filters.http.jwt_authn"
local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local VALUES = {}
for index = 1, 64 do VALUES[ALPHABET:byte(index)] = index - 1 end

-- base64url without padding (RFC 7515 section 2); nil for anything else.
local function decoded(text)
  local found, bits, count = {}, 0, 0
  for index = 1, #text do
    local value = VALUES[text:byte(index)]
    if not value then return nil end
    bits, count = (bits % 4096) * 64 + value, count + 6
    if count >= 8 then
      count = count - 8
      found[#found + 1] = string.char(math.floor(bits / 2 ^ count) % 256)
    end
  end
  return table.concat(found)
end

local function thumbprint(handle, hexadecimal)
  local bytes = hexadecimal:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  return (handle:base64Escape(bytes):gsub("+", "-"):gsub("/", "_"):gsub("=", ""))
end

local function member(name) return '"' .. name .. '"%s*:%s*' end

-- Every reader of the token sees the same: no name that is judged twice or written with escapes, texts are texts.
local function ambiguous(text, names, texts)
  if text:find('\\u%x%x%x%x[^"\\]*"%s*:') then return true end
  for _, name in ipairs(names) do
    local _, count = text:gsub(member(name), "")
    if count > 1 then return true end
  end
  for _, name in ipairs(texts) do
    if text:find(member(name) .. '[^"%s]') then return true end
  end
  return false
end

-- Seconds since 1970 as a plain number (RFC 7519 section 2); nil for any other form.
local function seconds(text, name)
  local value = text:match(member(name) .. "([%d.]+)%s*[,}]")
  local whole = value and (value:match("^(%d+)$") or value:match("^(%d+)%.%d+$"))
  if not whole or #whole > 10 or (#whole > 1 and whole:sub(1, 1) == "0") then return nil end
  return tonumber(value)
end

local function listed(value, wanted, most)
  if type(value) == "string" then return value == wanted end
  if type(value) ~= "table" then return false end
  local found, count = false, 0
  for key, one in pairs(value) do
    if type(key) ~= "number" or type(one) ~= "string" then return false end
    found, count = found or (key <= most and one == wanted), count + 1
  end
  return found and count == #value
end

local function out_of_time(text, facts)
  local now, expires, begins = os.time(), seconds(text, "exp"), seconds(text, "nbf")
  if not expires or expires <= now then return "token-expired" end
  if text:find('"nbf"', 1, true) and not (begins and begins - now <= facts.leeway) then return "token-not-yet-valid" end
  return nil
end

-- What jwt_authn verified; nil and the reason where it did not.
local function verified(handle, facts, bearer)
  local first, second = bearer:match("^([^.]*)%.([^.]*)")
  local head, claims = decoded(first or bearer), decoded(second or "")
  if not head or ambiguous(head, { "alg", "kid" }, { "alg", "kid" }) then return nil, "token-malformed" end
  local algorithm = head:match(member("alg") .. '"([^"\\]*)"')
  if not (algorithm and facts.algorithms[algorithm]) or head:find('"crit"', 1, true) then return nil, "token-algorithm" end
  local kid = head:match(member("kid") .. '"([^"\\]*)"')
  if not (kid and facts.keys[kid]) then return nil, "token-key-unknown" end
  local known = handle:streamInfo():dynamicMetadata():get(JWT) or {}
  if known.claims then return known.claims, claims or "" end
  local why = known.failed and known.failed.message or "Jwt verification fails"
  if why == "Jwt verification fails" or not claims then return nil, "token-signature" end
  if ambiguous(claims, facts.claims, facts.texts) then return nil, "token-malformed" end
  return nil, out_of_time(claims, facts) or (why:find("[aud]", 1, true) and "token-audience") or "token-signature"
end

-- The reason against the token, or nil and its claims.
local function against_token(handle, facts, fingerprint, participant)
  local headers = handle:headers()
  local bearer = headers:getNumValues("authorization") == 1 and headers:get("authorization"):match("^[Bb]earer ([%w._~+/=-]+)$")
  if not bearer then return "token-missing" end
  local claims, text = verified(handle, facts, bearer)
  if not claims then return text end
  if ambiguous(text, facts.claims, facts.texts) then return "token-malformed" end
  local late = out_of_time(text, facts)
  if late then return late end
  if claims.iss ~= facts.issuer then return "token-issuer" end
  if not listed(claims.aud, facts.audience, facts.audiences) then return "token-audience" end
  if facts.bound then
    local bound = type(claims.cnf) == "table" and claims.cnf["x5t#S256"]
    if bound ~= thumbprint(handle, fingerprint) then return "token-binding" end
  end
  local client = claims.client_id
  if client == nil then client = claims.azp end
  if type(client) ~= "string" or entries(handle)["client:" .. client] ~= participant then return "token-client" end
  return nil, claims
end
"""
