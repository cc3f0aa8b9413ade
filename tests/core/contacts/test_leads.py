"""Leads: captured once, attributed by the time of the event, tagged through their channel."""

from __future__ import annotations

import pytest

from scrm_core import eventlog
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, Veto
from scrm_core.hooks import hookimpl
from scrm_core.plugin import Plugin
from scrm_core.services.contacts import ConsentIn, IdentityIn, LeadIn, LeadResult

NOON = 1_767_268_800_000


def lead(number, *, at=NOON, reference=None, **more):
    identity = IdentityIn.of("phone", f"138{number:08d}")
    given = {"source": "form", "reference": str(number) if reference is None else reference, **more}
    return LeadIn(identities=(identity,), at=at, **given)


def log(kind="lead.captured"):
    return [event for event in reversed(eventlog.tail(10_000)) if event.type == kind]


def count(table):
    return execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_lead_makes_a_contact_and_one_event(brand):
    with brand:
        result = brand.contacts.capture_lead(lead(1, name="王", fields={"serial": "K77"}, state="K77"))
        assert (result.created, result.updated, result.lead) == (True, True, "form:1")
        view = brand.contacts.get(result.uid)
        assert (view.name, view.lead_at, view.lead_channel) == ("王", NOON, "")
        (event,) = log()
        fact = event.fact
        assert (event.at, fact.contact_id, fact.is_new, fact.backfill) == (NOON, view.id, True, False)
        assert (fact.lead, fact.source, fact.state, fact.fields) == ("form:1", "form", "K77", {"serial": "K77"})


def test_the_same_lead_again_changes_nothing(brand, clock):
    with brand:
        first = brand.contacts.capture_lead(lead(1))
        before = brand.contacts.get(first.uid)
        clock.advance(days=1)
        again = brand.contacts.capture_lead(lead(1, at=NOON - 5, name="late", fields={"x": "y"}))
        assert again == LeadResult(first.contact_id, first.uid, first.lead, False, False)
        assert brand.contacts.get(first.uid) == before
        assert len(log()) == count("touch") == 1


def test_one_reference_of_two_sources_is_two_leads(brand):
    with brand:
        brand.contacts.capture_lead(lead(1, source="a:b", reference="c"))
        second = brand.contacts.capture_lead(lead(1, source="a", reference="b:c"))
        assert second.updated and len(log()) == 2


def test_without_a_reference_everything_that_identifies_a_lead_counts(brand):
    with brand:
        same = [brand.contacts.capture_lead(lead(1, reference="")).updated for _ in range(2)]
        others = [
            lead(1, reference="", at=NOON + 1),
            lead(2, reference=""),
            lead(1, reference="", state="x"),
            lead(1, reference="", fields={"serial": "1"}),
            lead(1, reference="", source="import"),
        ]
        assert same == [True, False]
        assert all(brand.contacts.capture_lead(each).updated for each in others)


def test_a_name_derived_for_a_lead_tells_nothing_about_the_person(brand, other):
    with brand:
        name = brand.contacts.capture_lead(lead(1, reference="")).lead
    with other:
        assert other.contacts.capture_lead(lead(1, reference="")).lead != name
    assert "138" not in name.partition("~")[0]


def test_a_batch_answers_row_by_row(brand):
    with brand:
        first, twin, bad, nobody, last = brand.contacts.capture_leads(
            [
                lead(1),
                lead(1),
                lead(2, channel="no-such-channel"),
                LeadIn("form", (), NOON, reference="9"),
                lead(3, reference="3"),
            ]
        )
        assert (first.created, first.updated) == (True, True)
        assert (twin.contact_id, twin.created, twin.updated) == (first.contact_id, False, False)
        assert isinstance(bad, Invalid) and bad.field == "channel"
        assert isinstance(nobody, Invalid)
        assert last.updated
        assert count("contact") == len(log()) == 2


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": " "}, "source"),
        ({"at": 1.5}, "at"),
        ({"at": 2**60}, "at"),
        ({"state": "a\x00b"}, "state"),
        ({"name": "\ud800"}, "name"),
        ({"fields": {"note": "a\x00"}}, "fields.note"),
        ({"fields": {str(n): "" for n in range(51)}}, "fields"),
    ],
)
def test_a_lead_that_cannot_be_stored_is_refused_by_field(brand, change, field):
    with brand, pytest.raises(Invalid) as refused:
        brand.contacts.capture_lead(lead(1, **change))
    assert refused.value.field == field


def test_the_first_arrival_is_the_earliest_event_not_the_first_import(brand):
    with brand:
        brand.channels.create("late", "Late", "qr")
        brand.channels.create("early", "Early", "qr")
        one = brand.contacts.capture_lead(lead(1, at=NOON, reference="b", state="late"))
        brand.contacts.capture_lead(lead(1, at=NOON - 1_000, reference="a", state="early"))
        brand.contacts.capture_lead(lead(1, at=NOON - 500, reference="c", state="late"))
        view = brand.contacts.get(one.uid)
        assert (view.lead_at, view.lead_channel) == (NOON - 1_000, "early")
        assert [event.fact.is_new for event in log()] == [True, False, False]


