"""The demo as a newcomer gets it, and one real browser for all tests of pages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from demo_commands import commands_given
from mall import Mall, opened
from phones import Phone, chromium_path
from ports import free_port
from served import SCRM, environment, serving


@dataclass(frozen=True)
class Demo:
    """A served demo project."""

    folder: Path
    port: int
    wecom_port: int
    """Where its brand looks for WeCom; nobody serves there until somebody starts the simulator."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return (self.folder.parent / "log").read_text("utf-8")


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory) -> Path:
    """The folder of a demo project, complete and not served; tests that write take a copy."""
    folder = tmp_path_factory.mktemp("e2e") / "demo-project"
    subprocess.run([*SCRM, "init", str(folder), "--demo"], check=True, env=environment(), timeout=240)
    return folder


@pytest.fixture(scope="module")
def demo(demo_project, tmp_path_factory) -> Iterator[Demo]:
    """The demo, served on a free port and stopped at the end."""
    folder = tmp_path_factory.mktemp("served") / "demo-project"
    shutil.copytree(demo_project, folder)
    made = Demo(folder, free_port(), free_port())
    for path, said, here in (
        (folder / "scrm.toml", "http://127.0.0.1:8000", made.url),
        (folder / "brands" / "demo.toml", "http://127.0.0.1:18767", f"http://127.0.0.1:{made.wecom_port}"),
    ):
        text = path.read_text("utf-8")
        assert said in text
        path.write_text(text.replace(said, here), "utf-8")
    with serving(folder, made.url):
        yield made


@pytest.fixture
def readme_commands(demo: Demo) -> Iterator[Callable[[str], int]]:
    """A function that gives every demo command of a page to the served demo, each brand file as it was afterwards."""
    with commands_given(demo) as give:
        yield give


@pytest.fixture(scope="session")
def mall(tmp_path_factory) -> Iterator[Mall]:
    """A served brand with a coupon, a counter and every game."""
    with opened(tmp_path_factory.mktemp("mall") / "project") as house:
        yield house


class _Chromium:
    """The browser of the neighbouring tests of this folder; it is ended before tests elsewhere begin.

    Playwright keeps an event loop running in this thread, which tests elsewhere must not find.
    """

    def __init__(self) -> None:
        self._driver: Any = None
        self._browser: Any = None

    def get(self, path: str) -> Any:
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            self._driver = sync_playwright().start()
            self._browser = self._driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        return self._browser

    def end(self) -> None:
        if self._browser is not None:
            self._browser.close()
            self._driver.stop()
            self._browser = self._driver = None


_chromium = _Chromium()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _chromium.end()


@pytest.fixture
def browser() -> Any:
    """The browser; skips without one."""
    path = chromium_path()
    if path is None:
        words = "a browser is missing: on Debian, sudo apt install chromium"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    return _chromium.get(path)


@pytest.fixture
def phones(browser) -> Iterator[Callable[..., Phone]]:
    """A function that gives a person's phone: ``phones(base, cookie)``; each is checked and put away at the end."""
    made: list[Phone] = []

    def make(base: str, cookie: str = "", **options: Any) -> Phone:
        made.append(Phone(browser, base, cookie, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """A tab of a wide window that notes every request and every complaint."""
    opened = browser.new_page()
    opened.asked = []
    opened.complaints = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    yield opened
    opened.context.close()
