"""Lists that people page through: orders by their payment, contacts by the beginning of their name."""

# SQLite's index ends with the row's id anyway.
POSTGRES_PAID = ("DROP INDEX orders_paid", "CREATE INDEX orders_paid ON orders (paid_at, id)")
# Whoever has no name is not looked for by it, and costs the index nothing.
NAME = "CREATE INDEX contact_name ON contact ({name}) WHERE name <> ''"


def up(migrator, db):
    sqlite = db.param == "?"
    for statement in () if sqlite else POSTGRES_PAID:
        db.execute_sql(statement)
    db.execute_sql(NAME.format(name="lower(name)" if sqlite else 'lower(name) COLLATE "C"'))
