"""The table of parcels, frozen as it was in the first version: a later change is a migration of its own."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Parcel(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        grant_key = pw.TextField(unique=True)
        contact = pw.ForeignKeyField(Contact)
        sku = pw.TextField()
        qty = pw.BigIntegerField(constraints=[pw.Check("qty > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'ready', 'sent', 'returned')")])
        address = pw.TextField(constraints=[pw.Check("address <> '' OR state IN ('open', 'returned')")])
        tracking = pw.TextField()
        deadline = pw.BigIntegerField()

        class Meta:
            table_name = "goods_by_post_parcel"
            indexes = ((("state", "deadline"), False),)

    db.create_tables([Parcel], safe=False)
