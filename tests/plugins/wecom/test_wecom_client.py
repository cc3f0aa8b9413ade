"""The client against a server: one token for all processes, limits, codes, and repetitions where they are safe."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from wecom_scene import CORP

from scrm_core.db.bulk import execute
from scrm_wecom.client.api import Api
from scrm_wecom.client.calls import Calls
from scrm_wecom.client.codes import CODES, Limited, WecomError, meaning_of

READ, ACT = "externalcontact/get_follow_user_list", "externalcontact/send_welcome_msg"
OK = {"errcode": 0, "errmsg": "ok"}


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def calls_of(calling, pauses):
    """A function that makes the calls of a brand, pauses noted instead of waited for."""

    def make(scene, **more):
        return Calls(scene.brand, {**scene.brand.plugins["wecom"].settings, **more}, pauses.append)

    return make


@pytest.fixture
def calls(calling, calls_of):
    with calling.brand:
        yield calls_of(calling)


def error(code: int) -> dict[str, object]:
    return {"errcode": code, "errmsg": "whatever, hint: [1], from ip: 10.1.2.3, more info at https://open.work.weixin"}


# Tokens -------------------------------------------------------------------------


def test_one_token_serves_many_calls_until_shortly_before_its_end(calls, server, clock):
    for _ in range(3):
        calls.read(READ)
    clock.advance(seconds=7_200 - 301)
    calls.read(READ)
    assert server.calls("gettoken") == ["gettoken"]
    clock.advance(seconds=2)
    calls.read(READ)
    assert [each.token for each in server.asked if each.api == READ] == ["t1"] * 4 + ["t2"]


def test_a_token_that_wecom_gives_again_until_its_end_is_asked_for_now_and_then(calls, server, clock):
    server.answers["gettoken"] = [{"errcode": 0, "access_token": "same", "expires_in": 200}]
    for _ in range(20):
        calls.read(READ)
    assert server.calls("gettoken") == ["gettoken"]
    clock.advance(seconds=31)
    for _ in range(20):
        calls.read(READ)
    assert server.calls("gettoken") == ["gettoken"] * 2
    assert {each.token for each in server.asked if each.api == READ} == {"same"}


def test_a_token_that_ends_soon_and_is_taken_back_is_fetched_at_once(calls, server, pauses):
    server.answers["gettoken"] = [{"errcode": 0, "access_token": name, "expires_in": 200} for name in ("old", "new")]
    calls.read(READ)
    server.answers[READ] = [error(40014), OK]
    calls.read(READ)
    assert server.calls() == ["gettoken", READ, READ, "gettoken", READ] and pauses == []


def test_the_question_for_a_token_has_corporation_and_secret(calls, server):
    calls.read(READ)
    assert server.asked[0].query == {"corpid": CORP, "corpsecret": "s3cret"}
    assert (server.asked[1].method, server.asked[1].query) == ("GET", {"access_token": "t1"})


@pytest.mark.parametrize("code", [40014, 42001])
def test_a_token_that_is_taken_back_in_mid_run_is_fetched_once_and_the_call_repeated_once(calls, server, code):
    calls.read(READ)
    server.answers[ACT] = [error(code), OK]
    calls.act(ACT, {"welcome_code": "c"})
    assert server.calls() == ["gettoken", READ, ACT, "gettoken", ACT]
    assert [each.token for each in server.asked if each.api == ACT] == ["t1", "t2"]


def test_a_second_refusal_of_the_new_token_is_an_error(calls, server):
    server.answers[READ] = [error(40014)]
    with pytest.raises(WecomError, match="40014"):
        calls.read(READ)
    assert server.calls() == ["gettoken", READ, "gettoken", READ]


def test_threads_that_find_the_token_dead_at_one_moment_fetch_one(calling, server):
    with calling.brand:
        calls = Calls(calling.brand, calling.brand.plugins["wecom"].settings)  # they wait for the one that asks
        calls.read(READ)
    server.dead.add("t1")

    def work(_: int) -> None:
        with calling.brand:
            calls.read(READ)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(24)))
    assert server.calls("gettoken") == ["gettoken"] * 2


SOURCE = """
from scrm_wecom.client.calls import Calls

def run(brand, worker):
    calls = Calls(brand, brand.plugins["wecom"].settings)
    for _ in range(5):
        calls.read("externalcontact/get_follow_user_list")
    return "done"
