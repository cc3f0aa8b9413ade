"""Bar 14: ``scrm --help`` beside ``python -c "import click"``, both as processes of their own."""

from __future__ import annotations

import subprocess
import sys

from measure import paired, report, size

RUNS = size(10, 3)
HELP = [sys.executable, "-c", "from scrm_core.cli import main; main()", "--help"]
CLICK = [sys.executable, "-c", "import click"]
HEAVY = ("flask", "peewee", "marshmallow", "werkzeug", "granian", "huey", "lark", "phonenumbers")
NAMES = "import sys; sys.argv[1:] = ['--help']\nfrom scrm_core.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
NAMES += "    print('loaded:', *sys.modules, file=sys.stderr)"


def run(command: list[str]) -> None:
    """Run a command a few times."""
    for _ in range(RUNS):
        subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Measure the bar, after a look at what the help imports."""
    done = subprocess.run([sys.executable, "-c", NAMES], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    heavy = [name for name in HEAVY if name in loaded]
    if heavy:
        raise RuntimeError(f"scrm --help imports {', '.join(heavy)}")
    pairs = paired(lambda: run(HELP), lambda: run(CLICK))
    report("14 scrm --help", pairs.time, at_most=1.8)


if __name__ == "__main__":
    main()
