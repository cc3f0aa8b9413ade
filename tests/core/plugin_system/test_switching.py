"""Plugins are switched on per brand by its file, at any time; what is broken stays outside."""

from __future__ import annotations

import threading

import pytest

from scrm_core.api import (
    LeadDraft,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderPaid,
    Plugin,
    Veto,
    current_brand,
    current_plugin,
    execute,
    hookimpl,
)
from scrm_core.errors import Busy, ConfigError, NoBrand, NotFound, PluginError
from scrm_core.installation import Installation
from scrm_core.loader import Loader, discover

METRICS = {"number": Metric("A number")}


def make(plugin_name: str, **attributes) -> type[Plugin]:
    base = {"name": plugin_name, "version": "1", "summary": "s", "requires_core": ">=0.0"}
    return type(f"P_{plugin_name.replace('-', '_')}", (Plugin,), {**base, **attributes})


def edit(installation: Installation, brand_id: str, text: str) -> None:
    path = installation.config.brands_dir / f"{brand_id}.toml"
    path.write_text(path.read_text() + text)


def test_a_plugin_belongs_only_to_the_brands_that_name_it(new_installation):
    alpha, beta = make("alpha"), make("beta")
    installation = new_installation(
        plugins=(alpha, beta), acme="[plugins.beta]\n[plugins.alpha]\n", moonco="[plugins.alpha]\nenabled = false\n"
    )
    assert list(installation.brand("acme").plugins) == ["beta", "alpha"]
    assert installation.brand("moonco").plugins == {}


def test_each_brand_has_its_own_instance_with_its_own_settings(new_installation):
    from marshmallow import RAISE, Schema, fields

    class Settings(Schema):
        class Meta:
            unknown = RAISE

        limit = fields.Integer(strict=True, load_default=3, metadata={"description": "a limit"})

    alpha = make("alpha", Settings=Settings)
    installation = new_installation(plugins=(alpha,), acme="[plugins.alpha]\nlimit = 7\n", moonco="[plugins.alpha]\n")
    first, second = installation.brand("acme").plugins["alpha"], installation.brand("moonco").plugins["alpha"]
    assert (first.settings, second.settings) == ({"limit": 7}, {"limit": 3})
    assert first is not second and first.brand.id == "acme"


def test_call_order_is_the_order_of_the_file(new_installation):
    calls: list[str] = []

    def guard(plugin_name):
        @hookimpl
        def check_lead(self, draft: LeadDraft) -> None:
            calls.append(plugin_name)

        return make(plugin_name, check_lead=check_lead)

    installation = new_installation(
        plugins=tuple(guard(n) for n in ("one", "two", "three")),
        acme="[plugins.two]\n[plugins.three]\n[plugins.one]\n",
    )
    installation.brand("acme").hooks.check("check_lead", LeadDraft(1, "s", "", ()))
    assert calls == ["two", "three", "one"]


def test_a_veto_passes_through_and_any_other_exception_names_the_plugin(new_installation):
    @hookimpl
    def vetoing(self, draft):
        raise Veto("blocked number", "blocked")

    @hookimpl
    def crashing(self, draft):
        raise ZeroDivisionError("oops")

    vetoing.__name__ = crashing.__name__ = "check_lead"
    installation = new_installation(
        plugins=(make("vetoes", check_lead=vetoing), make("crashes", check_lead=crashing)),
        acme="[plugins.vetoes]\n",
        moonco="[plugins.crashes]\n",
    )
    draft = LeadDraft(1, "s", "", ())
    with pytest.raises(Veto) as veto:
        installation.brand("acme").hooks.check("check_lead", draft)
    assert (veto.value.code, veto.value.status) == ("blocked", 409)
    with pytest.raises(PluginError, match="'crashes' failed in check_lead: ZeroDivisionError: oops"):
        installation.brand("moonco").hooks.check("check_lead", draft)


def test_what_wants_to_end_the_process_ends_neither_it_nor_what_other_plugins_do(new_installation):
    @hookimpl
    def check_lead(self, draft):
        raise SystemExit(3)

    @hookimpl
    def at_once(self, query):
        raise SystemExit(4)

    @hookimpl
    def while_told(self, query):
        yield MetricValue("number", query.first_day, 1)
        raise SystemExit(5)

    @hookimpl
    def answering(self, query):
        return [MetricValue("number", query.first_day, 7)]

    installation = new_installation(
        plugins=(
            make("guards", check_lead=check_lead),
            make("ends", collect_metrics=at_once, metrics=METRICS),
            make("stops", collect_metrics=while_told, metrics=METRICS),
            make("answers", collect_metrics=answering, metrics=METRICS),
        ),
        acme="[plugins.guards]\n[plugins.ends]\n[plugins.stops]\n[plugins.answers]\n",
    )
    installation.migrate()
    with installation.brand("acme") as brand:
        with pytest.raises(PluginError, match="'guards' failed in check_lead: SystemExit: 3"):
            brand.hooks.check("check_lead", LeadDraft(1, "s", "", ()))
        rolled = brand.metrics.roll_up(738_000, 738_000)
    assert rolled.stored == {"answers": 1}
    assert rolled.unavailable == {"ends": "SystemExit: 4", "stops": "SystemExit: 5"}


