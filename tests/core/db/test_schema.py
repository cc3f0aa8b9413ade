"""Migrations and models say the same; constraints hold whatever a service does."""

from __future__ import annotations

import re
from dataclasses import replace

import peewee
import psycopg
import pytest

from scrm_core import limits
from scrm_core.db import in_brand, postgres
from scrm_core.db.bulk import execute
from scrm_core.db.migrations import CORE_MIGRATIONS, migrate, pending
from scrm_core.errors import Busy, NewerSchema
from scrm_core.installation import Installation
from scrm_core.models import CORE_MODELS


def columns(engine: str, table: str) -> dict[str, tuple[str, bool]]:
    """Name -> (type family, may be null), asked of the database itself."""
    if engine == "sqlite":
        rows = [(r[1], r[2], not r[3] and not r[5]) for r in execute(f"PRAGMA table_info({table})").fetchall()]
    else:
        rows = [
            (name, kind, nullable == "YES")
            for name, kind, nullable in execute(
                "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
                "WHERE table_schema = current_schema() AND table_name = ?",
                (table,),
            ).fetchall()
        ]
    families = {"INTEGER": "int", "bigint": "int", "TEXT": "text", "text": "text", "xid8": "xid"}
    return {name: (families[kind], null) for name, kind, null in rows}


def family(field: peewee.Field) -> str:
    if isinstance(field, peewee.ForeignKeyField):
        field = field.rel_field
    return "int" if isinstance(field, peewee.BigIntegerField | peewee.BigAutoField) else "text"


def test_each_migrated_table_equals_its_model(brand, engine):
    with brand:
        found = {model._meta.table_name: columns(engine, model._meta.table_name) for model in CORE_MODELS}
    if engine == "postgresql":
        assert found["event"].pop("xid") == ("xid", False)
    assert found == {
        model._meta.table_name: {field.column_name: (family(field), field.null) for field in model._meta.sorted_fields}
        for model in CORE_MODELS
    }


def test_every_table_of_the_migration_has_a_model():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(CORE_MIGRATIONS.glob("0*.py")))
    assert set(re.findall(r"CREATE TABLE (\w+)", text)) == {m._meta.table_name for m in CORE_MODELS}


def test_migrating_again_changes_nothing(brand):
    assert pending(brand.handle, "core", CORE_MIGRATIONS) == []
    assert migrate(brand.handle, "core", CORE_MIGRATIONS) == []


def test_a_database_of_a_newer_version_is_refused_with_the_reason(brand):
    with brand:
        execute("INSERT INTO migration_core (name, applied) VALUES ('9999_future', '2030-01-01 00:00:00')")
    try:
        with pytest.raises(NewerSchema, match="9999_future"):
            pending(brand.handle, "core", CORE_MIGRATIONS)
    finally:
        with brand:
            execute("DELETE FROM migration_core WHERE name = '9999_future'")


