"""Two corps on a server of the simulator, a receiver of their callbacks, and a reader of callbacks of its own.

The reader opens what the simulator seals without the plugin's code: OpenSSL's
AES through ``cryptography``, and the steps of wecom section 2.1 written again.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from scrm_wecom.simulator import AppAccount, CorpAccount

ACME, MOONCO = "wwacme00000000001", "wwmoonco000000002"
AGENT, SECOND = 1_000_002, 1_000_003
TOKENS = {ACME: "acmeToken", MOONCO: "mooncoToken"}
KEYS = {ACME: "acme" + "A" * 38 + "0", MOONCO: "moonco" + "B" * 36 + "0"}
SECRETS = {ACME: "acme-secret", MOONCO: "moonco-secret"}
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def corps(**more: Any) -> list[CorpAccount]:
    """Acme with two apps and moonco with one; twelve customers each, of whom six are the same people."""
    apps = (AppAccount(AGENT, SECRETS[ACME]), AppAccount(SECOND, "acme-second-secret", "Second"))
    acme = {"staff": 3, "customers": 12, "name": "Acme"} | more
    return [
        CorpAccount(ACME, apps, **acme),
        CorpAccount(MOONCO, (AppAccount(AGENT, SECRETS[MOONCO]),), name="Moonco", staff=2, customers=12, first_person=6),
    ]


class Api:
    """An app's client: gets a token when it has none and never again by itself."""

    def __init__(self, url: str, corpid: str, secret: str | None = None) -> None:
        self.address = urlsplit(url)
        self.corpid = corpid
        self.secret = SECRETS[corpid] if secret is None else secret
        self._token = ""

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.fetch_token()["access_token"]
        return self._token

    def fetch_token(self) -> dict[str, Any]:
        return self.call("GET", "gettoken", {"corpid": self.corpid, "corpsecret": self.secret})

    def forget(self) -> None:
        self._token = ""

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.call("GET", path, {"access_token": self.token, **query})

    def post(self, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body, ensure_ascii=False).encode()
        return self.call("POST", path, {"access_token": self.token, **query}, data)

    def code(self, path: str, body: Any = None, **query: Any) -> int:
        """``errcode`` of a POST."""
        return self.post(path, body, **query)["errcode"]

    def upload(self, path: str, content: bytes = PNG, name: str = "media", **query: str) -> dict[str, Any]:
        edge = "edge"
        body = (
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body += content + f"\r\n--{edge}--\r\n".encode()
        kind = f"multipart/form-data; boundary={edge}"
        return self.call("POST", path, {"access_token": self.token, **query}, body, kind)

    def call(
        self, method: str, path: str, query: dict[str, Any], body: bytes | None = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        status, data = self.raw(method, f"/cgi-bin/{path}?{urlencode(query)}", body, kind)
        assert status == 200, (status, data)
        return json.loads(data)

    def raw(
        self, method: str, target: str, body: bytes | None = None, kind: str = "application/json", **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=10)
        try:
            connection.request(method, target, body, {"Content-Type": kind, **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def door(self, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request to the act door."""
        status, data = self.raw(method, target, None if body is None else json.dumps(body).encode(), **headers)
        return status, json.loads(data)

    def act(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """An act of this corp's people through the door."""
        status, told = self.door("POST", f"/simulator/{self.corpid}/acts/{name}", arguments)
        assert status == 200, told
        return told


def opened(corpid: str, query: dict[str, str], encrypted: str) -> str:
    """The message behind a signature; asserts what a careful receiver asks."""
    return open_sealed(TOKENS[corpid], KEYS[corpid], corpid, query, encrypted)


def open_sealed(token: str, aes_key: str, receiver: str, query: dict[str, str], encrypted: str) -> str:
    signed = "".join(sorted([token, query["timestamp"], query["nonce"], encrypted]))
    assert hashlib.sha1(signed.encode()).hexdigest() == query["msg_signature"]
    key = base64.b64decode(aes_key + "=")
    cipher = Cipher(AES(key), CBC(key[:16])).decryptor()
    plain = cipher.update(base64.b64decode(encrypted)) + cipher.finalize()
    assert 1 <= plain[-1] <= 32
    plain = plain[: -plain[-1]]
    end = 20 + int.from_bytes(plain[16:20], "big")
    assert plain[end:].decode() == receiver
    return plain[20:end].decode()


def fields(plain: str) -> dict[str, str]:
    """The elements of an event by name."""
    return {element.tag: element.text or "" for element in ElementTree.fromstring(plain)}


@dataclass
class Received:
    """A callback as it arrived."""

    corpid: str
    query: dict[str, str]
    body: bytes

    @property
    def plain(self) -> str:
        root = ElementTree.fromstring(self.body)
        encrypted = root.findtext("Encrypt") or ""
        return opened(self.corpid, self.query, encrypted)

    @property
    def event(self) -> dict[str, str]:
        return fields(self.plain)


@dataclass
class Receiver:
    """What the plugin's callback address would be: ``/<corpid>``. ``answers`` are the statuses of the next requests.

    A status of 0 is no answer within the platform's time; ``then`` is called with each event before it is answered.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    then: Callable[[dict[str, str]], None] | None = None
    echo: Callable[[str], str] = lambda text: text
    over: threading.Event = field(default_factory=threading.Event)

    def events(self, corpid: str = ACME) -> list[dict[str, str]]:
        return [each.event for each in self.received if each.corpid == corpid]

    def changes(self, corpid: str = ACME) -> list[str]:
        return [event.get("ChangeType", "") for event in self.events(corpid)]


def start(receiver: Receiver) -> http.server.ThreadingHTTPServer:
    """Serve a receiver on a free port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            plain = opened(parts.path.strip("/"), query, query["echostr"])
            self._answer(200, receiver.echo(plain).encode())

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = Received(parts.path.strip("/"), dict(parse_qsl(parts.query)), body)
            receiver.received.append(found)
            status = receiver.answers.pop(0) if receiver.answers else 200
            if status == 0:
                receiver.over.wait(10)
                self.close_connection = True
                return
            if receiver.then is not None:
                receiver.then(found.event)
            self._answer(status, b"success")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    class Http(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    made = Http(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    return made
