"""``scrm import`` and ``scrm export``: one JSON object, reasons for refusals, and round trips."""

from __future__ import annotations

import csv
import io
import json
import stat

import pytest

from scrm_core.cli.codes import MISSING, REFUSED, ROWS_REJECTED, USAGE

ORDERS = (
    "source,number,status,paid_minor,paid_at,items,platform,buyer,phone\n"
    "shop,A1,completed,1999,2026-01-02T10:00:00+08:00,1,tmall,0007,+8613800138000\n"
    "shop,A2,paid,0,2026-01-03,2,jd,0007,\n"
    "shop,A3,unpaid,500,,1,jd,0008,\n"
)


def test_imports_are_listed_with_the_rows_they_refused(cli, write):
    rows = "source,number,status,paid_minor,paid_at\nshop,1,paid,1,2026-01-02\nshop,2,lost,1,2026-01-02\n"
    cli("import", "orders", "acme", write("mixed.csv", rows), code=4)
    (view,) = cli.json("imports", "acme")
    assert (view["file"], view["state"], view["rows"], view["rejected"]) == ("mixed.csv", "done", 2, 1)
    (refused,) = cli.json("imports", "acme", "--rejected", view["id"])
    assert (refused["line"], refused["column"]) == ("3", "status")
    assert cli.json("imports", "moonco") == []
    cli("imports", "moonco", "--rejected", view["id"], code=3)


