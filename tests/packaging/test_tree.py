"""The tree keeps its habits: rooms within budget, honest handlers, no leftovers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", "__pycache__", "build", "dist", "demo-project", ".hypothesis", ".mypy_cache"}
TEXT = {".py", ".md", ".toml", ".cfg", ".txt", ".html", ".sql", ".lark", ".css", ".js", ""}


def tree(*folders: str, suffixes: set[str] = frozenset({".py"})) -> list[Path]:
    roots = [ROOT / folder for folder in folders] if folders else [ROOT]
    return sorted(
        path
        for root in roots
        for path in ([root] if root.is_file() else root.rglob("*"))
        if path.is_file()
        and path.suffix in suffixes
        and not SKIPPED & set(path.relative_to(ROOT).parts)
        and not any(part.endswith((".egg-info", "_cache")) for part in path.parts)
    )


def lines(paths: list[Path]) -> int:
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def budgets(text: str) -> dict[str, int]:
    """Rooms and lines of the table in docs/design.md whose first heading is "room"."""
    found: dict[str, int] = {}
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0].lower() == "room":
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            found[cells[0].strip("`").rstrip("/")] = int(re.sub(r"[,_ ]", "", cells[1]))
    return found


def rooms() -> dict[str, int]:
    """Lines of each room: a folder below scrm_core, or its top-level modules together."""
    counted = {"scrm_core": lines(sorted((ROOT / "scrm_core").glob("*.py")))}
    for folder in sorted((ROOT / "scrm_core").iterdir()):
        if folder.is_dir() and folder.name not in SKIPPED:
            counted[f"scrm_core/{folder.name}"] = lines(tree(f"scrm_core/{folder.name}"))
    return counted


def test_every_room_of_the_core_keeps_its_line_budget():
    allowed = budgets((ROOT / "docs" / "design.md").read_text("utf-8"))
    counted = rooms()
    assert set(counted) <= set(allowed), "a room without a budget in docs/design.md"
    over = {room: (count, allowed[room]) for room, count in counted.items() if count > allowed[room]}
    assert over == {}, "raise a budget only with a reason in docs/design.md"


def test_the_reader_of_budgets_reads_a_table():
    text = "| room | lines | why |\n|---|---:|---|\n| `scrm_core/db` | 1,500 | x |\n\n| other | 3 |\n"
    assert budgets(text) == {"scrm_core/db": 1500}


def silent_handlers(source: str) -> list[int]:
    """Lines of ``except`` clauses that catch everything, or that do nothing but pass."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
            if node.type is None or silent:
                found.append(node.lineno)
    return found


def test_no_handler_is_bare_or_silent():
    paths = tree("scrm_core", "plugins", "benchmarks", "examples", "cli.py")
    assert {str(p.relative_to(ROOT)): bad for p in paths if (bad := silent_handlers(p.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("try:\n    f()\nexcept:\n    g()", [3]),
        ("try:\n    f()\nexcept OSError:\n    pass", [3]),
        ("try:\n    f()\nexcept OSError:\n    g()", []),
    ],
)
def test_the_reader_of_handlers_sees_them(source, found):
    assert silent_handlers(source) == found


def test_nothing_is_left_for_later():
    words = ("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")
    marks = re.compile(rf"\b(?:{'|'.join(words)})\b")
    paths = tree("scrm_core", "plugins", "tests", "docs", "benchmarks", "examples", suffixes=TEXT)
    paths = [path for path in paths if path != Path(__file__).resolve()]
    assert [str(p.relative_to(ROOT)) for p in paths if marks.search(p.read_text("utf-8"))] == []


def test_modules_are_named_for_what_they_hold():
    vague = {"utils", "util", "helpers", "helper", "misc", "common", "manager"}
    assert [str(p.relative_to(ROOT)) for p in tree() if p.stem in vague] == []


def test_tests_never_sleep():
    calls = re.compile(r"\btime\.sleep\(|\bsleep\(\d")
    paths = [path for path in tree("tests") if path != Path(__file__).resolve()]
    assert [str(p.relative_to(ROOT)) for p in paths if calls.search(p.read_text("utf-8"))] == []


def test_test_modules_have_unique_names():
    names = [path.name for path in tree("tests") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_the_project_names_no_machine_it_was_made_on():
    paths = tree(suffixes=TEXT | {".json", ".yml"})
    paths = [path for path in paths if path != Path(__file__).resolve()]
    foreign = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")
    assert [str(p.relative_to(ROOT)) for p in paths if foreign.search(p.read_text("utf-8"))] == []
