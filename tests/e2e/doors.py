"""The public doors of a project: HTTP, the pages in a browser, the command line, and time.

``Served`` is a project as it runs for others: a web process, a worker and every command are processes of their own,
with a clock that the test moves. ``InHouse`` opens the same doors in this process, with the queue stepped by hand: as
public and much quicker.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

from click.testing import CliRunner
from run_scene import SCRM, Server, gone, wait
from run_scene import environment as plain_environment

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.clock import ManualClock
from scrm_core.delivery import Delivery
from scrm_core.installation import Installation
from scrm_core.jobs import due_jobs, run_job
from scrm_core.web import create_app

PHONE_BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
WECHAT_BROWSER = f"{PHONE_BROWSER} MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"
_FIELD = re.compile(r'<input type="hidden" name="(?P<name>\w+)" value="(?P<value>[^"]*)">')
# Put before the processes' own modules: their wall clock goes on by the second, from an instant that the test writes.
_CLOCK = """\
import os
import time

from scrm_core import clock


def now(self):
    with open(os.environ["TEST_CLOCK"]) as file:
        return time.time_ns() // 1_000_000 + int(file.read())


clock.SystemClock.now = now
"""


class Answer(NamedTuple):
    """What a server answered; header names are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return next((value for name, value in self.headers if name == "location"), "")


class Doors(Protocol):
    """What the outside world reaches of a project."""

    base: str
    folder: Path
    keys: dict[str, str]
    """The API keys of the brands."""

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """A request to the server."""

    def scrm(self, *arguments: str) -> str:
        """What a command prints; one that fails is an error."""

    def now(self) -> int:
        """The instant that it is here."""

    def later(self, *, days: int = 0, minutes: int = 0) -> None:
        """Let time go by."""

    def work(self) -> None:
        """Let the worker do the periodic jobs that are due, now or in a moment."""

    def settle(self) -> None:
        """Let every plugin hear what has happened."""

    def until(self, question: Callable[[], object], words: str) -> None:
        """Let the worker work until a question is answered with yes."""


class Served:
    """A migrated project that is served by processes; ``keys`` are the API keys of its brands."""

    def __init__(self, folder: Path, base: str, brands: tuple[str, ...], start: datetime) -> None:
        self.folder, self.base, self.brands = folder, base, brands
        self.keys: dict[str, str] = {}
        self._place = folder.parent / "clock"
        self._place.mkdir()
        (self._place / "sitecustomize.py").write_text(_CLOCK)
        self._file = self._place / "offset"
        self._shift = int(start.timestamp() * 1000) - time.time_ns() // 1_000_000
        self._write_clock()
        self._web: Server | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._environment():
            self._web = Server(self.folder, int(self.base.rpartition(":")[2]), "--no-worker")
        self._web.wait_for("Serving ")
        self.work()

    def stop(self) -> None:
        try:
            self._rest()
        finally:
            if self._web is not None:
                family = self._web.family()
                self._web.process.terminate()
                self._web.process.wait(60)
                assert gone(family)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", int(self.base.rpartition(":")[2]), timeout=60)
        try:
            line.request(method, path, body or None, headers)
            told = line.getresponse()
            return Answer(told.status, [(name.lower(), value) for name, value in told.getheaders()], told.read())
        finally:
            line.close()

    def scrm(self, *arguments: str) -> str:
        with self._environment():
            done = subprocess.run(
                [*SCRM, *arguments], cwd=self.folder, env=plain_environment(), capture_output=True, text=True,
                timeout=120,
            )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self._shift

    def later(self, *, days: int = 0, minutes: int = 0) -> None:
        self._shift += (days * 1_440 + minutes) * 60_000
        self._write_clock()

    def work(self) -> None:
        # A worker looks for due jobs when it begins, and then once a minute of the machine's own time.
        self._rest()
        with (self.folder.parent / "worker.log").open("ab") as log, self._environment():
            self._worker = subprocess.Popen(
                [*SCRM, "worker"], cwd=self.folder, env=plain_environment(), stdout=log, stderr=log
            )

    def settle(self) -> None:
        # What one brand's plugins tell the other's may come back: what is quiet twice in a row is quiet.
        quiet = 0

        def still() -> bool:
            nonlocal quiet
            quiet = quiet + 1 if self._quiet() else 0
            return quiet >= 2

        wait(still, "something stayed on its way", 0.1)

    def until(self, question: Callable[[], object], words: str) -> None:
        wait(question, words, 0.1)

    def _quiet(self) -> bool:
        for brand in self.brands:
            headers = {"Authorization": f"Bearer {self.keys[brand]}"}
            for plugin in self.send("GET", f"/api/v1/{brand}/plugins", headers).json["items"]:
                assert plugin["parked"] == 0 and plugin["state"] in ("active", "passive"), plugin
                if plugin["waiting"]:
                    return False
        return True

    def _rest(self) -> None:
        if self._worker is not None:
            self._worker.terminate()
            # One that was still beginning had not said yet what to do at its end.
            assert self._worker.wait(60) in (0, -signal.SIGTERM)
            self._worker = None

    def _write_clock(self) -> None:
        fresh = self._place / "offset.new"
        fresh.write_text(str(self._shift))
        os.replace(fresh, self._file)

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        """The processes that begin here have this project's clock."""
        before = dict(os.environ)
        os.environ.update(PYTHONPATH=str(self._place), TEST_CLOCK=str(self._file))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