def test_an_import_prints_one_json_object_and_the_second_finds_everything_unchanged(cli, write):
    file = write("orders.csv", ORDERS)
    first = cli("import", "orders", "acme", file)
    assert json.loads(first.stdout) == {"read": 3, "created": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    assert first.stdout.count("\n") == 1
    assert cli.json("segment", "count", "acme", "orders >= 1") == {"count": 1}
    # Another file with the same orders is no mere repetition of the first import.
    again = write("again.csv", ORDERS.replace("source,number", "source ,number"))
    assert cli.counts("import", "orders", "acme", again)["unchanged"] == 3
    assert cli.json("segment", "count", "moonco", "orders >= 0") == {"count": 0}


def test_refused_rows_go_to_the_rejects_file_and_the_rest_goes_in(cli, write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    file = write("orders.csv", ORDERS + "shop,A4,paid,19.999,2026-01-03,1,jd,1,\nshop,A5,paid,5,2026-02-30,1,jd,1,\n")
    done = cli("import", "orders", "acme", file, "--rejects", rejects, code=ROWS_REJECTED)
    assert json.loads(done.stdout) == {"read": 5, "created": 3, "updated": 0, "unchanged": 0, "rejected": 2}
    assert "2 rows were refused" in done.stderr
    rows = list(csv.DictReader(io.StringIO(rejects.read_text("utf-8"))))
    assert [(row["line"], row["column"]) for row in rows] == [("5", "paid_minor"), ("6", "paid_at")]
    assert all(row["reason"] for row in rows)


def test_the_rejects_never_overwrite_the_imported_file(cli, write, tmp_path):
    file = write("orders.csv", ORDERS)
    (tmp_path / "same.csv").symlink_to(file)
    for rejects in (file, tmp_path / "same.csv"):
        assert "overwrite" in cli("import", "orders", "acme", file, "--rejects", rejects, code=REFUSED).stderr
    assert file.read_text("utf-8") == ORDERS
    assert cli.json("events", "acme", "tail") == []


def test_a_dry_run_tells_and_keeps_nothing(cli, write):
    done = cli("import", "orders", "acme", write("o.csv", ORDERS), "--dry-run")
    assert json.loads(done.stdout)["created"] == 3
    assert cli.json("events", "acme", "tail") == []
    assert cli.counts("import", "orders", "acme", write("o2.csv", ORDERS))["created"] == 3


def test_backfill_marks_the_events_as_history(cli, write):
    cli("import", "orders", "acme", write("o.csv", ORDERS), "--backfill")
    cli("import", "orders", "moonco", write("o.csv", ORDERS))
    assert {event["backfill"] for event in cli.json("events", "acme", "tail")} == {True}
    assert {event["backfill"] for event in cli.json("events", "moonco", "tail")} == {False}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest of a workbook", "xlsx"),
        ("source,number,status\nshop,1,paid\n", "paid_minor"),
        (b"source\xff\xfe,number\n", ""),
        ("source,number,status,paid_minor,number\n", "number"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(cli, write, content, words):
    done = cli("import", "orders", "acme", write("bad.csv", content), code=REFUSED)
    assert words in done.stderr
    assert done.stdout == ""


def test_a_faulty_mapping_names_its_key(cli, write):
    mapping = write("m.toml", 'kind = "orders"\n[columns]\nnumbr = "order"\n')
    done = cli("import", "orders", "acme", write("o.csv", ORDERS), "--map", mapping, code=REFUSED)
    assert "did you mean number" in done.stderr


def test_wrong_usage_is_told_apart(cli, write):
    cli("import", "horses", "acme", write("o.csv", ORDERS), code=USAGE)
    cli("import", "orders", "acme", "no-such-file.csv", code=USAGE)
    cli("import", "orders", "nobody", write("o.csv", ORDERS), code=MISSING)


def test_gb18030_files_are_read(cli, write):
    text = "phone,source,name\n13800138000,form,王小明\n"
    assert cli.counts("import", "contacts", "acme", write("c.csv", text.encode("gb18030")))["created"] == 1
    assert cli.json("contact", "show", "acme", "phone=13800138000", "--unmask", "test")["name"] == "王小明"


PEOPLE = (
    "source,phone,unionid,buyer,member,name\n"
    "shop,+8613800138000,,0007,,=cmd|' /C calc'!A0\n"
    "shop,+8613800138001,u-1,,M1,@name\n"
    "other,+8613800138001,u-1,9,,\n"
    "shop,,,0042,,王小明\n"
)


@pytest.mark.parametrize(("kind", "text"), [("contacts", PEOPLE), ("orders", ORDERS)])
def test_exporting_and_importing_again_leaves_everything_as_it_is(cli, write, tmp_path, kind, text):
    cli("import", kind, "acme", write("in.csv", text))
    out = tmp_path / "out.csv"
    cli("export", kind, "acme", "--output", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    counts = cli.counts("import", kind, "acme", out)
    assert counts["unchanged"] + counts["updated"] == counts["read"] > 0
    again = tmp_path / "again.csv"
    cli("export", kind, "acme", "--output", again)
    assert again.read_bytes() == out.read_bytes()
    assert cli.counts("import", kind, "acme", write("copy.csv", out.read_bytes() + b"\r\n"))["updated"] == 0
    # And into the other brand it brings the same rows.
    cli("import", kind, "moonco", out)
    there = tmp_path / "there.csv"
    cli("export", kind, "moonco", "--output", there)

    def rows(path):
        kept = [column for column in next(csv.reader(io.StringIO(path.read_text("utf-8")))) if column[-2:] != "at"]
        return sorted(tuple(row[c] for c in kept) for row in csv.DictReader(io.StringIO(path.read_text("utf-8"))))

    assert rows(out) == rows(there)


def test_no_exported_cell_starts_a_formula_and_phones_stay_phones(cli, write):
    cli("import", "contacts", "acme", write("in.csv", PEOPLE))
    text = cli("export", "contacts", "acme").stdout
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert "+8613800138000" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "-")]


def test_an_export_is_noted_in_the_audit(cli, write, installation):
    from scrm_core.services import audit

    cli("import", "contacts", "acme", write("in.csv", PEOPLE))
    cli("export", "contacts", "acme")
    with installation.brand("acme"):
        assert "contacts.export" in [entry.action for entry in audit.page()]
    with installation.brand("moonco"):
        assert audit.page() == []


def test_json_lines_are_one_object_a_line(cli, write):
    cli("import", "orders", "acme", write("o.csv", ORDERS))
    rows = [json.loads(line) for line in cli("export", "orders", "acme", "--json").stdout.splitlines()]
    assert [(row["number"], row["paid_minor"]) for row in rows] == [("A1", 1999), ("A2", 0), ("A3", 500)]


def test_an_export_that_cannot_be_written_leaves_nothing(cli, tmp_path):
    target = tmp_path / "missing" / "out.csv"
    assert "cannot be written" in cli("export", "orders", "acme", "-o", target, code=REFUSED).stderr
