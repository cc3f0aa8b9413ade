"""Mappings: columns of real exports become checked rows; what is wrong names file, key, line and column."""

from zoneinfo import ZoneInfo

import pytest

from scrm_core.errors import Invalid, Malformed
from scrm_core.intake.binding import Binding
from scrm_core.intake.csvfile import CsvFile, Reject
from scrm_core.intake.dates import date_reader
from scrm_core.intake.mapping import load_mapping, parse_mapping, plain_mapping

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def run(tmp_path):
    def run_file(text, mapping, zone=SHANGHAI, encoding="utf-8", **options):
        path = tmp_path / "file.csv"
        path.write_bytes(text.encode(encoding))
        with CsvFile(path) as file:
            return list(Binding(mapping, file.header, zone=zone, **options).rows(file.rows()))

    return run_file


CDNOW = {
    "kind": "orders",
    "source": "cdnow",
    "columns": {
        "number": "order_id",
        "buyer": "customer_id",
        "paid_at": "date",
        "items": "items",
        "paid_minor": "amount_cents",
    },
    "constants": {"status": "completed"},
}


def test_an_order_file_with_one_row_per_order(run):
    rows = run(
        "order_id,customer_id,date,items,amount_cents\nL1,0001,1997-01-01,2,2933\n", parse_mapping(CDNOW, "m"), NEW_YORK
    )
    ((line, row),) = rows
    assert line == 2
    given = {key: value for key, value in row.items() if value is not None}
    assert given == {
        "source": "cdnow",
        "number": "L1",
        "buyer": "0001",
        "status": "completed",
        "paid_at": 852_094_800_000,
        "items": 2,
        "paid_minor": 2933,
    }


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        ("L1,1,1997-02-29,2,1", "date"),
        ("L1,1,1997-01-01,1.5,1", "items"),
        ("L1,1,1997-01-01,1,1.234", "amount_cents"),
        ("L1,1,1997-01-01,1,NaN", "amount_cents"),
        ("L1,1,1997-01-01,1,-5", "amount_cents"),
        ("1.23E+18,1,1997-01-01,1,1", "order_id"),
        (",1,1997-01-01,1,1", "order_id"),
        ("L1,1.2E+5,1997-01-01,1,1", "customer_id"),
        ("L1,1,1997-01-01,1,", "amount_cents"),
        ("L1,1,1997-01-01,1,99999999999999999", "amount_cents"),
        ("L1,1,tomorrow,1,1", "date"),
    ],
)
def test_a_bad_cell_rejects_its_row_by_line_and_column(run, bad, column):
    good = "L9,1,1997-01-01,1,1"
    rows = run(f"order_id,customer_id,date,items,amount_cents\n{good}\n{bad}\n{good}\n", parse_mapping(CDNOW, "m"))
    assert [type(row) is Reject for row in rows] == [False, True, False]
    assert (rows[1].line, rows[1].column) == (3, column)
    assert rows[1].reason


TAOBAO = (
    "订单编号,买家会员名,订单状态,买家实际支付金额,订单付款时间 ,收货人姓名,联系手机,宝贝总数量,备注\r\n"
    '="6920000000030971726",tb小明,交易成功,357.00,2016/5/23 22:02,王小明,\'18618486065,3,"a\nb"\r\n'
    "'6920000000030971727,tb小红,等待买家付款,￥1，234.50,0000-00-00 00:00:00,李雷,138****1234,1,\r\n"
    "6.92E+18,tb小红,交易成功,1.00,2016-05-23 22:02:11,李雷,,1,\r\n"
    "6920000000030971729,tb小红,奇怪,1.00,2016-05-23 22:02:11,李雷,,1,\r\n"
    "合计,,,1593.50,,,,,\r\n"
)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_taobao_export_as_it_comes(run, encoding):
    rows = run(TAOBAO, load_mapping("taobao", "orders"), NEW_YORK, encoding)
    first, second = rows[0][1], rows[1][1]
    assert first["number"] == "6920000000030971726"
    assert first["buyer"] == "tb小明"
    assert first["phone"] == "+8618618486065"
    assert first["paid_minor"] == 35700
    assert first["paid_at"] == 1_464_012_120_000  # 22:02 in Beijing, whatever the brand's zone
    assert (first["status"], first["source"], first["platform"], first["items"]) == ("completed", "taobao", "taobao", 3)
    assert (second["number"], second["status"], second["paid_minor"]) == ("6920000000030971727", "unpaid", 123450)
    assert second["phone"] is None
    assert second["paid_at"] is None
    assert [(row.line, row.column) for row in rows[2:]] == [(5, "订单编号"), (6, "订单状态"), (7, "订单状态")]


