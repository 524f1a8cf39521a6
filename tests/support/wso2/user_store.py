# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's user store: the operations of RemoteUserStoreManagerService that are needed, by the names and order of its WSDL."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from .state import State, User

Fields = list[tuple[str, str]]
ORDER = {
    "isExistingUser": ["userName"],
    "isExistingRole": ["roleName"],
    "getRoleListOfUser": ["userName"],
    "addRole": ["roleName", "userList", "permissions"],
    "addUser": ["userName", "credential", "roleList", "claims", "profileName", "requirePasswordChange"],
    "updateCredentialByAdmin": ["userName", "newCredential"],
    "updateRoleListOfUser": ["userName", "deletedRoles", "newRoles"],
    "deleteUser": ["userName"],
}
READS = {"isExistingUser", "isExistingRole", "getRoleListOfUser"}
"""Operations that change nothing."""


class Fault(Exception):
    """A SOAP fault."""


def operation_of(kind: str) -> str:
    """The operation that a media type names, as SOAP 1.2 has it."""
    found = re.search(r'application/soap\+xml.*action="urn:(\w+)"', kind)
    return found.group(1) if found else ""


def carry_out(state: State, operation: str, body: str) -> tuple[int, str]:
    """Status and answer of a request."""
    order = ORDER.get(operation)
    inner = re.search(rf"<ser:{operation}>(.*)</ser:{operation}>", body, re.DOTALL)
    if order is None or inner is None:
        raise Fault(f"no such operation: {operation}")
    fields = [(name, html.unescape(text)) for name, text in re.findall(r"<ser:(\w+)>([^<]*)</ser:\1>", inner.group(1))]
    places = [order.index(name) if name in order else -1 for name, _ in fields]
    if places != sorted(places) or -1 in places:
        raise Fault(f"unexpected subelement in {operation}")
    found = _OPERATIONS[operation](state, fields)
    if found is None:
        return 202, ""
    answers = "".join(f"<ns:return>{html.escape(one)}</ns:return>" for one in found)
    name, space = f"ns:{operation}Response", "http://service.ws.um.carbon.wso2.org"
    return 200, _envelope(f'<{name} xmlns:ns="{space}">{answers}</{name}>')


def fault(reason: str) -> str:
    """The body of a fault."""
    return _envelope(f"<soapenv:Fault><soapenv:Reason><soapenv:Text>{html.escape(reason)}</soapenv:Text></soapenv:Reason></soapenv:Fault>")


def _envelope(inner: str) -> str:
    return (
        f'<soapenv:Envelope xmlns:soapenv="http://www.w3.org/2003/05/soap-envelope"><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>'
    )


def _one(fields: Fields, name: str) -> str:
    return next(value for each, value in fields if each == name)


def _all(fields: Fields, name: str) -> set[str]:
    return {value for each, value in fields if each == name}


def _user(state: State, fields: Fields) -> User:
    found = state.users.get(_one(fields, "userName"))
    if not found:
        raise Fault("UserNotFound: the user does not exist")
    return found


def _add_user(state: State, fields: Fields) -> None:
    name, password, roles = _one(fields, "userName"), _one(fields, "credential"), _all(fields, "roleList")
    if name in state.users:
        raise Fault("UserAlreadyExisting: the user exists")
    if not re.fullmatch(r"[a-zA-Z0-9._|//-]{3,30}", name) or not re.fullmatch(r"\S{5,30}", password):
        raise Fault("the name or the password is not as the user store asks for")
    if roles - state.roles:
        raise Fault(f"roles do not exist: {sorted(roles - state.roles)}")
    state.users[name] = User(password, roles)


def _change_roles(state: State, fields: Fields) -> None:
    new = _all(fields, "newRoles")
    if new - state.roles:
        raise Fault("roles do not exist")
    found = _user(state, fields)
    found.roles = (found.roles - _all(fields, "deletedRoles")) | new


def _add_role(state: State, fields: Fields) -> None:
    name = _one(fields, "roleName")
    if name in state.roles:
        raise Fault("RoleExisting: the role exists")
    state.roles.add(name)


def _set_password(state: State, fields: Fields) -> None:
    _user(state, fields).password = _one(fields, "newCredential")


def _delete_user(state: State, fields: Fields) -> None:
    _user(state, fields)
    del state.users[_one(fields, "userName")]


def _roles_of(state: State, fields: Fields) -> list[str]:
    found = state.users.get(_one(fields, "userName"))
    return sorted((found.roles if found else set()) | {"Internal/everyone"})


def _word(*, flag: bool) -> list[str]:
    return ["true" if flag else "false"]


_OPERATIONS: dict[str, Callable[[State, Fields], list[str] | None]] = {
    "isExistingUser": lambda state, fields: _word(flag=_one(fields, "userName") in state.users),
    "isExistingRole": lambda state, fields: _word(flag=_one(fields, "roleName") in state.roles),
    "getRoleListOfUser": _roles_of,
    "addRole": _add_role,
    "addUser": _add_user,
    "updateCredentialByAdmin": _set_password,
    "updateRoleListOfUser": _change_roles,
    "deleteUser": _delete_user,
}
