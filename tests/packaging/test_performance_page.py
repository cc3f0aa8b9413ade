"""docs/performance.md answers for every bar: what the benchmarks can print has a row there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARS = sorted((ROOT / "benchmarks").glob("bar[0-9]*.py"))


def labels(source: str) -> list[str]:
    """Patterns of the rows that a bar's file reports: what is filled in may be anything."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("report", "count_beside"):
            found += [pattern(argument) for argument in node.args if pattern(argument)]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "report":
            found += [pattern(argument) for argument in node.args if pattern(argument)]
    return found


def pattern(node: ast.expr) -> str:
    """A regular expression of a text that begins with a bar's number; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(
            re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values
        )
    else:
        return ""
    return text if re.match(r"\d+\\ ", text) else ""


def rows() -> list[str]:
    """The first cells of the page's tables."""
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


def test_every_bar_has_a_benchmark():
    assert [int(path.name[3:5]) for path in BARS] == list(range(1, 22))


def test_every_row_that_a_bar_reports_is_answered_for():
    written = rows()
    asked = {label: path.name for path in BARS for label in labels(path.read_text("utf-8"))}
    assert len(asked) >= 30
    missing = {label: name for label, name in asked.items() if not any(re.fullmatch(label, row) for row in written)}
    assert missing == {}


def test_a_bar_that_does_not_hold_says_why():
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    short = {cells[0].split()[0] for cells in table if len(cells) == 5 and cells[4].startswith("short")}
    explained = set(re.findall(r"\*\*Bar (\d+)\*\*", text))
    assert short <= explained


def test_the_reader_of_bars_sees_every_form():
    source = 'report("1 a b", x)\nmeasure.report(f"2 c {d}, e", x)\ncount_beside(b, f"3 {x} y", z)\nreport(bar, x)'
    assert labels(source) == [r"1\ a\ b", r"2\ c\ .+,\ e", r"3\ .+\ y"]
