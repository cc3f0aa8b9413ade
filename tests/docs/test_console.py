"""What a reader of the documentation types works, and prints what the page shows."""

from __future__ import annotations

from pathlib import Path

import docs_pages as pages
import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAYED = [
    page
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    if any(block.act != "demo" for block in pages.blocks(page.read_text("utf-8")))
]


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_the_page_does_what_it_says(page, tmp_path):
    assert pages.play(page, tmp_path) > 0


def write(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    return page


def test_a_command_that_prints_something_else_is_noticed(tmp_path):
    page = write(tmp_path, "<!-- run -->\n```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(AssertionError, match="echo one"):
        pages.play(page, tmp_path)


def test_a_command_that_fails_is_noticed(tmp_path):
    page = write(tmp_path, "<!-- run -->\n```console\n$ false\n```\n")
    with pytest.raises(AssertionError, match="false"):
        pages.play(page, tmp_path)


def test_a_block_that_differs_from_its_file_is_noticed(tmp_path):
    page = write(tmp_path, "<!-- same: setup.cfg -->\n```ini\nname = other\n```\n")
    with pytest.raises(AssertionError, match="differs"):
        pages.play(page, tmp_path)


def test_files_folders_and_wildcards_work_together(tmp_path):
    text = (
        "<!-- run -->\n```console\n$ mkdir a\n$ cd a\n```\n"
        "<!-- file: b/c.txt -->\n```text\nhello\n```\n"
        "<!-- run -->\n```console\n$ cat \\\n    b/c.txt\nh...o\n```\n"
    )
    assert pages.play(write(tmp_path, text), tmp_path) == 3
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "hello\n"
