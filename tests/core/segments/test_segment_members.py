"""Who belongs to a segment: every field against people with known facts, on both databases."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core.clock import ManualClock, local_instant
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound
from scrm_core.facts import LeadCaptured
from scrm_core.hooks import hookimpl
from scrm_core.limits import LIMITS
from scrm_core.models import (
    Channel,
    ChatGroup,
    Contact,
    ContactTag,
    GroupMember,
    Identity,
    Membership,
    Order,
    OrderLine,
    Product,
    ProductAttribute,
    Tag,
    TagGroup,
    TagRetirement,
    Touch,
)
from scrm_core.plugin import Plugin, SegmentField
from scrm_core.segmentlang import SegmentError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> int:
    return local_instant(datetime.fromisoformat(text), SHANGHAI)


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@pytest.fixture
def clock() -> ManualClock:
    """Half past midnight of 2026-01-01 in Shanghai: still the old year in UTC."""
    return ManualClock(at("2026-01-01 00:30"))


class Scene:
    """Writes people and their facts; ``named`` turns ids back into names."""

    def __init__(self) -> None:
        self.numbers = iter(range(1, 10_000))
        self.ids: dict[str, int] = {}

    def person(self, name: str, **facts) -> int:
        facts = {"state": "active", "created_at": 1, "updated_at": 1, **facts}
        self.ids[name] = Contact.create(uid=f"u-{name}", name=name, **facts).id
        return self.ids[name]

    def named(self, ids) -> set[str]:
        names = {number: name for name, number in self.ids.items()}
        return {names[each] for each in ids}

    def tag(self, group: str, name: str, *people: str, retired: bool = False) -> None:
        found, _ = TagGroup.get_or_create(name=group, defaults={"created_at": 1})
        retirement = TagRetirement.create(at=1) if retired else None
        made = Tag.create(group=found, name=name, plan="p", created_at=1, retirement=retirement)
        for person in people:
            ContactTag.create(contact=self.ids[person], tag=made.id, origin="manual", at=1)

    def identity(self, person: str, kind: str, value: str) -> None:
        Identity.create(contact=self.ids[person], kind=kind, value=value, created_at=1)

    def product(self, sku: str, category: str, **attributes: str) -> None:
        made = Product.create(sku=sku, category=category, updated_at=1)
        for name, value in attributes.items():
            ProductAttribute.create(product=made, name=name, value=value)

    def order(self, person, platform, paid, *skus, refund=0, valid=1, gifts=()) -> None:
        number = next(self.numbers)
        made = Order.create(
            uid=f"o{number}", source=platform, number=str(number), platform=platform, contact=self.ids[person],
            status="completed", paid_minor=paid, refund_minor=refund, valid=valid, digest="", created_at=1,
            updated_at=1, paid_at=1, day=1,
        )  # fmt: skip
        for position, sku in enumerate((*skus, *gifts)):
            OrderLine.create(order=made, position=position, sku=sku, qty=1, paid_minor=0, gift=int(sku in gifts))

    def channel(self, code: str) -> int:
        return Channel.create(code=code, created_at=1).id

    def touch(self, person: str, channel: int | None) -> None:
        Touch.create(contact=self.ids[person], kind="ad", channel_id=channel, at=1, key=f"k{next(self.numbers)}")


def build() -> Scene:
    s = Scene()
    card, live = s.channel("card-a"), s.channel("live")
    s.product("SH40", "baby/shoes", size="40", colour="red")
    s.product("SH41", "baby/shoes/boots", size="41")
    s.product("PCT", "baby/shoes%", size="4_")
    s.product("TEA", "tea", grade="40")
    s.person(
        "ann", lead_at=at("2025-12-02 23:59:59"), lead_channel_id=card, orders=1, occasions=1, money=19_900,
        first_day=day("2025-12-02"), last_day=day("2025-12-02"),
    )  # fmt: skip
    s.person(
        "bob", lead_at=at("2025-12-03"), orders=3, occasions=2, money=25_001,
        first_day=day("2025-12-21"), last_day=day("2025-12-31"), cycle_days=10,
    )  # fmt: skip
    s.person("cai", lead_at=at("2026-01-01"))
    s.person("dan")
    s.person("eve", state="merged", merged_into=s.ids["ann"])
    s.person("fay", orders=1, occasions=1, money=100, first_day=day("2026-01-01"), last_day=day("2026-01-01"))
    s.tag("value", "vip", "ann", "bob", "eve")
    s.tag("lifecycle", "sleeping", "ann")
    s.tag("season", "vip", "cai")
    s.tag("season", "old", "dan", retired=True)
    s.order("ann", "tmall", 19_900, "SH40")
    s.order("bob", "douyin", 5_000, "SH41", gifts=("TEA",))
    s.order("bob", "douyin", 30_000, "PCT", refund=10_000)
    s.order("bob", "jd", 1)
    s.order("dan", "jd", 50_000, "SH40", valid=0)
    s.order("fay", "pdd", 100, "TEA")
    s.touch("ann", card)
    s.touch("bob", live)
    s.touch("bob", card)
    s.touch("cai", None)
    s.identity("ann", "phone", "+8613812345678")
    s.identity("bob", "phone", "+8613912345678")
    s.identity("bob", "unionid", "oUnion_1")
    s.identity("cai", "unionid", "oUnion-2")
    s.identity("dan", "member", "M0007")
    s.identity("eve", "openid", "oGone")
    mums = ChatGroup.create(code="g1", name="妈妈群", created_at=1)
    for person, left in (("cai", None), ("dan", 5)):
        GroupMember.create(group=mums, contact=s.ids[person], joined_at=1, left_at=left)
    Membership.create(contact=s.ids["cai"], identity="gold", joined_at=at("2025-12-31 23:59:59"))
    Membership.create(contact=s.ids["bob"], identity="silver", joined_at=at("2026-01-01"))
    Membership.create(contact=s.ids["dan"], identity="gold", joined_at=1, left_at=5)
    return s


@pytest.fixture
def scene(brand) -> Scene:
    with brand:
        return build()


EVERYBODY = {"ann", "bob", "cai", "dan", "fay"}
CASES = [
    ("tag = vip", "ann bob cai"),
    ("tag != vip", "dan fay"),
    ("tag.value = vip", "ann bob"),
    ("tag.season in (vip, sleeping)", "cai"),
    ("tag in (sleeping, vip)", "ann bob cai"),
    ("tag not in (sleeping, nothing)", "bob cai dan fay"),
    ("has tag", "ann bob cai"),
    ("has tag.lifecycle", "ann"),
    ("tag = old", ""),
    ("channel = card-a", "ann bob"),
    ("has channel", "ann bob"),
    ("not has channel", "cai dan fay"),
    ("lead_channel = card-a", "ann"),
    ("lead_channel != card-a", "bob cai dan fay"),
    ("has lead_channel", "ann"),
    ("platform = douyin", "bob"),
    ("platform = jd", "bob"),
    ("platform in (tmall, pdd)", "ann fay"),
    ("platform != jd", "ann cai dan fay"),
    ("has platform", "ann bob fay"),
    ('category = "baby/shoes"', "ann bob"),
    ("category = baby", "ann bob"),
    ('category = "baby/shoes/"', "ann bob"),
    ('category = "baby/shoes/boots"', "bob"),
    ('category = "baby/shoe"', ""),
    ('category = "baby/shoes%"', "bob"),
    ('category = "%"', ""),
    ('category in ("baby/shoes/boots", tea)', "bob fay"),
    ("category = tea", "fay"),
    ("has category", "ann bob fay"),
    ("product = SH40", "ann"),
    ("product = TEA", "fay"),
    ('attribute.size = "40"', "ann"),
    ('attribute.size = "4_"', "bob"),
    ('attribute.size in ("40", "41")', "ann bob"),
    ('attribute.size != "40"', "bob cai dan fay"),
    ("has attribute.colour", "ann"),
    ("order_value = 199.00", "ann"),
    ("order_value >= 199", "ann bob"),
    ("order_value = 300.00", ""),
    ("order_value between 0.01 and 1.00", "bob fay"),
    ("order_value in (1, 50.00)", "bob fay"),
    ("has order_value", "ann bob fay"),
    ("orders = 1", "ann fay"),
    ("orders < 1", "cai dan"),
    ("has orders", "ann bob fay"),
    ("frequency >= 2", "bob"),
    ("money > 199.00", "bob"),
    ("money >= 199.00", "ann bob"),
    ("money = 0", "cai dan"),
    ("r_days = 30", "ann"),
    ("r_days <= 1", "bob fay"),
    ("r_days between 1 and 30", "ann bob"),
    ("r_days in (0, 30)", "ann fay"),
    ("not r_days < 30", "ann cai dan"),
    ("r_days != 30", "bob cai dan fay"),
    ("has r_days", "ann bob fay"),
    ("cycle_days = 10", "bob"),
    ("has cycle_days", "bob"),
    ("cycle_days != 10", "ann cai dan fay"),
    ("last_order = 2025-12-31", "bob"),
    ("last_order = 1d ago", "bob"),
    ("last_order >= 1d ago", "bob fay"),
    ("first_order between 30d ago and 11d ago", "ann bob"),
    ("first_order in (today, 2025-12-21)", "bob fay"),
    ("not has first_order", "cai dan"),
    ("lead_at = 2025-12-02", "ann"),
    ("lead_at <= 2025-12-02", "ann"),
    ("lead_at < 2025-12-03", "ann"),
    ("lead_at > 2025-12-02", "bob cai"),
    ("lead_at >= 2025-12-03", "bob cai"),
    ("lead_at = today", "cai"),
    ("lead_at between 2025-12-02 and 2025-12-03", "ann bob"),
    ("lead_at in (2025-12-02, today)", "ann cai"),
    ("lead_at != today", "ann bob dan fay"),
    ("has lead_at", "ann bob cai"),
    ("group = g1", "cai"),
    ("group = 妈妈群", "cai"),
    ("has group", "cai"),
    ("group not in (g1, g2)", "ann bob dan fay"),
    ("member = gold", "cai"),
    ("member in (gold, silver)", "bob cai"),
    ("has member", "bob cai"),
    ("joined = 2025-12-31", "cai"),
    ("joined >= today", "bob"),
    ("has joined", "bob cai"),
    ("has phone", "ann bob"),
    ('phone = "+86 138 1234 5678"', "ann"),
    ('phone in ("+8613812345678", "+8613912345678")', "ann bob"),
    ('phone != "+8613812345678"', "bob cai dan fay"),
    ("has unionid", "bob cai"),
    ("unionid = oUnion_1", "bob"),
    ("has member_id", "dan"),
    ("member_id = M0007", "dan"),
    ("has openid", ""),
    ("has external_userid or has buyer", ""),
]


def test_each_field_selects_the_people_with_that_fact(brand, other, scene):
    with brand:
        seen = {text: scene.named(brand.segments.page(text)) for text, _ in CASES}
        counted = {text: brand.segments.count(text) for text, _ in CASES}
    assert seen == {text: set(people.split()) for text, people in CASES}
    assert counted == {text: len(people.split()) for text, people in CASES}
    with other:
        assert [text for text, _ in CASES if other.segments.count(text)] == []


# In brackets: one of them is an "or", which binds less than what is put around it.
leaves = st.sampled_from([(f"({text})", frozenset(people.split())) for text, people in CASES])


def either(parts):
    (text, people), (other_text, other_people) = parts
    return f"({text} or {other_text})", people | other_people


def both(parts):
    (text, people), (other_text, other_people) = parts
    return f"({text} and {other_text})", people & other_people


def neither(part):
    text, people = part
    return f"not {text}", frozenset(EVERYBODY) - people


compounds = st.recursive(
    leaves,
    lambda inner: st.one_of(st.tuples(inner, inner).map(either), st.tuples(inner, inner).map(both), inner.map(neither)),
    max_leaves=12,
)


def test_and_or_not_are_the_operations_of_sets(brand, scene):
    @given(compounds)
    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def holds(compound):
        text, people = compound
        assert scene.named(brand.segments.page(text)) == people

    with brand:
        holds()


@pytest.mark.parametrize(
    "level", ["has tag and (", "has tag or not has phone and (", "not (", "has tag and not not (", "("]
)
def test_the_deepest_nesting_runs_on_every_database(brand, scene, level):
    levels = min(
        LIMITS.segment_depth // (level.count("(") + level.count("not ")),
        (LIMITS.segment_conditions - 1) // max(1, level.count("has")),
    )
    deepest = level * levels + "attribute.size = x" + ")" * levels
    with brand:
        assert brand.segments.count(deepest) == len(brand.segments.page(deepest)) <= len(EVERYBODY)


def test_pages_hold_everybody_once_in_order(brand, scene):
    with brand:
        for number in range(25):
            scene.person(f"more{number}")
        pages, after = [], 0
        while page := brand.segments.page("not has phone", after=after, limit=4):
            pages.append(page)
            after = page[-1]
        ids = [each for page in pages for each in page]
    assert all(len(page) == 4 for page in pages[:-1])
    assert ids == sorted(set(ids))
    assert scene.named(ids) == {name for name in scene.ids if name not in ("ann", "bob", "eve")}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_page_has_a_sensible_size(brand, limit):
    with brand, pytest.raises(Invalid, match="1 to 10000"):
        brand.segments.page("has tag", limit=limit)


def test_members_carry_what_is_shown_of_them(brand, scene):
    with brand:
        members = brand.segments.members("has phone")
    assert [(m.contact_id, m.uid, m.name) for m in members] == [
        (scene.ids["ann"], "u-ann", "ann"),
        (scene.ids["bob"], "u-bob", "bob"),
    ]


def test_relative_days_move_with_the_brands_day(brand, clock, scene):
    with brand:
        assert scene.named(brand.segments.page("lead_at = today")) == {"cai"}
        clock.advance(hours=23)
        assert brand.segments.count("lead_at = today") == 1
        clock.advance(hours=1)
        assert brand.segments.count("lead_at = today") == 0
        assert scene.named(brand.segments.page("lead_at = 1d ago")) == {"cai"}


def test_a_phone_is_read_as_in_the_brands_region(brand, other, scene):
    with brand:
        assert scene.named(brand.segments.page('phone = "138-1234-5678"')) == {"ann"}
    with other, pytest.raises(SegmentError, match="phone number"):
        other.segments.page('phone = "138-1234-5678"')


def test_a_value_that_cannot_be_such_an_identity_is_pointed_at(brand):
    with brand, pytest.raises(SegmentError) as caught:
        brand.segments.count('has tag or phone in ("13812345678", "12")')
    assert caught.value.offset == 36


def test_a_hostile_value_is_a_value(brand, scene):
    hostile = """x' OR '1'='1'; DROP TABLE contact; -- ? %s %%"""
    with brand:
        assert brand.segments.count(f'tag = "{hostile}" or category = "{hostile}"') == 0
        assert brand.segments.count("has phone") == 2


