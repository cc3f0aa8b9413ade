"""Figures on pages have separators between thousands: no template prints a bare count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "plugins").glob("*/templates/**/*.html"))
# What is a count wherever a template prints it as an attribute of something; right-aligned cells hold nothing else.
COUNTS = frozenset(
    "accepted added applied attempts balance chances draws entries exposed exposures given granted imbalance issued left "
    "orders printed qty quantity queued quota received replied scanners shipped sold stock stock_left stock_total taken "
    "total visitors visits waiting won".split()
)
WORDS = frozenset(("t", "gw", "words", "word", "more"))
"""Tables of words, and functions that give words."""
NO_COUNT = frozenset(("p_value",))
WRITERS = frozenset("when money day cell points left count share seconds rate between badge state".split())


def printed(text: str) -> Iterator[tuple[str, bool]]:
    """What a template prints for people, outside of attributes; and whether that is in a right-aligned cell."""
    plain = re.sub(r"\{%.*?%\}", lambda found: " " * len(found[0]), text, flags=re.DOTALL)
    blank = re.sub(r"\{\{.*?\}\}", lambda found: " " * len(found[0]), plain, flags=re.DOTALL)
    for found in re.finditer(r"\{\{(.*?)\}\}", plain, re.DOTALL):
        before = blank[: found.start()]
        if before.rfind("<") < before.rfind(">"):
            cell = re.search(r'<td class="number"[^>]*>(?:(?!</td>).)*$', before, re.DOTALL)
            yield found[1], cell is not None


def bare(expression: str, cell: bool) -> bool:
    """Whether an expression prints a number as it is."""
    output = Environment(autoescape=False).parse("{{" + expression + "}}").body[0]
    assert isinstance(output, nodes.Output)
    return any(_bare(each, cell) for each in output.nodes)


def _bare(node: nodes.Node, cell: bool) -> bool:
    if isinstance(node, nodes.CondExpr):
        return any(_bare(each, cell) for each in (node.expr1, node.expr2) if each is not None)
    if isinstance(node, nodes.Call):
        return cell and not _writes(node.node)
    if isinstance(node, nodes.Filter):
        return cell and node.name in ("length", "sum", "int")
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
        name = node.attr if isinstance(node, nodes.Getattr) else ""
        return _root(node) not in WORDS and name not in NO_COUNT and (cell or name in COUNTS)
    return False


def _writes(target: nodes.Node) -> bool:
    """A function that writes figures or words, ``parts.count``, or ``"{:,}".format`` and the like."""
    if isinstance(target, nodes.Name):
        return target.name in WRITERS | WORDS
    if isinstance(target, nodes.Getattr) and target.attr == "format":
        return isinstance(target.node, nodes.Const) and ":" in target.node.value
    return isinstance(target, nodes.Getattr) and target.attr in WRITERS


def _root(node: nodes.Node) -> str:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_no_template_prints_a_bare_count(path):
    assert [each.strip() for each, cell in printed(path.read_text("utf-8")) if bare(each, cell)] == []
