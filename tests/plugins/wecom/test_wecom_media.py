"""Files in messages: kept once by content, uploaded when needed, used while WeCom has them, renewed when not."""

from __future__ import annotations

import json

import pytest
from wecom_scene import CORP
from wecom_whole import Whole

from scrm_core.api import execute
from scrm_core.errors import Invalid, NotFound
from scrm_wecom import WecomPlugin
from scrm_wecom.content import checked
from scrm_wecom.media import MOMENT, Media

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
UPLOAD = "media/upload"


def keep(scene: Whole, data: bytes = PNG, kind: str = "image", name: str = "茶.png") -> str:
    with scene.brand as brand:
        return Media(brand).put(data, kind=kind, name=name, actor="ann").digest


def picture(digest: str) -> dict:
    return {"text": "欢迎", "attachments": [{"msgtype": "image", "image": {"file": digest}}]}


def uploads(scene: Whole) -> list[tuple[str, int]]:
    """Scene (0 message, 1 moment) and size of each file that WeCom got."""
    return [(f"{each.scene} {each.type} {each.name}", each.size) for each in scene.simulator.corp(CORP).media.values()]


def welcome(scene: Whole, digest: str) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put(picture(digest))


def add(scene: Whole, person: str) -> list:
    scene.act("add", userid="staff001", person=person)
    scene.work()
    return [each["attachments"] for each in scene.noted("welcome")]


def test_a_welcome_s_file_is_uploaded_before_anybody_comes_and_once_while_it_is_good(whole: Whole, clock):
    digest = keep(whole)
    assert keep(whole) == digest
    welcome(whole, digest)
    whole.work()
    assert uploads(whole) == [("0 image 茶.png", len(PNG))]
    for person in ("p801", "p802"):
        add(whole, person)
    (first, second) = whole.noted("welcome")
    assert first["attachments"] == second["attachments"] != []
    assert len(uploads(whole)) == 1
    clock.advance(hours=61)  # less than twelve hours are left: renewed before it ends
    whole.work()
    assert len(uploads(whole)) == 2


def test_a_file_that_wecom_forgot_is_uploaded_anew_and_the_welcome_still_goes(whole: Whole, clock):
    welcome(whole, keep(whole))
    whole.work()
    whole.simulator.corp(CORP).media.clear()
    whole.act("add", userid="staff001", person="p803")
    for _ in range(3):
        whole.work()
        clock.advance(seconds=2)
    assert (whole.welcomes(), len(uploads(whole))) == (["欢迎"], 1)


def test_a_welcome_whose_media_id_wecom_does_not_know_goes_without_it_and_that_is_told(whole: Whole):
    card = {"msgtype": "link", "link": {"title": "新人礼", "url": "https://crm.example.cn/s/abc"}}
    gone = {"msgtype": "image", "image": {"media_id": "nosuch"}}
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"text": "欢迎", "attachments": [gone, card]})
    (told,) = add(whole, "p803")
    assert whole.welcomes() == ["欢迎"]
    assert [(each["msgtype"], each["title"]) for each in told] == [("link", "新人礼")]
    with whole.brand as brand:
        headers = {"Authorization": f"Bearer {brand.keys.create('test', ('wecom:read',))[1]}"}
    (shown,) = whole.client.get("/api/v1/acme/plugins/wecom/welcomes", headers=headers).json["welcomes"]
    assert "40007" in shown["note"] and shown["content"]["attachments"] == [gone, card]
    with whole.brand as brand:
        (warning,) = brand.plugins["wecom"].brand_warnings()
        assert "general welcome" in warning and "40007" in warning and "media put" in warning
        # Whoever sets it anew has mended it.
        brand.plugins["wecom"].wecom.greetings.put(picture(keep(whole)))
        assert list(brand.plugins["wecom"].brand_warnings()) == []
    assert add(whole, "p804")[-1][0]["msgtype"] == "image"


def test_a_welcome_of_a_file_that_wecom_does_not_take_goes_with_its_text_alone(whole: Whole, clock):
    welcome(whole, keep(whole))
    whole.simulator.fault("errcode", 40004, api=UPLOAD)
    assert add(whole, "p805") == [[]]
    with whole.brand as brand:
        assert any("40004" in each for each in brand.plugins["wecom"].brand_warnings())
        assert execute("SELECT state FROM message").fetchall() == [("delivered",)]


def test_a_welcome_that_is_nothing_but_a_lost_picture_is_told_and_fails(whole: Whole):
    gone = {"msgtype": "image", "image": {"media_id": "nosuch"}}
    with whole.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"attachments": [gone]})
    assert add(whole, "p806") == []
    with whole.brand as brand:
        assert any("greets nobody" in each for each in brand.plugins["wecom"].brand_warnings())
        assert execute("SELECT state, code FROM message").fetchall() == [("failed", "40007")]


def test_an_upload_that_fails_sends_nothing_and_is_tried_again(whole: Whole, clock):
    whole.simulator.fault("errcode", -1, api=UPLOAD, times=4)  # a call tries so often by itself
    welcome(whole, keep(whole))
    whole.act("add", userid="staff001", person="p804")
    for _ in range(4):
        whole.work()
        clock.advance(seconds=2)
    assert (whole.welcomes(), len(uploads(whole))) == (["欢迎"], 1)


