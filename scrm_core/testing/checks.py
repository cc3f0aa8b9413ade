"""The points of the checklist, each tried on a plugin in an app of its own."""

from __future__ import annotations

import inspect
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import peewee

from ..carts import Cart, CartLine
from ..db.bulk import execute
from ..db.router import brand_db
from ..errors import NotFound, Veto
from ..facts import MessageDraft, PersonQuery
from ..places import said
from ..plugin import Plugin
from ..shown import ReportTable
from .addresses import addresses
from .app import App, core_tables
from .outbox import Outbox
from .playing import NAME, PHONE, play
from .shop import Shop
from .sources import imports, is_a_test

REMEDY = "mend what raised it"
ASK_PRESENT = "begin with self.brand.contacts.present(event.contact_id): None for somebody who was erased meanwhile"

Problems = Iterable[tuple[str, str]]
"""What is wrong, and what to do."""


class Trial:
    """The plugin in an app of its own, which all checks use one after the other."""

    def __init__(self, cls: type[Plugin], app: App, loaded: frozenset[str] | None) -> None:
        self.cls = cls
        self.app = app
        self.loaded = loaded
        self.prefix = cls.name.replace("-", "_") + "_"
        self.importing: subprocess.Popen[str] | None = None
        self.mark = secrets.token_hex(8)  # tells the answer from what the plugin prints itself
        self.home = Path(inspect.getfile(cls)).resolve().parent
        self._others = {model._meta.table_name for each in app.plugins if each is not cls for model in each.models}

    def owns(self, table: str) -> bool:
        """Whether a table is the plugin's by its name: that of ``tea-shop`` is not ``tea``'s."""
        return table.startswith(self.prefix) and table not in self._others

    @contextmanager
    def imported_elsewhere(self, wanted: bool) -> Iterator[None]:
        """Import the plugin in a process of its own while the checks go on: what it loads is asked last."""
        if not wanted or self.loaded is not None or not self.sources:
            yield
            return
        top = Path(str(sys.modules[self.cls.__module__.partition(".")[0]].__file__)).resolve()
        place = top.parent.parent if top.name == "__init__.py" else top.parent
        code = (
            f"import scrm_core.api, sys; before = set(sys.modules); import {self.cls.__module__}; "
            f"print(); print({self.mark!r}, *sorted(set({_HEAVY!r}) & (sys.modules.keys() - before)))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *(p for p in sys.path if p)])}
        words = [sys.executable, "-c", code]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=environment
        ) as self.importing:
            yield
            self.importing.kill()

    def others_own(self, table: str) -> bool:
        """Whether a table is that of a plugin beside it."""
        names = (each.name.replace("-", "_") + "_" for each in self.app.plugins if each is not self.cls)
        return table in self._others or table.startswith(tuple(names))

    @property
    def people(self) -> list[Any]:
        """Two people to whom one of each thing has happened that plugins can hear of; not delivered yet."""
        people, refused = self._played
        if refused is not None:
            raise refused
        return people

    @cached_property
    def _played(self) -> tuple[list[Any], BaseException | None]:
        try:
            return play(self.app.brand), None
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001  a plugin's guards run here: each check that needs the people says it
            return [], exc

    @cached_property
    def sources(self) -> list[Path]:
        """The plugin's files; none of a class that stands in a test, where nothing else imports it."""
        module = sys.modules.get(self.cls.__module__)
        path = getattr(module, "__file__", None)
        if module is None or path is None or module.__name__ == "__main__" or is_a_test(Path(path)):
            return []
        top = Path(sys.modules[self.cls.__module__.partition(".")[0]].__file__ or path).resolve()
        if top.name != "__init__.py":
            return [top]
        return [each for each in sorted(top.parent.rglob("*.py")) if "tests" not in each.relative_to(top.parent).parts]


def _settings(trial: Trial) -> Problems:
    """Every setting says what it is for."""
    for name, field in trial.cls.Settings().fields.items() if trial.cls.Settings is not None else ():
        if not field.metadata.get("description"):
            yield f"the setting {name!r} has no description", 'give the field metadata={"description": "..."}'


