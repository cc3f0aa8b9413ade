"""Tags by command: made and listed."""

from __future__ import annotations

from scrm_core.cli.codes import REFUSED, ROWS_REJECTED


def test_a_tag_is_made_once_and_listed(cli, write):
    rows = write("tags.csv", "phone,group,tag\n13800138000,value,dear\n")
    leads = write("leads.csv", "phone,at,source\n13800138000,2026-01-01,shop\n")
    cli("import", "leads", "acme", leads)
    cli("import", "tags", "acme", rows, code=ROWS_REJECTED)
    assert "plan" in cli("tag", "define", "acme", "value/dear", code=REFUSED).stderr
    assert "GROUP/TAG" in cli("tag", "define", "acme", "dear", "--plan", "call", code=REFUSED).stderr
    for plan in ("call them", "another"):
        told = cli.json("tag", "define", "acme", "value/dear", "--plan", plan)
        assert told == {"group": "value", "tag": "dear", "kind": "business", "plan": "call them", "retired": False}
    cli("tag", "define", "acme", "source/poster", "--kind", "channel")
    cli("import", "tags", "acme", rows)
    assert [(row["group"], row["tag"], row["contacts"]) for row in cli.json("tag", "list", "acme")] == [
        ("source", "poster", 0), ("value", "dear", 1),
    ]  # fmt: skip
    assert [row["tag"] for row in cli.json("tag", "list", "acme", "--group", "value")] == ["dear"]
    assert cli.json("tag", "list", "moonco") == []
