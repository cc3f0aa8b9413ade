"""Paying through WeChat: paid once whatever happens on the way, and asked for when it is not certain."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

import pytest
from red_packet_scene import FREE, MERCHANT, OTHER_KEY, Scene, private_pem, wechat_table

from scrm_core.clock import ManualClock, SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError, Conflict, Veto
from scrm_core.installation import Installation

# The engine matters where claims and leases do; answers are read alike on both.
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def owed(scene: Scene, *, amount: int = 300, openid: str = "o-ann") -> str:
    """A packet owed to ann; returns its transfer number."""
    return scene.give(scene.person("ann", openid=openid), "prize", amount)["payout"]


def test_a_due_packet_is_paid_to_the_persons_openid_and_never_again(paying, wechat):
    number = owed(paying)
    for _ in range(3):
        paying.pay()
    payout = paying.payout("prize")
    assert (payout.state, payout.reference, payout.via) == ("paid", "133000000000000", "wechat")
    assert wechat.paid == [("o-ann", 300)] and wechat.asked == [("POST", number)]
    (body,) = wechat.bodies
    assert body == {
        "appid": "wx1",
        "out_bill_no": number,
        "transfer_scene_id": "1000",
        "openid": "o-ann",
        "transfer_amount": 300,
        "transfer_remark": "红包",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "五月抽奖"},
            {"info_type": "奖励说明", "info_content": "红包"},
        ],
    }
    assert paying.steps("prize") == [("due", ""), ("sending", ""), ("paid", "SUCCESS")]
    assert paying.budget() == (300, 9_700) and paying.adds_up()


@on_sqlite
def test_without_an_openid_of_the_app_it_waits_and_says_so(paying, wechat, clock):
    owed(paying, openid="")
    paying.person("ann", openid="o-elsewhere", appid="wx2")
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("due", "no_openid")
    assert wechat.asked == []
    paying.person("ann", openid="o-ann")
    paying.pay()
    assert wechat.asked == []  # looked at again after ten minutes
    clock.advance(seconds=600)
    paying.pay()
    assert wechat.paid == [("o-ann", 300)]


@on_sqlite
def test_a_transfer_that_waits_for_the_person_is_asked_for_until_it_ends(paying, wechat, clock):
    number = owed(paying)
    wechat.state = "WAIT_USER_CONFIRM"
    paying.pay()
    payout = paying.payout("prize")
    assert (payout.state, payout.reason, payout.package) == ("sending", "WAIT_USER_CONFIRM", "affffddafdfafddffda==")
    with paying.brand:
        with pytest.raises(Veto) as going:
            paying.brand.rewards.reverse("prize", reason="mistake", actor="boss")
        assert going.value.code == "being_paid"
        answer = paying.packets.files.confirm_rows([{"number": number, "result": "paid"}], actor="lin")
        assert answer[0].state == "" and "gateway" in answer[0].error
    clock.advance(seconds=60)
    paying.pay()
    assert paying.payout("prize").state == "sending"
    wechat.become(number, "SUCCESS")
    clock.advance(hours=1)
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").package) == ("paid", "")
    assert wechat.asked == [("POST", number), ("GET", number), ("GET", number)]
    # Nothing changed in between: nothing was written down twice.
    assert [state for state, _ in paying.steps("prize")] == ["due", "sending", "sending", "paid"]


@on_sqlite
def test_a_transfer_the_person_let_lapse_failed_and_is_tried_again_under_a_new_number(paying, wechat, clock):
    number = owed(paying)
    wechat.state = "WAIT_USER_CONFIRM"
    paying.pay()
    wechat.become(number, "FAIL", fail_reason="OVERDUE_CLOSE")
    clock.advance(hours=24)
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("failed", "OVERDUE_CLOSE")
    assert paying.budget() == (300, 9_700)  # still owed
    wechat.state = "SUCCESS"
    with paying.brand:
        fresh = paying.packets.payouts.retry(number, actor="lin")
        with pytest.raises(Conflict):
            paying.packets.payouts.retry(fresh.number, actor="lin")
    paying.pay()
    assert fresh.number != number and wechat.paid == [("o-ann", 300)]
    assert paying.payout("prize").number == fresh.number and paying.payout("prize").state == "paid"


@on_sqlite
def test_an_answer_that_never_comes_is_unknown_and_then_asked_for(paying, wechat):
    number = owed(paying)
    wechat.hang = True
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", "timeout")
    wechat.hang = False
    paying.pay()
    assert paying.payout("prize").state == "paid"
    assert wechat.asked == [("POST", number), ("GET", number)] and wechat.paid == [("o-ann", 300)]


@on_sqlite
def test_what_wechat_never_took_is_sent_again_under_the_same_number_to_the_same_account(paying, wechat, clock):
    number = owed(paying)
    wechat.drop = True
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", "broken_answer")
    wechat.drop = False
    clock.advance(seconds=299)
    paying.pay()
    assert paying.payout("prize").state == "unknown"  # it might still be on its way
    paying.person("ann", openid="o-new")
    clock.advance(seconds=300)
    paying.pay()
    assert paying.payout("prize").state == "paid"
    assert wechat.asked == [("GET", number), ("GET", number), ("POST", number)]
    assert wechat.paid == [("o-ann", 300)]


@on_sqlite
def test_without_a_connection_nothing_left_and_it_stays_due(scenes, wechat, clock):
    scene = scenes(FREE + wechat_table("http://127.0.0.1:9"))[0]
    scene.fund(1_000)
    owed(scene)
    scene.pay()
    assert (scene.payout("prize").state, scene.payout("prize").reason) == ("due", "no_connection")
    with scene.brand:
        scene.brand.rewards.reverse("prize", reason="mistake", actor="boss")
    assert scene.budget() == (0, 1_000)


@on_sqlite
@pytest.mark.parametrize("code", ["PARAM_ERROR", "NO_AUTH", "INVALID_REQUEST", "SOMETHING_NEW"])
def test_a_refusal_is_asked_about_and_then_failed(paying, wechat, code):
    number = owed(paying)
    wechat.refuse = (400, code)
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", code)
    paying.pay()
    payout = paying.payout("prize")
    assert (payout.state, payout.reason, payout.detail) == ("failed", code, "说明")
    assert wechat.asked == [("POST", number), ("GET", number)] and wechat.paid == []
    with paying.brand:
        paying.brand.rewards.reverse("prize", reason="cannot be paid", actor="boss")
    assert paying.budget() == (0, 10_000) and paying.adds_up()


@on_sqlite
@pytest.mark.parametrize(("status", "code"), [(403, "NOT_ENOUGH"), (429, "FREQUENCY_LIMITED")])
def test_a_refusal_that_passes_ends_the_round_and_is_paid_later_under_its_number(paying, wechat, clock, status, code):
    number = owed(paying)
    paying.give(paying.person("ben", openid="o-ben"), "second", 200)
    wechat.refuse = (status, code)
    paying.pay()
    assert wechat.asked == [("POST", number)]  # the second would have been refused too
    wechat.refuse = None
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("due", code)
    clock.advance(seconds=60)
    paying.pay()
    assert paying.payout("prize").number == number
    assert sorted(wechat.paid) == [("o-ann", 300), ("o-ben", 200)]


@on_sqlite
def test_a_fault_of_wechats_is_unknown_until_asked(paying, wechat, clock):
    number = owed(paying)
    wechat.refuse = (500, "SYSTEM_ERROR")
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", "system_error")
    wechat.refuse = None
    paying.pay()
    assert paying.payout("prize").state == "unknown"  # not there, but it may yet come
    clock.advance(seconds=360)
    paying.pay()
    assert wechat.paid == [("o-ann", 300)] and {number for _, number in wechat.asked} == {number}


@on_sqlite
def test_a_number_that_exists_with_other_content_pays_nothing_and_asks(paying, wechat, clock):
    number = owed(paying)
    wechat.transfers[number] = {
        "openid": "o-else", "transfer_amount": 999, "out_bill_no": number, "state": "SUCCESS",
        "transfer_bill_no": "1", "appid": "wx1", "mch_id": "1900001",
    }  # fmt: skip
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", "already_exists")
    paying.pay()
    payout = paying.payout("prize")
    assert (payout.state, payout.detail) == ("unknown", "mismatch the answer describes another transfer")
    with paying.brand:  # a person looks, and decides
        paying.packets.files.confirm_rows([{"number": number, "result": "failed", "reason": "not ours"}], actor="lin")
    assert paying.payout("prize").state == "failed" and wechat.paid == []


@on_sqlite
def test_the_same_number_sent_twice_is_paid_once(paying, wechat):
    number = owed(paying)
    gateway = paying.packets.paying.gateway
    told = [gateway.pay(number, "o-ann", 300) for _ in range(2)]
    assert [each.kind for each in told] == ["paid", "paid"] and told[0] == told[1]
    assert wechat.paid == [("o-ann", 300)]


@on_sqlite
@pytest.mark.parametrize("fault", ["forge", "stale"])
def test_an_answer_that_wechat_did_not_sign_just_now_says_nothing(paying, wechat, fault):
    owed(paying)
    setattr(wechat, fault, 301 if fault == "stale" else True)
    paying.pay()
    assert (paying.payout("prize").state, paying.payout("prize").reason) == ("unknown", "bad_signature")
    paying.pay()
    assert paying.payout("prize").state == "unknown"
    setattr(wechat, fault, 0)
    wechat.asked.clear()
    paying.brand.clock.advance(seconds=60)
    paying.pay()
    assert paying.payout("prize").state == "paid" and [method for method, _ in wechat.asked] == ["GET"]


@on_sqlite
def test_a_wrong_merchant_key_pays_nothing_and_what_waited_is_paid_once_it_is_right(scenes, wechat, clock):
    scene = scenes(FREE + wechat_table(wechat.url, private_key=OTHER_KEY))[0]
    scene.fund(1_000)
    number = owed(scene)
    scene.give(scene.person("ben", openid="o-ben"), "second", 200)
    scene.pay()
    assert (scene.payout("prize").state, scene.payout("prize").reason) == ("unknown", "SIGN_ERROR")
    assert scene.payout("second").state == "due"  # the round ended with the first
    installation = scene.brand.installation
    file = installation.config.root / "brands" / "acme.toml"
    file.write_text(file.read_text("utf-8").replace(OTHER_KEY, private_pem(MERCHANT)), encoding="utf-8")
    scene.brand = installation.brand("acme")
    scene.pay()
    assert scene.payout("prize").reason == "SIGN_ERROR" and scene.payout("prize").state == "due"
    clock.advance(seconds=60)
    scene.pay()
    assert scene.payout("prize").number == number
    assert sorted(wechat.paid) == [("o-ann", 300), ("o-ben", 200)]


@on_sqlite
def test_after_three_calls_without_an_answer_the_gateway_is_left_alone(paying, wechat):
    for n in range(5):
        paying.give(paying.person(f"p{n}", openid=f"o{n}"), f"k{n}", 10)
    wechat.forge = True
    paying.pay()
    assert [method for method, _ in wechat.asked] == ["POST"] * 3
    states = Counter(paying.payout(f"k{n}").state for n in range(5))
    assert states == {"unknown": 3, "due": 2}


@on_sqlite
def test_who_is_erased_is_not_sent_money_and_what_went_is_still_settled(paying, wechat, clock):
    number = owed(paying)
    ann = paying.person("ann")
    wechat.drop = True
    paying.pay()
    with paying.brand:
        paying.brand.privacy.erase(ann, actor="boss")
    wechat.drop = False
    clock.advance(seconds=600)
    paying.pay()
    paying.pay()
    assert paying.payout("prize").state == "canceled" and wechat.paid == []
    assert wechat.asked == [("GET", number)]
    assert paying.budget() == (0, 10_000) and paying.adds_up()


@on_sqlite
def test_a_gateway_that_cannot_work_keeps_the_brand_from_starting(scenes):
    unusable = FREE + wechat_table("http://127.0.0.1:9", private_key="nonsense")
    with pytest.raises(ConfigError) as refused:
        scenes(FREE + wechat_table("http://127.0.0.1:9"), unusable)
    assert [problem.partition("[plugins.red-packet]: ")[2] for problem in refused.value.problems] == [
        "wechat.private_key is no RSA key in PEM without a password",
        "WeChat Pay transfers CNY, the brand's currency is USD: pay by file",
    ]


PAY = """
def run(brand, worker):
    packets = brand.plugins["red-packet"].packets
    sent = 0
    for _ in range(3):
        sent += packets.paying.run().sent
    return sent
