"""Each point of the checklist finds the mistake that it is there for, and a sound plugin meets all of them."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from pathlib import Path

import flask
import pytest

from scrm_core.hooks import EVENT_HOOKS
from scrm_core.testing import assert_plugin_ok, check_plugin
from scrm_core.testing.addresses import addresses
from scrm_core.testing.checklist import CHECKS
from scrm_points import Points

HEAD = """
import flask
import peewee as pw
from marshmallow import Schema, fields
from scrm_core.api import *

class Faulty(Plugin):
    name = "faulty"
    version = "1.0"
    summary = "Makes one mistake"
    requires_core = ">=0.1.0.dev0"
"""
MODEL = """
class Note(BrandModel):
    id = pw.BigAutoField()
    contact_id = {column}
    text = pw.TextField()
    class Meta:
        table_name = "faulty_note"
"""
MIGRATION = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE faulty_note (id INTEGER PRIMARY KEY, contact_id {sql} NOT NULL, text TEXT NOT NULL{more})")
    db.execute_sql("CREATE INDEX {index} ON faulty_note (contact_id)")
"""
HEARS = """
    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        execute("INSERT INTO faulty_note (contact_id, text) VALUES (?, ?)", (event.contact_id, {text}))
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes a plugin's module and gives its class."""

    def write(body, *, before="", migration=""):
        package = tmp_path / "scrm_faulty"
        (package / "migrations").mkdir(parents=True)
        text = HEAD.replace("class Faulty", before + "\nclass Faulty") + textwrap.indent(textwrap.dedent(body), "    ")
        (package / "__init__.py").write_text(text, "utf-8")
        if migration:
            (package / "migrations" / "0001_note.py").write_text(migration, "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return importlib.import_module("scrm_faulty").Faulty

    yield write
    sys.modules.pop("scrm_faulty", None)


def noting(written, *, column="pw.ForeignKeyField(Contact, column_name='contact_id')", text="event.source",
           sql="INTEGER REFERENCES contact (id)", index="faulty_note_contact", more=""):  # fmt: skip
    column = column.replace(", column_name='contact_id'", "") if "Foreign" in column else column
    model = MODEL.format(column=column)
    if "Foreign" in column:
        model = model.replace("contact_id =", "contact =")
    body = 'models = (Note,)\nmigrations = "migrations"\n' + textwrap.dedent(HEARS.format(text=text))
    return written(body, before=model, migration=MIGRATION.format(sql=sql, index=index, more=more))


SLOW = ("import-cost",)  # asks another process


def found(cls, without=(), **options):
    return {each.check: str(each) for each in check_plugin(cls, without=(*without, *SLOW), **options)}


def test_a_bundled_plugin_meets_the_checklist():
    assert_plugin_ok(Points)


def test_a_setting_without_a_description_is_found(written):
    told = found(written("class Settings(Schema):\n    word = fields.String(load_default='')"))
    assert list(told) == ["settings"]
    assert "'word' has no description" in told["settings"]


def test_a_setting_that_is_required_is_asked_for_and_can_be_given(written):
    cls = written('class Settings(Schema):\n    word = fields.String(required=True, metadata={"description": "a word"})')
    told = found(cls)["settings"]
    assert "word" in told and "--settings FILE" in told
    assert check_plugin(cls, settings={"word": "x"}) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"more": ", late TEXT"}, "faulty_note.late is missing in the model"),
        ({"sql": "INTEGER"}, "faulty_note.contact_id is no foreign key in the migrations"),
    ],
)
def test_migrations_that_say_something_else_than_the_models_are_found(written, options, said):
    assert said in found(noting(written, **options))["migrations"]


def test_a_table_that_no_migration_makes_is_found(written):
    model = MODEL.format(column="pw.ForeignKeyField(Contact)").replace("contact_id =", "contact =")
    cls = written('models = (Note,)\nmigrations = "migrations"', before=model, migration="def up(migrator, db): ...")
    told = found(cls)
    assert "no such table" in told["merges"]
    assert "no migration makes the table 'faulty_note'" in told["migrations"]


