"""What the issuers of prizes refused while a draw was decided, so that the published file tells of it."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE interaction_games_draw ADD COLUMN refused TEXT")
