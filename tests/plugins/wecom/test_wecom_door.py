"""What is refused at the callback's address is counted, and costs a stranger's victim next to nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from staff_desk import desks
from wecom_scene import AES_KEY, CORP, SETTINGS, TOKEN, Scene, xml

from scrm_console import Console
from scrm_core.api import execute
from scrm_wecom import WecomPlugin
from scrm_wecom import door as doors
from scrm_wecom.crypto import Crypt
from scrm_wecom.door import Door

LATER = Door._later

WRONG_TOKEN, OTHER_CORP = Crypt("another", AES_KEY, CORP), Crypt(TOKEN, AES_KEY, "wwanother")


@pytest.fixture
def pair(new_installation, deliver) -> tuple[Scene, Scene]:
    """Acme and moonco, each with a console."""
    table = "\n[plugins.console]\n" + SETTINGS
    made = new_installation(plugins=(Console, WecomPlugin), acme=table, moonco=table)
    return Scene(made, "acme", deliver), Scene(made, "moonco", deliver)


@pytest.fixture
def desk(pair, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(pair[0].installation, monkeypatch)


def add(scene: Scene) -> str:
    return scene.event("add_external_contact")


def refuse(scene: Scene, kind: str) -> int:
    """A callback that is refused for this reason; the status of the answer."""
    late = str(scene.seconds() - 301)
    answers = {
        "signature": lambda: scene.post(add(scene), crypt=WRONG_TOKEN),
        "corporation": lambda: scene.post(add(scene), crypt=OTHER_CORP),
        "time": lambda: scene.post(add(scene), timestamp=late),
        "form": lambda: scene.post("no xml"),
        "size": lambda: scene.client.post(f"/p/{scene.brand.id}/wecom/callback", data=b"x" * 70_000),
    }
    status: int = answers[kind]().status_code
    return status


def written(scene: Scene) -> None:
    """A second later."""
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.door.flush()


def counted(scene: Scene) -> dict[str, int]:
    written(scene)
    with scene.brand as brand:
        return {each.kind: each.all for each in doors.refusals(brand.now())}


def warned(scene: Scene) -> list[str]:
    written(scene)
    with scene.brand as brand:
        return list(brand.plugins["wecom"].brand_warnings())


def test_each_kind_is_counted_for_its_own_brand(pair):
    acme, moonco = pair
    statuses = {"signature": 403, "corporation": 403, "time": 403, "form": 400, "size": 413}
    for number, (kind, status) in enumerate(statuses.items(), 1):
        assert [refuse(acme, kind) for _ in range(number)] == [status] * number
    assert refuse(moonco, "signature") == 403
    assert counted(acme) == {"signature": 1, "corporation": 2, "time": 3, "form": 4, "size": 5}
    assert (counted(moonco), acme.kept()) == ({"signature": 1}, [])


def test_the_check_of_the_address_is_counted_too_and_what_is_taken_is_not(pair):
    acme, _ = pair
    query = {"msg_signature": "0" * 40, "timestamp": str(acme.seconds()), "nonce": "1", "echostr": "AAAA"}
    assert acme.client.get("/p/acme/wecom/callback", query_string=query).status_code == 403
    acme.tell("add_external_contact")
    assert acme.post(add(acme)).status_code == 200
    assert counted(acme) == {"signature": 1}


def test_refusals_are_five_rows_an_hour_at_most_and_go_with_the_callbacks(pair, clock):
    acme, _ = pair
    for _ in range(3):
        for kind in doors.KINDS:
            refuse(acme, kind), refuse(acme, kind)
            written(acme)
        clock.advance(seconds=3_600)
    with acme.brand:
        assert execute("SELECT count(*), sum(count) FROM wecom_refusal").fetchone() == (15, 30)
    clock.advance(days=91)
    with acme.brand as brand:
        brand.plugins["wecom"].tidy()
        assert execute("SELECT count(*) FROM wecom_refusal").fetchone() == (0,)


def test_a_thousand_refusals_are_one_statement(pair, monkeypatch):
    acme, _ = pair
    with acme.brand as brand:
        database = type(brand.handle.database)
    asked: list[str] = []
    run = database.execute_sql
    monkeypatch.setattr(database, "execute_sql", lambda *a: (asked.append(a[1]), run(*a))[1])
    for _ in range(1_000):
        assert acme.client.post("/p/acme/wecom/callback?msg_signature=x", data=b"<xml><Encrypt>x</Encrypt></xml>").status_code == 403
    assert [sql for sql in asked if "refusal" in sql] == []
    assert counted(acme) == {"signature": 1_000}
    assert len([sql for sql in asked if "INSERT INTO" in sql and "refusal" in sql]) == 1


def test_what_cannot_be_written_changes_no_answer_and_is_written_later(pair, monkeypatch):
    acme, _ = pair
    with monkeypatch.context() as patch:
        patch.setattr(doors, "insert_rows", lambda *a, **more: 1 / 0)
        assert [refuse(acme, "signature") for _ in range(3)] == [403] * 3
        with pytest.raises(ZeroDivisionError):
            written(acme)
        acme.brand.plugins["wecom"].wecom.door._write()  # as the thread does: it says so and goes on
        assert refuse(acme, "time") == 403
    assert counted(acme) == {"signature": 3, "time": 1}


def test_a_refusal_is_written_by_itself_and_answered_where_no_thread_can_be_started(pair, monkeypatch):
    acme, _ = pair
    door = acme.brand.plugins["wecom"].wecom.door
    monkeypatch.setattr(Door, "_later", LATER)
    monkeypatch.setattr(doors, "WRITTEN_BEHIND", 0.0)
    for number in (1, 2):
        assert refuse(acme, "signature") == 403
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        with acme.brand as brand:
            assert [each.all for each in doors.refusals(brand.now())] == [number]
    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
        assert refuse(acme, "time") == 403
    door._write()  # as the end of the process does
    assert counted(acme) == {"signature": 2, "time": 1}


def timers_end() -> None:
    """Every thread that writes later has written, also those that another one began."""
    while waiting := [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        for thread in waiting:
            thread.join()


def test_what_could_not_be_written_is_tried_again_though_nobody_is_refused_any_more(pair, monkeypatch):
    acme, failures, asked = pair[0], iter([OSError("away")] * 2), []
    insert = doors.insert_rows

    def away(*given: Any, **more: Any) -> Any:
        for failure in failures:
            raise failure
        return insert(*given, **more)

    monkeypatch.setattr(Door, "_later", lambda self, seconds: asked.append(seconds))
    monkeypatch.setattr(doors, "insert_rows", away)
    assert refuse(acme, "signature") == 403
    door = acme.brand.plugins["wecom"].wecom.door
    for _ in range(3):
        door._write()  # what the thread does when its seconds are over
    assert asked == [1.0, 60.0, 60.0]
    with acme.brand as brand:
        assert [(each.kind, each.all) for each in doors.refusals(brand.now())] == [("signature", 1)]


def test_a_child_counts_by_itself_whatever_its_parent_had_not_written(pair, monkeypatch):
    acme = pair[0]
    monkeypatch.setattr(doors, "WRITTEN_BEHIND", 0.0)
    assert refuse(acme, "signature") == 403  # counted, not written yet: the thread stays with the parent
    monkeypatch.setattr(Door, "_later", LATER)
    acme.installation.close()  # no connection is shared with a child
    child = os.fork()
    if not child:
        try:
            for _ in range(2):
                assert refuse(acme, "time") == 403
                timers_end()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert counted(acme) == {"signature": 1, "time": 2}


def test_refusals_of_threads_are_all_counted(pair):
    acme, gate = pair[0], threading.Barrier(8)

    def knock(kind: str) -> None:
        gate.wait(30)
        for place in range(25):
            refuse(acme, kind)
            if place == 12:
                written(acme)

    threads = [threading.Thread(target=knock, args=(doors.KINDS[place % 2],)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(acme) == {"signature": 100, "corporation": 100}


SOURCE = """
from scrm_core.web import create_app

