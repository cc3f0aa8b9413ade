"""Channels and short links in the console: what they brought, made, ended, QR codes; two brands, roles, names, queries."""

from __future__ import annotations

import io
import re

import pytest
import zxingcpp
from console_scene import EVIL, ROOT
from PIL import Image

from scrm_core.api import IdentityIn, LeadIn
from scrm_core.services import audit


@pytest.fixture
def made(brands):
    """A link of a poster and one of moonco."""
    acme, moonco = brands
    with acme:
        acme.channels.create("poster", EVIL)
        ours = acme.links.create("poster", "https://shop.example/a?b=1", campaign=EVIL)
    with moonco:
        moonco.channels.create("poster")
        theirs = moonco.links.create("poster", "https://moon.example/")
    return ours, theirs


def visit(brand, code, visitor, *, agent="Mozilla/5.0", times=1):
    with brand:
        for _ in range(times):
            brand.links.visit(code, at=brand.now(), visitor=visitor, agent=agent)


def come(brand, code, phone):
    with brand:
        brand.contacts.capture_lead(
            LeadIn(source="form", reference=phone, identities=(IdentityIn.of("phone", phone),), at=brand.now(), name="", link=code)
        )


def row(text, code):
    return re.findall(r'class="number">.*?</span>([\d,+]+)<', re.search(rf'data-link="{code}">(.*?)</tr>', text, re.S)[1])


def acts(brand):
    with brand:
        return [(each.actor, each.action, each.target) for each in audit.page() if each.action.split(".")[0] in ("link", "channel")]


def test_links_are_shown_with_visits_visitors_and_people_brought_programs_left_out(browser, brands, made):
    acme, moonco = brands
    ours, theirs = made
    visit(acme, ours.code, "v1", times=2)
    visit(acme, ours.code, "v2")
    visit(acme, ours.code, "", agent="curl/8.0 bot", times=4)
    visit(moonco, theirs.code, "v9", times=7)
    come(acme, ours.code, "+8613800138011")
    come(acme, ours.code, "+8613800138012")
    otto = browser("otto")
    text = otto.get("b/acme/links").text
    assert row(text, ours.code) == ["3", "2", "2"]
    assert theirs.code not in text and "<script>alert" not in text and "shop.example" in text
    assert re.search(r'data-channel="poster">.*?>2<.*?>0<', text, re.S)
    one = otto.get(f"b/acme/links/{ours.code}").text
    assert "data-visits>3<" in one and "https://shop.example/a?b=1" in one and "<script>alert" not in one
    assert row(browser("luna").get("b/moonco/links").text, theirs.code) == ["7", "1", "0"]


def test_only_the_newest_visits_of_a_link_are_looked_at_and_the_figure_says_so(brands, made):
    acme, _ = brands
    visit(acme, made[0].code, "v1", times=5)
    with acme:
        found = acme.links.figures([made[0].id], most=3)[made[0].id]
        assert (found.visits, found.capped) == (3, True)
        assert not acme.links.figures([made[0].id], most=5)[made[0].id].capped


def test_what_channels_brought_is_of_the_last_28_days_and_the_brands_own_money(browser, brands, made, clock):
    acme, _ = brands
    come(acme, made[0].code, "+8613800138011")
    clock.advance(days=28)
    assert 'data-channel="poster"' not in browser("otto").get("b/acme/links").text
    come(acme, made[0].code, "+8613800138012")
    assert re.search(r'data-channel="poster">.*?class="number">.*?</span>1<', browser("otto").get("b/acme/links").text, re.S)


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.cases_on_sqlite
def test_the_qr_code_of_a_link_is_a_file_that_reads_as_its_own_address(browser, brands, made, kind):
    otto = browser("otto")
    answer = otto.get(f"b/acme/links/{made[0].code}/qr.{kind}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{made[0].code}.{kind}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    expected = f"{brands[0].installation.config.base_url}/l/{made[0].code}"
    if kind == "png":
        assert answer.content_type == "image/png"
        (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.data)).convert("L"))
        assert found.text == expected
    else:
        assert answer.content_type.startswith("image/svg+xml")
        assert b"<script" not in answer.data and answer.data.count(b"<svg") == 1
    assert otto.get(f"b/acme/links/{made[0].code}/qr.gif").status_code == 404
    assert otto.get(f"b/acme/links/{made[1].code}/qr.{kind}").status_code == 404, "another brand's"