def _migrations(trial: Trial) -> Problems:
    """The migrations make the tables that the models describe, and names begin with the plugin's."""
    with trial.app.brand:
        made = set(brand_db.get_tables()) - core_tables()
        for table in sorted(made):
            if not trial.owns(table) and not table.startswith("migration_") and not trial.others_own(table):
                yield f"a migration makes the table {table!r}", f"let its name begin with {trial.prefix}"
        tables = set(filter(trial.owns, made))
        for table in sorted(tables - {model._meta.table_name for model in trial.cls.models}):
            yield f"no model describes the table {table!r}", "declare its model in `models`"
        for model in trial.cls.models:
            meta = model._meta
            if meta.table_name not in tables:
                yield f"no migration makes the table {meta.table_name!r}", f"write one in {trial.cls.migrations}/"
                continue
            made = {column.name: column.null for column in brand_db.get_columns(meta.table_name)}
            wanted = {f.column_name: f.null for f in meta.sorted_fields}
            for column in sorted(made.keys() ^ wanted.keys()):
                where = "the model" if column in made else "the migrations"
                yield f"{meta.table_name}.{column} is missing in {where}", "let both say the same columns"
            for field in meta.sorted_fields:
                null = made.get(field.column_name)
                if null is not None and not field.primary_key and null != field.null:
                    yield (
                        f"{meta.table_name}.{field.column_name} may be NULL in one of model and migration only",
                        "let both say the same",
                    )
            yield from _other_kinds(meta)
            keys = {(key.column, key.dest_table) for key in brand_db.get_foreign_keys(meta.table_name)}
            for field in meta.sorted_fields:
                wanted_key = isinstance(field, peewee.ForeignKeyField)
                if wanted_key and (field.column_name, field.rel_model._meta.table_name) not in keys:
                    yield (
                        f"{meta.table_name}.{field.column_name} is no foreign key in the migrations",
                        f"write REFERENCES {field.rel_model._meta.table_name}: merges and erasures follow such keys",
                    )


_KINDS = {"INT": "INTEGER", "CHAR": "TEXT", "CLOB": "TEXT", "TEXT": "TEXT"}


def _kind(declared: str) -> str:
    """What SQLite keeps in a column that is declared like this, where a whole number and a text would differ."""
    return next((kind for word, kind in _KINDS.items() if word in declared.upper()), "")


def _other_kinds(meta: Any) -> Problems:
    """What a table has otherwise than its model says: numbers instead of texts, and what should be there once only."""
    made = {column.name: column.data_type for column in brand_db.get_columns(meta.table_name)}
    for field in meta.sorted_fields:
        kinds = _kind(made.get(field.column_name, "")), _kind(str(field.field_type))
        if all(kinds) and kinds[0] != kinds[1]:
            yield f"{meta.table_name}.{field.column_name} is {kinds[0]} in the migrations, {kinds[1]} in the model", (
                "let both say the same"
            )
    once = [(field.name,) for field in meta.sorted_fields if field.unique and not field.primary_key]
    once += [tuple(names) for names, unique in (each for each in meta.indexes if isinstance(each, tuple)) if unique]
    indexes = [set(index.columns) for index in brand_db.get_indexes(meta.table_name) if index.unique]
    for names in once:
        columns = [meta.combined[name].column_name for name in names]
        if set(columns) not in indexes:
            yield f"{meta.table_name} ({', '.join(columns)}) is unique in the model only", (
                "write CREATE UNIQUE INDEX in a migration: only the database keeps a second row away"
            )


def _index_names(trial: Trial) -> Problems:
    """Names of indexes are unique in a brand's database."""
    with trial.app.brand:
        names = sorted(
            index.name
            for model in trial.cls.models
            for index in brand_db.get_indexes(model._meta.table_name)
            if not index.name.startswith((trial.prefix, "sqlite_autoindex"))
        )
    if names:
        yield f"another plugin could call an index {', '.join(names)}", f"let their names begin with {trial.prefix}"


def _routes(trial: Trial) -> Problems:
    """Routes of the API need a key of their scope; where the plugin is switched off they do not exist."""
    from ..web.mounts import application_of, pages_of
    from ..web.staff_pages import staff_pages_of

    pages_of(trial.cls)
    if trial.cls.staff_pages is not None:
        staff_pages_of(trial.cls)
    routes = list(addresses(application_of(trial.cls), trial.cls.name))
    if not routes:
        return
    guard = "mark the view with @permission and declare the scope in `permissions`"
    app, shop = trial.app, trial.app.brand
    full, wrong, foreign = shop.client(), shop.client("contacts:read"), app.second_brand.client()
    callers = {
        "without a key": (shop.stranger(), {401}),
        "with a key of another scope": (wrong, {403}),
        "with another brand's key": (foreign.of(shop), {401, 403, 404}),
    }
    for method, path in routes:
        for who, (client, right) in callers.items():
            status = client.open(method, path).status_code
            if status not in right:
                yield f"{method} {path} {who} answers {status}", guard
    app.switch_off(trial.cls.name)
    try:
        for method, path in routes:
            status = full.open(method, path).status_code
            if status != 404:
                told = f"{method} {path} answers {status} where the plugin is switched off"
                yield told, "attach routes by `blueprint`"
    finally:
        app.switch_on(trial.cls.name)


