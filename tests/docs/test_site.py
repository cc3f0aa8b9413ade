"""The site's menu, the anchors of links, and the messages that the pages quote."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/README.md"), *ROOT.glob("examples/**/README.md")])


def configuration():
    spec = importlib.util.spec_from_file_location("site_conf", DOCS / "site" / "conf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """What code hosts make of the page's headings: a repeated one gets a number."""
    found, seen = set(), Counter()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page.read_text("utf-8")), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def test_an_anchor_is_made_as_code_hosts_make_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# `@contended`\n\n## Reward kinds 奖励\n\n## Reward kinds 奖励\n\n```text\n# no heading\n```\n", "utf-8")
    assert anchors(page) == {"contended", "reward-kinds-奖励", "reward-kinds-奖励-1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_anchors_lead_to_headings(page):
    lost = []
    for target in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", prose(page.read_text("utf-8"))):
        path, _, anchor = target.partition("#")
        if not re.match(r"[a-z]+:", target):
            other = (page.parent / path).resolve() if path else page
            if not other.is_file() or anchor not in anchors(other):
                lost.append(target)
    assert lost == []


def test_the_menu_has_the_captions_of_the_index_and_each_page_once():
    index = "# Pages\n\n[not](here.md)\n\n## Begin\n\n| a | [start](start.md), [sms](../plugins/scrm_sms/README.md) |\n\n## Run\n\n[again](start.md) [end](end.md)\n"
    assert configuration().menu(index) == [
        ("Begin", [("start", "docs/start"), ("sms", "plugins/scrm_sms/README")]),
        ("Run", [("end", "docs/end")]),
    ]


def test_every_page_and_every_plugin_is_in_the_menu():
    listed = {page for _, pages in configuration().menu((DOCS / "index.md").read_text("utf-8")) for _, page in pages}
    wanted = {page.relative_to(ROOT).with_suffix("").as_posix() for page in PAGES} - {"docs/index"}
    assert listed == wanted


def test_a_plugin_author_finds_each_page_in_the_menu():
    listed = {page for _, pages in configuration().menu((DOCS / "index.md").read_text("utf-8")) for _, page in pages}
    sought = (
        "quickstart quickstart.zh concepts plugin-tutorial hooks testing-plugins configuration failures http-api cli operations "
        "scaling security privacy troubleshooting plugin-checklist design"
    )
    assert {*(f"docs/{name}" for name in sought.split()), "CHANGELOG", "README.zh"} <= listed
    concepts = (DOCS / "concepts.md").read_text("utf-8")
    assert len(re.findall(r"^!\[", concepts, re.MULTILINE)) == 1  # the flow, in one picture


@cache
def said() -> str:
    """Every text in the code, with ``...`` where a value is put in."""
    found = []
    for path in [*ROOT.glob("scrm_core/**/*.py"), *ROOT.glob("plugins/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(v.value if isinstance(v, ast.Constant) else "..." for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


QUOTED = re.findall(r"^\| `([^`]+)`", (DOCS / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("message", QUOTED)
def test_a_message_that_the_page_quotes_is_one_of_the_code(message):
    assert message in said()
