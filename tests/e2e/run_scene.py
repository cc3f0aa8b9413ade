"""``scrm run`` as processes of a test: projects, servers, and what became of them; two of them as partners."""

from __future__ import annotations

import os
import selectors
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

SCRM = [sys.executable, "-m", "scrm_core.cli"]
PATIENCE = 60
BRAND = '[brand]\nid = "{0}"\nname = "{0}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}



def scrm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRM, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def project(folder: Path, database_url: str, *brands: str) -> Path:
    (folder / "brands").mkdir(parents=True)
    (folder / "scrm.toml").write_text(f'database_url = "{database_url}"\n')
    for brand in brands:
        (folder / "brands" / f"{brand}.toml").write_text(BRAND.format(brand))
    return folder


class Server:
    """A running ``scrm run``."""

    def __init__(self, folder: Path, port: int, *arguments: str, **variables: str) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [*SCRM, "run", "--port", str(port), "--workers", "1", *arguments],
            cwd=folder,
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = ""

    def wait_for(self, words: str) -> None:
        """Read what it prints until the words come."""
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        deadline = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while words not in self.said:
                assert time.monotonic() < deadline, f"never said {words!r}:\n{self.said}"
                if selector.select(0.5):
                    data = os.read(self.process.stdout.fileno(), 65_536)
                    assert data, f"ended before it said {words!r}:\n{self.said}"
                    self.said += data.decode()

    def family(self) -> dict[int, str]:
        """Process ids below this one, with what they run."""
        found: dict[int, str] = {}
        ring = {self.process.pid}
        while ring:
            ring = {pid for pid in children_of(ring) if pid not in found}
            found |= {pid: command(pid) for pid in ring}
        return found

    def one(self, words: str) -> int:
        """The id of the child that runs something with the words."""
        (pid,) = [pid for pid in children_of({self.process.pid}) if words in command(pid)]
        return pid


def children_of(parents: set[int]) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in parents and fields[0] != "Z":
            found.add(int(folder.name))
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def gone(pids: dict[int, str]) -> bool:
    """True when none of the processes runs any more; one that took an id anew does not count.

    One without a command had ended already when it was met.
    """
    deadline = time.monotonic() + PATIENCE
    never = selectors.DefaultSelector()
    while any(words and command(pid) == words for pid, words in pids.items()):
        if time.monotonic() > deadline:
            return False
        never.select(0.02)
    return True


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return bytes(answer.read())


class Shop:
    """A project of one brand that names the brand of another installation as its partner."""

    def __init__(self, folder: Path, brand: str, port: int, partner: str, partner_port: int, tables: str) -> None:
        self.folder, self.brand, self.port = project(folder, "sqlite:data", brand), brand, port
        with (folder / "scrm.toml").open("a") as file:
            file.write(f'plugins_dir = "plugins"\nbase_url = "http://127.0.0.1:{port}"\n')
            file.write('partner_networks = ["127.0.0.0/8"]\n')
        with (folder / "brands" / f"{brand}.toml").open("a") as file:
            file.write(
                f'[partners.{partner}]\nurl = "http://127.0.0.1:{partner_port}"\nkey = "acme-star-1"\n'
                f'secret = "env:PAIR_SECRET"\n{tables}'
            )

    def scrm(self, *arguments: str) -> str:
        done = scrm(self.folder, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lead(self, phone: str, key: str, state: str = "") -> None:
        (self.folder / "leads.csv").write_text(f"phone,source,key,state\n{phone},form,{key},{state}\n")
        self.scrm("import", "leads", self.brand, "leads.csv")

    def ask(self, sql: str) -> list[tuple]:
        reading = sqlite3.connect(f"file:{self.folder}/data/{self.brand}.db?mode=ro", uri=True)
        try:
            return reading.execute(sql).fetchall()
        finally:
            reading.close()


def wait(
    question: Callable[[], object], words: str, seconds: float = 0.05, patience: float = 2 * PATIENCE
) -> None:
    """Ask until the answer is true, with a pause of so many seconds in between."""
    deadline = time.monotonic() + patience
    pause = selectors.DefaultSelector()
    while not question():
        assert time.monotonic() < deadline, words
        pause.select(seconds)
