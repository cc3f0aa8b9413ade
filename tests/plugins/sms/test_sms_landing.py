"""The landing page: what it shows and to whom, where its button leads, and what keeps a plan from using it."""

from __future__ import annotations

import re

import pytest
from results_scene import Bench, Sms, Stage, configured

from scrm_core.clock import MS_PER_DAY
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.web import create_app
from scrm_sms.results import landing

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0.44"
EVIL = "{{7*7}} <script>alert(1)</script> \" onload=x"


@pytest.fixture
def installation(new_installation):
    return new_installation(plugins=(Sms, Bench), acme=configured(), moonco=configured())


@pytest.fixture
def stage(installation):
    with installation.brand("acme") as brand:
        stage = Stage(brand)
        stage.plans.create("MAY", actor="ann")
        yield stage


@pytest.fixture
def browser(installation):
    client = create_app(installation).test_client()

    def get(path, **headers):
        return client.get(path, headers={"User-Agent": IPHONE, "Accept": "text/html", **headers})

    return get


def write(stage, **changes):
    now = stage.brand.now()
    values = {
        "title": "五月新客礼",
        "activity": "新客满减券",
        "starts_at": now,
        "ends_at": now + 7 * MS_PER_DAY,
        "text": "前 1000 名添加顾问",
        "welcome": "欢迎来到 Acme",
        "button": "添加顾问",
        "target": "https://work.weixin.qq.com/ca/abc?customer_channel={state}",
    } | changes
    return landing.set_landing(stage.brand, "MAY", actor="ann", **values)


def path_of(page):
    return f"/p/acme/sms/land/{page.token}"


def test_the_page_says_what_the_brand_wrote_and_needs_nothing_from_elsewhere(stage, browser):
    page = write(stage)
    answer = browser(path_of(page))
    assert answer.status_code == 200
    for words in ("五月新客礼", "新客满减券", "前 1000 名添加顾问", "欢迎来到 Acme", "添加顾问", "Acme 母婴", "还剩 7 天"):
        assert words in answer.text
    assert "<script" not in answer.text and "style=" not in answer.text
    loaded = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
    assert [each for each in loaded if not each.startswith(("/p/acme/sms/", "data:"))] == []
    assert 'name="viewport"' in answer.text
    style = browser("/p/acme/sms/land.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
    assert "url(" not in style.text and "@import" not in style.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_texts_are_shown_as_texts(stage, browser):
    page = write(stage, title=EVIL[:60], activity=EVIL[:60], text=EVIL, welcome=EVIL, button="{{7*7}}<b>")
    shown = browser(f'{path_of(page)}?s="><script>alert(2)</script>').text
    assert "<script" not in shown and "{{7*7}}<b>" not in shown
    assert shown.count("{{7*7}}") == 6
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_before_and_after_its_activity_it_says_so_politely_and_leads_nowhere(stage, browser):
    now = stage.brand.now()
    page = write(stage, starts_at=now + MS_PER_DAY, ends_at=now + 2 * MS_PER_DAY)
    early = browser(path_of(page))
    assert early.status_code == 200 and "活动还没有开始" in early.text and "class=\"button\"" not in early.text
    stage.brand.clock.advance(days=1)
    assert 'class="button"' in browser(path_of(page)).text and "今天截止" not in browser(path_of(page)).text
    stage.brand.clock.advance(days=1)
    late = browser(path_of(page))
    assert late.status_code == 410 and "活动已经结束" in late.text
    pressed = browser(path_of(page) + "/go")
    assert pressed.status_code == 410 and "Location" not in pressed.headers
    assert landing.get("MAY").direct == 0


@pytest.mark.parametrize("token", ["MAY", "1", "a" * 16, "a" * 5_000, "%00", "..", "'%20or%201=1"])
def test_an_unknown_page_is_not_there(stage, browser, token):
    write(stage)
    for path in (f"/p/acme/sms/land/{token}", f"/p/acme/sms/land/{token}/go"):
        assert browser(path).status_code == 404


def test_another_brands_page_is_not_there(stage, browser):
    page = write(stage)
    assert browser(f"/p/moonco/sms/land/{page.token}").status_code == 404


def test_the_way_from_the_short_link_to_the_target_carries_the_links_code(stage, browser):
    write(stage)
    stage.brand.channels.ensure("sms-may")
    made = stage.brand.links.create_many(
        "sms-may", landing.url_of(stage.brand, "MAY"), 2, owner="sms", campaign="MAY"
    )
    for link in made:
        first = browser(link.path)
        base = stage.brand.installation.config.base_url
        assert first.headers["Location"] == f"{landing.public_url(stage.brand, landing.get('MAY'))}?s={link.code}"
        shown = browser(first.headers["Location"].removeprefix(base))
        (button,) = re.findall(r'class="button"[^>]* href="([^"]+)"', shown.text)
        pressed = browser(button)
        assert pressed.status_code == 302
        assert pressed.headers["Location"] == f"https://work.weixin.qq.com/ca/abc?customer_channel={link.code}"
        browser(button)
    rows = execute("SELECT link_id, count(*) FROM sms_press GROUP BY link_id ORDER BY link_id").fetchall()
    assert rows == [(link.id, 1) for link in made]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "code", ["", "nonsense", "https://evil.example", "//evil.example", "a&next=https://evil.example", "%0d%0aX: y"]
)
def test_no_visitor_chooses_where_the_button_leads(stage, browser, code):
    page = write(stage)
    answer = browser(f"{path_of(page)}/go?s={code}&next=https://evil.example&url=//evil.example")
    assert answer.headers["Location"] == "https://work.weixin.qq.com/ca/abc?customer_channel="
    assert (execute("SELECT count(*) FROM sms_press").fetchone(), landing.get("MAY").direct) == ((0,), 1)


