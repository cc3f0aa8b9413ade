"""Moments: a few a day in the brand's zone, made once, by staff who confirm."""

from __future__ import annotations

import json

import pytest
from wecom_scene import CORP, Scene

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_wecom import WecomPlugin
from scrm_wecom.media import Media
from scrm_wecom.moments import moment_content

ADD, RESULT, TAGS = (
    "externalcontact/add_moment_task", "externalcontact/get_moment_task_result", "externalcontact/get_corp_tag_list",
)  # fmt: skip
IMAGE = {"msgtype": "image", "image": {"media_id": "m"}}
LINK = {"msgtype": "link", "link": {"title": "Spring", "url": "https://example.cn/s"}}


def moments(scene: Scene):
    return scene.brand.plugins["wecom"].wecom.moments


def post(scene: Scene, code: str, **more):
    with scene.brand:
        return moments(scene).post(code, {"text": "今日新品"}, actor="ann", **more)


def work(scene: Scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].work()


def state(scene: Scene, code: str = "a") -> tuple[str, str]:
    with scene.brand:
        found = moments(scene).get(code)
    return found.state, found.moment_id


@pytest.fixture
def posting(scenes, server) -> Scene:
    """Acme at any hour; test_wecom_moments_by_night.py has the quiet hours."""
    server.answers[ADD] = [{"errcode": 0, "jobid": "j1"}]
    server.answers[RESULT] = [{"errcode": 0, "status": 1}, {"errcode": 0, "status": 3, "result": {"errcode": 0, "moment_id": "mom1"}}]
    return scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n', before='[outreach]\nquiet_hours = "none"\n')[0]


def test_a_moment_is_made_once_and_asked_about_until_it_is(posting, server, clock):
    post(posting, "a")
    for expected in (("asked", ""), ("asked", ""), ("made", "mom1"), ("made", "mom1")):
        work(posting)
        clock.advance(seconds=61)
        assert state(posting) == expected
    (asked,) = [each for each in server.asked if each.api == ADD]
    assert asked.body == {"text": {"content": "今日新品"}}


def test_it_goes_to_customers_with_a_tag_by_members_that_are_named(posting, server):
    server.answers[TAGS] = [
        {"errcode": 0, "tag_group": [{"group_id": "g", "group_name": "level", "tag": [{"id": "et1", "name": "gold"}]}]}
    ]
    with posting.brand as brand:
        brand.plugins["wecom"].tidy()
    work(posting)
    post(posting, "a", tags=["level/gold"], staff=["zhangsan"])
    work(posting)
    (asked,) = [each for each in server.asked if each.api == ADD]
    assert asked.body["visible_range"] == {
        "sender_list": {"user_list": ["zhangsan"]}, "external_contact_list": {"tag_list": ["et1"]},
    }  # fmt: skip
    with pytest.raises(Invalid, match="level/iron"):
        post(posting, "b", tags=["level/iron"])


def test_the_fourth_of_a_day_is_refused_and_the_day_is_the_brand_s(posting, clock):
    clock.set(1_767_283_140_000)  # 23:59 in Shanghai
    for code in ("a", "b", "c"):
        post(posting, code)
    with pytest.raises(Conflict, match="3 moments a day"):
        post(posting, "d")
    with posting.brand:
        assert execute("SELECT count(*) FROM wecom_moment").fetchone() == (3,)
    clock.advance(seconds=61)
    post(posting, "d")


def test_zero_a_day_is_never(scenes):
    made = scenes(acme="moments_per_day = 0\n")[0]
    with pytest.raises(Conflict, match="moments a day"):
        post(made, "a")


def test_a_code_is_used_once(posting):
    post(posting, "a")
    with pytest.raises(Conflict, match="already"):
        post(posting, "a")


SOURCE = """
from scrm_core.api import ScrmError

def run(brand, worker):
    moments, made = brand.plugins["wecom"].wecom.moments, 0
    for number in range(6):
        try:
            moments.post(f"{worker}-{number}", {"text": "x"})
            made += 1
        except ScrmError:
            continue
    return made
"""


def test_processes_together_post_no_more_than_a_day_has(posting, together):
    # A run that crosses midnight in Shanghai has the limit twice.
    assert sum(together(posting.installation, SOURCE, 3)) in (3, 6)