class InHouse:
    """The same doors of a project without processes of its own: the server is asked directly, the queue is stepped."""

    def __init__(self, folder: Path, base: str, brands: tuple[str, ...], start: datetime | int) -> None:
        self.folder, self.base, self.brands = folder, base, brands
        self.keys: dict[str, str] = {}
        self._clock = ManualClock(start)
        self._installation: Installation | None = None

    def start(self) -> None:
        self._installation = Installation.open(self.folder, clock=self._clock)
        self._client = create_app(self._installation).test_client(use_cookies=False)

    def stop(self) -> None:
        if self._installation is not None:
            self._installation.close()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        told = self._client.open(path, base_url=self.base, method=method, headers=headers, data=body)
        return Answer(told.status_code, [(name.lower(), value) for name, value in told.headers], told.data)

    def scrm(self, *arguments: str) -> str:
        done = CliRunner().invoke(root, list(arguments), obj=Session(self.folder, clock=self._clock))
        assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"
        return done.stdout

    def now(self) -> int:
        return self._clock.now()

    def later(self, *, days: int = 0, minutes: int = 0) -> None:
        self._clock.advance(days=days, seconds=minutes * 60)

    def work(self) -> None:
        self.settle()
        for brand in self._each():
            for due in due_jobs(brand):
                assert run_job(brand, due), due
        self.settle()

    def settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for brand in self._each():
                step = Delivery(brand).drain()
                assert step.errors == []
                while brand.outreach.dispatch().busy or brand.partners.post():
                    busy = True
                busy = busy or step.delivered > 0

    def until(self, question: Callable[[], object], words: str) -> None:
        self.settle()
        if not question():
            self.work()
        assert question(), words

    def _each(self) -> Iterator[Any]:
        assert self._installation is not None
        for name in self.brands:
            with self._installation.brand(name) as brand:
                yield brand


class Browser:
    """Somebody's browser: it keeps cookies, follows what leads on within the house, and fills in forms."""

    def __init__(self, doors: Doors, agent: str = PHONE_BROWSER) -> None:
        self._doors, self._agent = doors, agent
        self._cookies: dict[tuple[str, str], str] = {}
        self.page = Answer(0, [], b"")
        self.address = ""

    def open(self, address: str) -> Answer:
        """Go to an address; what leads elsewhere than to this house is not followed."""
        return self._go("GET", address.removeprefix(self._doors.base))

    def press(self, form: str, **fields: str) -> Answer:
        """Send the form of this page whose action contains ``form``."""
        forms = re.findall(r"<form.*?</form>", self.page.text, re.DOTALL)
        found = next((each for each in forms if form in each.partition(">")[0]), None)
        assert found is not None, f"no form {form!r} at {self.address}: {self.page.status} {self.page.text[:3_000]}"
        stated = re.search(r'action="([^"]*)"', found.partition(">")[0])
        hidden = {match["name"]: unescape(match["value"]) for match in _FIELD.finditer(found)}
        body = urlencode(hidden | fields).encode()
        return self._go("POST", unescape(stated[1]) if stated else self.address, body)

    def told(self, address: str) -> Any:
        """What a page tells its script."""
        headers = {"Accept": "application/json", "Cookie": self._sent(address), "User-Agent": self._agent}
        return self._doors.send("GET", address, headers).json

    def _go(self, method: str, address: str, body: bytes = b"") -> Answer:
        for _ in range(5):
            headers = {"Accept": "text/html", "User-Agent": self._agent, "Cookie": self._sent(address)}
            if method == "POST":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self._doors.send(method, address, headers, body)
            self._take(answer)
            self.page, self.address = answer, address
            place = answer.location
            if not place or (urlsplit(place).netloc and not place.startswith(self._doors.base)):
                return answer
            method, address, body = "GET", place.removeprefix(self._doors.base), b""
        raise AssertionError(f"{address} leads on for ever")

    def _sent(self, address: str) -> str:
        path = urlsplit(address).path
        return "; ".join(f"{name}={value}" for (name, below), value in self._cookies.items() if path.startswith(below))

    def _take(self, answer: Answer) -> None:
        for header, line in answer.headers:
            if header == "set-cookie":
                pair, *rest = (part.strip() for part in line.split(";"))
                name, _, value = pair.partition("=")
                told = dict(part.partition("=")[::2] for part in rest)
                self._cookies[name, told.get("Path", "/")] = value


class Api:
    """A system that has a key of a brand; money and instants as the API has them."""

    def __init__(self, doors: Doors, brand: str, key: str) -> None:
        self._doors, self._brand, self._key = doors, brand, key

    def ask(self, path: str) -> Any:
        """A GET below the brand's path; an error is an error."""
        return self._call("GET", path, None)

    def tell(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """A write below the brand's path; an error is an error."""
        return self._call(method, path, body)

    def status(self, path: str) -> int:
        """What a GET is answered with."""
        return self._doors.send("GET", f"/api/v1/{self._brand}{path}", self._headers()).status

    def _call(self, method: str, path: str, body: Any) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        answer = self._doors.send(method, f"/api/v1/{self._brand}{path}", self._headers(), sent)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json if "json" in dict(answer.headers).get("content-type", "") else answer.text

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
