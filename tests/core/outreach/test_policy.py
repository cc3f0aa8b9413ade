"""One policy for every plugin: quiet hours, caps, and the same answer from queue, preview and claim."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from outreach_scene import RECORDERS, Mailer, Recorder

from scrm_core.clock import from_instant, local_instant
from scrm_core.outreach.hours import opens_at, zones_of
from scrm_core.outreach.judging import Judge

RUN = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder"}
EVERYBODY = "lead_at >= 2000-01-01"
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
NIGHT = (21 * 60, 9 * 60)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return local_instant(datetime.fromisoformat(text), zone)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-01T20:59:59", "2026-03-01T20:59:59"),
        ("2026-03-01T21:00", "2026-03-02T09:00"),
        ("2026-03-02T08:59", "2026-03-02T09:00"),
        ("2026-03-02T09:00", "2026-03-02T09:00"),
        ("2026-02-28T23:30", "2026-03-01T09:00"),
    ],
)
def test_the_night_ends_at_nine(now, opens):
    assert opens_at(at(now), NIGHT, (SHANGHAI,)) == at(opens)


def test_the_night_ends_at_nine_on_the_day_the_clocks_change():
    assert opens_at(at("2026-03-08T01:30", NEW_YORK), NIGHT, (NEW_YORK,)) == at("2026-03-08T09:00", NEW_YORK)
    assert opens_at(at("2026-11-01T01:30", NEW_YORK), NIGHT, (NEW_YORK,)) == at("2026-11-01T09:00", NEW_YORK)


def test_quiet_hours_within_one_day():
    assert opens_at(at("2026-03-01T12:30"), (12 * 60, 14 * 60), (SHANGHAI,)) == at("2026-03-01T14:00")
    assert opens_at(at("2026-03-01T11:59"), (12 * 60, 14 * 60), (SHANGHAI,)) == at("2026-03-01T11:59")


def test_the_recipients_zone_decides():
    assert zones_of("+8613800138000", NEW_YORK) == (SHANGHAI,)
    assert zones_of("+85251234567", NEW_YORK) == (SHANGHAI,)
    assert zones_of("+12125550123", SHANGHAI) == (NEW_YORK,)
    assert zones_of("wmAbc", NEW_YORK) == (NEW_YORK,)
    # Noon in Shanghai is midnight in New York.
    assert opens_at(at("2026-03-01T12:00"), NIGHT, zones_of("+12125550123", SHANGHAI)) == at(
        "2026-03-01T09:00", NEW_YORK
    )


@pytest.fixture
def strict(new_installation):
    """acme with the policy as it is when nothing is configured."""
    RECORDERS.clear()
    return new_installation(plugins=(Mailer,), acme="\n[plugins.mailer]\n", moonco="\n[plugins.mailer]\n")


def start(brand, code, **more):
    run = brand.outreach.open_run(code, **{**RUN, **more})
    brand.outreach.queue_segment(run.id, EVERYBODY)
    brand.outreach.release(run.id, 10_000)
    return brand.outreach.start(run.id)


def work(brand, clock, *, hours):
    """A worker looks at the brand every hour: waiting for a morning is no outage."""
    for _ in range(hours):
        clock.advance(hours=1)
        brand.outreach.drain()


def sent(brand) -> Recorder:
    return RECORDERS.setdefault(brand.id, Recorder())


def test_a_run_that_reaches_the_night_goes_on_in_the_morning(strict, people, clock):
    brand = strict.brand("acme")
    clock.set(at("2026-03-01T20:59:50"))
    with brand:
        people(brand).many(4)
        start(brand, "r1", pace=12)
        brand.outreach.drain()
        before = len(sent(brand).sent)
        assert 1 <= before < 4
        clock.set(at("2026-03-01T21:00"))
        for _ in range(3):
            brand.outreach.drain()
        assert len(sent(brand).sent) == before
        # A worker looks at the run all night long; the night is no outage.
        for hour in range(11):
            clock.advance(hours=1)
            brand.outreach.drain()
        assert len(sent(brand).sent) == before
        clock.set(at("2026-03-02T09:00"))
        for _ in range(40):
            brand.outreach.drain()
            clock.advance(seconds=5)
        assert len(sent(brand).sent) == 4


def test_people_abroad_have_their_own_night(strict, people, clock):
    brand = strict.brand("acme")
    clock.set(at("2026-03-01T22:00"))  # 9 in the morning in New York
    with brand:
        them = people(brand)
        them.add("+8613800000000")
        them.add("+12125550123")
        start(brand, "r1")
        brand.outreach.drain()
        assert sent(brand).addresses == ["+12125550123"]
        work(brand, clock, hours=11)
        assert sent(brand).addresses == ["+12125550123", "+8613800000000"]


def test_a_notice_does_not_wait_for_the_morning(strict, people, clock):
    brand = strict.brand("acme")
    clock.set(at("2026-03-01T23:00"))
    with brand:
        people(brand).add("+8613800000000")
        start(brand, "n1", kind="notice")
        brand.outreach.drain()
        assert len(sent(brand).sent) == 1


def test_the_third_message_in_thirty_days_and_the_second_in_seven_are_kept_back(strict, people, clock):
    brand = strict.brand("acme")
    clock.set(at("2026-03-02T10:00"))
    with brand:
        people(brand).add("+8613800000000")
        reasons = []
        for code, days in (("r1", 0), ("r2", 3), ("r3", 5), ("r4", 9), ("r5", 25)):
            clock.advance(days=days)
            run = start(brand, code)
            brand.outreach.drain()
            reasons += [reason or state for state, reason in brand.outreach.counts(run.id)]
        assert reasons == ["sent", "cap_7_days", "sent", "cap_30_days", "sent"]


def test_the_weekly_cap_counts_every_channel_and_plugin_and_a_cap_of_0_is_never(new_installation, people, clock):
    RECORDERS.clear()
    policy = (
        '\n[outreach]\none_to_one_per_week = {week}\nquiet_hours = "none"\nweek = "{kind}"\n'
        '[outreach.channels.sms]\nper_7_days = "none"\nper_30_days = "none"\n[plugins.mailer]\n'
    )
    installation = new_installation(
        plugins=(Mailer,), acme=policy.format(week=2, kind="calendar"), moonco=policy.format(week=0, kind="rolling")
    )
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    clock.set(at("2026-03-06T10:00"))  # a Friday
    with acme:
        people(acme).add("+8613800000000")
        reasons = []
        for code, when in (
            ("r1", "2026-03-06T10:00"),
            ("r2", "2026-03-08T10:00"),
            ("r3", "2026-03-08T23:59"),
            ("r4", "2026-03-09T00:00"),  # Monday: a new week
        ):
            clock.set(at(when))
            run = start(acme, code)
            acme.outreach.drain()
            reasons += [reason or state for state, reason in acme.outreach.counts(run.id)]
        assert reasons == ["sent", "sent", "cap_week", "sent"]
    with moonco:
        people(moonco).add("+8613800000000")
        run = start(moonco, "r1")
        moonco.outreach.drain()
        assert moonco.outreach.counts(run.id) == {("blocked", "cap_week"): 1}


def test_queue_preview_and_claim_give_the_same_reasons(strict, people, clock):
    brand = strict.brand("acme")
    clock.set(at("2026-03-02T10:00"))
    with brand:
        them = people(brand)
        ids = {
            phone: them.add(phone, agrees=agrees)
            for phone, agrees in (
                ("+8613800000000", True),
                ("+8613800000001", True),
                ("+8613800000002", False),
                ("+8613800000003", True),
                ("+8613800000004", True),
                ("+861061234567", True),
                ("+12125550123", True),
                ("+442071838750", True),
            )
        }
        brand.outreach.opt_out("sms", "+8613800000001", via="reply")
        brand.outreach.suppress("", "+8613800000003", reason="staff", scope="all")
        brand.consent.record(ids["+8613800000004"], "marketing_sms", granted=False, source="test")
        judge = Judge(brand, "sms", "marketing")
        decided = dict(zip(ids, judge.reasons([(contact, phone) for phone, contact in ids.items()]), strict=True))
        assert decided == {
            "+8613800000000": "",
            "+8613800000001": "do_not_contact",
            "+8613800000002": "no_consent",
            "+8613800000003": "do_not_contact",
            "+8613800000004": "no_consent",
            "+861061234567": "not_mobile",
            "+12125550123": "",
            "+442071838750": "not_mobile",
        }
        run = brand.outreach.open_run("r1", **RUN)
        brand.outreach.queue_segment(run.id, EVERYBODY)
        queued = {message.address: message.reason for message in brand.outreach.messages(run.id)}
        # A fixed line abroad is told apart in the claim alone.
        assert queued == {**decided, "+442071838750": ""}
        before = brand.outreach.preview_segment("sms", "marketing", EVERYBODY)
        listed = brand.outreach.preview_addresses("sms", "marketing", [(phone, None) for phone in ids])
        assert (before.queued, listed.queued) == (3, 2)
        assert before.blocked == {"do_not_contact": 2, "no_consent": 2, "not_mobile": 1}
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        brand.outreach.drain()
        work(brand, clock, hours=12)  # until the morning in New York
        assert sorted(sent(brand).addresses) == ["+12125550123", "+8613800000000"]
        after = brand.outreach.preview_segment("sms", "marketing", EVERYBODY)
        assert (after.queued, after.blocked["cap_7_days"]) == (1, 2)


def test_a_preview_writes_nothing(strict, people):
    brand = strict.brand("acme")
    with brand:
        people(brand).many(3)
        before = from_instant(brand.now())
        brand.outreach.preview_segment("sms", "marketing", EVERYBODY)
        assert brand.outreach.runs() == [] and from_instant(brand.now()) == before
