"""CSV files: whatever is in them, each row is read or rejected with its line, and memory stays flat."""

import csv
import io
import time
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrm_core.errors import Invalid, Malformed
from scrm_core.intake.csvfile import CsvFile, Reject, normalise_headers


@pytest.fixture
def write(tmp_path):
    def write_file(content, encoding="utf-8"):
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


def read(path):
    with CsvFile(path) as file:
        return file.header, list(file.rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_encodings_of_chinese_files(write, encoding):
    header, rows = read(write("订单编号,收货人\n1,王小明\n2,李雷和韩梅梅\n", encoding))
    assert header == ["订单编号", "收货人"]
    assert rows == [(2, ["1", "王小明"]), (3, ["2", "李雷和韩梅梅"])]


def test_the_encoding_is_found_behind_a_megabyte_of_ascii(write):
    path = write("a,b\n" + "1,x\n" * 400_000 + "2,王小明\n", "gb18030")
    with CsvFile(path) as file:
        assert file.encoding == "gb18030"
        *_, last = file.rows()
    assert last == (400_002, ["2", "王小明"])


def test_a_damaged_byte_costs_its_row_only(write):
    content = "a,名\n1,王小明\n2,XX\n3,李雷和韩梅梅\n".encode().replace(b"XX", b"x\xffx")
    _, rows = read(write(content))
    assert rows == [
        (2, ["1", "王小明"]),
        Reject(3, "名", "contains bytes that are not utf-8"),
        (4, ["3", "李雷和韩梅梅"]),
    ]


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped(), "xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "Excel"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b,a\n1,2,3\n", "two columns are called 'a'"),
        (b'a,"b\n1,2\n', "header"),
        (b"x" * 1_200_000, "longer"),
        (b",".join(b"c%d" % n for n in range(501)), "501 columns"),
    ],
)
def test_what_is_no_csv_is_refused_with_its_reason(write, content, says):
    with pytest.raises(Malformed, match=says):
        CsvFile(write(content))


def test_a_missing_file_is_an_error_without_its_folder(tmp_path):
    with pytest.raises(Invalid, match=r"^none\.csv cannot be read") as caught:
        CsvFile(tmp_path / "none.csv")
    assert str(tmp_path) not in str(caught.value)


def test_headers_are_compared_without_spaces_case_and_unit():
    assert normalise_headers(
        ["收货地址 ", "商品总价(元)", "商家应收金额（元）（支付金额）", " Order_ID", "", "ＡＢ"]
    ) == [
        "收货地址",
        "商品总价",
        "商家应收金额",
        "order_id",
        "column 5",
        "ab",
    ]
    assert normalise_headers(["金额(元)", "金额(积分)"]) == ["金额(元)", "金额(积分)"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind(write, end):
    _, rows = read(write(f"a,b{end}1,2{end}{end}3,4"))
    assert rows == [(2, ["1", "2"]), (4, ["3", "4"])]


def test_mixed_line_ends_and_line_ends_inside_quotes(write):
    _, rows = read(write('a,b\r\n1,"x\r\ny"\n2,"p\nq"\r3,z'))
    assert rows == [(2, ["1", "x\r\ny"]), (4, ["2", "p\nq"]), (6, ["3", "z"])]


def test_tabs_and_semicolons_separate_too(write):
    assert read(write("a\tb\n1\t2,5\n"))[1] == [(2, ["1", "2,5"])]
    assert read(write("a;b\n1;2\n"))[1] == [(2, ["1", "2"])]


def test_rows_of_another_width_are_rejected(write):
    _, rows = read(write("a,b\n1\n1,2,3\n4,5\n\n  \n"))
    assert rows == [
        Reject(2, "", "has 1 cells, the header has 2"),
        Reject(3, "", "has 3 cells, the header has 2"),
        (4, ["4", "5"]),
    ]


def test_an_unclosed_quote_costs_one_line(write):
    _, rows = read(write('a,b\n1,2\n3,"4\n5,6\n7,8\n'))
    assert rows == [
        (2, ["1", "2"]),
        Reject(3, "", "a quote is opened and never closed"),
        (4, ["5", "6"]),
        (5, ["7", "8"]),
    ]


def test_a_stray_quote_does_not_swallow_the_rows_up_to_the_next(write):
    _, rows = read(write('a,b,c\n1,2,"x\n3,4,5\n6,7",8\n9,9,9\n'))
    assert rows == [
        Reject(2, "", "has 4 cells, the header has 3"),
        (3, ["3", "4", "5"]),
        (4, ["6", '7"', "8"]),
        (5, ["9", "9", "9"]),
    ]


def test_text_behind_a_closing_quote_is_rejected(write):
    _, rows = read(write('a,b\n"1"x,2\n3,4\n'))
    assert isinstance(rows[0], Reject)
    assert rows[1:] == [(3, ["3", "4"])]


def test_nul_and_long_cells_are_rejected_by_column(write):
    _, rows = read(write("a,b\n1,x\0y\n2," + "z" * 100_001 + "\n3,4\n"))
    assert rows == [
        Reject(2, "b", "contains a NUL character"),
        Reject(3, "b", "is longer than 100000 characters"),
        (4, ["3", "4"]),
    ]


@pytest.mark.parametrize("quoted", [False, True])
def test_a_ten_megabyte_field_is_one_reject(write, quoted):
    field = '"' + "z" * 10_000_000 + '"' if quoted else "z" * 10_000_000
    _, rows = read(write(f"a,b\n1,{field}\n3,4\n"))
    assert len(rows) == 2
    assert isinstance(rows[0], Reject)
    assert rows[0].line == 2
    assert rows[1] == (3, ["3", "4"])


def test_a_huge_line_does_not_grow_memory(tmp_path):
    path = tmp_path / "huge.csv"
    with open(path, "wb") as file:
        file.write(b"a,b\n")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n1,2\n")
    tracemalloc.start()
    try:
        _, rows = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == [Reject(2, "", "is longer than 1000000 characters"), (3, ["1", "2"])]
    assert peak < 20_000_000


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    peaks = []
    for count in (100_000, 400_000):
        path = tmp_path / f"{count}.csv"
        path.write_text("a,b\n" + "12345,abcdefgh\n" * count)
        tracemalloc.start()
        with CsvFile(path) as file:
            for _ in file.rows():
                continue
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


@pytest.mark.parametrize("line", ['x","y', '"', '"x', 'a,"b', '"""', 'x"",', '"\n""'])
def test_hostile_quotes_take_linear_time_and_every_line_is_answered(write, line):
    count = 60_000
    path = write("a,b,c\n" + f"{line}\n" * count)
    started = time.perf_counter()
    _, rows = read(path)
    assert time.perf_counter() - started < 20
    if "\n" not in line and line != '"""':
        assert all(isinstance(row, Reject) for row in rows)
    assert len(rows) >= count / 2


cells = st.text(st.sampled_from('ab1,"\n\r\t =王'), max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=8))
def test_what_csv_writes_is_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b"])
        writer.writerows(table)
    _, rows = read(path)
    assert [tuple(row[1]) for row in rows] == table


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(st.sampled_from('a,"\n\r\0é王'), max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_and_lines_only_grow(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(b"a,b\n" + content)
    try:
        _, rows = read(path)
    except Malformed:
        return
    lines = [row.line if isinstance(row, Reject) else row[0] for row in rows]
    assert lines == sorted(set(lines))
