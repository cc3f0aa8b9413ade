"""Files sent in from the console: tried, started, gone on with, forgotten; limits, roles, two brands, two at once."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from console_scene import EVIL, ROOT

from scrm_core.errors import StorageFull
from scrm_core.intake import sent_reading
from scrm_core.jobs import due_jobs, run_job
from scrm_core.services import audit

IMPORT_JOB = "sent-files"
HEADER = "source,number,status,paid_minor,paid_at\n"
GOOD = "".join(f"shop,F{nth},completed,100,2025-12-30T10:00:00+08:00\n" for nth in range(7))
FILE = (HEADER + GOOD + "shop,=cmd(),nonsense,100,\nshop,F9,completed,+8613800138000,\n").encode()
FORM = {"kind": "orders", "mapping": "", "source": ""}


def send(visitor, data=FILE, name="orders.csv", **form):
    visitor.get("b/acme/imports")
    return visitor.post("b/acme/imports/send", file=(io.BytesIO(data), name), **{**FORM, **form})


def place(answer):
    assert answer.status_code == 303, answer.text
    return answer.location.removeprefix(ROOT).partition("?")[0]


def work(brand):
    with brand:
        return [run_job(brand, each) for each in due_jobs(brand) if each.job == IMPORT_JOB]


def counts(text):
    return {name: int(value) for name, value in re.findall(r'data-count="(\w+)"><dt>[^<]*</dt><dd>(\d+)<', text)}


def state(text):
    return re.search(r'data-state="(\w+)"', text)[1]


def orders(brand):
    with brand:
        return sorted(each.number for each in brand.orders.newest(limit=200) if each.number.startswith("F"))


def acts(brand):
    with brand:
        return [(each.actor, each.action) for each in audit.page() if each.action.startswith("import.")]


def test_a_file_is_tried_first_with_what_it_refuses_then_imported_by_a_worker_and_shown_after_a_reload(browser, brands):
    acme, moonco = brands
    otto = browser("otto")
    page = place(send(otto, name="../../订单.csv", source=EVIL))
    assert '<option value="orders">orders</option>' in otto.get("b/acme/imports").text
    text = otto.get(page).text
    assert state(text) == "checking" and "data-running" in text and "within a minute" in text and "<script>alert" not in text
    work(acme)
    tried = otto.get(page).text
    assert state(tried) == "checked" and counts(tried) == {"read": 9, "created": 7, "updated": 0, "unchanged": 0, "rejected": 2}
    assert ">status<" in tried and ">paid_at<" in tried and "13800138000" not in tried and orders(acme) == []
    assert "Nothing yet" in otto.get("b/acme/imports/progress").text, "a try is no import"
    assert otto.post(f"{page}/start").location == f"{ROOT}{page}?done=start"
    assert state(otto.get(page).text) == "waiting"
    work(acme)
    done = otto.get(page).text
    assert state(done) == "done" and counts(done)["created"] == 7 and orders(acme) == [f"F{nth}" for nth in range(7)]
    listed = otto.get("b/acme/imports").text
    assert "订单.csv" in listed and "Download 2 rows" in listed
    assert acts(acme) == [("user:otto", "import.start"), ("user:otto", "import.send")] and acts(moonco) == []
    with acme:
        assert acme.sent_files.get(int(page.rpartition("/")[2])).size == len(FILE)


def test_an_import_that_was_broken_off_goes_on_behind_what_was_committed_and_writes_nothing_twice(browser, brands, monkeypatch, clock):
    monkeypatch.setattr("scrm_core.limits.Limits.import_batch", 2)
    acme, _ = brands
    otto = browser("otto")
    page = place(send(otto))
    work(acme)
    otto.post(f"{page}/start")
    real, seen = sent_reading.run_import, []

    def killed(*args, progress, **named):
        def twice(*told):
            progress(*told)
            seen.append(otto.get(f"{page}/progress").text)
            if len(seen) == 2:
                raise KeyboardInterrupt

        return real(*args, progress=twice, **named)

    monkeypatch.setattr(sent_reading, "run_import", killed)
    work(acme)
    assert len(orders(acme)) == 4 and "<progress" in seen[-1] and "data-running" in seen[-1]
    monkeypatch.setattr(sent_reading, "run_import", real)
    clock.advance(seconds=660)
    assert "Nothing has happened for a while" in otto.get(page).text
    assert otto.post(f"{page}/go-on").status_code == 303
    work(acme)
    text = otto.get(page).text
    assert state(text) == "done" and counts(text)["created"] == 7 and len(orders(acme)) == 7


def test_a_started_file_that_fails_is_shown_with_the_reason_and_forgotten_where_nothing_happens_to_it(browser, brands, monkeypatch, clock):
    acme, _ = brands
    otto = browser("otto")
    page = place(send(otto))
    work(acme)
    otto.post(f"{page}/start")

    def fails(*args, **named):
        raise StorageFull("no room for +8613800138000")

    with monkeypatch.context() as patch:
        patch.setattr(sent_reading, "run_import", fails)
        work(acme)
    text = otto.get(page).text
    assert state(text) == "running" and "it is tried again: StorageFull: no room for" in text and "13800138000" not in text
    assert f'action="{ROOT}{page}/forget"' not in text and 'formaction' not in text
    assert otto.post(f"{page}/forget").status_code == 409
    clock.advance(seconds=660)
    assert f'formaction="{ROOT}{page}/forget"' in otto.get(page).text
    assert otto.post(f"{page}/forget").status_code == 303
    assert otto.get(page).status_code == 404 and orders(acme) == []


def test_what_is_no_csv_file_or_lacks_columns_is_refused_at_once_and_what_was_chosen_stays(browser, brands):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    otto = browser("otto")
    for data, told in ((bomb.getvalue(), "save it as CSV"), (b"a,b\n1,2\n", ""), (b"", "is empty"), (b"\xff\xfea", "UTF-16"), (b"a,a\n", "two columns")):
        answer = send(otto, data, source="my shop")
        assert answer.status_code in (400, 422) and told in answer.text and 'value="my shop"' in answer.text, told
    assert send(otto, kind="secrets").status_code == send(otto, mapping="/etc/passwd").status_code == 422
    assert otto.post("b/acme/imports/send", **FORM).status_code == 422
    with brands[0] as acme:
        assert acme.sent_files.newest() == []
    assert acts(brands[0]) == []


def test_a_large_file_comes_in_pieces_of_one_person_in_their_order_up_to_a_limit(browser, brands, monkeypatch):
    otto, mia = browser("otto"), browser("mia")
    started = send(otto, FILE[:100], more="1").get_json()
    piece = started["piece"].removeprefix(ROOT)
    mia.get("b/acme/imports")
    assert mia.post(piece, file=(io.BytesIO(b"x"), "f"), nth="1").status_code == 404
    assert otto.post(piece, file=(io.BytesIO(b"x"), "f"), nth="2").status_code == 409
    assert otto.post(piece, file=(io.BytesIO(FILE[100:200]), "f"), nth="1").status_code == 200
    monkeypatch.setattr("scrm_core.limits.Limits.upload_bytes", 250)
    assert otto.post(piece, file=(io.BytesIO(FILE[200:]), "f"), nth="2", last="1").status_code == 422
    monkeypatch.undo()
    done = otto.post(piece, file=(io.BytesIO(FILE[200:]), "f"), nth="2", last="1")
    assert done.status_code == 200
    assert otto.post(piece, file=(io.BytesIO(b"x"), "f"), nth="3").status_code == 409
    work(brands[0])
    assert counts(otto.get(done.get_json()["place"]).text)["created"] == 7
    with_body = send(otto, b"x" * 1_000_001)
    assert with_body.status_code == 413


def test_the_second_of_two_operators_is_told_and_a_file_is_forgotten(browser, brands):
    otto, mia = browser("otto"), browser("mia")
    page = place(send(otto))
    work(brands[0])
    mia.get(page)
    assert otto.post(f"{page}/start").status_code == 303
    told = mia.post(f"{page}/start")
    assert told.status_code == 409 and "Somebody was quicker" in told.text
    assert mia.post(f"{page}/forget").status_code == 409, "it is being imported"
    work(brands[0])
    assert mia.post(f"{page}/forget").location == f"{ROOT}b/acme/imports?done=forgotten"
    assert mia.get(page).status_code == 404
    assert mia.post(f"{page}/nonsense").status_code == 404


def test_files_are_for_those_whose_role_includes_them_and_another_brands_are_not_there(browser, brands):
    otto = browser("otto")
    page = place(send(otto))
    for name in ("cleo", "ana"):
        visitor = browser(name)
        visitor.get("b/acme/contacts" if name == "cleo" else "b/acme/")
        assert visitor.get(page).status_code == 403
        assert visitor.post("b/acme/imports/send", file=(io.BytesIO(FILE), "f.csv"), **FORM).status_code == 403
        assert visitor.post(f"{page}/start").status_code == 403
    luna = browser("luna")
    luna.get("b/moonco/imports")
    theirs = page.replace("acme", "moonco")
    assert luna.get(theirs).status_code == luna.post(f"{theirs}/start").status_code == 404
    otto.csrf = "0" * 64
    assert otto.post(f"{page}/start").status_code == 403


def test_what_nobody_starts_is_gone_after_a_day_and_the_pages_ask_few_queries(browser, brands, clock, asked):
    acme, _ = brands
    otto = browser("otto")
    page = place(send(otto))
    work(acme)
    for path in (page, "b/acme/imports"):
        asked.clear()
        assert otto.get(path).status_code == 200 and 2 <= len(asked) <= 15
    clock.advance(days=1, seconds=60)
    with acme:
        acme.sent_files.forget_old()
    otto = browser("otto")
    assert state(otto.get(page).text) == "failed" and "nobody started it" in otto.get(page).text
    with pytest.raises(AssertionError), acme:
        assert acme.sent_files.work(seconds=1) > 0
