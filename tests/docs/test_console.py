"""What a reader of the documentation types works, and prints what the page shows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docs_pages as pages
import pytest
from quick_scrm import QuickScrm
from wheels import commands_of_the_wheel

ROOT = Path(__file__).resolve().parents[2]
PLAYED = [
    page
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    # A page in Chinese has the commands of the English one beside it: tests/docs/test_pages.py.
    if not page.name.endswith(".zh.md") and any(block.act != "demo" for block in pages.blocks(page.read_text("utf-8")))
]


# What a newcomer types first.
FIRST = ("quickstart.md", "plugin-tutorial.md")
# These are played with the installed script itself, the others with one that has its imports done. What a page ends by
# a signal has to be the process that the shell started.
PLAIN = ("README.md", "quickstart.md", "wecom-simulator.md")


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("quick")
    server = QuickScrm(folder, pages.environment())
    yield folder
    server.close()


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[] if page.name in FIRST else [pytest.mark.wide], id=page.name) for page in PLAYED]
)
def test_the_page_does_what_it_says(page, tmp_path, request):
    commands_in = None if page.name in PLAIN else request.getfixturevalue("quick")
    assert pages.play(page, tmp_path, commands_in) > 0


@pytest.mark.wide
def test_the_quick_start_does_what_it_says_with_the_built_wheel_in_an_empty_environment(tmp_path):
    commands_in = commands_of_the_wheel(tmp_path)
    folder = tmp_path / "reader"
    folder.mkdir()
    assert pages.play(ROOT / "docs" / "quickstart.md", folder, commands_in) > 0


def test_the_quick_script_is_the_installed_one(quick, tmp_path):
    words = ["no-such-command"], ["init", "shop"], ["brand", "list"], ["brand", "show", "acme"], ["--help"]
    told = []
    for commands_in in (quick, None):
        folder = tmp_path / str(commands_in is None)
        (folder / "shop").mkdir(parents=True)
        env, place, ends = pages.environment(commands_in), folder, []
        for each in words:
            done = subprocess.run(["scrm", *each], cwd=place, env=env, capture_output=True, text=True, check=False)
            ends.append((done.returncode, re.sub(r"scrm_shop\S+", "KEY", done.stdout), done.stderr))
            place = folder / "shop" if each[0] == "init" else place
        told.append(ends)
    assert told[0] == told[1]
    assert len({code for code, _, _ in told[0]}) > 1


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_every_mark_has_its_block(page):
    text = page.read_text("utf-8")
    assert len(re.findall(r"<!--\s*(?:run|soon|serve|file|same|demo)\b", text)) == len(pages.blocks(text))


def test_only_the_pages_that_are_played_have_marks():
    others = [*ROOT.glob("plugins/*/*.md"), *ROOT.glob("examples/**/*.md")]
    assert [page for page in others if re.search(r"<!--\s*(?:run|soon|serve|file|same|demo)\b", page.read_text("utf-8"))] == []


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


SERVER = """\
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
pathlib.Path("address").write_text("127.0.0.1:" + sys.argv[2])
print("Serving " + sys.argv[2], flush=True)
signal.sigwait({signal.SIGTERM})
pathlib.Path("ended").touch()
sys.exit(int(sys.argv[0].startswith("bad")))
"""


def served(name: str, shown: str) -> str:
    return f"<!-- file: {name} -->\n```python\n{SERVER}```\n<!-- serve -->\n```console\n$ python {name}\n{shown}\n```\n"


def test_a_server_has_a_port_of_its_own_while_the_page_is_played_and_ends_with_it(tmp_path):
    asked = "<!-- run -->\n```console\n$ test ! -e ended && test $(cat address) = 127.0.0.1:8000\n```\n"
    assert pages.play(write(tmp_path, served("good.py", "Serving ...") + asked), tmp_path) == 3
    assert (tmp_path / "address").read_text() != "127.0.0.1:8000"
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(("name", "shown", "told"), [("good.py", "Ready", "shown:\nReady"), ("bad.py", "Serving ...", "ended with 1")])
def test_a_server_that_says_something_else_or_ends_with_an_error_is_noticed(tmp_path, name, shown, told):
    with pytest.raises(AssertionError, match=told):
        pages.play(write(tmp_path, served(name, shown)), tmp_path)
    assert (tmp_path / "ended").exists()


def test_what_comes_soon_is_waited_for_and_what_never_comes_is_noticed(tmp_path, monkeypatch):
    text = "<!-- soon -->\n```console\n$ echo >> n; wc -l < n\n3\n```\n"
    assert pages.play(write(tmp_path, text), tmp_path) == 1
    monkeypatch.setattr(pages, "SOON", 0)
    with pytest.raises(AssertionError, match="shown:\n3\n"):
        pages.play(write(tmp_path, text), tmp_path)


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
