"""What people write back, through a real Kannel: its message centre says it, the brand hears it."""

from __future__ import annotations

import json
from urllib.parse import quote

from kannel_gateway import until

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn

PERSON, OTHER = "+8613800138000", "+8613800138001"
TEXT = "【示例旗舰店】新品上市，点击查看，拒收请回复R"


def test_an_opt_out_word_ends_the_messages_and_other_words_are_told_to_plugins(wired, engine):
    kannel = wired.kannel
    with wired.brand as brand:
        for number in (PERSON, OTHER):
            identity = IdentityIn.of("phone", number, "")
            lead = LeadIn(
                source="test", reference=number, identities=(identity,), at=brand.now(), state="", fields={}
            )
            contact = brand.contacts.capture_lead(lead).contact_id
            brand.consent.record(contact, "marketing_sms", granted=True, source="test")
        run = brand.outreach.open_run("first", owner="sms", channel="sms", kind="marketing", sender="kannel")
        for number in (PERSON, OTHER):
            brand.outreach.queue_body(run.id, number, TEXT)
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        while brand.outreach.dispatch().busy:
            pass
        until(lambda: len(kannel.parts()) == 2, "both messages at the centre")

        wide = quote("请问有货吗".encode("utf-16-be"))
        heard = "SELECT count(*) FROM message_in"
        said = (f"{PERSON} 10690000 text TD", f"{OTHER} 10690000 text hello there", f"{OTHER[1:]} 10690000 ucs2 {wide}")
        for count, says in enumerate(said, start=1):
            kannel.connect_centre(says)
            until(lambda count=count: execute(heard).fetchone()[0] == count, f"reply {count}")
        kept = execute("SELECT address, handled, recipient FROM message_in ORDER BY address, id").fetchall()
        events = execute("SELECT data FROM event WHERE type = 'message.received'").fetchall()
        assert brand.outreach.suppressed("sms", PERSON) == ["opt_out"]
        assert brand.outreach.suppressed("sms", OTHER) == []

        later = brand.outreach.open_run("second", owner="sms", channel="sms", kind="marketing", sender="kannel")
        for number in (PERSON, OTHER):
            brand.outreach.queue_body(later.id, number, TEXT)
        brand.outreach.release(later.id, 10_000)
        brand.outreach.start(later.id)
        while brand.outreach.dispatch().busy:
            pass
        assert brand.outreach.counts(later.id)[("blocked", "do_not_contact")] == 1
        until(lambda: len(kannel.parts()) == 3, "the one message that may still go")
    assert kept == [(PERSON, "opt_out", "10690000"), (OTHER, "", "10690000"), (OTHER, "", "10690000")]
    assert {json.loads(row[0])["text"] for row in events} == {"hello there", "请问有货吗"}
    # Nothing was sent back to anybody, and the opt-out holds outside too.
    assert [part.recipient for part in kannel.parts()].count(PERSON) == 1
    assert {part.text for part in kannel.parts()} == {TEXT}
