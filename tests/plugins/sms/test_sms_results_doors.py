"""Results through the doors that people use: routes with permissions, commands, files; what is exported and erased."""

from __future__ import annotations

import csv
import io
import json
import stat

import pytest
from click.testing import CliRunner
from results_scene import Bench, Sms, Stage, configured

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.web import create_app

HERE = "/api/v1/acme/plugins/sms"
BUYERS = "orders >= 1"
PAGE = {
    "title": "五月新客礼",
    "target": "https://work.weixin.qq.com/ca/x?customer_channel={state}",
    "starts_at": "2026-01-01T08:00",
    "ends_at": "2026-01-31",
    "activity": "新客券",
    "welcome": "欢迎",
    "actor": "ann",
}


@pytest.fixture
def installation(new_installation):
    return new_installation(plugins=(Sms, Bench), acme=configured())


@pytest.fixture
def stage(installation):
    with installation.brand("acme") as brand:
        yield Stage(brand)


@pytest.fixture
def call(installation):
    """A function that calls the API with a key of acme."""
    client = create_app(installation).test_client()

    def call(method, path, body=None, scopes=("*",)):
        home = installation.brand("acme")
        with home:
            key = home.keys.create("test", scopes)[1]
        return client.open(HERE + path, method=method, json=body, headers={"Authorization": f"Bearer {key}"})

    return call


@pytest.fixture
def sent(stage):
    """A plan with three buyers, whose messages have gone."""
    stage.strangers(3)
    stage.upto("running", segment=BUYERS, at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    return stage


def rows_of(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


# HTTP ------------------------------------------------------------------------


def test_a_landing_page_is_written_shown_and_its_end_moved(stage, call):
    stage.plans.create("MAY", actor="ann")
    assert call("GET", "/plans/MAY/landing").status_code == 404
    made = call("PUT", "/plans/MAY/landing", PAGE)
    assert made.status_code == 200, made.text
    assert (made.json["ends_at"], made.json["problems"]) == ("2026-01-31T00:00:00+08:00", [])
    assert made.json["state_in_target"] is True
    assert call("PUT", "/plans/MAY/landing", PAGE).json == made.json
    moved = call("POST", "/plans/MAY/landing/end", {"ends_at": "2026-02-28T12:00+00:00", "actor": "ann"})
    assert moved.json["ends_at"] == "2026-02-28T20:00:00+08:00"
    assert "五月新客礼" in call("GET", "/plans/MAY/landing/preview").text
    assert "活动已经结束" in call("GET", "/plans/MAY/landing/preview?phase=over").text


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PAGE, "target": "javascript:alert(1)"}, "target"),
        ({**PAGE, "starts_at": "soon"}, "starts_at"),
        ({**PAGE, "ends_at": "2025-01-01"}, "ends_at"),
        ({**PAGE, "title": ""}, "title"),
        ({**PAGE, "token": "mine"}, "token"),
        ({**PAGE, "direct": 5}, "direct"),
        ({"title": "x"}, "target"),
    ],
)
def test_a_bad_landing_page_is_refused_with_the_part_at_fault(stage, call, body, field):
    stage.plans.create("MAY", actor="ann")
    answer = call("PUT", "/plans/MAY/landing", body)
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert call("GET", "/plans/MAY/landing").status_code == 404


def test_figures_are_read_over_http(sent, call):
    reader = ("sms:read",)
    whole = call("GET", "/plans/MAY/results", scopes=reader)
    assert whole.json["rows"][0]["sent"] == 3
    assert [column["name"] for column in whole.json["columns"]][:2] == ["plan", "planned"]
    assert call("GET", "/results", scopes=reader).json["rows"] == whole.json["rows"]
    assert call("GET", "/plans/MAY/results?by=arm", scopes=reader).json["rows"][0]["arm"] == "A"
    assert call("GET", "/plans/MAY/results?segment=orders+>=+2", scopes=reader).json["rows"][0]["sent"] == 0
    assert call("GET", "/plans/MAY/results/flow", scopes=reader).json["rows"][0] == {
        "step": "imported", "reason": "", "count": 3,
    }  # fmt: skip
    assert call("GET", "/plans/MAY/results/modes", scopes=reader).status_code == 200
    assert call("GET", "/rescue", scopes=reader).json["rows"] == []
    for path, status in (
        ("/plans/NONE/results", 404),
        ("/plans/MAY/results?by=colour", 422),
        ("/plans/MAY/results?segment=orders+>=", 422),
        ("/plans/MAY/results/arms", 409),
        ("/plans/MAY/results/arms?measure=x", 409),
        ("/plans/MAY/landing/preview?phase=x", 422),
        ("/plans/MAY/recipients.csv?limit=0", 422),
        ("/plans/MAY/recipients.csv?after=-1", 422),
        ("/plans/MAY/recipients.csv?limit=" + "9" * 30, 422),
    ):
        assert call("GET", path, scopes=reader).status_code == status, path


