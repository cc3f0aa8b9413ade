"""Imports: the right totals whatever happens on the way, and every refused row with its place."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, StorageFull, Veto
from scrm_core.hooks import hookimpl
from scrm_core.intake import importer
from scrm_core.intake.importer import ImportReport, run_import
from scrm_core.intake.mapping import load_mapping, parse_mapping, plain_mapping
from scrm_core.plugin import Plugin
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.import_runs import ImportProgress, advance_import, begin_import

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CDNOW = EXAMPLES / "cdnow_sample_orders.csv"
MAPPING = load_mapping(EXAMPLES / "cdnow.toml", "orders")
HEADER = "order_id,customer_id,date,items,amount_cents\n"


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="file.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write_file


@pytest.fixture
def sample(write):
    """The first 2,500 real orders: three batches."""
    return write("".join(CDNOW.read_text().splitlines(keepends=True)[:2501]), "sample.csv")


def orders_of(brand):
    """Every order by number with its money and its buyer, read through the public door."""
    found, after = {}, 0
    with brand:
        while page := brand.orders.page(after=after, limit=200):
            after = page[-1].order_id
            for order in page:
                found[order.number] = (order.paid_minor, order.items, order.contact_id)
    return found


def expected(path):
    with path.open(newline="") as file:
        return {row["order_id"]: (int(row["amount_cents"]), int(row["items"])) for row in csv.DictReader(file)}


def stored(brand):
    return {number: order[:2] for number, order in orders_of(brand).items()}


def contact_count(brand):
    with brand:
        found, after = 0, 0
        while page := brand.contacts.page(after, 200):
            found, after = found + len(page), page[-1].id
        return found


def test_the_real_orders_give_the_published_totals_and_a_second_import_changes_nothing(brand, other):
    report = run_import(brand, "orders", CDNOW, MAPPING)
    assert report == ImportReport(6919, 6919, 0, 0, 0)
    assert stored(brand) == expected(CDNOW)
    assert sum(paid for paid, _ in stored(brand).values()) == 24_409_194
    assert contact_count(brand) == 2_357
    before = orders_of(brand)
    assert run_import(brand, "orders", CDNOW, MAPPING) == ImportReport(6919, 0, 0, 6919, 0)
    assert orders_of(brand) == before
    assert contact_count(brand) == 2_357
    assert orders_of(other) == {}
    with brand:
        assert brand.contacts.find("buyer", "0001", "cdnow") is not None
        assert brand.contacts.find("buyer", "1", "cdnow") is None


def test_bad_rows_go_to_the_rejects_file_and_the_rest_goes_in(brand, write, tmp_path):
    path = write(
        HEADER + "L1,0001,1997-01-01,2,2933\n"
        "L2,0001,1997-02-29,2,100\n"
        "L3,0001,1997-01-02,2,1.234\n"
        "L4,0001,1997-01-02\n"
        'L5,0001,1997-01-02,2,"5\n'
        "=1+1,0001,1997-01-02,2,NaN\n"
        "L7,,1997-01-03,1,700\n"
    )
    rejects = tmp_path / "rejects.csv"
    report = run_import(brand, "orders", path, MAPPING, rejects=rejects)
    assert report == ImportReport(7, 2, 0, 0, 5)
    assert stored(brand) == {"L1": (2933, 2), "L7": (700, 1)}
    with rejects.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["column"]) for row in rows] == [
        ("3", "date"),
        ("4", "amount_cents"),
        ("5", ""),
        ("6", ""),
        ("7", "amount_cents"),
    ]
    assert all(row["reason"] for row in rows)


def test_a_file_without_bad_rows_leaves_a_rejects_file_with_its_header_only(brand, sample, tmp_path):
    rejects = tmp_path / "rejects.csv"
    rejects.write_text("something old")
    run_import(brand, "orders", sample, MAPPING, rejects=rejects)
    assert rejects.read_bytes() == b"line,column,reason\r\n"


def test_a_dry_run_says_what_would_happen_and_leaves_nothing(brand, sample, tmp_path):
    report = run_import(brand, "orders", sample, MAPPING, dry_run=True, rejects=tmp_path / "r.csv")
    assert report == ImportReport(2500, 2500, 0, 0, 0)
    assert orders_of(brand) == {}
    assert contact_count(brand) == 0
    assert run_import(brand, "orders", sample, MAPPING) == report


def test_progress_is_told_after_each_batch(brand, sample):
    told = []
    run_import(brand, "orders", sample, MAPPING, progress=lambda *args: told.append(args))
    assert [rows for rows, _, _ in told] == [1000, 2000, 2500]
    size = sample.stat().st_size
    assert told[-1][1:] == (size, size)


def interrupted(monkeypatch, at_call):
    """Make the import die while its batch number ``at_call`` is being written."""
    write, calls = importer.WRITERS["orders"], []

    def dying(*args):
        calls.append(args)
        answers = write(*args)
        if len(calls) == at_call:
            raise KeyboardInterrupt
        return answers

    monkeypatch.setitem(importer.WRITERS, "orders", dying)
    return calls


@pytest.mark.parametrize("at_call", [1, 2, 3])
def test_an_interrupted_import_goes_on_behind_its_last_batch(brand, sample, tmp_path, monkeypatch, at_call):
    lines = sample.read_text().splitlines(keepends=True)
    lines[10], lines[1500] = "bad\n", "worse,1,2,3\n"
    sample.write_text("".join(lines))
    rejects = tmp_path / "rejects.csv"
    with monkeypatch.context() as patch:
        interrupted(patch, at_call)
        with pytest.raises(KeyboardInterrupt):
            run_import(brand, "orders", sample, MAPPING, rejects=rejects)
    assert len(orders_of(brand)) == [0, 999, 1998][at_call - 1]
    with rejects.open("ab") as file:
        file.write(b"half a li")  # what a crash may leave behind
    with monkeypatch.context() as patch:
        calls = interrupted(patch, 0)
        report = run_import(brand, "orders", sample, MAPPING, rejects=rejects)
    assert len(calls) == 4 - at_call  # committed batches are not written again
    assert report == ImportReport(2500, 2498, 0, 0, 2)
    with rejects.open(newline="") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["11", "1501"]
    assert len(orders_of(brand)) == 2498


CHILD = """
import sys
from pathlib import Path
from scrm_core.installation import Installation
from scrm_core.intake.importer import run_import
from scrm_core.intake.mapping import load_mapping

