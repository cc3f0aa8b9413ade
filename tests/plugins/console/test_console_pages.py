"""The console's pages: who sees which, what they show, of which brand, how many queries they ask; on both databases."""

from __future__ import annotations

import re
from html import unescape

import pytest
from console_scene import EVIL, ROOT, WORD, lead

from scrm_core.api import IdentityIn
from scrm_core.delivery import Delivery
from scrm_core.services import audit

PAGES = ("", "reports", "contacts", "segments", "orders", "rewards", "experiments", "links", "imports", "events", "jobs", "plugins", "keys", "users", "audit")
SHOWN_TO = {
    "mia": set(PAGES),
    "otto": set(PAGES) - {"users", "keys"},
    "cleo": {"contacts", "orders", "rewards"},
    "ana": {"", "reports", "segments", "experiments", "plugins"},
}


def test_each_role_has_its_pages_in_the_menu_and_no_others_behind_them(browser, people):
    for name, pages in SHOWN_TO.items():
        visitor = browser(name)
        for page in PAGES:
            answer = visitor.get(f"b/acme/{page}")
            assert answer.status_code == (200 if page in pages else 403), (name, page)
        linked = set(re.findall(r'<li><a href="/staff/console/b/acme/(\w*)"', visitor.get(f"b/acme/{min(pages)}").text))
        assert linked == pages, name
        assert visitor.get(f"b/acme/contacts/{people['ada'].uid}").status_code == (200 if "contacts" in pages else 403)


def menu(text):
    """Lines of the menu by heading, an opened group marked with +, the page that is shown with *."""
    side = text.partition('<nav class="side"')[2].partition("</nav>")[0]
    return {
        ("+" if "open" in mark else "") + title: [("*" if here else "") + line for here, line in re.findall(r"<a href=[^>]*?( aria-current=\"page\")?>(.*?)</a>", inner)]
        for mark, title, inner in re.findall(r'<details class="group"([^>]*)><summary><h2[^>]*>(.*?)</h2></summary>(.*?)</details>', side, re.S)
    }  # fmt: skip


def test_the_menu_has_groups_and_the_one_of_the_page_is_open(browser, people):
    house = ["Imports", "Events", "Jobs", "Plugins", "API keys", "Users", "Audit log"]
    groups = {
        "Brand": ["Overview", "Reports", "Experiments"], "People": ["Contacts", "Segments", "Orders", "Rewards", "Menu"],
        "Campaigns": ["Cups", "Broken"], "Channels": ["Links"], "Settings": house,
    }  # fmt: skip
    mia = browser("mia")

    def shown(group, line):
        return {("+" if name == group else "") + name: ["*" + each if each == line else each for each in lines] for name, lines in groups.items()}

    for page, group, line in (
        ("", "Brand", "Overview"), (f"contacts/{people['ada'].uid}", "People", "Contacts"), ("settings/tea-room", "Settings", "Plugins"),
        ("x/tea-room/menu", "People", "Menu"), ("x/tea-room/pot", "Campaigns", ""), ("x/tea-room/none", "", ""),
    ):  # fmt: skip
        assert menu(mia.get(f"b/acme/{page}").text) == shown(group, line), page
    assert menu(browser("cleo").get("b/acme/contacts").text) == {"+People": ["*Contacts", "Orders", "Rewards"], "Campaigns": ["Cups"]}
    assert list(menu(browser("mia", "zh").get("b/acme/").text)) == ["+品牌", "客户", "活动", "渠道", "设置"]


def test_the_first_page_is_the_first_that_the_role_may_see(browser):
    assert browser("otto").get("").location == f"{ROOT}b/acme/"
    assert browser("cleo").get("").location == f"{ROOT}b/acme/contacts"
    both = browser("mia").get("").text
    assert f'href="{ROOT}b/acme/"' in both and f'href="{ROOT}b/moonco/"' in both
    assert "no role" in browser("nobody").get("").text


