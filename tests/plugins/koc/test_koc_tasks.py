"""Tasks: no brief demands praise, no purchase link without 「广告」, every step allowed, audited and paid once."""

from __future__ import annotations

import hashlib
import json

import pytest
from koc_scene import HONEST, TASK

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid

PAID = "\n[plugins.koc]\n[plugins.points]\n"
VERIFY = """
from scrm_core.errors import Conflict
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    (uid,) = (work.uid for work in koc.works.page())
    try:
        return koc.works.move(uid, "verify", actor=f"w{worker}").state
    except Conflict as exc:
        return exc.code
"""


REVIEW = """
from scrm_core.errors import Conflict
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    (uid,) = (work.uid for work in koc.works.page())
    action = ("approve", "return")[worker % 2]
    try:
        quality = 5 if action == "approve" else None
        return koc.works.move(uid, action, actor=f"w{worker}", reason="seen", quality=quality).state
    except Conflict as exc:
        return exc.code
"""


def steps(scene, uid):
    with scene.brand:
        work = scene.koc.works.get(uid)
        return [(s.before, s.state, s.actor) for s in scene.koc.works.steps(work.id)]


@pytest.mark.parametrize(
    "brief",
    [
        "请写五星好评",
        "要求好评并晒图",
        "不得提缺点",
        "只写优点",
        "Write a positive review",
        "give us 5 stars",
        "5星返现",
        "请打五颗星",
        "晒图给⭐⭐⭐⭐⭐",
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_brief_that_demands_praise_is_refused(scene, brief):
    with pytest.raises(Invalid) as refused:
        scene.task(brief=brief)
    assert (refused.value.field, refused.value.code) == ("brief", "positive_wording")


@pytest.mark.parametrize(
    "brief", ["不要求好评，写真实感受", "禁止索要五星好评", "No positive review is needed; say what you saw"]
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_brief_that_frees_from_praise_is_fine(scene, brief):
    assert scene.task(brief=brief).label == "广告"


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("好用 https://shop.example/x", {}, "ad_label"),
        ("好用，报我的码 ann 有优惠", {}, "ad_label"),
        ("好用", {"sells": True}, "ad_label"),
        ("这不是广告 https://shop.example/x", {}, "ad_label"),
        ("无广告 shop.example.com", {}, "ad_label"),
        ("绝无半点广告，不算广告 https://shop.example/x", {}, "ad_label"),
        ("广\u200b告 https://shop.example/x", {}, "unseen"),
        ("好用", {"sells": True, "marker": "自用"}, "invalid"),
        ("#广告 https://shop.example/x", {}, None),
        ("好用 https://shop.example/x", {"marker": "利益相关"}, None),
        ("好用，没有链接", {}, None),
        ("复制￥AbC123dEf45￥打开淘宝", {}, "ad_label"),
        ("看 shop.example.vip/x", {}, "ad_label"),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_purchase_link_without_the_label_is_refused(scene, text, more, code):
    scene.enrol("ann", "ANN")
    scene.task()
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    if code is None:
        assert scene.submit(uid, text, **more) == "submitted"
        return
    with pytest.raises(Invalid) as refused:
        scene.submit(uid, text, **more)
    assert refused.value.code == code
    with scene.brand:
        assert scene.koc.works.get(uid).state == "accepted"


def test_a_piece_goes_from_invitation_to_pay_with_a_return_on_the_way(scenes):
    from scrm_points import Points

    scene, other = scenes(PAID, Points)
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    reward = {"kind": "points", "quantity": 50}
    scene.goods("S1", 9_900)
    scene.goods("S1", 9_900)
    scene.task(sku="S1", sample=True, sample_cost_minor=9_900, fee_minor=2_000, keep_days=7, reward=reward)
    uid = scene.invite("ANN")
    assert scene.invite("ANN") == uid  # once each
    with pytest.raises(Conflict):
        scene.submit(uid)
    scene.move(uid, "accept", "send-sample")
    with pytest.raises(Conflict):
        scene.submit(uid)  # nobody writes about what has not come
    scene.move(uid, "receive")
    picture = {"ref": "s3://p/1.jpg", "sha256": hashlib.sha256(b"picture").hexdigest()}
    assert scene.submit(uid, HONEST, images=[picture], link="https://social.example/p/1") == "submitted"
    with pytest.raises(Invalid):
        scene.move(uid, "return")  # without a reason
    assert scene.move(uid, "return", reason="照片模糊") == "returned"
    scene.submit(uid, HONEST + "2", images=[picture])
    assert scene.move(uid, "approve", quality=4) == "approved"
    assert scene.move(uid, "publish") == "published"
    scene.clock.advance(days=6)
    with pytest.raises(Conflict) as early:
        scene.move(uid, "verify")
    assert early.value.code == "too_early"
    scene.clock.advance(days=1)
    assert scene.move(uid, "verify") == "paid"
    assert scene.entries("ANN") == [("fee", 2_000)]
    with scene.brand:
        assert scene.brand.rewards.page(contact_id=ann)[0].quantity == 50
        handed = scene.koc.works.submissions(scene.koc.works.get(uid).id)
        assert [(h.state, h.quality, h.reason, h.sells) for h in handed] == [
            ("returned", None, "照片模糊", True), ("approved", 4, "", True),
        ]  # fmt: skip
        whole = json.dumps(
            [HONEST, [picture], "https://social.example/p/1"], ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        assert handed[0].digest == hashlib.sha256(whole.encode()).hexdigest()
    assert [state for _, state, _ in steps(scene, uid)] == [
        "invited", "accepted", "sample_sent", "received", "submitted", "returned", "submitted", "approved", "published",
        "verified", "paid",
    ]  # fmt: skip
    assert {actor for *_, actor in steps(scene, uid)} == {"lin", "ann"}
    assert scene.move(uid, "violate", reason="deleted after a day") == "violated"
    assert scene.entries("ANN") == [("fee", 2_000), ("reversal", -2_000)]
    with scene.brand:
        assert [row.quantity for row in scene.brand.rewards.page(contact_id=ann)] == [50, -50]
        assert execute("SELECT kind, points FROM koc_penalty").fetchall() == [("violation", 10)]
    assert scene.settle() == [("ANN", 0, 0, 0, 0)] and scene.adds_up()
    with other.brand:
        assert other.koc.tasks.page() == []


def test_four_processes_verify_one_piece_and_one_pays(scene, together):
    scene.enrol("ann", "ANN")
    scene.task(fee_minor=500)
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    scene.submit(uid)
    scene.move(uid, "approve", "publish")
    answers = together(scene.brand.installation, VERIFY, 4)
    assert sorted(answers) == ["paid", "state", "state", "state"]
    assert scene.entries("ANN") == [("fee", 500)]


def test_of_two_reviewers_at_once_one_decides(scene, together):
    scene.enrol("ann", "ANN")
    scene.task(fee_minor=500)
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    scene.submit(uid)
    answers = together(scene.brand.installation, REVIEW, 4)
    assert len([each for each in answers if each != "state"]) == 1
    with scene.brand:
        work = scene.koc.works.get(uid)
        (handed,) = scene.koc.works.submissions(work.id)
        assert handed.state == work.state and work.state in answers
        decided = [step for step in scene.koc.works.steps(work.id) if step.before == "submitted"]
        assert [(step.state, step.actor) for step in decided] == [(work.state, handed.reviewer)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_reviewer_decides_on_what_they_saw_and_on_nothing_that_came_since(scene):
    scene.enrol("ann", "ANN")
    scene.task()
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    scene.submit(uid)
    call = scene.api()
    (waiting,) = call("GET", "/works?state=submitted&task=try", scope="koc:read").json["works"]
    assert waiting["uid"] == uid
    seen = call("GET", f"/works/{uid}").json["submissions"][0]["digest"]
    scene.move(uid, "return", reason="照片模糊")
    scene.submit(uid, HONEST + "，另外")
    for path, body in (("approve", {"quality": 5}), ("judge/return", {"reason": "no"})):
        answer = call("POST", f"/works/{uid}/{path}", {**body, "digest": seen})
        assert (answer.status_code, answer.json["code"]) == (409, "changed")
    with scene.brand:
        assert scene.koc.works.get(uid).state == "submitted"
    now = call("GET", f"/works/{uid}").json["submissions"][1]["digest"]
    assert call("POST", f"/works/{uid}/approve", {"quality": 5, "digest": now}).json["state"] == "approved"
    bad = call("POST", f"/works/{uid}/step/publish", {"link": "javascript:alert(1)"})
    assert (bad.status_code, bad.json["field"]) == (422, "link")
    published = call("POST", f"/works/{uid}/step/publish", {"link": "https://social.example/p/1"}).json
    assert (published["state"], published["published_link"]) == ("published", "https://social.example/p/1")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("ref", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "JAVASCRIPT://x", "s3:x"])
def test_a_reference_to_a_picture_is_nothing_that_a_browser_runs(scene, ref):
    scene.enrol("ann", "ANN")
    scene.task()
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    body = {"text": HONEST, "images": [{"ref": ref, "sha256": "0" * 64}]}
    answer = scene.api()("POST", f"/works/{uid}/submit", body)
    assert (answer.status_code, "https" in answer.text) == (422, True)
    for bad in ("javascript:alert(1)", "https://a@b.example/", "/p/1"):
        assert scene.api()("POST", f"/works/{uid}/submit", {"text": HONEST, "link": bad}).json["field"] == "link"


def test_what_is_late_is_marked_once_and_costs_points_once(scene):
    ann = scene.person("ann")
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA")
    scene.task()  # the last day is 2026-01-20
    uid, lapsing = scene.invite("ANN"), scene.invite("BEA")
    scene.move(uid, "accept")
    scene.now("2026-01-20T23:59")
    with scene.brand:
        assert scene.koc.upkeep().late == 0
    scene.now("2026-01-21T00:00")
    with scene.brand:
        assert [scene.koc.upkeep().late for _ in range(2)] == [1, 0]
        assert scene.koc.works.get(lapsing).state == "lapsed"
        assert scene.koc.works.get(uid).late_at is not None
        assert execute("SELECT contact_id, kind, points FROM koc_penalty").fetchall() == [(ann, "late", 5)]
    assert scene.submit(uid) == "submitted"  # late is better than never
    with scene.brand:
        assert scene.koc.upkeep().late == 0
    with pytest.raises(Conflict) as over:
        scene.invite("BEA")
    assert over.value.code == "task_over"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_never_bought_what_they_write_about_may_not_hand_in(scene):
    scene.enrol("ann", "ANN")
    scene.goods("S1", 9_900)
    with pytest.raises(Invalid, match="no product 'NOPE'") as refused:
        scene.task(sku="NOPE")
    assert refused.value.field == "sku"
    scene.goods("S1", 9_900)
    scene.task(sku="S1")
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    with pytest.raises(Conflict) as refused:
        scene.submit(uid)
    assert refused.value.code == "not_used"
    scene.order("1", "ann", 9_900, lines=(("S1", 9_900),))
    assert scene.submit(uid) == "submitted"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_tasks_go_through_the_api_with_the_right_keys(scene):
    scene.enrol("ann", "ANN")
    call = scene.api()
    assert call("POST", "/tasks", TASK, "koc:review").status_code == 403
    assert call("POST", "/tasks", {**TASK, "brief": "五星好评"}).json["code"] == "positive_wording"
    assert call("POST", "/tasks", {**TASK, "due_on": "2025-12-31"}).json["field"] == "due_on"
    assert call("POST", "/tasks", {**TASK, "sample": True}).json["field"] == "sku"
    assert call("POST", "/tasks", {**TASK, "reward": {"kind": "gold"}}).json["code"] == "no_issuer"
    assert call("POST", "/tasks", TASK, "koc:manage").status_code == 201
    assert call("POST", "/tasks", TASK).json["code"] == "try"  # the same again
    assert call("POST", "/tasks", {**TASK, "fee_minor": 1}).json["code"] == "task_exists"
    (uid,) = call("POST", "/tasks/try/invite", {"members": ["ann"]}).json["works"]
    assert call("POST", f"/works/{uid}/step/accept", scope="koc:manage").json["state"] == "accepted"
    unlabelled = {"text": "好用 https://shop.example/x"}
    assert call("POST", f"/works/{uid}/submit", unlabelled).json["code"] == "ad_label"
    assert (
        call("POST", f"/works/{uid}/submit", {"text": HONEST, "images": [{"ref": "x", "sha256": "y"}]}).status_code
        == 422
    )
    assert call("POST", f"/works/{uid}/submit", {"text": HONEST}).status_code == 201
    assert call("POST", f"/works/{uid}/approve", {"quality": 5}, "koc:manage").status_code == 403
    assert call("POST", f"/works/{uid}/judge/return").json["field"] == "reason"
    assert call("POST", f"/works/{uid}/step/verify").status_code == 404  # not by whoever hands in
    assert call("POST", f"/works/{uid}/approve", {"quality": 5}, "koc:review").json["state"] == "approved"
    assert call("POST", f"/works/{uid}/judge/verify").json["code"] == "state"
    assert call("POST", f"/works/{uid}/step/publish").json["state"] == "published"
    assert call("POST", f"/works/{uid}/judge/verify").json["state"] == "verified"  # nothing to pay
    told = call("GET", f"/works/{uid}", scope="koc:read").json
    assert (told["steps"][-1]["state"], told["submissions"][0]["quality"]) == ("verified", 5)
    assert call("GET", "/tasks/try").json["works"][0]["member"] == "ANN"
    assert call("GET", "/tasks").json["tasks"][0]["label"] == "广告"
    assert call("POST", "/tasks/try/close").json["state"] == "closed"
    assert call("POST", "/tasks/try/invite", {"members": ["ANN"]}).json["code"] == "task_over"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_tasks_go_through_the_command_line(scene, tmp_path):
    scene.enrol("ann", "ANN")
    file = tmp_path / "task.json"
    file.write_text(json.dumps(TASK), encoding="utf-8")
    assert scene.run("task", "acme", str(file), "--as", "lin").exit_code == 0
    uid = scene.run("invite", "acme", "try", "ANN", "--as", "lin").stdout.strip()
    assert scene.run("step", "acme", uid, "accept", "--as", "lin").exit_code == 0
    piece = tmp_path / "piece.json"
    piece.write_text(json.dumps({"text": HONEST}), encoding="utf-8")
    assert scene.run("submit", "acme", uid, str(piece), "--as", "ann").exit_code == 0
    assert scene.run("step", "acme", uid, "approve", "--quality", "5", "--as", "lin").exit_code == 0
    assert json.loads(scene.run("works", "acme", "--state", "approved", "--json").stdout)[0]["uid"] == uid
    assert json.loads(scene.run("work", "acme", uid).stdout)["submissions"][0]["sells"] is True
    refused = scene.run("step", "acme", uid, "accept", "--as", "lin")
    assert (refused.exit_code, "the work is approved" in refused.output) == (1, True)
