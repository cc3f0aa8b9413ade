"""Acquisition links: made once, changed, paused, deleted; what they bring, and what they may bring."""

from __future__ import annotations

import pytest
from wecom_scene import CORP, Scene
from wecom_whole import Whole

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, TooMany
from scrm_wecom.client.codes import WecomError
from scrm_wecom.links import Links
from scrm_wecom.ways import AcquisitionLinks

POINT = "live-code.acquisition-links"
MAKE, LIST, GET = (f"externalcontact/customer_acquisition/{name}" for name in ("create_link", "list_link", "get"))
URL = "https://work.weixin.qq.com/ca/caw1"
MADE = {"errcode": 0, "link": {"link_id": "l1", "link_name": "x", "url": URL, "create_time": 1}}


def offered(scene: Scene) -> AcquisitionLinks:
    """What another plugin finds at the extension point."""
    ((name, method),) = scene.brand.extensions(POINT)
    found = getattr(scene.brand.plugins[name], method)()
    assert isinstance(found, AcquisitionLinks)
    return found


def links(scene: Scene) -> Links:
    return scene.brand.plugins["wecom"].wecom.links


def work(scene: Scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].work()


# For another plugin -----------------------------------------------------------


def test_a_link_made_for_another_plugin_brings_its_state_with_the_add(whole: Whole):
    with whole.brand as brand:
        brand.channels.create("sms-may")
        link_id, address = offered(whole).make("sms-may", ["staff001", "staff002"], "May")
        assert (address, offered(whole).usable(link_id)) == (
            f"{whole.simulator_url}/ca/{link_id}?customer_channel=sms-may", True,
        )  # fmt: skip
    whole.act("click", link_id=link_id, person="p600", channel="sms-may")
    found = whole.contact("p600")
    assert (found.lead_channel, [lead[0] for lead in whole.leads()]) == ("sms-may", ["sms-may"])
    with whole.brand:
        (customer,) = offered(whole).customers(link_id).customers
    assert (customer.external, customer.state, customer.spoke) == (whole.external("p600"), "sms-may", False)


def test_without_a_secret_nothing_is_offered(scene: Scene):
    assert scene.brand.plugins["wecom"].acquisition_links() is None


def test_who_asks_twice_gets_the_same_link(whole: Whole):
    with whole.brand:
        first = offered(whole).make("a", ["staff001"], "x")
        assert offered(whole).make("a", ["staff002"], "y") == first
        assert offered(whole).make("b", ["staff001"], "x") != first
    assert len(whole.simulator.corp(CORP).links) == 2


def test_a_link_whose_answer_was_lost_is_found_again_and_not_made_twice(whole: Whole, clock):
    whole.simulator.fault("empty", None, api=MAKE, times=1, after=True)
    with whole.brand:
        with pytest.raises(TooMany):
            offered(whole).make("a", ["staff001"], "x")
        with pytest.raises(TooMany):  # the call might still be under way
            offered(whole).make("a", ["staff001"], "x")
        clock.advance(seconds=121)
        (link,) = whole.simulator.corp(CORP).links.values()
        assert offered(whole).make("a", ["staff001"], "x")[0] == link.link_id
    assert len(whole.simulator.corp(CORP).links) == 1


def test_a_link_that_was_certainly_not_made_is_made_anew(whole: Whole, clock):
    whole.simulator.fault("empty", None, api=MAKE, times=1)
    with whole.brand:
        offered_, made = offered(whole), None
        for _ in range(3):
            try:
                made = offered_.make("a", ["staff001"], "x")
            except TooMany:
                clock.advance(seconds=121)
        assert made is not None
    assert [link.link_id for link in whole.simulator.corp(CORP).links.values()] == [made[0]]


def test_others_answer_it_and_it_is_deleted_for_ever(whole: Whole):
    with whole.brand:
        link_id, _ = offered(whole).make("a", ["staff001"], "x")
        offered(whole).change(link_id, ["staff002"])
        assert whole.simulator.corp(CORP).links[link_id].users == ["staff002"]
        offered(whole).remove(link_id)
        offered(whole).remove(link_id)
        assert not offered(whole).usable(link_id)
    work(whole)
    assert whole.simulator.corp(CORP).links == {}
    with whole.brand, pytest.raises(Conflict, match="deleted"):
        offered(whole).make("a", ["staff001"], "x")


def test_an_address_of_another_state_is_checked_and_encoded(calling: Scene, server):
    server.answers[MAKE] = [MADE]
    with calling.brand:
        link_id, _ = offered(calling).make("a", ["zhangsan"], "x")
        assert offered(calling).address(link_id, "渠道 1&x=2") == f"{URL}?customer_channel=%E6%B8%A0%E9%81%93%201%26x%3D2"
        assert offered(calling).address(link_id, "你" * 21).startswith(URL)
        for wrong in ("你" * 22, "", "a\nb"):
            with pytest.raises(Invalid):
                offered(calling).address(link_id, wrong) if wrong else offered(calling).make("", ["zhangsan"], "x")


@pytest.mark.parametrize(
    ("answer", "expected", "calls"),
    [
        ({"errcode": 41095}, WecomError, 2), ({"errcode": 48002}, WecomError, 2), ({"errcode": 45009}, TooMany, 1),
        ({"errcode": 45033}, TooMany, 4), ({"errcode": -1}, TooMany, 1), (lambda asked: None, TooMany, 1),
    ],
)  # fmt: skip
def test_refusals_are_told_and_what_waits_is_asked_again(calling: Scene, server, answer, expected, calls):
    server.answers[MAKE] = [answer]
    with calling.brand:
        for _ in range(2):
            with pytest.raises(expected):
                offered(calling).make("a", ["zhangsan"], "x")
    assert len(server.calls(MAKE)) == calls


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x .example/", "//x.example"])
def test_an_answer_without_a_safe_address_is_no_link(calling: Scene, server, url):
    server.answers[MAKE] = [{"errcode": 0, "link": {"link_id": "l1", "url": url}}]
    with calling.brand, pytest.raises((WecomError, TooMany)):
        offered(calling).make("a", ["zhangsan"], "x")


SOURCE = """
from scrm_core.api import ScrmError

def run(brand, worker):
    links, made = brand.plugins["wecom"].acquisition_links(), set()
    for number in range(4):
        try:
            made.add(links.make(f"s{number}", ["staff001"], "x")[0])
        except ScrmError:
            continue
    return sorted(made)
"""


def test_processes_that_want_the_same_links_make_each_once(whole: Whole, together):
    told = together(whole.installation, SOURCE, 3)
    assert len(whole.simulator.corp(CORP).links) == 4
    assert set().union(*told) == set(whole.simulator.corp(CORP).links)


def test_another_brand_hears_nothing_of_them(whole: Whole):
    with whole.brand:
        offered(whole).make("a", ["staff001"], "x")
    with whole.installation.brand("moonco"):
        assert execute("SELECT count(*) FROM wecom_link").fetchone() == (0,)
