"""A plugin class is checked when it is defined, with file, attribute and fix in the error."""

from __future__ import annotations

import peewee as pw
import pytest

from scrm_core.api import BrandModel, Job, OrderPaid, Plugin, Report, hookimpl
from scrm_core.errors import PluginError
from scrm_core.plugin import RESERVED_NAMES
from scrm_core.testing.app import core_tables

GOOD = {"name": "good", "version": "1", "summary": "s", "requires_core": ">=0.0"}


def define(**attributes):
    return type("Example", (Plugin,), {**GOOD, **attributes})


def method(name: str, *arguments: str, marked: bool = True, prefix: str = "def", defaults: str = ""):
    scope: dict = {}
    exec(f"{prefix} {name}(self, {', '.join(arguments)}{defaults}): pass", scope)
    return hookimpl(scope[name]) if marked else scope[name]


def test_the_smallest_plugin_is_one_class_and_one_hook():
    class Hello(Plugin):
        name = "hello"
        version = "1.0"
        summary = "Greets"
        requires_core = ">=0.0"

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            self.log.info("order %s", event.number)

    assert Hello.name == "hello"


def test_no_table_of_the_core_begins_as_a_plugins_tables_may():
    first_words = {table.partition("_")[0] for table in core_tables() if "_" in table}
    assert first_words <= RESERVED_NAMES


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"on_ordr": method("on_ordr", "event")}, ["on_ordr", "did you mean 'on_order'"]),
        ({"on_order": method("on_order", "event", marked=False)}, ["lacks @hookimpl"]),
        ({"on_order": method("on_order", "event", "more")}, ["takes exactly (self, event)"]),
        ({"on_order": method("on_order", "order")}, ["takes exactly (self, event)"]),
        ({"on_order": method("on_order", "event=None")}, ["without defaults"]),
        ({"on_order": method("on_order", "event", prefix="async def")}, ["not async"]),
        ({"welcome": method("welcome", "event")}, ["no hook has this name"]),
        ({"name": "Good Name"}, ["must match"]),
        ({"name": "import"}, ["reserved"]),
        ({"version": ""}, ["version", "must be declared"]),
        ({"requires_core": ""}, ["requires_core"]),
        ({"Settings": type("Settings", (), {})}, ["Settings", "class Settings(Schema)"]),
        ({"settings_zh": {"days": "天数"}}, ["settings_zh", "'days' is no key of Settings"]),
        ({"settings_zh": {"days": 3}}, ["settings_zh", "write settings_zh"]),
        ({"summary_zh": 3}, ["summary_zh", "must be declared as a text"]),
        ({"jobs": (Job("nightly", 86_400, "missing"),)}, ["missing"]),
        ({"jobs": (Job("often", 5, "work"),), "work": lambda self: None}, ["60 s is the least"]),
        ({"reports": {"r": Report("missing", "R")}}, ["missing"]),
        ({"permissions": {"other:read": "x"}}, ["must begin with 'good:'"]),
        ({"reward_kinds": {"voucher": "a voucher"}}, ["issue_reward"]),
        ({"collect_personal_data": method("collect_personal_data", "query")}, ["erase_personal_data"]),
    ],
)
def test_a_wrong_declaration_is_an_error_that_names_the_place_and_the_fix(attributes, words):
    with pytest.raises(PluginError) as caught:
        define(**attributes)
    for word in [*words, "Example."]:
        assert word in str(caught.value)


def test_a_hook_wrapper_is_refused():
    import pluggy

    def on_order(self, event):
        yield

    with pytest.raises(PluginError, match="wrappers are not supported"):
        define(on_order=pluggy.HookimplMarker("scrm")(wrapper=True)(on_order))


def test_models_need_migrations_and_the_plugin_s_prefix():
    class Foreign(BrandModel):
        id = pw.BigAutoField()

        class Meta:
            table_name = "foreign_thing"

    with pytest.raises(PluginError, match="no migrations folder"):
        define(models=(Foreign,))
    with pytest.raises(PluginError, match="must begin with 'good_'"):
        define(models=(Foreign,), migrations="migrations")


def test_the_error_names_the_file_and_line_of_the_class():
    with pytest.raises(PluginError, match=r"test_plugin_classes\.py:\d+: Wrong\.on_ordr"):

        class Wrong(Plugin):
            name = "wrong"
            version = "1"
            summary = "s"
            requires_core = ">=0.0"

            @hookimpl
            def on_ordr(self, event: OrderPaid) -> None: ...
