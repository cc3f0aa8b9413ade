"""Live codes in the console: each act as the user and once, a second operator is told, roles, brands, hostile names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from live_scene import Scene, scanned
from staff_desk import EVIL, codes_of, desks, english, statements

from scrm_console import Console
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_live_code import LiveCodePlugin
from scrm_live_code.console_words import REFUSALS

AT = "b/acme/x/live-code/"
CODE = f"{AT}code?channel=poster-01"
PAGES = ("codes?peak=1001", "code?channel=poster-01", "reception?by=both", "personas")


@pytest.fixture
def house(new_installation: Callable[..., Any]) -> Any:
    tables = "\n[plugins.console]\n[plugins.live-code]\n"
    return new_installation(plugins=(Console, LiveCodePlugin), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    made = desks(house, monkeypatch)
    house.users.create("omar", "correct horse battery")
    house.users.set_role("omar", "acme", "operator")
    return made


@pytest.fixture
def scene(house: Any, desk: Any, deliver: Callable[..., None]) -> Scene:
    scene = Scene(house, "acme", deliver)
    scene.staff("ann", "ben")
    with scene.brand:
        scene.here.staff.put("ann", name=EVIL, daily_cap=100, actor="lin")
        scene.here.personas.put("mei", name=EVIL, profile={"truth": EVIL}, actor="lin")
        scene.here.personas.cast("mei", "ann", actor="lin")
    scene.code(ann="1-5 09:00-18:00")
    scene.lead("one", "poster-01", staff="ann")
    return scene


def seen(text: str) -> str:
    return re.search(r'name="seen" value="(\w+)"', text)[1]


def refusal(answer: Any) -> str:
    found = re.search(r"data-refused>(.*?)</p>", answer.text, re.S)
    return found[1] if found else ""


def test_the_rota_the_target_and_the_state_are_changed_and_the_printed_code_stays(scene: Scene, desk):
    mia = desk("mia")
    page = mia.get(CODE).text
    printed = scanned(mia.get(f"{CODE}&picture=qr").data)
    acts = (
        {"act": "seat", "staff": "ben", "role": "backup", "hours": "6,7 10:00-16:00"},
        {"act": "activity", "title": "春游", "first": "2026-01-01", "last": "2026-02-28"},
        {"act": "pause", "note": "rain"},
        {"act": "publish"},
        {"act": "entry", "place": "offline", "store": "S-1"},
        {"act": "unseat", "staff": "ben"},
        {"act": "seat", "staff": "ben", "role": "main", "hours": ""},
    )
    for form in acts:
        answer = mia.post(CODE, seen=seen(page), **form)
        assert answer.status_code == 303, (form, refusal(answer))
        page = mia.get(CODE).text
    with scene.brand:
        code = scene.here.codes.get("poster-01")
        assert (code.activity, code.state, code.actor) == ("春游", "live", "user:mia")
        assert [(each.staff, each.role, each.hours) for each in scene.here.codes.seats(code)] == [
            ("ann", "main", "1-5 09:00-18:00"), ("ben", "main", ""),
        ]  # fmt: skip
    assert scanned(mia.get(f"{CODE}&picture=qr").data) == scanned(mia.get(f"{CODE}&picture=poster").data) == printed
    answer = mia.post(CODE, seen=seen(page), act="peak", peak="201")
    assert "201 people a day need 3 accounts; 2 are assigned" in mia.get(answer.location).text
    assert "201 people a day need 3 accounts; 2 are assigned" in mia.get(CODE).text  # and whenever the page is opened


def test_a_second_operator_is_told_that_somebody_changed_the_code_and_does_nothing(scene: Scene, desk):
    mia, omar = desk("mia"), desk("omar")
    first, second = mia.get(CODE).text, omar.get(CODE).text
    assert mia.post(CODE, seen=seen(first), act="pause", note="rain").status_code == 303
    answer = omar.post(CODE, seen=seen(second), act="seat", staff="ben", role="main", hours="")
    assert answer.status_code == 409 and "user:mia changed this code meanwhile" in refusal(answer)
    with scene.brand:
        assert [each.staff for each in scene.here.codes.seats(scene.here.codes.get("poster-01"))] == ["ann"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"act": "seat", "staff": "ben", "role": "main", "hours": "8 25:00-26:00"}, 422),
        ({"act": "seat", "staff": "eve", "role": "main", "hours": ""}, 404),
        ({"act": "activity", "title": "", "first": "2026-01-01", "last": "2026-02-01"}, 422),
        ({"act": "activity", "title": "x", "first": "soon", "last": "2026-02-01"}, 422),
        ({"act": "peak", "peak": "-5"}, 422),
        ({"act": "link"}, 409),
    ],
)
def test_what_is_refused_did_nothing_and_says_why(scene: Scene, desk, form, status):
    mia = desk("mia")
    answer = mia.post(CODE, seen=seen(mia.get(CODE).text), **form)
    assert answer.status_code == status
    with scene.brand:
        assert scene.here.codes.get("poster-01").activity == "新年礼"


def test_pages_show_figures_in_both_languages_within_thirty_statements_and_escape_names(scene: Scene, desk, monkeypatch, clock):
    mia, chinese = desk("mia"), desk("mia", language="zh")
    clock.advance(seconds=1_801)
    for page in PAGES:
        mia.get(AT + page)
        asked = statements(scene.brand, monkeypatch)
        text = mia.get(AT + page).text
        assert len(asked) <= 30, page
        assert "<script>alert" not in text, page
        assert re.search("[一-鿿]", chinese.get(AT + page).text.split("<main")[1])
    assert "need 11 accounts" in mia.get(f"{AT}codes?peak=1001").text
    assert "data-overdue" in mia.get(f"{AT}reception").text
    assert mia.get(f"{AT}code?channel=none").status_code == 404
    assert mia.get(f"{AT}reception?by=moon").status_code == 404
    assert "今日活码接待" in chinese.get("b/acme/").text


def test_personas_are_written_with_their_checklist_and_cast(scene: Scene, desk):
    mia = desk("mia")
    mia.get(f"{AT}personas")
    form = {"act": "save", "code": "dad", "name": "老王", "kind": "personal", "item-truth": "开店十年"}
    assert mia.post(f"{AT}personas", **form).status_code == 303
    assert mia.post(f"{AT}personas", act="cast", code="dad", staff="ben").status_code == 303
    assert mia.post(f"{AT}personas", act="save", code="B AD", name="x", kind="wecom").status_code == 422
    with scene.brand:
        made = scene.here.personas.get("dad")
        assert (made.kind, made.done, made.staff) == ("personal", 1, ("ben",))


def test_a_new_persona_with_the_code_of_another_is_refused_and_a_changed_one_is_told(scene: Scene, desk):
    mia, omar = desk("mia"), desk("omar")
    page = f"{AT}personas"
    mia.get(page)
    answer = mia.post(page, act="save", code="mei", name="新人", kind="wecom")
    assert (answer.status_code, "a persona &#39;mei&#39; exists" in refusal(answer)) == (409, True)
    first, second = mia.get(page).text, omar.get(page).text
    form = {"act": "save", "code": "mei", "name": "小美", "kind": "personal", "item-truth": "两个孩子的妈妈"}
    assert mia.post(page, seen=seen(first), **form).status_code == 303
    answer = omar.post(page, seen=seen(second), **{**form, "name": "老王"})
    assert answer.status_code == 409 and "user:mia changed this persona meanwhile" in refusal(answer)
    with scene.brand:
        found = scene.here.personas.get("mei")
        assert (found.name, found.kind, found.texts["truth"]) == ("小美", "personal", "两个孩子的妈妈")


def test_lists_of_a_house_with_many_staff_and_personas_are_turned_in_as_many_statements_as_short_ones(scene: Scene, desk, monkeypatch):
    mia = desk("mia")
    pages = (f"{AT}reception?by=both", f"{AT}personas", f"{AT}codes", CODE)

    def asked() -> list[int]:
        counts = []
        for page in pages:
            mia.get(page)
            found = statements(scene.brand, monkeypatch)
            mia.get(page)
            counts.append(len(found))
            monkeypatch.undo()
        return counts

    few = asked()
    userids = [f"s{n:03}" for n in range(120)]
    scene.staff(*userids)
    with scene.brand as brand:
        brand.contacts.capture_leads([
            LeadIn(source="shop", reference=each, identities=(IdentityIn.of("buyer", each, "shop"),), at=brand.now(),
                   state="poster-01", fields={"staff": each})
            for each in userids
        ])  # fmt: skip
        for n, userid in enumerate(userids[:45]):
            scene.here.personas.put(f"p{n:02}", name=f"P{n}", actor="lin")
            scene.here.personas.cast(f"p{n:02}", userid, actor="lin")
    scene.deliver()
    assert asked() == few

    def turned(page: str, mark: str) -> list[int]:
        """Rows of each page of a list, as somebody who goes on turning sees them."""
        counts, text = [], mia.get(page).text
        while True:
            counts.append(len(re.findall(mark, text)))
            part = text[text.rindex(mark) :]
            following = re.search(r'rel="next" href="([^"]+)"', part)
            if following is None or len(counts) > 20:
                return counts
            text = mia.get(AT + following[1].replace("&amp;", "&")).text

    # 121 members with three steps each, of whom ann is one already; 46 personas.
    assert turned(f"{AT}reception?by=staff", "data-kept") == [50, 50, 21]
    assert turned(f"{AT}personas", "data-persona=") == [20, 20, 6]
    assert len(re.findall("data-step=", mia.get(f"{AT}reception").text)) == 50
    assert len(re.findall("data-step=", mia.get(f"{AT}reception?after=350").text)) == 13
    assert mia.get(f"{AT}reception?after=-1").status_code == 404


def test_analysts_act_on_nothing_and_another_brand_sees_nothing(scene: Scene, desk):
    ana = desk("ana")
    answer = ana.get(CODE)
    assert answer.status_code in (403, 404) or "name=\"act\"" not in answer.text
    assert ana.post(CODE, act="pause").status_code in (403, 404)
    assert "poster-01" not in desk("mia").get("b/moonco/x/live-code/codes").text


def test_the_tags_of_a_code_are_chosen_where_it_is_made_and_shown_on_its_page_and_in_the_list(scene: Scene, desk):
    mia = desk("mia")
    with scene.brand as brand:
        brand.tags.define("source", "poster", plan="greet them")
        brand.tags.define("place", EVIL, kind="channel")
    new = {"act": "create", "channel": "door", "title": "Door"}
    mia.get(f"{AT}codes")
    refused = mia.post(f"{AT}codes", **new, tags="source/poster, source/nothing")
    assert refused.status_code == 422 and "source/nothing" in refusal(refused) and "source/poster, source/nothing" in refused.text
    assert mia.post(f"{AT}codes", **new, tags=f"source/poster，place/{EVIL}").status_code == 303
    for page in (f"{AT}codes", f"{AT}code?channel=door"):
        text = mia.get(page).text
        assert "source/poster, place/&lt;" in text and EVIL not in text
    person = scene.lead("two", "door")
    assert "poster" in scene.tags(person)


def test_the_page_says_who_is_on_duty_now_and_at_another_time(scene: Scene, desk):
    mia = desk("mia")
    with scene.brand:
        scene.here.codes.seat("poster-01", "ben", role="main", hours="6 10:00-16:00", actor="lin")

    def duty(at: str = "") -> str:
        return re.search(r"<p data-duty>(.*?)</p>", mia.get(f"{CODE}{at}").text, re.S)[1]

    assert "nobody is on duty" in duty()  # Thursday 08:00
    assert "Ben" in duty("&at=2026-01-10T12:00") and "&lt;script" in duty("&at=2026-01-05T09:00")
    assert "no activity runs" in duty("&at=2026-02-02T12:00") and "&lt;script" in duty("&at=2026-02-02T12:00")
    assert "Now" in duty("&at=soon")
    for language, told in (("en", "at: &#39;soon&#39; is not a time such as"), ("zh", "时间写法有误")):
        answer = desk("mia", language=language).get(f"{CODE}&at=soon")
        assert (answer.status_code, told in answer.text) == (200, True)


def test_what_staff_received_today_is_called_so_since_it_is_no_count_of_adds(scene: Scene, desk):
    for language, told in (("en", "Received today"), ("zh", "今日接待")):
        browser = desk("mia", language=language)
        assert told in re.search("<th[^>]*>(Received today|Adds today|今日接待)", browser.get(f"{AT}codes").text)[1]
        assert told in browser.get("b/acme/").text and "Adds today" not in browser.get("b/acme/").text


def test_one_account_is_told_as_one(scene: Scene, desk):
    mia = desk("mia")
    mia.press(CODE, "peak", peak="1")
    assert "1 people a day need 1 account; 1 is assigned." in mia.get(CODE).text
    assert "need 1 account." in mia.get(f"{AT}codes?peak=7").text


def test_a_contact_way_or_link_is_offered_where_there_is_none_or_it_can_be_made_anew(scene: Scene, desk, clock):
    def offered() -> list[str]:
        return re.findall('name="act" value="(way|link)"', desk("mia").get(CODE).text)

    def stands(kind: str, state: str) -> None:
        with scene.brand as brand:
            execute(
                "INSERT INTO live_code_way (code_id, kind, maker, config_id, qr, users, state, note, actor, at) "
                "VALUES (?, ?, 'gone', 'x', '', '[]', ?, '', 'lin', ?) "
                "ON CONFLICT (code_id, kind) DO UPDATE SET state = excluded.state",
                (scene.here.codes.get("poster-01").id, kind, state, brand.now()),
            )

    assert offered() == ["way", "link"]
    for state, there in (("wanted", ["link"]), ("making", ["link"]), ("made", ["link"]), ("failed", ["way", "link"])):
        stands("way", state)
        assert offered() == there
    stands("way", "made")
    stands("link", "making")
    assert offered() == []
    clock.advance(seconds=600)  # nothing was heard of it
    assert offered() == ["link"]


def test_the_page_says_in_its_language_that_nobody_has_room_and_what_each_took_beside_the_cap(scene: Scene, desk, clock):
    clock.set(datetime(2026, 1, 1, 2, 0, tzinfo=UTC))  # Thursday 10:00
    scene.staff("ann", cap=1)
    with scene.brand:
        printed = scene.here.codes.get("poster-01").link
    assert scene.scan(f"/l/{printed}") == "ann"
    for language, why, taken in (("en", "nobody on duty has room today", "1 of 1 today"), ("zh", "在岗员工今日均已满", "今日 1 / 1")):
        text = desk("mia", language=language).get(CODE).text
        assert why in re.search(r"<p data-duty>(.*?)</p>", text, re.S)[1]
        assert taken in re.search(r'data-seat="ann">(.*?)</strong>', text, re.S)[1]


def test_a_link_that_waits_says_why_in_both_languages(scene: Scene, desk, clock):
    with scene.brand:
        code = scene.here.codes.get("poster-01").id
        execute(
            "INSERT INTO live_code_way (code_id, kind, maker, config_id, qr, users, state, note, actor, at) "
            "VALUES (?, 'link', 'gone', '', '', '[]', 'wanted', '', 'lin', 1)",
            (code,),
        )

    def told(language: str = "en") -> str:
        return re.search(r"<dd data-link>(.*?)<span", desk("mia", language=language).get(CODE).text, re.S)[1].strip()

    assert (told(), told("zh")) == ("asked for: nobody is on duty", "待生成：没有员工在岗")  # Thursday 08:00
    clock.set(datetime(2026, 1, 1, 2, 0, tzinfo=UTC))
    assert (told(), told("zh")) == ("asked for: no plugin that makes it is set up", "待生成：没有已配置好的插件可以生成")
    with scene.brand:
        scene.here.codes.pause("poster-01", actor="lin")
    assert (told(), told("zh")) == ("asked for: the code is paused", "待生成：活码已暂停")


def test_every_error_of_the_plugin_has_chinese_words_and_every_act_tells_them():
    needed = codes_of(LiveCodePlugin) | {"changed", "text", "text_character", "text_length"}
    assert needed - set(REFUSALS) == set()
    assert all(re.search("[\u4e00-\u9fff]", words) and english(words) == [] for words in REFUSALS.values())
    acts = {act.method for part in LiveCodePlugin.console_pages.values() for act in part.acts.values()}
    assert [name for name in sorted(acts) if not hasattr(getattr(LiveCodePlugin, name), "__wrapped__")] == []


def test_chinese_pages_have_no_english_sentence(scene: Scene, desk, clock):
    with scene.brand:
        code = scene.here.codes.get("poster-01").id
        execute(
            "INSERT INTO live_code_way (code_id, kind, maker, config_id, qr, users, state, note, actor, at) VALUES "
            "(?, 'way', 'x', '', '', '[]', 'failed', 'it was refused for a reason', 'lin', 1), "
            "(?, 'link', 'x', '', '', '[]', 'wanted', '', 'lin', 1)",
            (code, code),
        )
        scene.here.codes.pause("poster-01", actor="lin")
    chinese = desk("mia", language="zh")
    assert "原文：it was refused for a reason" in chinese.get(CODE).text
    for page in (*PAGES, "codes?peak=many", "code?channel=poster-01&at=2026-01-05T10:00"):
        text = re.sub("(?s)<(script|style).*?</\\1>|原文：[^<]*", "", chinese.get(AT + page).text)
        assert english(text) == [], page


def test_a_poster_without_an_activity_is_refused_in_chinese_too(scene: Scene, desk, clock):
    clock.set(datetime(2026, 1, 31, 16, 0, tzinfo=UTC))
    answer = desk("mia", language="zh").get(f"{CODE}&picture=poster")
    assert answer.status_code == 409 and "没有进行中的活动" in answer.text and english(answer.text) == []


def test_on_a_chinese_page_a_refusal_is_told_in_chinese_and_on_an_english_one_in_the_service_s_words(scene: Scene, desk, clock):
    chinese, plain = desk("mia", language="zh"), desk("mia")
    page = {browser: seen(browser.get(CODE).text) for browser in (chinese, plain)}
    acts = (
        (CODE, {"act": "seat", "staff": "ann", "role": "main", "hours": "always"}, "时段写法有误", "is not like 1-5"),
        (CODE, {"act": "seat", "staff": "eve", "role": "main", "hours": ""}, "没有这位员工", "no member of staff"),
        (CODE, {"act": "activity", "title": "x", "first": "2026-02-02", "last": "2026-02-01"}, "结束日早于开始日", "before the first"),
        (CODE, {"act": "activity", "title": "x", "first": "0001-01-01", "last": "2026-02-01"}, "开始日不早于 1970 年", "before 1970"),
        (CODE, {"act": "activity", "title": "x", "first": "", "last": "2026-02-01"}, "请填写开始日", "2026-03-01"),
        (CODE, {"act": "peak", "peak": "0"}, "峰值日人数", "from 1 to"),
        (CODE, {"act": "peak", "peak": "many"}, "峰值日人数", "no whole number"),
        (CODE, {"act": "seat", "staff": "ann", "role": "boss"}, "请选择角色", "main or backup"),
        (CODE, {"act": "pause", "note": "x" * 201}, "文字太长", "at most 200 characters"),
        (CODE, {"act": "way"}, "没有已开启", "no enabled plugin"),
        (CODE, {"act": "entry", "sharer": "bob"}, "转发者", "told with their role"),
        (f"{AT}codes", {"act": "create", "channel": "poster-01", "title": "x"}, "一个渠道一个活码", "one code per channel"),
        (f"{AT}codes", {"act": "create", "channel": "new", "title": "x", "tags": "a/b"}, "没有这个标签", "no tag a/b"),
        (f"{AT}codes", {"act": "staff", "userid": "x", "address": "javascript:1"}, "个人二维码内容", "begins with http"),
        (f"{AT}codes", {"act": "staff", "userid": "x", "daily_cap": "-1"}, "每日上限为", "from 0 to 10000"),
        (f"{AT}codes", {"act": "create", "channel": "", "title": "x"}, "请填写渠道代码", "needs a code"),
        (f"{AT}codes", {"act": "create", "channel": "x" * 201, "title": "x"}, "文字太长", "characters are allowed"),
        (f"{AT}personas", {"act": "save", "code": "new", "name": "n", "kind": "x"}, "请选择账号类型", "wecom or personal"),
        (f"{AT}personas", {"act": "save", "code": "X X", "name": "n", "kind": "wecom"}, "人设代码为", "small letters"),
    )  # fmt: skip
    for place, form, zh, en in acts:
        more = {"seen": page[chinese]} if place == CODE else {}
        told = [refusal(browser.post(place, **more, **form)) for browser in (chinese, plain)]
        assert zh in told[0] and en in told[1], (form, told)
        assert told[1] not in told[0] and english(told[0]) == [], told[0]
    for typed in ("0", "abc", "-1", "1001.5", "1" * 400):
        answer = chinese.get(f"{AT}codes?peak={typed}")
        assert (answer.status_code, "峰值日人数" in answer.text) == (200, True), typed
    assert "每天 1,001 人，每个账号 100 人，需要 11 个账号。" in chinese.get(f"{AT}codes?peak=1,001").text
    clock.set(datetime(2026, 1, 31, 16, 0, tzinfo=UTC))
    with scene.brand as brand:
        brand.plugins["live-code"].pause_ended()
    assert "活动已结束" in desk("mia", language="zh").get(CODE).text  # the session of a month ago is over
    assert "the activity is over" in desk("mia").get(CODE).text
