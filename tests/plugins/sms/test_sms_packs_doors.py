"""Packs through the doors that people use: HTTP, commands, files for spreadsheets, and memory that stays flat."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pack_scene import SMS, PacksOnly, group, packs_of

from scrm_core.cli.codes import Failure
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, NotFound
from scrm_core.web import create_app
from scrm_sms.packs import service

HERE = "/api/v1/acme/plugins/sms/packs"
FILE = "收货人手机,姓名\n13800138000,王\n138 0013 8000,王\n021-61234567,李\n=cmd|1,赵\n"


@pytest.fixture
def installed(new_installation):
    """Acme has packs; moonco has them switched off."""
    return new_installation(plugins=(PacksOnly,), acme=SMS, moonco=SMS + "enabled = false\n")


@pytest.fixture
def brand(installed):
    return installed.brand("acme")


@pytest.fixture
def call(installed):
    """A function that calls the API with a key of acme: ``call(method, path, body, scopes)``."""
    client = create_app(installed).test_client()

    keys = {}

    def call(method, path, body=None, scopes=("*",), **headers):
        if scopes not in keys:
            with installed.brand("acme") as home:
                keys[scopes] = home.keys.create("test", scopes)[1]
        key = keys[scopes]
        return client.open(path, method=method, json=body, headers={"Authorization": f"Bearer {key}", **headers})

    return call


@pytest.fixture
def scrm(installed):
    """A function that runs ``sms ...`` in the project and returns the result."""

    def run(*arguments):
        session = Session(installed.config.root, clock=installed.clock)
        session._installation = installed
        return CliRunner().invoke(group, list(arguments), obj=session)

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text(FILE, encoding="gb18030")
    return path


def test_a_pack_is_made_over_http_from_its_opening_to_its_seal(call):
    assert call("POST", HERE, {"code": "API"}).status_code == 201
    assert call("POST", HERE, {"code": "API"}).status_code == 201
    rows = [{"phone": "13800138000", "name": "王"}, {"phone": "１３８００１３８０００"}, {"phone": "021-61234567"}]
    added = call("POST", f"{HERE}/API/rows", {"rows": rows})
    assert added.status_code == 200
    assert (added.json["rows"], added.json["accepted"], added.json["by_reason"]) == (3, 1, {"duplicate": 1, "landline": 1})
    sealed = call("POST", f"{HERE}/API/seal")
    assert (sealed.json["state"], sealed.json["sealed_by"], sealed.json["dropped"]) == ("sealed", "api", 2)
    assert call("GET", f"{HERE}/API").json == sealed.json
    assert [pack["code"] for pack in call("GET", HERE).json["packs"]] == ["API"]
    dropped = call("GET", f"{HERE}/API/dropped").json
    assert [(row["line"], row["number"], row["reason"], row["winner"]) for row in dropped["rows"]] == [
        (2, "138****8000", "duplicate", 1),
        (3, "216****4567", "landline", None),
    ]
    assert call("GET", f"{HERE}/API/dropped?after={dropped['cursor']}").json == {"rows": [], "cursor": None}
    assert call("POST", f"{HERE}/API/rows", {"rows": rows}).status_code == 409


def test_rows_sent_again_under_one_key_are_counted_once(call):
    call("POST", HERE, {"code": "API"})
    body = {"rows": [{"phone": "13800138000"}]}
    for _ in range(2):
        answer = call("POST", f"{HERE}/API/rows", body, **{"Idempotency-Key": "one"})
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert call("GET", f"{HERE}/API").json["rows"] == 1


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("", {}, 422, "code"),
        ("", {"code": "a b"}, 422, "code"),
        ("", {"code": "A", "colour": 1}, 422, "colour"),
        ("", {"code": "A", "foreign_numbers": "yes"}, 422, "foreign_numbers"),
        ("", [], 422, None),
        ("", {"code": 1}, 422, "code"),
        ("/NOSUCH/rows", {"rows": [{"phone": "1"}]}, 404, None),
        ("/NOSUCH/seal", None, 404, None),
        ("/API/rows", {"rows": []}, 422, "rows"),
        ("/API/rows", {"rows": [{"phone": 13800138000}]}, 422, "rows.0.phone"),
        ("/API/rows", {"rows": [{"name": "x"}]}, 422, "rows.0.phone"),
        ("/API/rows", {"rows": [{"phone": "1", "age": "2"}]}, 422, "rows.0.age"),
        ("/API/rows", {"rows": [{"phone": "1" * 501}]}, 422, "rows.0.phone"),
        ("/API/rows", {"rows": [{"phone": "1"}] * 1_001}, 422, "rows"),
        ("/API/rows", {"rows": [{"phone": "1\u0000"}]}, 400, None),
    ],
)
def test_bad_requests_are_refused_with_the_part_at_fault(call, path, body, status, field):
    call("POST", HERE, {"code": "API"})
    answer = call("POST", HERE + path, body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json["field"] == field
    assert [(pack["code"], pack["rows"]) for pack in call("GET", HERE).json["packs"]] == [("API", 0)]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("query", ["after=x", "after=-1", "limit=1001", "limit=1e3", "after=99999999999999999999"])
def test_a_page_that_is_none_is_refused(call, query):
    call("POST", HERE, {"code": "API"})
    for path in (HERE, f"{HERE}/API/dropped"):
        assert call("GET", f"{path}?{query}").status_code == 422


def test_reading_and_writing_are_two_permissions(call):
    reader = ("sms:read",)
    assert call("POST", HERE, {"code": "API"}, scopes=reader).status_code == 403
    call("POST", HERE, {"code": "API"})
    for path, body in ((f"{HERE}/API/rows", {"rows": [{"phone": "1"}]}), (f"{HERE}/API/seal", None)):
        assert call("POST", path, body, scopes=reader).status_code == 403
    for path in (HERE, f"{HERE}/API", f"{HERE}/API/dropped"):
        assert call("GET", path, scopes=reader).status_code == 200
        assert call("GET", path, scopes=("leads:write",)).status_code == 403


def test_a_request_does_not_hold_everybody_up_with_a_large_seal(call, brand, monkeypatch):
    monkeypatch.setattr(service, "SEAL_AT_ONCE", 1)
    call("POST", HERE, {"code": "API"})
    call("POST", f"{HERE}/API/rows", {"rows": [{"phone": "13800138000"}, {"phone": "13900139000"}]})
    refused = call("POST", f"{HERE}/API/seal")
    assert (refused.status_code, refused.json["code"]) == (409, "pack_large")
    with brand:
        assert packs_of(brand).seal("API", actor="operator").state == "sealed"


def test_a_file_is_tried_imported_shown_and_listed_by_commands(scrm, file, brand):
    tried = json.loads(scrm("pack", "import", "acme", "MAY", str(file), "--dry-run", "--json").stdout)
    assert (tried["state"], tried["accepted"], tried["by_reason"]) == (
        "dry run",
        1,
        {"duplicate": 1, "invalid": 1, "landline": 1},
    )
    with brand:
        assert execute("SELECT count(*) FROM sms_pack").fetchone() == (0,)
    done = scrm("pack", "import", "acme", "MAY", str(file), "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["state"], made["rows"], made["accepted"], made["dropped"]) == ("sealed", 4, 1, 3)
    assert made["created_at"] == "2026-01-01T08:00:00+08:00"
    assert json.loads(scrm("pack", "show", "acme", "MAY", "--json").stdout) == made
    assert "duplicate 1, invalid 1, landline 1" in scrm("pack", "show", "acme", "MAY").stdout
    (listed,) = json.loads(scrm("pack", "list", "acme", "--json").stdout)
    assert (listed["code"], listed["accepted"]) == ("MAY", 1)
    sealed = scrm("pack", "seal", "acme", "MAY", "--json")
    assert json.loads(sealed.stdout) == made


def test_columns_are_named_by_options(scrm, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("a,b\n13800138000,13900139000\n", encoding="utf-8")
    assert "no column of phone numbers" in str(scrm("pack", "import", "acme", "X", str(path)).exception)
    made = scrm("pack", "import", "acme", "X", str(path), "--phone", "B", "--name", "a", "--json")
    assert json.loads(made.stdout)["accepted"] == 1


def test_dropped_rows_are_shown_and_exported_safe_for_spreadsheets(scrm, file, tmp_path):
    scrm("pack", "import", "acme", "MAY", str(file))
    shown = json.loads(scrm("pack", "dropped", "acme", "MAY", "--json", "--limit", "2").stdout)
    assert [(row["line"], row["reason"]) for row in shown] == [(3, "duplicate"), (4, "landline")]
    out = tmp_path / "dropped.csv"
    done = scrm("pack", "dropped", "acme", "MAY", "-o", str(out))
    assert done.exit_code == 0, done.output
    assert "3 rows written" in done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    rows = list(csv.reader(io.StringIO(out.read_text("utf-8-sig"))))
    assert rows[0] == ["line", "number", "reason", "text", "winner"]
    assert [row[:3] for row in rows[1:]] == [
        ["3", "138****8000", "duplicate"],
        ["4", "216****4567", "landline"],
        ["5", "****", "invalid"],
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert "cmd" not in out.read_text("utf-8-sig")


def test_what_cannot_be_written_or_is_not_there_is_said(scrm, file, tmp_path):
    scrm("pack", "import", "acme", "MAY", str(file))
    refused = scrm("pack", "dropped", "acme", "MAY", "-o", str(tmp_path / "no" / "such" / "x.csv"))
    assert "cannot be written" in str(refused.exception)
    missing = scrm("pack", "show", "acme", "NOSUCH").exception
    assert isinstance(missing, NotFound)
    assert "no number pack 'NOSUCH'" in str(missing)
    off = scrm("pack", "list", "moonco").exception
    assert isinstance(off, NotFound | Failure)
    other = tmp_path / "other.csv"
    other.write_text("phone\n13800138000\n")
    assert isinstance(scrm("pack", "import", "acme", "MAY", str(other)).exception, Conflict)


IMPORT = """
import sys
from pathlib import Path
from scrm_core.api import execute
from scrm_core.installation import Installation
from scrm_sms.packs.service import Packs

