# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a kubeconfig file is followed, and what is refused because it would turn verification off or run something."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import RemoteError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.kubeconfig import read_access

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def written(folder: Path, cluster: dict[str, Any], user: dict[str, Any], **more: Any) -> str:  # noqa: ANN401
    file = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": "https://192.0.2.1:6443/", **cluster}}],
        "users": [{"name": "operator", "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "operator"}}],
        "current-context": "lab",
        **more,
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


TRUST = {"certificate-authority-data": base64.b64encode(CA.encode()).decode()}


def test_a_token_and_the_servers_ca_are_taken_from_the_current_context(tmp_path: Path) -> None:
    access = read_access(written(tmp_path, TRUST, {"token": "secret"}))
    assert (access.server, access.route.ca, access.headers()) == ("https://192.0.2.1:6443", CA, {"Authorization": "Bearer secret"})
    assert "secret" not in repr(access)


def test_a_token_file_is_read_anew_for_each_request(tmp_path: Path) -> None:
    access = read_access(written(tmp_path, TRUST, {"tokenFile": "token"}), "lab")
    for token in ("one", "two"):
        (tmp_path / "token").write_text(token, encoding="ascii")
        assert access.headers() == {"Authorization": f"Bearer {token}"}


def test_files_are_found_beside_the_kubeconfig_file(tmp_path: Path) -> None:
    for name, content in (("ca.pem", CA), ("own.pem", "certificate\n"), ("own.key", "key\n")):
        (tmp_path / name).write_text(content, encoding="ascii")
    user = {"client-certificate": "own.pem", "client-key": "own.key"}
    access = read_access(written(tmp_path, {"certificate-authority": "ca.pem"}, user))
    assert (access.route.ca, access.route.identity) == (CA, b"certificate\nkey\n")
    assert "key" not in repr(access.route).replace("key_file", "")


@pytest.mark.parametrize(
    ("cluster", "user", "word"),
    [
        ({**TRUST, "insecure-skip-tls-verify": True}, {"token": "t"}, "insecure-skip-tls-verify"),
        ({**TRUST, "proxy-url": "http://192.0.2.2"}, {"token": "t"}, "proxy-url"),
        ({**TRUST, "tls-server-name": "other"}, {"token": "t"}, "tls-server-name"),
        (TRUST, {"exec": {"command": "aws"}}, "exec"),
        (TRUST, {"username": "admin", "password": "p"}, "username"),
        (TRUST, {"token": "t", "as": "system:admin"}, "as,"),
        ({}, {"token": "t"}, "no CA"),
        ({"certificate-authority": "absent.pem"}, {"token": "t"}, "certificate-authority"),
        ({"certificate-authority-data": "%"}, {"token": "t"}, "certificate-authority"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], word: str) -> None:
    with pytest.raises(RemoteError, match=word):
        read_access(written(tmp_path, cluster, user))


def test_an_unknown_context_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="no context 'other'"):
        read_access(written(tmp_path, TRUST, {"token": "t"}), "other")
    (tmp_path / "text").write_text("secret: [", encoding="ascii")
    with pytest.raises(RemoteError, match="kubeconfig") as caught:
        read_access(str(tmp_path / "text"))
    assert "secret" not in str(caught.value)
