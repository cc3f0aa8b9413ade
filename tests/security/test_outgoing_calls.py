"""Where messages to partners may go: to public addresses and networks that the project names, and nowhere by a detour."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from scrm_core.config import load_brand, load_project
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_core.partners import calling

HERE = (ipaddress.ip_network("127.0.0.0/8"),)
HEAD = '[brand]\nid = "acme"\nname = "Acme"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
INSIDE = [
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "fec0::1", "::ffff:0:10.0.0.1", "64:ff9b:1:a00:0:100:808:808",
]  # fmt: skip


class Lookup:
    """A resolver that gives these addresses, one list a question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (family[ipaddress.ip_address(each).version], socket.SOCK_STREAM, 6, "", (each, port)) for each in found
        ]


class Partner:
    """A server on the loopback that answers as it is told and keeps what it was sent."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.status, self.location = 200, ""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append((self.path, self.headers["Host"]))
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def partner() -> Iterator[Partner]:
    server = Partner()
    yield server
    server.close()


@pytest.fixture
def no_line(monkeypatch) -> list[Any]:
    """Every connection that somebody tried to open; none is opened."""
    tried: list[Any] = []

    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def call(url: str, **more: Any) -> calling.Outcome:
    return calling.call(url, "star", "acme-star-1", {}, b"{}", **more)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_never_connected_to(no_line, address):
    literal = f"[{address}]" if ":" in address else address
    by_name = call("https://partner.example", lookup=Lookup([address]))
    by_number = call(f"https://{literal}")
    assert no_line == []
    assert by_name == by_number
    assert "partner_networks" in by_name.error and not by_name.final
    assert address not in by_name.error


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is(no_line, address):
    assert call("https://partner.example", lookup=Lookup([address])).error == "no answer: ConnectionRefusedError"
    assert no_line == [(address, 443)]


def test_one_bad_address_of_several_is_enough_to_refuse(no_line):
    assert "partner_networks" in call("https://p.example", lookup=Lookup(["93.184.215.14", "10.0.0.1"])).error
    assert no_line == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001", "017700000001"])
def test_an_address_in_an_odd_spelling_is_refused_in_the_file_and_on_the_way(tmp_path, no_line, host):
    path = tmp_path / "acme.toml"
    path.write_text(f'{HEAD}[partners.star]\nurl = "https://{host}"\nkey = "acme-star-1"\nsecret = "env:PAIR"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"\[partners.star\] url"):
        load_brand(path, {"PAIR": SECRET})
    assert call(f"https://{host}").error
    assert no_line == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://star.example", "ftp://star.example", "unix:///run/docker.sock", "//star.example",
        "https://star.example@10.0.0.1", "https://user:pass@star.example", "https://star.example/?a=1",
        "https://star.example/#a", "http://star.example", "https://", "https://star.example:0", "https://[::1",
        "https://star.example\r\nX: y", "https://star.example/a b",
    ],
)  # fmt: skip
def test_an_address_with_another_scheme_or_a_user_is_refused_in_the_file(tmp_path, url):
    path = tmp_path / "acme.toml"
    written = url.replace("\r", "\\r").replace("\n", "\\n")
    path.write_text(
        f'{HEAD}[partners.star]\nurl = "{written}"\nkey = "acme-star-1"\nsecret = "env:PAIR"\n', "utf-8"
    )
    with pytest.raises(ConfigError, match=r"\[partners.star\] url"):
        load_brand(path, {"PAIR": SECRET})


def test_a_name_is_asked_once_and_what_was_checked_is_what_is_called(partner):
    """A name that leads elsewhere a moment later (DNS rebinding) leads nowhere."""
    lookup = Lookup(["127.0.0.1"], ["127.0.0.2"])
    assert call(f"http://partner.example:{partner.port}", networks=HERE, lookup=lookup) == calling.Outcome()
    assert lookup.asked == 1
    assert partner.asked == [("/partner-messages/star/acme-star-1", f"partner.example:{partner.port}")]


def test_a_redirect_is_not_followed(partner):
    partner.status, partner.location = 302, f"http://127.0.0.1:{partner.port}/secret"
    outcome = call(f"http://127.0.0.1:{partner.port}", networks=HERE)
    assert outcome.error == "the partner answered 302"
    assert [path for path, _ in partner.asked] == ["/partner-messages/star/acme-star-1"]


def test_the_environment_s_proxy_is_not_asked(partner, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert call(f"http://127.0.0.1:{partner.port}", networks=HERE) == calling.Outcome()


def test_a_brand_calls_into_networks_that_the_project_names_and_into_no_other(
    new_installation, partner, monkeypatch, clock
):
    monkeypatch.setenv("PAIR", SECRET)
    table = f'[partners.star]\nurl = "http://127.0.0.1:{partner.port}"\nkey = "acme-star-1"\nsecret = "env:PAIR"\n'
    installation = new_installation(acme=table)
    brand = installation.brand("acme")
    with brand:
        brand.partners.send("star", "swap.offer", {"n": 1}, key="n")
        assert brand.partners.post() is True
        (view,) = brand.partners.undelivered()
    assert (view.state, partner.asked) == ("waiting", [])
    assert "partner_networks" in view.error
    project = installation.config.root / "scrm.toml"
    project.write_text(project.read_text("utf-8") + 'partner_networks = ["127.0.0.0/8"]\n', "utf-8")
    allowed = type(installation).open(installation.config.root, clock=clock)
    clock.advance(ms=10_000)
    with allowed.brand("acme") as again:
        assert again.partners.post() is True
        assert again.partners.undelivered() == []
        assert execute("SELECT state FROM partner_out").fetchall() == [("delivered",)]
    assert len(partner.asked) == 1
    allowed.close()


@pytest.mark.parametrize("networks", ['["10.0.0.1/8"]', '["everywhere"]', '[1]', '"10.0.0.0/8"'])
def test_networks_that_are_none_are_refused(tmp_path, networks):
    (tmp_path / "scrm.toml").write_text(f"partner_networks = {networks}\n", "utf-8")
    with pytest.raises(ConfigError, match="partner_networks"):
        load_project(tmp_path)


def test_a_partner_that_draws_out_the_handshake_is_cut_as_one_that_draws_out_its_answer(partner, monkeypatch):
    """While TLS is agreed upon the socket is in nobody's hands: it cannot be cut, and what follows must not begin."""
    timers: list[Any] = []

    class Timer:
        def __init__(self, seconds: float, function: Any, args: Any) -> None:
            self.expire = lambda: function(*args)
            timers.append(self)

        def start(self) -> None:
            """Time passes when the handshake says so."""

        cancel = start

    class Context:
        def wrap_socket(self, sock: socket.socket, server_hostname: str) -> socket.socket:
            timeout, taken = sock.gettimeout(), socket.socket(fileno=sock.detach())
            taken.settimeout(timeout)
            timers[-1].expire()
            return taken

    monkeypatch.setattr(calling.threading, "Timer", Timer)
    monkeypatch.setattr(calling.ssl, "create_default_context", Context)
    outcome = call(f"https://partner.example:{partner.port}", networks=HERE, lookup=Lookup(["127.0.0.1"]))
    assert outcome == calling.Outcome("no answer: TimeoutError")
    assert partner.asked == []


def test_a_path_with_other_letters_is_called_as_a_browser_would(partner):
    outcome = call(f"http://127.0.0.1:{partner.port}/伙伴/a%20b", networks=HERE)
    assert outcome == calling.Outcome()
    assert [path for path, _ in partner.asked] == ["/%E4%BC%99%E4%BC%B4/a%20b/partner-messages/star/acme-star-1"]
