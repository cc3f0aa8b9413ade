"""docs/security.md names tests that exist, and a row without a test is none."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def known_tests() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named - known_tests() == set()


def test_every_row_of_what_is_defended_names_a_test():
    part = PAGE.partition("## What is defended")[2].partition("## What is not defended")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]
    assert len(rows) > 25
    assert [row for row in rows if "`test_" not in row] == []


def test_every_test_of_this_room_stands_on_the_page():
    mine = {
        name
        for path in (ROOT / "tests" / "security").glob("test_*.py")
        if path.name != Path(__file__).name
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {name for name in mine if name not in PAGE} <= {
        # Tests of the tests' own tools, or further cases of a row.
        "test_the_reader_of_the_document_sees_an_operation_that_states_no_scope",
        "test_a_public_address_is",
        "test_every_form_and_every_page_with_an_id_is_listed_here",
        "test_whose_page_it_is_sees_it",
        "test_a_brand_calls_into_networks_that_the_project_names_and_into_no_other",
        "test_networks_that_are_none_are_refused",
        "test_what_a_route_tells_of_hostile_names_is_json_that_no_browser_takes_for_a_page",
        "test_a_word_that_nobody_finishes_loses_its_secret_all_the_same",
    }
