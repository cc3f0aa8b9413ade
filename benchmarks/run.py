"""Runs the benchmarks, prints one table and writes it as JSON.

::

    python benchmarks/run.py [--small] [--only 3] [--out benchmarks/results.json]

Each ``bar*.py`` beside this file runs in a process of its own. The JSON is
``{"rows": [{"bar", "ratio", "limit", "holds"}]}``. A bar that cannot run here
(no PostgreSQL, for example) ends with exit code 77 and is shown as skipped with
its reason. The exit code is 1 when a bar crashed, printed nothing or, in a full
run, did not hold; ``--small`` sizes prove that the benchmarks run and gate
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
TIME_LIMIT_SECONDS = {True: 120, False: 1_800}


@dataclass
class Outcome:
    """What one bar's process gave: its rows, or why there are none."""

    name: str
    rows: list[dict[str, object]] = field(default_factory=list)
    skipped: str = ""
    failed: str = ""


def bars(only: str) -> list[Path]:
    """The bar files in numerical order, all of them or those of one number."""
    files = sorted(HERE.glob("bar[0-9]*.py"))
    if not only:
        return files
    return [f for f in files if f.name[3:].split("_")[0].lstrip("0") == only.lstrip("0")]


def run_bar(path: Path, *, small: bool) -> Outcome:
    """Run one bar in its own process and collect the rows it prints."""
    outcome = Outcome(path.stem)
    command = [sys.executable, str(path), *(["--small"] if small else [])]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS[small], cwd=HERE.parent, check=False
        )
    except subprocess.TimeoutExpired:
        outcome.failed = f"did not end within {TIME_LIMIT_SECONDS[small]} seconds"
        return outcome
    last_words = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode == SKIPPED:
        outcome.skipped = last_words
        return outcome
    outcome.rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"bar"')]
    if done.returncode != 0:
        outcome.failed = f"exit code {done.returncode}: {last_words}"
    elif not outcome.rows:
        outcome.failed = "printed no row"
    return outcome


def show(outcome: Outcome) -> None:
    """Print the part of the table that one bar gave."""
    for row in outcome.rows:
        verdict = "holds" if row["holds"] else "SHORT"
        print(f"{row['bar']!s:<52} {row['ratio']:>9.3f} {row['sense']!s:>3} {row['limit']!s:<8} {verdict}", flush=True)
    if outcome.skipped:
        print(f"{outcome.name:<52} skipped: {outcome.skipped}", flush=True)
    if outcome.failed:
        print(f"{outcome.name:<52} FAILED: {outcome.failed}", flush=True)


def write(path: Path, outcomes: list[Outcome]) -> None:
    """Write the rows as JSON, whole or not at all."""
    keys = ("bar", "ratio", "limit", "holds")
    rows = [{key: row[key] for key in keys} for outcome in outcomes for row in outcome.rows]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".json", delete=False) as file:
        json.dump({"rows": rows}, file, indent=1)
        file.write("\n")
    os.replace(file.name, path)


def main() -> int:
    """Run what was asked for and return the exit code."""
    parser = argparse.ArgumentParser(description="Runs the benchmarks beside their yardsticks.")
    parser.add_argument("--small", action="store_true", help="sizes that prove the benchmarks run; no gate")
    parser.add_argument("--only", default="", metavar="NUMBER", help="run one bar")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", metavar="FILE")
    arguments = parser.parse_args()

    files = bars(arguments.only)
    if not files:
        parser.error(f"there is no bar {arguments.only}" if arguments.only else "there are no bars")
    print(f"{'bar':<52} {'ratio':>9}     limit")
    outcomes = []
    # Small sizes prove that the bars run: they may disturb each other. A measurement has the machine alone.
    with ThreadPoolExecutor(os.cpu_count() if arguments.small else 1) as places:
        for outcome in places.map(lambda path: run_bar(path, small=arguments.small), files):
            show(outcome)
            outcomes.append(outcome)
    write(arguments.out, outcomes)
    short = [row for outcome in outcomes for row in outcome.rows if not row["holds"]]
    failed = [outcome for outcome in outcomes if outcome.failed]
    return 1 if failed or (short and not arguments.small) else 0


if __name__ == "__main__":
    sys.exit(main())
