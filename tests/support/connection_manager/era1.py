# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Connection Manager 1.7.8, with the faults that were seen at the real one (each is named where it is)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from .api import Call, Failure, Json, Text, service_error, type_error
from .era1_certificates import KINDS, Certificates, Environment, absent, dfsp_row

_PAGE = "<!DOCTYPE html><pre>{}<br> at /opt/app/server/src/index.js:42:11</pre>"


@dataclass
class Era1(Certificates):
    """The server. ``logins``: passwords and tokens by name; none: authentication is off."""

    logins: dict[str, tuple[str, str]] = field(default_factory=dict)

    def handlers(self) -> Mapping[str, Callable[[Call], Json]]:
        """See the base."""
        env, dfsp = "/environments/{envId}", "/environments/{envId}/dfsps/{dfspId}"
        hub = f"{env}/hub"
        return {
            "POST /login": self._login,
            "GET /environments": lambda _call: [one.row for one in self.environments.values()],
            "POST /environments": self._add_environment,
            "GET /monetaryzones": lambda _call: [{"monetaryZoneId": "USD", "name": "US Dollar", "description": ""}],
            f"POST {env}/cas": self._make_authority,
            f"GET {env}/ca/rootCert": self._root,
            f"POST {hub}/cas": self._add_hub_authority,
            f"GET {hub}/cas": lambda call: self.environment(call).hub_authorities,
            f"GET {hub}/endpoints": self._hub_items,
            **{f"POST {hub}/endpoints/{kind}": self._add_hub_item for kind in KINDS},
            f"DELETE {hub}/endpoints/{{epId}}": lambda call: self._delete(self.environment(call).hub_items, call),
            **self.singleton(f"{hub}/servercerts", lambda call: self.environment(call).hub_server, "serverCertificate"),
            f"GET {env}/dfsps": lambda call: [dfsp_row(one) for one in self._rows(call)],
            f"POST {env}/dfsps": self._add_dfsp,
            f"PUT {dfsp}": self._change_dfsp,
            f"GET {env}/dfsps/jwscerts": lambda call: [one.jws[0] for one in self.environment(call).dfsps.values() if one.jws],
            f"GET {dfsp}/ca": lambda call: self.dfsp(call).shown_authority,
            f"POST {dfsp}/ca": self.keep_authority,
            **self.enrollment_handlers(f"{dfsp}/enrollments"),
            f"GET {dfsp}/endpoints": lambda call: self.dfsp(call).items,
            f"GET {dfsp}/endpoints/unprocessed": lambda call: [one for one in self.dfsp(call).items if one["state"] == "NEW"],
            **{f"POST {dfsp}/endpoints/{kind}": self._add_item for kind in KINDS},
            f"PUT {dfsp}/endpoints/{{epId}}": self._change_item,
            f"DELETE {dfsp}/endpoints/{{epId}}": lambda call: self._delete(self.dfsp(call).items, call),
            f"POST {dfsp}/endpoints/{{epId}}/confirmation": self._confirm,
            **self.singleton(f"{dfsp}/servercerts", lambda call: self.dfsp(call).server, "serverCertificate"),
            **self.singleton(f"{dfsp}/jwscerts", lambda call: self.dfsp(call).jws, "jwsCertificate"),
            f"GET {dfsp}/status": lambda _call: [{"phase": "BUSINESS_ONBOARDING", "steps": []}],
        }

    def authenticate(self, template: str, headers: Mapping[str, str]) -> frozenset[str] | None:
        """401 as plain text without a token; the cookie is as good as the header."""
        if not self.tokens or not template.startswith("/environments"):
            return None
        cookie = re.search(r"MCM-API_ACCESS_TOKEN=([^;\s]+)", headers.get("cookie", ""))
        token = headers.get("authorization", "").removeprefix("Bearer ") or (cookie.group(1) if cookie else "")
        roles = self.tokens.get(token)
        if roles is None:
            raise Failure(401, Text("Unauthorized", "text/plain"))
        return roles

    def _carried_out(self, call: Call) -> tuple[int, Json]:
        needed = set((self.contract.operation(call.method, call.template) or {}).get("roles") or ["pta"])
        dfsp = call.params.get("dfspId")
        if call.roles is not None and "pta" not in call.roles:
            if not needed & {*call.roles, "everyone"}:
                raise Failure(403, _forbidden("user does not have the required roles"))
            if dfsp and dfsp not in self.environment(call).dfsps:
                raise Failure(500, Text(_PAGE.format("NotFoundError")))
            if dfsp and f"DFSP:{dfsp}" not in call.roles:
                raise Failure(403, _forbidden("user is not of this DFSP"))
        return super()._carried_out(call)

    def unknown_path(self, method: str, path: str) -> Failure:
        """See the base."""
        return Failure(404, Text(_PAGE.format(f"Cannot {method} {path}")))

    def refuse_body(self, faults: list[str]) -> Failure | None:
        """No one looks before the service does."""
        self.contract.violations += [f"a request {fault}" for fault in faults]
        return None

    def _login(self, call: Call) -> Json:
        if not self.logins:
            return {"ok": False, "token": {"payload": {}}}
        password, token = self.logins.get(call.body.get("username", ""), ("", ""))
        if not password or call.body.get("password") != password:
            raise Failure(401, {"message": "Authentication failed"})
        cookie = {"Set-Cookie": f"MCM-API_ACCESS_TOKEN={token}; Path=/; HttpOnly"}
        return 200, Text('{"ok": true, "token": {"payload": {}}}', "application/json", cookie)

    def _add_environment(self, call: Call) -> Json:
        """A5: the same name again is another environment."""
        name = call.body.get("name")
        if not name:
            raise service_error(500, "InternalError", "ER_NO_DEFAULT_FOR_FIELD: Field 'name' doesn't have a default value")
        made = Environment(len(self.environments) + 1, name, call.body.get("defaultDN") or {})
        self.environments[str(made.number)] = made
        return {"id": made.number, "name": name, "defaultDN": made.subject}

    def _found(self, call: Call) -> Environment | None:
        return self.environments.get(call.params["envId"])

    def _hub_items(self, call: Call) -> Json:
        found = self._found(call)
        return found.hub_items if found else []

    def _rows(self, call: Call) -> list[Json]:
        """A11: an environment that does not exist has no participants."""
        found = self._found(call)
        return list(found.dfsps.values()) if found else []

    def _add_dfsp(self, call: Call) -> Json:
        found, name = self._found(call), call.body.get("dfspId")
        if found is None:
            raise service_error(400, "ValidationError", "Invalid environment")
        if name in found.dfsps:
            statement = f"insert into `dfsps` (`dfsp_id`) values ('{name}')"  # noqa: S608 -- no database
            raise service_error(500, "InternalError", f"{statement} - ER_DUP_ENTRY: Duplicate entry '1-{name}' for key 'env_id'")
        self.add_dfsp(found, call.body)
        return {"id": name}

    def _change_dfsp(self, call: Call) -> Json:
        self.dfsp(call).facts |= call.body
        return {"dfspId": call.params["dfspId"], **self.dfsp(call).facts}

    def _item(self, call: Call) -> Json:
        """IPv4 alone; a port range the wrong way round is accepted."""
        kind, value = ("URL" if call.template.endswith("urls") else "IP"), (call.body or {}).get("value")
        if value is None:
            raise type_error("Cannot read property 'url' of undefined")
        if kind == "URL" and not re.match(r"https?://[^/]+", str(value.get("url"))):
            raise service_error(400, "ValidationError", f"No valid URL: {value.get('url')}")
        if kind == "IP":
            try:
                IPv4Network(value.get("address", ""), strict=False)
            except (AddressValueError, NetmaskValueError) as error:
                raise service_error(400, "ValidationError", f"Invalid IP: {value.get('address')}") from error
        direction = "INGRESS" if "ingress" in call.template else "EGRESS"
        return {"id": self.next_id(), "state": "NEW", "type": kind, "direction": direction, "value": value}

    def _add_hub_item(self, call: Call) -> Json:
        if self._found(call) is None:
            raise service_error(500, "InternalError", "insert into `hub_endpoint_items` - a foreign key constraint fails")
        self.environment(call).hub_items.append(self._item(call))
        return self.environment(call).hub_items[-1]

    def _add_item(self, call: Call) -> Json:
        self.dfsp(call).items.append(self._item(call))
        return self.dfsp(call).items[-1]

    def _change_item(self, call: Call) -> Json:
        """A confirmed item stays confirmed."""
        item = self._one(self.dfsp(call).items, call)
        item["value"] = call.body["value"]
        return item

    def _confirm(self, call: Call) -> Json:
        """A8: an unknown one is 500 with the text 0; A4: whosever it is."""
        everybody = [item for one in self.environment(call).dfsps.values() for item in one.items]
        found = next((one for one in everybody if str(one["id"]) == call.params["epId"]), None)
        if found is None:
            raise Failure(500, {"payload": "Error", "message": "0"})
        found["state"] = "CONFIRMED"
        return found

    def _one(self, kept: list[Json], call: Call) -> Json:
        return next((one for one in kept if str(one["id"]) == call.params["epId"]), None) or absent(call.params["epId"])

    def _delete(self, kept: list[Json], call: Call) -> Json:
        kept.remove(self._one(kept, call))
        return 204, None


def _forbidden(why: str) -> Text:
    return Text(_PAGE.format("Error: Forbidden"), headers={"X-AUTH-ERROR": why})