def test_another_brand_is_not_there_in_any_page_and_its_people_are_not_in_ours(browser, people):
    otto = browser("otto")
    for page in (*PAGES, f"contacts/{people['luna'].uid}", "x/tea-room/cups"):
        assert otto.get(f"b/moonco/{page}").status_code == 404, page
    assert otto.get(f"b/acme/contacts/{people['luna'].uid}").status_code == 404
    assert otto.get(f"b/acme/contacts/{'0' * 26}").status_code == 404
    otto.get("b/acme/contacts")
    for words in ("Lunatic", people["luna"].uid, "+12025550143"):
        assert otto.post("b/acme/contacts", q=words).status_code == 200
        assert "Lunatic" not in otto.post("b/acme/contacts", q=words).text.replace('value="Lunatic"', "")
    assert "7,777.00" not in otto.get("b/acme/").text
    assert "7,777.00" in browser("luna").get("b/moonco/").text


def numbers(text):
    funnel = text.partition('id="funnel"')[2].partition("</section>")[0]
    return dict(re.findall(r'<td>([^<]+)</td><td class="number">([\d,]+)</td>', funnel))


def test_the_overview_shows_four_weeks_in_the_brands_days_and_money(browser, people):
    text = browser("otto").get("b/acme/").text
    series = {
        name: re.findall(r'class="big">([^<]+)|28 days before: ([^<]+)<', block)
        for name, block in re.findall(r'data-series="(\w+)">(.*?)<svg', text, re.S)
    }
    assert {name: (found[0][0], found[1][1]) for name, found in series.items()} == {
        "leads": ("2", "1"), "orders": ("3", "1"), "revenue": ("¥80.00", "¥9.00"),
    }  # fmt: skip
    assert "2025-12-30: 2<" in text and "2025-12-31: ¥30.00<" in text, "23:59 in Shanghai is that day's"
    assert numbers(text) == {"Visit": "0", "Added": "2", "Member": "1", "First order": "2", "Repeat": "1"}
    assert "data-people>3<" in text
    assert "50.0%" in text and "100.0%" in text


def test_a_plugin_that_is_off_is_shown_as_off_and_never_as_zero(browser, people):
    for page in ("", "plugins"):
        text = browser("otto").get(f"b/acme/{page}").text
        (row,) = re.findall(r'data-plugin="package-card">(.*?)</(?:li|tr)>', text, re.S)
        assert ">off<" in row
        assert not re.search(r">\s*0\s*<", row)
        (row,) = re.findall(r'data-plugin="tea-room">(.*?)</(?:li|tr)>', text, re.S)
        assert ">active<" in row


def test_parts_of_plugins_are_drawn_escaped_and_one_that_fails_costs_itself_alone(browser, people, caplog):
    text = browser("otto").get("b/acme/").text
    assert "<dt>Poured</dt><dd>1,234</dd>" in text
    assert "The plugin tea-room failed" in text and "nowhere" not in text
    assert "data-people>3<" in text, "the rest is there"
    assert "plugin tea-room failed" in caplog.text
    cups = browser("otto").get("b/acme/x/tea-room/cups")
    assert cups.status_code == 200
    assert "¥12.50" in cups.text and "50.0%" in cups.text and "<script>alert" not in cups.text
    assert "¥1,234.5670" in cups.text
    assert browser("otto").get("b/acme/x/tea-room/cups.csv").text.endswith("mean,1234.5670,\r\n")
    broken = browser("otto").get("b/acme/x/tea-room/broken")
    assert broken.status_code == 500 and "failed" in broken.text and "SELECT" not in broken.text
    assert browser("otto").get("b/acme/x/tea-room/menu").status_code == 500


