"""A plugin's commands answer to a short name too; two plugins that want one are told apart, never guessed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scrm_core.api import Plugin
from scrm_core.cli import codes
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.doctor import import_problems
from scrm_core.errors import ConfigError, PluginError
from scrm_core.installation import Installation
from scrm_core.loader import Loader

PLUGIN = '''
import click

from scrm_core.api import Plugin


@click.group()
def group() -> None:
    """Commands of NAME."""


@group.command("hello")
def hello() -> None:
    """Say who answers."""
    click.echo("this is NAME")


class Given(Plugin):
    name = "NAME"
    version = "1"
    summary = "s"
    requires_core = ">=0.0"
    commands = "scrm_MODULE:group"
    short_names = SHORT
'''


def write_plugin(project: Path, name: str, *short: str) -> None:
    folder = project / "plugins" / f"scrm_{name.replace('-', '_')}"
    folder.mkdir(parents=True)
    text = PLUGIN.replace("NAME", name).replace("MODULE", name.replace("-", "_")).replace("SHORT", repr(short))
    (folder / "__init__.py").write_text(text, encoding="utf-8")


@pytest.fixture
def project(new_installation) -> Path:
    """A project with the plugin ``lucky-games``, short ``luck``."""
    folder: Path = new_installation().config.root
    with (folder / "scrm.toml").open("a") as file:
        file.write('plugins_dir = "plugins"\n')
    write_plugin(folder, "lucky-games", "luck")
    return folder


def call(folder: Path, *arguments: str):
    session = Session(folder)
    try:
        return CliRunner().invoke(root, arguments, obj=session, prog_name="scrm")
    finally:
        session.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_commands_answer_to_the_long_name_and_the_short_one(project):
    for word in ("lucky-games", "luck"):
        done = call(project, word, "hello")
        assert (done.exit_code, done.output) == (0, "this is lucky-games\n")
    shown = json.loads(call(project, "plugin", "show", "lucky-games", "--json").output)
    assert shown["short_names"] == ["luck"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_bundled_games_are_called_games(project):
    done = call(project, "games", "verify", "--help")
    assert done.exit_code == 0
    assert done.output.startswith("Usage: scrm games verify")
    assert call(project, "interaction-games", "verify", "--help").exit_code == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_declared_short_name_is_found_without_importing_other_installed_plugins(project):
    words = "import sys; from scrm_core.loader import Loader; print(Loader().named('games').name, 'scrm_sms' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "interaction-games False\n"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plugin_of_the_project_wants_a_declared_short_name_in_vain(project):
    write_plugin(project, "other-games", "games")
    done = call(project, "games", "hello")
    assert done.exit_code == codes.REFUSED
    assert "`scrm games`: 'interaction-games' and 'other-games'" in done.output


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_short_name_that_two_plugins_want_runs_neither_and_names_both(project):
    write_plugin(project, "other-luck", "luck")
    done = call(project, "luck", "hello")
    assert done.exit_code == codes.REFUSED
    assert "`scrm luck`: 'lucky-games' and 'other-luck'" in done.output
    assert call(project, "lucky-games", "hello").exit_code == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_clash_is_an_error_when_the_brand_starts_and_in_doctor(project):
    write_plugin(project, "other-luck", "luck")
    with (project / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.lucky-games]\n[plugins.other-luck]\n")
    installation = Installation.open(project)
    with pytest.raises(ConfigError, match="two plugins want the command `scrm luck`"):
        installation.brand("acme")
    installation.close()
    problems = import_problems(project, ["lucky-games", "other-luck"])
    assert problems["lucky-games"] == ""
    assert "two plugins want the command `scrm luck`" in problems["other-luck"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plugins_own_name_is_never_anothers_short_one(project):
    write_plugin(project, "luck")
    assert call(project, "luck", "hello").output == "this is luck\n"
    with pytest.raises(PluginError, match="two plugins want the command `scrm luck`"):
        Loader(project / "plugins").load("lucky-games")
    shutil.rmtree(project / "plugins" / "scrm_luck")
    Loader(project / "plugins").load("lucky-games")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_broken_plugin_does_not_take_the_short_names_of_others_away(project):
    folder = project / "plugins" / "scrm_broken"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('no')\n", encoding="utf-8")
    assert call(project, "luck", "hello").exit_code == 0
    assert "No such command" in call(project, "frobnicate").output


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"commands": "m:g", "short_names": ("report",)}, "reserved"),
        ({"commands": "m:g", "short_names": ("Good Luck",)}, "not written as a plugin's name is"),
        ({"short_names": ("luck",)}, "declares none"),
    ],
)
def test_short_names_are_checked_when_the_class_is_defined(attributes, words):
    with pytest.raises(PluginError, match=words):
        type(
            "Example",
            (Plugin,),
            {"name": "good", "version": "1", "summary": "s", "requires_core": ">=0.0", **attributes},
        )
