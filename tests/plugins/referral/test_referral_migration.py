"""Steps of the first version get the order that they only told in words; what cannot be found stays counted."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from referral_scene import Scene

import scrm_referral
from scrm_core.db.bulk import execute


# On PostgreSQL tests share the tables of a schema; the statements are the same.
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_steps_of_the_first_version_get_their_order_and_none_is_revoked_without_one(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    people = scene.customers(code, 3)
    ids = [row[0] for row in execute("SELECT id FROM orders ORDER BY id").fetchall()]
    # As the first version left them; one of the three was erased since.
    for name in ("step_order_id", "relation_inviter_id_state", "relation_campaign_id_id", "relation_reversible",
                 "inviter_campaign_id_id", "trait_seen"):  # fmt: skip
        execute(f"DROP INDEX referral_{name}")
    for column in ("step.order_id", "relation.was_added", "relation.was_hva", "campaign.ladders_at"):
        execute("ALTER TABLE referral_{} DROP COLUMN {}".format(*column.split(".")))
    execute("DROP TABLE referral_stock")
    execute("CREATE INDEX referral_step_evidence ON referral_step (evidence)")
    gone = execute("SELECT id FROM referral_relation WHERE contact_id = ?", (people[2][0],)).fetchone()[0]
    execute("UPDATE referral_step SET evidence = 'erased' WHERE relation_id = ?", (gone,))
    file = Path(scrm_referral.__file__).parent / "migrations" / "0002_bounds.py"
    spec = importlib.util.spec_from_file_location("bounds", file)
    assert spec is not None and spec.loader is not None
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    migration.up(None, scene.brand.handle.database)
    found = execute("SELECT order_id FROM referral_step WHERE gate = 'first_order' ORDER BY relation_id").fetchall()
    assert [row[0] for row in found] == [ids[0], ids[1], None]
    assert scene.referrals.settle() == (0, 0) and scene.states() == {"qualified": 3}
    scene.refund(people[0][1])
    scene.deliver()
    assert scene.states() == {"qualified": 2, "locked": 1}