def test_a_link_of_another_plan_counts_for_nobody(stage, browser):
    page = write(stage)
    stage.brand.channels.ensure("sms-may")
    other = stage.brand.links.create("sms-may", "https://example.com/", owner="sms", campaign="JUNE")
    assert browser(f"{path_of(page)}/go?s={other.code}").headers["Location"].endswith("customer_channel=")
    assert execute("SELECT count(*) FROM sms_press").fetchone() == (0,)


def test_looking_ahead_is_no_press(stage, browser, installation):
    page = write(stage)
    client = create_app(installation).test_client()
    assert client.head(f"{path_of(page)}/go").status_code == 302
    assert browser(f"{path_of(page)}/go", **{"Sec-Purpose": "prefetch"}).status_code == 302
    assert landing.get("MAY").direct == 0


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "weixin://dl/business/?t=x",
        "//evil.example/",
        "https://{state}.evil.example/",
        "https://a@evil.example/{state}",
        "https://example.com/%0d%0aSet-Cookie",
        "https://example.com\\@evil.example",
        "data:text/html,x",
        "",
    ],
)
def test_a_target_that_is_no_plain_address_is_refused(stage, target):
    with pytest.raises(Invalid) as refused:
        write(stage, target=target)
    assert refused.value.field == "target"
    assert landing.get("MAY") is None


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 61}, "title"),
        ({"welcome": "x" * 501}, "welcome"),
        ({"button": "x\u0000"}, "button"),
        ({"text": "\ud800"}, "text"),
        ({"ends_at": 5, "starts_at": 5}, "ends_at"),
    ],
)
def test_bad_texts_and_times_are_refused(stage, changes, field):
    with pytest.raises(Invalid) as refused:
        write(stage, **changes)
    assert refused.value.field == field


