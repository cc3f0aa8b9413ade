"""Rules set a tag once per event, and what a person takes away stays away."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, NotFound
from scrm_core.web import create_app
from scrm_tag_rules import TagRules

RULES = """
[plugins.tag-rules]

[[plugins.tag-rules.rules]]
name = "big order"
event = "order"
min_paid_minor = 10000
group = "value"
tag = "big order"
plan = "invite to the members' group"

[[plugins.tag-rules.rules]]
name = "diapers on tmall"
event = "order"
platform = "tmall"
sku_prefix = "DIAPER-"
group = "category"
tag = "diapers"
plan = "size reminders"

[[plugins.tag-rules.rules]]
name = "all money back"
event = "refund"
full = true
group = "service"
tag = "refunded"
plan = "call within a day"

[[plugins.tag-rules.rules]]
name = "live room"
event = "lead"
channel = "live"
group = "interest"
tag = "live room"
plan = "announce the next show"
"""


@pytest.fixture
def shop(new_installation, shop_of):
    """Acme has rules; moonco has the plugin switched off."""
    off = RULES.replace("[plugins.tag-rules]\n", "[plugins.tag-rules]\nenabled = false\n", 1)
    installation = new_installation(plugins=(TagRules,), acme=RULES, moonco=off)
    shop = shop_of(installation.brand("acme"))
    shop.other = shop_of(installation.brand("moonco"))
    return shop


def uid_of_buyer(shop, buyer):
    with shop.brand:
        return shop.brand.contacts.find("buyer", buyer, "shop").uid


def replay(shop):
    """Everything is delivered again, as after a restored backup of the cursors."""
    with shop.brand:
        execute("UPDATE plugin_cursor SET event_id = 0, xid = '0'")
    shop.deliver()


def test_an_order_that_meets_a_rule_tags_its_buyer(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 10_000)
    shop.sell("A2", "b2", "2026-05-01T10:00", 9_999)
    shop.deliver()
    assert shop.tags(uid_of_buyer(shop, "b1"), "value") == ["big order"]
    assert shop.tags(uid_of_buyer(shop, "b2"), "value") == []


def test_every_condition_of_a_rule_must_hold(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 100, skus=("WIPES", "DIAPER-L"))
    shop.sell("A2", "b2", "2026-05-01T10:00", 100, skus=("DIAPER-L",), platform="jd")
    shop.sell("A3", "b3", "2026-05-01T10:00", 100, skus=("WIPES",))
    shop.deliver()
    assert [shop.tags(uid_of_buyer(shop, b), "category") for b in ("b1", "b2", "b3")] == [["diapers"], [], []]


def test_a_refund_of_everything_meets_the_rule_and_of_a_part_does_not(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 100)
    shop.sell("A2", "b2", "2026-05-01T10:00", 100)
    shop.refund("A1", 100, "2026-05-02T10:00")
    shop.refund("A2", 99, "2026-05-02T10:00")
    shop.deliver()
    assert shop.tags(uid_of_buyer(shop, "b1"), "service") == ["refunded"]
    assert shop.tags(uid_of_buyer(shop, "b2"), "service") == []


def test_an_order_says_which_rules_it_and_its_refund_met(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 20_000)
    shop.sell("A2", "b2", "2026-05-01T10:00", 100)
    shop.refund("A1", 20_000, "2026-05-02T10:00")
    shop.deliver()
    with shop.brand as brand:
        found = [brand.orders.effects(brand.orders.by_number("shop", number).order_id) for number in ("A1", "A2")]
    ((plugin, effects),) = found[0]
    assert plugin == "tag-rules"
    assert [(each.title, each.detail) for each in effects] == [
        ("Tag set 打标签", "big order: value / big order"), ("Tag set 打标签", "all money back: service / refunded"),
    ]  # fmt: skip
    assert found[1] == []


def test_a_lead_through_the_channel_is_tagged(shop):
    with shop.brand:
        shop.brand.channels.create("live", "Live room", "live")
    through = shop.lead("13800138000", "2026-05-04T12:00", state="live")
    direct = shop.lead("13800138001", "2026-05-04T12:00")
    shop.deliver()
    assert shop.tags(through.uid, "interest") == ["live room"]
    assert shop.tags(direct.uid, "interest") == []


def test_a_tag_that_a_person_removed_is_not_set_again_by_a_replay(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 10_000)
    shop.deliver()
    uid = uid_of_buyer(shop, "b1")
    with shop.brand:
        shop.brand.tags.remove(shop.brand.contacts.get(uid).id, ("value", "big order"), actor="anna")
    replay(shop)
    assert shop.tags(uid, "value") == []
    shop.sell("A2", "b1", "2026-05-02T10:00", 10_000)
    shop.deliver()
    assert shop.tags(uid, "value") == ["big order"]


def test_the_tag_says_which_rule_set_it_and_names_its_plan(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 10_000)
    shop.deliver()
    with shop.brand:
        contact = shop.brand.contacts.find("buyer", "b1", "shop")
        (tag,) = [t for t in shop.brand.tags.of(contact.id) if t.group == "value"]
        (info,) = shop.brand.tags.all(group="value")
    assert (tag.origin, tag.actor) == ("auto", "tag-rules:big order")
    assert (info.kind, info.plan) == ("business", "invite to the members' group")


def test_an_order_without_a_known_buyer_waits_for_the_person(shop):
    shop.sell("A1", "", "2026-05-01T10:00", 10_000)
    shop.deliver()
    assert [(r["hits"], r["waiting"]) for r in shop.report("tag-rules") if r["rule"] == "big order"] == [(1, 1)]
    found = shop.lead("13800138000", "2026-05-04T12:00")
    with shop.brand:
        contact_id = shop.brand.contacts.get(found.uid).id
        execute("UPDATE orders SET contact_id = ? WHERE number = 'A1'", (contact_id,))
        plugin = shop.brand.plugins["tag-rules"]
        plugin.settle()
        plugin.settle()
    assert shop.tags(found.uid, "value") == ["big order"]
    assert [(r["hits"], r["waiting"]) for r in shop.report("tag-rules") if r["rule"] == "big order"] == [(1, 0)]


def test_history_sets_no_tags(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 10_000, backfill=True)
    shop.deliver()
    assert shop.tags(uid_of_buyer(shop, "b1"), "value") == []


def test_a_brand_that_switched_the_plugin_off_sets_nothing(shop):
    shop.other.sell("A1", "b1", "2026-05-01T10:00", 10_000)
    shop.other.deliver()
    assert shop.other.tags(uid_of_buyer(shop.other, "b1"), "value") == []
    with pytest.raises(NotFound):
        shop.other.report("tag-rules")


def test_hits_are_a_metric_by_day_and_rule(shop):
    shop.sell("A1", "b1", "2026-05-01T00:00", 10_000)
    shop.sell("A2", "b2", "2026-05-01T23:59", 10_000)
    shop.deliver()
    with shop.brand:
        day = shop.brand.day(shop.at("2026-05-01T00:00"))
        shop.brand.metrics.roll_up(day - 1, day + 1)
        values = shop.brand.metrics.read("tag-rules", "hits", day - 1, day + 1)
    assert [(v.day, v.dimension, v.value) for v in values] == [(day, "big order", 2)]


VISITS = """
[plugins.tag-rules]

