"""Callbacks are quickly kept, and whom they name is found without reading all of them.

A customer's id is random: each would be written to a page of the index of its own.
The worker touches the row once more anyway, and its entry is made then; so is a
row for everybody else whom the callback names.
"""

import re

import peewee as pw

PERSON = re.compile(r"(?<![\w-])(?:w[mo][A-Za-z0-9_-]{10,126}|o[A-Za-z0-9_-]{27})(?![\w-])")


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Callback(Frozen):
        id = pw.BigAutoField()
        external = pw.TextField()
        body = pw.TextField()
        state = pw.TextField()

        class Meta:
            table_name = "wecom_callback"

    class Named(Frozen):
        id = pw.BigAutoField()
        callback = pw.ForeignKeyField(Callback, on_delete="CASCADE")
        external = pw.TextField(index=True)

        class Meta:
            table_name = "wecom_named"

    db.create_tables([Named], safe=False)
    db.execute_sql("DROP INDEX wecom_callback_external")
    db.execute_sql(
        "CREATE INDEX wecom_callback_external ON wecom_callback (external) WHERE external <> '' AND state <> 'new'"
    )
    page = Callback.select().where(Callback.state != "new").order_by(Callback.id).limit(1_000)
    after = 0
    while kept := list(page.where(Callback.id > after)):
        after = kept[-1].id
        names = [(each.id, name) for each in kept for name in sorted(set(PERSON.findall(each.body)) - {each.external})]
        for start in range(0, len(names), 1_000):
            Named.insert_many(names[start : start + 1_000], fields=[Named.callback, Named.external]).execute()
