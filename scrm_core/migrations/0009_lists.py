"""Lists that people page through: orders by payment, contacts by name, links by channel, rewards by who issues them."""

# SQLite's index ends with the row's id anyway.
POSTGRES_PAID = ("DROP INDEX orders_paid", "CREATE INDEX orders_paid ON orders (paid_at, id)")
# Whoever has no name is not looked for by it, and costs the index nothing.
LISTS = (
    "CREATE INDEX touch_link ON touch (link_id) WHERE link_id IS NOT NULL",
    "CREATE INDEX link_channel ON link (channel_id, id)",
    "CREATE INDEX reward_kind ON reward (kind, id)",
    "CREATE INDEX reward_issuer ON reward (issuer, id)",
)
NAME = "CREATE INDEX contact_name ON contact ({name}) WHERE name <> ''"


def up(migrator, db):
    sqlite = db.param == "?"
    for statement in LISTS if sqlite else (*POSTGRES_PAID, *LISTS):
        db.execute_sql(statement)
    db.execute_sql(NAME.format(name="lower(name)" if sqlite else 'lower(name) COLLATE "C"'))
