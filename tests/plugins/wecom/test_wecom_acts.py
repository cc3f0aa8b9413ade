"""Every act of WeCom stands in the audit log with who did it, by command, call and page; what is refused does not."""

from __future__ import annotations

import json
from datetime import date

import pytest
from staff_desk import desks
from test_wecom_invitations import Texts
from wecom_scene import ALWAYS, CORP
from wecom_whole import AT, draft, seen

from scrm_core.db.bulk import execute
from scrm_wecom import WecomPlugin

DAYS = ("--first", "2020-01-01", "--last", "2099-12-31")
ACTS = [
    ("wecom_welcome.set", "wecom-welcome:/known", "welcome set acme TEXT --audience known", "welcome set acme EMPTY"),
    ("wecom_welcome.remove", "wecom-welcome:/", "welcome remove acme", "welcome remove acme --channel none"),
    ("wecom_media.put", "wecom-media:c349011db80b0c3d9e1062e3c844086a36148fae4defcd8a3b49537deea51e6f", "media put acme PNG", "media put acme EMPTY"),
    ("wecom_send.open", "wecom-send:a", "send open acme a TEXT --segment tag=x", "send open acme old TEXT --segment tag=x"),
    ("wecom_send.start", "wecom-send:old", "send start acme old", "send start acme none"),
    ("wecom_moment.post", "wecom-moment:a", "moment post acme a TEXT", "moment post acme old TEXT"),
    ("wecom_invite.open", "wecom-invite:a", "invite open acme a may {link} --channel tea --segment tag=x",
     "invite open acme a none {link} --channel tea --segment tag=x"),
    ("wecom_invite.start", "wecom-invite:old", "invite start acme old", "invite start acme none"),
    ("wecom_sync.want", "", "want-sync acme", None),
    ("wecom_sync.stop", "", "sync acme --stop", "sync moonco --stop"),
    ("wecom_tags.retry", "wecom-tags:7", "tags retry acme 7", "tags retry acme 8"),
    ("wecom_tags.retry", "", "tags retry acme", None),
    ("wecom_link.create", "wecom-link:a", "link create acme a A --staff x --channel tea --title t DAYS",
     "link create acme may A --staff x --channel tea --title t DAYS"),
    ("wecom_link.activity", "wecom-link:may", "link activity acme may --title t DAYS", "link activity acme none --title t DAYS"),
    ("wecom_link.pause", "wecom-link:may", "link pause acme may", "link pause acme none"),
    ("wecom_link.resume", "wecom-link:may", "link resume acme may", "link resume acme none"),
    ("wecom_link.renew", "wecom-link:gone", "link renew acme gone", "link renew acme may"),
    ("wecom_link.delete", "wecom-link:may", "link delete acme may", "link delete acme none"),
]  # fmt: skip
CALLS = [
    ("wecom_welcome.set", "put", "welcomes", {"content": {"text": "x"}}),
    ("wecom_welcome.remove", "delete", "welcomes", None),
    ("wecom_send.open", "post", "sends", {"code": "a", "content": {"text": "x"}, "expression": "orders = 0"}),
    ("wecom_send.start", "post", "sends/start", {"code": "old"}),
    ("wecom_moment.post", "post", "moments", {"code": "a", "content": {"text": "x"}}),
    ("wecom_invite.open", "post", "invitations",
     {"code": "a", "link": "may", "text": "{link}", "channel": "tea", "expression": "orders = 0"}),
    ("wecom_invite.start", "post", "invitations/start", {"code": "old"}),
    ("wecom_sync.want", "post", "sync", {}),
    ("wecom_sync.stop", "delete", "sync", None),
    ("wecom_tags.retry", "post", "tags/retry", {}),
    ("wecom_link.create", "post", "links",
     {"code": "a", "name": "A", "staff": ["x"], "channel": "tea", "title": "t", "first_day": "2020-01-01", "last_day": "2099-12-31"}),
    ("wecom_link.activity", "post", "links/activity",
     {"code": "may", "title": "t", "first_day": "2020-01-01", "last_day": "2099-12-31"}),
    ("wecom_link.pause", "post", "links/pause", {"code": "may", "paused": True}),
    ("wecom_link.renew", "post", "links/renew", {"code": "gone"}),
    ("wecom_link.delete", "delete", "links", None),
]  # fmt: skip


