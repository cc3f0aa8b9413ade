"""What a brand's database says of its own tables, also of those that no model of this process describes."""

from __future__ import annotations

from .bulk import execute
from .router import current_handle

_KEYS_OF_FILE = (
    "SELECT t.name, k.\"from\" FROM sqlite_master AS t JOIN pragma_foreign_key_list(t.name) AS k "
    "WHERE t.type = 'table' AND k.\"table\" = ?"
)
# Not the views of information_schema: they take a tenth of a second a table.
_KEYS_OF_SCHEMA = (
    "SELECT c.relname, a.attname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid "
    "JOIN pg_class AS d ON d.oid = k.confrelid "
    "JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE k.contype = 'f' AND d.relname = ? AND n.nspname = ?"
)


def keys_to(table: str) -> list[tuple[str, str]]:
    """(table, column) of every foreign key of the current brand to ``table``, sorted."""
    handle = current_handle()
    sqlite = handle.engine == "sqlite"
    rows = execute(_KEYS_OF_FILE, (table,)) if sqlite else execute(_KEYS_OF_SCHEMA, (table, handle.schema))
    return sorted((name, column) for name, column in rows.fetchall())
