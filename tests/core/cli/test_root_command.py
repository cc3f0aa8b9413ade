"""The root: quick help, one table of commands, errors that say what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from scrm_core import cli as package
from scrm_core.cli import codes
from scrm_core.cli.root import COMMANDS, root
from scrm_core.plugin import RESERVED_NAMES

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"flask", "peewee", "marshmallow", "werkzeug", "granian", "huey", "lark", "pluggy", "phonenumbers", "rich"}


def plain_project(folder: Path) -> Path:
    (folder / "brands").mkdir(parents=True)
    (folder / "scrm.toml").write_text("")
    for brand in ("acme", "moonco"):
        text = f'[brand]\nid = "{brand}"\nname = "{brand}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
        (folder / "brands" / f"{brand}.toml").write_text(text)
    return folder


def loaded_by(source: str) -> set[str]:
    code = f"import sys\n{source}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_imports_nothing_heavy():
    run = "sys.argv[1:] = ['--help']\nfrom scrm_core.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass"
    assert HEAVY & loaded_by(run) == set()


def test_no_module_of_the_command_line_imports_anything_heavy_when_it_loads():
    modules = sorted(path.stem for path in (ROOT / "scrm_core" / "cli").glob("*.py") if path.stem != "__main__")
    assert HEAVY & loaded_by("\n".join(f"import scrm_core.cli.{name}" for name in modules)) == set()


def test_the_reader_of_loaded_modules_sees_a_heavy_one():
    assert "peewee" in loaded_by("import scrm_core.brands")


def test_the_words_of_help_are_each_commands_own():
    context = click.Context(root, info_name="scrm")
    for name, (_, words) in COMMANDS.items():
        command = root.get_command(context, name)
        assert command is not None
        assert (command.help or "").splitlines()[0] == words


def test_no_plugin_can_take_a_commands_name():
    assert set(COMMANDS) <= RESERVED_NAMES


def every_command(command: click.Command, context: click.Context):
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            yield from every_command(child, click.Context(child, info_name=name, parent=context))


def test_every_command_and_option_is_explained():
    for path, command in every_command(root, click.Context(root, info_name="scrm")):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"


def test_the_exit_codes_in_use_are_the_documented_ones():
    documented = {int(code) for code in re.findall(r"^(\d+)\s", package.__doc__, re.MULTILINE)}
    used = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    assert used <= documented


def test_the_launcher_and_the_module_are_one_command():
    outputs = {
        subprocess.run([sys.executable, *way, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for way in (["cli.py"], ["-m", "scrm_core.cli"])
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "command",
    [["run"], ["worker"], ["brand", "list"], ["import", "orders", "acme", __file__], ["doctor"], ["plugin", "list"]],
)
def test_outside_a_project_every_command_says_how_to_make_one(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scrm_core.cli", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == codes.USAGE
    assert "scrm init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_works_from_a_folder_below_the_project(cli):
    cli.folder = cli.folder / "brands"
    assert [brand["id"] for brand in cli.json("brand", "list")] == ["acme", "moonco"]


def test_an_unknown_brand_is_answered_with_those_there_are(cli):
    done = cli("segment", "count", "nobody", "orders > 1", code=codes.MISSING)
    assert "acme, moonco" in done.stderr


def test_an_unknown_command_is_a_usage_error(cli):
    assert "No such command" in cli("frobnicate", code=codes.USAGE).stderr


def test_a_busy_database_asks_to_try_again(cli, monkeypatch):
    from scrm_core.errors import Busy
    from scrm_core.services.segments import Segments

    def busy(self, expression):
        raise Busy("the database is busy; try again")

    monkeypatch.setattr(Segments, "count", busy)
    assert "try again" in cli("segment", "count", "acme", "orders > 1", code=codes.TRY_AGAIN).stderr


def test_a_file_that_is_no_database_is_a_message_not_a_traceback(tmp_path):
    folder = plain_project(tmp_path / "shop")
    (folder / "data").mkdir()
    (folder / "data" / "acme.db").write_bytes(b"this is no database, it is a letter" * 100)
    for command in (["key", "list", "acme"], ["migrate"], ["contact", "show", "acme", "x"]):
        done = subprocess.run(
            [sys.executable, "-m", "scrm_core.cli", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == codes.REFUSED
        assert "Traceback" not in done.stderr
        assert "database" in done.stderr


def test_a_brand_without_tables_is_told_to_migrate(tmp_path):
    folder = plain_project(tmp_path / "shop")
    done = subprocess.run(
        [sys.executable, "-m", "scrm_core.cli", "key", "list", "acme"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == codes.REFUSED
    assert "scrm migrate" in done.stderr


@pytest.mark.parametrize(
    ("words", "wanted"), [("scrm br", "brand"), ("scrm plugin re", "resume"), ("scrm import o", "orders")]
)
def test_the_shell_completes_commands_and_choices(words, wanted, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from scrm_core.cli import main; main()"],
        env={"_SCRM_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{wanted}" in done.stdout.splitlines()
