"""Channels and short links: unique codes, targets that lead only where they say, visits and whom they belong to."""

from __future__ import annotations

import re

import pytest

from scrm_core import eventlog
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Gone, Invalid, NotFound
from scrm_core.services import links as links_module
from scrm_core.services.contacts import IdentityIn

NOON = 1_767_268_800_000
DAY = 86_400_000
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"
TARGET = "https://shop.example/sale?from=card"

UNSAFE = [
    "javascript:alert(1)",
    "JavaScript://shop.example/%0aalert(1)",
    "data:text/html,x",
    "ftp://shop.example/",
    "weixin://dl/business",
    "//evil.example/",
    "/l/other",
    "evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://",
    "https://?x",
    "https://shop.example\\@evil.example/",
    "https:\\\\evil.example",
    "https://shop.example/a\\b",
    "https://shop.example@evil.example/",
    "https://user:pass@shop.example/",
    "https://@shop.example/",
    "https://shop.example/%0d%0aSet-Cookie:%20a=b",
    "https://shop.example/?a=%0A",
    "https://shop.example/#%00",
    "https://shop.example/%7f",
    "https://shop.example/\r\nX: y",
    "https://shop.example/\ta",
    "java\nscript:alert(1)",
    "https://shop.example/\x00",
    "https://shop.example/\x85a",
    "https://shop.example/a b",
    "https://shop.example/a\u2028b",
    "https://shop.example:99999/",
    "https://-shop.example/",
]


def person(brand, name):
    return brand.contacts.resolve([IdentityIn.of("unionid", name)], at=NOON, origin="test").contact_id


def new_link(brand, target=TARGET, *, channel="card", **more):
    brand.channels.ensure(channel)
    return brand.links.create(channel, target, **more)


def visit(brand, link, *, at=NOON, visitor="v1", agent=PHONE):
    return brand.links.visit(link.code, at=at, visitor=visitor, agent=agent)


def visited():
    return [event for event in reversed(eventlog.tail(1_000)) if event.type == "link.visited"]


def visits(columns="visitor"):
    return [tuple(row) for row in execute(f"SELECT {columns} FROM visit ORDER BY id").fetchall()]


# Channels ------------------------------------------------------------------------


def test_a_channel_is_kept_as_given(brand, clock):
    with brand:
        tag = brand.tags.define("origin", "card", plan="p")
        made = brand.channels.create(" card ", "包裹卡", "offline", tags=[tag, ("origin", "card")])
        assert (made.code, made.name, made.kind, made.tags) == ("card", "包裹卡", "offline", (tag,))
        assert made.created_at == clock.now()
        assert brand.channels.get("card") == made


def test_a_taken_code_is_refused_and_the_first_channel_stays(brand, other):
    with brand:
        first = brand.channels.create("card", "first")
        with pytest.raises(Conflict) as refused:
            brand.channels.create("card", "second")
        assert (refused.value.status, refused.value.code) == (409, "channel_exists")
        assert brand.channels.ensure("card", "third") == first
        assert brand.channels.page() == [first]
    with other:
        with pytest.raises(NotFound):
            other.channels.get("card")
        assert other.channels.create("card", "theirs").name == "theirs"


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("code", ["", "  ", "a\x00b", "x" * 201, None])
def test_a_channel_has_a_code_that_is_text(brand, code):
    with brand:
        with pytest.raises(Invalid):
            brand.channels.create(code)
        assert brand.channels.page() == []


def test_a_channel_of_an_unknown_tag_is_not_made(brand):
    with brand:
        for tag in (4_711, ("no", "such")):
            with pytest.raises(NotFound):
                brand.channels.create("card", tags=[tag])
        assert brand.channels.page() == []


def test_pages_of_channels_follow_one_another(brand):
    with brand:
        made = [brand.channels.create(f"c{n}") for n in range(5)]
        first = brand.channels.page(limit=2)
        rest = brand.channels.page(after=first[-1].id, limit=200)
        assert first + rest == made
        for limit in (0, 201):
            with pytest.raises(Invalid):
                brand.channels.page(limit=limit)


CREATE = """
from scrm_core.errors import Conflict

def run(brand, worker):
    try:
        return ["made", brand.channels.create("card", f"by {worker}").name]
    except Conflict as refused:
        return ["refused", refused.code]
"""


