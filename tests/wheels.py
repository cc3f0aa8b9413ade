"""The framework as others get it: its built wheel, and an empty environment with it and what it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = ["-m", "pip", "--quiet", "--disable-pip-version-check"]


def built_wheel(place: Path) -> Path:
    """Build the wheel below ``place``, offline and from a copy, so that the checkout stays as it is."""
    copy, wheels = place / "source", place / "wheels"
    copy.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "cli.py"):
        shutil.copy(ROOT / name, copy / name)
    for folder in ("scrm_core", "plugins"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, *PIP, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", wheels, copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = wheels.glob("*.whl")
    return built


def commands_of_the_wheel(place: Path) -> Path:
    """Install the wheel below ``place`` as pip does by itself; returns the folder of the environment's commands."""
    binaries = place / "empty" / "bin"
    subprocess.run([sys.executable, "-m", "venv", place / "empty"], check=True)
    install = [binaries / "python", *PIP, "install", "-c", ROOT / "constraints.txt", built_wheel(place)]
    subprocess.run(install, check=True)
    return binaries
