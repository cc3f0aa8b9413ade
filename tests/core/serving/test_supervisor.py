"""The supervisor with real child processes, and the checks before serving."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import sys
import threading
import time

import pytest

from scrm_core import serve
from scrm_core.supervisor import Child, Supervisor

PYTHON = [sys.executable, "-c"]
OBEDIENT = "import signal, threading\nsignal.signal(signal.SIGTERM, lambda *a: exit(0))\nthreading.Event().wait(60)"
DEAF = (
    "import signal, threading\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print(flush=True)\nthreading.Event().wait(60)"
)


def supervise(children, when, *, grace=20.0):
    """Run a supervisor; ``when`` is its tick. Returns the exit code and what it said."""
    said = []
    code = Supervisor(children, say=said.append, grace=grace).run(when)
    return code, said


def send_self(number):
    threading.Timer(0.0, os.kill, (os.getpid(), number)).start()


def test_it_stops_every_child_and_ends_with_0():
    children = [Child("one", [*PYTHON, OBEDIENT]), Child("two", [*PYTHON, OBEDIENT])]

    def tick():
        send_self(signal.SIGTERM)
        return True

    code, said = supervise(children, tick)
    assert all(child.process.poll() is not None for child in children)
    assert code == 0
    assert said == ["SIGTERM: stopping; once more stops at once"]


def test_a_child_that_ends_is_started_again(tmp_path):
    mark = tmp_path / "count"
    source = f"open({str(mark)!r}, 'a').write('x')\nraise SystemExit(70)"
    child = Child("the worker", [*PYTHON, source])
    reached = []

    def tick():
        if not reached and mark.exists() and len(mark.read_text()) >= 2:
            reached.append(True)
            send_self(signal.SIGINT)
        return False

    code, said = supervise([child], tick)
    assert code == 0
    assert said[0].startswith("the worker ended with exit code 70; starting it again")


def test_a_vital_child_that_never_worked_gives_the_run_up():
    code, said = supervise([Child("the web", [*PYTHON, "raise SystemExit(3)"], vital=True)], lambda: False)
    assert code == 1
    assert said == ["the web could not start (exit code 3)"]


def test_a_child_that_does_not_stop_is_killed_with_all_it_started(tmp_path):
    source = (
        "import signal, subprocess, sys, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"p = subprocess.Popen([sys.executable, '-c', {DEAF!r}], stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\n"
        f"import os; os.replace({str(tmp_path / 'pid')!r}, {str(tmp_path / 'ready')!r})\n"
        "threading.Event().wait(60)"
    )
    child = Child("deaf", [*PYTHON, source])

    def tick():
        if (tmp_path / "ready").exists():
            send_self(signal.SIGTERM)
            return True
        return False

    code, said = supervise([child], tick, grace=0.2)
    assert code == 1
    assert "deaf did not stop within 0.2 s" in said[-1]
    grandchild = int((tmp_path / "ready").read_text())
    # Killed; on a busy machine it is gone a moment later, and whoever adopted it may not have reaped it yet.
    patience = time.monotonic() + 20
    while state_of(grandchild) not in ("", "Z", "X") and time.monotonic() < patience:
        threading.Event().wait(0.01)
    assert state_of(grandchild) in ("", "Z", "X")


def state_of(pid):
    """The letter of a process's state; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_signal_handlers_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    supervise([Child("x", [*PYTHON, "raise SystemExit(3)"], vital=True)], lambda: False)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_wildcard_address_is_shown_as_one_can_open_it():
    assert serve.Address("0.0.0.0", 80).url == "http://127.0.0.1:80"
    assert serve.Address("::", 80).url == "http://[::1]:80"
    assert serve.resolve("localhost", 1).host in ("127.0.0.1", "::1")
    with pytest.raises(serve.NotReady, match="--host"):
        serve.resolve("no.such.host.invalid", 1)


def test_a_free_port_is_no_problem_and_a_taken_one_names_the_next():
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        # Also when the other one would share it.
        with pytest.raises(serve.NotReady, match=f"port {port} is in use by another program"):
            serve.check_port(serve.Address("127.0.0.1", port))
    serve.check_port(serve.Address("127.0.0.1", port))


def test_another_program_that_says_ok_is_not_taken_for_this_one():
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"errcode": 0, "errmsg": "ok"}')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        with pytest.raises(serve.NotReady, match=f"port {port} is in use by another program"):
            serve.check_port(serve.Address("127.0.0.1", port))
        other.shutdown()


def test_a_project_without_brands_is_not_served(tmp_path):
    from scrm_core.installation import Installation

    (tmp_path / "scrm.toml").write_text("")
    with pytest.raises(serve.NotReady, match="no brand"):
        serve.prepare(Installation.open(tmp_path))


def test_a_database_of_a_newer_version_is_not_served(installation):
    from scrm_core.db.bulk import execute

    with installation.brand("acme"):
        execute("INSERT INTO migration_core (name, applied) SELECT '9999_future', max(applied) FROM migration_core")
    try:
        with pytest.raises(serve.NotReady, match="newer version"):
            serve.prepare(installation)
    finally:
        with installation.brand("acme"):
            execute("DELETE FROM migration_core WHERE name = '9999_future'")
