"""KOCs in the console: scores explained, work reviewed with its pictures, settlement; roles, brands, hostile names, queries."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from koc_scene import HONEST, ON, Scene
from PIL import Image
from staff_desk import EVIL, asks_the_same, desks, refusal, statements, turned

from scrm_console import Console
from scrm_core.api import execute
from scrm_core.installation import Installation
from scrm_koc import KocPlugin
from scrm_koc.pictures import redraw

AT = "b/acme/x/koc/"


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n{ON}"
    return new_installation(plugins=(Console, KocPlugin), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def scene(house: Installation, desk: Any, deliver: Any, clock: Any) -> Scene:
    """A KOC with a hostile name, a task with a fee of 50.00, and a piece of work with a picture that was handed in."""
    scene = Scene(house.brand("acme"), deliver, clock)
    scene.now("2026-01-05T10:00")
    contact = scene.person("ann")
    with scene.brand:
        scene.brand.contacts.rename(contact, EVIL)
    scene.enrol("ann", "ANN", followers=500)
    scene.task(title=EVIL, fee_minor=5_000)
    uid = scene.invite("ANN")
    scene.move(uid, "accept")
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "#cc8844").save(drawn, "PNG")
    with scene.brand:
        work = scene.koc.works.get(uid)
        scene.koc.pictures.add(work.id, contact, redraw(drawn.getvalue()))
        scene.koc.hand_in(work, {"text": HONEST + EVIL, "link": "", "marker": "", "sells": None}, actor="ann")
    return scene


def work(scene: Scene) -> str:
    with scene.brand:
        return str(execute("SELECT uid FROM koc_work ORDER BY id LIMIT 1").fetchone()[0])


def state(scene: Scene) -> str:
    with scene.brand:
        return str(execute("SELECT state FROM koc_work ORDER BY id LIMIT 1").fetchone()[0])


def test_work_is_reviewed_with_its_picture_and_the_second_of_two_is_told(scene, desk):
    mia, otto = desk("mia"), desk("otto")
    page = f"{AT}work?uid={work(scene)}"
    text = mia.get(page).text
    picture = re.search(r'<img src="([^"]+)"', text)[1].replace("&amp;", "&")
    shown = mia.client.get(f"/staff/console/{AT}{picture}")
    assert shown.mimetype == "image/jpeg" and shown.data[:2] == b"\xff\xd8"
    digest = re.search(r'name="digest" value="(\w+)"', text)[1]
    otto.get(page)
    assert mia.press(page, "approve", quality="9").status_code == 422
    assert mia.press(page, "approve", quality="").status_code == 422
    assert mia.press(page, "return", reason="").status_code == 422
    assert mia.press(page, "approve", quality="4", digest="0" * 64).status_code == 409
    assert state(scene) == "submitted"
    assert mia.post(page, act="approve", quality="4", digest=digest, seen="submitted").status_code == 303
    late = otto.post(page, act="return", reason="typed by otto", digest=digest, seen="submitted")
    assert late.status_code == 409 and 'value="typed by otto"' in late.text and "meanwhile" in refusal(late)
    assert state(scene) == "approved"
    assert "user:mia" in mia.get(page).text


@pytest.mark.parametrize("missing", ["seen", "digest"])
def test_work_is_not_reviewed_by_a_form_that_does_not_say_what_its_page_showed(scene, desk, missing):
    mia, page = desk("mia"), f"{AT}work?uid={work(scene)}"
    form = {name: text for name, text in mia.hidden(page, "approve").items() if name != missing}
    for typed in ({"act": "approve", "quality": "4"}, {"act": "return", "reason": "dull"}):
        assert mia.post(page, **{**form, **typed}).status_code == 409, typed
    assert state(scene) == "submitted"
    assert mia.press(page, "approve", quality="4").status_code == 303
    refused = mia.post(page, act="violate", reason="copied", digest=mia.hidden(page, "violate")["digest"])
    assert refused.status_code == 409 and state(scene) == "approved"


def test_a_violation_needs_a_reason_and_takes_points_off(scene, desk):
    mia = desk("mia")
    page = f"{AT}work?uid={work(scene)}"
    assert mia.press(page, "approve", quality="4").status_code == 303
    assert mia.press(page, "violate", reason="").status_code == 422
    assert mia.press(page, "violate", reason="copied").status_code == 303
    text = mia.get(f"{AT}person?uid={scene.uid(scene.person('ann'))}").text
    assert "violation" in text and "copied" in text


def test_points_are_taken_off_by_hand_once_per_form(scene, desk):
    mia, page = desk("mia"), f"{AT}person?uid={scene.uid(scene.person('ann'))}"
    key = re.search(r'name="key" value="(\w+)"', mia.get(page).text)[1]
    assert mia.post(page, act="penalty", points="5", reason="", key=key).status_code == 422
    for _ in range(2):
        assert mia.post(page, act="penalty", points="5", reason="bought followers", key=key).status_code == 303
    assert mia.get(page).text.count("bought followers") == 1
    assert mia.post(page, act="penalty", points="500", reason="x", key="other").status_code == 422


def test_a_score_is_explained_part_by_part(scene, desk):
    scene.order("N1", "ann", 10_000, "2026-01-04T10:00")
    with scene.brand:
        scene.koc.scores.run()
    page = f"{AT}person?uid={scene.uid(scene.person('ann'))}"
    text = desk("mia").get(page).text
    assert text.count("data-part=") >= 6 and "data-score>" in text
    chinese = desk("mia", "zh").get(page).text
    assert "净消费额" in chinese and not re.search(r'data-part="\w+"><th scope="row">[A-Za-z]', chinese)


def test_money_is_previewed_settled_and_paid(scene, desk):
    with scene.brand:
        scene.koc.ledger.adjust("ANN", 5_000, key="gift", reason="thanks", actor="lin")
    mia, otto = desk("mia"), desk("otto")
    row = re.search(r'data-waiting="ANN">(.*?)</tr>', mia.get(f"{AT}money").text, re.S)[1]
    assert re.findall(r'<td class="number">(.*?)</td>', row) == ["1", "¥0.00", "¥50.00", "¥50.00"]
    done = mia.post(f"{AT}money", act="settle")
    assert "count=1" in done.location
    text = mia.get(f"{AT}money").text
    number = re.search(r'data-statement="(\w+)"', text)[1]
    otto.get(f"{AT}money")
    none = mia.post(f"{AT}money", act="paid", reference="typed")
    assert none.status_code == 422 and "choose a statement" in refusal(none) and 'value="typed"' in none.text
    assert mia.post(f"{AT}money", act="paid", number=number, reference="").status_code == 422
    assert mia.post(f"{AT}money", act="paid", number=number, reference="B-1").status_code == 303
    late = otto.post(f"{AT}money", act="paid", number=number, reference="B-2")
    assert late.status_code == 409 and "was paid under" in refusal(late)


def test_only_roles_that_include_it_see_and_act_and_no_other_brand_sees_anything(scene, desk):
    uid, person = work(scene), scene.uid(scene.person("ann"))
    pages = ("people", "works", "money", f"work?uid={uid}", f"person?uid={person}")
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in pages:
            assert browser.get(AT + page).status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(f"{AT}money", act="settle").status_code == 403
    assert "Work to review" in desk("ana").get("b/acme/").text
    luna = desk("luna")
    assert luna.get(f"{AT}people").status_code == 404
    assert "data-member" not in luna.get("b/moonco/x/koc/people").text
    for page in pages[3:]:
        assert luna.get(f"b/moonco/x/koc/{page}").status_code == 404
    assert luna.post(f"b/moonco/x/koc/work?uid={uid}", act="approve", quality="4").status_code == 404
    assert state(scene) == "submitted"


def test_what_people_and_tasks_are_called_runs_nowhere(scene, desk):
    mia = desk("mia", "zh")
    for page in ("people", f"work?uid={work(scene)}", f"person?uid={scene.uid(scene.person('ann'))}"):
        text = mia.get(AT + page).text
        assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text, page
    for page in ("work?uid=%0a", "people?after=x", "person", "works?state=none", f"work?uid={work(scene)}&picture=x"):
        assert mia.get(AT + page).status_code in (400, 404), page


def test_pages_ask_as_many_queries_with_three_hundred_rows_as_with_ten(scene, desk, monkeypatch):
    asked, mia = statements(scene.brand, monkeypatch), desk("mia")
    pages = (f"{AT}people", f"{AT}tasks", f"{AT}task?code=try", f"{AT}works", f"{AT}money", "b/acme/")

    def fill(count: int) -> None:
        with scene.brand, scene.brand.transaction():
            (made,) = execute("SELECT count(*) FROM koc_member").fetchone()
            for nth in range(made, count):
                scene.enrol(f"p{nth}", f"P{nth}")
                scene.koc.ledger.adjust(f"P{nth}", 100, key=f"k{nth}", reason="thanks", actor="lin")
                scene.invite(f"P{nth}")
                scene.task(code=f"try{nth}")
            execute("UPDATE koc_work SET state = 'submitted'")

    asks_the_same(mia, asked, pages, fill)
    first, _ = turned(mia, AT, "works", "data-work")
    assert len(first) == 30
