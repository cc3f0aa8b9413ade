"""``scrm plugin new`` writes plugins that work, ``scrm plugin check`` says what is wrong with one."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from wheels import commands_of_the_wheel

from scrm_core.cli.root import root
from scrm_core.errors import Conflict
from scrm_core.scaffold import write_plugin

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def scrm(*words, code=0):
    done = CliRunner().invoke(root, list(words), prog_name="scrm")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


@pytest.fixture
def forget():
    """Packages written here are imported once each."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("scrm_") and not name.startswith("scrm_core"):
            del sys.modules[name]


def test_the_kept_example_is_what_is_written(tmp_path):
    written = write_plugin("hello", tmp_path, year=2026)
    assert files(written.folder) == files(EXAMPLES / "scrm-hello")


def test_a_name_of_several_words_becomes_valid_python_everywhere(tmp_path, forget):
    scrm("plugin", "new", "third-order", "--in", str(tmp_path))
    folder = tmp_path / "scrm-third-order"
    assert {"scrm_third_order/__init__.py", "tests/test_third_order.py", "LICENSE", "README.md"} <= files(folder).keys()
    assert not any("$" in text.replace("${{ matrix.python }}", "").replace("$ p", "") for text in files(folder).values())
    assert "every point is met" in scrm("plugin", "check", str(folder))


