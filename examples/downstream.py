"""Runs the tests of every example plugin against the framework as others get it: a wheel in an environment of its own.

``make downstream`` calls it. An example is a distribution (``examples/*/pyproject.toml``) or a folder of
``examples/plugins``; its tests lie in its folder ``tests``. One without tests is tried against the checklist alone.
Beside the wheel the environment sees the libraries of the Python that runs this, and nothing of the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SOURCES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "scrm_core", "plugins")
# Without pytest's settings of the checkout: an author has none of them.
PYTEST = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "testpaths=")


def distributions() -> list[Path]:
    """The examples that can be installed."""
    return sorted(path.parent for path in HERE.glob("*/pyproject.toml"))


def folders() -> list[Path]:
    """The examples for a project's plugins folder."""
    return sorted(path.parent for path in (HERE / "plugins").glob("scrm_*/__init__.py"))


def has_tests(example: Path) -> bool:
    """Whether an example brings tests of its own."""
    return any((example / "tests").glob("test_*.py"))


def install(place: Path) -> Path:
    """Build the wheel and install it into an environment in ``place``; returns the environment's Python."""
    source, wheels = place / "source", place / "wheels"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", wheels, source], check=True)
    (wheel,) = wheels.glob("scrm-*.whl")
    venv.create(place / "environment", symlinks=True)
    python = place / "environment" / "bin" / "python"
    offline = ["--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--python", str(python), "install", *offline, str(wheel)], check=True)
    packages = Path(asked(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    # A plain path: it makes importable what lies there, and does not follow the checkout's own editable installation.
    (packages / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    return python


def asked(python: Path, code: str) -> str:
    """What a piece of Python prints, run outside the checkout's root."""
    return subprocess.run([python, "-c", code], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()


def run(words: list[str], folder: Path) -> bool:
    """Run a command in a folder, which is where its modules are found; False when it failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    # Compiled once for all of them, and not beside the examples.
    environment["PYTHONPYCACHEPREFIX"] = str(Path(words[0]).parents[2] / "compiled")
    return subprocess.run(words, cwd=folder, env=environment, check=False).returncode == 0


def main() -> int:
    """Install, run everything, and say how long it took; 1 when something failed."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="scrm-downstream-") as name:
        python = install(Path(name))
        found = asked(python, "import scrm_core; print(scrm_core.__file__)")
        if not Path(found).is_relative_to(name):
            print(f"the tests would see {found}, not the wheel")
            return 1
        installed = time.monotonic()
        good = True
        for example in distributions():
            print(f"{example.relative_to(ROOT)}:", flush=True)
            good &= run([str(python), "-m", "pytest", *PYTEST, f"--rootdir={example}", "tests"], example)
        tested = [f"{example.name}/tests" for example in folders() if has_tests(example)]
        if tested:
            print(f"examples/plugins ({len(tested)} with tests):", flush=True)
            folder = HERE / "plugins"
            good &= run([str(python), "-m", "pytest", *PYTEST, f"--rootdir={folder}", *tested], folder)
        for example in folders():
            if not has_tests(example):
                good &= run([str(python), "-m", "scrm_core.cli", "plugin", "check", str(example)], HERE / "plugins")
    print(f"installed in {installed - begun:.1f} s, everything in {time.monotonic() - begun:.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
