"""The KOC's own pages: who may see them, what is handed in there, and what hostile files and texts come to."""

from __future__ import annotations

import io
import re
import struct
import sys
import threading
import zlib
from html import unescape

import pytest
from koc_scene import BROWSER, HONEST
from PIL import Image
from signing import PAGE, fields, sign_in

from scrm_core.db.bulk import execute
from scrm_core.web import create_app
from scrm_koc.pictures import MOST_PIXELS, redraw

SOON = "\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n"
sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


class Browser:
    """A browser at one brand's KOC pages, signed in for a contact if one is given."""

    def __init__(self, scene, contact=None):
        self.client = create_app(scene.brand.installation).test_client()
        self.root = f"/p/{scene.brand.id}/koc"
        if contact is not None:
            sign_in(self.client, scene.brand, contact)

    def get(self, path):
        return self.client.get(f"{self.root}{path}", headers=PAGE)

    def post(self, path, *, on, **data):
        """Send the form with this action on a page."""
        form = fields(self.get(on), path, **data)
        return self.client.post(f"{self.root}{path}", data=form, headers=PAGE)


def picture(kind="PNG", size=(40, 30), **more):
    file = io.BytesIO()
    Image.new("RGB", size, "#a03020").save(file, kind, **more)
    return file.getvalue()


def bomb(width, height):
    """A PNG whose head promises so many pixels, in a few bytes."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def send(browser, uid, data, name="x.png"):
    return browser.post(f"/w/{uid}/picture", on=f"/w/{uid}", picture=(io.BytesIO(data), name))


def begun(scene, **more):
    """Ann's browser before a task that she has accepted."""
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    scene.task(**more)
    uid = scene.invite("ANN")
    return Browser(scene, ann), uid


def test_a_koc_signs_in_by_her_link_and_goes_from_the_brief_to_her_pay(scenes):
    scene, other = scenes(SOON)
    scene.person("ann")
    scene.enrol("ann", "ANN")
    scene.task(fee_minor=5_000, keep_days=0)
    uid = scene.invite("ANN")
    address = scene.api()("POST", "/members/ann/link", scope="koc:manage").json["address"]
    browser = Browser(scene)
    assert browser.get("/mine").headers["Location"].startswith("/p/acme/-/join")
    path = address.partition("127.0.0.1:8000")[2]
    done = browser.client.post(path, data=fields(browser.client.get(path), "/i/"), headers=PAGE)
    assert done.headers["Location"] == "/p/acme/koc/mine"
    page = browser.get("/mine").text
    with scene.brand:
        link = scene.koc.members.get("ANN").link
    assert "ANN" in page and f"http://127.0.0.1:8000/l/{link}" in page and f"/koc/w/{uid}" in page
    task = browser.get(f"/w/{uid}").text
    assert "写下真实的使用感受" in task and "2026-01-20" in task and "¥50.00" in task and "data-label>广告<" in task
    assert browser.post(f"/w/{uid}/accept", on=f"/w/{uid}").status_code == 303
    refused = browser.post(f"/w/{uid}/submit", on=f"/w/{uid}", text="好用 <b>https://shop.example/x</b>")
    assert "正文须醒目写明「广告」" in refused.text and 'role="alert"' in refused.text
    assert "好用 &lt;b&gt;https://shop.example/x" in refused.text  # kept as typed, and no markup
    assert send(browser, uid, picture()).status_code == 303
    handed = browser.post(f"/w/{uid}/submit", on=f"/w/{uid}", text=HONEST, link="https://social.example/d/1")
    assert handed.headers["Location"].endswith(f"/w/{uid}?said=submitted")
    with scene.brand:
        (first,) = scene.koc.works.submissions(scene.koc.works.get(uid).id)
        assert (first.text, first.link, first.sells) == (HONEST, "https://social.example/d/1", True)
        (kept,) = first.images
        assert kept["ref"] == f"koc/{kept['sha256']}"
    scene.move(uid, "return", reason="请补一张近照 <script>")
    again = browser.get(f"/w/{uid}").text
    assert "请补一张近照 &lt;script&gt;" in again and HONEST in unescape(again)
    send(browser, uid, picture("JPEG", (60, 60)))
    browser.post(f"/w/{uid}/submit", on=f"/w/{uid}", text=HONEST)
    with scene.brand:
        assert [len(each.images) for each in scene.koc.works.submissions(scene.koc.works.get(uid).id)] == [1, 2]
    scene.move(uid, "approve")
    assert browser.post(f"/w/{uid}/publish", on=f"/w/{uid}", link="javascript:alert(1)").status_code == 422
    assert browser.post(f"/w/{uid}/publish", on=f"/w/{uid}", link="https://social.example/p/1").status_code == 303
    assert scene.move(uid, "verify") == "paid"
    scene.use("ANN", "1")
    scene.order("1", "dan", 10_000)
    scene.deliver()
    waits = browser.get("/mine").text
    assert 'id="waiting">1<' in waits and 'id="unsettled">¥50.00<' in waits
    scene.settle()
    with scene.brand:
        (statement,) = scene.koc.statements.page()
        scene.koc.statements.pay(statement.number, reference="T1", actor="finance")
    money = browser.get("/money").text
    # 50.00 for the piece and 10 % of 100.00.
    assert 'id="paid">¥60.00<' in money and 'id="unsettled">¥0.00<' in money
    assert re.findall(r'data-entry="(\w+)"', money) == ["earn", "fee"]
    with scene.brand:
        actors = [step.actor for step in scene.koc.works.steps(scene.koc.works.get(uid).id)]
    assert actors.count("koc:ANN") == 4 and "lin" in actors
    with other.brand:
        assert execute("SELECT count(*) FROM koc_picture").fetchone() == (0,)