# Saved segments ------------------------------------------------------------------


def test_a_segment_is_saved_replaced_listed_and_deleted(brand, other, clock):
    with brand:
        first = brand.segments.save("睡眠客户", "r_days > 90")
        clock.advance(days=1)
        again = brand.segments.save("睡眠客户", "r_days > 60")
        brand.segments.save("a", "has tag")
        assert [s.name for s in brand.segments.list()] == sorted(["睡眠客户", "a"])
        assert brand.segments.get("睡眠客户") == again
    assert (again.expression, again.created_at) == ("r_days > 60", first.created_at)
    assert again.updated_at > first.updated_at
    with other:
        assert other.segments.list() == []
        with pytest.raises(NotFound):
            other.segments.get("睡眠客户")
        with pytest.raises(NotFound):
            other.segments.delete("睡眠客户")
    with brand:
        brand.segments.delete("睡眠客户")
        assert [s.name for s in brand.segments.list()] == ["a"]


def test_a_faulty_expression_is_not_saved(brand):
    with brand:
        with pytest.raises(SegmentError):
            brand.segments.save("x", "taag = vip")
        with pytest.raises(Invalid, match="name"):
            brand.segments.save(" ", "has tag")
        assert brand.segments.list() == []


def test_an_explanation_names_the_fields(brand):
    with brand:
        seen = brand.segments.explain('  has   tag AND attribute."size" = "40"')
    assert seen.expression == 'has tag and attribute.size = "40"'
    assert [name for name, _ in seen.fields] == ["tag", "attribute.size"]
    assert seen.sql.count("?") == len(seen.params)


