"""The roll of chat groups, and which WeCom named or said to be gone, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Roll(Frozen):
        id = pw.BigAutoField()
        sync_id = pw.BigIntegerField()
        state = pw.TextField(constraints=[pw.Check("state IN ('running', 'done', 'refused', 'stopped')")])
        owners = pw.TextField()
        cursor = pw.TextField()
        listed = pw.BigIntegerField(constraints=[pw.Check("listed IN (0, 1)")])
        chats = pw.BigIntegerField()
        pages = pw.BigIntegerField()
        read_at = pw.BigIntegerField()
        waits_until = pw.BigIntegerField()
        error = pw.TextField()

        class Meta:
            table_name = "wecom_roll"

    class Chat(Frozen):
        id = pw.BigAutoField()
        chat_id = pw.TextField(unique=True)
        seen = pw.BigIntegerField()
        gone = pw.BigIntegerField(constraints=[pw.Check("gone IN (0, 1)")])

        class Meta:
            table_name = "wecom_chat"

    db.create_tables([Roll, Chat], safe=False)
    db.execute_sql("CREATE UNIQUE INDEX wecom_roll_running ON wecom_roll (state) WHERE state = 'running'")
    db.execute_sql("CREATE UNIQUE INDEX wecom_roll_sync ON wecom_roll (sync_id) WHERE sync_id > 0")