def test_the_tests_that_are_written_pass(tmp_path):
    written = write_plugin("hello", tmp_path, year=2026)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(words, cwd=written.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_minimal_plugin_is_a_file_of_twenty_lines_for_a_plugins_folder(tmp_path, forget):
    told = scrm("plugin", "new", "big-spender", "--minimal", "--in", str(tmp_path))
    text = (tmp_path / "scrm_big_spender" / "__init__.py").read_text("utf-8")
    assert len(text.splitlines()) <= 20
    assert told.strip().splitlines()[-3:] == [
        f"  scrm plugin check {tmp_path}/scrm_big_spender",
        "  printf '\\n[plugins.big-spender]\\n' >> brands/BRAND.toml",
        "  scrm brand check",
    ]
    assert "big-spender 0.1.0: every point is met" in scrm("plugin", "check", str(tmp_path / "scrm_big_spender"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Third", "not a plugin name"),
        ("third_order", "not a plugin name"),
        ("3rd", "not a plugin name"),
        ("../evil", "not a plugin name"),
        ("order-", "not a plugin name"),
        ("", "not a plugin name"),
        ("run", "reserved by the core"),
        ("outbox", "reserved by the core"),
    ],
)
def test_a_name_that_no_plugin_may_have_writes_nothing(tmp_path, name, said):
    assert said in scrm("plugin", "new", name, "--in", str(tmp_path), code=1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "scrm-hello").mkdir()
    assert "there already" in scrm("plugin", "new", "hello", "--in", str(tmp_path), code=1)
    assert list((tmp_path / "scrm-hello").iterdir()) == []


def test_the_commands_that_come_next_work_in_a_folder_with_a_blank_in_its_name(tmp_path):
    folder = tmp_path / "my plugins"
    folder.mkdir()
    for minimal in (False, True):
        written = write_plugin("hello", folder, minimal=minimal, year=2026)
        assert shlex.split(written.commands[0])[-1] == str(written.folder)


@pytest.mark.parametrize("name", ["none", "true", "false"])
def test_a_name_that_python_keeps_for_itself_is_no_name_of_a_class(tmp_path, name, forget):
    written = write_plugin(name, tmp_path, minimal=True, year=2026)
    assert "every point is met" in scrm("plugin", "check", str(written.folder), "--without", "import-cost")


def test_of_two_who_write_the_same_plugin_at_once_one_does_and_the_other_is_told(tmp_path):
    together = threading.Barrier(2)

    def write(_):
        together.wait()
        try:
            return write_plugin("hello", tmp_path, year=2026).folder.name
        except Conflict as exc:
            return str(exc)

    with ThreadPoolExecutor(2) as both:
        told = sorted(both.map(write, range(2)), key=len)
    assert told[0] == "scrm-hello"
    assert "is there already" in told[1]
    assert files(tmp_path / "scrm-hello") == files(EXAMPLES / "scrm-hello")


def test_a_plugin_that_cannot_be_written_whole_is_not_there_at_all(tmp_path, monkeypatch):
    whole = Path.write_text

    def full_disk(path, *rest, **options):
        if path.name == "routes.py":
            raise OSError(28, "No space left on device", str(path))
        return whole(path, *rest, **options)

    monkeypatch.setattr(Path, "write_text", full_disk)
    told = scrm("plugin", "new", "hello", "--in", str(tmp_path), code=1)
    assert told.strip() == f"Error: {tmp_path / 'scrm-hello'} cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("minimal", [False, True])
def test_a_check_leaves_the_plugins_folder_as_it_was(tmp_path, minimal):
    folder = write_plugin("hello", tmp_path, minimal=minimal, year=2026).folder
    before = sorted(tmp_path.rglob("*"))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-m", "scrm_core.cli", "plugin", "check", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**env, "TMPDIR": str(tmp_path)}, cwd="/")
    assert "every point is met" in done.stdout, done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_plugin_does_not_meet_is_told_line_by_line_and_as_data(tmp_path, forget):
    scrm("plugin", "new", "vague", "--minimal", "--in", str(tmp_path))
    path = tmp_path / "scrm_vague" / "__init__.py"
    path.write_text(path.read_text("utf-8").replace('"description"', '"note"'), "utf-8")
    told = scrm("plugin", "check", str(path.parent), code=1)
    assert told.startswith("settings: the setting 'tag' has no description; give the field ")
    (found,) = json.loads(scrm("plugin", "check", str(path.parent), "--json", code=1))
    assert found["check"] == "settings"
    assert "every point is met" in scrm("plugin", "check", str(path.parent), "--without", "settings")
    assert "no check 'style'" in scrm("plugin", "check", str(path.parent), "--without", "style", code=2)


def test_a_module_that_the_plugin_alone_imports_is_told_and_the_checks_own_are_not(tmp_path):
    write_plugin("tea", tmp_path, minimal=True, year=2026)
    init = tmp_path / "scrm_tea" / "__init__.py"
    command = [sys.executable, "-m", "scrm_core.cli", "plugin", "check", str(init.parent), "--json"]
    told = []
    for first in ("", "import PIL\n"):
        init.write_text(init.read_text("utf-8").replace("from scrm_core", f"{first}from scrm_core", 1), "utf-8")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told.append([(each["check"], each["problem"]) for each in json.loads(done.stdout)])
    assert told == [[], [("import-cost", "importing the plugin imports PIL")]]


def test_required_settings_come_from_a_file(tmp_path, forget):
    scrm("plugin", "new", "needy", "--minimal", "--in", str(tmp_path))
    path = tmp_path / "scrm_needy" / "__init__.py"
    path.write_text(path.read_text("utf-8").replace('load_default="needy"', "required=True"), "utf-8")
    assert "tag" in scrm("plugin", "check", str(path.parent), code=1)
    settings = tmp_path / "settings.toml"
    settings.write_text('tag = "new"\n')
    assert "every point is met" in scrm("plugin", "check", str(path.parent), "--settings", str(settings))
    settings.write_text('[plugins.needy]\ntag = "new"\n')  # as a brand's file has it
    assert "every point is met" in scrm("plugin", "check", str(path.parent), "--settings", str(settings))
    for wrong in ("plugins = 5\n", "[plugins]\nneedy = 5\n"):
        settings.write_text(wrong)
        told = scrm("plugin", "check", str(path.parent), "--settings", str(settings), code=1)
        assert f"{settings}: `plugins` holds a table for each plugin; write [plugins.NAME]" in told
    settings.write_text("tag = \n")
    assert f"{settings}: " in scrm("plugin", "check", str(path.parent), "--settings", str(settings), code=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_this_name", "fails at import: ModuleNotFoundError"),
        ("raise SystemExit(3)", "fails at import: SystemExit"),
        ("x = 1", "defines 0 named Plugin classes"),
        ("class Broken(", "fails at import: SyntaxError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_line(tmp_path, text, said, forget):
    package = tmp_path / "scrm_broken"
    package.mkdir()
    (package / "__init__.py").write_text(text, "utf-8")
    told = scrm("plugin", "check", str(package), code=1)
    assert said in told
    assert "Traceback" not in told


def test_a_folder_without_a_plugin_and_an_unknown_name_are_told(tmp_path):
    assert "has no single package scrm_<name>; found: none" in scrm("plugin", "check", str(tmp_path), code=1)
    assert "is not a folder" in scrm("plugin", "check", str(tmp_path / "missing"), code=1)
    assert "'no-such' is not installed" in scrm("plugin", "check", "no-such", code=1)


@pytest.mark.wide
def test_the_three_commands_work_against_the_built_wheel_in_an_empty_environment(tmp_path):
    """What a newcomer does first: the framework's wheel, a new plugin, and the commands that were printed."""
    binaries = commands_of_the_wheel(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    told = subprocess.run(
        [binaries / "scrm", "plugin", "new", "hello"], cwd=work, env=environment, capture_output=True, text=True, check=True
    ).stdout
    commands = [line.strip() for line in told.partition("Next:")[2].strip().splitlines()]
    assert len(commands) == 3
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