[[plugins.tag-rules.rules]]
name = "looked at variant B"
event = "visit"
variant = "B"
group = "interest"
tag = "variant B"
plan = "show more of it"
"""


def test_a_visit_tags_the_person_once_they_are_known(new_installation, shop_of):
    shop = shop_of(new_installation(plugins=(TagRules,), acme=VISITS).brand("acme"))
    at = shop.at("2026-05-01T10:00")
    with shop.brand:
        shop.brand.clock.set(at)
        shop.brand.channels.create("poster")
        links = {v: shop.brand.links.create("poster", "https://example.com/", variant=v).code for v in "AB"}
        agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"
        shop.brand.links.visit(links["B"], at=at, visitor="visitor-1", agent=agent)
        shop.brand.links.visit(links["A"], at=at, visitor="visitor-2", agent=agent)
    shop.deliver()
    assert [(r["hits"], r["waiting"]) for r in shop.report("tag-rules")] == [(1, 1)]
    people = [shop.lead(f"1380013800{n}", "2026-05-02T10:00") for n in (1, 2)]
    with shop.brand:
        for n, person in enumerate(people, 1):
            contact_id = shop.brand.contacts.get(person.uid).id
            shop.brand.links.attribute(f"visitor-{n}", contact_id, shop.at("2026-05-02T10:00"))
        shop.brand.plugins["tag-rules"].settle()
    assert [shop.tags(person.uid, "interest") for person in people] == [["variant B"], []]


def test_the_rules_are_shown_over_http_and_on_the_command_line(shop):
    shop.sell("A1", "b1", "2026-05-01T10:00", 10_000)
    shop.deliver()
    installation = shop.brand.installation
    client = create_app(installation).test_client()

    def get(path, brand, *scopes):
        with brand:
            key = brand.keys.create("test", scopes)[1]
        return client.get(f"/api/v1/{brand.id}/plugins/tag-rules{path}", headers={"Authorization": f"Bearer {key}"})

    rules = get("/rules", shop.brand, "tag-rules:read").json["rules"]
    assert rules[0]["name"] == "big order"
    assert rules[0]["conditions"] == {"min_paid_minor": 10_000}
    assert [row["hits"] for row in get("/report", shop.brand, "tag-rules:read").json["rows"]] == [1, 0, 0, 0]
    assert get("/rules", shop.brand, "orders:read").status_code == 403
    assert get("/rules", shop.other.brand, "*").status_code == 404

    def scrm(*arguments):
        session = Session(installation.config.root, clock=installation.clock)
        try:
            return CliRunner().invoke(root, ["tag-rules", *arguments], obj=session)
        finally:
            session.close()

    listed = json.loads(scrm("list", "acme", "--json").stdout)
    assert [(row["rule"], row["hits"]) for row in listed][:2] == [("big order", 1), ("diapers on tmall", 0)]
    assert json.loads(scrm("settle", "acme", "--json").stdout) == {"settled": 0}
    assert scrm("list", "moonco").exit_code == 3


BASE = '[[plugins.tag-rules.rules]]\nname = "r"\nevent = "lead"\ngroup = "g"\ntag = "t"\nplan = "p"\n'


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BASE + "min_paid_minor = 1\n", "does not apply to 'lead'"),
        (BASE + BASE, "names are unique"),
        (BASE.replace('plan = "p"\n', ""), "plan"),
        (BASE.replace('"lead"', '"message"'), "event"),
        (BASE + "colour = 1\n", "colour"),
        (BASE.replace('"lead"', '"order"') + "min_paid_minor = 1.5\n", "min_paid_minor"),
    ],
    ids=["condition of another event", "name twice", "no plan", "unknown event", "unknown key", "a float"],
)
def test_a_rule_that_cannot_work_is_refused_when_the_file_is_read(new_installation, text, words):
    installation = new_installation(plugins=(TagRules,))
    path = installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8") + "\n[plugins.tag-rules]\n" + text, encoding="utf-8")
    problem = installation.problem("acme")
    assert isinstance(problem, ConfigError)
    assert words in str(problem)
    assert "[plugins.tag-rules] rules" in str(problem)