def test_what_is_missing_is_named(stage):
    brand = stage.brand
    assert landing.activity_until(brand, "MAY") is None
    assert landing.problems(brand, "MAY", brand.now()) == [
        "there is no landing page: write one with `scrm sms landing set`"
    ]
    with pytest.raises(Conflict, match="has no landing page"):
        landing.url_of(brand, "MAY")
    page = write(stage, activity="", welcome="")
    assert landing.problems(brand, "MAY", brand.now()) == [
        "the landing page has no welcome text (欢迎语)",
        "the landing page has no activity (活动)",
    ]
    write(stage, starts_at=page.starts_at, ends_at=page.ends_at)
    assert landing.problems(brand, "MAY", brand.now()) == []
    assert landing.problems(brand, "MAY", page.starts_at - 1) == [
        "the activity begins only at 2026-01-01T08:00:00+08:00"
    ]
    assert landing.problems(brand, "MAY", page.ends_at) == ["the activity has ended at 2026-01-08T08:00:00+08:00"]
    assert landing.activity_until(brand, "MAY") == page.ends_at
    with pytest.raises(NotFound):
        landing.problems(brand, "NONE", brand.now())


def test_writing_again_keeps_the_address_and_only_changes_are_history(stage):
    page = write(stage)
    assert write(stage).token == page.token
    assert write(stage, title="另一个").token == page.token
    assert stage.history() == ["create", "landing", "landing"]
    assert re.fullmatch("[a-z2-7]{16}", page.token)


def test_an_approved_page_changes_only_after_going_back_and_its_end_alone_can_move(stage):
    stage.people(2)
    stage.upto("approval")
    with pytest.raises(Conflict, match="go back to path first"):
        write(stage)
    end = stage.brand.now() + 60 * MS_PER_DAY
    assert landing.move_end(stage.brand, "MAY", end, actor="bob").ends_at == end
    assert (stage.history()[-1], stage.last()["ends_at"]) == ("landing end", end)
    with pytest.raises(Invalid):
        landing.move_end(stage.brand, "MAY", 1, actor="bob")
    stage.plans.back("MAY", "path", actor="ann")
    assert write(stage, title="改过").title == "改过"
    stage.plans.control.cancel("MAY", actor="ann")
    with pytest.raises(Conflict, match="canceled"):
        write(stage, title="太晚")


def test_a_visitor_without_a_link_of_their_own_comes_back_with_the_plans_link(stage, browser):
    stage.people(1)
    stage.upto("copy")
    page = landing.get("MAY")
    path = stage.plans.get("MAY").steps["path"].content
    assert browser(f"{path_of(page)}/go").headers["Location"].endswith(f"s={path.link}")


def test_the_page_speaks_the_brands_language(installation, browser):
    with installation.brand("moonco") as brand:
        stage = Stage(brand)
        stage.plans.create("MAY", actor="ann")
        page = write(stage, title="May gift", button="")
    shown = browser(f"/p/moonco/sms/land/{page.token}").text
    assert 'lang="en"' in shown and "days left" in shown and "Add us" in shown


def test_whoever_opens_a_recipients_link_learns_nothing_of_the_recipient_and_is_not_logged_in(stage, browser):
    person = stage.person(stage.phone(0), name="王小雅")
    stage.upto("running", at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    (message,) = stage.gateway.of("marketing")
    assert (message.address, "王小雅" in message.body) == (stage.phone(0), True)
    shown = browser(f"{path_of(landing.get('MAY'))}?s={stage.link_of(stage.phone(0))}")
    uid = execute("SELECT uid FROM contact WHERE id = ?", (person,)).fetchone()[0]
    for secret in (stage.phone(0), stage.phone(0)[3:], "王小雅", uid, message.uid):
        assert secret not in shown.text
    assert "Set-Cookie" not in shown.headers


def test_a_plan_pauses_when_the_activity_of_its_page_ends(stage):
    stage.people(3)
    stage.upto("running", at="2026-01-01T10:00")
    landing.move_end(stage.brand, "MAY", stage.brand.now() + 3_600_000, actor="ann")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    stage.control()
    assert stage.gateway.of("marketing") == []
    assert stage.run_state() == "paused"
    landing.move_end(stage.brand, "MAY", stage.brand.now() + 3_600_000, actor="ann")
    stage.plans.control.resume("MAY", actor="ann")
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 3
