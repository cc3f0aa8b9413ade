"""The chat archive: messages of customers who agreed come in once each, and of nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from marshmallow import ValidationError
from wecom_scene import AES_KEY, CORP, TOKEN
from wecom_whole import SECRET, Whole

from scrm_core.db.bulk import execute
from scrm_wecom import WecomPlugin
from scrm_wecom.archive import said_of
from scrm_wecom.schemas import Settings
from scrm_wecom.simulator import AppAccount, CorpAccount, Simulator, serve

ARCHIVE_SECRET, AGREE = "archive-secret", "msgaudit/check_single_agree"


@cache
def pair(number: int) -> tuple[str, str]:
    """A key pair as PEM: private, public."""
    key = rsa.generate_private_key(65_537, 2_048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


@pytest.fixture
def archive(new_installation, deliver, clock) -> Iterator[Whole]:
    """Acme reads the archive with keys of versions 1 and 2; p1 and p2 are customers of staff002 and staff003 who agreed."""
    apps = (AppAccount(1_000_002, SECRET), AppAccount(2_000_004, ARCHIVE_SECRET, archive=True))
    simulator = Simulator([CorpAccount(CORP, apps, staff=4, customers=4)], now=clock.now, echo_timeout=30)
    with serve(simulator) as api:
        keys = "\\n".join(f"{n}\\n{pair(n)[0].strip()}" for n in (1, 2)).replace("\n", "\\n")
        table = (
            f'\n[plugins.wecom]\ncorp_id = "{CORP}"\ncallback_token = "{TOKEN}"\ncallback_aes_key = "{AES_KEY}"\n'
            f'secret = "{SECRET}"\napi = "{api.url}"\narchive = true\narchive_secret = "{ARCHIVE_SECRET}"\n'
            f'archive_bridge = "{api.url}/simulator/{CORP}/archive"\narchive_keys = "{keys}"\n'
        )
        made = Whole(new_installation(plugins=(WecomPlugin,), acme=table, moonco=table), "acme", deliver)
        made.simulator, made.simulator_url = simulator, api.url
        simulator.set_archive_key(CORP, pair(1)[1], 1)
        for person, staff in (("p1", "staff002"), ("p2", "staff003")):
            simulator.act(CORP, "agree_archive", {"userid": staff, "person": person})
        yield made


def say(scene: Whole, text: str, *, person: str = "p1", staff: str = "staff002", **more: str) -> None:
    scene.simulator.act(CORP, "chat", {"userid": staff, "person": person, "text": text, **more})


def read(scene: Whole) -> int:
    with scene.brand as brand:
        found = brand.plugins["wecom"].wecom.archive.run()
    scene.deliver()
    return int(found)


def told(scene: Whole) -> list[tuple[str, str]]:
    """What plugins hear by ``on_message_in``: text, and to whom it was said."""
    return [(row["text"], row["to"]) for row in scene.told("message.received")]


def warnings(scene: Whole) -> list[str]:
    with scene.brand as brand:
        return list(brand.plugins["wecom"].brand_warnings())


def test_what_a_customer_says_comes_in_once_with_who_said_it_to_whom_and_when(archive: Whole, clock):
    say(archive, "几点开门？")
    said_at = clock.now()
    clock.advance(seconds=60)
    assert (read(archive), read(archive)) == (1, 0)
    assert told(archive) == [("几点开门？", "staff002")]
    with archive.brand as brand:
        who, at = execute("SELECT contact_id, at FROM message_in").fetchone()
        assert (brand.contacts.find("external_userid", archive.external("p1")).id, at) == (who, said_at)
    with archive.installation.brand("moonco"):
        assert execute("SELECT count(*) FROM message_in").fetchone() == (0,)


def test_a_text_of_many_lines_or_of_any_characters_comes_in_as_one_line_and_holds_up_nobody(archive: Whole):
    say(archive, "你好\n在吗\t?\x00 ")
    say(archive, "长" * 4_000)
    say(archive, "next")
    assert read(archive) == 3
    assert [words for words, _ in told(archive)] == ["你好 在吗 ?", "长" * 2_000, "next"]


def wrote(scene: Whole) -> list[tuple[str, int]]:
    """That staff wrote to the first customer: who, and when."""
    with scene.brand:
        rows = execute("SELECT contact_id, at, data FROM event WHERE type = 'plugin.event' ORDER BY id").fetchall()
    found = [(contact, at, json.loads(data)) for contact, at, data in rows]
    p1 = scene.contact("p1").id
    return [(each["fields"]["staff"], at) for contact, at, each in found if each["name"] == "wrote" and contact == p1]


def test_that_staff_wrote_to_a_customer_is_told_once_and_nothing_of_what(archive: Whole, clock):
    say(archive, "")
    say(archive, "hello", by="staff")
    at = clock.now()
    clock.advance(seconds=60)
    assert (read(archive), read(archive)) == (1, 0)
    assert wrote(archive) == [("staff002", at)]
    with archive.brand:
        assert execute("SELECT count(*) FROM message_in WHERE text = 'hello'").fetchone() == (0,)
        assert execute("SELECT count(*) FROM event WHERE data LIKE ?", ("%hello%",)).fetchone() == (0,)


def test_what_staff_say_in_a_group_or_to_who_does_not_agree_is_passed_over(archive: Whole):
    group = archive.act("create_group", owner="staff002", name="g")
    archive.act("join_group", chat_id=group.id, who=["p1"])
    say(archive, "")
    say(archive, "hello", by="staff", chat_id=group.id)
    read(archive)
    say(archive, "hello", by="staff")
    archive.simulator.act(CORP, "refuse_archive", {"userid": "staff002", "person": "p1"})
    read(archive)
    assert wrote(archive) == []


def test_a_welcome_or_a_group_send_is_nothing_that_staff_wrote(archive: Whole, clock):
    archive.act("add", userid="staff001", person="p9")
    archive.simulator.act(CORP, "agree_archive", {"userid": "staff001", "person": "p9"})
    archive.synced()
    with archive.brand as brand:
        sends = brand.plugins["wecom"].wecom.sends
        sends.open("may", {"text": "五月\n新茶"}, expression="orders = 0", kind="notice")
    clock.advance(seconds=20)
    say(archive, "welcome", by="staff", person="p9", staff="staff001")
    read(archive)
    assert archive.said("wrote") == []
    with archive.brand as brand:
        sends.start("may")
        brand.outreach.drain()
    clock.advance(seconds=60)
    say(archive, "五月\n新茶", by="staff", person="p9", staff="staff001")
    read(archive)
    assert archive.said("wrote") == []
    say(archive, "新茶要吗", by="staff", person="p9", staff="staff001")
    read(archive)
    assert archive.said("wrote") == [{"staff": "staff001"}]


def test_a_message_of_a_sender_that_carries_no_content_does_not_stop_the_archive(archive: Whole, clock):
    say(archive, "")
    read(archive)
    with archive.brand as brand:
        run = brand.outreach.open_run("other", owner="wecom", channel="wecom", kind="notice", sender="wecom-group")
        execute(
            "INSERT INTO message (run_id, contact_id, address, bucket, state, reason, params, not_before, sent_at, updated_at) "
            "VALUES (?, ?, 'x', 0, 'sent', '', '{}', 0, ?, 0)",
            (run.id, archive.contact("p1").id, clock.now()),
        )
    say(archive, "hello", by="staff")
    read(archive)
    assert archive.said("wrote") == [{"staff": "staff002"}]


def test_who_was_erased_is_not_told_to_have_been_written_to(archive: Whole):
    say(archive, "before")
    read(archive)
    with archive.brand as brand:
        brand.privacy.erase(archive.contact("p1").id, actor="ann")
    say(archive, "after", by="staff")
    read(archive)
    assert archive.said("wrote") == []


def test_media_are_their_kind_alone(archive: Whole):
    say(archive, "", kind="image")
    assert read(archive) == 1
    assert told(archive) == [("[image]", "staff002")]


def test_who_does_not_agree_any_more_is_not_taken_though_the_archive_has_it(archive: Whole):
    say(archive, "one")
    say(archive, "two", person="p2", staff="staff003")
    archive.simulator.act(CORP, "refuse_archive", {"userid": "staff002", "person": "p1"})
    assert read(archive) == 1
    assert told(archive) == [("two", "staff003")]


def test_one_who_is_no_customer_any_more_keeps_nobody_else_s_messages_away(archive: Whole):
    say(archive, "one")
    say(archive, "two", person="p2", staff="staff003")
    archive.simulator.act(CORP, "staff_deletes", {"userid": "staff002", "person": "p1"})
    assert (read(archive), told(archive)) == (1, [("two", "staff003")])


def test_a_rotated_key_is_read_with_its_version_and_a_missing_one_waits(archive: Whole):
    say(archive, "one")
    archive.simulator.set_archive_key(CORP, pair(2)[1], 2)
    say(archive, "two")
    archive.simulator.set_archive_key(CORP, pair(3)[1], 3)
    say(archive, "three")
    assert [read(archive), read(archive)] == [2, 0]
    assert any("no key of version 3" in each for each in warnings(archive))
    with archive.brand:
        assert execute("SELECT seq FROM wecom_archive").fetchone() == (2,)


def test_a_record_that_its_key_does_not_open_is_noted_and_the_others_go_on(archive: Whole):
    archive.simulator.set_archive_key(CORP, pair(3)[1], 1)  # not the key that we have as version 1
    say(archive, "lost")
    archive.simulator.set_archive_key(CORP, pair(1)[1], 1)
    say(archive, "found")
    assert (read(archive), told(archive)) == (1, [("found", "staff002")])
    assert any("1 archived messages could not be read" in each for each in warnings(archive))


def test_reading_goes_on_where_it_was_cut_off(archive: Whole):
    for number in range(5):
        say(archive, f"m{number}")
    archive.simulator.fault("errcode", 45009, api=AGREE, times=1)
    assert (read(archive), told(archive)) == (0, [])
    assert any("chat archive waits" in each for each in warnings(archive))
    archive.simulator.clear_faults()
    with archive.brand:
        execute("UPDATE wecom_api SET blocked_until = 0")
    assert read(archive) == 5
    assert [text for text, _ in told(archive)] == [f"m{number}" for number in range(5)]
    assert not any("waits" in each for each in warnings(archive))


def test_who_was_erased_is_not_written_of_again(archive: Whole):
    say(archive, "before")
    read(archive)
    with archive.brand as brand:
        brand.privacy.erase(archive.contact("p1").id, actor="ann")
    say(archive, "after")
    assert read(archive) == 0
    with archive.brand:
        assert execute("SELECT text, address FROM message_in").fetchall() == [("", "")]


def test_texts_go_after_their_days_and_that_they_came_stays(archive: Whole, clock):
    say(archive, "old")
    read(archive)
    clock.advance(seconds=90 * 86_400)
    say(archive, "new")
    read(archive)
    clock.advance(seconds=60)
    with archive.brand as brand:
        brand.plugins["wecom"].tidy()
        assert execute("SELECT text FROM message_in ORDER BY id").fetchall() == [("",), ("new",)]


def test_switched_off_nothing_is_read_any_more_and_texts_go_when_their_days_are_over(archive: Whole, clock):
    say(archive, "one")
    read(archive)
    wecom = archive.brand.plugins["wecom"]
    wecom.wecom.settings = {**wecom.settings, "archive": False}
    say(archive, "two")
    for days, texts in ((89, [("one",)]), (2, [("",)])):
        clock.advance(days=days)
        with archive.brand:
            wecom.work()
            wecom.tidy()
            assert execute("SELECT text FROM message_in").fetchall() == texts


SOURCE = """
def run(brand, worker):
    archive, taken = brand.plugins["wecom"].wecom.archive, 0
    for _ in range(20):
        taken += archive.run(seconds=1)
        archive._release("")  # the others' leases are taken from them: the worst that can be
    return taken
