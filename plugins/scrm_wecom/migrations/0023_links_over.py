"""Time says that a link's activity is over: what was written down of that had kept it paused when it was made anew."""


def up(migrator, db):
    db.execute_sql("UPDATE wecom_link SET paused = 0, note = '' WHERE note = 'the activity is over'")