def test_a_customer_who_opens_the_link_and_signs_in_then_is_put_down_to_the_koc(scenes):
    scene, other = scenes(SOON)
    member = scene.enrol("ann", "ANN")
    dan = scene.person("dan")
    browser = Browser(scene).client
    phone = {"User-Agent": BROWSER}
    assert browser.get(f"/l/{member.link}", headers=phone).status_code == 302
    scene.clock.advance(days=2)
    with scene.brand:
        path = scene.brand.consumers.link(dan, "koc/mine").partition("127.0.0.1:8000")[2]
    assert browser.post(path, data=fields(browser.get(path), "/i/"), headers=PAGE).status_code == 303
    scene.clock.advance(days=1)
    scene.order("1", "dan", 1_000)
    scene.deliver()
    assert scene.led("1") == ("ANN", "link", "open")
    other.enrol("ann", "ANN")
    other.order("1", "dan", 1_000)
    other.deliver()
    assert other.led("1") is None


@sqlite
def test_nobody_else_has_these_pages_or_somebody_elses_work(scenes):
    scene, other = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    send(browser, uid, picture())
    with scene.brand:
        sha = scene.koc.pictures.of(scene.koc.works.get(uid).id)[0].sha256
    assert browser.get(f"/w/{uid}/picture/{sha}.jpg").mimetype == "image/jpeg"
    bea = scene.person("bea")
    scene.enrol("bea", "BEA")
    stranger = scene.person("dan")
    for who in (Browser(scene, bea), Browser(scene, stranger), Browser(other, other.person("ann"))):
        for path in (f"/w/{uid}", f"/w/{uid}/picture/{sha}.jpg", "/w/none"):
            assert who.get(path).status_code == 404
        assert who.client.post(f"{who.root}/w/{uid}/submit", data={"text": HONEST}).status_code == 403
    assert Browser(scene, stranger).get("/mine").status_code == 404
    assert Browser(scene).get(f"/w/{uid}").status_code == 303
    # Her own form, aimed at work that is not hers.
    mine = Browser(scene, bea)
    scene.task(code="second")
    theirs = scene.invite("BEA", "second")
    form = fields(mine.get(f"/w/{theirs}"), "/accept")
    assert mine.client.post(f"{mine.root}/w/{uid}/decline", data=form, headers=PAGE).status_code == 404
    assert mine.client.post(f"{mine.root}/w/{theirs}/verify", data=form, headers=PAGE).status_code == 404
    assert scene.api()("GET", f"/works/{uid}/pictures/{sha}", scope="koc:track").status_code == 403
    shown = scene.api()("GET", f"/works/{uid}/pictures/{sha}", scope="koc:read")
    assert (shown.mimetype, "sandbox" in shown.headers["Content-Security-Policy"]) == ("image/jpeg", True)


