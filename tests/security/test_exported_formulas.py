"""No cell of any exported file starts a formula, wherever the text in it came from; and what is exported is read back."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from described_routes import operations
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from real_ids import ids, rows_of

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.clock import ManualClock
from scrm_core.values.text import csv_cell, csv_value
from scrm_core.web import create_app

FORMULA = "=HYPERLINK(A1)"
# Columns of texts that people or other systems choose, in whichever table they stand.
_CHOSEN = {"name", "title", "reason", "reference", "platform", "note", "words", "label", "error", "brief", "link"}
_KEPT = {"link": {"package_card_card", "package_card_batch"}, "name": {"api_key", "tag_group", "segment"}}
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")


@pytest.fixture(scope="module")
def poisoned(shop, tmp_path_factory) -> Path:
    """A copy of the shop in which every chosen text of Acme begins with a formula."""
    folder = shop.copied(tmp_path_factory.mktemp("formulas") / "shop")
    with sqlite3.connect(folder / "data" / "acme.db") as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        changed = 0
        for table in tables:
            for _, column, kind, *_ in file.execute(f'PRAGMA table_info("{table}")').fetchall():
                mine = column in _CHOSEN and kind == "TEXT" and table not in _KEPT.get(column, ())
                if mine and not table.startswith(("migration", "sqlite", "plugin", "parked", "meta")):
                    try:
                        done = file.execute(f'UPDATE "{table}" SET "{column}" = ? || "{column}"', (FORMULA,))
                    except sqlite3.IntegrityError:  # not a text that anybody chooses after all
                        continue
                    changed += done.rowcount
    file.close()
    assert changed > 50
    return folder


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for cell in row]


def unsafe(cell: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula: numbers and E.164 phones are none."""
    bare = cell.lstrip(" \"'") if not cell.startswith("'") else ""
    digits = cell[1:].replace(".", "", 1)
    return bare.startswith(STARTS) and not (cell[:1] in ("+", "-") and digits.isascii() and digits.isdigit())


def test_every_route_that_answers_with_a_file_guards_its_cells(poisoned, shop):
    with shop.opened(poisoned) as installation:
        client: FlaskClient = create_app(installation).test_client()
        files: dict[str, list[str]] = {}
        with installation.brand("acme") as brand:
            asked = [
                (each, row)
                for each in operations()
                if each.method == "GET"
                for row in (ids(each, brand) if each.variables and rows_of(each) else [{}])
            ]
        for operation, row in asked:
            kinds = KINDS if "{kind}" in operation.path else ("",)
            for kind in kinds:
                address = operation.at("acme", {**dict.fromkeys(operation.variables, kind), **row})
                query = {"clear": "true"} if "recipients" in address else {}
                headers = {"Authorization": f"Bearer {shop.keys['acme']}"}
                answer = client.get(address, headers=headers, query_string=query)
                if answer.mimetype == "text/csv":
                    assert answer.headers["X-Content-Type-Options"] == "nosniff", operation
                    files.setdefault(f"{operation.path}{kind}", []).extend(cells(answer.get_data(as_text=True)))
    assert set(files) == FILES
    for name, found in files.items():
        assert [cell for cell in found if unsafe(cell)] == [], name
    assert sum(cell.startswith("'" + FORMULA) for found in files.values() for cell in found) >= 3


KINDS = ("candidates", "entries", "statements", "influence")
FILES = {
    *(f"/plugins/koc/export/{{kind}}{kind}" for kind in KINDS),
    "/plugins/package-card/goods",
    "/plugins/red-packet/payouts/files/{code}",
    "/plugins/referral/campaigns/{code}/invitees.csv",
    "/plugins/sms/plans/{code}/recipients.csv",
}


def test_every_command_that_writes_a_file_guards_its_cells(poisoned, shop, tmp_path):
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(root, list(arguments), obj=Session(poisoned, ManualClock(shop.now)))
        assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"
        return done.stdout

    winners = tmp_path / "winners.csv"
    run("games", "winners", "acme", "wheel", "--out", str(winners))
    texts = {
        "winners": winners.read_text("utf-8-sig"),
        "contacts": run("export", "contacts", "acme"),
        "orders": run("export", "orders", "acme"),
        "audit": run("audit", "acme", "--csv"),
        "referral": run("referral", "export", "acme", "spring"),
        **{f"koc {kind}": run("koc", "export", "acme", kind) for kind in KINDS},
        "goods": run("package-card", "goods", "acme"),
        "cards": run("package-card", "cards", "acme", "CARD"),
    }
    for name, text in texts.items():
        assert [cell for cell in cells(text) if unsafe(cell)] == [], name
    for name in ("winners", "contacts"):
        assert any(cell.startswith("'" + FORMULA) for cell in cells(texts[name])), name


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40) | st.sampled_from(STARTS))
def test_whatever_a_cell_holds_it_starts_no_formula_and_is_read_back(text):
    cell = csv_cell(text)
    assert not unsafe(cell)
    assert csv_value(cell) == text