def run(brand, worker):
    client = create_app(brand.installation).test_client(use_cookies=False)
    body = b"<xml><Encrypt>x</Encrypt></xml>"
    answers = [client.post("/p/acme/wecom/callback?msg_signature=x", data=body).status_code for _ in range(100)]
    brand.plugins["wecom"].wecom.door.flush()
    return answers.count(403)
"""


def test_refusals_of_processes_are_all_counted(pair, together):
    assert together(pair[0].installation, SOURCE, 3) == [100] * 3
    assert counted(pair[0]) == {"signature": 300}


def test_a_burst_of_wrong_signatures_names_the_setting_until_a_callback_is_taken(pair, clock):
    acme, moonco = pair
    acme.tell("add_external_contact")
    clock.advance(seconds=3_600)
    assert warned(acme) == []
    for _ in range(3):
        refuse(acme, "signature")
    (warning,) = warned(acme)
    assert "3 tries were refused in 24 hours (signature), none was taken since 2026-01-01T08:00:00+08:00" in warning
    assert "`callback_token`" in warning
    assert warned(moonco) == []
    acme.post(xml(CreateTime=acme.seconds(), Event="x"))
    for _ in range(9):
        refuse(acme, "signature")  # a stranger beside callbacks that are taken
    assert warned(acme) == []
    clock.advance(days=2)
    assert warned(acme) == []


def test_the_page_the_card_and_the_command_show_what_was_refused(pair, desk):
    acme, _ = pair
    for _ in range(2):
        refuse(acme, "signature")
    refuse(acme, "form")
    written(acme)
    mia = desk("mia")
    text = mia.get("b/acme/x/wecom/connection").text
    assert text.index('data-door="signature"') < text.index('data-door="form"')
    assert "wrong signature" in text and "cannot be read" in text
    with acme.brand as brand:
        (card,) = brand.plugins["wecom"].show_card().rows
    assert card["refused"] == 3


def test_the_command_shows_what_was_refused(scrm_app):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP, "callback_token": TOKEN, "callback_aes_key": AES_KEY})
    with app.brand as brand:
        with pytest.raises(Exception, match="signature"), brand.plugins["wecom"].wecom.door.counting():
            brand.plugins["wecom"].inbox.receive("x", "1", "n", b"<xml><Encrypt>x</Encrypt></xml>")
        brand.plugins["wecom"].wecom.door.flush()
    assert "refused at the door (signature): 1 in 24 hours, 1 in all" in app.command("wecom", "callbacks", "acme")
    assert "refused" not in app.command("wecom", "callbacks", "moonco")