def test_a_plugins_page_needs_its_own_permission_and_a_brand_that_has_it(browser, house):
    assert browser("cleo").get("b/acme/x/tea-room/cups").status_code == 200
    assert browser("cleo").get("b/acme/x/tea-room/menu").status_code == 403
    assert browser("ana").get("b/acme/x/tea-room/cups").status_code == 403
    assert "Cups" in browser("cleo").get("b/acme/contacts").text and ">Menu</a>" not in browser("ana").get("b/acme/").text
    for page in ("x/tea-room/none", "x/none/cups", "x/console/cups"):
        assert browser("mia").get(f"b/acme/{page}").status_code == 404
    path = house.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[plugins.tea-room]", "[plugins.tea-room]\nenabled = false"), "utf-8")
    assert browser("cleo").get("b/acme/x/tea-room/cups").status_code == 404


def test_contacts_are_searched_by_form_so_that_no_phone_stands_in_an_address(browser, people, house):
    otto = browser("otto")
    listed = otto.get("b/acme/contacts").text
    assert re.findall(r'<th scope="row"><a href="[^"]*/(\w+)">', listed) == [people[each].uid for each in ("cy", "bo", "ada")]
    found = otto.post("b/acme/contacts", q="138 0013 8000")
    assert found.location == f"{ROOT}b/acme/contacts/{people['ada'].uid}"
    assert otto.post("b/acme/contacts", q=people["bo"].uid).location == f"{ROOT}b/acme/contacts/{people['bo'].uid}"
    with house.brand("acme") as brand:
        brand.contacts.add_identity(people["bo"].id, IdentityIn.of("buyer", "13800139999", "shop"), origin="test")
    assert otto.post("b/acme/contacts", q="13800139999").location.endswith(people["bo"].uid), "a buyer's id may look like a phone"
    named = otto.post("b/acme/contacts", q="李")
    assert named.status_code == 200 and people["bo"].uid in named.text and people["ada"].uid not in named.text
    for odd in ("%", "_", "' OR 1=1 --", "nobody at all", "!"):
        assert people["ada"].uid not in otto.post("b/acme/contacts", q=odd).text, odd
    assert "There is nobody with it." in otto.post("b/acme/contacts", q="nobody at all").text
    chinese = browser("otto", "zh")
    chinese.get("b/acme/contacts")
    assert "没有这位客户。" in chinese.post("b/acme/contacts", q="nobody at all").text
    assert otto.post("b/acme/contacts", q="  ").location == f"{ROOT}b/acme/contacts"


def test_an_expression_filters_with_a_count_and_a_wrong_one_is_told_with_what_was_typed(browser, people):
    otto = browser("otto")
    found = otto.get("b/acme/contacts", segment="orders >= 2")
    assert 'data-count="1"' in found.text and people["ada"].uid in found.text and people["bo"].uid not in found.text
    none = otto.get("b/acme/contacts", segment="orders >= 999").text
    assert 'data-count="0"' in none and "Nothing yet" not in none
    wrong = otto.get("b/acme/contacts", segment="ordres >= 2")
    assert "Nothing yet" not in wrong.text
    assert wrong.status_code == 422
    assert 'value="ordres &gt;= 2"' in wrong.text and "orders" in wrong.text and 'aria-invalid="true"' in wrong.text
    cleo = browser("cleo")
    assert 'name="segment"' not in cleo.get("b/acme/contacts").text
    assert cleo.get("b/acme/contacts", segment="orders >= 2").status_code == 403


def test_pages_of_contacts_follow_one_another_without_gap_or_repetition(browser, brands):
    acme, _ = brands
    with acme:
        for nth in range(103):
            acme.contacts.resolve([IdentityIn.of("unionid", f"u{nth}")], at=acme.now(), origin="test", name=f"P{nth}")
    otto, seen, address = browser("otto"), [], f"{ROOT}b/acme/contacts?segment=orders+%3D+0"
    while address:
        text = otto.get(address).text
        seen += re.findall(r'<th scope="row"><a href="[^"]*">(P\d+)<', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"P{nth}" for nth in reversed(range(103))]
    for odd in ("x", "-1", "9" * 30):
        assert otto.get("b/acme/contacts", before=odd).status_code == 422


