"""Places a day that browsers of a network took, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Network(Frozen):
        id = pw.BigAutoField()
        network = pw.TextField()
        day = pw.BigIntegerField()
        taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

        class Meta:
            table_name = "live_code_network"
            indexes = ((("network", "day"), True), (("day",), False))

    db.create_tables([Network], safe=False)
