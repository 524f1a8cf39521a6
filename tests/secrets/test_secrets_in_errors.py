# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors name places and reasons, never contents: files of secrets are damaged in every way, servers answer with what they were sent."""

from __future__ import annotations

import json
import secrets as random
import shutil
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml
from support.leaks import Secrets, search, search_state

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.rfc7591 import client
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import TABLE
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import PREVIOUS, registration_path

from .environment import Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

Bytes = Callable[[bytes], bytes]
ANY = (
    "store/hub/ca/key.pem",
    "store/hub/server/key.pem",
    "store/hub/exchange/key.pem",
    "store/greenbank/client/hub/key.pem",
    "store/greenbank/jws/key.pem",
    "store/greenbank/jws/keystore.p12",
    "store/greenbank/jws/keystore.passphrase",
    "store/greenbank/oauth/credentials.json",
    "store/hub/oauth/greenbank.json",
    "store/hub/oauth/redbank.p7m",
)
JSON = ("store/greenbank/oauth/credentials.json", "store/hub/oauth/greenbank.json")
DAMAGES: dict[str, tuple[tuple[str, ...], Bytes]] = {
    "cut": (ANY, lambda content: content[: len(content) * 2 // 3]),
    "doubled": (ANY, lambda content: content + content),
    "not text": (ANY, lambda content: content[: len(content) // 2] + b"\xff\xfe\x00" + content[len(content) // 2 :]),
    "on one line": (ANY, lambda content: content.replace(b"\n", b"")),
    "other letters": (ANY, lambda content: content.replace(b"a", b"b").replace(b"A", b"B")),
    "JSON of something else": (JSON, lambda content: json.dumps([content.decode("latin-1")]).encode()),
    "a value of another kind": (JSON, lambda content: content.replace(b'": "', b'": ["', 1).replace(b'",\n', b'"],\n', 1)),
    "an unknown field": (JSON, lambda content: content.replace(b"{", b'{"' + json.loads(content)["client_id"].encode() + b'": 1, ', 1)),
    "a newer format": (JSON, lambda content: content.replace(b"{", b'{"format": 2, ').replace(b'"format": 1,', b"")),
}


@pytest.fixture(scope="module")
def settled(canaries: Environment) -> Environment:
    """Everything is done that the hub and greenbank can do."""
    with given(canaries, canaries.passphrase):
        run(Request(str(canaries.description), str(canaries.state)))
    return canaries


@contextmanager
def given(canaries: Environment, passphrase: str) -> Iterator[None]:
    """The passphrase of the CA keys, as a run gets it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONBOARDING_CA_PASSPHRASE", passphrase)
        patch.setenv("HOME", str(canaries.folder))
        yield


class Said:
    """All that is said about a state folder: findings, errors with all that led to them, the command's words."""

    def __init__(self, canaries: Environment, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.text: list[str] = []
        for step in TABLE:  # one by one: an error of one of them hides none of the others
            try:
                found = run(Request(str(canaries.description), str(state)), [step]).findings
            except Exception as error:  # noqa: BLE001 -- whatever is raised is looked at
                self.text += ["".join(traceback.format_exception(error)), repr(error)]
            else:
                self.text += [f"{finding} {finding!r}" for finding in found]
        main(["status", "-i", str(canaries.description), "--state", str(state)])
        captured = capsys.readouterr()
        self.text += [captured.out, captured.err]

    def search(self, secrets: Secrets, state: Path) -> list[str]:
        found = search(secrets, {"what was said": "\n".join(self.text).encode("utf-8", "surrogateescape")}) | search_state(secrets, state)
        return sorted(map(str, found))


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER:UserWarning")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_reported_without_its_content(
    settled: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    secrets = settled.secrets
    files, damaged = DAMAGES[damage]
    reported = 0
    for file in files:
        state = tmp_path / file.replace("/", "-")
        shutil.copytree(settled.state, state)
        (state / file).write_bytes(damaged((state / file).read_bytes()))
        with given(settled, settled.passphrase):
            said = Said(settled, state, capsys)
        # What the damaged file still holds, it may hold.
        (state / file).unlink(missing_ok=True)
        assert said.search(secrets, state) == [], file
        reported += any("-> fault" in text or "-> change" in text or "Traceback" in text for text in said.text)
    assert reported >= (3 if files is ANY else 1)


@pytest.mark.parametrize("damage", ["two words", "not text", "nothing"])
def test_a_wrong_initial_access_token_is_reported_without_it(
    settled: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    token = settled.server.folder / "initial-access-token"
    secrets, content = settled.secrets, token.read_bytes()
    shutil.copytree(settled.state, tmp_path / "state")
    (tmp_path / "state/store/hub/oauth/greenbank.json").unlink()
    try:
        token.write_bytes({"two words": content.strip() + b" " + content, "not text": content.strip() + b"\xff\n", "nothing": b""}[damage])
        with given(settled, settled.passphrase):
            said = Said(settled, tmp_path / "state", capsys)
    finally:
        token.write_bytes(content)
    assert any("initial-access-token" in text for text in said.text)
    assert said.search(secrets, tmp_path / "state") == []


def test_a_wrong_passphrase_is_reported_without_either(settled: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secrets, wrong = settled.secrets, f"wrong-{random.token_hex(16)}"
    secrets.add("wrong passphrase", wrong.encode())
    shutil.copytree(settled.state, tmp_path / "state")
    shutil.rmtree(tmp_path / "state/store/hub/issued")
    with given(settled, wrong):
        said = Said(settled, tmp_path / "state", capsys)
    assert any("ca/key.pem" in text for text in said.text)
    assert said.search(secrets, tmp_path / "state") == []


ANSWERS: dict[str, Bytes] = {
    "the request itself": lambda request: request,
    "the token as status line": lambda request: b"HTTP/1.1 " + _token(request) + b"\r\n\r\n",
    "the token as reason": lambda request: _answer(b"400 " + _token(request), b"{}"),
    "the token as error": lambda request: _answer(b"400 Bad", json.dumps({"error": _token(request).decode()}).encode()),
    "the request as error": lambda request: _answer(b"401 No", json.dumps({"error_description": request.decode()}).encode()),
    "the request as text": lambda request: _answer(b"500 Oh", request),
    "the token as place": lambda request: _answer(b"302 There", b"", b"Location: https://elsewhere/" + _token(request) + b"\r\n"),
    "the token as client": lambda request: _answer(b"201 Made", json.dumps(_client(_token(request).decode() + " {}")).encode()),
    "the token as everything": lambda request: _answer(b"201 Made", json.dumps(_client(_token(request).decode())).encode()),
    "half an answer": lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + request,
}
"""What a server does with a request that carries a token: nothing of it may be repeated."""
BEFORE = "token of the client at the server before"


def _token(request: bytes) -> bytes:
    return request.partition(b"Bearer ")[2].partition(b"\r\n")[0]


def _client(text: str) -> dict[str, str]:
    # The management address leads nowhere, so that every further request fails as well.
    uri = f"http://{text}/"
    return {"client_id": text, "client_secret": "of-the-echo-server", "registration_client_uri": uri, "registration_access_token": "x" * 20}


def _answer(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def echo_server(folder: Path, answer: Bytes) -> Iterator[int]:
    """A TLS server on loopback whose answers are made of the requests; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
                connection.settimeout(5)
                request = connection.recv(65536)
                if b"Content-Length" in request and request.endswith(b"\r\n\r\n"):
                    request += connection.recv(65536)
                connection.sendall(answer(request))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def ask(settled: Environment, secrets: Secrets, folder: Path, capsys: pytest.CaptureFixture[str], answer: str) -> Said:
    """All steps, where one participant is registered at such a server, and was at another like it; and another is to be."""
    shutil.copytree(settled.state, folder / "state")
    shutil.copytree(settled.description, folder / "description")
    record_file = folder / "state/store/hub/oauth/greenbank.json"
    (folder / "state/store/hub/oauth/redbank.json").unlink()
    with echo_server(settled.server.folder, ANSWERS[answer]) as port:
        base = f"https://127.0.0.1:{port}/reg"
        record = json.loads(record_file.read_bytes()) | {"registration_url": base, "registration_client_uri": f"{base}/x"}
        record_file.write_text(json.dumps(record), encoding="utf-8")
        secrets.add(BEFORE, token := random.token_hex(16).encode())
        before = record | {"issuer": "https://before.hub.example", "client_id": "before", "replaced": record["issued"]}
        (folder / "state" / registration_path("greenbank", PREVIOUS)).write_text(
            json.dumps(before | {"registration_access_token": token.decode()}), encoding="utf-8"
        )
        hub_file = folder / "description/hub.yml"
        hub = yaml.safe_load(hub_file.read_text(encoding="utf-8"))
        for name in ("registration_url", "token_endpoint", "jwks_url"):
            hub["hub"]["authorization_server"][name] = base
        hub_file.write_text(yaml.safe_dump(hub), encoding="utf-8")
        with given(settled, settled.passphrase):
            return Said(_Elsewhere(settled, folder / "description"), folder / "state", capsys)


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_a_server_says_of_a_token_is_not_repeated(
    settled: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    secrets = settled.secrets
    said = ask(settled, secrets, tmp_path, capsys, answer)
    assert any("oauth" in text for text in said.text)
    assert search(secrets, {"what was said": "\n".join(said.text).encode()}) == set()


def test_an_error_that_repeats_an_answer_is_found(
    settled: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = settled.secrets
    monkeypatch.setattr(client, "_said", lambda what, answer: f"{what} was answered with {answer.body!r}")
    said = ask(settled, secrets, tmp_path, capsys, "the request as text")
    found = {leak.secret for leak in search(secrets, {"what was said": "\n".join(said.text).encode()})}
    assert found == {"initial access token", "store/hub/oauth/greenbank.json registration_access_token", BEFORE}


class _Elsewhere(Environment):
    """The same environment with another description."""

    def __init__(self, settled: Environment, description: Path) -> None:
        self.folder, self.server, self.state = settled.folder, settled.server, settled.state
        self.passphrase, self.passphrase_file = settled.passphrase, settled.passphrase_file
        self.description = description
