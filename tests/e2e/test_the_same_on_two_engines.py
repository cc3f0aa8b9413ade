"""The project file with a PostgreSQL and a Redis URL is the only change between one machine and several."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from run_scene import SCRM, Server, scrm

DEPLOY = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "scrm.toml"
BRAND = """
[brand]
id = "{0}"
name = "{0}"
timezone = "Asia/Shanghai"
currency = "CNY"

[plugins.tag-rules]
[[plugins.tag-rules.rules]]
name = "from the form"
event = "lead"
source = "form"
group = "origin"
tag = "form"
plan = "write to them"
"""
BRANDS = ("same-one", "same-two")
TWO_LINES = {"database_url", "queue_url"}


@pytest.fixture
def several(postgres_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What the two environment variables of the example hold; the brands' schemas are dropped afterwards."""
    import psycopg

    yield f"{postgres_url} {redis_url}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for brand in BRANDS:
            connection.execute(f'DROP SCHEMA IF EXISTS "{brand}" CASCADE')


def story(folder: Path, text: str) -> dict:
    """A project with this project file and two brands: migrated, served by two processes, asked over HTTP."""
    (folder / "brands").mkdir(parents=True)
    (folder / "scrm.toml").write_text(text, "utf-8")
    for brand in BRANDS:
        (folder / "brands" / f"{brand}.toml").write_text(BRAND.format(brand), "utf-8")
    assert scrm(folder, "migrate").returncode == 0
    made = scrm(folder, "key", "create", BRANDS[0], "--name", "test", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["key"]
    server = Server(folder, free_port(), "--no-worker")
    worker = subprocess.Popen([*SCRM, "worker"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        server.wait_for("Serving ")
        lead = {"source": "form", "key": "1", "phone": "+8613800138000", "at": "2026-01-01T10:00:00+08:00"}
        answers = [ask(server.port, key, "POST", "/leads", lead) for _ in range(2)]
        assert "contact" in answers[0][1], answers
        uid = answers[0][1]["contact"]
        deadline, never = time.monotonic() + 60, selectors.DefaultSelector()
        while not (tags := ask(server.port, key, "GET", f"/contacts/{uid}", None)[1]["tags"]):
            assert time.monotonic() < deadline, "the worker never set the tag"
            never.select(0.05)
        counted = [scrm(folder, "segment", "count", brand, "tag = form").stdout for brand in BRANDS]
        return {
            "codes": [code for code, _ in answers],
            "same": answers[0][1]["contact"] == answers[1][1]["contact"],
            "tags": [{name: tag[name] for name in ("group", "tag")} for tag in tags],
            "counted": counted,
        }
    finally:
        for process in (worker, server.process):
            process.terminate()
            process.wait(60)


def ask(port: int, key: str, method: str, path: str, body: dict | None) -> tuple[int, dict]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/{BRANDS[0]}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, json.loads(answer.read())


@pytest.mark.wide
def test_two_lines_of_the_project_file_are_all_that_changes(tmp_path, several, monkeypatch):
    text = DEPLOY.read_text("utf-8")
    one_machine = "".join(line for line in text.splitlines(True) if line.partition(" ")[0] not in TWO_LINES)
    large, small = tomllib.loads(text), tomllib.loads(one_machine)
    assert {name for name in large | small if large.get(name) != small.get(name)} == TWO_LINES
    alone = story(tmp_path / "alone", one_machine)
    monkeypatch.setattr("run_scene.environment", lambda: dict(os.environ))
    database, queue = several.split()
    monkeypatch.setenv("SCRM_DATABASE", database)
    monkeypatch.setenv("SCRM_QUEUE", queue)
    together = story(tmp_path / "together", text)
    assert together == alone
    assert together["tags"] == [{"group": "origin", "tag": "form"}]
    assert together["counted"][0] != together["counted"][1]
    assert not list((tmp_path / "together").rglob("*.db"))
