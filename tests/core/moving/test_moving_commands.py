"""The commands: what they print, what they ask for, how they end."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from moving_scene import FREE

from scrm_core.cli.root import root
from scrm_core.cli.session import Session


@pytest.fixture
def scrm(scene):
    """The command line in the scene's project, whose brand does without the plugin that is not installed."""
    for name in ("acme", "moonco"):
        path = scene.root / "brands" / f"{name}.toml"
        path.write_text(path.read_text("utf-8").replace(FREE + "[plugins.mailer]\n", ""), "utf-8")

    def run(*arguments, code=0):
        session = Session(scene.root, scene.clock)
        try:
            done = CliRunner().invoke(root, [str(each) for each in arguments], obj=session, prog_name="scrm")
        finally:
            session.close()
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_a_brand_is_moved_and_taken_back_by_command(scene, scrm):
    scene.fill()
    contacts = len(scene.everything(scene.here)["contact"])
    told = json.loads(scrm("move", "acme", "--to", scene.there, "--json"))
    assert {each["table"]: each["rows"] for each in told["tables"]}["contact"] == contacts == 8
    assert "postgres@" not in told["target"]
    assert "has moved to" in scrm("brand", "check", "acme", code=1)
    assert "has moved from" in scrm("move", "acme", "--to", scene.there, code=1)
    way_back = scrm("move", "acme", "--to", scene.here, "--replace", code=1)
    assert "has moved from" in way_back and "--cancel" in way_back and "database_url" in way_back
    assert "goes on here" in scrm("move", "acme", "--cancel")
    assert "no errors" in scrm("brand", "check", "acme")
    assert "--to" in scrm("move", "acme", code=2)
    assert "--to" in scrm("move", "acme", "--cancel", "--to", scene.there, code=2)


def test_a_brand_is_backed_up_and_restored_by_command(scene, scrm):
    scene.fill()
    file = scene.root / "kept.db"
    assert "each read back" in scrm("backup", "acme", file)
    assert "never overwrites" in scrm("backup", "acme", file, code=1)
    assert "--replace" in scrm("restore", "acme", file, code=1)
    told = scrm("restore", "acme", file, "--replace")
    assert "What stood there is in" in told
    assert "nothing that waits now" in told
    assert "nothing is sent: restored from kept.db" in scrm("outreach", "runs", "acme")
    scrm("outreach", "go-on", "acme")
    assert "restored from" not in scrm("outreach", "runs", "acme")
    assert "this project has: acme, moonco" in scrm("backup", "nobody", scene.root / "n.db", code=3)


@pytest.mark.usefixtures("doctor_of_data")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the files lie where they lay
def test_doctor_points_at_the_file_of_a_brand_that_was_not_moved_yet(scene, scrm):
    scene.fill()
    scrm("move", "acme", "--to", scene.there)
    scene.open(scene.there)

    def found(brand):
        findings = json.loads(scrm("doctor", "--json", code=1))
        return [each for each in findings if each["place"] == f"brand {brand}" and each["state"] == "failed"]

    assert found("acme") == []
    (missing,) = found("moonco")
    assert "no database yet" in missing["found"] and "moonco.db" in missing["found"]
    assert "scrm move moonco" in missing["remedy"]
    assert "no tables" in (refused := scrm("backup", "moonco", scene.root / "n.db", code=3)) and "scrm migrate" in refused
