"""Packs of numbers: one person once, stable winners, resumable imports, and packs that stay as they were sealed."""

import hashlib
import json
import signal
from datetime import datetime

import pytest
from pack_scene import SMS, PacksOnly, everything, packs_of

from scrm_core.clock import local_instant
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn
from scrm_sms.packs import sealing, service
from scrm_sms.packs.schemas import MOST_ROWS

FILE = """订单编号,收货人,收货人手机,订单创建时间
A1,王小明,13800138000,2026-01-02 10:00
A2,王小明,+86 138-0013-8000,2026-01-05 10:00
A3,王小明,１３８００１３８０００,2026-01-03 10:00
A4,李雷,13900139000,
A5,李雷,0086 13900139000,
A6,韩梅梅,021-61234567,2026-01-02
A7,John,+852 5123 4567,2026-01-02
A8,赵,138****8000,2026-01-02
A9,钱,13800138000-1234,2026-01-02
A10,孙,1.38E+10,2026-01-02
A11,周,,2026-01-02
A12,吴,13700137000,soon
"""


@pytest.fixture
def brand(new_installation):
    """Acme with number packs; moonco has them too and stays empty."""
    return new_installation(plugins=(PacksOnly,), acme=SMS, moonco=SMS).brand("acme")


@pytest.fixture
def write(tmp_path):
    def write(text, name="numbers.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def imported(brand, path, code="MAY", **more):
    with brand:
        packs = packs_of(brand)
        packs.import_file(path, code=code, actor="anna", **more)
        return everything(packs, code)


def numbers_of(brand, code="MAY"):
    with brand:
        return {n.address: n.line for n in packs_of(brand).numbers(code)}


def contact(brand, *phones):
    """A contact with these numbers; returns its id."""
    with brand:
        return brand.contacts.resolve(
            [IdentityIn.of("phone", phone, "") for phone in phones], at=brand.now(), origin="test"
        ).contact_id


def in_zone(brand, *parts):
    return local_instant(datetime(*parts), brand.zone)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_shops_file_becomes_a_pack_with_every_row_accounted_for(brand, write, encoding):
    (state, rows, accepted, dropped, matched, _), numbers, gone = imported(brand, write(FILE, encoding=encoding))
    assert (state, rows, accepted, matched) == ("sealed", 12, 3, 0)
    assert numbers == [
        ("+8613800138000", 3, "王小明", in_zone(brand, 2026, 1, 5, 10), "A2", None),
        ("+8613900139000", 5, "李雷", None, "A4", None),
        ("+8613700137000", 13, "吴", None, "A12", None),
    ]
    assert gone == [
        (2, "138****8000", "duplicate", 3),
        (4, "138****8000", "duplicate", 3),
        (6, "139****9000", "duplicate", 5),
        (7, "216****4567", "landline", None),
        (8, "852 51****67", "foreign", None),
        (9, "13****00", "masked", None),
        (10, "138****1234", "virtual", None),
        (11, "****", "lost_digits", None),
        (12, "", "empty", None),
    ]
    assert rows == accepted + sum(dropped.values())
    with brand:
        pack = packs_of(brand).get("MAY")
    assert (pack.undated, pack.created_by, pack.sealed_by) == (1, "anna", "anna")
    assert pack.digest == hashlib.sha256(FILE.encode(encoding)).hexdigest()


def test_reasons_are_told_in_words_with_the_line_that_stays(brand, write):
    imported(brand, write(FILE))
    with brand:
        told = {row.line: row.text for row in packs_of(brand).dropped("MAY")}
    assert told[2] == "the same number as another row 重复号码: line 3 stays"
    assert told[7].startswith("a landline")


def test_the_order_of_the_rows_does_not_choose_the_winner_but_the_latest_order_does(brand, write):
    header, *lines = FILE.strip().split("\n")
    imported(brand, write("\n".join([header, *reversed(lines)]), "back.csv"), "BACK")
    imported(brand, write(FILE), "MAY")
    with brand:
        kept = [{n.order_number for n in packs_of(brand).numbers(code)} for code in ("BACK", "MAY")]
    # Two rows without a time are told apart by their place alone.
    assert kept == [{"A2", "A5", "A12"}, {"A2", "A4", "A12"}]


def test_one_number_in_many_batches_has_one_winner(brand, write, monkeypatch):
    monkeypatch.setattr(service, "BATCH", 1)
    small = imported(brand, write(FILE), "SMALL")
    monkeypatch.undo()
    assert small[1:] == imported(brand, write(FILE), "LARGE")[1:]


def test_a_chain_of_winners_points_to_the_last(brand, write, monkeypatch):
    monkeypatch.setattr(service, "BATCH", 2)
    text = "phone,ordered_at\n" + "".join(f"13800138000,2026-01-0{day}\n" for day in (1, 2, 3, 2, 5, 4))
    _, numbers, gone = imported(brand, write(text))
    assert [number[1] for number in numbers] == [6]
    assert [(line, winner) for line, _, _, winner in gone] == [(2, 6), (3, 6), (4, 6), (5, 6), (7, 6)]


def test_two_numbers_of_a_contact_are_one_person(brand, write):
    person = contact(brand, "13800138000", "13900139000")
    text = "phone,ordered_at\n13800138000,2026-01-01\n13900139000,2026-01-02\n13800138000,2025-01-01\n13700137000,\n"
    counts, numbers, gone = imported(brand, write(text))
    assert [(number[0], number[5]) for number in numbers] == [("+8613900139000", person), ("+8613700137000", None)]
    assert gone == [(2, "138****8000", "same_person", 3), (4, "138****8000", "duplicate", 3)]
    assert counts[1:5] == (4, 2, {"duplicate": 1, "same_person": 1}, 1)


def test_numbers_of_one_person_in_different_pages_are_one(brand, write, monkeypatch):
    monkeypatch.setattr(sealing, "PAGE", 1)
    contact(brand, "13800138000", "13900139000", "13700137000")
    _, numbers, gone = imported(brand, write("phone\n13800138000\n13900139000\n13700137000\n13600136000\n"))
    assert [number[1] for number in numbers] == [2, 5]
    assert [(line, reason, winner) for line, _, reason, winner in gone] == [
        (3, "same_person", 2),
        (4, "same_person", 2),
    ]


def test_addresses_are_paged_by_id(brand, write):
    imported(brand, write("phone\n" + "".join(f"138001380{n:02d}\n" for n in range(7))))
    with brand:
        packs, seen, after = packs_of(brand), [], 0
        while page := packs.addresses("MAY", after, 3):
            seen += page
            after = page[-1][0]
        assert [address for _, address, _ in seen] == [f"+86138001380{n:02d}" for n in range(7)]
        assert packs.dropped("MAY") == []


def test_the_same_file_again_is_the_same_pack(brand, write, clock):
    path = write(FILE)
    first = imported(brand, path)
    clock.advance(days=1)
    again = imported(brand, path)
    assert again == first
    with brand:
        assert [pack.code for pack in packs_of(brand).list()] == ["MAY"]
        assert execute("SELECT count(*) FROM sms_number").fetchone() == (3,)


def test_a_code_belongs_to_one_file_and_one_reading_of_it(brand, write):
    imported(brand, write(FILE))
    for path, columns in ((write("phone\n13800138000\n", "b.csv"), None), (write(FILE), {"name": "订单编号"})):
        with pytest.raises(Conflict, match="another file or other columns"):
            imported(brand, path, columns=columns)
    with brand, pytest.raises(Conflict):
        packs_of(brand).open("MAY", actor="anna")


def test_an_interrupted_import_goes_on_and_ends_in_the_same_pack(brand, write, monkeypatch):
    path = write(FILE + "".join(f"B{n},x,1860000{n:04d},2026-01-0{n % 9 + 1}\n" for n in range(50)) * 2)
    monkeypatch.setattr(service, "BATCH", 7)
    whole = imported(brand, path, "WHOLE")

    class Stop(Exception):
        pass

    stops = []

    def stop(rows, done, size):
        stops.append((rows, size))
        raise Stop

    for _ in range(3):
        with pytest.raises(Stop):
            imported(brand, path, "CUT", progress=stop)
        with brand, pytest.raises(Conflict, match="not sealed"):
            packs_of(brand).addresses("CUT")
        with brand, pytest.raises(Conflict, match="has not ended"):
            packs_of(brand).seal("CUT", actor="anna")
    assert stops == [(7, path.stat().st_size), (14, path.stat().st_size), (21, path.stat().st_size)]
    assert imported(brand, path, "CUT") == whole


def test_an_interrupted_sealing_goes_on(brand, write, monkeypatch):
    path = write(FILE)
    contact(brand, "13800138000", "13700137000")
    whole = imported(brand, path, "WHOLE")
    monkeypatch.setattr(sealing, "PAGE", 1)
    steps = iter(range(2))
    page = sealing.Sealer._page

    def fails(self, after):
        if next(steps, None) is None:
            raise RuntimeError("power cut")
        return page(self, after)

    monkeypatch.setattr(sealing.Sealer, "_page", fails)
    with pytest.raises(RuntimeError):
        imported(brand, path, "CUT")
    with brand:
        assert packs_of(brand).get("CUT").state == "sealing"
    monkeypatch.undo()
    assert imported(brand, path, "CUT") == whole


def test_a_sealed_pack_takes_nothing_more(brand, write):
    with brand:
        packs = packs_of(brand)
        packs.open("API", actor="bot")
        packs.add_rows("API", [{"phone": "13800138000"}])
        sealed = packs.seal("API", actor="anna")
        with pytest.raises(Conflict, match="sealed"):
            packs.add_rows("API", [{"phone": "13900139000"}])
        assert packs.seal("API", actor="ben") == sealed
        assert packs.open("API", actor="ben") == sealed


def test_rows_given_one_by_one_make_the_same_pack_as_their_file(brand, write):
    _, numbers, gone = imported(brand, write(FILE))
    header = ("order_number", "name", "phone", "ordered_at")
    rows = [dict(zip(header, line.split(","))) for line in FILE.strip().split("\n")[1:]]
    with brand:
        packs = packs_of(brand)
        packs.open("API", actor="bot")
        packs.add_rows("API", rows[:5])
        packs.add_rows("API", rows[5:])
        packs.seal("API", actor="bot")
        _, ours, theirs = everything(packs, "API")
    assert [(n[0], n[1] + 1, *n[2:]) for n in ours] == numbers
    assert [(line + 1, number, reason, winner and winner + 1) for line, number, reason, winner in theirs] == gone


def test_a_thousand_rows_at_a_time(brand):
    with brand:
        packs = packs_of(brand)
        packs.open("API", actor="bot")
        with pytest.raises(Invalid, match="at most 1000"):
            packs.add_rows("API", [{"phone": "13800138000"}] * (MOST_ROWS + 1))
        assert packs.add_rows("API", [{"phone": "13800138000"}] * MOST_ROWS).dropped == {"duplicate": MOST_ROWS - 1}


def test_a_dry_run_tells_the_same_counts_and_writes_nothing(brand, write):
    contact(brand, "13800138000", "13900139000")
    path = write(FILE)
    with brand:
        tables = ("sms_pack", "sms_number", "sms_dropped", "event")
        before = [execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        tried = packs_of(brand).dry_run(path)
        assert [execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables] == before
        made = packs_of(brand).import_file(path, code="MAY", actor="anna")
    same = ("rows", "accepted", "dropped", "undated", "matched", "digest", "foreign_allowed")
    assert [getattr(tried, name) for name in same] == [getattr(made, name) for name in same]
    assert (tried.state, tried.dropped["same_person"], tried.accepted) == ("dry run", 1, 2)


def test_foreign_numbers_pass_where_a_brand_wants_them(new_installation, write):
    brand = new_installation(plugins=(PacksOnly,), acme=SMS + "foreign_numbers = true\n").brand("acme")
    imported(brand, write("phone\n+852 5123 4567\n13800138000\n+49 30 123456\n"))
    assert list(numbers_of(brand)) == ["+85251234567", "+8613800138000"]
    with brand:
        packs = packs_of(brand)
        packs.open("HOME", actor="bot", foreign_allowed=False)
        assert packs.add_rows("HOME", [{"phone": "+852 5123 4567"}]).dropped == {"foreign": 1}


def test_unreadable_rows_are_dropped_with_their_line(brand, write):
    text = '手机号,姓名\n13800138000,a,b\n13900139000,"open\n13700137000,ok\n'
    _, numbers, gone = imported(brand, write(text))
    assert [number[0] for number in numbers] == ["+8613700137000"]
    assert [(line, reason) for line, _, reason, _ in gone] == [(2, "unreadable"), (3, "unreadable")]


def test_what_a_row_says_besides_its_number_is_kept_only_where_it_is_plain(brand, write):
    long = "x" * 201
    text = f'phone,name,order_number\n13800138000,a\x07b,{long}\n13900139000,"=1+1",N-1\n'
    _, numbers, _ = imported(brand, write(text))
    assert [(name, number) for _, _, name, _, number, _ in numbers] == [("", ""), ("=1+1", "N-1")]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("content", ["", "PK\x03\x04rest", "a,b\n1,2\n", "13800138000\n13900139000\n"])
def test_a_file_without_numbers_makes_no_pack(brand, write, content):
    with brand:
        for call in (
            lambda path: packs_of(brand).import_file(path, code="MAY", actor="anna"),
            lambda path: packs_of(brand).dry_run(path),
        ):
            with pytest.raises(Invalid):
                call(write(content))
        assert packs_of(brand).list() == []
        with pytest.raises(NotFound):
            packs_of(brand).get("MAY")


def test_a_code_that_is_none_is_refused(brand, write):
    for code in ("", "a b", "x" * 41, "../etc", "有"):
        with brand, pytest.raises(Invalid, match="1 to 40 letters"):
            packs_of(brand).open(code, actor="anna")


def test_brands_do_not_share_packs(brand, write):
    imported(brand, write(FILE))
    other = brand.installation.brand("moonco")
    with other:
        assert packs_of(other).list() == []
        with pytest.raises(NotFound):
            packs_of(other).get("MAY")
    imported(other, write("phone\n(212) 736-5000\n13800138000\n"))
    assert numbers_of(other) == {"+12127365000": 2}
    with brand:
        mine = packs_of(brand).get("MAY").content
    with other:
        assert packs_of(other).get("MAY").content != mine


# People ----------------------------------------------------------------------


def test_an_erased_person_leaves_packs_and_does_not_come_back(brand, write):
    person = contact(brand, "13800138000", "13900139000")
    path = write("phone,ordered_at\n13800138000,2026-01-01\n13900139000,\n13800138000,\n13700137000,\n")
    imported(brand, path)
    with brand:
        packs = packs_of(brand)
        brand.privacy.erase(person, actor="anna")
        pack = packs.get("MAY")
        assert [address for _, address, _ in packs.addresses("MAY")] == ["+8613700137000"]
        assert (pack.rows, pack.accepted, pack.dropped) == (4, 1, {"duplicate": 1, "erased": 1, "same_person": 1})
        assert [(row.line, row.number, row.winner) for row in packs.dropped("MAY")] == [
            (2, "", None),
            (3, "", None),
            (4, "", None),
        ]
        packs.import_file(path, code="JUNE", actor="anna")
        again = packs.get("JUNE")
        assert (again.accepted, again.dropped) == (1, {"erased": 3})
        assert [address for _, address, _ in packs.addresses("JUNE")] == ["+8613700137000"]
        assert packs.dry_run(path).dropped == {"erased": 3}


def test_a_person_known_since_the_sealing_is_told_of_and_erased_too(brand, write):
    imported(brand, write(FILE))
    person = contact(brand, "13700137000")
    with brand:
        told = brand.privacy.export(person)["plugins"]["sms"]["data"]["packs"]
        assert told == [
            {
                "pack": "MAY",
                "number": "+8613700137000",
                "name": "吴",
                "ordered_at": None,
                "order_number": "A12",
                "line": 13,
            }
        ]
        brand.privacy.erase(person, actor="anna")
        pack = packs_of(brand).get("MAY")
        assert (pack.accepted, pack.dropped["erased"], pack.rows) == (2, 1, pack.accepted + sum(pack.dropped.values()))
        for table in ("sms_number", "sms_dropped", "sms_pack"):
            for row in execute(f"SELECT * FROM {table}").fetchall():
                assert "3700137000" not in str(row)


def test_a_contact_in_a_pack_is_told_of_by_its_row(brand, write):
    person = contact(brand, "13800138000")
    imported(brand, write(FILE))
    with brand:
        section = brand.privacy.export(person)["plugins"]["sms"]
    assert [row["address"] for row in section["sms_number.contact_id"]] == ["+8613800138000"]
    assert section["data"]["packs"] == []


def test_a_merge_takes_the_numbers_along(brand, write):
    first, second = contact(brand, "13800138000"), contact(brand, "13900139000")
    imported(brand, write(FILE))
    with brand:
        brand.contacts.merge(first, second, actor="anna", reason="same person")
        assert {person for _, _, person in packs_of(brand).addresses("MAY")} == {first, None}


# Several at once -------------------------------------------------------------

IMPORT = """
from scrm_core.errors import Conflict
from scrm_sms.packs import sealing, service
service.BATCH = 20

def run(brand, worker):
    packs = service.Packs(brand, {})
    try:
        return packs.import_file(%r, code="MAY", actor=str(worker)).accepted
    except Conflict as refused:
        return refused.code
"""


def forget_plugin(installation):
    """Take the plugin out of the brands' files, so that other processes need no plugin class for its tables."""
    for file in installation.config.brands_dir.glob("*.toml"):
        file.write_text(file.read_text("utf-8").replace(SMS, "\n"), encoding="utf-8")


def test_processes_importing_one_file_at_once_make_one_pack(brand, write, together):
    path = write("phone\n" + "".join(f"1860000{n % 300:04d}\n" for n in range(600)))
    packs = packs_of(brand)
    forget_plugin(brand.installation)
    answers = together(brand.installation, IMPORT % str(path), 3)
    assert set(answers) <= {300, "pack_busy", "pack_state"}
    with brand:
        packs.import_file(path, code="MAY", actor="last")
        pack = packs.get("MAY")
        assert (pack.state, pack.rows, pack.accepted, pack.dropped) == ("sealed", 600, 300, {"duplicate": 300})
        assert len({address for _, address, _ in packs.addresses("MAY")}) == 300
        assert execute("SELECT count(*) FROM sms_dropped").fetchone() == (300,)


KILLED = """
import os, signal
from scrm_sms.packs import sealing, service, store

service.BATCH = sealing.PAGE = 20
steps = {steps}

def dying(function):
    def call(*arguments, **more):
        global steps
        steps -= 1
        answer = function(*arguments, **more)
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call

# Numbers and dropped rows are written then, and nothing of it is committed.
store.change = sealing.change = dying(store.change)
service.Packs._sealing = dying(service.Packs._sealing)

def run(brand, worker):
    service.Packs(brand, {{}}).import_file({path!r}, code="CUT", actor="anna")
"""


def test_an_import_killed_in_the_middle_of_batches_ends_in_the_same_pack(brand, write, forked):
    contact(brand, "18600000001", "18600000039", "18600000040")
    path = write("phone,ordered_at\n" + "".join(f"1860000{n % 50:04d},2026-01-0{n % 7 + 1}\n" for n in range(80)))
    whole = imported(brand, path, "WHOLE")
    forget_plugin(brand.installation)
    packs = packs_of(brand)
    rows = []
    for step in (1, 2, 3, 2, 1, 2, 99):
        child = forked(brand.installation, KILLED.format(steps=step, path=str(path)))
        child.go()
        assert child.ended() == (0 if step == 99 else -signal.SIGKILL)
        with brand:
            pack = packs.get("CUT")
            assert pack.rows == pack.accepted + sum(pack.dropped.values())
            rows.append(pack.rows)
    assert rows == [0, 20, 60, 80, 80, 80, 80]
    with brand:
        assert everything(packs, "CUT") == whole


APPEND = """
from scrm_sms.packs.service import Packs

def run(brand, worker):
    packs = Packs(brand, {})
    for step in range(10):
        packs.add_rows("API", [{"phone": f"1860000{step * 5 + n:04d}"} for n in range(10)])
"""


def test_rows_given_by_several_processes_are_each_counted_once(brand, together):
    with brand:
        packs = packs_of(brand)
        packs.open("API", actor="bot")
    forget_plugin(brand.installation)
    together(brand.installation, APPEND, 3)
    with brand:
        pack = packs.seal("API", actor="anna")
        # Numbers 0 to 54, given 300 times together.
        assert (pack.rows, pack.accepted, pack.dropped) == (300, 55, {"duplicate": 245})
        lines = [n.line for n in packs.numbers("API")] + [row.line for row in packs.dropped("API", limit=1_000)]
        assert sorted(lines) == list(range(1, 301))


def test_what_is_kept_of_a_pack_is_json(brand, write):
    imported(brand, write(FILE))
    with brand:
        columns, dropped = execute("SELECT columns, dropped FROM sms_pack").fetchone()
    assert json.loads(columns) == {}
    assert sum(json.loads(dropped).values()) == 9