def test_the_settings_and_tables_of_a_plugin_beside_it_are_no_fault_of_its_own(written):
    beside = """
class Kept(BrandModel):
    id = pw.BigAutoField()
    class Meta:
        table_name = "faulty_not_kept"

class Beside(Plugin):
    name, version, summary, requires_core = "faulty-not", "1.0", "Stands beside it", ">=0.1.0.dev0"
    models = (Kept,)
    migrations = "migrations"
    class Settings(Schema):
        word = fields.String(required=True, metadata={"description": "a word"})
"""
    kept = "def up(migrator, db):\n    db.execute_sql('CREATE TABLE faulty_not_kept (id INTEGER PRIMARY KEY)')\n"
    cls = written("", before=beside, migration=kept)
    other = sys.modules[cls.__module__].Beside
    assert check_plugin(cls, other, settings={"faulty-not": {"word": "x"}}, without=SLOW) == []


def test_an_index_that_could_be_another_plugins_is_found(written):
    told = found(noting(written, index="note_contact"))
    assert "note_contact" in told["index-names"]


def test_a_handler_that_breaks_is_told_with_its_error(written):
    told = found(written("@hookimpl\ndef on_order(self, event: OrderPaid) -> None:\n    raise KeyError('no such thing')"))
    assert "no such thing" in told["handlers"]


def test_a_handler_that_adds_each_time_is_told_to_be_idempotent(written):
    told = found(noting(written))
    assert "changed faulty_note" in told["handlers"]


def hook(name, argument, body):
    return f"@hookimpl\ndef {name}(self, {argument}):\n    {body}"


@pytest.mark.parametrize("name", EVENT_HOOKS)
def test_every_event_happens_so_that_its_handler_is_tried(written, name):
    told = found(written(hook(name, "event", "raise KeyError('a cup')")))
    assert any(f"{name} fails: KeyError: 'a cup'" in each for each in told.values())


@pytest.mark.parametrize(
    ("name", "argument", "check"), [("check_message", "draft", "handlers"), ("collect_personal_data", "query", "personal-data")]
)
def test_a_guard_of_messages_and_what_a_plugin_tells_of_people_are_tried(written, name, argument, check):
    body = hook(name, argument, "raise KeyError('a cup')") + "\ndef erase_personal_data(self, query):\n    pass"
    assert "KeyError: 'a cup'" in found(written(body))[check]


def test_a_handler_that_takes_every_buyer_for_known_is_found(written):
    told = found(written(hook("on_order", "event", "self.brand.contacts.get_by_id(event.contact_id)")))
    assert "on_order fails: NotFound: no such contact" in told["handlers"]


REMEMBERS = """
    def __init__(self, brand, settings):
        super().__init__(brand, settings)
        self.seen = set()

    @hookimpl
    def on_lead(self, event):
        if event.event_id not in self.seen:
            self.seen.add(event.event_id)
            execute("INSERT INTO faulty_note (contact_id, text) VALUES (?, 'x')", (event.contact_id,))
"""
NOTE = MODEL.format(column="pw.ForeignKeyField(Contact)").replace("contact_id =", "contact =")
TABLES = 'models = (Note,)\nmigrations = "migrations"\n'
MAKES = MIGRATION.format(sql="INTEGER REFERENCES contact (id)", index="faulty_note_contact", more="")


def test_a_handler_that_knows_what_it_saw_only_while_the_process_lives_is_found(written):
    told = found(written(TABLES + textwrap.dedent(REMEMBERS), before=NOTE, migration=MAKES))
    assert "the same events again changed faulty_note" in told["handlers"]


def test_an_event_that_is_told_for_each_hearing_is_found(written):
    told = found(written(hook("on_order", "event", "self.brand.emit('faulty', 'seen', event.contact_id)")))
    assert "the same events again told faulty:seen again" in told["handlers"]


def test_a_handler_of_merges_that_adds_each_time_is_found(written):
    adds = "execute(\"INSERT INTO faulty_note (contact_id, text) SELECT id, 'x' FROM contact LIMIT 1\")"
    told = found(written(TABLES + hook("on_contact_merged", "event", adds), before=NOTE, migration=MAKES))
    assert "the same events again changed faulty_note" in told["merges"]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (NOTE.replace("TextField()", "TextField(unique=True)"), "faulty_note (text) is unique in the model only"),
        (
            NOTE.replace('"faulty_note"', '"faulty_note"\n        indexes = ((("contact", "text"), True),)'),
            "faulty_note (contact_id, text) is unique in the model only",
        ),
        (NOTE.replace("TextField()", "BigIntegerField()"), "faulty_note.text is TEXT in the migrations, INTEGER in the model"),
    ],
)
def test_what_a_model_promises_and_no_migration_keeps_is_found(written, before, said):
    assert said in found(written(TABLES, before=before, migration=MAKES))["migrations"]


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("reports = {'cups': Report('cups', 'Cups')}\ndef cups(self):\n    raise SystemExit(3)", "figures"),
        ("def __init__(self, brand, settings):\n    raise SystemExit(3)", "class"),
        (hook("check_lead", "draft", "raise SystemExit(3)"), "handlers"),
    ],
)
def test_what_wants_to_end_the_process_is_told_like_any_failure(written, body, check):
    told = found(written(body))
    assert list(told) == [check]
    assert "SystemExit: 3" in told[check]