brand = Installation.open(Path(sys.argv[1])).brand("acme")
with brand:
    if brand.handle.engine == "sqlite":
        execute("PRAGMA cache_size = -1000")  # the file's cache fills up to its bound, which is not what is measured
    pack = Packs(brand, {}).import_file(sys.argv[2], code=sys.argv[3], actor="test")
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(pack.accepted, peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process cannot be told here")
def test_memory_does_not_grow_with_the_size_of_a_pack(installed, tmp_path):
    config = installed.config.brands_dir / "acme.toml"
    config.write_text(config.read_text("utf-8").replace(SMS, "\n"), encoding="utf-8")
    peaks = []
    for count in (20_000, 80_000):
        path = tmp_path / f"{count}.csv"
        with open(path, "w", encoding="utf-8") as out:
            out.write("手机号,下单时间\n")
            # Every eighth number comes a second time, far behind the first.
            for n in range(count):
                out.write(f"139{n if n % 8 else n // 2:08d},2026-01-{n % 28 + 1:02d} 10:00\n")
        done = subprocess.run(
            [sys.executable, "-c", IMPORT, str(installed.config.root), str(path), f"P{count}"],
            capture_output=True,
            text=True,
            check=True,
        )
        accepted, peak = map(int, done.stdout.split())
        assert count * 0.9 < accepted < count
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.15