def test_a_moment_has_media_of_its_own(whole: Whole, clock):
    clock.advance(hours=2)  # behind the quiet hours, in which no moment is made
    digest = keep(whole)
    with whole.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        wecom.moments.post("may", picture(digest), actor="ann")
        wecom.moments.run(wecom.api)
        assert wecom.moments.get("may").state == "asked"
        assert wecom.media._cached(digest, MOMENT, 0) != wecom.media._cached(digest, "message", 0)
    assert uploads(whole) == [("1 image 茶.png", len(PNG))]


def test_a_group_send_takes_files_and_the_same_text_stays_one_task(whole: Whole):
    digest = keep(whole)
    with whole.brand as brand:
        media, api = Media(brand), brand.plugins["wecom"].wecom.api
        ready = media.ready(api, checked(picture(digest)))
        assert media.ready(api, checked(picture(digest))) == ready
        media_id = ready["attachments"][0]["image"]["media_id"]
        msgid, failed = api.group_send([whole.external("p0")], ready)
    assert (media_id in whole.simulator.corp(CORP).media, bool(msgid), failed) == (True, True, frozenset())


def test_a_group_send_whose_file_wecom_forgot_uploads_it_anew_and_goes(whole: Whole, clock):
    clock.set(1_767_236_400_000)  # 11:00 in Shanghai
    digest = keep(whole)
    whole.act("add", userid="staff001", person="p805")
    with whole.brand as brand:
        brand.consent.record(whole.contact("p805").id, "marketing_wecom", granted=True, source="test")
        wecom = brand.plugins["wecom"].wecom
        wecom.media.ready(wecom.api, checked(picture(digest)))
        whole.simulator.corp(CORP).media.clear()
        wecom.sends.open("may", picture(digest), expression="orders = 0", actor="ann")
        wecom.sends.start("may")
        brand.outreach.drain()
        assert brand.outreach.counts(wecom.sends.get("may").run.id) == {("sent", ""): 1}
    assert len(uploads(whole)) == 1


def test_an_id_that_wecom_never_knew_pauses_the_send(whole: Whole, clock):
    clock.set(1_767_236_400_000)
    whole.act("add", userid="staff001", person="p805")
    with whole.brand as brand:
        brand.consent.record(whole.contact("p805").id, "marketing_wecom", granted=True, source="test")
        sends = brand.plugins["wecom"].wecom.sends
        content = {"attachments": [{"msgtype": "image", "image": {"media_id": "nosuch"}}]}
        sends.open("may", content, expression="orders = 0", actor="ann")
        sends.start("may")
        brand.outreach.drain()
        run = sends.get("may").run
        assert (run.state, "40007" in run.reason) == ("paused", True)
    assert [each.errcode for each in whole.simulator.calls if each.api.endswith("add_msg_template")] == [40007]


def test_a_moment_whose_file_wecom_forgot_uploads_it_anew(whole: Whole, clock):
    clock.advance(hours=2)  # behind the quiet hours, in which no moment is made
    digest = keep(whole)
    with whole.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        wecom.moments.post("may", picture(digest), actor="ann")
        wecom.moments.run(wecom.api)
        whole.simulator.corp(CORP).media.clear()
        wecom.moments.post("june", picture(digest), actor="ann")
        wecom.moments.run(wecom.api)
        assert wecom.moments.get("june").state == "asked"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "image"), (b"GIF89a.....", "image"), (PNG, "video"), (b"x" * 7, "song"), (b"x" * (20 * 2**20 + 1), "file")],
)  # fmt: skip
def test_what_wecom_would_refuse_is_not_kept(scene, data, kind):
    with scene.brand as brand, pytest.raises(Invalid):
        Media(brand).put(data, kind=kind, name="x", actor="ann")


def test_a_message_names_a_file_that_is_kept_and_of_its_kind(scene):
    with scene.brand as brand:
        greetings = brand.plugins["wecom"].wecom.greetings
        with pytest.raises(Invalid, match="media put"):
            greetings.put(picture("0" * 64))
        file = Media(brand).put(b"a report", kind="file", name="r.pdf").digest
        with pytest.raises(Invalid, match="of kind file, not image"):
            greetings.put(picture(file))
        with pytest.raises(NotFound):
            Media(brand).get("0" * 64)


def test_routes_and_commands_keep_and_show(scrm_app, tmp_path):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP})
    (tmp_path / "a.png").write_bytes(PNG)
    digest = app.command("wecom", "media", "put", "acme", str(tmp_path / "a.png"), "--as", "ann").strip()
    assert digest in app.command("wecom", "media", "list", "acme")
    (shown,) = app.brand.client("wecom:read").get("plugins/wecom/media").json["files"]
    assert (shown["file"], shown["size"]) == (digest, len(PNG))
    (tmp_path / "w.json").write_text(json.dumps(picture(digest)), encoding="utf-8")
    app.command("wecom", "welcome", "set", "acme", str(tmp_path / "w.json"), "--as", "ann")


SOURCE = """
def run(brand, worker):
    from scrm_wecom.media import Media
    from scrm_wecom.content import checked

    digest = Media(brand).page()[0].digest
    message = checked({"attachments": [{"msgtype": "image", "image": {"file": digest}}]})
    ids = {Media(brand).ready(brand.plugins["wecom"].wecom.api, message)["attachments"][0]["image"]["media_id"]
           for _ in range(5)}
    return sorted(ids)
"""


def test_processes_that_need_a_file_at_one_moment_all_have_a_good_id(whole: Whole, together):
    keep(whole)
    told = together(whole.installation, SOURCE, 3)
    assert set().union(*told) <= set(whole.simulator.corp(CORP).media)
    assert len(whole.simulator.corp(CORP).media) <= 3
