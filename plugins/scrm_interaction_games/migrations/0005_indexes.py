"""Fewer pages for every draw: an index that nothing asks goes, and draws that won nothing leave that of prizes."""


def up(migrator, db):
    db.execute_sql("DROP INDEX interaction_games_ticket_campaign_id_key")
    db.execute_sql("DROP INDEX interaction_games_draw_prize_id_contact_id")
    db.execute_sql(
        "CREATE INDEX interaction_games_draw_prize_id_contact_id ON interaction_games_draw (prize_id, contact_id) "
        "WHERE prize_id IS NOT NULL"
    )
