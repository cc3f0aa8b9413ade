"""``scrm run`` as processes: it stops in order, restarts what ends, and leaves nobody behind."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from ports import free_port
from run_scene import PATIENCE, Server, get, gone, project, scrm


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return project(tmp_path / "shop", "sqlite:data", "acme", "moonco")


@pytest.fixture
def serve(shop: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*arguments: str, port: int | None = None, **variables: str) -> Server:
        server = Server(shop, port or free_port(), *arguments, **variables)
        started.append(server)
        server.wait_for("Serving ")
        return server

    yield start
    for server in started:
        family = server.family()
        server.process.kill()
        server.process.wait()
        assert gone(family)


def test_it_makes_the_tables_serves_and_stops_in_order_on_sigterm(shop, serve):
    server = serve()
    assert b'"ready"' in get(server.port, "/readyz")
    family = server.family()
    assert any("scrm_core.serve" in words for words in family.values())
    assert any(" worker" in words for words in family.values())
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    assert gone(family)
    # The same place can be served again at once.
    again = serve(port=server.port)
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(PATIENCE) == 0


def test_a_path_arrives_letter_by_letter(shop, serve):
    """What stands in the path as %E7.. reaches the application as it was meant, and is decoded once."""
    server = serve()
    key = json.loads(scrm(shop, "key", "create", "acme", "--json").stdout)["key"]
    for name in ("沉睡客户", "50%41 é"):
        body = json.dumps({"name": name, "expression": "orders >= 1"}).encode()
        head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        place = f"http://127.0.0.1:{server.port}/api/v1/acme/segments"
        with urlopen(Request(place, body, head), timeout=20) as saved:
            assert saved.status in (200, 201)
        with urlopen(Request(f"{place}/{quote(name, safe='')}", headers=head), timeout=20) as answer:
            assert json.loads(answer.read())["name"] == name


def test_a_killed_parent_leaves_no_process_behind(serve):
    server = serve()
    family = server.family()
    assert len(family) >= 3
    server.process.kill()
    server.process.wait()
    assert gone(family)


def test_a_worker_and_a_web_process_that_are_killed_are_started_again(serve):
    server = serve()
    worker, web = server.one(" worker"), server.one("scrm_core.serve")
    os.kill(worker, signal.SIGKILL)
    server.wait_for("the worker ended with exit code -9; starting it again")
    os.kill(web, signal.SIGKILL)
    server.wait_for("the web server ended with exit code -9; starting it again")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert get(server.port, "/healthz") == b'{"status":"ok"}'
            break
        except OSError:
            assert time.monotonic() < deadline
            selectors.DefaultSelector().select(0.1)


def test_calls_are_traced_and_a_second_signal_stops_at_once(shop, serve):
    slow = shop / "plugins" / "scrm_slow"
    slow.mkdir(parents=True)
    (slow / "__init__.py").write_text(
        "import threading\n"
        "from scrm_core.api import Plugin, hookimpl\n\n"
        "class Slow(Plugin):\n"
        "    name, version, summary, requires_core = 'slow', '1', 'takes its time', '>=0.0'\n\n"
        "    @hookimpl\n"
        "    def check_lead(self, draft):\n"
        "        assert draft.source\n\n"
        "    @hookimpl\n"
        "    def on_lead(self, event):\n"
        "        print('slow handler began', flush=True)\n"
        "        threading.Event().wait(25)\n"
    )
    with (shop / "scrm.toml").open("a") as file:
        file.write('plugins_dir = "plugins"\n')
    with (shop / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.slow]\n")
    server = serve(SCRM_TRACE="1")
    family = server.family()
    key = json.loads(scrm(shop, "key", "create", "acme", "--json").stdout)["key"]
    body = json.dumps({"phone": "13800138000", "name": "Ada", "source": "form", "key": "no-7"}).encode()
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:{server.port}/api/v1/acme/leads", body, head), timeout=20) as answer:
        assert answer.status == 201
    server.wait_for("slow handler began")
    traced = [line for line in server.said.splitlines() if line.startswith("trace: ")]
    assert re.fullmatch(r"trace: acme  LeadDraft  slow  check_lead  ok  \d+\.\d ms", traced[0])
    assert not any(told in line for line in traced for told in ("138", "Ada", "no-7"))
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("SIGTERM: stopping")
    before = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM
    assert time.monotonic() - before < 15
    assert gone(family)


def test_a_busy_port_is_named_with_a_free_one(shop, serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = scrm(shop, "run", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port} is in use by another program" in done.stderr
    assert re.search(r"scrm run --port \d+", done.stderr)


def test_a_port_where_scrm_is_served_already_says_so(shop, serve):
    server = serve("--no-worker")
    assert not any(" worker" in words for words in server.family().values())
    done = scrm(shop, "run", "--port", str(server.port))
    assert done.returncode == 1
    assert f"scrm is already served at http://127.0.0.1:{server.port}" in done.stderr


def test_it_refuses_to_start_with_a_line_for_each_problem(shop):
    broken = shop / "plugins" / "scrm_broken"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("import module_that_is_not_there\n")
    with (shop / "scrm.toml").open("a") as file:
        file.write('plugins_dir = "plugins"\n')
    with (shop / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.broken]\n[plugins.absent]\n")
    with (shop / "brands" / "moonco.toml").open("a") as file:
        file.write("[rfm]\ncount_zero_order = true\n")
    done = scrm(shop, "run", "--port", str(free_port()))
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    assert "module_that_is_not_there" in done.stderr
    assert "'absent' is not installed" in done.stderr
    assert "did you mean 'count_zero_orders'" in done.stderr


def test_a_client_that_sends_slowly_holds_up_nobody(shop, serve):
    server = serve()
    key = json.loads(scrm(shop, "key", "create", "acme", "--json").stdout)["key"]
    head = (
        "POST /api/v1/acme/leads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: 100\r\n\r\n{{"
    )
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    for client in slow:
        client.sendall(head.encode())
    assert get(server.port, "/healthz") == b'{"status":"ok"}'
    for client in slow:
        client.close()


def test_postgresql_is_not_migrated_by_run(tmp_path, postgres_url):
    folder = project(tmp_path / "pg", postgres_url, "never_migrated", "nor_this")
    done = scrm(folder, "run", "--port", str(free_port()))
    assert done.returncode == 1
    assert "run: scrm migrate" in done.stderr
