# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts and roles of WSO2's user store, by its SOAP service RemoteUserStoreManagerService: the same in 2.6 and 4.x.

API Manager has no SCIM of its own, and its REST APIs make no accounts. Answers are read as the texts of their ``return`` elements: no
XML parser sees them. Changes are answered with 202 and nothing; a refusal is a SOAP fault with 500.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ...remote.changes import Changes
from ...remote.http import Body

PATH = "/services/RemoteUserStoreManagerService.RemoteUserStoreManagerServiceHttpsSoap12Endpoint"
ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
SERVICE = "http://service.ws.um.carbon.wso2.org"
_RETURN = re.compile(r"<(?:[\w.-]+:)?return(?:\s[^<>]*)?>([^<>]*)</")

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class UserStore:
    """One user store. ``changes`` presents an administrator by Basic authentication."""

    changes: Changes
    base_url: str

    def has_user(self, name: str) -> bool:
        """Whether the account exists. Its roles do not tell: any name has the role Internal/everyone."""
        return self._asked("isExistingUser", "looking for an account", [("userName", name)]) == ["true"]

    def roles_of(self, name: str) -> set[str]:
        """The roles of an account."""
        return set(self._asked("getRoleListOfUser", "reading the roles of an account", [("userName", name)]))

    def has_role(self, name: str) -> bool:
        """Whether the role exists."""
        return self._asked("isExistingRole", "looking for a role", [("roleName", name)]) == ["true"]

    def add_role(self, name: str) -> None:
        """Make a role that no one has, without permissions."""
        self._changed("addRole", "making a role", [("roleName", name)])

    def add_user(self, name: str, password: str, roles: Iterable[str]) -> None:
        """Make an account."""
        given = [("roleList", role) for role in sorted(roles)]
        self._changed(
            "addUser", "making an account", [("userName", name), ("credential", password), *given, ("requirePasswordChange", "false")]
        )

    def set_password(self, name: str, password: str) -> None:
        """Replace the password of an account."""
        self._changed("updateCredentialByAdmin", "setting a password", [("userName", name), ("newCredential", password)])

    def change_roles(self, name: str, *, take: Iterable[str], give: Iterable[str]) -> None:
        """Take roles from an account, and give it others."""
        roles = [*(("deletedRoles", role) for role in sorted(take)), *(("newRoles", role) for role in sorted(give))]
        self._changed("updateRoleListOfUser", "changing the roles of an account", [("userName", name), *roles])

    def delete_user(self, name: str) -> None:
        """Delete an account; its applications stay."""
        self._changed("deleteUser", "deleting an account", [("userName", name)])

    def _asked(self, operation: str, why: str, fields: Fields) -> list[str]:
        answer = self.changes.query(self.base_url + PATH, why, _body(operation, fields))
        return [html.unescape(text) for text in _RETURN.findall(answer.body.decode("utf-8", "replace"))]

    def _changed(self, operation: str, why: str, fields: Fields) -> None:
        self.changes.write("POST", self.base_url + PATH, why, _body(operation, fields))


def _body(operation: str, fields: Fields) -> Body:
    inner = "".join(f"<ser:{name}>{escape(value)}</ser:{name}>" for name, value in fields)
    content = (
        f'<soap:Envelope xmlns:soap="{ENVELOPE}" xmlns:ser="{SERVICE}"><soap:Body><ser:{operation}>{inner}</ser:{operation}>'
        "</soap:Body></soap:Envelope>"
    )
    return Body(f'application/soap+xml; charset=UTF-8; action="urn:{operation}"', content.encode())
