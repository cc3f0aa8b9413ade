"""``scrm plugin``, ``events``, ``doctor`` and a plugin's own commands, also while a plugin is broken."""

from __future__ import annotations

import json

import pytest

from scrm_core.cli.codes import MISSING, REFUSED, USAGE

SHOP = """
from scrm_core.api import Plugin, hookimpl

class Shop(Plugin):
    name, version, summary, requires_core = "shop", "1.2", "a shop of one's own", ">=0.0"
    commands = "scrm_shop.commands:group"

    @hookimpl
    def on_lead(self, event):
        if self.brand.config.name == "Acme 母婴":
            raise RuntimeError("cannot handle this")
"""
COMMANDS = """
import click
from scrm_core.api import CommandSession, current_brand, json_option

@click.group()
def group():
    "Commands of the shop."

@group.command()
@click.argument("brand")
@json_option
@click.pass_obj
def hello(session: CommandSession, brand, as_json):
    "Greet a brand."
    with session.brand(brand):
        name = current_brand().name
    session.show(["greeting"], [[f"hello {name}"]], as_json=as_json)
"""
LEADS = "source,key,phone\n" + "".join(f"form,k{n},+861380013800{n}\n" for n in range(3))


@pytest.fixture
def shop(cli_with):
    """A project whose brands both have the plugin ``shop`` from the plugins folder on."""

    def make(source: str = SHOP):
        cli = cli_with()
        folder = cli.folder / "plugins" / "scrm_shop"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(source)
        (folder / "commands.py").write_text(COMMANDS)
        with (cli.folder / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "plugins"\n')
        for brand in ("acme", "moonco"):
            with (cli.folder / "brands" / f"{brand}.toml").open("a") as file:
                file.write("[plugins.shop]\n")
        return cli

    yield make
    import sys

    for name in ("scrm_shop", "scrm_shop.commands"):
        sys.modules.pop(name, None)


def test_a_job_is_asked_for_once_and_the_audit_log_says_so_also_as_a_file(cli):
    assert cli("job", "ask", "acme", "core", "metrics").stdout == "core/metrics runs within a minute\n"
    assert "asked for already" in cli("job", "ask", "acme", "core", "metrics").stdout
    cli("job", "ask", "acme", "core", "nothing", code=3)
    (metrics,) = [each for each in cli.json("job", "list", "acme") if each["job"] == "core/metrics"]
    assert (metrics["every_seconds"], metrics["asked_by"], metrics["state"]) == (3600, "operator", None)
    assert cli.json("job", "runs", "acme") == []
    assert [each["action"] for each in cli.json("audit", "acme", "--action", "job")] == ["job.ask"]
    assert cli.json("audit", "acme", "--actor", "user:mia") == cli.json("audit", "moonco") == []
    lines = cli("audit", "acme", "--csv").stdout.splitlines()
    assert lines[0] == "at,actor,action,target,detail"
    assert [line.split(",")[1:4] for line in lines[1:]] == [
        ["operator", "audit.export", ""], ["operator", "job.ask", "job:core/metrics"],
    ]  # fmt: skip


def test_a_plugins_commands_are_under_its_name(shop):
    cli = shop()
    assert cli.json("shop", "hello", "moonco") == [{"greeting": "hello Moon Co"}]
    assert "Greet a brand." in cli("shop", "--help").stdout


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plugin_that_is_broken_leaves_core_commands_working(shop, write):
    cli = shop("raise SystemExit(9)\n")
    assert "SystemExit" in cli("shop", "hello", "acme", code=REFUSED).stderr
    assert "SystemExit" in cli("brand", "check", code=REFUSED).stdout
    listed = {row["name"]: row for row in cli.json("plugin", "list")}
    assert listed["shop"]["on_for"] == ["acme", "moonco"]
    assert listed["shop"]["problem"] is None, "a plain list imports nothing"
    assert "SystemExit" in {row["name"]: row for row in cli.json("plugin", "list", "--check")}["shop"]["problem"]
    for command in ("brand list", "key list acme", "events acme tail", "export orders acme"):
        cli(*command.split())
    findings = cli.json("doctor", code=REFUSED)
    (found,) = [f for f in findings if f["place"] == "plugin shop"]
    assert found["state"] == "failed"
    assert "SystemExit" in found["found"]
    assert "enabled = false" in found["remedy"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_doctor_tells_what_plugins_say_of_a_brand_that_is_not_served_like_this(shop):
    cli = shop(
        SHOP
        + """
    def brand_problems(self):
        return ["the till is missing"] if self.brand.id == "acme" else []
"""
    )
    assert "the till is missing" in cli("brand", "check", code=REFUSED).stdout
    (found,) = [f for f in cli.json("doctor", code=REFUSED) if f["state"] == "failed"]
    assert found["place"] == "brand acme" and "[plugins.shop]: the till is missing" in found["found"]
    assert "scrm run does not start" in found["remedy"]


def test_what_a_plugin_warns_of_is_told_and_stops_nothing(shop):
    cli = shop(
        SHOP
        + """
    def brand_warnings(self):
        return ["the till is nearly full"] if self.brand.id == "acme" else 1 / 0
"""
    )
    checked = cli("brand", "check").stdout.splitlines()
    assert "acme: warning: [plugins.shop]: the till is nearly full" in checked
    told = {row["brand"]: row for row in cli.json("brand", "check")}
    assert told["acme"] == {"brand": "acme", "problems": [], "warnings": ["[plugins.shop]: the till is nearly full"]}
    found = [(f["place"], f["state"], f["found"]) for f in cli.json("doctor") if f["place"].endswith(", shop")]
    assert ("brand acme, shop", "warning", "the till is nearly full") in found
    broken = "brand_warnings() failed: ZeroDivisionError: division by zero"
    assert ("brand moonco, shop", "warning", broken) in found


@pytest.mark.parametrize("hook", ["brand_warnings", "brand_problems"])
@pytest.mark.parametrize(
    ("raises", "said"),
    [
        ("raise SystemExit(3)", "failed: SystemExit: 3"),
        ("self.brand.transaction().__enter__(); return []", "failed: LeftOpen: a transaction was left open"),
    ],
)
def test_a_plugin_that_fails_when_it_is_asked_is_told_and_the_rest_is_examined(shop, hook, raises, said):
    cli = shop(
        SHOP
        + f"""
    def {hook}(self):
        if self.brand.id == "acme":
            {raises}
        return ["look at it"]
"""
    )
    code = REFUSED if hook == "brand_problems" else 0
    told = {row["brand"]: row for row in cli.json("brand", "check", code=code)}
    found = cli.json("doctor", code=code)
    for brand, words in (("acme", said), ("moonco", "look at it")):
        assert any(words in each for each in told[brand]["warnings"] + told[brand]["problems"])
        assert any(words in each["found"] for each in found if each["place"].startswith(f"brand {brand}"))


def test_a_brand_whose_database_is_busy_is_a_finding_when_its_plugins_are_asked(shop):
    cli = shop(
        SHOP
        + """
    def brand_warnings(self):
        from scrm_core.errors import Busy
        if self.brand.id == "acme":
            raise Busy("the database is busy; try again")
        return ["look at it"]
"""
    )
    found = [(f["place"], f["state"], f["found"]) for f in cli.json("doctor", code=REFUSED)]
    assert ("brand acme", "failed", "the database is busy; try again") in found
    assert ("brand moonco, shop", "warning", "look at it") in found


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("source", ["import os\nos._exit(7)\n", "print('[\"shop\", broken')\nimport os\nos._exit(7)\n"])
def test_a_plugin_that_ends_its_process_is_a_finding(shop, source):
    cli = shop(source)
    problems = {row["name"]: row["problem"] for row in cli.json("plugin", "list", "--check")}
    assert "exit code 7" in problems["shop"]
    assert problems["package-card"] is None
    assert problems["tag-rules"] is None


def test_show_tells_what_a_plugin_declares_and_how_it_fares(shop, write, installation_of):
    cli = shop()
    shown = cli.json("plugin", "show", "shop")
    assert (shown["version"], shown["hooks"], shown["commands"]) == ("1.2", ["on_lead"], True)
    cli("plugin", "show", "nothing", code=REFUSED)


def test_show_tells_when_a_job_ran_last_and_how_that_ended(cli, installation):
    from scrm_core.db.bulk import execute

    with (cli.folder / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.package-card]\n")
    assert cli.json("plugin", "show", "package-card")["last_runs"] == []
    with installation.brand("acme"):
        for slot, state, error in ((1, "done", ""), (2, "failed", "KeyError: 'x'")):
            execute(
                "INSERT INTO job_run (plugin, job, slot, state, attempts, lease_until, started_at, error, owner) "
                "VALUES ('package-card', 'nightly', ?, ?, 1, 0, 1767225600000, ?, '')",
                (slot, state, error),
            )
    (run,) = cli.json("plugin", "show", "package-card")["last_runs"]
    assert run == {
        "brand": "acme", "job": "nightly", "last_run": "2026-01-01T08:00:00+08:00", "state": "failed", "error": "KeyError: 'x'",
    }  # fmt: skip
    assert "nightly  2026-01-01T08:00:00+08:00  failed" in cli("plugin", "show", "package-card").stdout


@pytest.mark.usefixtures("doctor_of_data")
def test_events_that_failed_are_shown_retried_and_discarded(shop, write, installation_of):
    cli = shop()
    installation_of(cli)
    for brand in ("acme", "moonco"):
        cli("import", "leads", brand, write("leads.csv", LEADS))
    cli("worker", "--once")
    parked = cli.json("events", "acme", "parked")
    seen = [(event["plugin"], event["type"], event["state"], event["attempts"]) for event in parked]
    assert seen == [("shop", "lead.captured", "retry", 1)] * 3
    assert "cannot handle this" in parked[0]["error"]
    assert "RuntimeError" in cli("events", "acme", "parked", "--traceback").stdout
    assert cli.json("events", "moonco", "parked") == []
    assert any("3 events are parked" in f["found"] for f in cli.json("doctor"))

    first = str(parked[0]["event"])
    cli("events", "acme", "discard", "shop", first)
    assert len(cli.json("events", "acme", "parked")) == 2
    cli("events", "acme", "discard", "shop", first, code=MISSING)
    assert "2 events are due now" in cli("events", "acme", "retry", "shop", "--all").stdout
    cli("worker", "--once")
    assert [p["attempts"] for p in cli.json("events", "acme", "parked")] == [2, 2]
    cli("events", "acme", "retry", "shop", code=USAGE)
    cli("events", "moonco", "retry", "shop", "--all", code=MISSING)


@pytest.mark.usefixtures("doctor_of_data")
def test_a_paused_plugin_gets_nothing_until_it_is_resumed(shop, write, installation_of):
    cli = shop()
    installation_of(cli)
    cli("plugin", "pause", "moonco", "shop", "--reason", "moving house")
    cli("import", "leads", "moonco", write("leads.csv", LEADS))
    cli("worker", "--once")
    (state,) = [s for s in cli.json("plugin", "show", "shop")["brands"] if s["brand"] == "moonco"]
    assert (state["state"], state["waiting"] >= 3, state["reason"]) == ("paused", True, "moving house")
    assert any("moving house" in f["found"] for f in cli.json("doctor"))
    cli("plugin", "resume", "moonco", "shop")
    cli("worker", "--once")
    (state,) = [s for s in cli.json("plugin", "show", "shop")["brands"] if s["brand"] == "moonco"]
    assert (state["state"], state["waiting"]) == ("active", 0)
    cli("plugin", "pause", "moonco", "package-card", code=MISSING)


@pytest.fixture
def installation_of():
    """Gives the plugin its cursors, as ``scrm migrate`` does before a brand is used."""

    def prepare(cli):
        cli("migrate")

    return prepare


def test_the_log_is_shown_newest_first_and_paged(cli, write):
    cli("import", "leads", "acme", write("leads.csv", LEADS))
    events = cli.json("events", "acme", "tail", "--limit", "2")
    assert events[0]["id"] > events[1]["id"]
    (rest,) = cli.json("events", "acme", "tail", "--before", str(events[1]["id"]))
    assert rest["type"] == "lead.captured"
    assert cli.json("events", "moonco", "tail") == []


def test_migrate_is_done_once(cli):
    assert cli.json("migrate") == {"acme": [], "moonco": []}


def test_migrate_says_what_was_applied_also_for_a_plugin_that_was_switched_on_since(cli, installation):
    with (installation.config.brands_dir / "moonco.toml").open("a") as file:
        file.write("\n[plugins.live-code]\n")
    told = dict(line.split(": ") for line in cli("migrate").stdout.splitlines())
    assert told["acme"] == "up to date"
    assert "live-code/0001_codes" in told["moonco"].split(", ")
    assert cli.json("migrate") == {"acme": [], "moonco": []}


def test_doctor_calls_a_plugin_that_lacks_its_extra_harmless_while_no_brand_has_it_on(cli, monkeypatch):
    lacks = {"wechat-login": "signing in with WeChat needs httpx: pip install 'scrm[wechat]'"}
    monkeypatch.setattr("scrm_core.doctor.import_problems", lambda root, names: dict.fromkeys(names, "") | lacks)
    (found,) = [f for f in cli.json("doctor") if f["place"] == "plugin wechat-login"]
    assert (found["state"], found["found"]) == ("warning", f"{lacks['wechat-login']} (on for no brand)")
    assert "uninstall" not in found["remedy"] and "until then it harms nobody" in found["remedy"]


@pytest.mark.usefixtures("doctor_of_data")
def test_doctor_finds_sums_that_do_not_add_up(cli, write, installation):
    from scrm_core.db.bulk import execute

    orders = "source,number,status,paid_minor,paid_at,buyer\ns,1,paid,5,2026-01-01,b\n"
    cli("import", "orders", "acme", write("o.csv", orders))
    assert all(f["state"] == "ok" for f in cli.json("doctor", "--deep") if f["place"] == "brand acme")
    with installation.brand("acme"):
        execute("UPDATE contact SET money = money + 1")
    wrong = [f for f in cli.json("doctor", code=REFUSED) if f["state"] == "failed"]
    assert [f["place"] for f in wrong] == ["brand acme"]
    assert "do not add up" in wrong[0]["found"]


def test_brand_check_explains_file_table_key_and_what_is_allowed(cli):
    with (cli.folder / "brands" / "acme.toml").open("a") as file:
        file.write("[plugins.package-card]\nrecall_dayz = 30\ncontribution_days = 0\n")
    (faulty, fine) = cli.json("brand", "check", code=REFUSED)
    assert (faulty["brand"], fine["problems"]) == ("acme", [])
    assert len(faulty["problems"]) == 2
    text = "\n".join(faulty["problems"])
    assert "acme.toml" in text
    assert "[plugins.package-card] recall_dayz" in text
    assert "did you mean 'recall_days'" in text
    assert "found 0" in text
    cli("brand", "check", "moonco")


def test_hooks_are_listed_and_explained(cli):
    from scrm_core.hooks import HOOK_NAMES

    assert [row["name"] for row in cli.json("hooks")] == list(HOOK_NAMES)
    hook = cli.json("hooks", "on_order")
    assert hook["fields"]["paid_minor"] == "int"
    assert "on_order(self, event: OrderPaid)" in cli("hooks", "on_order").stdout
    assert "did you mean 'on_order'" in cli("hooks", "on_oder", code=MISSING).stderr


def test_a_plugin_without_commands_and_one_that_is_not_there(shop):
    cli = shop(SHOP.replace('    commands = "scrm_shop.commands:group"\n', ""))
    assert "has no commands" in cli("shop", "hello", "acme", code=USAGE).stderr
    cli("bazaar", "hello", "acme", code=USAGE)


@pytest.mark.usefixtures("doctor_of_data")
def test_the_output_of_json_is_one_document(cli):
    for command in (["brand", "list"], ["plugin", "list"], ["hooks"], ["doctor"], ["events", "acme", "tail"]):
        json.loads(cli(*command, "--json").stdout)
