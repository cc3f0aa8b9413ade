"""What ``make`` says on a machine that lacks something."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path) -> Path:
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False)


def interpreter(folder: Path, script: str) -> str:
    path = folder / "python-for-test"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
    return f"PYTHON={path}"


@pytest.mark.parametrize("goal", ["run", "test"])
def test_a_missing_python_is_named_with_its_remedy(checkout, goal):
    done = make(checkout, goal, "PYTHON=python-that-is-not-there")
    assert done.returncode != 0
    assert "python-that-is-not-there is not installed" in done.stdout
    assert "apt install python3" in done.stdout


def test_an_old_python_is_named_with_the_version_it_must_have(checkout):
    python = interpreter(checkout, '[ "$1" = -V ] && echo "Python 3.9.2" && exit 0; exit 1')
    done = make(checkout, "run", python)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "is Python 3.9.2" in done.stdout


def test_a_python_without_venv_is_named_with_its_remedy(checkout):
    python = interpreter(checkout, 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    done = make(checkout, "run", python)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stdout


@pytest.mark.parametrize("status", [0, 1])
def test_an_audit_that_finds_something_or_cannot_ask_fails_loudly(checkout, status):
    auditor = checkout / "auditor"
    auditor.write_text(f'#!/bin/sh\necho "asked: $@"\nexit {status}\n', "utf-8")
    auditor.chmod(0o755)
    done = make(checkout, "audit", f"AUDIT={auditor}")
    assert (done.returncode != 0) == bool(status)
    assert "--strict" in done.stdout and "constraints.txt" in done.stdout
    assert ("nothing is known to be good" in done.stdout) == bool(status)


def test_make_alone_tells_what_there_is(checkout):
    done = make(checkout)
    assert done.returncode == 0
    for goal in ("make run", "make test", "make wide", "make bench", "make lint"):
        assert goal in done.stdout
    assert not (checkout / ".venv").exists()