"""


@pytest.fixture
def installed(scenes, wechat, clock):
    """Acme on the real clock, as the processes see it, through the installed plugin."""
    clock.set(SystemClock().now())
    scene = scenes(FREE + wechat_table(wechat.url, read_timeout=10))[0]
    scene.fund(10_000)
    return scene


def test_two_workers_pay_each_packet_once(installed, wechat, together):
    for n in range(24):
        installed.give(installed.person(f"p{n}", openid=f"o{n}"), f"k{n}", 100 + n)
    sent = together(installed.brand.installation, PAY, 2)
    assert sum(sent) == 24 and sorted(wechat.paid) == sorted((f"o{n}", 100 + n) for n in range(24))
    assert len(wechat.asked) == 24
    with installed.brand:
        assert execute("SELECT state, count(*) FROM red_packet_payout GROUP BY state").fetchall() == [("paid", 24)]


# Dies after WeChat has answered and before anything of it is written down.
KILLED = """
import os, signal, sys
from pathlib import Path
from scrm_core.installation import Installation
from scrm_red_packet.wechat import WechatTransfers

pay = WechatTransfers.pay

def die(self, *arguments):
    {call}
    os.kill(os.getpid(), signal.SIGKILL)

WechatTransfers.pay = die
brand = Installation.open(Path(sys.argv[1])).brand("acme")
with brand:
    brand.plugins["red-packet"].pay()