"""


def test_processes_share_one_token(calling, together, server):
    assert together(calling.installation, SOURCE, 3) == ["done"] * 3
    assert server.calls("gettoken") == ["gettoken"]
    assert {each.token for each in server.asked if each.api == READ} == {"t1"}


def test_an_old_token_that_is_still_good_serves_while_somebody_renews_it(calls, server, clock):
    calls.read(READ)
    clock.advance(seconds=7_000)
    execute("UPDATE wecom_token SET lease = 'another', lease_until = ?", (calls.brand.now() + 20_000,))
    calls.read(READ)
    assert server.calls("gettoken") == ["gettoken"]


def test_the_lease_of_a_process_that_died_runs_out(calls, server, clock, pauses):
    execute(
        "INSERT INTO wecom_token (app, token, expires_at, lease, lease_until, refused_until, refusal) "
        "VALUES (?, '', 0, 'gone', ?, 0, '')",
        (calls._tokens._app, calls.brand.now() + 20_000),
    )
    with pytest.raises(WecomError, match="another process"):
        calls.read(READ)
    assert sum(pauses) >= 20
    clock.advance(seconds=20)
    calls.read(READ)
    assert server.calls("gettoken") == ["gettoken"]


@pytest.mark.parametrize("code", [40001, 40013, 40091, 60020])
def test_a_secret_that_is_refused_is_not_tried_again_for_ten_minutes(calls, server, clock, code):
    server.answers["gettoken"] = [error(code), {"errcode": 0, "access_token": "good", "expires_in": 7200}]
    for _ in range(5):
        with pytest.raises(WecomError, match=str(code)):
            calls.read(READ)
    assert server.calls() == ["gettoken"]
    clock.advance(seconds=60 * 10)
    calls.read(READ)


def test_another_secret_is_tried_at_once(calling, calls_of, server):
    server.answers["gettoken"] = [error(40001), {"errcode": 0, "access_token": "good", "expires_in": 7200}]
    with calling.brand:
        with pytest.raises(WecomError):
            calls_of(calling).read(READ)
        calls_of(calling, secret="another").read(READ)
    assert [each.query["corpsecret"] for each in server.asked if each.api == "gettoken"] == ["s3cret", "another"]


@pytest.mark.parametrize("told", [
    {"errcode": 0}, {"access_token": 5, "expires_in": 7200}, {"access_token": "t" * 513},
    {"access_token": "t\0", "expires_in": 7200}, {"access_token": "t", "expires_in": 10**30},
])  # fmt: skip
def test_an_answer_without_a_token_is_told(calls, server, told):
    server.answers["gettoken"] = [told]
    with pytest.raises(WecomError, match="no token"):
        calls.read(READ)


# Limits -------------------------------------------------------------------------


def test_45009_leaves_that_api_alone_for_a_minute_and_others_go_on(calls, server, clock):
    server.answers[READ] = [error(45009), OK]
    for _ in range(4):
        with pytest.raises(Limited) as limited:
            calls.read(READ)
    assert limited.value.until == calls.brand.now() + 60_000
    assert len(server.calls(READ)) == 1
    calls.act(ACT, {})
    clock.advance(seconds=60)
    calls.read(READ)
    assert len(server.calls(READ)) == 2


def test_45009_again_and_again_leaves_the_api_alone_longer_up_to_an_hour(calls, server, clock):
    server.answers[READ] = [error(45009)]
    waits = []
    for _ in range(5):
        with pytest.raises(Limited) as limited:
            calls.read(READ)
        waits.append((limited.value.until - calls.brand.now()) // 1_000)
        clock.set(limited.value.until)
    assert waits == [60, 240, 960, 3_600, 3_600]


def test_our_own_count_keeps_below_the_limit(calling, calls_of, server, clock):
    clock.advance(seconds=30)
    with calling.brand:
        calls = calls_of(calling, calls_per_minute=3)
        for _ in range(3):
            calls.read(READ)
        with pytest.raises(Limited, match="minute") as limited:
            calls.read(READ)
        assert limited.value.until == calls.brand.now() + 30_000
        clock.advance(seconds=30)
        calls.read(READ)
    assert len(server.calls(READ)) == 4


def test_the_hour_counts_too(calling, calls_of, server, clock):
    with calling.brand:
        calls = calls_of(calling, calls_per_minute=2, calls_per_hour=5)
        done = 0
        for _ in range(4):
            for _ in range(2):
                try:
                    calls.read(READ)
                    done += 1
                except Limited as limited:
                    told = str(limited)
            clock.advance(seconds=60 * 1)
    assert (done, told) == (5, f"{READ}: called as often as WeCom allows in a hour")


TAKE = """
from scrm_core.api import ScrmError
from scrm_wecom.client.limits import Counter