DOUYIN = "主订单编号,子订单编号,选购商品,商品数量,商家编码,订单应付金额(元),订单状态,支付完成时间,收件人手机号\n"


def test_rows_of_lines_become_whole_orders(run):
    rows = run(
        DOUYIN
        + "1,1a,纸尿裤,2,D-M,100.00,已完成,2026-01-01 10:00:00,$$x$$\n"
        + "1,1b,包裹卡,1,CARD-1,0,已完成,2026-01-01 10:00:00,\n"
        + "2,2a,鞋,1,S-22,159.00,已发货,2026-01-02 10:00:00,13800138000\n",
        parse_mapping({"extends": "douyin", "gifts": {"prefixes": ["CARD-"]}}, "m"),
    )
    (line, one), (line_two, two) = rows
    assert (line, line_two) == (2, 4)
    assert one["paid_minor"] == 10_000
    assert one["items"] == 2  # the card is a gift and no item
    assert [item["gift"] for item in one["lines"]] == [False, True]
    assert one["phone"] is None
    assert two["phone"] == "+8613800138000"
    assert two["paid_minor"] == 15_900


def test_an_order_is_taken_whole_or_not_at_all(run):
    rows = run(
        DOUYIN
        + "1,a,x,2,D-M,100.00,已完成,2026-01-01,\n1,b,x,1,D-L,1.234,已完成,2026-01-01,\n"
        + "2,a,x,1,D-M,1,已完成,2026-01-01,\n"
        + "3,a,x,1,D-M,1,已完成,2026-01-01,\n3,broken\n"
        + "4,a,x,1,D-M,1,已完成,2026-01-01,\n"
        + "5,a,x,1,D-M,1,已完成,2026-01-01,\n"
        + "2,b,x,1,D-M,1,已完成,2026-01-01,\n"
        + "6,a,x,1,D-M,,已完成,2026-01-01,\n",
        load_mapping("douyin"),
    )
    taken = [row[1]["number"] for row in rows if type(row) is tuple]
    assert taken == ["2", "5"]
    assert [(row.line, row.column) for row in rows if type(row) is Reject] == [
        (3, "订单应付金额"),
        (6, ""),
        (5, ""),
        (7, ""),
        (9, ""),
        (10, "订单应付金额"),
    ]


def test_products_with_attributes(run):
    mapping = parse_mapping(
        {
            "kind": "products",
            "money": "major",
            "columns": {"sku": "sku", "category": "cat", "price_minor": "price"},
            "attributes": {"size": "尺码", "colour": "颜色"},
        },
        "m",
    )
    ((_, row),) = run("sku,cat,price,尺码,颜色\n0012,baby/diaper,89.00,M,\n", mapping)
    assert (row["sku"], row["price_minor"], row["attributes"]) == ("0012", 8900, {"size": "M"})


def test_leads_without_a_mapping_use_the_field_names(run):
    rows = run(
        "phone,name,at,channel\n13800138000,王,2026-01-01,card\n+12125550123,Ann,,\nx,,,\n", plain_mapping("leads")
    )
    assert rows[0][1]["phone"] == "+8613800138000"
    assert rows[1][1]["channel"] is None
    assert (rows[2].line, rows[2].column) == (4, "phone")


def test_exported_text_is_read_back_without_its_guard(run):
    ((_, row),) = run("phone,name\n13800138000,'=1+1\n", plain_mapping("leads"))
    assert row["name"] == "=1+1"


