"""A command line in process: the project of the test, its clock, what was printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scrm_core.cli.root import root
from scrm_core.cli.session import Session


class Cli:
    """Runs commands in one project folder."""

    def __init__(self, folder: Path, clock: Any = None) -> None:
        self.folder = folder
        self.clock = clock

    def __call__(self, *arguments: str, code: int = 0, text: str | None = None) -> Result:
        """Run a command and expect an exit code."""
        session = Session(self.folder, self.clock)
        try:
            done = CliRunner().invoke(root, [str(a) for a in arguments], obj=session, input=text, prog_name="scrm")
        finally:
            session.close()
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with ``--json`` and return what it prints."""
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def counts(self, *arguments: str, code: int = 0) -> dict[str, int]:
        """Run an import and return its counts."""
        answer: dict[str, int] = json.loads(self(*arguments, code=code).stdout)
        return answer


@pytest.fixture
def cli(installation, clock) -> Cli:
    """The command line in a project of the brands acme and moonco."""
    return Cli(installation.config.root, clock)


@pytest.fixture
def cli_with(new_installation, clock) -> Callable[..., Cli]:
    """A function that makes the project with more in a brand's file, and gives its command line."""

    def make(**brands: str) -> Cli:
        return Cli(new_installation(**brands).config.root, clock)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """A function that writes a file of the test and returns its path."""

    def make(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make