def test_a_profile_shows_masked_identities_tags_orders_consent_and_the_time_line(browser, people, brands):
    acme, _ = brands
    with acme:
        acme.tags.add(people["ada"].id, acme.tags.define("interest", "tea", plan="ask"), actor="test")
    text = browser("otto").get(f"b/acme/contacts/{people['ada'].uid}").text
    for words in ("Ada", "+86 138****8000", "tea", "N1", "N2", "¥20.50", "¥0.50", "marketing_sms", "agreed", "arrived", "ordered", "¥70.00"):
        assert words in text, words
    assert "13800138000" not in text
    evil = browser("otto").get(f"b/acme/contacts/{people['cy'].uid}").text
    assert "<script>alert" not in evil and "onerror=alert(1)&gt;" in evil and "{{7*7}}" in evil


@pytest.fixture
def poisoned(people, brands):
    acme, _ = brands
    lead(acme, "Poison", "+8613800138003", "2025-12-31T19:00")
    with acme:
        Delivery(acme).drain()
        (parked,) = acme.events.parked()
    return parked


def test_a_parked_event_is_shown_and_handed_out_again_by_a_person_whom_the_audit_log_names(browser, poisoned, brands, house):
    acme, moonco = brands
    otto = browser("otto")
    text = otto.get("b/acme/events").text
    assert "retrying" in text and "138****8000" in text and "13800138000" not in text and "<script>alert" not in text
    assert "lead.captured" in text and "order.paid" in text
    woken = []
    house.nudge = woken.append
    answer = otto.post("b/acme/events/retry", plugin="tea-room", event=[str(poisoned.event_id)])
    assert answer.location == f"{ROOT}b/acme/events?done=1"
    assert woken == ["acme"]
    assert "1 events are tried again now" in otto.get(answer.location).text
    with acme:
        assert acme.events.parked()[0].next_at == acme.now()
        (entry,) = [each for each in audit.page() if each.action == "events.retry"]
    assert (entry.actor, entry.target) == ("user:otto", "plugin:tea-room")
    with moonco:
        assert [each for each in audit.page() if each.action == "events.retry"] == []


def test_who_may_not_retry_sees_no_button_and_is_refused_and_nonsense_changes_nothing(browser, poisoned, brands):
    ana, otto = browser("ana"), browser("otto")
    ana.get("b/acme/")
    assert ana.post("b/acme/events/retry", plugin="tea-room", event="1").status_code == 403
    otto.get("b/acme/events")
    for form in ({"plugin": "tea-room"}, {"plugin": "tea-room", "event": ["1", "x"]}, {"plugin": "tea-room", "event": "9" * 40}):
        assert otto.post("b/acme/events/retry", **form).status_code == 422
    assert otto.post("b/acme/events/retry", plugin="nobody", event=str(poisoned.event_id)).location.endswith("done=0")
    otto.csrf = "0" * 64
    assert otto.post("b/acme/events/retry", plugin="tea-room", event=str(poisoned.event_id)).status_code == 403
    with brands[0]:
        assert [each for each in audit.page() if each.action == "events.retry"] == []


def test_the_event_log_is_paged(browser, brands):
    acme, _ = brands
    for nth in range(52):
        lead(acme, f"P{nth}", f"+86138001380{nth:02}", "2025-12-30T09:00")
    otto = browser("otto")
    first = otto.get("b/acme/events").text
    following = re.search(r'rel="next" href="([^"]+)"', first)[1]
    second = otto.get(following).text
    ids = [int(each) for text in (first, second) for each in re.findall(r'<th scope="row" class="code">(\d+)<', text)]
    assert ids == sorted(set(ids), reverse=True) and len(ids) >= 52
    assert 'rel="next"' not in second and "First page" in second


