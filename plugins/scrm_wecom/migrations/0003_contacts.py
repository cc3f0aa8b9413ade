"""Work that waits for WeCom's API, tags, welcomes and full syncs, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class CoreTag(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "tag"

    class Follow(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "wecom_follow"

    class Task(Frozen):
        id = pw.BigAutoField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('customer', 'chat', 'tags', 'push')")])
        ref = pw.TextField()
        asked = pw.BigIntegerField()
        due_at = pw.BigIntegerField()
        lease_until = pw.BigIntegerField()
        attempts = pw.BigIntegerField()
        error = pw.TextField()

        class Meta:
            table_name = "wecom_task"
            indexes = ((("kind", "ref"), True), (("due_at",), False))

    class Tag(Frozen):
        id = pw.BigAutoField()
        key = pw.TextField(unique=True)
        name = pw.TextField()
        group_key = pw.TextField()
        group_name = pw.TextField()
        tag = pw.ForeignKeyField(CoreTag)

        class Meta:
            table_name = "wecom_tag"

    class Mark(Frozen):
        id = pw.BigAutoField()
        follow = pw.ForeignKeyField(Follow, on_delete="CASCADE", index=False)
        key = pw.TextField()
        wanted = pw.BigIntegerField(constraints=[pw.Check("wanted IN (0, 1)")])

        class Meta:
            table_name = "wecom_mark"
            indexes = ((("follow", "key"), True),)

    class Welcome(Frozen):
        id = pw.BigAutoField()
        channel = pw.TextField()
        audience = pw.TextField()
        content = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_welcome"
            indexes = ((("channel", "audience"), True),)

    class Sync(Frozen):
        id = pw.BigAutoField()
        state = pw.TextField(constraints=[pw.Check("state IN ('running', 'done', 'stopped')")])
        started_at = pw.BigIntegerField()
        finished_at = pw.BigIntegerField(null=True)
        waits_until = pw.BigIntegerField()
        error = pw.TextField()

        class Meta:
            table_name = "wecom_sync"

    class Stretch(Frozen):
        id = pw.BigAutoField()
        sync = pw.ForeignKeyField(Sync, index=False)
        staff = pw.TextField()
        cursor = pw.TextField()
        pages = pw.BigIntegerField()
        customers = pw.BigIntegerField()
        done = pw.BigIntegerField(constraints=[pw.Check("done IN (0, 1)")])

        class Meta:
            table_name = "wecom_stretch"
            indexes = ((("sync", "staff"), True),)

    for column in ("tags TEXT NOT NULL DEFAULT '[]'", "pushed TEXT NOT NULL DEFAULT '[]'", "welcomed_at BIGINT",
                   "seen BIGINT NOT NULL DEFAULT 0"):  # fmt: skip
        if db.param == "?":
            column = column.replace("BIGINT", "INTEGER")
        db.execute_sql(f"ALTER TABLE wecom_follow ADD COLUMN {column}")
    db.create_tables([Task, Tag, Mark, Welcome, Sync, Stretch], safe=False)
    db.execute_sql("CREATE UNIQUE INDEX wecom_sync_running ON wecom_sync (state) WHERE state = 'running'")
