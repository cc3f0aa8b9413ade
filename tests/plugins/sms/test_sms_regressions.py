"""Faults that plans, rescue, reconciling and reports had: each test failed before its fault was mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_servers import ALIYUN, TENCENT, LocalServer
from results_scene import Bench, Sms, Stage, configured
from sms_scene import BODY, POLICY, Scene

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.db.router import brand_db
from scrm_core.errors import Conflict, Invalid
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_sms.gateways import reconciling
from scrm_sms.gateways.reconciling import reconcile
from scrm_sms.plans.steps import Arm
from scrm_sms.results import landing

RESCUE = 'rescue_tag = "intent/C"\nrescue_plan = "MAY"\n[plugins.bench]'


# Gates -----------------------------------------------------------------------


def test_the_budget_is_held_against_the_pack_that_is_there_not_the_one_the_copy_was_priced_for(scene: Scene) -> None:
    scene.people(3)
    one = scene.person("+8613811112222")
    scene.tag(one, "few")
    scene.upto("policy", segment='tag = "few"')
    scene.plans.set_policy("MAY", replace(POLICY, claimants=2, budget_minor=1_020), actor="ann")
    scene.upto("test", since="pack")
    scene.plans.set_audience("MAY", segment="lead_at >= 2000-01-01", actor="ann")
    scene.plans.packing.build("MAY", actor="ann")
    scene.passed_test()
    # 4 messages of at most 2 parts at 4.5 fen are 36 fen; two claimants at 5.00 are 10.00.
    with pytest.raises(Conflict, match="together 1036: above the budget 1020"):
        scene.plans.launching.approve("MAY", actor="bob")


def test_settings_that_change_the_text_after_its_test_keep_the_plan_from_starting_and_from_going_on(
    sms_installation,
) -> None:
    installation: Installation = sms_installation()
    brand = installation.brand("acme")
    with brand:
        scene = Scene(brand)
        scene.people(3)
        scene.upto("schedule")
        scene.upto("schedule", "JUNE", approver="bob")
        scene.plans.launching.schedule("JUNE", "now", actor="ann")
    file = Path(installation.config.brands_dir) / "acme.toml"
    file.write_text(file.read_text().replace("[plugins.sms]\n", '[plugins.sms]\nsignature_style = "plain"\n'))
    brand = installation.brand("acme")
    with brand:
        scene = Scene(brand)
        with pytest.raises(Conflict, match="settings"):
            scene.plans.launching.schedule("MAY", "now", actor="ann")
        scene.brand.outreach.drain()
        assert scene.gateway.of("marketing") == []
        assert scene.run_state("JUNE") == "paused"


# Rescue ----------------------------------------------------------------------


@pytest.fixture
def stage(new_installation) -> Iterator[Stage]:
    both = configured().replace("[plugins.bench]", RESCUE)
    installation = new_installation(plugins=(Sms, Bench), acme=both, moonco=configured())
    with installation.brand("acme") as brand:
        brand.tags.define("intent", "C", kind="system")
        yield Stage(brand)


def mark(stage: Stage, phone: str) -> None:
    stage.brand.tags.add(stage.brand.contacts.find("phone", phone).id, ("intent", "C"))
    stage.deliver()


def approved(stage: Stage) -> None:
    """The rescue plan, scheduled and with one message sent of two: it goes on."""
    for phone in stage.strangers(2, first=900):
        mark(stage, phone)
    stage.gateway.batch = 1
    stage.upto("running", segment='tag = "C"', at="now")
    stage.brand.outreach.dispatch()
    assert len(stage.gateway.of("marketing")) == 1


def test_a_canceled_plan_sends_no_rescue_message_that_waits(stage: Stage) -> None:
    approved(stage)
    (phone,) = stage.strangers(1)
    mark(stage, phone)
    stage.plans.control.cancel("MAY", actor="ann", reason="wrong price")
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 1
    mark(stage, stage.strangers(1, first=50)[0])
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 1


def test_a_paused_plan_pauses_its_rescue_and_goes_on_with_it(stage: Stage) -> None:
    approved(stage)
    (phone,) = stage.strangers(1)
    mark(stage, phone)
    stage.plans.control.pause("MAY", actor="ann", reason="look")
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 1
    stage.plans.control.resume("MAY", actor="ann")
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 3


def test_a_rescue_goes_on_being_stoppable_after_its_plan_is_done(stage: Stage) -> None:
    approved(stage)
    stage.brand.outreach.drain()
    stage.control()
    assert stage.state() == "done"
    (phone,) = stage.strangers(1)
    mark(stage, phone)
    stage.plans.control.cancel("MAY", actor="ann", reason="wrong price")
    stage.brand.outreach.drain()
    assert len(stage.gateway.of("marketing")) == 2


def test_a_refused_text_of_a_rescue_message_stops_the_rescue_too(stage: Stage) -> None:
    approved(stage)
    stage.brand.outreach.drain()
    stage.control()
    first, second = stage.strangers(2)
    mark(stage, first)
    stage.brand.outreach.drain()
    stage.brand.outreach.receipt(stage.gateway.of("marketing")[-1].uid, "failed", code="KEYWORD")
    stage.deliver()
    mark(stage, second)
    stage.brand.outreach.drain()
    assert second not in [message.address for message in stage.gateway.of("marketing")]
    assert stage.brand.outreach.run("sms", "MAY/rescue").state == "paused"


def test_who_cannot_be_queued_twice_gets_no_link_at_every_turn_of_the_job(stage: Stage) -> None:
    approved(stage)
    first, second = stage.strangers(2)
    mark(stage, first)
    mark(stage, second)
    one, two = (stage.brand.contacts.find("phone", phone).id for phone in (first, second))
    # The second person's row of the table as it is when the number had its message before.
    execute("DELETE FROM sms_rescue WHERE contact_id = ?", (one,))
    execute("UPDATE sms_rescue SET message_id = NULL, link_id = NULL WHERE contact_id = ?", (two,))
    (links,) = execute("SELECT count(*) FROM link").fetchone()
    for _ in range(3):
        stage.brand.plugins["sms"].settle()
    assert execute("SELECT count(*) FROM link").fetchone()[0] == links
    assert execute("SELECT message_id FROM sms_rescue WHERE contact_id = ?", (two,)).fetchone()[0] is not None


# Money -----------------------------------------------------------------------


def test_the_orders_of_a_person_with_two_messages_are_counted_once(new_installation) -> None:
    installation = new_installation(plugins=(Sms, Bench), acme=configured(), moonco=configured())
    with installation.brand("acme") as brand:
        stage = Stage(brand)
        first, second = stage.strangers(2)
        stage.plans.create("MAY", actor="ann")
        stage.plans.set_goal("MAY", "repurchase", sender="recorder", actor="ann")
        stage.upto("running", since="audience", segment="orders >= 1")
        stage.brand.outreach.drain()
        stage.receipts()
        one, two = (stage.brand.contacts.find("phone", phone).id for phone in (first, second))
        brand.contacts.merge(one, two, actor="ann", reason="one person")
        stage.orders("A1", first, 10_000)
        row = stage.row()
        assert (row["buyers"], row["orders"], row["revenue_minor"]) == (1, 1, 10_000)


# Reconciling -----------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[LocalServer]:
    local = LocalServer()
    yield local
    local.close()


@pytest.fixture
def asking(new_installation, server: LocalServer):
    aliyun = "".join(f'{key} = "{value}"\n' for key, value in ALIYUN.items())
    tencent = "".join(f'{key} = "{value}"\n' for key, value in TENCENT.items())
    return new_installation(
        acme=f'\n[plugins.sms]\n[plugins.sms.aliyun]\nurl = "{server.url}/"\n{aliyun}'
        f'[plugins.sms.tencent]\nurl = "{server.url}/"\npull = true\n{tencent}'
    ).brand("acme")


class Answering:
    """A gateway in whose call something happens first."""

    batch = 1

    def __init__(self, act):
        self.act = act

    def send(self, messages):
        return [self.act(message) for message in messages]


def send(brand, sender, number, act):
    brand.outreach._gateways[sender] = Answering(act)
    run = brand.outreach.open_run(f"r {number}", owner="sms", channel="sms", kind="notice", sender=sender)
    brand.outreach.queue_body(run.id, number, "【示例旗舰店】您的包裹已发出")
    brand.outreach.release(run.id, 10_000)
    brand.outreach.start(run.id)
    brand.outreach.dispatch()
    (uid,) = execute("SELECT uid FROM message WHERE address = ?", (number,)).fetchone()
    return uid


def pulled(*rows):
    return {"Response": {"PullSmsSendStatusSet": list(rows), "PullSmsReplyStatusSet": [], "RequestId": "R"}}


def delivered(number, serial):
    return {
        "UserReceiveTime": 1_767_225_601, "PhoneNumber": number, "SerialNo": serial,
        "ReportStatus": "SUCCESS", "Description": "DELIVRD", "SessionContext": "",
    }  # fmt: skip


def test_a_pulled_receipt_that_comes_too_early_is_kept_and_takes_no_other_one_with_it(asking, server) -> None:
    pages = []

    def answer(request):
        status = request.headers.get("x-tc-action") == "PullSmsSendStatus"
        return 200, json.dumps(pages.pop(0) if pages and status else pulled())

    server.answers(answer)
    with asking as brand:
        plugin = brand.plugins["sms"]
        known = send(brand, "tencent", "+8613800000001", lambda message: SendResult.accepted("S1"))

        def while_sending(message):
            pages.append(pulled(delivered("+8613800000002", "S2"), delivered("+8613800000001", "S1")))
            reconcile(plugin)
            return SendResult.accepted("S2")

        early = send(brand, "tencent", "+8613800000002", while_sending)
        assert brand.outreach.message(known).state == "delivered"
        reconcile(plugin)
        assert brand.outreach.message(early).state == "delivered"


def test_messages_that_aliyun_knows_nothing_of_do_not_keep_the_others_from_being_asked_for(
    asking, server, clock, monkeypatch
) -> None:
    monkeypatch.setattr(reconciling, "MOST_QUESTIONS", 2)
    asked = []

    def answer(request):
        if request.form.get("Action") == "QuerySendDetails":
            asked.append(request.form["PhoneNumber"])
            return 200, json.dumps({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}})
        return 200, json.dumps(pulled())

    server.answers(answer)
    with asking as brand:
        for place in range(5):
            send(brand, "aliyun", f"+861380000000{place}", lambda message: SendResult.unknown("time-out"))
        clock.advance(seconds=600)
        for _ in range(3):
            reconcile(brand.plugins["sms"])
    assert set(asked) == {f"1380000000{place}" for place in range(5)}


# Copy and page -----------------------------------------------------------------


def test_a_copy_that_nobody_could_be_sent_is_refused_at_once(scene: Scene) -> None:
    scene.people(1)
    scene.upto("copy")
    with pytest.raises(Invalid, match="must end with"):
        scene.plans.wordings.set_copy("MAY", [Arm("A", f"{BODY} ")], actor="ann")


def test_whoever_wrote_the_page_that_people_land_on_is_no_second_person(sms_installation) -> None:
    with sms_installation(two_persons=0).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(2)
        scene.upto("path")
        now = brand.now()
        landing.set_landing(
            brand, "MAY", actor="bob", title="五月新客", target="https://work.weixin.qq.com/ca/x?s={state}",
            starts_at=now, ends_at=now + 86_400_000, activity="新客券", text="领券", welcome="欢迎", button="领取",
        )  # fmt: skip
        brand.channels.ensure("sms-may", "SMS May")
        scene.plans.paths.set_path("MAY", channel="sms-may", actor="ann")
        scene.upto("approval", since="copy")
        with pytest.raises(Conflict, match="not by bob"):
            scene.plans.launching.approve("MAY", actor="bob")
        scene.plans.launching.approve("MAY", actor="cat")


# Personal data -----------------------------------------------------------------


def test_clear_numbers_are_not_kept_as_the_answer_of_an_idempotency_key(new_installation) -> None:
    installation = new_installation(plugins=(Sms, Bench), acme=configured(), moonco=configured())
    with installation.brand("acme") as brand:
        stage = Stage(brand)
        (phone,) = stage.strangers(1)
        stage.upto("running", segment="orders >= 1")
        key = brand.keys.create("exporter", ("*",))[1]
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "once"}
    client = create_app(installation).test_client()
    url = "/api/v1/acme/plugins/sms/plans/MAY/recipients"
    answer = client.post(url, json={}, headers=headers)
    assert answer.status_code == 422 and "Idempotency-Key" in answer.text
    del headers["Idempotency-Key"]
    assert phone in client.post(url, json={}, headers=headers).text
    with installation.brand("acme"):
        assert phone not in str(execute("SELECT * FROM idempotency").fetchall())


def test_names_of_indexes_begin_with_the_plugins(scene: Scene) -> None:
    with scene.brand as brand:
        tables = [model._meta.table_name for model in brand.plugins["sms"].models]
        made = {each.name: each for table in tables for each in brand_db.get_indexes(table)}
    assert [name for name in sorted(made) if not name.startswith(("sms_", "sqlite_autoindex"))] == []
    assert made["sms_number_address_pack_id"].unique and not made["sms_plan_state"].unique