def test_state_that_two_brands_share_is_found(written):
    body = """
        models = (Note,)
        migrations = "migrations"
        people = []
        @hookimpl
        def on_lead(self, event: LeadCaptured) -> None:
            self.people.append(self.brand.contacts.get_by_id(event.contact_id).name)
            execute("DELETE FROM faulty_note")
            execute("INSERT INTO faulty_note (contact_id, text) VALUES (?, ?)", (event.contact_id, str(set(self.people))))
    """
    cls = written(body, before=MODEL.format(column="pw.ForeignKeyField(Contact)").replace("contact_id =", "contact ="),
                  migration=MIGRATION.format(sql="INTEGER REFERENCES contact (id)", index="faulty_note_x", more=""))  # fmt: skip
    told = [str(each) for each in check_plugin(cls, without=SLOW) if each.check == "handlers"]
    assert any("faulty_note of a second brand holds what belongs to the first" in each for each in told)


def test_state_that_leaves_its_brand_by_the_cores_tables_is_found_too(written):
    body = """
        people = {}
        @hookimpl
        def on_lead(self, event):
            person = self.brand.contacts.get_by_id(event.contact_id)
            name = self.people.setdefault("first", person.name or "nobody")
            self.brand.tags.add(person.id, self.brand.tags.define("friend", name, plan="greet"), actor="faulty")
    """
    assert "tag of a second brand holds what belongs to the first" in found(written(body))["handlers"]


def test_a_contact_that_is_no_foreign_key_is_found(written):
    told = found(noting(written, column="pw.BigIntegerField()", sql="INTEGER"), without=("handlers",))
    assert "make it ForeignKeyField(Contact)" in told["merges"]


def test_a_phone_that_outlives_its_person_is_found(written):
    body = """
        models = (Note,)
        migrations = "migrations"
        @hookimpl
        def on_lead(self, event: LeadCaptured) -> None:
            person = self.brand.contacts.get_by_id(event.contact_id)
            execute("INSERT INTO faulty_note (contact_id, text) VALUES (0, ?)", (person.name,))
    """
    cls = written(body, before=MODEL.format(column="pw.BigIntegerField()"),
                  migration=MIGRATION.format(sql="INTEGER", index="faulty_note_contact", more=""))  # fmt: skip
    assert "faulty_note still holds the phone, name or uid" in found(cls, without=("handlers",))["personal-data"]


@pytest.mark.parametrize("call", ["survivor(event.contact_id)", "get_by_id(event.contact_id).id"])
def test_a_handler_that_fails_for_somebody_erased_meanwhile_is_told_what_to_ask(written, call):
    asks = f"event.contact_id is None or self.brand.contacts.{call}"
    cls = written(f"@hookimpl\ndef on_order(self, event: OrderPaid) -> None:\n    {asks}")
    told = found(cls)
    assert list(told) == ["erased"]
    assert "on_order fails: NotFound" in told["erased"]
    assert "contacts.present(event.contact_id)" in told["erased"]


def test_a_row_that_is_written_of_somebody_erased_meanwhile_is_found(written):
    told = found(noting(written), without=("handlers",))
    assert told["erased"].startswith("erased: faulty_note.contact_id: an event of somebody erased wrote a row of theirs")


def test_a_route_without_a_permission_is_found(written):
    before = """
routes = flask.Blueprint("faulty", __name__)

@routes.get("/open/<int:number>")
def opened(number):
    return {}
"""
    assert "permission" in found(written("blueprint = routes", before=before))["routes"]


ADDRESSES = (
    "<uuid:part>", "<any(tea, cups):part>", "<string(length=8):part>", "<int(min=5):part>", "<int(fixed_digits=4):part>",
    "<float:part>", "<path:part>", "<string(minlength=3):part>",
)  # fmt: skip


