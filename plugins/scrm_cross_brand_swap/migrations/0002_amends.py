"""The statement that one side offers in a dispute, until the other signs it."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE cross_brand_swap_deal ADD COLUMN amends TEXT NOT NULL DEFAULT ''")
