"""A code may have an acquisition link beside its contact way: ``kind`` says which a row is."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE live_code_way ADD COLUMN kind TEXT NOT NULL DEFAULT 'way'")
    db.execute_sql("DROP INDEX live_code_way_code_id")
    db.execute_sql("CREATE UNIQUE INDEX live_code_way_code_id_kind ON live_code_way (code_id, kind)")