def test_a_migration_that_fails_half_way_leaves_nothing_and_runs_again(brand, tmp_path):
    script = tmp_path / "0001_two_tables.py"
    broken = (
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE half_one (id INTEGER)')\n"
        "    raise RuntimeError('power cut')\n"
    )
    script.write_text(broken)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(brand.handle, "half", tmp_path)
    assert pending(brand.handle, "half", tmp_path) == ["0001_two_tables"]
    script.write_text(broken.replace("    raise RuntimeError('power cut')\n", ""))
    assert migrate(brand.handle, "half", tmp_path) == ["0001_two_tables"]
    with in_brand(brand.handle):
        assert execute("SELECT count(*) FROM half_one").fetchone() == (0,)
        execute("DROP TABLE half_one")
        execute("DROP TABLE migration_half")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO contact (uid, name, state, origin, created_at, updated_at) VALUES ('u', '', 'odd', '', 1, 1)",
        "INSERT INTO contact (uid, name, state, origin, created_at, updated_at) VALUES ('u', '', 'merged', '', 1, 1)",
        "INSERT INTO orders (uid, source, number, platform, matched_by, status, paid_minor, refund_minor, items, "
        "valid, digest, created_at, updated_at) VALUES ('o', 's', '1', '', '', 'paid', 100, 101, 0, 1, 'd', 1, 1)",
        "INSERT INTO orders (uid, source, number, platform, matched_by, status, paid_minor, refund_minor, items, "
        "valid, digest, created_at, updated_at) VALUES ('o', 's', '1', '', '', 'paid', -1, 0, 0, 1, 'd', 1, 1)",
        "INSERT INTO tag_group (name, s_level, created_at) VALUES ('g', 1, 1)",
        "INSERT INTO consent (contact_id, purpose, channel, granted, at, recorded_at, source, text_version, actor) "
        "VALUES (1, 'p', '', 2, 1, 1, '', '', '')",
    ],
)
def test_the_database_itself_refuses_rows_that_break_a_rule(brand, statement):
    with brand, pytest.raises(peewee.IntegrityError):
        execute(statement)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_money_cannot_become_a_fraction_in_sqlite(brand, engine):
    with brand, pytest.raises(peewee.IntegrityError):
        execute(
            "INSERT INTO orders (uid, source, number, platform, matched_by, status, paid_minor, items, valid, "
            "digest, created_at, updated_at) VALUES ('o', 's', '1', '', '', 'paid', '19.99', 0, 1, 'd', 1, 1)"
        )


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_orders_are_read_while_the_indexes_of_lists_are_built(brand, engine, postgres_url, monkeypatch):
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname"
    with brand:
        schema, before = brand.handle.schema, execute(indexes).fetchall()
        for name in ("touch_link", "link_channel", "reward_kind", "reward_issuer", "contact_name"):
            execute(f"DROP INDEX {name}")
        execute("DROP INDEX orders_paid")
        execute("CREATE INDEX orders_paid ON orders (paid_at)")
        execute("DELETE FROM migration_core WHERE name = '0009_lists'")
    database = type(brand.handle.database)
    real, built = database.execute_sql, []
    reader = psycopg.connect(postgres_url, autocommit=True, options="-c lock_timeout=1000")

    def reads(self, sql, *more, **named):
        if "CREATE INDEX" in sql:
            reader.execute(f'SELECT count(*) FROM "{schema}".orders')
            built.append(sql)
        return real(self, sql, *more, **named)

    with monkeypatch.context() as patch, reader:
        patch.setattr(database, "execute_sql", reads)
        assert migrate(brand.handle, "core", CORE_MIGRATIONS) == ["0009_lists"]
    assert len(built) == 6
    with brand:
        assert execute(indexes).fetchall() == before


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pooler", [False, True])
def test_one_migrates_at_a_time_by_a_lock_that_no_connection_of_the_pool_holds(
    installation, clock, tmp_path, monkeypatch, pooler
):
    """A transaction pooler gives it back on another connection: the lock of the first would stay, and nobody migrate."""
    pooled = Installation(replace(installation.config, transaction_pooler=pooler), clock=clock)
    (tmp_path / "0001_looks.py").write_text(
        "def up(migrator, db):\n"
        "    locks = \"SELECT pid = pg_backend_pid() FROM pg_locks WHERE locktype = 'advisory' AND database = \"\n"
        "    locks += '(SELECT oid FROM pg_database WHERE datname = current_database())'\n"
        "    assert db.execute_sql(locks).fetchall() == [(False,)]\n"
    )
    try:
        acme, moonco = pooled.brand("acme"), pooled.brand("moonco")
        with acme.handle.database.alone("scrm migrate moonco"):  # moonco's turn is nobody else's
            monkeypatch.setattr(postgres, "LIMITS", limits.Limits(busy_ms=50))
            with pytest.raises(Busy), moonco:
                migrate(moonco.handle, "looks", tmp_path)
        assert migrate(acme.handle, "looks", tmp_path) == ["0001_looks"]
        for brand in (acme, moonco):
            with brand:
                execute("DROP TABLE IF EXISTS migration_looks")
    finally:
        pooled.close()
