"""The console's pages of package cards: a campaign is taken through its steps by forms, as the user who is signed in."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from campaign_desk import CAMPAIGN, LIST, PNG, CampaignDesk, made
from click.testing import CliRunner
from staff_desk import EVIL, statements, unsaid
from steps_campaign import DESIGN, MATERIAL, Walk

import scrm_package_card
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.web import create_app
from scrm_package_card.console_words import WORDS
from scrm_package_card.steps.records import By


def test_two_operators_take_a_campaign_from_its_goal_to_its_figures(house, browser):
    desk = made(browser, first_day="2026-01-01", last_day="2026-01-30")
    other = CampaignDesk(browser("pia"))
    desk.act("goal", primary="acquire")
    desk.act("advance", to="policy")
    desk.act("hook", kind="cash", name="红包 8.88", product="纸尿裤", price="99.00", cost="39", hook_cost="8.88")
    assert "minor units of CNY: price 9,900 - cost 3,900 = margin 6,000" in desk.look()
    desk.act("channels", channels="wecom\n")
    desk.act("material", channel="wecom", **{f"item-{item}": text for item, text in MATERIAL.items()})
    desk.act("advance", to="test")
    desk.act("trial", arms="A\r\nB", minimum="5")
    for arm in "AB":
        desk.act("trial-link", arm=arm, channel="wecom", target=f"https://example.com/{arm}")
    links = re.findall(r"qr=([a-z2-7]+)", desk.look())
    assert len(links) == 2
    code = desk.browser.get(CAMPAIGN, id="MAY", qr=links[0])
    assert code.mimetype == "image/svg+xml" and "<svg" in code.text
    desk.act("count")
    assert "too few cards shipped: A 0, B 0; every arm needs 5" in desk.look()
    desk.act("winner", arm="A", expect=409)
    assert "the data do not name A as winner" in desk.text
    desk.act("winner", arm="A", reason="the season begins")
    desk.act("advance", to="design")
    texts = {name: text for name, text in DESIGN.items() if name not in ("size", "colours")}
    desk.act("design", width_mm="90", height_mm="54", colours="#C8102E", **texts)
    desk.act("advance", to="print")
    desk.act("proof", file=(io.BytesIO(PNG), "五月 proof.png"))
    digest = re.search(r"proof=(\w{64})", desk.look())[1]
    assert f'<img src="?id=MAY&amp;proof={digest}" alt="Proof 1"' in desk.text
    picture = other.browser.client.get(f"/staff/console/{CAMPAIGN}?id=MAY&proof={digest}")
    assert picture.data == PNG and picture.mimetype == "image/png"
    desk.act("approve", number="1", expect=409)
    assert "somebody else approves it" in desk.text
    other.act("approve", number="1")
    assert "Approved by pia" in desk.look()
    desk.act("order", quantity="500", printer="快印")
    desk.act("batch", batch="MAY-1", kind="marketing", printed="500", unit_cost="0.12", arm="A", channel="wecom",
             target="https://example.com/add")  # fmt: skip
    desk.act("advance", to="launch")
    desk.act("receive", batch="MAY-1", kind="received", quantity="480", key="k1")
    desk.act("receive", batch="MAY-1", kind="received", quantity="480", key="k1")
    assert re.search(r'data-batch="MAY-1".*?</tr>', desk.look(), re.S)[0].count(">480<") == 2
    desk.act("arrival")
    desk.act("texts", department="客服", faq="问：怎么领？\r\n答：扫码", sop="1. 看")
    other.act("acknowledge", department="客服")
    desk.act("launch", shipping="automatic")
    desk.act("advance", to="monitor")
    page = desk.look()
    assert desk.now() == "monitor" and "data-metrics" in page and "<dd data-recall>–</dd>" in page
    drawn = desk.browser.get(CAMPAIGN, id="MAY", chart="day")
    assert drawn.mimetype == "image/svg+xml" and "<svg" in drawn.text
    desk.act("back", to="design", reason="another colour")
    assert desk.now() == "design"
    with house.brand("acme") as acme:
        steps = acme.plugins["package-card"].cards
        history = [(e.who, e.through, e.action) for e in _steps(acme).history("MAY")]
        assert steps.stock.batch("MAY-1").unit_cost_minor == 12
    assert ("pia", "user:pia", "proof approval") in history and history[-1] == ("otto", "user:otto", "begin")
    table = desk.browser.get(LIST).text
    assert re.search(r'data-campaign="MAY".*?badge.*?>design<', table, re.S)


def _steps(brand: Any) -> Any:
    from scrm_package_card.steps.machine import Steps

    return Steps(brand, brand.plugins["package-card"].settings)


def test_the_second_of_two_operators_is_told_and_keeps_what_they_typed(browser):
    desk, other = made(browser), CampaignDesk(browser("pia"))
    desk.act("goal", primary="acquire")
    seen = other.version()
    desk.act("advance", to="policy")
    desk.act("channels", channels="wecom")
    other.act("channels", step="policy", version=seen, channels="douyin & tmall", expect=409)
    assert "was changed meanwhile" in other.text and "douyin &amp; tmall</textarea>" in other.text
    assert "channels 渠道: wecom" in other.text
    other.act("channels", step="policy", channels="douyin")
    assert "channels 渠道: douyin" in desk.look()


def test_a_refused_act_keeps_what_was_typed_and_changes_nothing(browser):
    desk = made(browser)
    desk.act("goal", primary="acquire")
    desk.act("advance", to="policy")
    form = {"kind": "physical", "name": "试用装", "product": "面霜", "price": "150.00", "cost": "87", "hook_cost": "99.50"}
    desk.act("hook", expect=422, **form)
    assert "the hook is refused" in desk.text and all(f'value="{each}"' in desk.text for each in ("试用装", "99.50", "87"))
    desk.act("hook", expect=422, **{**form, "price": "a lot"})
    assert "price: &#39;a lot&#39; is not an amount" in desk.text and 'value="a lot"' in desk.text
    assert "data-margin" not in desk.look()
    person = browser("otto")
    person.get(LIST)
    answer = person.post(LIST, act="create", code="no good", source="shop", name="x")
    assert answer.status_code == 422 and 'value="no good"' in answer.text


@pytest.mark.parametrize(("name", "status"), [("cleo", 403), ("ana", 403), ("luna", 404), ("nobody", 404)])
def test_who_may_not_see_campaigns_sees_none(browser, name, status):
    made(browser)
    person = browser(name)
    for path in (LIST, f"{CAMPAIGN}?id=MAY", f"{CAMPAIGN}?id=MAY&chart=day"):
        assert person.get(path).status_code == status, path
    assert person.post(f"{CAMPAIGN}?id=MAY", act="goal", primary="acquire").status_code == status


def test_another_brand_has_none_of_it(house, browser):
    desk = made(browser)
    luna = browser("luna")
    assert "MAY" not in luna.get("b/moonco/x/package-card/campaigns").text
    assert luna.get("b/moonco/x/package-card/campaign?id=MAY").status_code == 404
    assert luna.post("b/moonco/x/package-card/campaign?id=MAY", act="goal", primary="acquire").status_code == 404
    assert "primary goal" in desk.look()
    with house.brand("moonco") as moonco:
        assert moonco.plugins["package-card"].cards.campaigns() == []


def test_analysts_see_the_card_and_no_campaign(browser):
    made(browser)
    page = browser("ana").get("b/acme/").text
    assert 'data-card="package-card"' in page and "MAY" in page


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.wide)])
def test_names_are_text_on_every_step_and_pages_ask_little(house, browser, language, monkeypatch):
    with house.brand("acme") as acme:
        walk = Walk(acme)
        hostile = {key: text if key.endswith(("picture", "cover", "banner")) else f"{text}{EVIL}" for key, text in MATERIAL.items()}
        walk.cards.create_campaign("MAY", source=f"shop{EVIL}", name=EVIL, automatic=False, first_day=739_000, last_day=739_030)
        walk.steps.begin("MAY", By(f"Anna {EVIL}"))
        walk.fill_goal()
        walk.advance("policy")
        walk.fill_policy(channels=(f"tmall{EVIL}",))
        walk.steps.policy.set_materials("MAY", f"tmall{EVIL}", hostile, By("Anna"))
        walk.advance("test")
        walk.fill_test()
        walk.advance("design")
        walk.steps.design.set_items("MAY", {**DESIGN, "layout": EVIL, "benefit": EVIL}, By("Anna"))
        walk.advance("print")
        made_proof = walk.steps.proofs.make("MAY", f"{EVIL}.png", By("Anna"), content=PNG)
        walk.steps.proofs.approve("MAY", made_proof.detail["number"], By("Ben"))
        walk.steps.proofs.order("MAY", 500, By("Anna"), printer=EVIL)
        walk.receive()
        walk.advance("launch")
        walk.steps.launches.set_departments("MAY", [f"客服{EVIL}"], By("Anna"))
        walk.steps.launches.set_texts("MAY", f"客服{EVIL}", By("Anna"), faq=EVIL, sop=EVIL)
        walk.cards.spending.record(walk.cards.campaign("MAY"), EVIL, 1, 100, key="k")
        asked = statements(acme, monkeypatch)
    otto = browser("otto", language)
    for step in ("goal", "policy", "test", "design", "print", "launch", "monitor"):
        asked.clear()
        answer = otto.get(CAMPAIGN, id="MAY", step=step)
        assert answer.status_code == 200 and f'data-step="{step}"' in answer.text, answer.text[:2_000]
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text and "49" not in re.findall(r"\{\{7\*7\}\}|>49<", answer.text)
        assert len(asked) <= 30, (step, len(asked), asked)
    for path in (LIST, "b/acme/"):
        asked.clear()
        page = otto.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page
        assert path != LIST or len(asked) <= 30


def test_a_campaign_that_is_not_there_is_told_and_one_without_steps_is_shown(house, browser):
    otto = browser("otto")
    for path in (CAMPAIGN, f"{CAMPAIGN}?id=JUNE", f"{CAMPAIGN}?id=JUNE&chart=day"):
        assert otto.get(path).status_code == 404
    with house.brand("acme") as acme:
        acme.plugins["package-card"].cards.create_campaign("OLD", source="shop")
    old = otto.get(CAMPAIGN, id="OLD").text
    assert "without the seven steps" in old and "<dd data-recall>–</dd>" in old and "<dd data-per-card>–</dd>" in old
    assert otto.get(CAMPAIGN, id="OLD", qr="nothere").status_code == 404
    assert otto.get(CAMPAIGN, id="OLD", chart="moon").status_code == 422


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"<svg xmlns='x'/>", "a PNG, a JPEG or a PDF"), (b"", "a PNG, a JPEG or a PDF"), (b"\x89PNG\r\n\x1a\n" + b"x" * 900_000, "at most 900,000")],
)
def test_a_proof_is_a_picture_or_a_pdf_of_a_size_that_can_be_kept(house, browser, content, said):
    with house.brand("acme") as acme:
        Walk(acme).begin().to("print")
    desk = CampaignDesk(browser("otto"))
    desk.act("proof", file=(io.BytesIO(content), "card.png" if content else ""), expect=422)
    assert said in desk.text


def test_programs_and_commands_do_what_the_page_does(house, tmp_path):
    with house.brand("acme") as acme:
        Walk(acme).begin().to("test").start_trial()
        key = acme.keys.create("test", ("*",))[1]
        (link, *_) = [row[0] for row in execute("SELECT code FROM link ORDER BY id").fetchall()]
    client, head = create_app(house).test_client(), {"Authorization": f"Bearer {key}"}
    api = "/api/v1/acme/plugins/package-card/campaigns/MAY"
    version = client.get(f"{api}/steps", headers=head).json["version"]
    body = {"by": "Anna", "file": "p.png", "content": base64.b64encode(PNG).decode(), "version": version}
    made_proof = client.post(f"{api}/steps/proof", json=body, headers=head)
    assert made_proof.status_code == 201, made_proof.text
    digest = made_proof.json["detail"]["sha256"]
    assert client.get(f"{api}/steps/proof/{digest}", headers=head).data == PNG
    assert client.get(f"{api}/steps/proof/{'0' * 64}", headers=head).status_code == 404
    stale = client.post(f"{api}/steps/proof", json=body, headers=head)
    assert (stale.status_code, stale.json["code"]) == (409, "moved")
    wrong = client.post(f"{api}/steps/proof", json={**body, "version": None, "sha256": "0" * 64}, headers=head)
    assert wrong.status_code == 422
    assert "<svg" in client.get(f"{api}/links/{link}/qr", headers=head).text
    assert client.get(f"{api}/links/nothere/qr", headers=head).status_code == 404
    picture, out = tmp_path / "p.png", tmp_path / "code.svg"
    picture.write_bytes(PNG)
    for words in (
        ["package-card", "step", "proof", "acme", "MAY", "p.png", "--by", "Anna", "--content", str(picture)],
        ["package-card", "qr", "acme", "MAY", link, "--out", str(out)],
    ):
        session = Session(house.config.root, clock=house.clock)
        told = CliRunner().invoke(root, words, obj=session)
        session.close()
        assert told.exit_code == 0, told.output
    assert "<svg" in out.read_text("utf-8")


def test_every_word_of_the_pages_is_there_in_both_languages():
    assert unsaid(Path(scrm_package_card.__file__).parent / "templates", WORDS) == set()
    assert all(english and chinese for english, chinese in WORDS.values())
