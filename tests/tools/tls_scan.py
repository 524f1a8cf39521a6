# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge a TLS server by Mozilla's intermediate profile with sslyze; prints one JSON object.

``issues`` maps what the profile complains of to
sslyze's words (empty when the server complies), ``suites`` lists what was accepted. sslyze has an environment of its own
(``make scanner``): it needs an older release of the cryptography library than this project.
"""

from __future__ import annotations

import argparse
import json
import socket
from pathlib import Path
from typing import Any

from sslyze import (
    CertificateInfoExtraArgument,
    ClientAuthenticationCredentials,
    ScanCommandsExtraArguments,
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
)
from sslyze.mozilla_tls_profile.tls_config_checker import (
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)

VERSIONS = ("tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3")


def main() -> None:
    """Scan and print."""
    arguments = _arguments()
    if arguments.source:
        _speak_from(arguments.source)
    location = ServerNetworkLocation(hostname=arguments.name, port=arguments.port, ip_address=arguments.host)
    extra = ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(custom_ca_file=arguments.authority))
    own = ClientAuthenticationCredentials(certificate_chain_path=arguments.certificate, key_path=arguments.key)
    configuration = ServerNetworkConfiguration(arguments.name, tls_client_auth_credentials=own, network_timeout=20)
    scanner = Scanner(per_server_concurrent_connections_limit=2)
    scanner.queue_scans([ServerScanRequest(location, network_configuration=configuration, scan_commands_extra_arguments=extra)])
    (result,) = scanner.get_results()
    if result.connectivity_error_trace:
        raise SystemExit("".join(result.connectivity_error_trace.format()))
    print(json.dumps({"issues": _issues(result), "suites": _suites(result)}))  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judge a TLS server by Mozilla's intermediate profile.")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("name", help="as its certificate has it")
    for name, words in {
        "authority": "the CA that signed the server's certificate",
        "certificate": "of a client that the server lets in: some weaknesses show on complete connections only",
        "key": "of that client",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=words)
    parser.add_argument("--source", help="the address to come from")
    return parser.parse_args()


def _speak_from(address: str) -> None:
    """The firewall before a listener lets certain addresses in; sslyze has no option for that."""
    plain = socket.create_connection

    def bound(place: tuple[str, int], timeout: float | None = None) -> socket.socket:
        return plain(place, timeout=timeout, source_address=(address.strip("[]"), 0))

    socket.create_connection = bound  # type: ignore[assignment]


def _issues(result: Any) -> dict[str, str]:  # noqa: ANN401 -- sslyze is not there when this is type-checked
    try:
        check_server_against_tls_configuration(result, MozillaTlsConfiguration.get(TlsConfigurationEnum.MOZILLA_INTERMEDIATE))
    except ServerNotCompliantWithTlsConfiguration as error:
        return dict(error.issues)
    return {}


def _suites(result: Any) -> list[str]:  # noqa: ANN401
    found = [getattr(result.scan_result, f"{version}_cipher_suites").result.accepted_cipher_suites for version in VERSIONS]
    return sorted(suite.cipher_suite.name for accepted in found for suite in accepted)


if __name__ == "__main__":
    main()
