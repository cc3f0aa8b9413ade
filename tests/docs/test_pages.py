"""The pages say what the code says, and their links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/README.md"), *ROOT.glob("examples/**/*.md")])


def identity(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_part_equals_the_code():
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_part_would_be_noticed():
    stale = "<!-- generated: limits -->\n| `body_bytes` | 1 |\n<!-- end -->"
    assert generator().filled(stale) != stale


def test_every_generator_has_its_place_in_a_page():
    used = {name for page in DOCS.glob("*.md") for _, name, _ in generator().PART.findall(page.read_text("utf-8"))}
    assert used == set(generator().GENERATORS)


def test_the_hook_page_has_exactly_the_hooks_of_the_code():
    from scrm_core.hooks import HOOK_NAMES

    headings = re.findall(r"^### (\w+)$", (DOCS / "hooks.md").read_text("utf-8"), re.MULTILINE)
    assert headings == list(HOOK_NAMES)


def test_what_services_answer_can_be_named_by_a_plugin():
    from scrm_core import api

    page = (DOCS / "plugin-class.md").read_text("utf-8")
    answers = set(re.findall(r"^\| `(\w+(?:View|Info))` \| ", page.partition("| answer | fields |")[2], re.MULTILINE))
    # What these stand beside is slow to import: the parser of segments, the delivery.
    assert answers - set(api.__all__) == {"SegmentView", "ParkedView"}


def targets(text: str) -> list[str]:
    """Link targets of a page outside code, without those that leave the project."""
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", t)]


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_links_lead_to_files_that_exist(page):
    missing = [t for t in targets(page.read_text("utf-8")) if not (page.parent / t.split("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_toml_blocks_are_toml(page):
    for block in re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        tomllib.loads(block)


def test_every_page_is_reached_from_the_index():
    pages = {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    assert pages == {t.split("#")[0] for t in targets((DOCS / "index.md").read_text("utf-8")) if "/" not in t}


BODY = re.compile(r"^<!-- body: ([\w.]+):(\w+) -->\n```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
BODIES = [
    pytest.param(*found, id=f"{identity(page)}:{found[1]}")
    for page in PAGES
    for found in BODY.findall(page.read_text("utf-8"))
]


@pytest.mark.parametrize(("module", "schema", "text"), BODIES)
def test_bodies_shown_are_what_the_routes_take(module, schema, text):
    given = json.loads(text)
    loaded = getattr(importlib.import_module(module), schema)().load(given)
    assert set(given) <= set(loaded)


def test_every_body_marked_is_checked():
    marks = sum(page.read_text("utf-8").count("<!-- body:") for page in PAGES)
    assert marks == len(BODIES) > 0


def test_tests_named_in_the_pages_exist():
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"^def (test_\w+)", text, re.MULTILINE))
    named = {n for page in PAGES for n in re.findall(r"`(test_\w+)`", page.read_text("utf-8"))}
    assert named
    assert named - existing == set()


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_chinese_page_has_the_sections_commands_and_settings_of_the_english_one(page):
    told = [path.read_text("utf-8") for path in (ROOT / page, (ROOT / page).with_suffix(".zh.md"))]
    blocks = [re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for text in told]
    levels = [re.findall(r"^(#+) ", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE) for text in told]
    named = [sorted(set(re.findall(r"`(make \w+|scrm [a-z]+)", text))) for text in told]
    assert len(blocks[0]) > 5
    assert blocks[0] == blocks[1]
    assert levels[0] == levels[1]
    assert named[0] == named[1]