def test_of_processes_that_create_one_code_at_once_one_succeeds(installation, brand, other, together):
    answers = together(installation, CREATE, 4)
    made = [name for outcome, name in answers if outcome == "made"]
    assert len(made) == 1
    assert answers.count(["refused", "channel_exists"]) == 3
    with brand:
        assert [channel.name for channel in brand.channels.page()] == made
    with other:
        assert other.channels.page() == []


ENSURE = """
def run(brand, worker):
    return brand.channels.ensure("card", f"by {worker}").id
"""


def test_processes_that_ensure_one_code_at_once_get_the_same_channel(installation, brand, together):
    answers = together(installation, ENSURE, 4)
    with brand:
        assert [channel.id for channel in brand.channels.page()] == list(set(answers))


# Codes ---------------------------------------------------------------------------


def test_codes_are_twelve_random_base32_characters(brand):
    with brand:
        brand.channels.create("card")
        codes = [brand.links.create("card", TARGET).code for _ in range(150)]
    assert all(re.fullmatch("[a-z2-7]{12}", code) for code in codes)
    assert len(set(codes)) == 150
    # Each place takes on most of its 32 values: no part of a code is a counter, a clock or a constant.
    assert all(len({code[place] for code in codes}) > 24 for place in range(12))


def test_a_code_that_is_taken_is_drawn_again(brand, monkeypatch):
    with brand:
        taken = new_link(brand)
        drawn = iter([taken.code, taken.code, "freshfreshfr"])
        monkeypatch.setattr(links_module, "new_code", lambda: next(drawn))
        assert new_link(brand, "https://shop.example/other").code == "freshfreshfr"
        assert brand.links.get(taken.code) == taken


def test_a_link_is_known_to_its_brand_alone(brand, other):
    with brand:
        link = new_link(brand, variant="a", owner="cards", campaign="spring", expires_at=NOON)
        assert link.path == f"/l/{link.code}"
        assert brand.links.get(link.code) == link
        assert (link.channel, link.variant, link.owner, link.campaign) == ("card", "a", "cards", "spring")
    with other:
        for ask in (other.links.get, other.links.disable):
            with pytest.raises(NotFound):
                ask(link.code)
        with pytest.raises(NotFound):
            visit(other, link)
        assert visits() == [] and visited() == []
        assert other.links.page() == []
    with brand:
        assert brand.links.get(link.code).disabled_at is None


def test_a_link_needs_a_channel_and_a_possible_end(brand):
    with brand:
        with pytest.raises(NotFound):
            brand.links.create("nosuch", TARGET)
        brand.channels.create("card")
        for end in (0, -1, "2026", True, 1.5, 2**53 + 1):
            with pytest.raises(Invalid) as refused:
                brand.links.create("card", TARGET, expires_at=end)
            assert refused.value.field == "expires_at"
        assert brand.links.page() == []


def test_links_are_listed_by_channel(brand):
    with brand:
        cards = [new_link(brand) for _ in range(2)]
        live = new_link(brand, channel="live")
        assert brand.links.page(channel="card") == cards
        assert brand.links.page() == [*cards, live]
        assert brand.links.page(after=cards[0].id, limit=1) == cards[1:]


# Targets -------------------------------------------------------------------------


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "target", [*UNSAFE, "", None, 7, b"https://shop.example/", "https://shop.example/" + "x" * 2_000]
)
def test_an_unsafe_target_is_not_stored(brand, target):
    with brand:
        brand.channels.create("card")
        with pytest.raises(Invalid) as refused:
            brand.links.create("card", target)
        assert refused.value.field == "target"
        assert brand.links.page() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("target", [t for t in UNSAFE if "\x00" not in t and t not in (
    # A number too large for a port and a host that cannot be looked up lead nowhere, but harm nobody.
    "https://shop.example:99999/", "https://-shop.example/")])  # fmt: skip