def test_a_guarded_route_is_fine_whatever_its_address_takes(written):
    routes = "".join(
        f'@routes.get("/{number}/{part}")\n@permission("faulty:read")\ndef view{number}(part):\n    return {{}}\n\n'
        for number, part in enumerate(ADDRESSES)
    )
    before = f'\nroutes = flask.Blueprint("faulty", __name__)\n\n{routes}'
    assert found(written('blueprint = routes\npermissions = {"faulty:read": "see it"}', before=before)) == {}


def test_every_route_is_tried_with_an_address_that_leads_to_it():
    app = flask.Flask("faulty")
    for number, part in enumerate(ADDRESSES):
        app.add_url_rule(f"/{number}/{part}", f"view{number}", lambda part: "", methods=["GET", "TRACE"])
    tried = list(addresses(app, "faulty"))
    adapter = app.url_map.bind("localhost")
    led = {adapter.match(path.removeprefix("plugins/faulty"), method=method)[0] for method, path in tried}
    assert led == {f"view{number}" for number in range(len(ADDRESSES))}
    assert {method for method, _ in tried} == {"GET"}


def test_a_docstring_that_speaks_of_pytest_hides_nothing(written):
    told = found(written("", before="'Its tests are run by pytest.'\nfrom scrm_core.models import Order\n"))
    assert "imports Order from scrm_core.models" in told["public-api"]


def test_a_file_says_its_own_encoding_and_one_that_cannot_be_read_is_named(written):
    cls = written("")
    folder = Path(inspect.getfile(cls)).parent
    (folder / "words.py").write_bytes("# -*- coding: gb18030 -*-\nTEA = '茶'\n".encode("gb18030"))
    assert found(cls) == {}
    (folder / "words.py").write_bytes("TEA = '茶'\n".encode("gb18030"))
    assert f"{folder / 'words.py'}: SyntaxError: " in found(cls)["public-api"]


def test_what_a_plugin_prints_when_it_is_imported_is_no_module(written):
    cls = written("", before="print('PIL', 'numpy', end='')")
    assert check_plugin(cls, without=set(CHECKS) - {"import-cost"}) == []


def test_a_setting_may_be_called_as_the_plugin_is(written):
    cls = written('class Settings(Schema):\n    faulty = fields.String(required=True, metadata={"description": "a word"})')
    assert check_plugin(cls, settings={"faulty": "x"}, without=SLOW) == []
    assert check_plugin(cls, settings={"faulty": {"faulty": "x"}}, without=SLOW) == []


def test_a_plugin_that_is_called_as_the_kits_sender_is_refused(written):
    assert "the test kit's own sender has this name" in found(written('name = "outbox"'))["class"]


PART = 'ConsolePart("today", {"en": "Today", "zh": "今天"}, "reports:read")'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[]", "today() returned a list; return ReportTable(columns, rows) or ConsoleTemplate(name, {...})"),
        ('ReportTable((Column("a", "A"),), [{"b": 1}])', "a row of 'today' has no 'a'"),
        ('ConsoleTemplate("nowhere.html", {})', "TemplateNotFound: 'nowhere.html' not found in search path"),
        ('ConsoleTemplate("today.html", {})', "'cups' is undefined"),
    ],
)
def test_a_console_card_that_cannot_be_drawn_is_found(written, answer, said):
    cls = written(
        f'console_cards = {{"today": {PART}}}\ndef today(self):\n    return {answer}',
        before="from scrm_core.api import Column, ConsolePart, ConsoleTemplate, ReportTable",
    )
    templates = Path(inspect.getfile(cls)).parent / "templates"
    templates.mkdir()
    (templates / "today.html").write_text("<p>{{ cups }}</p>", "utf-8")
    assert said in found(cls)["console"]


def test_a_module_that_imports_what_is_slow_is_found(written):
    (told,) = check_plugin(written("", before="import PIL"), without=set(CHECKS) - {"import-cost"})
    assert "imports PIL" in told.problem


def test_a_check_can_be_left_out_and_an_unknown_one_is_refused(written):
    cls = written("class Settings(Schema):\n    word = fields.String(load_default='')")
    assert_plugin_ok(cls, without=("settings",))
    with pytest.raises(ValueError, match="no check style"):
        check_plugin(cls, without=("style",))
    with pytest.raises(AssertionError, match=r"faulty does not meet the checklist:\n- settings: .*'word'"):
        assert_plugin_ok(cls)
    assert len(CHECKS) == 13