def test_a_link_is_made_by_a_person_whom_the_audit_log_names_and_ends_for_good(browser, brands, made):
    acme, moonco = brands
    otto = browser("otto")
    otto.get("b/acme/links")
    done = otto.post("b/acme/links/create", channel="poster", target="https://shop.example/new", campaign="spring", ends="2026-01-31")
    code = done.location.partition("links/")[2].partition("?")[0]
    text = otto.get(done.location).text
    assert "The link is made." in text and ">in use<" in text and "<dt>Last day</dt><dd>2026-01-31 23:59<" in text
    with acme:
        assert acme.links.get(code).target == "https://shop.example/new"
    ended = otto.post(f"b/acme/links/{code}/disable")
    assert "The link is ended." in otto.get(ended.location).text
    again = otto.post(f"b/acme/links/{code}/disable")
    assert again.status_code == 409 and "ended already" in again.text and "user:otto" in again.text
    assert acts(acme) == [("user:otto", "link.disable", f"link:{code}"), ("user:otto", "link.create", f"link:{code}")]
    assert acts(moonco) == []


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"channel": "nowhere", "target": "https://shop.example/"}, 404, "no such channel"),
        ({"channel": "poster", "target": "javascript:alert(1)"}, 422, "begins with http"),
        ({"channel": "poster", "target": "https://good.example@evil.example/"}, 422, "begins with http"),
        ({"channel": "poster", "target": EVIL}, 422, "begins with http"),
        ({"channel": "poster", "target": "https://shop.example/", "ends": "tomorrow"}, 422, "written like 2026-01-31"),
    ],
)
@pytest.mark.cases_on_sqlite
def test_what_is_wrong_with_a_link_is_told_and_what_was_typed_stays(browser, brands, made, form, status, told):
    otto = browser("otto")
    otto.get("b/acme/links")
    answer = otto.post("b/acme/links/create", **{"campaign": "my words", **form})
    assert answer.status_code == status and told in answer.text and 'value="my words"' in answer.text
    assert 'aria-invalid="true"' in answer.text and "<script>alert" not in answer.text
    with brands[0] as acme:
        assert len(acme.links.page()) == 1


def test_a_channel_is_made_once_and_the_second_of_two_operators_is_told(browser, brands, made):
    otto, mia = browser("otto"), browser("mia")
    otto.get("b/acme/links")
    mia.get("b/acme/links")
    assert otto.post("b/acme/links/channel", code="stall", name="Stall 摊位").location == f"{ROOT}b/acme/links?channel=stall&done=channel"
    told = mia.post("b/acme/links/channel", code="stall", name="The other stall")
    assert told.status_code == 409 and "with this code already" in told.text and 'value="The other stall"' in told.text
    assert mia.post("b/acme/links/channel", code=" ", name="x").status_code == 422
    assert acts(brands[0]) == [("user:otto", "channel.create", "channel:stall")]


def test_pages_of_links_follow_one_another_of_one_channel_and_ask_few_queries(browser, brands, made, asked):
    acme, _ = brands
    with acme:
        acme.channels.create("sms")
        acme.links.create_many("sms", "https://shop.example/s", 120, owner="sms", campaign="c")
    otto, seen, address = browser("otto"), [], f"{ROOT}b/acme/links?channel=sms"
    while address:
        asked.clear()
        text = otto.get(address).text
        assert 2 <= len(asked) <= 15
        seen += re.findall(r'data-link="(\w+)"', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 120 and made[0].code not in seen
    assert otto.get("b/acme/links", channel="nowhere").status_code == 404


def test_links_are_for_those_whose_role_includes_them_and_another_brands_are_not_there(browser, brands, made):
    ours, theirs = made
    for name in ("cleo", "ana"):
        visitor = browser(name)
        for path in ("links", f"links/{ours.code}", f"links/{ours.code}/qr.png"):
            assert visitor.get(f"b/acme/{path}").status_code == 403
        for path in ("links/create", "links/channel", f"links/{ours.code}/disable"):
            assert visitor.post(f"b/acme/{path}", code="x", channel="poster", target="https://a.example/").status_code == 403
    otto = browser("otto")
    otto.get("b/acme/links")
    assert otto.get(f"b/acme/links/{theirs.code}").status_code == otto.post(f"b/acme/links/{theirs.code}/disable").status_code == 404
    otto.csrf = "0" * 64
    assert otto.post(f"b/acme/links/{ours.code}/disable").status_code == 403
    with brands[0] as acme:
        assert acme.links.get(ours.code).disabled_at is None
