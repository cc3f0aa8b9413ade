"""Channels by command: made once and listed, with the tags that they give."""

from __future__ import annotations

from scrm_core.cli.codes import MISSING, REFUSED


def test_a_channel_is_made_once_gives_its_tags_and_is_listed(cli, write):
    cli("tag", "define", "acme", "source/poster", "--kind", "channel")
    assert "GROUP/TAG" in cli("channel", "create", "acme", "door", "--tag", "poster", "--as", "ann", code=REFUSED).stderr
    assert "no tag" in cli("channel", "create", "acme", "door", "--tag", "source/x", "--as", "ann", code=MISSING).stderr
    made = cli.json(
        "channel", "create", "acme", "door", "--name", "店门", "--kind", "live-code", "--tag", "source/poster", "--as", "ann"
    )
    assert (made["code"], made["name"], made["kind"], made["tags"]) == ("door", "店门", "live-code", "source/poster")
    assert "is taken" in cli("channel", "create", "acme", "door", "--as", "ann", code=REFUSED).stderr
    cli("channel", "create", "acme", "window", "--as", "ann")
    assert [row["code"] for row in cli.json("channel", "list", "acme")] == ["door", "window"]
    first = cli("channel", "list", "acme", "--limit", "1", "--json")
    assert first.stderr.startswith("more: --after ")
    behind = first.stderr.split()[-1]
    assert [row["code"] for row in cli.json("channel", "list", "acme", "--after", behind)] == ["window"]
    assert cli.json("channel", "list", "moonco") == []
    leads = write("leads.csv", "phone,at,source,channel\n13800138000,2026-01-01,shop,door\n")
    cli("import", "leads", "acme", leads)
    assert [row["contacts"] for row in cli.json("tag", "list", "acme")] == [1]
    assert "channel.create" in cli("audit", "acme").stdout