def test_no_page_asks_more_than_thirty_queries_however_much_there_is(browser, poisoned, people, brands, asked):
    acme, _ = brands
    for nth in range(60):
        lead(acme, f"P{nth}", f"+86138001380{nth:02}", "2025-12-30T09:00", key=f"again{nth}")
    mia = browser("mia")
    for page in (*PAGES, f"contacts/{people['ada'].uid}", "contacts?segment=orders+%3E%3D+1", "x/tea-room/cups"):
        asked.clear()
        assert mia.get(f"{ROOT}b/acme/{page}").status_code == 200
        assert 1 <= len(asked) <= 30, (page, len(asked))


def test_every_page_is_there_in_both_languages_and_the_choice_is_kept(browser, poisoned, people):
    mia = browser("mia", "fr")
    pages = [f"b/acme/{page}" for page in (*PAGES, f"contacts/{people['ada'].uid}", "x/tea-room/cups")]
    for page in pages:
        text = mia.get(page).text
        assert '<html lang="en">' in text
        assert not re.search(r"[\u4e00-\u9fff]", re.sub(r'<a [^>]*lang="zh"[^>]*>中文</a>|Acme 母婴|李博|[^<>]*积分[^<>]*', "", text)) or page.endswith(("plugins", "/")), page
    assert '<html lang="zh-CN">' in mia.get("b/acme/contacts", lang="zh").text
    for page in pages:
        assert '<html lang="zh-CN">' in mia.get(page).text
    assert browser("mia", "zh-CN,zh;q=0.9").get("b/acme/").text.count("概览") >= 2


