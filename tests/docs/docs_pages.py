"""Plays a page of the documentation: writes its files, runs its commands, compares what they print.

A comment directly before a fenced block says what the block is:

``<!-- run -->``
    Commands after ``$`` are run in the page's folder, in order; the lines below
    a command are what it prints, where ``...`` stands for anything.
``<!-- file: PATH -->``
    The block is the content of a new file in the page's folder.
``<!-- same: PATH -->``
    The block equals that file of the project, or a run of its lines.
``<!-- demo -->``
    Commands as under ``run``, for the folder of the demo while it is served; the
    end-to-end tests give them.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^<!-- (run|file|same|demo)(?:: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


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
"""The port that pages serve at."""


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
    text = page.read_text("utf-8").replace(PORT, str(free_port()))
    found = [block for block in blocks(text) if block.act != "demo"]
    for block in found:
        if block.act == "file":
            target = place / block.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        elif block.act == "same":
            assert block.text in (ROOT / block.path).read_text("utf-8"), f"{page.name}: differs from {block.path}"
        else:
            for command, shown in commands(block.text):
                if command.startswith("cd "):
                    place = (place / command[3:]).resolve()
                    continue
                if command.startswith("export "):
                    exported += f"{command}; "
                    continue
                run(exported + command, shown, place, page.name, environment(commands_in))
    return len(found)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(command: str, shown: str, place: Path, page: str, env: dict[str, str]) -> None:
    """Run one command as a reader would and compare its output, unless the page shows none."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{page}: $ {command}\n{done.stdout}{done.stderr}"
    if shown:
        assert matches(shown, done.stdout), f"{page}: $ {command}\nshown:\n{shown}\nprinted:\n{done.stdout}"