"""


def killed(scene: Scene, call: str) -> None:
    root = str(scene.brand.installation.config.root)
    child = subprocess.run([sys.executable, "-c", KILLED.format(call=call), root], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL


def later(scene: Scene, seconds: int) -> Scene:
    """The same brand as another process sees it, some seconds from now."""
    clock = ManualClock(SystemClock().now() + seconds * 1_000)
    return Scene(Installation.open(scene.brand.installation.config.root, clock=clock).brand("acme"))


def test_a_worker_killed_between_sending_and_recording_pays_nothing_again(installed, wechat):
    number = owed(installed)
    killed(installed, "pay(self, *arguments)")
    assert wechat.paid == [("o-ann", 300)] and installed.payout("prize").state == "sending"
    installed.pay()
    assert installed.payout("prize").state == "sending"  # still under its lease
    again = later(installed, 121)
    again.pay()
    assert again.steps("prize") == [("due", ""), ("sending", ""), ("unknown", "interrupted"), ("paid", "SUCCESS")]
    assert wechat.asked == [("POST", number), ("GET", number)] and wechat.paid == [("o-ann", 300)]
    again.brand.installation.close()


def test_a_worker_killed_before_sending_is_paid_after_wechat_said_it_knows_nothing(installed, wechat):
    number = owed(installed)
    killed(installed, "pass")
    again = later(installed, 121)
    again.pay()
    assert again.payout("prize").state == "unknown" and wechat.paid == []
    again.brand.clock.advance(seconds=300)
    again.pay()
    assert again.payout("prize").state == "paid"
    assert wechat.asked == [("GET", number), ("GET", number), ("POST", number)]
    assert wechat.paid == [("o-ann", 300)]
    again.brand.installation.close()
