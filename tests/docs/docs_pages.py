"""Plays a page of the documentation: writes its files, runs its commands, compares what they print.

A comment directly before a fenced block says what the block is:

``<!-- run -->``
    Commands after ``$`` are run in the page's folder, in order; the lines below
    a command are what it prints, where ``...`` stands for anything.
``<!-- soon -->``
    The same for what a worker does a moment later: the commands are given again
    until they print what the page shows, for :data:`SOON` seconds.
``<!-- serve -->``
    One command that serves at the usual port until the page ends; the line below
    it is the first that it prints. It gets a free port, ``--port``, which the
    page's other commands then ask instead.
``<!-- file: PATH -->``
    The block is the content of a new file in the page's folder.
``<!-- same: PATH -->``
    The block equals that file of the project, or a run of its lines.
``<!-- demo -->``
    Commands as under ``run``, for the folder of the demo while it is served; the
    end-to-end tests give them.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^<!-- (run|soon|serve|file|same|demo)(?:: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One marked block: what it is, the path it names, its text."""

    act: str
    path: str
    text: str


def blocks(page: str) -> list[Block]:
    """The marked blocks of a page, in order."""
    return [Block(act, path, text) for act, path, text in _BLOCK.findall(page)]


def commands(text: str) -> list[tuple[str, str]]:
    """Commands of a console block with the output the page shows below each.

    A command ending with a backslash goes on in the next line.
    """
    found: list[tuple[str, str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
            found.append((command, ""))
        else:
            command, shown = found.pop()
            found.append((command, shown + line + "\n"))
    return found


PORT = "18765"
"""The port that pages serve at in the background."""

USUAL = "127.0.0.1:8000"
"""Where a page is served that leaves the port to ``scrm run``."""

SOON = 20.0
"""Seconds in which a worker has done what a page shows."""


def matches(shown: str, printed: str) -> bool:
    """Whether what was printed is what the page shows; ``...`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def environment(commands: Path | None = None) -> dict[str, str]:
    """The environment of a reader's shell: this Python's commands first, no driver of PostgreSQL, plain output.

    ``commands`` is a folder whose commands come before those.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}
    places = [commands, Path(sys.executable).parent, env.get("PATH", "")]
    env["PATH"] = os.pathsep.join(str(place) for place in places if place is not None)
    env.update(COLUMNS="100", NO_COLOR="1", LC_ALL="C.UTF-8", PYTHONPATH=str(Path(__file__).parent / "reader"))
    return env


def play(page: Path, folder: Path, commands_in: Path | None = None) -> int:
    """Play every block of a page in ``folder``; returns how many. Raises AssertionError where page and code differ.

    The folder is what a reader's checkout is: it has the project's ``examples``.
    A ``cd`` holds for the blocks behind it, and so does an ``export``.
    """
    if not (folder / "examples").exists():
        (folder / "examples").symlink_to(ROOT / "examples")
    place, exported = folder, ""
    # Pages that serve say one port; a machine that runs several of them at once has others.
    port = str(free_port())
    found = [block for block in blocks(page.read_text("utf-8").replace(PORT, port)) if block.act != "demo"]
    if any(block.act == "serve" for block in found):
        found = [replace(block, text=block.text.replace(USUAL, f"127.0.0.1:{port}")) for block in found]
    env = environment(commands_in)
    with contextlib.ExitStack() as servers:
        for block in found:
            if block.act == "file":
                target = place / block.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, "utf-8")
                continue
            if block.act == "same":
                assert block.text in (ROOT / block.path).read_text("utf-8"), f"{page.name}: differs from {block.path}"
                continue
            for command, shown in commands(block.text):
                if command.startswith("cd "):
                    place = (place / command[3:]).resolve()
                elif command.startswith("export "):
                    exported += f"{command}; "
                elif block.act == "serve":
                    served = f"{exported}exec {command} --port {port}"
                    servers.enter_context(serving(served, shown, place, page.name, env))
                else:
                    run(exported + command, shown, place, page.name, env, SOON if block.act == "soon" else 0)
    return len(found)



@contextlib.contextmanager
def serving(command: str, shown: str, place: Path, page: str, env: dict[str, str]) -> Iterator[None]:
    """A command in a terminal of its own: begun when it has said what the page shows, told to end by SIGTERM."""
    words = ["bash", "-c", command]
    with subprocess.Popen(words, cwd=place, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            printed = process.stdout.readline()
            assert matches(shown, printed), f"{page}: $ {command}\nshown:\n{shown}\nprinted:\n{printed}"
            yield
        finally:
            process.terminate()
            code = process.wait(60)
        assert code == 0, f"{page}: $ {command}\nended with {code}"


def run(command: str, shown: str, place: Path, page: str, env: dict[str, str], seconds: float = 0) -> None:
    """Run one command as a reader would and compare its output, unless the page shows none.

    A command that differs is given again for so many ``seconds``.
    """
    latest = time.monotonic() + seconds
    while True:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if (done.returncode == 0 and matches(shown, done.stdout)) or time.monotonic() >= latest:
            break
    assert done.returncode == 0, f"{page}: $ {command}\n{done.stdout}{done.stderr}"
    if shown:
        assert matches(shown, done.stdout), f"{page}: $ {command}\nshown:\n{shown}\nprinted:\n{done.stdout}"
