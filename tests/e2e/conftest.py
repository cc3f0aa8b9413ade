"""The demo as a newcomer gets it: made by ``scrm init --demo``, served by ``scrm run``."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRM = [sys.executable, "-m", "scrm_core.cli"]


@dataclass(frozen=True)
class Demo:
    """A served demo project."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}


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
    port = free_port()
    project = folder / "scrm.toml"
    project.write_text(project.read_text("utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{port}"), "utf-8")
    log = folder.parent / "log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [*SCRM, "run", "--port", str(port), "--workers", "1"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert server.stdout is not None
        # The command says where it serves when it can be asked.
        line = next((line for line in server.stdout if line.startswith("Serving ")), "")
        assert f"http://127.0.0.1:{port}" in line, log.read_text("utf-8")
        yield Demo(folder, port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


@pytest.fixture
def page(demo):
    """A page of a real browser that notes every request and every complaint; skips without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        words = "a browser is missing: on Debian, sudo apt install chromium"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.asked = []
        opened.complaints = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        yield opened
        browser.close()