def run(brand, worker):
    counter = Counter(brand, 10_000, 20)
    taken = 0
    for _ in range(15):
        try:
            counter.take("x")
            taken += 1
        except ScrmError:
            continue
    return taken
"""


def test_processes_together_keep_below_the_limit(calling, together):
    # A run that crosses a full hour has the limit twice.
    assert 20 <= sum(together(calling.installation, TAKE, 3)) <= 40


def test_gettoken_too_is_left_alone_after_45009(calls, server, clock):
    server.answers["gettoken"] = [error(45009)]
    for _ in range(2):
        with pytest.raises(Limited):
            calls.read(READ)
    clock.advance(seconds=61)
    del server.answers["gettoken"]
    calls.read(READ)
    assert server.calls() == ["gettoken", "gettoken", READ]


# Repetitions --------------------------------------------------------------------


def test_a_busy_server_is_asked_again_for_what_only_reads(calls, server, pauses):
    server.answers[READ] = [error(-1), error(-1), error(-1), {"errcode": 0, "follow_user": ["lisi"]}]
    assert Api(calls).staff() == ["lisi"]
    assert pauses == [0.2, 0.6, 1.5]


def test_a_server_that_stays_busy_is_an_error_after_three_repetitions(calls, server):
    server.answers[READ] = [error(-1)]
    with pytest.raises(WecomError) as raised:
        calls.read(READ)
    assert (raised.value.kind, len(server.calls(READ))) == ("busy", 4)


def test_what_acts_is_not_repeated_when_nobody_knows_whether_it_was_done(calls, server):
    server.answers[ACT] = [error(-1)]
    with pytest.raises(WecomError) as raised:
        calls.act(ACT, {})
    assert (raised.value.kind, len(server.calls(ACT))) == ("busy", 1)
    server.answers[ACT] = [lambda asked: None]
    with pytest.raises(WecomError) as raised:
        calls.act(ACT, {})
    assert (raised.value.kind, len(server.calls(ACT))) == ("uncertain", 2)


def test_what_may_be_done_twice_is_repeated(calls, server):
    server.answers["externalcontact/mark_tag"] = [lambda asked: None, error(-1), OK]
    Api(calls).mark("zhangsan", "wm1", ["et1"], ["et2"])
    assert len(server.calls("externalcontact/mark_tag")) == 3
    assert server.asked[-1].body == {
        "userid": "zhangsan", "external_userid": "wm1", "add_tag": ["et1"], "remove_tag": ["et2"],
    }  # fmt: skip


def test_too_many_at_one_moment_is_tried_again_whatever_it_does(calls, server, pauses):
    server.answers[ACT] = [error(45033), error(45033), OK]
    calls.act(ACT, {})
    assert pauses == [0.2, 0.6]


def test_a_server_that_goes_away_is_tried_three_times_more_by_what_acts_too(calling, calls_of, server, pauses):
    with calling.brand:
        calls_of(calling).read(READ)  # has a token
        server.close()
        with pytest.raises(WecomError) as raised:
            calls_of(calling).act(ACT, {})
    assert (raised.value.kind, len(pauses)) == ("away", 3)  # nothing was begun without a connection


def test_without_a_server_there_is_no_token_and_nothing_to_repeat(calls, server, pauses):
    server.close()
    with pytest.raises(WecomError) as raised:
        calls.act(ACT, {})
    assert (raised.value.kind, pauses) == ("away", [])


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"errcode": "0"}', b'{"errcode": true}', b"[" * 100_000])
def test_an_answer_that_is_not_wecom_s_is_no_success(calls, server, answer):
    server.answers[ACT] = [answer]
    with pytest.raises(WecomError) as raised:
        calls.act(ACT, {})
    assert raised.value.kind == "uncertain"


@pytest.mark.parametrize("answer", [error(-1), b"<html>", {"errcode": 0}, error(99_999)])
def test_without_a_token_nothing_was_done(calls, server, answer):
    server.answers["gettoken"] = [answer]
    with pytest.raises(WecomError) as raised:
        calls.act(ACT, {})
    assert (raised.value.kind, server.calls(ACT)) == ("away", [])


def test_text_goes_as_it_is_and_not_as_escapes(calls, server):
    calls.act(ACT, {"text": {"content": "你好"}})
    assert "你好".encode() in server.asked[-1].raw


# Words --------------------------------------------------------------------------


DOCUMENTED = (
    -1, 6000, 40001, 40003, 40013, 40014, 40056, 40058, 40063, 40068, 40071, 40072, 40096, 40098, 40099, 40126, 41001,
    41035, *range(41037, 41046), *range(41048, 41055), 41063, 41064, 41065, 41079, 41080, 41081, 41082, 41093, 41094,
    41096, 42001, 45009, 45033, 48002, 50002, 50003, 60011, 60020, 60030, 60111, 81017, 84061, 84074, 301002,
)  # fmt: skip
"""Those of developer page 90313 that an application for customers meets."""


def test_each_code_says_what_to_do():
    assert [code for code in DOCUMENTED if meaning_of(code).kind == "unknown"] == []
    for code, meaning in CODES.items():
        assert meaning.says and meaning.remedy, code
    assert (meaning_of(90500).kind, meaning_of(301052).kind, meaning_of(123456).kind) == ("data", "config", "unknown")


def test_an_error_names_api_code_and_remedy_and_neither_token_nor_secret_nor_address(calls, server, caplog):
    caplog.set_level(logging.INFO)
    server.answers["gettoken"] = [{"errcode": 0, "access_token": "the-token", "expires_in": 7200}]
    server.answers[READ] = [error(48002)]
    with pytest.raises(WecomError) as raised:
        calls.read(READ)
    assert str(raised.value) == (
        "externalcontact/get_follow_user_list: the application may not use this API (48002); "
        "give it that in WeCom's console (API 权限)"
    )
    assert raised.value.code == "wecom_config"
    assert "48002" in caplog.text
    assert not [secret for secret in ("the-token", "s3cret", "10.1.2.3") if secret in caplog.text + str(raised.value)]


# Answers ------------------------------------------------------------------------


def test_a_customer_is_read_with_everybody_who_has_them(calls, server):
    def page(asked):
        if not asked.query.get("cursor"):
            return {
                "errcode": 0,
                "external_contact": {"external_userid": "wm1", "name": "李四", "type": 1, "unionid": "ozyn"},
                "follow_user": [
                    {
                        "userid": "rocky", "createtime": 1525779812, "state": "s", "add_way": 16,
                        "tags": [{"tag_id": "et1", "type": 1}, {"tag_name": "own", "type": 2}, "odd"],
                    }
                ],
                "next_cursor": "more",
            }  # fmt: skip
        return {"errcode": 0, "external_contact": {"external_userid": "wm1"}, "follow_user": [{"userid": "lisi"}]}

    server.answers["externalcontact/get"] = [page]
    found = Api(calls).customer("wm1")
    assert (found.external, found.name, found.unionid) == ("wm1", "李四", "ozyn")
    assert [(f.staff, f.since, f.add_way, f.tags) for f in found.follows] == [
        ("rocky", 1525779812, 16, ("et1",)), ("lisi", 0, 0, ()),
    ]  # fmt: skip


@pytest.mark.parametrize("code", [84061, 40096])
def test_a_customer_whom_nobody_has_is_none_and_a_member_without_customers_has_none(calls, server, code):
    server.answers["externalcontact/get"] = [error(code)]
    assert Api(calls).customer("wm1") is None
    server.answers["externalcontact/batch/get_by_user"] = [error(84061)]
    assert Api(calls).customers("zhangsan").customers == ()


def test_a_contact_way_asks_that_a_customer_keeps_the_member_they_added(calls, server):
    server.answers["externalcontact/add_contact_way"] = [{"errcode": 0, "config_id": "c1", "qr_code": "https://qr"}]
    assert Api(calls).contact_way(["zhangsan", "lisi"], "door", "poster at the door") == ("c1", "https://qr")
    (asked,) = [each for each in server.asked if each.api == "externalcontact/add_contact_way"]
    assert asked.body == {
        "type": 2, "scene": 2, "user": ["zhangsan", "lisi"], "state": "door", "remark": "poster at the door",
        "is_exclusive": True,
    }  # fmt: skip