@pytest.mark.parametrize("where", ["constructor", "migration"])
def test_a_plugin_that_ends_the_process_when_it_is_switched_on_keeps_the_last_good_brand(new_installation, tmp_path, where):
    def ends(self, brand, settings):
        raise SystemExit(3)

    (tmp_path / "0001_tables.py").write_text("def up(migrator, db):\n    raise SystemExit(3)\n")
    attributes = {"constructor": {"__init__": ends}, "migration": {"migrations": str(tmp_path)}}[where]
    installation = new_installation(plugins=(make("ends", **attributes),))
    installation.migrate()
    good = installation.brand("acme")
    edit(installation, "acme", "[plugins.ends]\n")
    assert installation.brand("acme") is good
    assert "SystemExit: 3" in str(installation.problem("acme"))
    assert installation.problem("moonco") is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_migrations_run_from_a_folder_whose_name_looks_like_a_pattern(new_installation, tmp_path):
    folder = tmp_path / "plugins[1]"
    folder.mkdir()
    (folder / "0001_tables.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE tables_one (id INTEGER PRIMARY KEY)')\n"
    )
    installation = new_installation(plugins=(make("tables", migrations=str(folder)),), acme="[plugins.tables]\n")
    with installation.brand("acme"):
        assert execute("SELECT count(*) FROM tables_one").fetchone() == (0,)


def test_a_database_fault_inside_a_guard_stays_a_database_fault(new_installation):
    @hookimpl
    def check_lead(self, draft):
        raise Busy("the database is busy")

    installation = new_installation(plugins=(make("asks", check_lead=check_lead),), acme="[plugins.asks]\n")
    with pytest.raises(Busy):
        installation.brand("acme").hooks.check("check_lead", LeadDraft(1, "s", "", ()))


def test_a_gathering_plugin_that_fails_is_shown_as_unavailable_and_others_answer(new_installation):
    @hookimpl
    def failing(self, query):
        raise ValueError("no data")

    @hookimpl
    def answering(self, query):
        return [query.first_day]

    installation = new_installation(
        plugins=(
            make("fails", collect_metrics=failing, metrics=METRICS), make("answers", collect_metrics=answering, metrics=METRICS)
        ),
        acme="[plugins.fails]\n[plugins.answers]\n",
    )
    answer = installation.brand("acme").hooks.collect("collect_metrics", MetricsQuery(1, 2))
    assert answer == [("fails", None, "ValueError: no data"), ("answers", [1], None)]


def test_a_changed_file_switches_a_plugin_on_without_a_restart_and_only_for_its_brand(new_installation):
    installation = new_installation(plugins=(make("alpha"),), acme="\n[rfm]\n")
    before = installation.brand("acme")
    assert before.plugins == {} and installation.brand("acme") is before
    edit(installation, "acme", "[plugins.alpha]\n")
    assert list(installation.brand("acme").plugins) == ["alpha"]
    assert installation.brand("moonco").plugins == {}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[plugins.ghost]\n", ["[plugins.ghost]", "not installed"]),
        ("[plugins.alpha]\nlimti = 3\n", ["[plugins.alpha] limti", "found 3", "unknown key"]),
        ("[plugins.old]\n", ["needs core >=99"]),
        ("[plugins.alpha\n", ["not valid TOML", "line"]),
        ("[surprise]\n", ["surprise", "unknown key"]),
        ('[plugins.alpha]\nenabled = "yes"\n', ["enabled", "'yes'", "true or false"]),
        ('[rfm]\ncount_zero_orders = "maybe"\n', ["[rfm] count_zero_orders", "maybe"]),
    ],
)
def test_a_broken_change_keeps_the_last_good_brand_and_says_what_to_mend(new_installation, text, words):
    installation = new_installation(plugins=(make("alpha"), make("old", requires_core=">=99")))
    good = installation.brand("acme")
    edit(installation, "acme", text)
    assert installation.brand("acme") is good
    problem = installation.problem("acme")
    assert problem is not None
    for word in [*words, "acme.toml"]:
        assert word in str(problem)
    assert installation.problem("moonco") is None


def test_a_file_that_is_not_utf8_says_so(new_installation):
    installation = new_installation()
    path = installation.config.brands_dir / "acme.toml"
    path.write_bytes(path.read_bytes() + "# 中文\n".encode("gb18030"))
    assert "save it as UTF-8" in str(installation.problem("acme"))
    assert installation.problem("moonco") is None


