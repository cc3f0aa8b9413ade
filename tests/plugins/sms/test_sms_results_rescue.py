"""Low-intent rescue: whoever gets the tag is sent the approved copy, once; the rescued are counted."""

from __future__ import annotations

import pytest
from results_scene import Bench, Sms, Stage, configured

from scrm_core.clock import MS_PER_DAY
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_sms.results import landing

RESCUE = 'rescue_tag = "intent/C"\nrescue_plan = "MAY"\n[plugins.bench]'
MARKED = 'tag = "C"'


@pytest.fixture
def installation(new_installation):
    both = configured().replace("[plugins.bench]", RESCUE)
    return new_installation(plugins=(Sms, Bench), acme=both, moonco=configured())


@pytest.fixture
def stage(installation):
    with installation.brand("acme") as brand:
        brand.tags.define("intent", "C", kind="system")
        yield Stage(brand)


def mark(stage, phone):
    contact = stage.brand.contacts.find("phone", phone)
    stage.brand.tags.add(contact.id, ("intent", "C"))
    stage.deliver()
    return int(contact.id)


def unmark(stage, phone):
    contact = stage.brand.contacts.find("phone", phone)
    stage.brand.tags.remove(contact.id, ("intent", "C"))
    stage.deliver()


def approved(stage, count=1):
    """The rescue plan, sent to those who have the tag already."""
    for phone in stage.strangers(count, first=900):
        mark(stage, phone)
    stage.upto("running", segment=MARKED, at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    stage.control()


def rescue(stage):
    (row,) = stage.brand.reports.run("sms-rescue").rows
    return row


def marketing(stage):
    return [message.address for message in stage.gateway.of("marketing")]


def test_whoever_gets_the_tag_later_is_sent_the_approved_copy_once(stage):
    approved(stage)
    (phone,) = stage.strangers(1)
    mark(stage, phone)
    mark(stage, phone)
    unmark(stage, phone)
    mark(stage, phone)
    stage.brand.outreach.drain()
    assert marketing(stage) == [stage.phone(900), phone]
    (first, second) = stage.gateway.of("marketing")
    base = stage.brand.installation.config.base_url
    assert second.body.split(base)[0] == first.body.split(base)[0]
    assert stage.link_of(phone) != stage.link_of(stage.phone(900))


def test_who_waits_for_the_plan_is_sent_its_copy_when_it_runs_and_nobody_else(stage):
    first, second = stage.strangers(2)
    mark(stage, first)
    mark(stage, second)
    unmark(stage, second)
    assert stage.brand.outreach.drain().accepted == 0
    assert rescue_rows(stage) == []
    stage.plans.create("MAY", actor="ann")
    stage.brand.plugins["sms"].settle()
    mark(stage, stage.strangers(1, first=50)[0])
    assert rescue(stage)["waiting"] == 1
    stage.upto("running", segment='tag = "nobody" OR orders >= 1', at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.plugins["sms"].settle()
    stage.brand.outreach.drain()
    # The one who waited was in the plan's own audience: one message, not two.
    assert sorted(marketing(stage)) == sorted([first, second, stage.phone(50)])
    assert rescue(stage)["waiting"] == 0


def rescue_rows(stage):
    return execute("SELECT id FROM sms_rescue").fetchall()


def test_consent_opt_outs_and_the_end_of_the_activity_hold_for_rescue_too(stage):
    approved(stage)
    never, left, late = stage.strangers(3)
    contact = stage.brand.contacts.find("phone", never)
    stage.brand.consent.record(contact.id, "marketing_sms", granted=False, source="test")
    mark(stage, never)
    mark(stage, left)
    stage.brand.outreach.opt_out("sms", left, via="reply")
    stage.brand.outreach.drain()
    assert marketing(stage) == [stage.phone(900)]
    assert rescue(stage)["blocked"] == 2
    stage.brand.clock.advance(days=31)
    mark(stage, late)
    stage.brand.outreach.drain()
    assert marketing(stage) == [stage.phone(900)]
    (reason,) = execute("SELECT reason FROM sms_rescue WHERE message_id IS NULL").fetchone()
    assert reason.startswith("the activity has ended")


def test_the_rescued_are_counted_once_whatever_they_did_and_only_after_the_delivery(stage):
    """48 of 60: 20 add, 20 order, 20 lose the tag, 12 of them do two things; 5 come too early or too late."""
    approved(stage)
    phones = stage.strangers(60)
    for phone in phones:
        mark(stage, phone)
    stage.adds(phones[59])
    stage.brand.outreach.drain()
    stage.brand.clock.advance(hours=1)
    stage.receipts()
    stage.brand.clock.advance(hours=1)
    for phone in phones[:20]:
        stage.adds(phone)
    for place, phone in enumerate(phones[14:34]):
        stage.orders(f"R{place}", phone, 1_000, days=2)
    for phone in phones[28:48]:
        unmark(stage, phone)
    stage.orders("late", phones[50], 1_000, days=15)
    stage.adds(phones[51], at=stage.brand.now() + 15 * MS_PER_DAY)
    stage.deliver()
    row = rescue(stage)
    assert (row["group"], row["delivered"], row["reached"]) == (61, 61, 61)
    assert (row["added"], row["ordered"], row["left"], row["rescued"]) == (20, 20, 20, 48)
    assert row["rescue_rate"] == round(48 / 61, 4)


def test_an_add_through_a_rescue_message_counts_for_its_plan(stage):
    approved(stage)
    phone, other = stage.strangers(2)
    mark(stage, phone)
    mark(stage, other)
    stage.brand.outreach.drain()
    stage.brand.clock.advance(hours=1)
    stage.open(stage.link_of(phone))
    stage.adds(phone, state=stage.link_of(phone))
    stage.adds(other)
    stage.deliver()
    assert execute("SELECT method FROM sms_add ORDER BY method").fetchall() == [("link",), ("recipient",)]
    row = stage.row()
    assert (row["planned"], row["sent"], row["clicked"], row["added"]) == (3, 3, 1, 2)


def test_other_tags_and_brands_without_rescue_do_nothing(stage, installation):
    approved(stage)
    (phone,) = stage.strangers(1)
    stage.tag(stage.brand.contacts.find("phone", phone).id, "C")
    stage.deliver()
    assert stage.brand.outreach.drain().accepted == 0
    with installation.brand("moonco") as other:
        quiet = Stage(other)
        other.tags.define("intent", "C", kind="system")
        mark(quiet, quiet.strangers(1)[0])
        assert rescue_rows(quiet) == []
        assert list(other.reports.run("sms-rescue").rows) == []


def test_whoever_waits_is_queued_by_the_job_once_the_plan_is_scheduled(stage):
    stage.plans.create("MAY", actor="ann")
    early = stage.strangers(1, first=900)
    stage.upto("schedule", segment="orders >= 1")
    waiting, unmarked, unknown = [*stage.strangers(2), "unknown"]
    for phone in (waiting, unmarked):
        mark(stage, phone)
    unmark(stage, unmarked)
    nobody = stage.brand.contacts.capture_lead(
        LeadIn(source="wecom", reference=unknown, identities=(IdentityIn.of("external_userid", "wm1", ""),),
               at=stage.brand.now())
    ).contact_id  # fmt: skip
    stage.brand.tags.add(nobody, ("intent", "C"))
    stage.deliver()
    stage.brand.plugins["sms"].settle()
    assert rescue(stage)["waiting"] == 3
    stage.upto("running", since="schedule", at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.plugins["sms"].settle()
    stage.brand.plugins["sms"].settle()
    stage.brand.outreach.drain()
    assert sorted(marketing(stage)) == sorted([*early, waiting])
    reasons = execute("SELECT reason FROM sms_rescue WHERE message_id IS NULL ORDER BY reason").fetchall()
    assert reasons == [("no_address",), ("the rescue plan is not approved and scheduled",)]


RACE = """
def run(brand, worker):
    plugin = brand.plugins["sms"]
    from scrm_core.facts import TagAdded
    from scrm_core.db.bulk import execute
    contact = execute("SELECT max(id) FROM contact").fetchone()[0]
    event = TagAdded(event_id=10_000 + worker, at=brand.now(), backfill=False, contact_id=contact,
                     group="intent", tag="C")
    return plugin.results.take_tag(event)
"""


def test_many_sources_of_the_tag_at_once_queue_one_message(new_installation, together):
    both = configured().replace("[plugins.bench]", RESCUE).split("[plugins.bench]")[0]
    installation = new_installation(acme=both)
    with installation.brand("acme") as brand:
        stage = Stage(brand)
        stage.strangers(1, first=900)
        seeded(stage)
        # The processes have the machine's clock: the activity still runs there.
        landing.move_end(brand, "MAY", 4_102_444_800_000, actor="ann")
        stage.strangers(1)
    answers = together(installation, RACE, 4)
    assert sorted(answers) == [False, False, False, True]
    with installation.brand("acme"):
        assert execute("SELECT count(*) FROM message m JOIN outreach_run r ON r.id = m.run_id "
                       "WHERE r.code = 'MAY/rescue'").fetchone() == (1,)


def seeded(stage):
    """The plan approved and scheduled, by the plugin's own console sender."""
    stage.upto("test", segment="orders >= 1", sender="console")
    stage.plans.interception.start("MAY", actor="ann")
    stage.brand.outreach.drain()
    stage.deliver()
    stage.upto("running", since="approval", at="2026-01-01T10:00")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("tag", ["C", "intent/", "/C", "a/b/c"])
def test_a_setting_that_names_no_tag_is_refused(new_installation, tag):
    installation = new_installation(plugins=(Sms, Bench))
    path = installation.config.root / "brands" / "acme.toml"
    path.write_text(path.read_text("utf-8") + configured().replace("[plugins.bench]", f'rescue_tag = "{tag}"\n[plugins.bench]'))
    assert isinstance(installation.problem("acme"), ConfigError)
    assert "rescue_tag" in str(installation.problem("acme"))