def _handlers(trial: Trial) -> Problems:
    """Handlers manage what happens every day, and the same events again change nothing."""
    person, _ = trial.people
    trial.app.brand.deliver_twice()
    with trial.app.brand as brand:
        lines = (CartLine("1", "A", 2, 10_000), CartLine("2", "B", 1, 500))
        brand.carts.quote(Cart(lines, brand.now(), person.id))
        draft = MessageDraft("sms", "notice", Outbox.name, "checklist", person.id, PHONE, "hello", 1)
        with suppress(Veto):
            brand.hooks.check("check_message", draft)
    second = trial.app.second_brand
    second.order(second.lead(), 20_000)
    second.deliver()
    for table, rows in second.tables().items():  # the core's too: a tag or a reward tells as much
        if any(word in repr(rows) for word in (*_words(trial.people[0]), trial.people[1].uid)):
            yield (
                f"{table} of a second brand holds what belongs to the first",
                "keep nothing in module or class variables: a plugin's instance is one brand's",
            )


def _words(person: Any) -> tuple[str, ...]:
    """What is known of the first of the two people and of nobody else."""
    return PHONE[3:], NAME, person.uid


def _told(shop: Shop, trial: Trial) -> Iterable[tuple[str, str]]:
    """The plugin's tables of a brand and all that stands in them."""
    return [(name, repr(rows)) for name, rows in shop.tables().items() if trial.owns(name)]


def _merges(trial: Trial) -> Problems:
    """A merge of two people and its undoing are managed, and hearing of either again changes nothing."""
    shop = trial.app.brand
    first, second = trial.people
    shop.deliver()
    merge = shop.merge(first, second)
    shop.deliver_twice()
    shop.undo_merge(merge)
    shop.deliver_twice()
    for model in trial.cls.models:
        for field in model._meta.sorted_fields:
            if field.column_name in ("contact", "contact_id") and not _points_at_contact(field):
                yield (
                    f"{model._meta.table_name}.{field.column_name} is not a foreign key to Contact",
                    "make it ForeignKeyField(Contact): a merge then moves it, an erasure deletes it",
                )


def _erased(trial: Trial) -> Problems:
    """Who is erased before their events are handed out is managed: no handler fails, and none writes rows of theirs."""
    shop = trial.app.brand
    gone = shop.lead()
    shop.tag(gone, "interest", "cups")
    shop.refund(shop.order(gone, 20_000, skus=("A", "B")), 1_000)
    shop.order(gone, 30_000)
    shop.member(gone)
    shop.message_in(gone, "hello")
    shop.erase(gone)
    shop.deliver()
    for table, column, rows in _rows_of(trial, gone.id):
        if rows:
            yield f"{table}.{column}: an event of somebody erased wrote a row of theirs", ASK_PRESENT


def _rows_of(trial: Trial, contact_id: int) -> Iterable[tuple[str, str, int]]:
    """Table, column and how many rows the plugin has of a contact."""
    with trial.app.brand:
        for model in trial.cls.models:
            for field in filter(_points_at_contact, model._meta.sorted_fields):
                table, column = model._meta.table_name, field.column_name
                rows = execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = ?', (contact_id,)).fetchone()[0]
                yield table, column, rows


def _points_at_contact(field: Any) -> bool:
    return isinstance(field, peewee.ForeignKeyField) and field.rel_model._meta.table_name == "contact"


def _personal_data(trial: Trial) -> Problems:
    """What the plugin holds of a person is told, and nothing of an erased one stays in its tables."""
    shop = trial.app.brand
    person, _ = trial.people
    shop.deliver()
    with shop as brand:
        for name, _, failure in brand.hooks.collect("collect_personal_data", PersonQuery(person.id, (person.id,))):
            if name == trial.cls.name and failure is not None:
                yield f"collect_personal_data fails: {failure}", REMEDY
    shop.erase(person)
    for table, told in _told(shop, trial):
        if any(word in told for word in _words(person)):
            yield (
                f"{table} still holds the phone, name or uid of an erased person",
                "keep it in rows with a foreign key to Contact, or override erase_personal_data()",
            )
    for table, _, rows in _rows_of(trial, person.id):
        if rows:
            yield f"{table} keeps rows of an erased person", "let the migration say REFERENCES contact"