@pytest.mark.parametrize(
    ("answer", "expected", "again"),
    [
        ({"errcode": -1}, "unknown", 1), (lambda asked: None, "unknown", 1), ({"errcode": 41072}, "failed", 1),
        ({"errcode": 41078}, "waiting", 2), ({"errcode": 45009}, "waiting", 2),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_never_made_again(posting, server, clock, answer, expected, again):
    server.answers[ADD] = [answer]
    post(posting, "a")
    work(posting)
    assert state(posting)[0] == expected
    clock.advance(seconds=120)
    work(posting)
    assert len(server.calls(ADD)) == again


def test_a_process_that_died_in_the_call_leaves_it_unknown(posting, server, clock):
    post(posting, "a")
    with posting.brand as brand:
        execute("UPDATE wecom_moment SET state = 'making', next_at = ?", (brand.now() + 120_000,))
    work(posting)
    assert state(posting)[0] == "making"
    clock.advance(seconds=121)
    work(posting)
    assert (state(posting)[0], server.calls(ADD)) == ("unknown", [])


def test_the_emergency_switch_of_outreach_holds_for_moments(posting, server):
    post(posting, "a")
    with posting.brand as brand:
        brand.outreach.stop("wrong price", actor="ann")
    work(posting)
    assert server.calls(ADD) == []
    with posting.brand as brand:
        brand.outreach.go_on(actor="ann")
    work(posting)
    assert server.calls(ADD) == [ADD]


def test_a_task_that_wecom_could_not_make_failed(posting, server, clock):
    server.answers[RESULT] = [{"errcode": 0, "status": 3, "result": {"errcode": 41048}}]
    post(posting, "a")
    work(posting)
    clock.advance(seconds=61)
    work(posting)
    with posting.brand:
        found = moments(posting).get("a")
    assert (found.state, found.note) == ("failed", "WeCom made no task of it (41048)")


def test_a_job_that_lacked_the_media_is_asked_for_once_more(posting, server, clock):
    server.answers["media/upload_attachment"] = [{"errcode": 0, "media_id": "md"}]
    server.answers[RESULT] = [{"errcode": 0, "status": 3, "result": {"errcode": 40007}}]
    with posting.brand as brand:
        file = Media(brand).put(b"\x89PNG\r\n\x1a\n", kind="image", name="a.png").digest
        moments(posting).post("a", {"attachments": [{"msgtype": "image", "image": {"file": file}}]})
    for expected in ("asked", "waiting", "asked", "failed"):
        work(posting)
        clock.advance(seconds=61)
        assert state(posting)[0] == expected
    assert (len(server.calls(ADD)), len(server.calls("media/upload_attachment"))) == (2, 2)


def test_a_moment_counts_on_the_day_that_it_is_made(posting, server, clock):
    clock.set(1_767_280_800_000)  # 23:20 in Shanghai
    server.answers[ADD] = [{"errcode": 45009}]
    for code in ("a", "b", "c"):
        post(posting, code)
    work(posting)
    clock.advance(hours=1)
    server.answers[ADD] = [{"errcode": 0, "jobid": "j1"}]
    work(posting)
    assert [state(posting, code)[0] for code in "abc"] == ["asked"] * 3
    with pytest.raises(Conflict, match="3 moments a day"):
        post(posting, "d")  # those of yesterday are seen today


def test_a_moment_that_finds_its_day_full_waits_for_the_next_one(posting, server, clock):
    clock.set(1_767_280_800_000)
    server.answers[ADD] = [{"errcode": 45009}, {"errcode": 0, "jobid": "j1"}]
    post(posting, "late")
    work(posting)
    clock.advance(hours=1)
    for code in ("a", "b", "c"):
        post(posting, code)
    work(posting)
    assert (state(posting, "late")[0], state(posting, "c")[0]) == ("waiting", "asked")
    clock.advance(hours=23)
    work(posting)
    assert state(posting, "late")[0] == "waiting"
    clock.advance(hours=1)
    work(posting)
    assert state(posting, "late")[0] == "asked"


def test_one_that_failed_takes_nobody_s_place(posting, server):
    server.answers[ADD] = [{"errcode": 41072}]
    for code in ("a", "b", "c"):
        post(posting, code)
    work(posting)
    post(posting, "d")


def test_a_moment_that_could_not_be_made_within_two_days_is_over(posting, server, clock):
    post(posting, "a")
    with posting.brand as brand:
        brand.outreach.stop("wrong price", actor="ann")
    for hours, expected in ((47, "waiting"), (2, "failed")):
        clock.advance(hours=hours)
        work(posting)
        assert state(posting)[0] == expected
    with posting.brand as brand:
        brand.outreach.go_on(actor="ann")
    work(posting)
    assert server.calls(ADD) == []


def test_one_that_is_given_up_gives_its_place_of_the_day_to_another(posting, server, clock):
    clock.set(1_767_240_000_000)  # noon in Shanghai
    server.answers[ADD] = [{"errcode": 45009}]
    post(posting, "late")
    clock.advance(hours=47)
    work(posting)  # it takes a place of that day, and WeCom makes it not
    clock.advance(hours=2)
    work(posting)
    assert state(posting, "late")[0] == "failed"
    for code in ("a", "b", "c"):
        post(posting, code)
    with pytest.raises(Conflict, match="3 moments a day"):
        post(posting, "d")


def test_a_job_that_never_ends_is_not_asked_about_for_ever(posting, server, clock):
    server.answers[RESULT] = [{"errcode": 0, "status": 1}]
    post(posting, "a")
    work(posting)
    clock.advance(days=3, seconds=1)
    work(posting)
    assert state(posting)[0] == "unknown"


@pytest.mark.parametrize(
    "content",
    [
        {}, {"text": "你" * 2_001}, {"attachments": [IMAGE] * 9 + [LINK]}, {"attachments": [IMAGE, LINK]},
        {"attachments": [LINK, LINK]}, {"attachments": [{"msgtype": "file", "file": {"media_id": "m"}}]},
    ],
)  # fmt: skip
def test_what_wecom_would_refuse_is_refused_before(content):
    with pytest.raises(Invalid):
        moment_content(content)


def test_what_wecom_takes_is_taken():
    for attachments in ([IMAGE] * 9, [LINK], [{"msgtype": "video", "video": {"media_id": "m"}}]):
        assert moment_content({"attachments": attachments})["attachments"] == attachments


def test_routes_and_commands_post_and_show(scrm_app, tmp_path):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP})
    client = app.brand.client("wecom:send", "wecom:read")
    made = client.post("plugins/wecom/moments", {"code": "a", "content": {"text": "hi"}})
    assert (made.status_code, made.json["state"]) == (201, "waiting")
    assert client.post("plugins/wecom/moments", {"code": "a", "content": {"text": "hi"}}).status_code == 409
    (tmp_path / "m.json").write_text(json.dumps({"text": "hello"}), encoding="utf-8")
    app.command("wecom", "moment", "post", "acme", "b", str(tmp_path / "m.json"), "--as", "ann")
    assert [each["code"] for each in client.get("plugins/wecom/moments").json["moments"]] == ["b", "a"]
    assert "waiting" in app.command("wecom", "moment", "list", "acme")