@sqlite
def test_a_form_that_is_sent_twice_acts_once(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    form = fields(browser.get(f"/w/{uid}"), "/submit", text=HONEST)
    answers = [browser.client.post(f"{browser.root}/w/{uid}/submit", data=form, headers=PAGE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    second = browser.client.post(
        f"{browser.root}/w/{uid}/submit", data={**form, "once": "0" * 32}, headers=PAGE
    )  # another tab
    assert "这一步已经做过" in second.text
    with scene.brand:
        assert len(scene.koc.works.submissions(scene.koc.works.get(uid).id)) == 1


@sqlite
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "不是 JPEG"),
        (b"GIF89a" + b"\0" * 50, "不是 JPEG"),
        (b"%PDF-1.7 nothing", "不是 JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "不是 JPEG"),
        (bomb(30_000, 30_000), "太大"),
        (bomb(MOST_PIXELS // 1_000 + 1, 1_000), "太大"),
        (bomb(500, 500), "不是 JPEG"),  # the pixels that it promises are not there
        (b"\xff" * 900_001, "太大"),
        (b"", "请先选择图片"),
    ],
    ids=["svg", "gif", "pdf", "broken", "bomb", "one row too many", "cut", "heavy", "nothing"],
)
def test_a_file_that_is_no_small_picture_is_refused(scenes, data, words):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    answer = send(browser, uid, data, "holiday.jpg")
    assert (answer.status_code >= 400, words in answer.text) == (True, True)
    with scene.brand:
        assert execute("SELECT count(*) FROM koc_picture").fetchone() == (0,)


@sqlite
def test_a_body_over_the_limit_says_that_it_is_too_large(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    answer = send(browser, uid, b"\xff" * 1_100_000)
    assert (answer.status_code, "内容过大" in answer.text) == (413, True)


@sqlite
def test_a_picture_is_kept_small_upright_and_without_where_it_was_taken(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Ann's kitchen"  # turned by a quarter, and a description
    exif.get_ifd(0x8825)[1] = "N"
    taken = Image.new("RGB", (3_000, 2_000), "#335577")
    taken.save(file, "JPEG", exif=exif)
    for _ in range(2):  # the same one again is the same
        assert send(browser, uid, file.getvalue()).status_code == 303
    with scene.brand:
        (kept,) = scene.koc.pictures.of(scene.koc.works.get(uid).id)
        data = scene.koc.pictures.bytes_of(scene.koc.works.get(uid).id, kept.sha256)
    shown = Image.open(io.BytesIO(data))
    assert (shown.format, shown.size, dict(shown.getexif())) == ("JPEG", (1_067, 1_600), {})
    assert b"kitchen" not in data
    assert browser.post(f"/w/{uid}/picture/{kept.sha256}/drop", on=f"/w/{uid}").status_code == 303
    for n in range(9):
        assert send(browser, uid, picture(size=(10 + n, 10))).status_code == 303
    with scene.brand:
        assert len(scene.koc.pictures.of(scene.koc.works.get(uid).id)) == 9
    form = fields(browser.get(f"/w/{uid}"), "/drop", picture=(io.BytesIO(picture(size=(99, 9))), "x.png"))
    tenth = browser.client.post(f"{browser.root}/w/{uid}/picture", data=form, headers=PAGE)
    assert (tenth.status_code, "最多 9 张图片" in tenth.text) == (409, True)


@sqlite
def test_others_write_while_a_picture_is_redrawn(scenes, monkeypatch):
    scene, other = scenes(SOON)
    browser, uid = begun(scene)
    others, elsewhere = begun(other)
    for each, own in ((browser, uid), (others, elsewhere)):
        each.post(f"/w/{own}/accept", on=f"/w/{own}")
    wrote = []

    def change():
        with scene.brand:
            wrote.append(scene.koc.members.change("ANN", actor="lin", followers=7).followers)

    def slowly(data):
        writer = threading.Thread(target=change)
        writer.start()
        writer.join(5)
        writers.append(writer)
        drawn.append(list(wrote))
        return redraw(data)

    drawn, writers = [], []
    monkeypatch.setattr(sys.modules["scrm_koc.pages"], "redraw", slowly)
    assert send(browser, uid, picture()).status_code == 303
    for writer in writers:
        writer.join()
    assert drawn == [[7]]
    # A stranger's picture is not even looked at.
    assert send(others, elsewhere, b"").status_code == 422
    form = fields(others.get(f"/w/{elsewhere}"), "/picture", picture=(io.BytesIO(picture()), "x.png"))
    assert others.client.post(f"{others.root}/w/{uid}/picture", data=form, headers=PAGE).status_code == 404
    assert drawn == [[7]]


def test_what_was_handed_in_stays_as_evidence_and_drafts_are_forgotten(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene, due_on="2026-06-30")
    scene.move(uid, "accept")
    send(browser, uid, picture())
    browser.post(f"/w/{uid}/submit", on=f"/w/{uid}", text=HONEST)
    scene.move(uid, "return", reason="照片模糊")
    with scene.brand:
        work = scene.koc.works.get(uid).id
        (first,) = scene.koc.pictures.of(work)
    browser.post(f"/w/{uid}/picture/{first.sha256}/drop", on=f"/w/{uid}")
    send(browser, uid, picture(size=(50, 50)))
    with scene.brand:
        (second,) = scene.koc.pictures.of(work)
        assert second.sha256 != first.sha256 and scene.koc.pictures.bytes_of(work, first.sha256)
    scene.clock.advance(days=31)
    with scene.brand:
        scene.koc.upkeep()
        assert scene.koc.pictures.of(work) == []
        assert scene.koc.pictures.bytes_of(work, first.sha256)


def test_an_export_holds_the_pictures_and_an_erasure_takes_them(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    scene.move(uid, "accept")
    send(browser, uid, picture())
    ann = scene.person("ann")
    with scene.brand:
        (told,) = scene.brand.privacy.export(ann)["plugins"]["koc"]["koc_picture.contact_id"]
        assert (told["width"], told["height"]) == (40, 30)
        scene.brand.privacy.erase(ann, actor="boss")
        assert execute("SELECT count(*) FROM koc_picture").fetchone() == (0,)
    assert browser.get("/mine").status_code == 303  # signed out


@sqlite
def test_who_has_left_sees_the_page_and_does_nothing_more(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    form = fields(browser.get(f"/w/{uid}"), "/accept")
    with scene.brand:
        scene.koc.members.change("ANN", actor="lin", state="left")
    assert "您已退出计划" in browser.get("/mine").text
    answer = browser.client.post(f"{browser.root}/w/{uid}/accept", data=form, headers=PAGE)
    assert (answer.status_code, "您已退出计划" in answer.text) == (409, True)


@sqlite
def test_one_person_who_was_two_kocs_has_one_page_of_both(scenes):
    scene, _ = scenes(SOON)
    browser, uid = begun(scene)
    twin = scene.person("twin")
    scene.enrol("twin", "TWIN")
    scene.task(code="second")
    theirs = scene.invite("TWIN", "second")
    ann = scene.person("ann")
    with scene.brand:
        scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    scene.deliver()
    page = browser.get("/mine").text
    assert f"/w/{uid}" in page and f"/w/{theirs}" in page
    assert browser.post(f"/w/{theirs}/accept", on=f"/w/{theirs}").status_code == 303
    assert json_of(scene, "link", "TWIN").startswith("http://127.0.0.1:8000/p/acme/-/i/")


def json_of(scene, *arguments):
    done = scene.run(arguments[0], "acme", *arguments[1:])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()
