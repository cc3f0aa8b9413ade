"""Imports in the console: how far they are while they go on, what they refused, as a file that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re

import pytest

from scrm_core.intake.importer import run_import
from scrm_core.intake.mapping import plain_mapping

GOOD = "".join(f"shop,N{nth},completed,100,2025-12-30T10:00:00+08:00\n" for nth in range(3))
HEADER = "source,number,status,paid_minor,paid_at\n"


def import_orders(brand, path, **options):
    return run_import(brand, "orders", path, plain_mapping("orders"), **options)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "orders-2025.csv"
    path.write_text(HEADER + GOOD + "shop,=cmd(),nonsense,100,\nshop,N9,completed,+8613800138000,\n", "utf-8")
    return path


def test_an_import_is_shown_with_what_became_of_its_rows_and_those_refused_as_a_file(browser, brands, file):
    import_orders(brands[0], file)
    otto = browser("otto")
    text = otto.get("b/acme/imports").text
    assert "orders-2025.csv" in text and "5 rows" in text and ">done<" in text and "data-running" not in text
    address = re.search(r'href="([^"]+rejected.csv)"[^>]*>Download 2 rows<', text)[1]
    answer = otto.get(address)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="rejected-\d+\.csv"', answer.headers["Content-Disposition"])
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["line", "column", "reason"] and [row[:2] for row in rows[1:]] == [["5", "status"], ["6", "paid_at"]]
    assert "13800138000" not in answer.text
    assert "orders-2025.csv" not in browser("luna").get("b/moonco/imports").text
    assert browser("luna").get(address.replace("acme", "moonco")).status_code == 404


def test_a_running_import_shows_how_far_it_is_also_after_a_reload_and_one_that_was_broken_off_says_so(browser, brands, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("scrm_core.limits.Limits.import_batch", 2)
    path = tmp_path / "long.csv"
    path.write_text(HEADER + "".join(f"shop,L{nth},completed,100,2025-12-30T10:00:00+08:00\n" for nth in range(9)), "utf-8")
    otto = browser("otto")
    seen = []

    def look(rows, consumed, size):
        for page in ("imports", "imports/progress"):
            seen.append(otto.get(f"b/acme/{page}").text)
        if rows == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_orders(brands[0], path, progress=look)
    for text in seen[2:4]:
        assert "4 rows" in text and "data-running" in text and "<progress" in text
    assert 'data-poll="/staff/console/b/acme/imports/progress"' in seen[2] and "<html" not in seen[3]
    clock.advance(seconds=660)
    stopped = otto.get("b/acme/imports").text
    assert "broken off" in stopped and "data-running" not in stopped
    import_orders(brands[0], path)
    assert "9 rows" in otto.get("b/acme/imports").text


def test_refused_rows_are_kept_up_to_a_limit_and_some_days(browser, brands, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("scrm_core.limits.Limits.import_rejects", 3)
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + "".join(f"shop,B{nth},nonsense,100,\n" for nth in range(5)), "utf-8")
    import_orders(brands[0], path)
    with brands[0] as acme:
        (view,) = acme.imports.newest()
        assert (view.rejected, view.kept) == (5, 3)
        clock.advance(days=31)
        assert acme.imports.forget_rejected() == 3
    text = browser("otto").get("b/acme/imports").text
    assert "rejected.csv" not in text


def test_imports_are_for_those_whose_role_includes_them_and_a_dry_run_leaves_nothing(browser, brands, file, asked):
    import_orders(brands[0], file, dry_run=True)
    assert "Nothing yet" in browser("otto").get("b/acme/imports").text
    for name in ("cleo", "ana"):
        assert browser(name).get("b/acme/imports").status_code == 403
    for nth in range(30):
        file.write_text(HEADER + f"shop,X{nth},completed,100,\n", "utf-8")
        import_orders(brands[0], file)
    otto = browser("otto")
    asked.clear()
    assert otto.get("b/acme/imports").text.count("data-import=") == 30
    assert len(asked) <= 12
    for odd in ("x", "0", "9" * 30, "-1"):
        assert otto.get(f"b/acme/imports/{odd}/rejected.csv").status_code == 404
