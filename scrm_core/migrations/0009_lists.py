"""Lists that people page through: orders by payment, contacts by name, links by channel, rewards by who issues them."""

# Whoever has no name is not looked for by it, and costs the index nothing.
LISTS = (
    "CREATE INDEX touch_link ON touch (link_id) WHERE link_id IS NOT NULL",
    "CREATE INDEX link_channel ON link (channel_id, id)",
    "CREATE INDEX reward_kind ON reward (kind, id)",
    "CREATE INDEX reward_issuer ON reward (issuer, id)",
)
NAME = "CREATE INDEX contact_name ON contact ({name}) WHERE name <> ''"
# SQLite's index ends with the row's id anyway. Building one lets others read; dropping one does not, until the commit:
# the old one goes when all are built.
POSTGRES_PAID = (
    "CREATE INDEX orders_paid_id ON orders (paid_at, id)",
    "DROP INDEX orders_paid",
    "ALTER INDEX orders_paid_id RENAME TO orders_paid",
)


def up(migrator, db):
    sqlite = db.param == "?"
    name = NAME.format(name="lower(name)" if sqlite else 'lower(name) COLLATE "C"')
    for statement in (*LISTS, name, *(() if sqlite else POSTGRES_PAID)):
        db.execute_sql(statement)
