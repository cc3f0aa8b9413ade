"""What is asked or written for many values at once."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute, fetch_in, insert_returning, insert_rows
from scrm_core.models import Contact
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000
# What quoting may get wrong.
TEXTS = (
    "", " ", "NULL", "null", '"', '""', "\\", '\\"', "\\\\", "'", "''", "{}", "{a,b}", ",", "a,b", "%", "%s", "%%", "\n", "\t",
    "$1", "王小明", "😀", "\x01", "\x1f", "a" * 5_000, "--", "/*", ";", "; DROP TABLE contact", "E'\\''", "\\x00", "\\n",
)  # fmt: skip
COLUMNS = ("uid", "name", "state", "origin", "created_at", "updated_at")


def test_texts_of_all_kinds_come_back_as_they_were_written(brand, other):
    with brand:
        rows = [(f"u{n}", text, "active", text, n, -n) for n, text in enumerate(TEXTS)]
        assert insert_rows(Contact, COLUMNS, rows) == len(rows)
        found = execute("SELECT uid, name, state, origin, created_at, updated_at FROM contact ORDER BY id").fetchall()
        assert found == rows
        assert sorted(fetch_in("SELECT name FROM contact WHERE name IN ({in})", TEXTS)) == sorted((t,) for t in TEXTS)
        for text in TEXTS:
            assert fetch_in("SELECT name FROM contact WHERE origin = ? AND name IN ({in})", [text], [text]) == [(text,)]
    with other:
        assert execute("SELECT count(*) FROM contact").fetchone() == (0,)


def test_numbers_and_what_is_missing_come_back_as_they_were_written(brand):
    columns = (*COLUMNS, "lead_at", "lead_channel_id")
    numbers = (None, 0, -1, 2**53, 2**63 - 1, -(2**63))
    with brand:
        for lead_at in (numbers, (None,) * len(numbers)):
            rows = [
                (f"u{n}{at}{lead_at[0]}{lead_at[-1]}", "", "active", "", 0, 0, at, None) for n, at in enumerate(lead_at)
            ]
            made = insert_returning(Contact, columns, rows, returning=("uid", "lead_at", "lead_channel_id"))
            assert sorted(made) == sorted((row[0], row[6], None) for row in rows)
        assert fetch_in("SELECT lead_at FROM contact WHERE lead_at IN ({in})", [2**63 - 1]) == [(2**63 - 1,)]
        assert fetch_in("SELECT lead_at FROM contact WHERE lead_at IN ({in})", []) == []


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_look_up_whose_plan_is_as_old_as_its_tables_does_not_read_them_whole(brand):
    def lead(n):
        return LeadIn("form", (IdentityIn.of("phone", f"138{n:08d}"),), NOON, reference=f"k{n}")

    def read_whole():
        """Rows that this connection has read by going through a table; what was not yet told to others is in it."""
        sql = "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE relname IN ({in}) ORDER BY relname"
        return fetch_in(sql, ["touch", "identity", "contact"])

    with brand:
        # As new: what an earlier test left of counts would make this another plan.
        execute("TRUNCATE touch, identity, contact CASCADE")
        for table in ("touch", "identity", "contact"):
            # Counted in the midst of it, so few rows are cheaper read whole: that is another plan, and no old one.
            execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        for n in range(12):  # more often than the driver and the server take to keep a plan
            brand.contacts.capture_leads([lead(n), lead(100 + n)])
        brand.contacts.capture_leads([lead(n) for n in range(1_000, 3_000)])
        with brand.transaction():
            before = read_whole()
            brand.contacts.capture_leads([lead(n) for n in (1, 1_500, 5_000, 5_001)])
            assert read_whole() == before
