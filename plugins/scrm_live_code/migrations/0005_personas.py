"""Personas, whose staff they are, and whom they were shown to, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Persona(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('wecom', 'personal')")])
        profile = pw.TextField()
        actor = pw.TextField()

        class Meta:
            table_name = "live_code_persona"

    class Exposure(Frozen):
        id = pw.BigAutoField()
        persona = pw.ForeignKeyField(Persona)
        day = pw.BigIntegerField()
        people = pw.BigIntegerField(constraints=[pw.Check("people >= 0")])

        class Meta:
            table_name = "live_code_exposure"
            indexes = ((("persona", "day"), True),)

    db.create_tables([Persona, Exposure], safe=False)
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    for table in ("staff", "place", "add"):
        db.execute_sql(f"ALTER TABLE live_code_{table} ADD COLUMN persona_id {whole} REFERENCES live_code_persona (id)")
        db.execute_sql(f"CREATE INDEX live_code_{table}_persona_id ON live_code_{table} (persona_id)")