def test_requests_are_recorded_and_refused_rows_named(stage, call):
    stage.plans.create("MAY", actor="ann")
    rows = [{"phone": "139 0000 0000", "at": "2026-01-01T08:00", "result": "accepted"}, {"phone": "1", "at": "2026-01-01"}]
    answer = call("POST", "/plans/MAY/requests", {"requests": rows, "actor": "ann"})
    assert (answer.json["created"], [each["index"] for each in answer.json["rejected"]]) == (1, [1])
    for body, field in (
        ({"requests": []}, "requests"),
        ({"requests": [{"phone": "1"}]}, "requests.0.at"),
        ({"requests": [{"phone": "1", "at": "x", "result": "maybe"}]}, "requests.0.result"),
    ):
        refused = call("POST", "/plans/MAY/requests", body)
        assert (refused.status_code, refused.json["field"]) == (422, field)


# Recipients ------------------------------------------------------------------


def test_recipients_are_masked_for_readers(sent, call):
    answer = call("GET", "/plans/MAY/recipients.csv?limit=2", scopes=("sms:read",))
    heading, *lines = rows_of(answer.text)
    assert heading[0] == "number" and len(lines) == 2
    rest = call("GET", f"/plans/MAY/recipients.csv?limit=2&after={answer.headers['Scrm-Next']}", scopes=("sms:read",))
    assert "Scrm-Next" not in rest.headers
    shown = [line[0] for line in (*lines, *rows_of(rest.text)[1:])]
    assert sorted(shown) == ["86 138****0000", "86 138****0001", "86 138****0002"]
    assert not any(sent.phone(place) in answer.text + rest.text for place in range(3))
    assert "export" not in sent.history()


def test_clear_numbers_need_their_own_permission_and_leave_a_line_in_the_history(sent, call):
    body = {"actor": "ann"}
    assert call("POST", "/plans/MAY/recipients", body, scopes=("sms:read", "sms:write")).status_code == 403
    assert "export" not in sent.history()
    answer = call("POST", "/plans/MAY/recipients", body, scopes=("sms:export",))
    assert {line[0] for line in rows_of(answer.text)[1:]} == {sent.phone(place) for place in range(3)}
    entry = sent.plans.history("MAY")[-1]
    assert (entry.action, entry.detail["numbers"]) == ("export", "clear")
    assert entry.actor.startswith("key:")


def test_what_became_of_each_message_is_in_its_row_and_no_cell_is_a_formula(sent, scrm, tmp_path):
    phone = sent.phone(1)
    (message,) = [each for each in sent.gateway.of("marketing") if each.address == phone]
    sent.brand.outreach.receipt(message.uid, "failed", code="=HYPERLINK(1)", reason="@SUM(A1)")
    sent.brand.clock.advance(hours=1)
    sent.open(sent.link_of(sent.phone(0)))
    sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    sent.orders("A1", sent.phone(0), 5_000)
    sent.refund("A1", 1_000)
    sent.deliver()
    file = tmp_path / "out.csv"
    done = scrm("sms", "results", "export", "acme", "MAY", str(file), "--clear", "--as", "ann")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"rows": 3, "numbers": "clear"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    heading, *lines = rows_of(file.read_text("utf-8"))
    found = {line[0]: dict(zip(heading, line, strict=True)) for line in lines}
    assert set(found) == {sent.phone(place) for place in range(3)}
    assert (found[phone]["state"], found[phone]["code"], found[phone]["reason"]) == (
        "failed", "'=HYPERLINK(1)", "'@SUM(A1)",
    )  # fmt: skip
    first = found[sent.phone(0)]
    assert (first["orders"], first["revenue_minor"]) == ("1", "4000")
    assert first["clicked_at"] == first["added_at"] == "2026-01-01T12:00:00+08:00"
    assert first["sent_at"] == "2026-01-01T11:00:00+08:00"
    assert not [cell for line in lines for cell in line[1:] if cell[:1] in tuple("=+-@\t\r＝＋－＠")]
    assert (sent.history()[-1], sent.plans.history("MAY")[-1].actor) == ("export", "ann")
    again = scrm("sms", "results", "export", "acme", "MAY", str(file))
    assert again.exit_code != 0 and "exists" in again.output.lower()


# Commands --------------------------------------------------------------------


@pytest.fixture
def scrm(installation, monkeypatch):
    """A function that runs ``scrm ...`` in the project; the recorder's sender is known there too."""
    from scrm_core import installation as installing
    from scrm_core import loader

    monkeypatch.setattr(installing, "Loader", lambda folder, plugins=(): loader.Loader(folder, (Sms, Bench)))

    def run(*arguments):
        session = Session(installation.config.root, clock=installation.clock)
        try:
            return CliRunner().invoke(root, list(arguments), obj=session)
        finally:
            session.close()

    return run