def test_mending_the_file_brings_the_brand_up_to_date(new_installation):
    installation = new_installation(plugins=(make("alpha"),))
    path = installation.config.brands_dir / "acme.toml"
    good = path.read_text()
    path.write_text(good + "[nonsense]\n")
    assert installation.problem("acme") is not None
    path.write_text(good + "\n[plugins.alpha]\n")
    assert installation.problem("acme") is None
    assert list(installation.brand("acme").plugins) == ["alpha"]


def test_a_brand_that_was_never_good_is_refused_while_others_work(new_installation):
    installation = new_installation()
    (installation.config.brands_dir / "third.toml").write_text("[brand]\n")
    with pytest.raises(ConfigError, match=r"third\.toml"):
        installation.brand("third")
    assert [b.id for b in installation.brands()] == ["acme", "moonco"]
    for name in ("ghost", "../acme", "acme/../moonco", ".acme", ""):
        with pytest.raises(NotFound):
            installation.brand(name)


def test_a_removed_file_removes_the_brand(new_installation):
    installation = new_installation()
    installation.brand("acme")
    (installation.config.brands_dir / "acme.toml").unlink()
    with pytest.raises(NotFound):
        installation.brand("acme")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_plugins_of_a_folder_need_no_packaging_and_broken_ones_are_refused_alone(new_installation, tmp_path):
    folder = tmp_path / "own"
    body = "    version = '1'\n    summary = 's'\n    requires_core = '>=0.0'\n"
    sources = {
        "scrm_fine": "from scrm_core.api import Plugin\nclass Fine(Plugin):\n    name = 'fine'\n" + body,
        "scrm_exits": "raise SystemExit(1)\n",
        "scrm_syntax": "def (\n",
        "scrm_empty": "",
        "scrm_misnamed": "from scrm_core.api import Plugin\nclass X(Plugin):\n    name = 'else'\n" + body,
    }
    for name, source in sources.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source)
    found = discover(folder)
    assert {"fine", "exits", "syntax", "empty", "misnamed"} <= set(found)
    loader = Loader(folder)
    assert loader.load("fine").name == "fine"
    for name, words in {
        "exits": "SystemExit",
        "syntax": "SyntaxError",
        "empty": "exactly one",
        "misnamed": "calls itself 'else'",
        "nowhere": "not installed; install its distribution",
        "fime": "not installed; did you mean 'fine'. If not, install",
    }.items():
        with pytest.raises(PluginError, match=words):
            loader.load(name)
        with pytest.raises(PluginError, match=words):
            loader.load(name)
    installation = new_installation()
    toml = installation.config.root / "scrm.toml"
    toml.write_text(toml.read_text() + f'plugins_dir = "{folder}"\n')
    edit(installation, "acme", "[plugins.fine]\n")
    again = Installation.open(installation.config.root)
    assert list(again.brand("acme").plugins) == ["fine"]


def test_a_name_claimed_twice_is_refused_for_both(tmp_path, monkeypatch):
    from importlib.metadata import EntryPoint

    from scrm_core import loader

    points = [
        EntryPoint("twin", "one_package:Twin", loader.GROUP),
        EntryPoint("twin", "other_package:Twin", loader.GROUP),
        EntryPoint("run", "some_package:Run", loader.GROUP),
    ]
    monkeypatch.setattr(loader, "entry_points", lambda group: points)
    monkeypatch.syspath_prepend(tmp_path)
    found = loader.discover(None)
    assert "two plugins are called 'twin'" in found["twin"].refused
    assert "reserved" in found["run"].refused
    with pytest.raises(PluginError, match="two plugins are called 'twin'"):
        Loader(None).load("twin")


def test_the_current_brand_and_plugin_follow_the_entered_brand(new_installation):
    alpha = make("alpha")
    installation = new_installation(plugins=(alpha,), acme="[plugins.alpha]\n")
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    with pytest.raises(NoBrand):
        current_brand()
    with acme:
        assert current_plugin(alpha) is acme.plugins["alpha"]
        with moonco:
            assert current_brand() is moonco
            with pytest.raises(NotFound):
                current_plugin(alpha)
        assert current_brand() is acme


def test_a_brand_seen_for_the_first_time_by_many_threads_is_built_once(new_installation):
    installation = new_installation(plugins=(make("alpha"),), acme="[plugins.alpha]\n")
    edit(installation, "acme", "\n# touched\n")
    seen = []
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait(10)
        seen.append(installation.brand("acme"))
        installation.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(brand) for brand in seen}) == 1 and len(seen) == 8


def test_hooks_of_a_switched_off_plugin_never_run(new_installation):
    calls = []

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        calls.append(self.brand.id)

    installation = new_installation(plugins=(make("alpha", on_order=on_order),), acme="[plugins.alpha]\n")
    assert [name for name, *_ in installation.brand("acme").hooks.implementations("on_order")] == ["alpha"]
    assert installation.brand("moonco").hooks.implementations("on_order") == ()