def test_a_batch_counts_a_contact_as_new_once(brand):
    with brand:
        brand.contacts.capture_leads([lead(1, at=NOON + n, reference=f"r{n}") for n in (3, 1, 2)])
        assert [event.fact.is_new for event in log()] == [True, False, False]
        assert brand.contacts.find("phone", "+8613800000001").lead_at == NOON + 1


def test_tags_of_the_channel_are_set_once_per_lead(brand):
    with brand:
        tag = brand.tags.define("channel", "card", kind="channel")
        brand.channels.create("card", "Package card", "card", tags=(tag,))
        person = brand.contacts.capture_lead(lead(1, state="card")).contact_id
        (view,) = brand.tags.of(person)
        assert (view.name, view.origin, view.actor) == ("card", "auto", "channel:card")
        brand.tags.remove(person, tag, actor="li")
        brand.contacts.capture_lead(lead(1, state="card"))
        assert brand.tags.of(person) == []
        assert len(log("tag.added")) == 1


def test_a_retired_channel_tag_does_not_stop_leads(brand):
    with brand:
        tag = brand.tags.define("channel", "card", kind="channel")
        brand.channels.create("card", "Package card", "card", tags=(tag,))
        brand.tags.retire([tag], actor="li", reason="over")
        person = brand.contacts.capture_lead(lead(1, state="card")).contact_id
        assert brand.tags.of(person) == [] and log("tag.added") == []


def test_history_is_marked_as_such_in_every_event(brand):
    with brand:
        tag = brand.tags.define("channel", "card", kind="channel")
        brand.channels.create("card", "Package card", "card", tags=(tag,))
        brand.contacts.capture_leads([lead(1, state="card", backfill=True), lead(2, state="card")])
        marks = {(event.type, event.contact_id): event.backfill for event in eventlog.tail(100)}
        assert sorted(marks.values()) == [False, False, True, True]
        assert all(marks["tag.added", person] == marks["lead.captured", person] for _, person in marks)


def test_consents_come_with_the_lead(brand):
    with brand:
        sms = ConsentIn("marketing_sms", text_version="v3")
        person = brand.contacts.capture_lead(lead(1, consents=(sms,))).contact_id
        assert brand.consent.state(person, "marketing_sms")
        assert not brand.consent.state(person, "marketing_call")
        (record,) = brand.consent.history(person)
        assert (record.at, record.source, record.text_version) == (NOON, "form", "v3")


class Bouncer(Plugin):
    name = "bouncer"
    version = "1"
    summary = "Refuses leads that carry a bad state; tags nobody it refuses."
    requires_core = ">=0"

    @hookimpl
    def check_lead(self, draft):
        execute("INSERT INTO audit (at, actor, action, target) VALUES (1, 'bouncer', 'seen', ?)", (draft.state,))
        if draft.state == "bad":
            raise Veto("not welcome", code="bouncer")


def test_a_plugin_refuses_a_lead_and_only_that_one(new_installation):
    installation = new_installation(acme="[plugins.bouncer]\n", plugins=(Bouncer,))
    brand, other = installation.brand("acme"), installation.brand("moonco")
    with brand:
        good, bad = brand.contacts.capture_leads([lead(1, state="fine"), lead(2, state="bad")])
        assert good.updated
        assert isinstance(bad, Veto) and bad.code == "bouncer"
        with pytest.raises(Veto):
            brand.contacts.capture_lead(lead(2, state="bad"))
        assert [row[0] for row in execute("SELECT target FROM audit")] == ["fine"]
        assert count("contact") == 1
    with other:
        assert other.contacts.capture_lead(lead(2, state="bad")).updated


RACE = """
from scrm_core.services.contacts import IdentityIn, LeadIn

def run(brand, worker):
    made = []
    for n in range(12):
        identities = (IdentityIn.of("phone", f"137{n:08d}"), IdentityIn.of("openid", f"o{n}", "mini"))
        lead = LeadIn("form", identities, 1_767_268_800_000, reference=str(n), state="card")
        result = brand.contacts.capture_lead(lead)
        made.append([result.contact_id, result.created, result.updated])
    return made
"""


def test_processes_that_capture_the_same_leads_at_once_capture_each_once(installation, brand, together):
    with brand:
        tag = brand.tags.define("channel", "card", kind="channel")
        brand.channels.create("card", "Package card", "card", tags=(tag,))
    answers = together(installation, RACE, 4)
    for per_lead in zip(*answers, strict=True):
        assert len({contact_id for contact_id, _, _ in per_lead}) == 1
        assert sum(created for _, created, _ in per_lead) == sum(updated for _, _, updated in per_lead) == 1
    with brand:
        assert count("contact") == count("touch") == 12
        assert len(log()) == len(log("tag.added")) == 12
        assert all(event.fact.is_new for event in log())


SECOND_LEADS = """
from scrm_core.services.contacts import IdentityIn, LeadIn

def run(brand, worker):
    person = (IdentityIn.of("phone", "13700000000"),)
    for n in range(10):
        brand.contacts.capture_lead(LeadIn(f"form{worker}", person, 1_000 + n, reference=str(n)))
"""


def test_one_of_many_simultaneous_leads_is_the_first(installation, brand, together):
    together(installation, SECOND_LEADS, 4)
    with brand:
        assert count("contact") == 1
        assert sum(event.fact.is_new for event in log()) == 1 and len(log()) == 40
        assert brand.contacts.find("phone", "+8613700000000").lead_at == 1_000