def test_an_unsafe_target_that_got_into_the_database_is_not_followed(brand, target):
    with brand:
        link = new_link(brand)
        execute("UPDATE link SET target = ? WHERE code = ?", (target, link.code))
        with pytest.raises(Gone) as refused:
            visit(brand, link)
        assert refused.value.status == 410
        assert visits() == [] and visited() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (TARGET, TARGET),
        ("http://shop.example", "http://shop.example"),
        ("  https://shop.example/  ", "https://shop.example/"),
        ("HTTPS://SHOP.example:8443/A", "https://shop.example:8443/A"),
        ("https://shop.example?a=1#b", "https://shop.example?a=1#b"),
        ("https://shop.example/@user?mail=a@b.example", "https://shop.example/@user?mail=a@b.example"),
        (
            "https://shop.example/a%20b?u=https%3A%2F%2Fx.example",
            "https://shop.example/a%20b?u=https%3A%2F%2Fx.example",
        ),
        ("https://shop.example/奶粉", "https://shop.example/%E5%A5%B6%E7%B2%89"),
        ("https://例子.example/", "https://xn--fsqu00a.example/"),
        ("https://127.0.0.1:8080/x", "https://127.0.0.1:8080/x"),
        ("https://[::1]:8080/x", "https://[::1]:8080/x"),
    ],
)
def test_a_safe_target_is_where_people_are_sent(brand, given, stored):
    with brand:
        link = new_link(brand, given)
        assert link.target == stored
        assert visit(brand, link).target == stored


# Visits --------------------------------------------------------------------------


def test_a_persons_visit_is_recorded_and_told_once(brand, other, clock):
    with brand:
        link = new_link(brand, variant="a", owner="cards", campaign="spring")
        seen = visit(brand, link, at=NOON - 5)
        assert (seen.target, seen.bot) == (TARGET, False)
        assert visits("id, link_id, at, visitor, bot, contact_id") == [
            (seen.visit_id, link.id, NOON - 5, "v1", 0, None)
        ]
        (event,) = visited()
        assert (event.at, event.recorded_at, event.contact_id) == (NOON - 5, clock.now(), None)
        fact = event.fact
        assert (fact.visit_id, fact.link_id, fact.code, fact.channel) == (seen.visit_id, link.id, link.code, "card")
        assert (fact.variant, fact.owner, fact.campaign, fact.visitor) == ("a", "cards", "spring", "v1")
    with other:
        assert visits() == [] and visited() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "agent",
    [
        "",
        "  ",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        "facebookexternalhit/1.1",
        "WhatsApp/2.23",
        "curl/8.0",
        "python-requests/2.31",
        "Mozilla/5.0 HeadlessChrome/120.0",
    ],
)
def test_a_programs_visit_is_flagged_and_not_told(brand, agent):
    with brand:
        seen = visit(brand, new_link(brand), agent=agent)
        assert (seen.target, seen.bot) == (TARGET, True)
        assert visits("id, bot") == [(seen.visit_id, 1)]
        assert visited() == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "agent",
    [
        PHONE,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0",
    ],
)
def test_a_person_is_not_taken_for_a_program(brand, agent):
    with brand:
        assert visit(brand, new_link(brand), agent=agent).bot is False


def test_an_expired_link_is_gone_from_its_instant_on(brand):
    with brand:
        link = new_link(brand, expires_at=NOON)
        visit(brand, link, at=NOON - 1)
        for at in (NOON, NOON + DAY):
            with pytest.raises(Gone) as refused:
                visit(brand, link, at=at)
            assert refused.value.status == 410
        assert len(visits()) == len(visited()) == 1


def test_a_disabled_link_is_gone_for_good(brand, clock):
    with brand:
        link, untouched = new_link(brand), new_link(brand)
        off_at = clock.now()
        assert brand.links.disable(link.code).disabled_at == off_at
        clock.advance(days=1)
        assert brand.links.disable(link.code).disabled_at == off_at
        with pytest.raises(Gone):
            visit(brand, link)
        assert visits() == [] and visited() == []
        visit(brand, untouched)


def test_an_unknown_code_is_not_found_and_leaves_nothing(brand):
    with brand:
        for code in ("aaaaaaaaaaaa", "", "' OR 1=1 --", "ä" * 500):
            with pytest.raises(NotFound) as refused:
                brand.links.visit(code, at=NOON, visitor="v1", agent=PHONE)
            assert refused.value.status == 404
        assert visits() == []


VISIT = """
def run(brand, worker):
    code = brand.links.page()[0].code
    return [
        brand.links.visit(code, at=n, visitor=f"v{worker}", agent="Mozilla/5.0 (iPhone)").visit_id for n in range(5)
    ]
"""


