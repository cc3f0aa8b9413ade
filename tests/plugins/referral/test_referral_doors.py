"""The doors: HTTP with permissions, the command line, pages, posters, report, export, personal data."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from referral_scene import HOUR, Scene, rung
from signing import fields, sign_in

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.clock import iso
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral

BASE = "/api/v1/acme/plugins/referral"


class Api:
    def __init__(self, installation: Installation, *scopes: str, brand: str = "acme") -> None:
        with installation.brand(brand) as opened:
            _, self.key = opened.keys.create("key", scopes)
        self.client = create_app(installation).test_client()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.client.open(BASE + path, method=method, json=body, headers=headers)


def uid(scene: Scene, contact: int) -> str:
    return str(scene.brand.contacts.get_by_id(contact).uid)


def test_a_campaign_through_http_from_definition_to_reward(scene: Scene, house: Installation) -> None:
    scene.vouchers("cup")
    write = Api(house, "referral:read", "referral:write")
    join = Api(house, "referral:join", "referral:read")
    first, second = Api(house, "referral:review"), Api(house, "referral:review", "referral:read")
    body = scene.definition(ladder=[rung(1, "cup", 6_000, stock=1)], quota=1, staff=["li"], budget_minor=6_000)
    told = write("POST", "/dry-run", body)
    assert told.status_code == 200 and told.json["ladder"][0]["total"] == "¥60.00"
    assert write("POST", "/campaigns", body).status_code == 201
    assert join("POST", "/campaigns/spring/publish").status_code == 403
    assert write("POST", "/campaigns/spring/publish").json["state"] == "open"
    anna, eva, bo = scene.person(), scene.person(), scene.person(known=True)
    made = join("POST", "/campaigns/spring/inviters", {"contact": uid(scene, anna)})
    assert (made.status_code, made.json["state"], made.json["staff"]) == (201, "accepted", "li")
    assert join("POST", "/campaigns/spring/inviters", {"contact": uid(scene, eva)}).json["state"] == "waiting"
    assert write("POST", "/campaigns/spring/quota", {"quota": 2}).json["promoted"][0]["contact"] == uid(scene, eva)
    assert join("POST", "/campaigns/spring/leave", {"contact": uid(scene, eva)}).json == {"promoted": []}
    assert write("POST", "/campaigns/spring/budget", {"budget_minor": 9_000}).json["budget_minor"] == 9_000
    more = write("POST", "/campaigns/spring/stock", {"invites": 1, "stock": 3})
    assert more.json["stock"] == {"1": {"stock": 3, "taken": 0}}
    for name, change in (("budget", {"budget_minor": 8_999}), ("stock", {"invites": 1, "stock": 2}), ("quota", {})):
        assert write("POST", f"/campaigns/spring/{name}", change).status_code == 422
        assert join("POST", f"/campaigns/spring/{name}", change).status_code == 403
    assert [each["state"] for each in join("GET", "/campaigns/spring/inviters").json["inviters"]] == [
        "accepted",
        "left",
    ]
    touch = {"code": made.json["code"], "contact": uid(scene, bo), "kind": "opened"}
    assert join("POST", "/touches", touch).json == {"state": "locked", "reason": ""}
    trait = {"contact": uid(scene, bo), "kind": "device", "value": "D"}
    assert join("POST", "/campaigns/spring/traits", trait).status_code == 204
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    number = scene.order(bo)
    scene.deliver()
    (invitee,) = join("GET", "/campaigns/spring/invitees?state=qualified").json["invitees"]
    assert invitee["steps"]["first_order"]["evidence"] == f"order shop {number}"
    (reward,) = join("GET", "/rewards").json["rewards"]
    assert (reward["needed"], reward["counted"][0]["invitee"]) == (2, invitee["uid"])
    path = f"/rewards/{reward['uid']}/review"
    assert first("POST", path, {"verdict": "approve"}).json["state"] == "due"
    assert first("POST", path, {"verdict": "approve"}).json["code"] == "four_eyes"
    assert second("POST", path, {"verdict": "approve"}).json["state"] == "granted"
    assert join("GET", f"/campaigns/spring/inviters/{uid(scene, anna)}").json["rungs"][0]["state"] == "granted"
    assert join("GET", "/campaigns/spring").json["figures"]["cost"] == 6_000
    assert "first_order" in join("GET", "/campaigns/spring/invitees.csv").get_data(as_text=True)
    assert write("POST", "/campaigns/spring/close").json["state"] == "closed"
    assert Api(house, "referral:read").client.get(BASE + "/campaigns").status_code == 401


def test_bad_requests_are_answered_with_their_field(scene: Scene, house: Installation) -> None:
    api = Api(house, "referral:read", "referral:write", "referral:join", "referral:review")
    for method, path, body, status in (
        ("POST", "/dry-run", [], 422), ("POST", "/dry-run", {"code": "x"}, 422), ("GET", "/campaigns/none", None, 404),
        ("POST", "/touches", {"code": "none", "contact": "x", "kind": "opened"}, 404),
        ("POST", "/touches", {"code": "none", "contact": "x", "kind": "stolen"}, 422),
        ("GET", "/rewards?state=paid", None, 422), ("GET", "/rewards?limit=0", None, 422),
        ("GET", "/rewards?limit=x", None, 422), ("POST", "/rewards/none/review", {"verdict": "approve"}, 404),
        ("POST", "/invitees/none/review", {"verdict": "approve", "reason": "x"}, 404),
    ):  # fmt: skip
        answer = api(method, path, body)
        assert answer.status_code == status, (path, answer.json)


@pytest.fixture
def scrm(house: Installation, clock):
    def run(*args: str) -> Any:
        result = CliRunner().invoke(root, list(args), obj=Session(house.config.root, clock=clock))
        return result

    return run


def test_a_poster_carries_the_persons_own_link(scene: Scene, tmp_path: Path) -> None:
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    from scrm_core.values.posters import FONT
    from scrm_referral.poster import poster_of

    if not FONT.is_file():
        pytest.skip("Debian's fonts-noto-cjk is missing")
    scene.campaign(poster="新客礼遇")
    codes = []
    for contact, code in (scene.inviter(), scene.inviter()):
        here = scene.referrals
        picture = poster_of(here, here.campaigns.get("spring"), here.accepted("spring", contact))
        (found,) = zxing.read_barcodes(image.open(io.BytesIO(picture)))
        assert found.text == f"http://127.0.0.1:8000/l/{code}"
        codes.append(found.text)
    assert len(set(codes)) == 2


def test_the_page_takes_an_invitation_and_a_sign_up_and_shows_progress(scene: Scene, house: Installation) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100, title="茶杯")])
    anna, code = scene.inviter()
    bo = scene.person(known=True)
    client = create_app(house).test_client()
    sign_in(client, scene.brand, bo)
    page = client.get(f"/p/acme/referral/c/spring?by={code}")
    answer = client.post("/p/acme/referral/c/spring/accept", data=fields(page, "accept", by=code))
    assert answer.status_code == 303 and answer.location.endswith("?said=locked")
    page = client.get("/p/acme/referral/c/spring")
    client.post("/p/acme/referral/c/spring/join", data=fields(page, "join"))
    assert 'id="link"' in client.get("/p/acme/referral/c/spring").get_data(as_text=True)
    traits = execute("SELECT DISTINCT kind FROM referral_trait ORDER BY kind").fetchall()
    assert [row[0] for row in traits] == ["device", "network"]
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    scene.order(bo)
    scene.deliver()
    inviter = create_app(house).test_client()
    sign_in(inviter, scene.brand, anna)
    text = inviter.get("/p/acme/referral/c/spring").get_data(as_text=True)
    assert '<strong id="qualified">1</strong>' in text and "茶杯" in text


def test_a_visitor_reads_the_rules_and_an_inviter_finds_code_and_poster(scene: Scene, house: Installation) -> None:
    ladder = [rung(1, "cup", 100, title="茶杯券"), rung(3, "pot", 900, title="茶壶券", quantity=2)]
    gates = [{"gate": "member"}, {"gate": "first_order", "min_minor": 1_000}]
    scene.campaign(ladder=ladder, gates=gates, quota=2, ends_at="2099-03-01T20:00")
    anna, code = scene.inviter()
    address = f"/p/acme/referral/c/spring?by={code}"
    visitor = create_app(house).test_client()
    text = visitor.get(address).get_data(as_text=True)
    for words in ("1 位合格好友：茶杯券", "3 位合格好友：茶壶券 × 2", "加入会员", "完成首单 满 ¥10.00", "截止 2099-03-01 20:00",
                  "剩余名额 1"):  # fmt: skip
        assert words in text, words
    text = visitor.get(f"{address}&lang=en").get_data(as_text=True)
    assert "Place a first order of at least ¥10.00" in text and "Places left: 1" in text
    bo = scene.person(known=True)
    friend = create_app(house).test_client()
    sign_in(friend, scene.brand, bo)
    done = friend.post("/p/acme/referral/c/spring/accept", data=fields(friend.get(address), "accept", by=code))
    text = friend.get(done.location).get_data(as_text=True)
    assert "接下来请完成" in text and "/accept" not in text
    inviter = create_app(house).test_client()
    sign_in(inviter, scene.brand, anna)
    text = inviter.get("/p/acme/referral/c/spring").get_data(as_text=True)
    assert "data-qr" in text and "好友 1" in text and "<strong>*</strong>" not in text
    picture = inviter.get("/p/acme/referral/c/spring/poster")
    assert picture.mimetype == "image/png" and picture.data.startswith(b"\x89PNG")
    assert "referral/mine" in inviter.get("/p/acme/-/me").get_data(as_text=True)
    assert "老带新" in inviter.get("/p/acme/referral/mine").get_data(as_text=True)
    assert "/c/spring" not in friend.get("/p/acme/referral/mine").get_data(as_text=True)


def test_a_reward_without_a_title_is_told_by_its_worth_and_never_by_its_code(scene: Scene, house: Installation) -> None:
    scene.campaign(ladder=[rung(1, "sku-4711", 3_000), rung(2, "sku-4712", 0), rung(3, "cup", 100, title="茶杯券")])
    anna, _ = scene.inviter()
    inviter = create_app(house).test_client()
    sign_in(inviter, scene.brand, anna)
    for lang, first, second in (("zh", "价值 ¥30.00 的奖励", "奖励"), ("en", "a reward worth ¥30.00", "a reward")):
        text = inviter.get(f"/p/acme/referral/c/spring?lang={lang}").get_data(as_text=True)
        assert text.count(first) == 2 and f"2 · {second}</span>" in text and text.count("茶杯券") == 2
        assert "sku-47" not in text


def test_a_campaign_that_is_not_open_says_when_it_is_and_offers_nothing(scene: Scene, house: Installation) -> None:
    scene.campaign("later", starts_at="2099-01-02T10:00", ends_at="2099-02-01T00:00")
    scene.campaign("gone")
    _, code = scene.inviter("gone")
    scene.referrals.campaigns.close("gone", actor="mia")
    client = create_app(house).test_client()
    later = client.get("/p/acme/referral/c/later").get_data(as_text=True)
    gone = client.get(f"/p/acme/referral/c/gone?by={code}").get_data(as_text=True)
    closed = iso(scene.brand.now(), scene.brand.zone)[:16].replace("T", " ")
    assert "活动将于 2099-01-02 10:00 开始" in later and f"活动已于 {closed} 结束" in gone
    assert "later/join" not in later and "gone/join" not in gone and "/accept" not in gone


def test_what_people_wrote_is_text_on_the_page_and_a_forged_link_changes_nothing(
    scene: Scene, house: Installation
) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100, title="<b>cup</b>")], title="<script>x</script>", staff=["<i>li</i>"])
    anna, code = scene.inviter()
    bo = scene.person(state=code)
    scene.brand.contacts.rename(bo, "<img src=x onerror=y>")
    scene.deliver()
    client = create_app(house).test_client()
    sign_in(client, scene.brand, anna)
    for query in ("", "?said=<script>y</script>", "?by=%22%3E%3Cscript%3Ey", f"?by={code}"):
        text = client.get(f"/p/acme/referral/c/spring{query}").get_data(as_text=True)
        for each in ("<script>x", "<script>y", "<i>li", "<b>cup", "<img src=x"):
            assert each not in text, query
        assert "&lt;script&gt;x&lt;/script&gt;" in text
    eva = scene.person(known=True)
    visitor = create_app(house).test_client()
    sign_in(visitor, scene.brand, eva)
    page = visitor.get(f"/p/acme/referral/c/spring?by={code}")
    forged = visitor.post("/p/acme/referral/c/spring/accept", data=fields(page, "accept", by="NOSUCHCODE"))
    assert forged.status_code == 404 and scene.relation(eva) == {}
    page = visitor.get(f"/p/acme/referral/c/spring?by={code}")
    scene.referrals.campaigns.leave("spring", anna)  # the link went stale between page and click
    stale = visitor.post("/p/acme/referral/c/spring/accept", data=fields(page, "accept", by=code))
    assert stale.location.endswith("?said=not_open") and scene.relation(eva) == {}
    assert visitor.get(f"/l/{code}").status_code == 410


def test_a_customer_is_told_in_their_language_why_something_is_refused(scene: Scene, house: Installation) -> None:
    scene.campaign(ends_at=iso(scene.brand.now() + HOUR, scene.brand.zone))
    client = create_app(house).test_client()
    anna, bo = scene.person(), scene.person()
    scene.referrals.campaigns.sign_up("spring", anna)
    page = "/p/acme/referral/c/spring"
    wechat = {"User-Agent": "Mozilla/5.0 MicroMessenger/8.0", "Accept": "text/html"}
    assert "此活动不可作为微信内的外部链接打开" in client.get(page, headers=wechat).get_data(as_text=True)
    sign_in(client, scene.brand, anna)
    scene.referrals.campaigns.leave("spring", anna)
    shown = client.get(page).get_data(as_text=True)
    assert '<p class="notice" id="left">已退出活动</p>' in shown and 'id="link"' not in shown
    sign_in(client, scene.brand, bo)
    form = client.get(page)
    scene.clock.set(scene.brand.now() + HOUR)
    late = client.post(f"{page}/join?lang=en", data=fields(form, "join"))
    assert late.status_code == 409 and "the campaign is not open" in late.get_data(as_text=True)


def test_the_page_of_a_mini_programs_campaign_is_no_link_inside_wechat(scene: Scene, house: Installation) -> None:
    scene.campaign()
    client = create_app(house).test_client()
    wechat = {"User-Agent": "Mozilla/5.0 MicroMessenger/8.0", "Accept": "application/json"}
    assert client.get("/p/acme/referral/c/spring", headers=wechat).status_code == 403
    inside = {**wechat, "User-Agent": wechat["User-Agent"] + " miniProgram"}
    assert client.get("/p/acme/referral/c/spring", headers=inside).status_code == 200
    assert client.get("/p/acme/referral/c/none").status_code == 404


def test_report_and_metrics_are_the_hand_computed_numbers(scene: Scene) -> None:
    scene.campaign(hva={"days": 30, "min_minor": 5_000})
    _, code = scene.inviter()
    click = scene.person(known=True)
    scene.referrals.counting.touch(code, click, "click")
    old = scene.person()
    scene.days(2)
    for _ in range(2):
        scene.person(state=code)  # added, never customers
    phone = next(i.value for i in scene.brand.contacts.identities(old) if i.kind == "phone")
    scene.person(phone=phone, state=code)  # a friend of before
    people = scene.customers(code, 6)
    assert scene.approve(scene.rungs()[0][1]) == "granted"
    day = scene.brand.day(scene.brand.now())
    scene.days(10)
    scene.order(people[0][0], 5_000)  # two of six come back with enough in time
    scene.order(people[1][0], 8_000)
    scene.order(people[2][0], 4_999)
    scene.days(25)
    scene.order(people[3][0], 9_000)  # after 35 days
    scene.deliver()
    (row,) = scene.brand.reports.run("referral").rows
    # 1 click + 2 adds + 1 friend of before + 6 customers = 10 invited; 8 new friends; 30 yuan / 6, / 2.
    assert row == {
        "campaign": "spring", "inviters": 1, "left": 0, "invited": 10, "added": 8, "qualified": 6, "held": 0,
        "matured": 6, "hva": 2, "cost": 3_000, "lost": 0, "per_qualified": 500, "per_true": 1_500,
        "as_of": scene.brand.now(),
    }  # fmt: skip
    scene.brand.metrics.roll_up(day - 3, day + 40)
    found = execute(
        "SELECT metric, sum(value) FROM metric_day WHERE plugin = 'referral' GROUP BY metric ORDER BY metric"
    )
    assert [(name, int(value)) for name, value in found.fetchall()] == [
        ("bound", 8),
        ("qualified", 6),
        ("rewarded", 3_000),
    ]


def test_a_copy_of_ones_data_masks_others_and_erasing_keeps_amounts_and_the_friends_reward(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100), rung(3, "bag", 200)], quota=1)
    anna, code = scene.inviter()
    scene.brand.contacts.rename(anna, "王小明")
    waiting = scene.person()
    scene.referrals.campaigns.sign_up("spring", waiting)
    (bo, _), (cleo, _) = scene.customers(code, 2)
    scene.approve(scene.rungs()[0][1])
    own = scene.brand.privacy.export(bo, actor="mia")["plugins"]["referral"]["data"]
    assert own["invitations"][0]["invited_by"] == "王**" and "first_order" in own["invitations"][0]["steps"]
    scene.brand.privacy.erase(cleo, actor="mia")
    assert scene.states() == {"qualified": 2}  # what an invitee did for their friend stays
    proofs = {row[0] for row in execute("SELECT evidence FROM referral_step").fetchall()}
    assert "erased" in proofs
    scene.brand.privacy.erase(anna, actor="mia")
    (row,) = scene.brand.reports.run("referral").rows
    assert (row["qualified"], row["cost"], row["inviters"]) == (2, 100, 2)
    assert scene.referrals.progress("spring", waiting)["state"] == "accepted"  # the place went to who waited
    held = execute("SELECT count(*) FROM referral_inviter WHERE contact_id = ?", (anna,)).fetchone()[0]
    assert held == 0
    csv = list(__import__("scrm_referral.report", fromlist=["export"]).export(
        scene.brand, scene.referrals.campaigns.get("spring")))  # fmt: skip
    assert len(csv) == 3 and csv[1][2] == ""


def test_somebody_is_erased_while_referral_is_switched_off(scene: Scene, house: Installation) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)])
    anna, code = scene.inviter()
    scene.referrals.counting.touch(code, scene.person(known=True), "click")
    scene.customers(code, 1)
    assert scene.approve(scene.rungs()[0][1]) == "granted"
    file = house.config.root / "brands" / "acme.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("[plugins.referral]", "[plugins.referral]\nenabled = false"), encoding="utf-8")
    quiet = Installation.open(house.config.root, clock=scene.clock, plugins=(CouponThreshold, Referral))
    with quiet.brand("acme") as brand:
        assert "referral" not in brand.plugins
        brand.privacy.erase(anna, actor="mia")
        assert execute("SELECT count(*) FROM referral_inviter").fetchone()[0] == 0
    quiet.close()


def test_the_command_line_runs_a_campaign(scene: Scene, house: Installation, scrm, tmp_path: Path) -> None:
    scene.vouchers("cup")
    file = tmp_path / "spring.toml"
    file.write_text(
        'code = "spring"\ntitle = "老带新"\nsurface = "mini_program"\nends_at = 2026-03-01T00:00:00\nstaff = ["li"]\n'
        'observation_days = 0\nbudget_minor = 100\n[[ladder]]\ninvites = 1\nitem = "cup"\nvalue_minor = 100\nstock = 1\n',
        encoding="utf-8",
    )
    told = scrm("referral", "dry-run", "acme", str(file))
    assert told.exit_code == 0, told.output
    assert told.output.startswith("1 qualified: ¥1.00 in all (cumulative), ¥1.00 each")
    for args in (
        ("create", "acme", str(file), "--as", "mia"), ("publish", "acme", "spring", "--as", "mia"), ("list", "acme"),
    ):  # fmt: skip
        assert scrm("referral", *args).exit_code == 0, args
    anna, bo = scene.person(), scene.person(known=True)
    made = json.loads(scrm("referral", "sign-up", "acme", "spring", uid(scene, anna), "--json").output)
    assert made["state"] == "accepted"
    nowhere = scrm("referral", "poster", "acme", "spring", uid(scene, anna), "-o", str(tmp_path / "none" / "x.png"))
    assert nowhere.exit_code == 1 and "No such file or directory" in nowhere.output
    assert nowhere.exception is None or isinstance(nowhere.exception, SystemExit)
    assert "locked" in scrm("referral", "touch", "acme", made["code"], uid(scene, bo)).output
    assert scrm("referral", "trait", "acme", "spring", uid(scene, bo), "device", "D").exit_code == 0
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    scene.order(bo)
    scene.deliver()
    (reward,) = json.loads(scrm("referral", "queue", "acme", "--json").output)
    audited = scrm("referral", "audit", "acme", reward["uid"], "approve", "--as", "li", "--json")
    assert json.loads(audited.output)["state"] == "granted"
    assert json.loads(scrm("referral", "report", "acme", "--json").output)[0]["per_qualified"] == 100
    exported = scrm("referral", "export", "acme", "spring").output.splitlines()
    assert len(exported) == 2 and exported[1].split(",")[1] == uid(scene, bo)
    for args in (
        ("show", "acme", "spring"), ("inviters", "acme", "spring"), ("invitees", "acme", "spring"), ("settle", "acme"),
        ("invitees", "acme", "spring", "--inviter", uid(scene, anna), "--after", "1"),
        ("fund", "acme", "spring", "200", "--as", "mia"), ("restock", "acme", "spring", "1", "2", "--as", "mia"),
        ("leave", "acme", "spring", uid(scene, anna)),
    ):  # fmt: skip
        assert scrm("referral", *args).exit_code == 0, args
    gone = scrm("referral", "poster", "acme", "spring", uid(scene, anna), "-o", str(tmp_path / "x.png"))
    assert gone.exit_code == 1 and "this person left this campaign and has no code" in gone.output
    scene.coupons.batches.close("cup")
    assert scrm("referral", "list", "acme").exit_code == 0  # a warning of doctor's, and no broken brand
    brand_file = house.config.root / "brands" / "acme.toml"
    on = brand_file.read_text("utf-8")
    brand_file.write_text(on.replace("[plugins.coupon-threshold]", "[plugins.coupon-threshold]\nenabled = false"), "utf-8")
    stuck = scrm("referral", "list", "acme")  # nobody issues the reward of an open campaign any more
    assert stuck.exit_code == 1 and "scrm referral close acme spring" in stuck.output
    assert scrm("referral", "close", "acme", "spring", "--as", "mia").exit_code == 0
    brand_file.write_text(on, "utf-8")
    unready = scrm("referral", "dry-run", "acme", str(file))
    assert unready.exit_code == 1 and "problem: ladder.0" in unready.output
    file.write_text("code = ", encoding="utf-8")
    assert scrm("referral", "dry-run", "acme", str(file)).exit_code == 1


ODD: tuple[dict[str, Any], ...] = (
    {"ends_at": "0001-01-01T00:00"}, {"ends_at": "9999-12-31T23:59"}, {"ends_at": 5}, {"title": "a\x00b"},
    {"title": "a\nb"}, {"staff": ["\x00"]}, {"staff": [5]}, {"ladder": [5]}, {"ladder": []}, {"gates": []},
    {"gates": [{"gate": "member"}, {"gate": "target", "segment": "(("}]}, {"quota": 2**63}, {"quota": True},
    {"gates": [{"gate": "member"}, {"gate": "pack", "plugin": "p", "event": "e", "match": {"x": [1]}}]},
    {"gates": [{"gate": "member"}, {"gate": "joined_group", "group": "\x00"}]}, {"risk": 5}, {"budget_minor": 0},
    {"target_url": "javascript:alert(1)"}, {"poster": "x" * 201}, {"ladder": [{"invites": 1, "value_minor": -1}]},
    {"ladder": [{"invites": 1, "item": "\x00", "value_minor": 1}]}, {"surface": ["app"]}, {"mode": "lowest"},
)  # fmt: skip


def test_an_odd_definition_is_refused_and_breaks_nothing(scene: Scene, house: Installation) -> None:
    api = Api(house, "referral:read", "referral:write")
    for change in ODD:
        for path in ("/dry-run", "/campaigns"):
            answer = api("POST", path, scene.definition(**change))
            assert answer.status_code in (400, 422), (change, answer.json)
    assert api("GET", "/campaigns").json == {"campaigns": []}


def test_no_name_breaks_the_server(scene: Scene, house: Installation) -> None:
    scene.campaign()
    api = Api(house, "referral:read", "referral:write", "referral:join", "referral:review")
    for bad in ("%00", "a" * 5_000, "'", "%ED%A0%80"):
        for path in (f"/campaigns/{bad}", f"/campaigns/spring/inviters/{bad}", f"/rewards?state={bad}"):
            assert api("GET", path).status_code in (404, 422), path
        assert api("GET", f"/campaigns/spring/invitees?state={bad}").status_code == 422
    for bad in ("\x00", "a\tb", "a" * 5_000):
        for path, body in (
            ("/campaigns/spring/inviters", {"contact": bad}), ("/touches", {"code": bad, "contact": "x", "kind": "click"}),
            ("/campaigns/spring/traits", {"contact": "x", "kind": "device", "value": bad}),
        ):  # fmt: skip
            assert api("POST", path, body).status_code in (400, 404, 422), path
    client = create_app(house).test_client()
    assert client.get(f"/p/acme/referral/c/spring?by={'a' * 900}").status_code == 200
    assert client.get(f"/p/acme/referral/c/{'a' * 900}").status_code == 404


def test_a_draft_is_changed_by_command_and_by_route_alike(scene: Scene, house: Installation, tmp_path: Path) -> None:
    write, read = Api(house, "referral:read", "referral:write"), Api(house, "referral:read")
    body = scene.definition(ladder=[rung(1, "cup", 6_000)], quota=3)
    for _ in range(2):
        assert write("POST", "/campaigns", body).status_code == 201
    assert write("POST", "/campaigns", {**body, "title": "other"}).status_code == 409
    assert read("POST", "/campaigns/spring/changes", {"quota": 5}).status_code == 403
    assert write("POST", "/campaigns/spring/changes", {"quota": 5}).json["quota"] == 5
    assert write("POST", "/campaigns/spring/changes", {"quota": 0}).status_code == 422
    (tmp_path / "more.toml").write_text('title = "新春"\n')
    session = Session(house.config.root, clock=scene.clock)
    try:
        arguments = ["referral", "change", "acme", "spring", str(tmp_path / "more.toml"), "--as", "mia"]
        done = CliRunner().invoke(root, arguments, obj=session)
    finally:
        session.close()
    assert done.exit_code == 0, done.output
    campaign = scene.referrals.campaigns.get("spring")
    assert (campaign.definition.title, campaign.quota, campaign.state) == ("新春", 5, "draft")