# Imported by a plugin's module these cost every command of the CLI a second or so.
_HEAVY = ("pandas", "numpy", "scipy", "matplotlib", "requests", "openpyxl", "sqlalchemy", "PIL", "cryptography")


def _import_cost(trial: Trial) -> Problems:
    """The module is imported by every process that uses the brand: what is slow to import waits for its use."""
    heavy = sorted(trial.loaded.intersection(_HEAVY)) if trial.loaded is not None else []
    if trial.importing is not None:
        told, complaint = trial.importing.communicate()
        if trial.importing.returncode:
            last = (complaint.strip().splitlines() or [f"exit code {trial.importing.returncode}"])[-1]
            yield f"cannot be imported by itself: {last}", "mend the import"
        heavy = [name for line in told.splitlines() if line.startswith(trial.mark) for name in line.split()[1:]]
    for name in heavy:
        yield f"importing the plugin imports {name}", "import it inside the function that needs it"


def _jobs(trial: Trial) -> Problems:
    """Every job runs, on a brand to which something has happened."""
    _ = trial.people
    trial.app.brand.run_jobs()
    return ()


def _figures(trial: Trial) -> Problems:
    """Reports, metrics and segment fields answer what they declare."""
    cls, shop = trial.cls, trial.app.brand
    with shop as brand:
        plugin = brand.plugins[cls.name]
        for name, report in cls.reports.items():
            table = getattr(plugin, report.method)()
            if not isinstance(table, ReportTable):
                yield f"the report {name!r} returns a {type(table).__name__}", "return ReportTable(columns, rows)"
                continue
            yield from _gaps(table, f"the report {name!r}")
        today = brand.day(brand.now())
        reason = brand.metrics.roll_up(today, today).unavailable.get(cls.name)
        if reason:
            yield f"collect_metrics fails: {reason.removeprefix('PluginError: ')}", REMEDY
        for name, declared in cls.segment_fields.items():
            select, params = getattr(plugin, declared.contacts)()
            row = execute(f"SELECT * FROM ({select}) AS answer LIMIT 1", tuple(params))
            if len(row.description) != 2:
                yield f"the SQL of segment field {name!r} gives {len(row.description)} columns", (
                    "select contact_id and value"
                )


def _gaps(table: ReportTable, name: str) -> Problems:
    told = {column.name for column in table.columns}
    for missing in sorted({each for row in table.rows for each in told - row.keys()})[:1]:
        yield f"a row of {name} has no {missing!r}", "give each row every column, or None"


def _console(trial: Trial) -> Problems:
    """Pages and cards for the console answer for a brand with people and for one without, in both languages."""
    from ..web.console_parts import draw
    from ..web.console_query import ConsoleQuery

    parts = [*trial.cls.console_pages.items(), *trial.cls.console_cards.items()]
    if not parts:
        return
    _ = trial.people
    for shop in (trial.app.brand, trial.app.second_brand):
        with shop as brand:
            for name, part in parts:
                for language in ("zh", "en"):
                    try:
                        shown = draw(brand.plugins[trial.cls.name], part, ConsoleQuery(language))
                    except NotFound:
                        if part.menu:
                            raise
                        continue  # a page about one thing, asked about nothing
                    if isinstance(shown, ReportTable):
                        yield from _gaps(shown, repr(name))


def _public_api(trial: Trial) -> Problems:
    """The plugin imports from the framework what is promised to stay: scrm_core.api, and the test kit."""
    from .. import api

    for path in trial.sources:
        try:
            found = list(imports(path))
        except (SyntaxError, ValueError) as exc:
            yield f"{path}: {said(exc)}", "write Python that can be read, in UTF-8"
            continue
        for line, module, name in found:
            door = f"{module}.{name}".startswith(("scrm_core.api.", "scrm_core.testing."))
            if module.partition(".")[0] == "scrm_core" and not door and (module, name) != ("scrm_core", "api"):
                public = f"import {name} from scrm_core.api"
                yield (
                    f"{path}:{line}: imports {f'{name} from ' if name else ''}{module}",
                    public if name in api.__all__ else "a plugin imports from scrm_core.api alone",
                )


CHECKS: dict[str, Callable[[Trial], Problems]] = {
    "settings": _settings,
    "migrations": _migrations,
    "index-names": _index_names,
    "handlers": _handlers,
    "merges": _merges,
    "personal-data": _personal_data,
    "erased": _erased,
    "routes": _routes,
    "jobs": _jobs,
    "figures": _figures,
    "console": _console,
    "public-api": _public_api,
    "import-cost": _import_cost,
}
