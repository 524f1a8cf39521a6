# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""WSO2 as a description names it."""

from __future__ import annotations

from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.authorization_servers import (
    EndpointCertificate,
    Publication,
    Wso2Server,
)

WSO2 = """    kind: wso2
    version: "4.2"
    admin_url: https://apim.switch.example:9443
    admin_user: admin
    admin_password_file: "{state}/apim.password"
    apis: [FSPIOP:1.1]
    certificate_bound_tokens: false
    publish:
      - {api: FSPIOP:1.1, context: /fspiop, endpoint: https://10.1.0.30:8443/api, vhost: gw.switch.example, mutual_tls: true}
    endpoint_certificates:
      - {alias: backend, endpoint: https://10.1.0.30:8443, certificate_file: ca/backend.pem}
"""


def described(folder: Folder) -> None:
    folder.edit("hub.yml", "    registration_url: https://auth.switch.example/reg\n", "")
    folder.edit("hub.yml", '    initial_access_token_file: "{state}/initial-access-token"\n', "")
    folder.edit("hub.yml", "    kind: rfc7591\n", WSO2)


def test_its_keys_become_values_with_absolute_paths(folder: Folder) -> None:
    described(folder)
    server = folder.load().hub.authorization_server
    assert isinstance(server, Wso2Server)
    assert server.apis == ("FSPIOP:1.1",)
    assert server.publish == (Publication("FSPIOP:1.1", "/fspiop", "https://10.1.0.30:8443/api", "gw.switch.example", mutual_tls=True),)
    file = f"{folder.path}/ca/backend.pem"
    assert server.endpoint_certificates == (EndpointCertificate("backend", "https://10.1.0.30:8443", file),)
    assert server.admin_password_file.endswith("/.state/live/apim.password")


def test_bound_tokens_are_refused_because_it_issues_none(folder: Folder) -> None:
    described(folder)
    folder.edit("hub.yml", "    certificate_bound_tokens: false\n", "")
    (found,) = folder.problems()
    assert "hub.authorization_server.certificate_bound_tokens: found true with kind: wso2; allowed: false" in found