"""


def test_processes_that_read_at_one_moment_take_each_message_once(archive: Whole, together):
    for number in range(30):
        say(archive, f"m{number}", person=("p1", "p2")[number % 2], staff=("staff002", "staff003")[number % 2])
    assert sum(together(archive.installation, SOURCE, 3)) == 30
    archive.deliver()
    assert sorted(text for text, _ in told(archive)) == sorted(f"m{number}" for number in range(30))


def test_it_is_off_until_it_is_switched_on(scene):
    assert scene.brand.plugins["wecom"].settings["archive"] is False


def test_switched_on_it_says_what_is_missing():
    with pytest.raises(ValidationError, match="archive = true needs archive_secret"):
        Settings().load({"corp_id": CORP, "archive": True})


class Library:
    """What another plugin may offer instead of a bridge."""

    def chat_data(self, seq: int, limit: int) -> dict:
        return {"errcode": 10_001}

    def decrypt(self, items: Sequence[tuple[str, str]]) -> list:
        return []


def test_an_error_of_the_library_or_the_bridge_is_shown_and_nothing_moves(archive: Whole, monkeypatch):
    say(archive, "one")
    with archive.brand as brand:
        reader = brand.plugins["wecom"].wecom.archive
        monkeypatch.setattr(type(reader), "_fetcher", lambda self: Library())
        assert reader.run() == 0
        monkeypatch.undo()
        assert any("10001" in each for each in brand.plugins["wecom"].brand_warnings())
        assert reader.run() == 1


@pytest.mark.parametrize(
    "message",
    [
        {}, {"action": "switch", "time": 1, "user": "zhangsan"}, {"msgid": "m", "action": "recall", "from": "wm" + "x" * 30},
        {"msgid": "m", "action": "send", "from": "wmason", "msgtype": "text", "text": {"content": "x"}},
        {"msgid": "m", "action": "send", "from": "wb" + "x" * 30, "msgtype": "text", "text": {"content": "x"}},
        {"action": "send", "from": "wm" + "x" * 30, "msgtype": "text", "text": {"content": "x"}},
        {"msgid": "m", "action": "send", "from": "wb" + "x" * 30, "tolist": ["wm" + "x" * 30], "msgtype": "text"},
        {"msgid": "m", "action": "send", "from": "ann", "tolist": ["ben"], "msgtype": "text", "text": {"content": "x"}},
        {"msgid": "m" * 129, "action": "send", "from": "wm" + "x" * 30, "msgtype": "text", "text": {"content": "x"}},
    ],
)  # fmt: skip
def test_what_is_no_message_of_a_customer_or_to_one_is_none(message):
    assert said_of(message) is None