# Fields of plugins ---------------------------------------------------------------


class Scans(Plugin):
    name = "scan-count"
    version = "1"
    summary = "counts touches"
    requires_core = ">=0"
    segment_fields = {
        "scans": SegmentField("scans", "number", "touches of a kind"),
        "last": SegmentField("last", "instant", "last touch"),
        "kind": SegmentField("kinds", "text", "kind of touch"),
    }

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        """Does nothing: the fields read what the core wrote."""

    def scans(self):
        return "SELECT contact_id, count(*) FROM touch WHERE kind = ? GROUP BY contact_id", ("ad",)

    def last(self):
        return "SELECT contact_id, max(at) FROM touch GROUP BY contact_id UNION ALL SELECT NULL, 1", ()

    def kinds(self):
        return "SELECT contact_id, kind FROM touch", ()


def test_a_plugins_field_is_asked_like_any_other(new_installation):
    installation = new_installation(plugins=(Scans,), acme="[plugins.scan-count]\n")
    brand, other = installation.brand("acme"), installation.brand("moonco")
    with brand:
        scene = build()
        execute("UPDATE touch SET at = ? WHERE contact_id = ?", (at("2026-01-01"), scene.ids["cai"]))
        seen = {
            text: scene.named(brand.segments.page(text))
            for text in (
                "scan-count.scans >= 2",
                "scan-count.scans = 1 and tag = sleeping",
                "not has scan-count.scans",
                "scan-count.scans != 2",
                "scan-count.last = today",
                "not scan-count.last = today",
                "scan-count.kind in (ad, page)",
            )
        }
    assert list(seen.values()) == [
        {"bob"},
        {"ann"},
        {"dan", "fay"},
        EVERYBODY - {"bob"},
        {"cai"},
        EVERYBODY - {"cai"},
        {"ann", "bob", "cai"},
    ]
    with other, pytest.raises(SegmentError, match="no plugin or field scan-count"):
        other.segments.count("scan-count.scans > 1")
