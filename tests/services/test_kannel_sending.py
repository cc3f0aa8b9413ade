"""Messages through a real Kannel: counted at its message centre, matched with its receipts."""

from __future__ import annotations

from collections import Counter

import pytest
from kannel_gateway import until

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute

COUNT = 1_000
TEXT = "【示例旗舰店】您的包裹已发出"


def open_run(brand: Brand, addresses: list[str], text: str = TEXT, *, parts: int = 1) -> int:
    """A running run with a message for each address."""
    run = brand.outreach.open_run("test", owner="sms", channel="sms", kind="notice", sender="kannel")
    with brand.transaction():
        for address in addresses:
            assert brand.outreach.queue_body(run.id, address, text, parts=parts) is not None
    brand.outreach.release(run.id, 10_000)
    brand.outreach.start(run.id)
    return run.id


def states(brand: Brand, run: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    for (state, _), count in brand.outreach.counts(run).items():
        counted[state] += count
    return counted


def numbers(count: int) -> list[str]:
    return [f"+86138{number:08d}" for number in range(count)]


# The gateway is what is tried here; one database each is enough for it.
@pytest.mark.wide
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_thousand_messages_are_a_thousand_receipts(wired, engine):
    with wired.brand as brand:
        run = open_run(brand, numbers(COUNT))
        while states(brand, run)["queued"]:
            outcome = brand.outreach.dispatch()
            assert (outcome.refused, outcome.unknown, outcome.blocked) == (0, 0, 0)
        until(lambda: states(brand, run) == {"delivered": COUNT}, "a thousand receipts")
        rows = execute("SELECT uid, address, code FROM message WHERE run_id = ?", (run,)).fetchall()
        told = execute("SELECT count(*) FROM event WHERE type = 'message.status'").fetchone()[0]
    assert len({uid for uid, _, _ in rows}) == COUNT
    # The effect outside: the centre itself wrote each number down once.
    assert Counter(part.recipient for part in wired.kannel.parts()) == Counter(numbers(COUNT))
    assert {part.text for part in wired.kannel.parts()} == {TEXT}
    assert told == COUNT  # each message was told of once, though the centre reported twice


@pytest.mark.wide
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_stopped_bearerbox_loses_nothing_and_doubles_nothing(wired, clock, engine):
    kannel = wired.kannel
    with wired.brand as brand:
        run = open_run(brand, numbers(COUNT))
        retried = stopped = 0
        while states(brand, run)["queued"]:
            outcome = brand.outreach.dispatch()
            assert outcome.refused == 0
            if not stopped and states(brand, run)["queued"] <= COUNT * 2 // 3:
                kannel.stop_bearerbox()
                stopped = 1
            if outcome.retried:
                retried += 1
                if retried == 3:
                    kannel.wait_for_the_end()
                    kannel.start()
                clock.advance(seconds=11)
        assert retried >= 3, "bearerbox was never away"
        until(lambda: states(brand, run)["sent"] == 0, "the receipts of what was accepted", 90)
        found = execute("SELECT address, state, code FROM message WHERE run_id = ?", (run,)).fetchall()
    delivered = {address for address, state, _ in found if state == "delivered"}
    held = {address: (state, code) for address, state, code in found if state != "delivered"}
    centre = Counter(part.recipient for part in kannel.parts())
    assert set(centre.values()) == {1}, "a message was doubled"
    assert set(centre) == delivered, "what we know and what the centre has differ"
    assert delivered | set(held) == set(numbers(COUNT)), "a message was lost"
    # smsbox may close the connection on the one request that it has at this moment. Nobody can
    # say whether that message went, so it is held for a person instead of being sent again.
    assert set(held.values()) <= {("unknown", "broken_answer")}
    assert len(held) <= 1


def test_chinese_text_of_one_two_and_three_parts_arrives_as_it_was_written(wired, engine):
    texts = {}
    with wired.brand as brand:
        for parts, units in ((1, 70), (2, 134), (3, 201)):
            text = "【示例】" + ("亲爱的会员😀点击" * 40)
            while len(text.encode("utf-16-be")) // 2 > units:
                text = text[:-1]
            address = f"+8613900000{parts:03d}"
            texts[address] = (text, parts)
            run = brand.outreach.open_run(f"run-{parts}", owner="sms", channel="sms", kind="notice", sender="kannel")
            brand.outreach.queue_body(run.id, address, text, parts=parts)
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
        brand.outreach.dispatch()
        final = "SELECT count(*) FROM message WHERE state = 'delivered'"
        until(lambda: execute(final).fetchone()[0] == 3, "three receipts")
    for address, (text, parts) in texts.items():
        arrived = sorted((p for p in wired.kannel.parts() if p.recipient == address), key=lambda part: part.number)
        assert [(part.number, part.of) for part in arrived] == [(number + 1, parts) for number in range(parts)]
        assert "".join(part.text for part in arrived) == text


def test_a_wrong_password_halts_the_run_and_says_why(wired, engine):
    gateway = wired.brand.plugins["sms"].kannel_gateway()
    gateway._table = {**gateway._table, "password": "wrong"}
    with wired.brand as brand:
        brand.outreach._gateways["kannel"] = gateway
        run = open_run(brand, numbers(3))
        brand.outreach.dispatch()
        view = brand.outreach.run("sms", "test")
        assert states(brand, run) == {"failed": 1, "queued": 2}
    assert view.state == "paused"
    assert "http_403" in view.reason and "Authorization failed" in view.reason
    assert wired.kannel.parts() == []


def test_a_report_that_finds_the_server_busy_is_told_again(wired, engine):
    wired.busy = 5
    with wired.brand as brand:
        run = open_run(brand, numbers(4))
        while states(brand, run)["queued"]:
            brand.outreach.dispatch()
        until(lambda: states(brand, run) == {"delivered": 4}, "four receipts")
    assert len(wired.turned_away) == 5
