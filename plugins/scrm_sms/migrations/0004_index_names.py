"""Names of indexes begin with the plugin's: they are unique in a brand's database, where other plugins have theirs."""

import re

PREFIX = "sms_"
TABLES = (
    "add", "dropped", "landing", "number", "pack", "plan", "plan_history", "plan_step", "plan_test", "press",
    "request", "rescue", "rescue_exit",
)


def up(migrator, db):
    ours = {PREFIX + name for name in TABLES}
    if db.param == "?":
        found = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        found = "SELECT indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    for old, table, made in db.execute_sql(found).fetchall():
        if table not in ours or old.startswith(PREFIX):
            continue
        # As peewee calls them: by the columns, behind the model's name, which becomes the table's.
        new = f"{table}_{old.partition('_')[2]}"
        if db.param == "?":
            # SQLite renames no index.
            db.execute_sql(f'DROP INDEX "{old}"')
            db.execute_sql(re.sub(f'INDEX "?{old}"?', f'INDEX "{new}"', made, count=1))
        else:
            db.execute_sql(f'ALTER INDEX "{old}" RENAME TO "{new}"')
