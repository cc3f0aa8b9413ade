"""WeCom in the console, with the simulator as the other side: what is asked for on a page arrives there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from staff_desk import EVIL, desks, statements
from wecom_scene import AES_KEY, CORP, TOKEN, xml
from wecom_whole import AT, EVERYBODY, SECRET, Whole, draft, held, seen

from scrm_console import Console
from scrm_core.api import execute
from scrm_wecom import WecomPlugin, console
from scrm_wecom.callbacks import STATES
from scrm_wecom.console_words import DONE, WORDS

MOON = "b/moonco/x/wecom/"
PAGES = ("connection", "callbacks", "staff", "alone", "tags", "sends", "moments", "links", "archive", "progress")
TAGS = "externalcontact/get_corp_tag_list"
FOR = {"channel": "spring", "title": "新客礼", "first": "2026-01-01", "last": "2026-12-31"}
PEOPLE, RELATIONS = 10, 13
"""What the simulator's three members have: some customers have two of them."""


@pytest.fixture
def whole(staffed) -> Whole:
    """Acme and moonco, each with a corporation of its own at the simulator; nothing is called back."""
    return staffed()


@pytest.fixture
def desk(whole, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(whole.installation, monkeypatch)


@pytest.fixture
def synced(whole) -> Whole:
    """Acme with its ten customers."""
    return whole.synced()


def refusal(answer: Any) -> str:
    found = re.search(r"data-refused>(.*?)</p>", answer.text, re.S)
    return found[1] if found else ""


def count(brand: Any, sql: str) -> Any:
    with brand:
        return execute(sql).fetchone()[0]


# The full sync ----------------------------------------------------------------


def test_a_sync_asked_for_on_the_page_is_begun_by_the_job_and_arrives(whole, desk):
    mia = desk("mia")
    text = mia.get(f"{AT}connection").text
    assert "None was begun yet" in text and "data-running" not in text
    assert mia.post(f"{AT}connection", act="sync", seen=seen(text)).location.endswith("connection?done=sync")
    text = mia.get(f"{AT}connection").text
    assert "asked for, begins within a minute" in text and "data-running" in text and "user:mia" in text
    assert 'data-poll="progress?inside=1"' in text
    whole.work()
    # Another browser, or the same one later: what is shown is what is written.
    text = desk("otto").get(f"{AT}progress").text
    assert (held(text, "sync"), held(text, "members"), held(text, "relations")) == ("done", "3 / 3", str(RELATIONS))
    assert "data-running" not in text and "Begin a full sync" in text
    assert count(whole.brand, "SELECT count(DISTINCT contact_id) FROM wecom_follow") == PEOPLE
    text = mia.get(f"{AT}connection").text
    assert 'data-token="good"' in text and f'data-api="{TAGS}"' in text


def test_a_sync_that_cannot_begin_says_why_and_begins_later_by_itself(whole, desk, clock):
    mia = desk("mia")
    whole.simulator.fault("errcode", 45009, api=TAGS, times=1)
    mia.post(f"{AT}connection", act="sync", seen=seen(mia.get(f"{AT}connection").text))
    whole.work()
    text = mia.get(f"{AT}connection").text
    assert "called more often than WeCom allows" in held(text, "why") and "data-blocked" in text
    clock.advance(seconds=120)
    whole.work()
    assert held(mia.get(f"{AT}progress").text, "relations") == str(RELATIONS)


def test_a_wanted_sync_is_taken_back_and_a_running_one_stopped(whole, desk):
    mia = desk("mia")

    def act(name: str) -> Any:
        return mia.post(f"{AT}connection", act=name, seen=seen(mia.get(f"{AT}connection").text))

    act("sync"), act("stop")
    whole.work()
    assert count(whole.brand, "SELECT count(*) FROM wecom_sync") == 0
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.full_sync.begin()
    assert act("sync").status_code == 409
    assert act("stop").status_code == 303
    assert held(mia.get(f"{AT}progress").text, "sync") == "stopped"
    assert act("stop").status_code == 409


def test_without_a_secret_no_sync_is_offered_or_taken(new_installation, monkeypatch):
    table = f'[plugins.console]\n[plugins.wecom]\ncorp_id = "{CORP}"\n'
    mia = desks(new_installation(plugins=(Console, WecomPlugin), acme=table, moonco=table), monkeypatch)("mia")
    text = mia.get(f"{AT}connection").text
    assert "Set the secret first" in text and 'value="sync"' not in text
    assert mia.post(f"{AT}connection", act="sync", seen=seen(text)).status_code == 409


# The connection ---------------------------------------------------------------


def test_the_connection_tells_the_address_and_which_secrets_are_set_but_none_of_them(synced, desk):
    text = desk("mia").get(f"{AT}connection").text
    assert held(text, "address").endswith("/p/acme/wecom/callback") and held(text, "corp") == CORP
    for name in ("secret", "callback_token", "callback_aes_key"):
        assert held(text, f'secret="{name}"') == "set"
    with synced.brand:
        (token,) = execute("SELECT token FROM wecom_token").fetchone()
    for hidden in (SECRET, TOKEN, AES_KEY, token):
        assert hidden not in text


def test_a_refused_secret_is_shown_with_what_to_do(whole, desk):
    whole.simulator.fault("errcode", 40001, api="gettoken", times=1)
    mia = desk("mia")
    mia.post(f"{AT}connection", act="sync", seen=seen(mia.get(f"{AT}connection").text))
    whole.work()
    text = mia.get(f"{AT}connection").text
    assert 'data-token="refused"' in text and "set `secret` anew" in held(text, "why")


def test_callbacks_of_unknown_kinds_and_refused_ones_are_counted_and_listed(whole, desk):
    for number in range(2):
        told = xml(CreateTime=whole.seconds() - number, Event="<b>news</b>"[:9], ChangeType="x")
        assert whole.post(told).status_code == 200
    whole.tell("add_external_contact", external="")
    mia = desk("mia")
    text = mia.get(f"{AT}connection").text
    assert (held(text, 'callbacks="kept"'), held(text, 'callbacks="refused"')) == ("2", "1")
    assert held(text, "last") != "none yet"
    rows = mia.get(f"{AT}callbacks", state="refused").text
    assert rows.count("data-callback=") == 1 and "&lt;b&gt;news" in mia.get(f"{AT}callbacks", state="kept").text
    assert mia.get(f"{AT}callbacks", state="nonsense").status_code == 404


# Staff ------------------------------------------------------------------------


def test_staff_are_listed_with_their_customers_who_left_and_customers_nobody_has(synced, desk, clock):
    clock.advance(seconds=60)
    with synced.brand as brand:
        people = brand.plugins["wecom"].wecom
        execute("UPDATE wecom_follow SET staff = 'gone' WHERE id = (SELECT min(id) FROM wecom_follow)")
        # Somebody with one member of staff alone deletes them.
        external, staff = execute(
            "SELECT external, min(staff) FROM wecom_follow GROUP BY external HAVING count(*) = 1 "
            "ORDER BY min(id) DESC LIMIT 1"
        ).fetchone()
        people.follows.lost(external, staff, brand.now(), "customer")
    mia = desk("mia")
    text = mia.get(f"{AT}staff").text
    assert sorted(re.findall(r'data-member="(\w+)"', text)) == ["gone", "staff001", "staff002", "staff003"]
    assert (held(text, "left"), held(text, "alone"), text.count("data-gone")) == ("1", "1", 1)
    assert mia.get(f"{AT}alone").text.count("../../contacts/") == 1
    # Whom the sync passed over has left too.
    with synced.brand:
        execute("UPDATE wecom_stretch SET error = 'no such member' WHERE staff = 'staff002'")
    assert mia.get(f"{AT}staff").text.count("data-gone") == 2
    member = mia.get(f"{AT}member", staff=staff).text
    assert "by the customer" in member and mia.get(f"{AT}member", staff="stranger").status_code == 404


def test_members_and_their_customers_are_turned_page_by_page(synced, desk, monkeypatch):
    monkeypatch.setattr(console, "ROWS", 2)
    mia = desk("mia")
    first = mia.get(f"{AT}staff").text
    assert 'href="staff?from=2"' in first and first.count("data-member=") == 2
    assert mia.get(f"{AT}staff?from=2").text.count("data-member=") == 1
    staff = re.findall(r'data-member="(\w+)"', first)[0]
    found, address = 0, f"{AT}member?staff={staff}"
    while address:
        text = mia.get(address).text
        found += text.count("../../contacts/")
        more = re.search(r'rel="next" href="([^"]+)"', text)
        address = AT + more[1].replace("&amp;", "&") if more else ""
    assert found == count(synced.brand, f"SELECT count(*) FROM wecom_follow WHERE staff = '{staff}'")


def test_a_members_page_names_the_channels_that_customers_came_by(synced, desk):
    with synced.brand as brand:
        brand.channels.create("tea", "Tea house")
        link = brand.links.create_many("tea", "https://example.cn", 1, owner="test")[0].path.rpartition("/")[2]
        ids = [row[0] for row in execute("SELECT id FROM wecom_follow WHERE staff = 'staff001' ORDER BY id").fetchall()]
        for state, follow in zip(("tea", link, "nobody"), ids, strict=False):
            execute("UPDATE wecom_follow SET source = ? WHERE id = ?", (state, follow))
    found = re.findall("<td data-channel>(.*?)</td>", desk("mia").get(f"{AT}member?staff=staff001").text)
    assert found[:3] == ["Tea house", "Tea house", '<span class="code">nobody</span>']
    assert set(found[3:]) <= {"–"}


# Tags -------------------------------------------------------------------------


def tagged(synced: Whole) -> str:
    """A tag of the brand, given by hand to somebody's customer; the relation's id."""
    with synced.brand as brand:
        follow, contact = execute(
            "SELECT min(id), contact_id FROM wecom_follow GROUP BY contact_id HAVING count(*) = 1 "
            "ORDER BY min(id) LIMIT 1"
        ).fetchone()
        brand.tags.add(contact, brand.tags.define("mood", EVIL[:20], plan="test"), actor="mia")
    synced.deliver()
    return str(follow)


def test_a_refused_push_is_told_with_its_reason_and_tried_again_by_a_button(synced, desk, clock):
    synced.simulator.fault("errcode", 48002, api="externalcontact/mark_tag", times=1)
    follow = tagged(synced)
    mia = desk("mia")
    text = mia.get(f"{AT}tags").text
    assert (held(text, "waiting"), held(text, "refused-pushes")) == ("1", "0") and 'value="retry"' not in text
    with synced.brand as brand:
        brand.plugins["wecom"].work()
    text = mia.get(f"{AT}tags", state="refused").text
    assert "48002" in held(text, "reason") and f'data-push="{follow}"' in text and EVIL[:20] not in text
    told = {"act": "retry", "follow": follow, "seen": seen(text, "data-push=")}
    assert mia.post(f"{AT}tags", **{**told, "seen": "another reason"}).status_code == 409
    assert mia.post(f"{AT}tags", act="retry", follow=follow).status_code == 422
    assert mia.post(f"{AT}tags", **told).status_code == 303
    synced.work()
    assert held(mia.get(f"{AT}tags").text, "waiting") == "0"
    assert len(synced.noted("mark_tag")) == 1
    assert mia.post(f"{AT}tags", **told).status_code == 404
    assert "data-tag" in mia.get(f"{AT}tags").text


def test_all_refused_pushes_are_tried_again_at_once(synced, desk):
    synced.simulator.fault("errcode", 48002, api="externalcontact/mark_tag", times=1)
    tagged(synced)
    with synced.brand as brand:
        brand.plugins["wecom"].work()
    mia = desk("mia")
    mia.get(f"{AT}tags")
    assert mia.post(f"{AT}tags", act="retry-all").status_code == 303
    synced.work()
    assert held(mia.get(f"{AT}tags").text, "waiting") == "0"


# Group sends ------------------------------------------------------------------


def test_a_send_made_and_started_on_the_page_waits_for_the_staff_at_wecom(synced, desk, clock):
    mia = desk("mia")
    assert "data-problem" in mia.get(f"{AT}reach", segment="((").text
    assert draft(synced, mia).location.endswith("send?code=may&done=open")
    assert draft(synced, mia).status_code == 409
    assert f"Reaches {PEOPLE} customers" in mia.get(f"{AT}reach", segment=EVERYBODY).text
    synced.work()
    assert not synced.noted("add_msg_template")
    at = f"{AT}send?code=may"
    text = mia.get(at).text
    assert held(text, 'figure="waits"') == "10" and "Hello &amp; &lt;b&gt;" in text
    assert mia.post(at, act="start", seen="draft").status_code == 422  # not confirmed
    assert mia.post(at, act="start", confirm="on").status_code == 422  # no version
    assert mia.post(at, act="start", confirm="on", seen="draft").status_code == 303
    late = desk("otto").post(at, act="start", confirm="on", seen="draft")
    assert late.status_code in (400, 403, 409)
    synced.work()
    text = mia.get(f"{AT}sends").text
    assert [held(text, name) for name in ("all", "waits", "staff", "sent")] == ["10", "0", "10", "0"]
    assert "all handed to the staff" in text
    (task,) = synced.noted("add_msg_template")
    for staff in task["senders"]:
        synced.act("confirm", msgid=task["msgid"], userid=staff)
    clock.advance(seconds=700)
    synced.work()
    assert held(mia.get(at).text, 'figure="sent"') == "10"


def test_a_canceled_send_goes_to_nobody_and_says_why(synced, desk):
    mia, otto = desk("mia"), desk("otto")
    draft(synced, mia)
    at = f"{AT}send?code=may"
    otto.get(at), mia.get(at)
    assert otto.post(at, act="cancel", seen="draft", reason=" ").status_code == 422
    assert otto.post(at, act="cancel", seen="draft", reason="wrong text").status_code == 303
    assert mia.post(at, act="start", seen="draft", confirm="on").status_code == 409
    synced.work()
    text = mia.get(at).text
    assert "wrong text" in text and 'value="start"' not in text and held(text, 'figure="staff"') == "0"


# Moments ----------------------------------------------------------------------


def test_a_moment_posted_on_the_page_is_made_at_wecom_and_the_days_limit_is_told(synced, desk, clock):
    mia = desk("mia")
    mia.get(f"{AT}moments")
    form = {"act": "post", "code": "m1", "text": "New tea"}
    unsure = mia.post(f"{AT}moments", **form)
    assert unsure.status_code == 422 and "New tea</textarea>" in unsure.text
    assert mia.post(f"{AT}moments", **form, confirm="on").status_code == 303
    synced.work()
    clock.advance(seconds=60)
    synced.work()
    text = mia.get(f"{AT}moments").text
    assert held(text, "posted") == "1 / 3" and 'data-state="made"' in text
    assert len(synced.noted("add_moment_task")) == 1
    for code in ("m2", "m3"):
        assert mia.post(f"{AT}moments", **{**form, "code": code}, confirm="on").status_code == 303
    over = mia.post(f"{AT}moments", **{**form, "code": "m4"}, confirm="on")
    assert over.status_code == 409 and refusal(over)


# Acquisition links ------------------------------------------------------------


def test_a_link_made_on_the_page_exists_at_wecom_and_is_paused_and_deleted(synced, desk, clock):
    mia = desk("mia")
    mia.get(f"{AT}links")
    with synced.brand as brand:
        brand.channels.create("spring")
    form = {"act": "make", "code": "may", "name": EVIL[:20], "staff": "staff001，staff002", **FOR}
    for missing in ({"channel": ""}, {"title": " "}, {"first": ""}, {"last": "x"}):
        assert mia.post(f"{AT}links", **{**form, **missing}).status_code == 422
    assert mia.post(f"{AT}links", **{**form, "channel": "no-such"}).status_code == 404
    past = mia.post(f"{AT}links", **{**form, "first": "2025-12-01", "last": "2025-12-31"})
    assert past.status_code == 409 and "activity is over" in refusal(past) and 'value="2025-12-31"' in past.text
    assert mia.post(f"{AT}links", **{**form, "staff": ""}).status_code == 422
    assert mia.post(f"{AT}links", **{**form, "departments": "x"}).status_code == 422
    assert mia.post(f"{AT}links", **form).status_code == 303
    synced.work()
    (there,) = synced.simulator.corp(CORP).links.values()
    assert sorted(there.users) == ["staff001", "staff002"]
    text = mia.get(f"{AT}links").text
    assert held(text, 'state="live"') == "in use" and EVIL[:20] not in text
    assert held(text, "door").endswith("/p/acme/wecom/a/may") and "/" in held(text, "balance")
    assert synced.client.get("/p/acme/wecom/a/may").status_code == 302
    assert mia.post(f"{AT}links", act="pause", code="may").status_code == 422
    assert mia.post(f"{AT}links", act="pause", code="may", seen="live/0").status_code == 303
    assert synced.client.get("/p/acme/wecom/a/may").status_code == 404
    assert mia.post(f"{AT}links", act="pause", code="may", seen="live/0").status_code == 409
    assert mia.post(f"{AT}links", act="resume", code="may", seen="live/1").status_code == 303
    assert mia.post(f"{AT}links", act="delete", code="may", seen="live/0").status_code == 422
    assert mia.post(f"{AT}links", act="delete", code="may", seen="live/0", confirm="on").status_code == 303
    synced.work()
    assert "deleted" in held(mia.get(f"{AT}links").text, 'state="deleted"')
    assert not synced.simulator.corp(CORP).links
    assert mia.post(f"{AT}links", act="renew", code="may").status_code == 422
    assert mia.post(f"{AT}links", act="renew", code="may", seen="deleted/0").status_code == 303
    synced.work()
    assert len(synced.simulator.corp(CORP).links) == 1 and synced.client.get("/p/acme/wecom/a/may").status_code == 302


def test_a_link_shows_its_activity_and_gets_another_on_the_page(synced, desk, clock):
    with synced.brand as brand:
        brand.channels.create("spring")
    mia, otto = desk("mia"), desk("otto")
    at = f"{AT}links"
    mia.get(at)
    mia.post(at, act="make", code="may", name="x", staff="staff001", **{**FOR, "title": EVIL, "first": "2026-01-02"})
    assert held(mia.get(at).text, "read") == "not read yet"
    synced.work()
    text = mia.get(at).text
    assert held(text, "read") == "as of 2026-01-01 08:00" and "截至 2026-01-01 08:00" in desk("mia", "zh").get(at).text
    assert held(text, 'state="live"') == "in use from its activity" + "&#39;s first day" and "data-door" not in text
    assert held(text, "activity").endswith("2026-01-02 – 2026-12-31") and EVIL not in text
    old = seen(otto.get(at).text, "<summary>Activity")
    change = {"act": "activity", "code": "may", "title": "Gifts", "first": "2026-01-01", "last": "2026-01-01"}
    assert mia.post(at, **change).status_code == 422
    assert mia.post(at, **change, seen=old).location.endswith("links?done=activity")
    assert otto.post(at, **change, seen=old).status_code == 409
    text = mia.get(at).text
    assert held(text, 'state="live"') == "in use" and held(text, "activity").startswith("Gifts")
    clock.set(datetime(2026, 1, 1, 16, 0, tzinfo=UTC))  # the second day at the brand
    mia = desk("mia")
    text = mia.get(at).text
    assert held(text, 'state="live"') == "paused" and "the activity is over" in text
    synced.work()
    chinese = desk("mia", "zh")
    assert "paused" in held(mia.get(at).text, 'state="live"') and "活动已结束" in chinese.get(at).text
    assert 'value="resume"' in mia.get(at).text and 'value="pause"' not in mia.get(at).text
    late = mia.post(at, act="resume", code="may", seen="live/0")
    assert late.status_code == 409 and "no activity" in refusal(late)


# The chat archive -------------------------------------------------------------


def test_the_archive_says_whether_it_is_on_how_far_it_is_and_what_it_could_not_read(whole, desk):
    mia = desk("mia")
    assert held(mia.get(f"{AT}archive").text, 'archive="off"') == "off"
    with whole.brand:
        execute("INSERT INTO wecom_archive (id, seq, lease_until, error, at) VALUES (1, 41, 0, 'no key of version 2', 1)")
        execute("INSERT INTO wecom_unread (seq, note, at) VALUES (40, 'DecryptData refused it', 1)")
    text = mia.get(f"{AT}archive").text
    assert (held(text, "seq"), held(text, "unread"), held(text, "why")) == ("41", "1", "no key of version 2")
    assert "DecryptData refused it" in text


# Everything -------------------------------------------------------------------


def test_another_brands_user_gets_the_answer_of_what_was_never_there(synced, desk):
    luna = desk("luna")
    for page in PAGES:
        there, nowhere = luna.get(f"{AT}{page}"), luna.get(f"b/nowhere/x/wecom/{page}")
        assert there.status_code == nowhere.status_code == 404
        assert there.text.replace("acme", "nowhere") == nowhere.text
    assert luna.get(f"{MOON}staff").text.count("data-member=") == 0
    luna.get(f"{MOON}links")
    assert luna.post(f"{AT}links", act="make", code="x", name="x", staff="staff001").status_code == 404
    assert luna.post(f"{MOON}links", act="pause", code="may", seen="live/0").status_code == 404
    assert not synced.simulator.corp(CORP).links


def test_clerks_and_analysts_see_and_do_nothing_here_but_the_analysts_card(synced, desk):
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in PAGES:
            assert browser.get(f"{AT}{page}").status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(f"{AT}connection", act="sync", seen="/0/").status_code == 403
        assert browser.post(f"{AT}links", act="make", code="x", name="x", staff="staff001").status_code == 403
    assert count(synced.brand, "SELECT count(*) FROM wecom_sync_wish") == 0
    assert "Customers without a member" in desk("ana").get("b/acme/").text


def test_a_card_that_raises_leaves_the_overview_as_it_is(synced, desk, monkeypatch):
    def fail(self: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(WecomPlugin, "show_card", fail)
    answer = desk("mia").get("b/acme/")
    assert answer.status_code == 200 and "Customers without a member" not in answer.text


def test_hostile_names_of_people_and_members_are_text(synced, desk):
    with synced.brand as brand:
        contact = execute("SELECT contact_id FROM wecom_follow ORDER BY id LIMIT 1").fetchone()[0]
        brand.contacts.rename(contact, EVIL)
        execute("UPDATE wecom_follow SET staff = ? WHERE id = (SELECT min(id) FROM wecom_follow)", (EVIL,))
    mia = desk("mia")
    pages = [mia.get(f"{AT}staff"), mia.get(f"{AT}member", staff=EVIL), mia.get(f"{AT}links"), mia.get(f"{AT}tags")]
    for answer in pages:
        assert answer.status_code == 200 and "<script>alert" not in answer.text and "<img src=x" not in answer.text
    assert "&lt;script&gt;" in pages[0].text and "49" not in re.findall(r"onerror=alert\(1\)&gt;(\S{2})", pages[1].text)


def test_pages_ask_no_more_of_the_database_when_there_is_more_to_show(synced, desk, monkeypatch):
    mia = desk("mia")
    draft(synced, mia)
    tagged(synced)
    with synced.brand as brand:
        brand.channels.create("spring")
    mia.post(f"{AT}links", act="make", code="l0", name="x", staff="staff001", **FOR)
    mia.post(f"{AT}moments", act="post", code="m0", text="x", confirm="on")
    asked = statements(synced.brand, monkeypatch)

    def cost() -> dict[str, int]:
        found = {}
        for page in (*PAGES, "member?staff=staff001"):
            mia.get(AT + page)
            asked.clear()
            assert mia.get(AT + page).status_code == 200
            found[page] = len(asked)
        return found

    few = cost()
    for number in range(1, 9):
        draft(synced, mia, f"s{number}")
        mia.post(f"{AT}links", act="make", code=f"l{number}", name="x", staff="staff001", **FOR)
        synced.tell("add_external_contact", external=f"wmNEW{number}", staff=f"new{number}")
    with synced.brand as brand:
        mood = brand.tags.define("mood", EVIL[:20], plan="test")
        for (contact,) in execute("SELECT DISTINCT contact_id FROM wecom_follow").fetchall():
            brand.tags.add(contact, mood, actor="mia")
        execute("UPDATE wecom_follow SET staff = 'staff001' WHERE staff LIKE ?", ("new%",))
    synced.deliver()
    many = cost()
    assert many == few and max(few.values()) < 40, (few, many)


def test_every_state_and_act_has_words_in_both_languages(synced, desk):
    for table in (WORDS, DONE):
        for key, (english, chinese) in table.items():
            assert english.strip() and re.search("[\u4e00-\u9fff]", chinese), key
    states = {
        *STATES, "running", "done", "stopped", "active", "half", "lost", "customer", "staff", "transfer", "sync",
        "draft", "paused", "canceled", "expired", "queued", "sending", "sent", "delivered", "failed", "unknown",
        "blocked", "waiting", "making", "asked", "made", "live", "coming", "broken", "deleting", "deleted", *console.KINDS,
    }  # fmt: skip
    assert states <= set(WORDS)
    acts = {act for part in WecomPlugin.console_pages.values() for act in part.acts}
    assert {act.removesuffix("-all") for act in acts} == set(DONE)
    folder = Path(console.__file__).parent / "templates" / "wecom_console"
    for file in folder.glob("*.html"):
        for english, chinese in re.findall(r"""\bt\("([^"]*)", "([^"]*)"\)""", file.read_text("utf-8")):
            assert re.search("[A-Za-z]", english) and re.search("[\u4e00-\u9fff]", chinese), (file.name, english)
    mia = desk("mia", "zh")
    for page in PAGES:
        assert re.search("[\u4e00-\u9fff]", mia.get(AT + page).text)
