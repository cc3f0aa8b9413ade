"""What a plugin's files import, read without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def is_a_test(path: Path) -> bool:
    """Whether a module is one of tests: it imports pytest; a docstring that speaks of it is any module's."""
    try:
        found = list(imports(path))
    except (OSError, SyntaxError, ValueError):
        return False
    return any(module.partition(".")[0] == "pytest" for _, module, _ in found)


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """What a file imports, as (line, module, name); of ``import module`` the name is empty."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):  # bytes: a file may say its own encoding
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