def test_a_landing_page_on_the_command_line(stage, scrm):
    stage.plans.create("MAY", actor="ann")
    options = ["--title", "五月", "--target", "https://work.weixin.qq.com/ca/x", "--from", "2026-01-01", "--until"]
    made = scrm("sms", "landing", "set", "acme", "MAY", *options, "2026-01-31", "--as", "ann", "--json")
    assert made.exit_code == 0, made.output
    shown = json.loads(scrm("sms", "landing", "show", "acme", "MAY", "--json").output)
    assert shown == json.loads(made.output)
    assert shown["state_in_target"] is False and len(shown["problems"]) == 2
    moved = scrm("sms", "landing", "end", "acme", "MAY", "2026-03-01", "--json")
    assert json.loads(moved.output)["ends_at"] == "2026-03-01T00:00:00+08:00"
    refused = scrm("sms", "landing", "set", "acme", "MAY", *options, "never")
    assert refused.exit_code != 0 and "until: 'never' is not a time" in refused.output
    assert scrm("sms", "landing", "show", "acme", "NONE").exit_code == 3


def test_figures_on_the_command_line(sent, scrm):
    assert "delivered" in scrm("sms", "results", "show", "acme", "MAY").output
    table = json.loads(scrm("sms", "results", "show", "acme", "MAY", "--segment", BUYERS, "--json").output)
    assert (table[0]["segment"], table[0]["sent"]) == (BUYERS, 3)
    assert json.loads(scrm("sms", "results", "show", "acme", "MAY", "--by", "arm", "--json").output)[0]["arm"] == "A"
    flow = json.loads(scrm("sms", "results", "flow", "acme", "MAY", "--json").output)
    assert {"step": "sent", "reason": "", "count": 3} in flow
    assert scrm("sms", "results", "modes", "acme", "MAY").exit_code == 0
    assert scrm("sms", "results", "rescue", "acme").exit_code == 0
    assert "no texts that compete" in scrm("sms", "results", "arms", "acme", "MAY").output
    report = scrm("report", "acme", "sms")
    assert report.exit_code == 0 and "引流召回率" in report.output


def test_a_file_of_requests_is_recorded_once_and_its_bad_rows_are_named(stage, scrm, tmp_path):
    stage.plans.create("MAY", actor="ann")
    file = tmp_path / "asked.csv"
    file.write_bytes(
        "phone,at,staff,result\n13900000000,2026-01-01T07:00,小雅,accepted\n１３９－００００－０００１,2026-01-01T07:00,小雅,\n"
        "021,2026-01-01T07:00,小雅,\n13900000002,31.12.2025,小雅,\n".encode("gb18030")
    )
    first = scrm("sms", "requests", "import", "acme", "MAY", str(file))
    assert first.exit_code == 4
    assert json.loads(first.stdout) == {"read": 4, "created": 2, "answered": 0, "unchanged": 0, "rejected": 2}
    assert "line 4: " in first.stderr and "line 5: at: '31.12.2025' is not a time" in first.stderr
    again = scrm("sms", "requests", "import", "acme", "MAY", str(file))
    assert json.loads(again.stdout) == {"read": 4, "created": 0, "answered": 0, "unchanged": 2, "rejected": 2}
    one = scrm("sms", "requests", "add", "acme", "MAY", "13900000001", "--at", "2026-01-01T07:00", "--result", "declined")
    assert json.loads(one.output) == {"created": 0, "answered": 1, "unchanged": 0}
    other = scrm("sms", "requests", "add", "acme", "MAY", "13900000001", "--at", "2026-01-01T07:00", "--result", "accepted")
    assert other.exit_code != 0 and "declined already" in other.output
    assert execute("SELECT result, count(*) FROM sms_request GROUP BY result ORDER BY result").fetchall() == [
        ("accepted", 1), ("declined", 1),
    ]  # fmt: skip


# People ----------------------------------------------------------------------


def test_what_results_know_of_a_person_is_exported_and_erased(sent):
    contact = sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    sent.results.requests.record("MAY", [], actor="ann")
    sent.deliver()
    exported = json.dumps(sent.brand.privacy.export(contact), ensure_ascii=False)
    assert "sms_add" in exported
    sent.brand.privacy.erase(contact, actor="anna")
    assert execute("SELECT count(*) FROM sms_add").fetchone() == (0,)
    assert sent.row()["added"] == 0
    (line,) = [line for _, cells in sent.results.recipients("MAY", clear_for="ann") for line in cells if not line[0]]
    assert line[1] in ("sent", "delivered")


def test_a_brand_without_the_plugin_has_none_of_it(sent, installation):
    client = create_app(installation).test_client()
    token = execute("SELECT token FROM sms_landing").fetchone()[0]
    assert client.get(f"/p/moonco/sms/land/{token}").status_code == 404
