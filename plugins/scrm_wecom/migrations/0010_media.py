"""Files for messages, and the ids under which WeCom has them, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class File(Frozen):
        id = pw.BigAutoField()
        digest = pw.TextField(unique=True)
        kind = pw.TextField(constraints=[pw.Check("kind IN ('image', 'video', 'file')")])
        name = pw.TextField()
        size = pw.BigIntegerField()
        data = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_file"

    class Media(Frozen):
        id = pw.BigAutoField()
        digest = pw.TextField()
        scene = pw.TextField(constraints=[pw.Check("scene IN ('message', 'moment')")])
        media_id = pw.TextField()
        until = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_media"
            indexes = ((("digest", "scene"), True),)

    db.create_tables([File, Media], safe=False)
