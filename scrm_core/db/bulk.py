"""Writing and reading many rows with statements compiled once per model.

peewee builds SQL in Python for every query, which costs more than SQLite needs
to run it. These functions build a statement once per (model, columns, conflict
rule, database kind) from the model's own fields and keep it.

All of them work on the current brand and join an open transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import peewee

from .router import brand_db, current_handle

# SQLite's default bound on parameters of one statement, with room to spare.
_MAX_PARAMETERS = 30_000
_CHUNK = 100


@functools.lru_cache(maxsize=512)
def _column_list(model: type[peewee.Model], columns: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """Quoted column names and, per column, the conversion that its field needs (or None)."""
    meta = model._meta
    names, converters = [], []
    for column in columns:
        field = meta.columns.get(column)
        if field is None:
            raise ValueError(f"{model.__name__} has no column {column!r}")
        names.append(f'"{column}"')
        plain = isinstance(field, peewee.TextField | peewee.BigIntegerField | peewee.BigAutoField) and (
            type(field).db_value is peewee.Field.db_value
        )
        converters.append(None if plain or isinstance(field, peewee.ForeignKeyField) else field.db_value)
    return ", ".join(names), tuple(converters)


@functools.lru_cache(maxsize=512)
def _insert_sql(model: type[peewee.Model], columns: tuple[str, ...], on_conflict: str, kind: str, rows: int) -> str:
    names, _ = _column_list(model, columns)
    mark = "?" if kind == "sqlite" else "%s"
    values = "(" + ", ".join([mark] * len(columns)) + ")"
    sql = f'INSERT INTO "{model._meta.table_name}" ({names}) VALUES ' + ", ".join([values] * rows)
    return f"{sql} {on_conflict}" if on_conflict else sql


@functools.lru_cache(maxsize=512)
def _unnest_sql(model: type[peewee.Model], columns: tuple[str, ...], on_conflict: str) -> str:
    names, _ = _column_list(model, columns)
    arrays = []
    for column in columns:
        field = model._meta.columns[column]
        if isinstance(field, peewee.ForeignKeyField):
            field = field.rel_field
        integer = isinstance(field, peewee.IntegerField | peewee.AutoField | peewee.BigAutoField)
        arrays.append("%s::bigint[]" if integer else "%s::text[]")
    sql = f'INSERT INTO "{model._meta.table_name}" ({names}) SELECT * FROM unnest({", ".join(arrays)})'
    return f"{sql} {on_conflict}" if on_conflict else sql


def array(values: Sequence[Any]) -> Any:
    """Values of one column as PostgreSQL reads an array in text; a list of any other types stays one.

    The driver finds each value's adapter anew and quotes by regular expressions, which costs more than the
    server's work for the row.
    """
    types = set(map(type, values))
    types.discard(type(None))
    if types == {str}:
        quoted = [
            "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
        ]
    elif types <= {int}:
        quoted = ["NULL" if value is None else str(value) for value in values]
    else:
        return list(values)
    return "{" + ",".join(quoted) + "}"


def _convert(model: type[peewee.Model], columns: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    _, converters = _column_list(model, columns)
    converting = [(place, convert) for place, convert in enumerate(converters) if convert is not None]
    if not converting:
        return rows if isinstance(rows, list) else list(rows)
    out: list[Sequence[Any]] = []
    for row in rows:
        # Most columns are stored as they are: copy the row whole and convert the few others.
        values = list(row)
        for place, convert in converting:
            values[place] = convert(values[place])
        out.append(values)
    return out


def in_chunks(rows: Sequence[Any], most: int) -> tuple[list[Sequence[Any]], Sequence[Any]]:
    """Rows as SQLite is given them: several in a statement, ``most`` in one, and the few that are left over.

    A few sizes of statement: the prepared-statement cache then sees four texts per table instead of one per number
    of rows, and a lot of sixty rows is a third of the time that it takes one by one.
    """
    parts, start = [], 0
    for size in (most, *(size for size in (32, 8) if size < most)):
        while len(rows) - start >= size:
            parts.append(rows[start : start + size])
            start += size
    return parts, rows[start:]


def insert_rows(
    model: type[peewee.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    on_conflict: str = "",
) -> int:
    """Insert rows given as sequences in the order of ``columns``; returns how many were inserted.

    ``columns`` are database column names (``contact_id``). ``on_conflict`` is
    the SQL tail, for example ``ON CONFLICT (kind, namespace, value) DO NOTHING``.
    """
    names = tuple(columns)
    data = _convert(model, names, rows)
    if not data:
        return 0
    if current_handle().engine == "sqlite":
        written = 0
        parts, rest = in_chunks(data, _CHUNK)
        for part in parts:
            sql = _insert_sql(model, names, on_conflict, "sqlite", len(part))
            written += int(brand_db.execute_sql(sql, list(chain.from_iterable(part))).rowcount)
        return written + update_rows(_insert_sql(model, names, on_conflict, "sqlite", 1), rest)
    cursor = brand_db.execute_sql(
        _unnest_sql(model, names, on_conflict), [array(column) for column in zip(*data, strict=True)]
    )
    return int(cursor.rowcount)


class Rows(NamedTuple):
    """Rows to be inserted, as :func:`insert_rows` takes them."""

    model: type[peewee.Model]
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    on_conflict: str = ""


def insert_together(*inserts: Rows) -> list[int]:
    """Insert rows of several tables, on PostgreSQL in one statement; returns how many of each were inserted.

    Rows may point to one another: foreign keys are looked at when all are there.
    """
    if current_handle().engine == "sqlite" or not all(each.rows for each in inserts):
        return [insert_rows(each.model, each.columns, each.rows, on_conflict=each.on_conflict) for each in inserts]
    parts, params = [], []
    for each in inserts:
        sql = _unnest_sql(each.model, each.columns, each.on_conflict)
        data = _convert(each.model, each.columns, each.rows)
        parts.append(f"made_{len(parts)} AS ({sql} RETURNING 1)")
        params += [array(column) for column in zip(*data, strict=True)]
    totals = ", ".join(f"(SELECT count(*) FROM made_{place})" for place in range(len(parts)))
    return [int(count) for count in brand_db.execute_sql(f"WITH {', '.join(parts)} SELECT {totals}", params).fetchone()]


def insert_returning(
    model: type[peewee.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    returning: Sequence[str],
    on_conflict: str = "",
) -> list[tuple[Any, ...]]:
    """Like :func:`insert_rows`, returning ``returning`` columns of the rows really inserted.

    The order of the answer is not that of the input.
    """
    names = tuple(columns)
    data = _convert(model, names, rows)
    if not data:
        return []
    tail = (on_conflict + " " if on_conflict else "") + "RETURNING " + ", ".join(f'"{c}"' for c in returning)
    handle = current_handle()
    if handle.engine != "sqlite":
        cursor = brand_db.execute_sql(
            _unnest_sql(model, names, tail), [array(column) for column in zip(*data, strict=True)]
        )
        return list(cursor.fetchall())
    out: list[tuple[Any, ...]] = []
    parts, rest = in_chunks(data, min(250, _MAX_PARAMETERS // len(names)))
    for part in (*parts, *([row] for row in rest)):
        sql = _insert_sql(model, names, tail, "sqlite", len(part))
        out.extend(brand_db.execute_sql(sql, list(chain.from_iterable(part))).fetchall())
    return out


def allocate_ids(model: type[peewee.Model], count: int) -> list[int]:
    """Reserve ``count`` primary keys of ``model``; call it inside a transaction.

    On SQLite the transaction already holds the write lock, so the next ids are
    known; on PostgreSQL they come from the sequence.
    """
    table = model._meta.table_name
    handle = current_handle()
    if handle.engine == "sqlite":
        if not handle.database.in_transaction():
            raise RuntimeError("ids are allocated inside a transaction")
        handle.database.before_statement("INSERT")
        (top,) = brand_db.execute_sql(f'SELECT coalesce(max(id), 0) FROM "{table}"').fetchone()
        return list(range(top + 1, top + 1 + count))
    cursor = brand_db.execute_sql(
        f"SELECT nextval((SELECT pg_get_serial_sequence('\"{table}\"', 'id')::regclass)) FROM generate_series(1, %s)",
        (count,),
    )
    return [int(row[0]) for row in cursor.fetchall()]


def execute(sql: str, params: Sequence[Any] = ()) -> Any:
    """Run SQL written with ``?`` marks on the current brand; returns the cursor.

    The text must not contain a literal ``?`` or ``%``.
    """
    handle = current_handle()
    if handle.engine != "sqlite":
        sql = _percent(sql)
    return handle.database.execute_sql(sql, params)


@functools.lru_cache(maxsize=2048)
def _percent(sql: str) -> str:
    return sql.replace("?", "%s")


def fetch_in(sql: str, values: Sequence[Any], before: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of ``sql`` whose ``{in}`` is replaced by the values, in chunks; ``before`` binds first.

    Chunks are padded to a power of two by repeating the last value, so that few
    different statements are ever prepared.
    """
    out: list[tuple[Any, ...]] = []
    handle = current_handle()
    if handle.engine != "sqlite":
        if not values:
            return []
        text = _percent(sql.replace("IN ({in})", "= ANY(?)"))
        return list(handle.database.execute_planned(text, [*before, array(values)]).fetchall())
    for start in range(0, len(values), 8_192):
        chunk = list(values[start : start + 8_192])
        size = 1 << (len(chunk) - 1).bit_length()
        chunk += [chunk[-1]] * (size - len(chunk))
        text = sql.replace("{in}", ", ".join("?" * size))
        out.extend(handle.database.execute_sql(text, [*before, *chunk]).fetchall())
    return out


def update_rows(sql: str, rows: Sequence[Sequence[Any]]) -> int:
    """Run an UPDATE or INSERT with ``?`` marks once per row; returns how many rows it changed."""
    if not rows:
        return 0
    handle = current_handle()
    if handle.engine != "sqlite":
        sql = _percent(sql)
    return int(handle.database.executemany(sql, list(rows)))


def insert_model_rows(model: type[peewee.Model], rows: Iterable[dict[str, Any]]) -> int:
    """The public bulk write: rows as dicts of field or column names, all with the same keys.

    Missing fields get their model defaults. Returns how many rows were inserted.
    """
    rows = list(rows)
    if not rows:
        return 0
    meta = model._meta
    given = tuple(rows[0])
    columns = [meta.combined[name].column_name for name in given]
    constant = []
    for field, default in meta.defaults.items():
        if field.name not in given and field.column_name not in given:
            constant.append((field.column_name, default() if callable(default) else default))
    tail = tuple(value for _, value in constant)
    names = [*columns, *(name for name, _ in constant)]
    return insert_rows(model, names, [tuple(row[name] for name in given) + tail for row in rows])
