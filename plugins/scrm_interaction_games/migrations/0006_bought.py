"""Bought chances that are left are found at a campaign's end without reading all others."""


def up(migrator, db):
    db.execute_sql(
        "CREATE INDEX interaction_games_ticket_bought ON interaction_games_ticket (campaign_id, id) "
        "WHERE source = 'bought' AND remaining > 0"
    )
