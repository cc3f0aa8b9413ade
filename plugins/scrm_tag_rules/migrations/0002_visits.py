"""A visit is asked for by whoever removes visits: without an index each of them would read all hits."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX tag_rules_hit_visit ON tag_rules_hit (visit_id) WHERE visit_id IS NOT NULL")
