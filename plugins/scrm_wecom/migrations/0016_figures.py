"""What the pages of the console count is read from indexes alone, in their order.

Who has whom is counted per member, and per customer those whom nobody has any more; what waits per kind. The new
indexes begin with what the old ones had.
"""


def up(migrator, db):
    db.execute_sql("CREATE INDEX wecom_follow_counts ON wecom_follow (staff, state, since)")
    db.execute_sql("DROP INDEX wecom_follow_staff_state")
    db.execute_sql("CREATE INDEX wecom_follow_person ON wecom_follow (contact_id, state)")
    db.execute_sql("DROP INDEX wecom_follow_contact_id")
    db.execute_sql("CREATE INDEX wecom_follow_lost ON wecom_follow (contact_id) WHERE state = 'lost'")
    db.execute_sql("CREATE INDEX wecom_task_errors ON wecom_task (kind, error)")
    db.execute_sql("CREATE INDEX wecom_mark_unmade ON wecom_mark (key) WHERE substr(key, 1, 4) = 'tag:'")