def test_visits_of_many_at_once_are_each_told_once(installation, brand, together):
    with brand:
        new_link(brand)
    answers = [visit_id for made in together(installation, VISIT, 4) for visit_id in made]
    with brand:
        assert sorted(answers) == [row[0] for row in visits("id")]
        assert sorted(event.fact.visit_id for event in visited()) == sorted(answers)
        assert len(set(answers)) == 20


# Attribution ---------------------------------------------------------------------


@pytest.fixture
def weekly(new_installation):
    """Brand acme with an attribution window of seven days."""
    return new_installation(acme="\n[attribution]\nwindow_days = 7\n").brand("acme")


def test_a_contact_is_put_down_to_the_latest_visit_by_event_time(weekly, clock):
    with weekly:
        who = person(weekly, "u-1")
        card, live = new_link(weekly), new_link(weekly, channel="live")
        latest = visit(weekly, live, at=NOON - DAY)
        visit(weekly, card, at=NOON - 2 * DAY)  # told later, happened earlier
        clock.advance(days=400)
        found = weekly.links.attribute("v1", who, NOON)
        assert (found.visit_id, found.link_id, found.link) == (latest.visit_id, live.id, live.code)
        assert (found.channel, found.at) == ("live", NOON - DAY)
        assert found.channel_id == weekly.channels.get("live").id
        assert visits("contact_id") == [(who,), (who,)]


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (NOON, True),
        (NOON + 1, False),
        (NOON - 7 * DAY, True),
        (NOON - 7 * DAY - 1, False),
    ],
)
def test_only_visits_inside_the_window_count(weekly, at, counts):
    with weekly:
        who = person(weekly, "u-1")
        seen = visit(weekly, new_link(weekly), at=at)
        found = weekly.links.attribute("v1", who, NOON)
        assert (found is not None and found.visit_id == seen.visit_id) is counts
        assert visits("contact_id") == [(who if counts else None,)]


def test_visits_of_programs_strangers_and_nobody_do_not_count(brand):
    with brand:
        who = person(brand, "u-1")
        link = new_link(brand)
        visit(brand, link, agent="curl/8.0")
        visit(brand, link, visitor="v2")
        visit(brand, link, visitor="")
        assert brand.links.attribute("v1", who, NOON) is None
        assert brand.links.attribute("", who, NOON) is None
        assert visits("contact_id") == [(None,)] * 3


def test_a_visit_that_belongs_to_somebody_keeps_its_owner(brand):
    with brand:
        first, second = person(brand, "u-1"), person(brand, "u-2")
        visit(brand, new_link(brand), at=NOON)
        assert brand.links.attribute("v1", first, NOON + 1) == brand.links.attribute("v1", first, NOON + 2)
        assert brand.links.attribute("v1", second, NOON + 3) is not None
        assert visits("contact_id") == [(first,)]


def test_an_unknown_contact_is_put_down_to_nothing(brand):
    with brand:
        visit(brand, new_link(brand))
        with pytest.raises(NotFound):
            brand.links.attribute("v1", 4_711, NOON)
        assert visits("contact_id") == [(None,)]


# States --------------------------------------------------------------------------


def test_a_state_leads_to_a_link_before_a_channel(brand, other):
    with brand:
        link = new_link(brand)
        card = brand.channels.get("card")
        assert brand.channels.resolve_state(link.code) == (card.id, link.id, "card", link.code)
        assert brand.channels.resolve_state("card") == (card.id, None, "card", "")
        brand.channels.create(link.code)
        assert brand.channels.resolve_state(link.code).channel_code == "card"
    with other:
        for state in (link.code, "card"):
            assert other.channels.resolve_state(state) == (None, None, "", "")


def test_a_link_that_has_ended_still_says_where_a_person_came_from(brand):
    with brand:
        link = new_link(brand, expires_at=1)
        brand.links.disable(link.code)
        assert brand.channels.resolve_state(link.code).link_id == link.id


@pytest.mark.parametrize("state", ["", "nosuch", "CARD", "x" * 201, "x" * 100_000])
def test_a_state_that_nobody_knows_leads_nowhere(brand, state):
    with brand:
        brand.channels.create("card")
        assert brand.channels.resolve_state(state) == (None, None, "", "")