def test_the_source_can_be_given_for_a_file(run):
    ((_, row),) = run(
        "order_id,customer_id,date,items,amount_cents\nL1,1,1997-01-01,1,1\n", parse_mapping(CDNOW, "m"), source="shop2"
    )
    assert row["source"] == "shop2"


@pytest.mark.parametrize(
    ("header", "mapping", "field", "says"),
    [
        ("order_id,date", CDNOW, "paid_minor", "amount_cents"),
        ("number,status,paid_minor", {"kind": "orders"}, "source", "--source"),
        ("a,b", {"kind": "products"}, "sku", "sku"),
        ("主订单编号,订单状态", {"extends": "douyin"}, "qty", "商品数量"),
    ],
)
def test_a_missing_column_is_named_before_any_row(run, header, mapping, field, says):
    with pytest.raises(Invalid, match=says) as caught:
        run(header + "\n", parse_mapping(mapping, "m"))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "orders"\nsorce = "x"', "did you mean source"),
        ('kind = "order"', "kind is one of orders|kind is one of"),
        ('source = "x"', "kind is one of"),
        ('kind = "orders"\nmoney = "yuan"', "money is one of minor, major"),
        ('kind = "orders"\nzone = "Mars/Olympus"', "unknown zone"),
        ('kind = "orders"\n[columns]\nnumbr = "a"', "columns.numbr; did you mean number"),
        ('kind = "orders"\n[columns]\nnumber = 5', "columns.number"),
        ('kind = "orders"\n[status]\ndone = "finished"', "finished"),
        ('kind = "orders"\none_row = "line"', "belong together"),
        ('kind = "leads"\n[attributes]\nsize = "s"', "for products"),
        ('kind = "orders"\ncolumns = "number"', "columns is a table"),
        ('extends = "amazon"', "extends is one of taobao"),
        ('kind = "orders"\ndates = []\nsource = ""', "source is text"),
    ],
)
def test_a_wrong_mapping_names_file_key_and_what_is_allowed(tmp_path, text, says):
    path = tmp_path / "shop.toml"
    path.write_text(text)
    with pytest.raises(Invalid, match=says) as caught:
        load_mapping(path)
    assert "shop.toml" in str(caught.value)


def test_a_mapping_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.toml").write_text("kind = ")
    with pytest.raises(Malformed, match=r"bad\.toml is not TOML"):
        load_mapping(tmp_path / "bad.toml")
    with pytest.raises(Invalid, match="built-in mappings: taobao"):
        load_mapping(tmp_path / "none.toml")
    with pytest.raises(Invalid, match="is for orders, not for leads"):
        load_mapping("jd", "leads")


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2016/5/23 22:02", 1_464_012_120_000),
        ("2016-05-23 22:02:11", 1_464_012_131_000),
        ("2016年5月23日", 1_463_932_800_000),
        ("42513.918055556", 1_464_012_120_000),
        ("42513", 1_463_932_800_000),
        ("2016-05-23T14:02:00Z", 1_464_012_120_000),
        ("'2016-05-23", 1_463_932_800_000),
        ("0000-00-00", None),
        ("0000-00-00 00:00:00", None),
        (" ", None),
    ],
)
def test_dates_as_exports_write_them(cell, instant):
    assert date_reader(("auto",), SHANGHAI)(cell) == instant


@pytest.mark.parametrize(
    "cell", ["2016/2/30", "2016-13-01", "23.05.2016", "1899-01-01", "9999-12-31", "2016-05-23 25:00", "12"]
)
def test_dates_that_do_not_exist_are_refused(cell):
    with pytest.raises(Invalid, match="not a date"):
        date_reader(("auto",), SHANGHAI)(cell)


def test_other_date_forms_are_named_by_the_mapping():
    assert date_reader(("%d.%m.%Y %H:%M",), SHANGHAI)("23.05.2016 22:02") == 1_464_012_120_000
    assert date_reader(("epoch_s",), SHANGHAI)("1464012120") == 1_464_012_120_000
    assert date_reader(("epoch_ms", "auto"), SHANGHAI)("2016-05-23") == 1_463_932_800_000