@pytest.fixture
def app(scrm_app, server):
    """Two brands that have one of each thing; that a test made them is nobody's act."""
    made = scrm_app(
        WecomPlugin, Texts,
        settings={"wecom": {"corp_id": CORP, "secret": "s", "api": server.url, "invite_over": "pile", "moments_per_day": 9}},
    )  # fmt: skip
    for shop in (made.brand, made.second_brand):
        with shop as brand:
            wecom = brand.plugins["wecom"].wecom
            brand.channels.create("tea")
            brand.tags.define("mood", "x", plan="test")
            for code in ("may", "gone"):
                wecom.links.create(code, name=code, channel="tea", staff=["x"], **{**ALWAYS, "first_day": date(2020, 1, 1)})
            execute("UPDATE wecom_link SET state = CASE WHEN code = 'gone' THEN 'deleted' ELSE 'live' END, url = 'https://x.cn/1'")
            wecom.greetings.put({"text": "hello"})
            wecom.sends.open("old", {"text": "x"}, expression="orders = 0")
            wecom.moments.post("old", {"text": "x"})
            wecom.invitations.open("old", link="may", text="{link}", channel="tea", expression="orders = 0")
            execute(
                "INSERT INTO wecom_task (kind, ref, asked, due_at, lease_until, attempts, error) "
                "VALUES ('push', '7', 1, 1, 0, 1, 'refused')"
            )
    return made


def log(shop) -> list[tuple[str, str, str]]:
    """Who did what of WeCom to which thing, oldest first."""
    found = shop.client("audit:read").get("audit").json["items"]
    return [(each["actor"], each["action"], each["target"]) for each in reversed(found) if each["action"].startswith("wecom_")]


@pytest.mark.parametrize(("action", "target", "done", "refused"), ACTS)
def test_a_command_s_act_stands_in_the_log_once_and_a_refused_one_does_not(app, tmp_path, action, target, done, refused):
    (tmp_path / "TEXT").write_text(json.dumps({"text": "hi"}), encoding="utf-8")
    (tmp_path / "EMPTY").write_text("{}", encoding="utf-8")
    (tmp_path / "PNG").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 6)

    def run(line: str) -> str:
        words = []
        for word in line.split():
            words += DAYS if word == "DAYS" else [str(tmp_path / word) if word in ("TEXT", "EMPTY", "PNG") else word]
        words = ["tag.mood = x" if word == "tag=x" else word for word in words]
        return app.command("wecom", *words, "--as", "ann")

    if action == "wecom_sync.stop":
        app.brand.client("wecom:write").post("plugins/wecom/sync")
    if refused is not None:
        with pytest.raises(AssertionError, match="exit"):
            run(refused)
    before = log(app.brand)
    run(done)
    assert log(app.brand)[len(before) :] == [("ann", action, target)]
    assert [each for each in before if each[0] == "ann"] == []
    assert log(app.second_brand) == []


@pytest.mark.parametrize(("action", "method", "path", "body"), CALLS)
def test_a_call_s_act_stands_in_the_log_with_its_key(app, action, method, path, body):
    client = app.brand.client("wecom:write", "wecom:send")
    if action == "wecom_sync.stop":
        client.post("plugins/wecom/sync")
    before = len(log(app.brand))
    query = {"code": "may"} if action == "wecom_link.delete" else {}
    assert client.open(method.upper(), f"plugins/wecom/{path}", body, **query).status_code < 300
    ((actor, act, _),) = log(app.brand)[before:]
    assert (actor[:4], act) == ("key:", action)
    assert log(app.second_brand) == []


def test_a_page_s_acts_stand_in_the_log_with_who_was_signed_in(staffed, monkeypatch):
    whole = staffed().synced()
    mia = desks(whole.installation, monkeypatch)("mia")
    draft(whole, mia)
    where = f"{AT}send?code=may"
    for act, more in (("start", {"confirm": "on"}), ("cancel", {"reason": "rain"})):
        assert mia.post(where, act=act, seen=seen(mia.get(where).text), **more).status_code == 303
    for act in ("sync", "stop"):
        assert mia.post(f"{AT}connection", act=act, seen=seen(mia.get(f"{AT}connection").text, 'action="connection"')).status_code == 303
    assert mia.post(f"{AT}send?code=none", act="start", seen="draft", confirm="on").status_code == 404
    assert mia.post(f"{AT}tags", act="retry-all").status_code == 303
    acts = ["wecom_send.open", "wecom_send.start", "wecom_send.cancel", "wecom_sync.want", "wecom_sync.stop", "wecom_tags.retry"]
    for name, told in (("acme", [("user:mia", act) for act in acts]), ("moonco", [])):
        with whole.installation.brand(name) as brand:
            found = [(each.actor, each.action) for each in reversed(brand.audit.page()) if each.action.startswith("wecom_")]
        assert found == told
