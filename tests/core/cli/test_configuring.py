"""``scrm config reference`` and what ``scrm hooks NAME`` knows of a project."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scrm_core.cli.codes import MISSING
from scrm_core.cli.root import root
from scrm_core.cli.session import Session


@pytest.fixture
def outside(tmp_path):
    """A function that runs a command outside any project."""

    def run(*words, code=0):
        done = CliRunner().invoke(root, list(words), obj=Session(tmp_path), prog_name="scrm")
        assert done.exit_code == code, done.output
        return done

    return run


def keys(done):
    return {(row["table"], row["key"]): row for row in json.loads(done.stdout)}


def test_every_key_of_every_file_is_told_with_its_default_and_meaning(outside):
    told = keys(outside("config", "reference", "--json"))
    assert told["project", "database_url"]["default"] == '"sqlite:data"'
    assert told["brand", "id"]["default"] == "required"
    assert told["outreach", "quiet_hours"]["default"] == '"21:00-09:00"'
    assert told["plugins.points", "expire_days"] == {
        "table": "plugins.points",
        "key": "expire_days",
        "default": "0",
        "meaning": "days that points live, the day they come included; they lapse at midnight; 0: never",
    }
    assert all(row["meaning"] for row in told.values())
    assert not any("Nested" in row["default"] or "<" in row["default"] for row in told.values())


def test_a_table_is_told_with_those_below_it_and_a_wrong_one_by_its_nearest(outside):
    told = keys(outside("config", "reference", "outreach", "--json"))
    assert {table for table, _ in told} == {"outreach", "outreach.channels.NAME"}
    assert "did you mean 'plugins.points'?" in outside("config", "reference", "plugin.points", code=MISSING).output
    assert {table for table, _ in keys(outside("config", "reference", "project", "--json"))} == {"project"}


def test_a_broken_plugin_of_the_folder_is_left_out_and_named(cli_with):
    cli = cli_with()
    folder = cli.folder / "plugins" / "scrm_broken"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ValueError('no')", "utf-8")
    (cli.folder / "scrm.toml").write_text((cli.folder / "scrm.toml").read_text() + 'plugins_dir = "plugins"\n')
    done = cli("config", "reference", "plugins.points")
    assert f"left out: {folder}/__init__.py:1: plugin 'broken' fails at import: ValueError: no" in done.stderr
    assert "expire_days" in done.stdout


def test_a_hook_is_told_with_who_implements_it_in_call_order_by_brand(cli_with, outside):
    cli = cli_with(acme="\n[plugins.tag-rules]\n\n[plugins.points]\n", moonco="\n[plugins.points]\n")
    told = cli.json("hooks", "on_order")["brands"]
    assert told == [
        {"brand": "acme", "plugins": ["tag-rules", "points"]},
        {"brand": "moonco", "plugins": ["points"]},
    ]
    assert "called in this order" in cli("hooks", "on_order").stdout
    assert json.loads(outside("hooks", "on_order", "--json").stdout)["brands"] is None


def test_settings_are_changed_by_command_with_comments_kept_and_what_would_not_work_is_not_written(cli_with, clock):
    from scrm_core.installation import Installation
    from scrm_core.services import audit

    cli = cli_with(acme="[plugins.points]\nearn_points = 2  # since spring\n")
    path = cli.folder / "brands" / "acme.toml"
    before = path.read_text("utf-8")
    tried = cli("config", "set", "acme", "points", "earn_points=3", "earn_sources=tmall", "--dry-run")
    assert tried.stdout == 'earn_points: 2 -> 3\nearn_sources: \u2013 -> ["tmall"]\n'
    refused = cli("config", "set", "acme", "points", "earn_points=many", code=1)
    assert "[plugins.points] earn_points: found 'many'; must be a whole number" in refused.output
    cli("config", "set", "acme", "points", "nonsense=3", code=1)
    cli("config", "set", "acme", "nothing", "a=1", code=3)
    assert path.read_text("utf-8") == before
    cli("config", "set", "acme", "points", "earn_points=3", 'earn_sources=["tmall", "jd"]')
    assert "earn_points = 3  # since spring" in path.read_text("utf-8")
    assert cli("config", "set", "acme", "points", "earn_points=3").stdout == "nothing changes\n"
    cli("config", "set", "acme", "points", "--unset", "earn_sources", "--off")
    cli("config", "set", "moonco", "tag-rules", "--on")
    installation = Installation.open(cli.folder, clock=clock)
    assert "points" not in installation.brand("acme").plugins and "tag-rules" in installation.brand("moonco").plugins
    with installation.brand("acme"):
        ours = [(each.actor, each.detail["after"]) for each in audit.page(action="settings")]
    installation.close()
    assert ours == [
        ("operator", {"enabled": "false", "earn_sources": "\u2013"}),
        ("operator", {"earn_points": "3", "earn_sources": '["tmall", "jd"]'}),
    ]
