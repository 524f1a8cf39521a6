# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Connection Manager 3.4.0, with the faults that were seen at the real one (each is named where it is)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .api import Call, Failure, Json, not_found, service_error, type_error
from .era3_certificates import Certificates, Dfsp, listed, one, shown, there

OPERATOR = "pta"
_UNDEFINED = "Cannot read properties of undefined (reading 'url')"


@dataclass
class Era3(Certificates):
    """The server."""

    def handlers(self) -> Mapping[str, Callable[[Call], Json]]:
        """See the base."""
        own, dfsp = "/dfsps/{dfspId}", self._dfsp
        enrollments = f"{own}/enrollments"
        return {
            "GET /health": lambda _call: {"status": "OK", "timestamp": _now(), "database": {"connected": True}},
            "GET /hub/ca": self._get_authority,
            "POST /hub/ca": self._make_authority,
            "PUT /hub/ca": self._import_authority,
            "GET /hub/endpoints": lambda _call: list(self.hub_items.values()),
            **{f"POST /hub/endpoints/{kind}": self._add_hub_endpoint for kind in ("ingress/ips", "ingress/urls", "egress/ips")},
            "DELETE /hub/endpoints/{epId}": self._delete_hub_endpoint,
            "POST /hub/servercerts": self._make_hub_server,
            "GET /hub/servercerts": lambda _call: there(self.hub_server),
            "GET /hub/jwscerts": lambda _call: there(self.jws.get(self.switch_id)),
            "POST /hub/jwscerts": lambda call: self._keep_jws(self.switch_id, call.body),
            "GET /dfsps": lambda _call: [{"id": name, **each.facts} for name, each in self.dfsps.items()],
            "POST /dfsps": self._add_dfsp,
            f"PUT {own}": self._change_dfsp,
            f"GET {own}/ca": lambda call: dfsp(call).authority or {"validations": [], "validationState": "NOT_AVAILABLE"},
            f"POST {own}/ca": self._keep_authority,
            f"GET {enrollments}/inbound": lambda call: listed(dfsp(call).inbound, call),
            f"POST {enrollments}/inbound": self._add_inbound,
            f"GET {enrollments}/inbound/{{enId}}": lambda call: one(dfsp(call).inbound, call),
            f"POST {enrollments}/inbound/{{enId}}/sign": self._sign,
            f"GET {enrollments}/outbound": lambda call: listed(dfsp(call).outbound, call),
            f"GET {enrollments}/outbound/{{enId}}": lambda call: shown(one(dfsp(call).outbound, call)),
            f"POST {enrollments}/outbound/csr": lambda call: shown(self._add_outbound(dfsp(call))),
            f"POST {enrollments}/outbound/{{enId}}/certificate": self._keep_outbound,
            f"POST {enrollments}/outbound/{{enId}}/validate": self._validate_outbound,
            f"POST {own}/onboard": self._onboard,
            f"GET {own}/endpoints": lambda call: list(dfsp(call).items.values()),
            f"GET {own}/endpoints/unprocessed": lambda call: [each for each in dfsp(call).items.values() if each["state"] == "NEW"],
            **{f"POST {own}/endpoints/{kind}": self._add_item for kind in ("ingress/ips", "ingress/urls", "egress/ips")},
            f"DELETE {own}/endpoints/{{epId}}": self._delete_item,
            f"POST {own}/endpoints/{{epId}}/confirmation": self._confirm,
            f"GET {own}/endpoints/ingress": lambda call: _newest(dfsp(call).ingress),
            f"POST {own}/endpoints/ingress": lambda call: self._append(dfsp(call).ingress, call, "INGRESS"),
            f"GET {own}/endpoints/egress": lambda call: _newest(dfsp(call).egress),
            f"POST {own}/endpoints/egress": lambda call: self._append(dfsp(call).egress, call, "EGRESS"),
            f"GET {own}/servercerts": lambda call: there(dfsp(call).server),
            **{f"{method} {own}/servercerts": self._keep_server for method in ("POST", "PUT")},
            f"GET {own}/jwscerts": lambda call: there(self.jws.get(call.params["dfspId"])),
            f"POST {own}/jwscerts": self._keep_own_jws,
            "GET /dfsps/jwscerts": lambda _call: list({**self.jws, **self.external}.values()),
            "POST /external-dfsps/jwscerts": self._keep_external,
            f"GET {own}/credentials": self._credentials,
            f"POST {own}/credentials": self._make_credentials,
            f"POST {own}/states": self._keep_states,
            f"GET {own}/status": lambda _call: {"phases": []},
        }

    def authenticate(self, template: str, headers: Mapping[str, str]) -> frozenset[str] | None:
        """Every refusal is 401, and a path with a DFSP checks its group alone."""
        if not self.tokens or template == "/health" or template.endswith("/states"):
            return None
        roles = self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if roles is None:
            reported = "Authentication required"
            raise Failure(401, {"message": reported, "errors": [{"path": f"/api{template}", "message": reported}]})
        return roles

    def _allowed(self, call: Call) -> None:
        if call.roles is None or OPERATOR in call.roles:
            return
        dfsp = call.params.get("dfspId")
        needed = self.contract.operation(call.method, call.template) or {}
        named = set(needed.get("roles", []))
        if f"DFSP:{dfsp}" in call.roles or (dfsp is None and (call.roles & named or named & {"everyone", "dfsp"})):
            return
        raise Failure(401, {"message": f"user does not have the required roles {', '.join(needed.get('roles', []))}", "errors": []})

    def unknown_path(self, method: str, path: str) -> Failure:  # noqa: ARG002 -- as in the base
        """See the base."""
        return Failure(404, {"message": "not found", "errors": [{"path": path, "message": "not found"}]})

    def refuse_body(self, faults: list[str]) -> Failure | None:
        """The OpenAPI validator: the shape S3."""
        errors = [{"path": f".body.{fault}", "message": fault, "errorCode": "required.openapi.validation"} for fault in faults]
        return Failure(400, {"message": f"request.body {faults[0]}", "errors": errors})

    def _carried_out(self, call: Call) -> tuple[int, Json]:
        self._allowed(call)
        return super()._carried_out(call)

    def _add_hub_endpoint(self, call: Call) -> Json:
        """D1: the row is there, and the answer is 500 all the same."""
        item = self._item(call)
        self.hub_items[item["id"]] = item
        raise type_error("values in where clause must not be object or array.")

    def _delete_hub_endpoint(self, call: Call) -> Json:
        if self.hub_items.pop(int(call.params["epId"]), None) is None:
            raise not_found()
        return 204, None

    def _item(self, call: Call) -> dict[str, Json]:
        kind = "URL" if call.template.endswith("urls") else "IP"
        direction = "INGRESS" if "ingress" in call.template else "EGRESS"
        if kind == "URL" and not re.match(r"https?://[^/]+", str(call.body["value"].get("url"))):
            raise service_error(400, "ValidationError", "URL invalid")
        return {"id": next(self.ids), "state": "NEW", "type": kind, "direction": direction, "value": call.body["value"]}

    def _add_dfsp(self, call: Call) -> Json:
        """D4: not atomic. A duplicate is 500 with the statement in it."""
        name, facts = call.body["dfspId"], {key: value for key, value in call.body.items() if key != "dfspId"}
        if name in self.dfsps:
            statement = f"insert into `dfsps` (`dfsp_id`) values ('{name}', '{facts.get('name')}')"  # noqa: S608 -- no database
            raise service_error(500, "InternalError", f"{statement} - Duplicate entry '{name}' for key 'dfsps.dfsp_id'")
        self.dfsps[name] = Dfsp(len(self.dfsps) + 1, facts)
        self._needs_vault()
        self._add_outbound(self.dfsps[name])
        return {"id": name}

    def _credentials(self, call: Call) -> Json:
        self._dfsp(call)
        found = self.clients_of_dfsps.get(call.params["dfspId"])
        if found is None:
            raise Failure(404, {"code": 404, "message": "Credentials not found"})
        return found

    def _make_credentials(self, call: Call) -> Json:
        """Another secret at every call: the one before is of no use any more."""
        self._dfsp(call)
        name, number = call.params["dfspId"], next(self.ids)
        self.clients_of_dfsps[name] = {"clientId": f"{name}-client", "clientSecret": f"secret-{number}", "createdAt": _now()}
        return 201, self.clients_of_dfsps[name]

    def _change_dfsp(self, call: Call) -> Json:
        found = self._dfsp(call)
        found.facts |= call.body
        return {"dfspId": call.params["dfspId"], **found.facts}

    def _onboard(self, call: Call) -> Json:
        """D12: 500 before the hub's certificate is signed, and before there is an egress list."""
        found, name = self._dfsp(call), call.params["dfspId"]
        signed = [each for _number, each in sorted(found.outbound.items()) if each["state"] == "CERT_SIGNED"]
        if not signed or not found.ingress:
            raise type_error(_UNDEFINED)
        if not found.egress:
            raise service_error(500, "InternalError", "missing data fields")
        host = str(found.ingress[-1]["url"]).partition("://")[2].partition("/")[0]
        authorities = "\n".join(found.authority.get(member) or "" for member in ("intermediateChain", "rootCertificate"))
        chain = f"{signed[-1]['certificate']}\n{authorities}"
        bundle = {
            "ca_bundle": authorities,
            "client_key": signed[-1]["key"],
            "client_cert_chain": chain,
            "fqdn": host.partition(":")[0],
            "host": name,
            "currency_code": found.facts.get("monetaryZoneId", ""),
            "fxpCurrencies": "",
            "isProxy": bool(found.facts.get("isProxy")),
        }
        self.bundles[name] = bundle
        self.on_onboard(name, bundle)
        return 200, {}

    def _add_item(self, call: Call) -> Json:
        item = self._item(call)
        self._dfsp(call).items[item["id"]] = item
        return item

    def _delete_item(self, call: Call) -> Json:
        """D11: whosever it is."""
        for each in self.dfsps.values():
            if each.items.pop(int(call.params["epId"]), None):
                return 204, None
        raise not_found()

    def _confirm(self, call: Call) -> Json:
        item = self._dfsp(call).items.get(int(call.params["epId"]))
        if item is None:
            raise Failure(500, {"payload": "Error", "message": "0"})
        item["state"] = "CONFIRMED"
        return item

    def _keep_own_jws(self, call: Call) -> Json:
        self._dfsp(call)
        return self._keep_jws(call.params["dfspId"], call.body)

    def _append(self, kept: list[dict[str, Json]], call: Call, direction: str) -> Json:
        """Not looked at any further: any text is a URL."""
        kept.append({"id": next(self.ids), "direction": direction, "state": "NEW", **call.body})
        return kept[-1]

    def _keep_states(self, call: Call) -> Json:
        found = self.dfsps.get(call.params["dfspId"])
        if found is None:
            raise not_found()
        found.states |= call.body
        return {"code": 200}


def _newest(found: list[dict[str, Json]]) -> Json:
    return there(found[-1] if found else None)


def _now() -> str:
    return datetime.now(UTC).isoformat()