root, path, mapping = sys.argv[1:]
brand = Installation.open(Path(root)).brand("acme")
def told(rows, *_):
    print(rows, flush=True)
    sys.stdin.readline()
report = run_import(brand, "orders", path, load_mapping(mapping), progress=told)
print("end", flush=True)
"""


def test_kill_9_in_the_middle_and_the_same_command_again_end_in_the_same_totals(installation, brand):
    command = [sys.executable, "-c", CHILD, str(installation.config.root), str(CDNOW), str(EXAMPLES / "cdnow.toml")]
    for batches in (1, 2, 1):  # three murders, each somewhere behind a commit
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert child.stdin is not None and child.stdout is not None
            for batch in range(batches):
                said = child.stdout.readline()
                assert said.strip().isdigit(), said or child.communicate()[1]
                if batch < batches - 1:
                    child.stdin.write("\n")
                    child.stdin.flush()
        finally:
            child.send_signal(signal.SIGKILL)
            child.communicate()
    report = run_import(brand, "orders", CDNOW, MAPPING)
    assert report == ImportReport(6919, 6919, 0, 0, 0)
    assert stored(brand) == expected(CDNOW)
    assert contact_count(brand) == 2_357
    assert run_import(brand, "orders", CDNOW, MAPPING) == ImportReport(6919, 0, 0, 6919, 0)


def test_two_processes_cannot_both_move_one_import(brand):
    with brand:
        mine = begin_import(brand, "orders", "s", "digest")
        theirs = begin_import(brand, "orders", "s", "digest")
        assert mine == theirs == ImportProgress(mine.run_id, 0, {})
        moved = advance_import(brand, mine, 1000, {"created": 1000})
        with pytest.raises(Conflict):
            advance_import(brand, theirs, 1000, {"created": 1000})
        assert begin_import(brand, "orders", "s", "digest") == moved
        advance_import(brand, moved, 1500, {"created": 1500}, done=True)
        assert begin_import(brand, "orders", "s", "digest").position == 0
        assert begin_import(brand, "orders", "s", "another").position == 0


def test_a_changed_file_is_another_import(brand, sample, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            run_import(brand, "orders", sample, MAPPING)
    sample.write_text(sample.read_text() + "L99999,0001,1999-01-01,1,5\n")
    assert run_import(brand, "orders", sample, MAPPING) == ImportReport(2501, 501, 0, 2000, 0)


class Refuser(Plugin):
    name = "refuser"
    version = "1"
    requires_core = ">=0.1.dev0"
    summary = "vetoes one order"

    @hookimpl
    def check_order(self, draft):
        if draft.number == "L00002":
            raise Veto("not this one")


def test_what_a_plugin_vetoes_is_rejected_with_its_reason(new_installation, sample, tmp_path):
    brand = new_installation(plugins=(Refuser,), acme="\n[plugins.refuser]\n").brand("acme")
    rejects = tmp_path / "r.csv"
    report = run_import(brand, "orders", sample, MAPPING, rejects=rejects)
    assert report == ImportReport(2500, 2499, 0, 0, 1)
    assert rejects.read_text().splitlines()[1] == "3,,not this one"


def test_the_generated_shop_goes_in_whole_with_lines_refunds_and_products(brand):
    def run(kind, name, mapping):
        return run_import(brand, kind, EXAMPLES / name, load_mapping(EXAMPLES / mapping, kind))

    with (EXAMPLES / "orders-generated.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    orders = {(row["platform"], row["order_number"]) for row in rows}
    total = sum(round(float(row["line_paid"]) * 100) for row in rows)
    early = run("refunds", "refunds-generated.csv", "generated-refunds.toml")  # before their orders
    assert early.created == early.read > 0
    report = run("orders", "orders-generated.csv", "generated-orders.toml")
    assert (report.read, report.created) == (len(orders), len(orders))
    assert sum(paid for paid, _, _ in orders_of(brand).values()) == total
    products = run("products", "products-generated.csv", "generated-products.toml")
    assert products.created == products.read > 0
    first = rows[0]
    with brand:
        view = brand.orders.by_number(first["platform"], first["order_number"])
        assert [line.sku for line in view.lines] == [
            row["sku"] for row in rows if row["order_number"] == first["order_number"]
        ]
        assert brand.products.get("DIAPER-M").attributes == {"size": "M"}
        refunded = sum(order.refund_minor for order in brand.orders.page(limit=200))
    assert refunded > 0
    for kind, name, mapping in (
        ("orders", "orders-generated.csv", "generated-orders.toml"),
        ("refunds", "refunds-generated.csv", "generated-refunds.toml"),
        ("products", "products-generated.csv", "generated-products.toml"),
    ):
        again = run(kind, name, mapping)
        assert again.unchanged == again.read


def test_leads_are_captured_once_with_or_without_a_key(brand, write):
    path = write("phone,name,key,at\n13800138000,王,K1,2026-01-01\n13800138001,李,,\n138****8002,赵,,\n,钱,K4,\n")
    assert run_import(brand, "leads", path, plain_mapping("leads")) == ImportReport(4, 2, 0, 0, 2)
    brand.clock.advance(days=1)
    assert run_import(brand, "leads", path, plain_mapping("leads")) == ImportReport(4, 0, 0, 2, 2)
    assert contact_count(brand) == 2


def test_texts_of_the_mapping_stay_with_the_lead(brand, write):
    mapping = parse_mapping({"kind": "leads", "columns": {"phone": "p"}, "fields": {"serial": "card"}}, "m")
    run_import(brand, "leads", write("p,card\n13800138000,A-1\n"), mapping)
    (lead,) = [data for kind, _, data in events_of(brand) if kind == "lead.captured"]
    assert lead["fields"] == {"serial": "A-1"}


def test_consents_of_a_lead_are_read_from_a_column_with_the_words_that_were_shown(brand, write):
    path = write(
        "phone,consents\n13800138000,marketing_wecom; marketing_sms@2025-03\n13800138001,\n13800138002,marketing_sms@\n"
    )
    assert run_import(brand, "leads", path, plain_mapping("leads")) == ImportReport(3, 2, 0, 0, 1)
    with brand:
        person = brand.contacts.find("phone", "+8613800138000").id
        history = brand.consent.history(person)
        assert [(each.purpose, each.granted, each.text_version) for each in history] == [
            ("marketing_wecom", True, ""),
            ("marketing_sms", True, "2025-03"),
        ]
        assert brand.consent.history(brand.contacts.find("phone", "+8613800138001").id) == []
    mapping = parse_mapping({"kind": "leads", "columns": {"phone": "手机", "consents": "同意"}}, "m")
    run_import(brand, "leads", write("手机,同意\n13800138004,marketing_sms\n"), mapping)
    with brand:
        assert brand.consent.state(brand.contacts.find("phone", "+8613800138004").id, "marketing_sms")


def test_contacts_are_created_completed_and_left_alone(brand, write):
    path = write(
        "phone,unionid,name\n"
        "13800138000,u1,王\n"
        "13800138000,,\n"
        "13800138001,,\n"
        "13800138001,u2,\n"
        "13800138001,,李\n"
        "13800138001,,赵\n"
        ",,无\n"
    )
    assert run_import(brand, "contacts", path, plain_mapping("contacts")) == ImportReport(7, 2, 2, 2, 1)
    with brand:
        assert brand.contacts.find("unionid", "u2").name == "李"
    assert run_import(brand, "contacts", path, plain_mapping("contacts")) == ImportReport(7, 0, 0, 6, 1)


def test_tags_are_set_removed_and_refused_row_by_row(brand, write, tmp_path):
    with brand:
        person = brand.contacts.resolve([IdentityIn.of("phone", "13800138000")], at=brand.now(), origin="t")
        brand.tags.define("interest", "shoes", plan="spring shoes")
        brand.tags.group("value", s_level=True, default="low")
        brand.tags.define("value", "high", kind="system")
    path = write(
        "phone,contact,group,tag,plan,remove\n"
        "13800138000,,interest,shoes,,\n"
        f",{person.uid},interest,shoes,,\n"
        "13800138000,,interest,hats,summer hats,\n"
        "13800138000,,interest,unheard,,\n"
        "13899999999,,interest,shoes,,\n"
        "13800138000,,value,high,,\n"
        "13800138000,,interest,shoes,,true\n"
        "13800138000,,value,high,,true\n"
    )
    rejects = tmp_path / "r.csv"
    report = run_import(brand, "tags", path, plain_mapping("tags"), source="crm", rejects=rejects)
    assert report == ImportReport(8, 3, 1, 1, 3)
    with rejects.open(newline="", encoding="utf-8") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["5", "6", "9"]
    with brand:
        tags = {(tag.group, tag.name): tag for tag in brand.tags.of(person.contact_id)}
    assert set(tags) == {("interest", "hats"), ("value", "high")}
    assert tags["interest", "hats"].actor == "crm"
    assert tags["interest", "hats"].origin == "manual"


def test_a_file_that_is_unusable_as_a_whole_changes_nothing(brand, write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    with pytest.raises(Invalid, match="amount_cents"):
        run_import(brand, "orders", write("order_id,date\nL1,1997-01-01\n"), MAPPING, rejects=rejects)
    with pytest.raises(Invalid, match="for orders, not for leads"):
        run_import(brand, "leads", CDNOW, MAPPING)
    assert not rejects.exists()
    with pytest.raises(Invalid, match="rejects file"):
        run_import(brand, "orders", write(HEADER + "L1,1,1997-01-01,1,1\n"), MAPPING, rejects=tmp_path / "no" / "r.csv")
    assert orders_of(brand) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_under_the_rejects_file_stops_before_the_commit(brand, sample):
    with pytest.raises(StorageFull):
        run_import(brand, "orders", sample, MAPPING, rejects="/dev/full")
    assert orders_of(brand) == {}
    assert run_import(brand, "orders", sample, MAPPING) == ImportReport(2500, 2500, 0, 0, 0)


def events_of(brand):
    with brand:
        rows = execute("SELECT type, backfill, data FROM event ORDER BY id").fetchall()
    return [(kind, backfill, json.loads(data) if isinstance(data, str) else data) for kind, backfill, data in rows]


def test_history_is_marked_as_such(brand, write):
    path = write(HEADER + "L1,1,1997-01-01,1,1\n")
    run_import(brand, "orders", path, MAPPING, backfill=True)
    run_import(brand, "orders", write(HEADER + "L2,1,1997-01-01,1,1\n"), MAPPING)
    marks = {data["number"]: backfill for kind, backfill, data in events_of(brand) if kind == "order.paid"}
    assert marks == {"L1": 1, "L2": 0}
