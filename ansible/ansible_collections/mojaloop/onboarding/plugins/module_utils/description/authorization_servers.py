# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorization servers that a description can name: see ``systems``."""

from __future__ import annotations

from dataclasses import dataclass

from .model import AuthorizationServer, KeycloakServer
from .spec import Field, Flag, Many, Record, Text, Variant, Whole
from .texts import AUDIENCE, FILE, HOST, INTERNAL_URL, NAME, URL, choice


@dataclass(frozen=True)
class Publication:
    """An API (``name:version``) that is published at WSO2: where it is, and the backend behind it."""

    api: str
    context: str
    endpoint: str
    vhost: str
    gateway: str = "Default"
    """WSO2's name of the gateway environment."""
    gateway_url: str = ""
    health: str = ""
    """A path that anybody may GET; with ``gateway_url`` each run proves by it that the gateway reaches the backend."""
    mutual_tls: bool = False
    """Whether WSO2 itself checks participants' client certificates; else the gateway in front of it does."""


@dataclass(frozen=True)
class EndpointCertificate:
    """What WSO2's gateways trust an endpoint by."""

    alias: str
    endpoint: str
    certificate_file: str


@dataclass(frozen=True, kw_only=True)
class Wso2Server(AuthorizationServer):
    """WSO2 API Manager. ``admin_user`` administers accounts, applications and APIs, with the password in ``admin_password_file``."""

    version: str
    admin_url: str
    admin_user: str
    admin_password_file: str
    apis: tuple[str, ...]
    """What participants subscribe to, each ``name:version``."""
    user_store_url: str = ""
    """Empty: ``admin_url``."""
    throttling_policy: str = "Unlimited"
    key_manager: str = "Resident Key Manager"
    publish: tuple[Publication, ...] = ()
    endpoint_certificates: tuple[EndpointCertificate, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """See the base."""
        return (*super().urls, self.admin_url, *([self.user_store_url] if self.user_store_url else []))

    @property
    def registry_url(self) -> str:
        """See the base."""
        return f"{self.base_url}/devportal"

    @property
    def base_url(self) -> str:
        """What the paths of its APIs are appended to."""
        return self.admin_url.rstrip("/")


_API = Text("<name>:<version>", r"[A-Za-z0-9][A-Za-z0-9_.-]*:[A-Za-z0-9][A-Za-z0-9_.-]*", longest=110)
_WSO2_NAME = Text("a name", r"[A-Za-z0-9][A-Za-z0-9 _.-]*", longest=60)
_WSO2_USER = Text("a user", r"[A-Za-z0-9][A-Za-z0-9_.@/-]*", longest=60)

_PATH = Text("/<path>", r"/[A-Za-z0-9_-][A-Za-z0-9_./-]*", longest=200)
_PUBLICATION = Record(
    "An API with one operation for each API resource and verb.",
    (
        Field("api", _API, "Its name and version.", required=True),
        Field("context", _PATH, "Its path at WSO2's gateway, before the version.", required=True),
        Field("endpoint", INTERNAL_URL, "The backend; of callbacks, the hub's outbound gateway.", required=True),
        Field("vhost", HOST, "The host name of WSO2's gateway.", required=True),
        Field("gateway", _WSO2_NAME, "WSO2's name of the gateway environment.", default=Publication.gateway),
        Field("gateway_url", URL, "Where its gateway is, for the proof by health."),
        Field("health", _PATH, "A path that anybody may GET, by which each run proves that the gateway reaches the backend."),
        Field("mutual_tls", Flag(), "Whether WSO2 checks participants' client certificates itself.", default=Publication.mutual_tls),
    ),
)
_ENDPOINT_CERTIFICATE = Record(
    "What WSO2's gateways trust an endpoint by; loaded by their timer.",
    (
        Field("alias", Text("1 to 30 letters, digits and . _ -", r"[A-Za-z0-9._-]{1,30}", longest=30), "Its name at WSO2.", required=True),
        Field("endpoint", INTERNAL_URL, "The endpoint.", required=True),
        Field("certificate_file", FILE, "Certificate of the endpoint or its CA (PEM).", required=True),
    ),
)

AUTHORIZATION_SERVER = Variant(
    "The OAuth authorization server.",
    by="kind",
    of={
        "rfc7591": Record(
            "Any server with dynamic client registration (RFC 7591) and its management (RFC 7592).",
            (
                Field("registration_url", URL, "Client registration endpoint.", required=True),
                Field("initial_access_token_file", FILE, "File with the token that permits registration.", required=True),
            ),
        ),
        "keycloak": Record(
            "A realm of Keycloak 26 or later, by its admin REST API.",
            (
                Field("admin_url", URL, "Where its admin API is, without /admin.", required=True),
                Field("admin_client_id", AUDIENCE, "The client that administers the realm.", required=True),
                Field("admin_secret_file", FILE, "File with the secret of that client.", required=True),
                Field("admin_realm", NAME, "Realm of that client, where it is another one, such as master."),
                Field("realm", NAME, "Realm of the participants' clients; made where it is missing.", default=KeycloakServer.realm),
                Field(
                    "resource_client",
                    NAME,
                    "The client whose roles are the API's resources.",
                    default=KeycloakServer.resource_client,
                ),
            ),
        ),
        "wso2": Record(
            "WSO2 API Manager: an account, an application and subscriptions for each participant.",
            (
                Field("version", choice("4.2", "2.6"), "4.2: API Manager 4.2 or later. 2.6: with IS-KM.", required=True),
                Field("admin_url", URL, "Where its management APIs are: https://<host>:9443.", required=True),
                Field("user_store_url", URL, "Where its user store is, if elsewhere: IS-KM's management URL."),
                Field("admin_user", _WSO2_USER, "The user that administers it.", required=True),
                Field("admin_password_file", FILE, "File with the password of that user.", required=True),
                Field("apis", Many(_API, least=1, most=50), "The APIs that participants subscribe to.", required=True),
                Field(
                    "throttling_policy",
                    _WSO2_NAME,
                    "Policy of applications and subscriptions.",
                    default=Wso2Server.throttling_policy,
                ),
                Field("publish", Many(_PUBLICATION, most=50), "APIs that are published there.", default=[]),
                Field("endpoint_certificates", Many(_ENDPOINT_CERTIFICATE, most=200), "Certificates of endpoints.", default=[]),
                Field("key_manager", _WSO2_NAME, "The key manager that issues tokens.", default=Wso2Server.key_manager),
            ),
        ),
    },
    common=(
        Field("issuer", URL, "Its issuer identifier, letter by letter.", required=True),
        Field("token_endpoint", URL, "Token endpoint, as the hub's gateway reaches it.", required=True),
        Field("jwks_url", URL, "Its signing keys.", required=True),
        Field("audience", AUDIENCE, "Audience that access tokens must name.", required=True),
        Field("ca_file", FILE, "CA certificates that verify its TLS certificate (PEM).", required=True),
        Field(
            "certificate_bound_tokens",
            Flag(),
            "Whether tokens are bound to the client certificate (RFC 8705).",
            default=AuthorizationServer.certificate_bound_tokens,
        ),
        Field(
            "client_certificate",
            choice("header", "tls"),
            "How the server gets a caller's certificate. header: participants ask for tokens at the hub's gateway, which passes it on as "
            "x-client-certificate (the server takes that header from the gateway only). tls: they ask at token_endpoint, where TLS ends.",
            default=AuthorizationServer.client_certificate,
        ),
        Field("client_days", Whole(1, 3650), "Days after which a participant's client is replaced; never by age where absent."),
        Field(
            "client_overlap_days",
            Whole(0, 365),
            "Days for which the earlier client still works after the new credentials were handed over; 0 ends it in that run.",
            default=AuthorizationServer.client_overlap_days,
        ),
    ),
)