def test_a_page_is_small_and_loads_nothing_but_its_own_style_and_script(browser, poisoned, people):
    mia = browser("mia")
    for page in PAGES:
        answer = mia.get(f"b/acme/{page}")
        assert re.findall(r'(?:src|href)="((?!/staff/console/|#main|data:,)[^"]*)"', answer.text) == []
        (script,) = re.findall(r'<script src="([^"]+)" defer></script>', answer.text)
        assert not re.search(r"<script (?!src)|\bon\w+=[\"']|\bstyle=", re.sub(r"&lt;.*?&gt;", "", answer.text))
        (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', answer.text)
        css, js = mia.client.get(style), mia.client.get(script)
        assert css.status_code == js.status_code == 200
        assert "url(" not in css.text and "@import" not in css.text and "http" not in js.text and "import" not in js.text
        assert len(answer.data) + len(css.data) + len(js.data) < 100_000
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_refused_sign_in_keeps_the_name_and_says_no_more_than_that(browser):
    visitor = browser()
    told = [visitor.sign_in(name, "wrong wrong wrong") for name in ("otto", "nobody", "mr-x")]
    assert {answer.status_code for answer in told} == {401}
    assert 'value="mr-x"' in told[2].text
    assert len({re.sub(r'value="[^"]*"', "", answer.text) for answer in told}) == 1
    for _ in range(5):
        last = visitor.sign_in("otto", "wrong wrong wrong")
    assert last.status_code == 429 and int(last.headers["Retry-After"]) > 0 and "Too many tries" in last.text
    assert visitor.sign_in(EVIL, EVIL, next=EVIL).text.count("<script>alert") == 0


def test_signing_out_everywhere_ends_the_other_browser_too(browser):
    here, there = browser("otto"), browser("otto")
    here.get("b/acme/contacts")
    assert here.post("sign-out", everywhere="1").location == f"{ROOT}sign-in"
    assert there.get("b/acme/contacts").location.startswith(f"{ROOT}sign-in?next=")


def test_a_refusal_is_a_page_of_the_console_with_a_way_out(browser):
    cleo = browser("cleo")
    refused = cleo.get("b/acme/events")
    assert refused.status_code == 403 and "ask an owner" in refused.text and f'class="button quiet" href="{ROOT}b/acme/contacts"' in refused.text
    missing = cleo.get("b/nosuch/contacts")
    assert missing.status_code == 404 and f'href="{ROOT}"' in missing.text
    assert cleo.get("no/such/page").status_code == cleo.get("b/acme").status_code == 404
    cleo.get("b/acme/contacts")
    wrong = cleo.post("b/acme/users")
    assert wrong.status_code == 405 and "cannot be understood" in wrong.text
    cleo.csrf += "x" * 1_100_000
    assert cleo.post("b/acme/contacts").status_code == 413


def test_a_file_of_the_console_that_is_not_there_is_a_page_that_is_not_there(browser, caplog):
    for visitor in (browser(), browser("mia")):
        assert visitor.get("static/console.css").headers["Cache-Control"] != "no-store"
        for name in ("nope.css", "../__init__.py", ""):
            missing = visitor.get(f"static/{name}")
            assert (missing.status_code, missing.mimetype) == (404, "text/html") and "Traceback" not in missing.text, name
            assert missing.headers["Cache-Control"] == "no-store"
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def test_without_the_console_nothing_of_it_is_there(new_installation):
    from scrm_core.web import create_app

    client = create_app(new_installation()).test_client()
    assert client.get(ROOT).status_code == 404
    assert client.get(f"{ROOT}sign-in").status_code == 404


def test_a_form_whose_session_was_over_is_sent_after_signing_in_with_all_that_was_typed(browser, brands, clock):
    otto = browser("otto")
    otto.get("b/acme/segments")
    clock.advance(hours=13)
    over = otto.post("b/acme/segments/save", name="好客户", expression='tag = "<b>" or orders >= 2', password="not this")
    assert over.status_code == 401
    assert "what you typed is not lost" in over.text and "not this" not in over.text
    kept = re.search(r'name="kept" value="([^"]*)"', over.text)[1]
    wrong = otto.post("sign-in", name="otto", password="wrong wrong wrong", kept=unescape(kept))
    assert wrong.status_code == 401 and kept in wrong.text
    back = otto.post("sign-in", name="otto", password=WORD, kept=unescape(kept))
    assert back.status_code == 200 and 'action="/staff/console/b/acme/segments/save"' in back.text
    assert "<b>" not in back.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', back.text))
    assert otto.post("b/acme/segments/save", **{name: unescape(value) for name, value in fields.items()}).status_code == 303
    with brands[0] as acme:
        (saved,) = acme.segments.list()
    assert (saved.name, saved.expression) == ("好客户", 'tag = "<b>" or orders >= 2')


def test_a_form_of_an_earlier_session_of_the_same_browser_is_asked_about_and_not_lost(browser, brands):
    otto = browser("otto")
    otto.get("b/acme/segments")
    old = otto.csrf
    otto.sign_in("otto")
    otto.csrf = old
    asked = otto.client.post(
        f"{ROOT}b/acme/segments/save",
        data={"csrf": old, "name": "x", "expression": "orders >= 2"},
        headers={"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"},
    )
    assert asked.status_code == 403 and "Send what you typed" in asked.text and "orders &gt;= 2" in asked.text
    with brands[0] as acme:
        assert acme.segments.list() == []


def test_a_form_of_another_site_is_kept_nowhere(browser, clock):
    otto = browser("otto")
    otto.get("b/acme/segments")
    clock.advance(hours=13)
    for headers, csrf in (({"Sec-Fetch-Site": "cross-site"}, otto.csrf), ({}, "0" * 64)):
        sent = {"csrf": csrf, "name": "x", "kept": '["/staff/console/b/acme/segments/save", ["name", "x"]]'}
        answer = otto.client.post(f"{ROOT}b/acme/segments/save", data=sent, headers=headers)
        assert answer.status_code == 303 and answer.location.startswith(f"{ROOT}sign-in"), headers
    strange = browser()
    strange.get("sign-in")
    strange.csrf = "0" * 64
    refused = strange.post("sign-in", name="otto", password=WORD, kept='["/staff/console/b/acme/segments/save", ["name", "x"]]')
    assert refused.status_code == 403 and "Send it now" not in refused.text
