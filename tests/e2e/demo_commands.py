"""Commands that a page shows of the served demo, given to it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "docs"))

import docs_pages  # noqa: E402


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=docs_pages.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextlib.contextmanager
def commands_given(demo: Any) -> Iterator[Callable[[str], int]]:
    """A function that gives every demo command of a page to the served demo, each brand file as it was afterwards."""
    kept = {path: path.read_bytes() for path in (demo.folder / "brands").glob("*.toml")}

    def give(name: str) -> int:
        found = [b for b in docs_pages.blocks((ROOT / name).read_text("utf-8")) if b.act == "demo"]
        for block in found:
            for command, shown in docs_pages.commands(block.text):
                command = command.replace("http://127.0.0.1:8000", demo.url).replace("18767", str(demo.wecom_port))
                done = shell(command.replace("curl ", "curl -sS "), demo.folder)
                assert done.returncode == 0, done.stderr
                assert docs_pages.matches(shown, done.stdout), f"{command}\n{done.stdout}{done.stderr}"
        return len(found)

    yield give
    for path, content in kept.items():
        path.write_bytes(content)
