"""Payout files, routes, commands, the report; and a README that names them all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click
import flask
import peewee
import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.facts import MetricsQuery
from scrm_core.services.contacts import IdentityIn
from scrm_core.web import create_app
from scrm_red_packet import RedPacket
from scrm_red_packet.commands import group
from scrm_red_packet.payouts import Confirmation
from scrm_red_packet.schemas import WechatTable

README = Path(__file__).resolve().parents[3] / "plugins" / "scrm_red_packet" / "README.md"
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def table(rows) -> list[dict[str, str]]:
    heading, *lines = rows
    return [dict(zip(heading, line, strict=True)) for line in lines]


def test_a_file_holds_what_waits_once_and_its_answers_settle_it(scenes, tmp_path):
    scene, other = scenes()
    for each in (scene, other):
        each.fund(5_000)
        ann, ben = each.person("ann"), each.person("ben")
        with each.brand:
            each.brand.contacts.rename(ann, "=cmd|x")
            each.brand.contacts.add_identity(ann, IdentityIn.of("phone", "+8613800138000", ""), origin="test")
        each.give(ann, "a", 1_234)
        each.give(ben, "b", 200)
    with scene.brand:
        made = scene.packets.files.export(actor="lin")
        assert (made.payouts, made.amount_minor) == (2, 1_434)
        with pytest.raises(Conflict) as none:
            scene.packets.files.export(actor="lin")
        assert none.value.code == "nothing_due"
        first, second = table(scene.packets.files.rows(made.code))
        number = scene.payout("a").number
        assert (first["number"], first["name"], first["phone"]) == (number, "'=cmd|x", "+8613800138000")
        assert (first["amount"], first["currency"], first["amount_minor"]) == ("12.34", "CNY", "1234")
    with other.brand, pytest.raises(NotFound):
        list(other.packets.files.rows(made.code))
    answer = tmp_path / "paid.csv"
    answer.write_text(
        "Number,Result,Reference,Reason\n"
        f"{number},PAID,bank-1,\n"
        f"{second['number']},failed,,account closed\n"
        "rp0000,paid,,\n"
        f"{other.payout('a').number},paid,,\n"
        f"{number},failed,,changed my mind\n"
        f"{second['number']},,,\n",
        encoding="utf-8",
    )
    with scene.brand:
        told = scene.packets.files.confirm_file(answer, actor="finance")
        assert [each.state for each in told] == ["paid", "failed", "", "", ""]
        assert "no payout" in told[2].error and "no payout" in told[3].error and "is paid" in told[4].error
        again = scene.packets.files.confirm_file(answer, actor="finance")
        assert [each.state for each in again] == ["paid", "failed", "", "", ""]
    paid, failed = scene.payout("a"), scene.payout("b")
    assert (paid.state, paid.reference, failed.state, failed.detail) == ("paid", "bank-1", "failed", "account closed")
    with scene.brand:
        steps = scene.packets.payouts.steps(paid.id)
        assert [(s.state, s.actor) for s in steps] == [("due", ""), ("sending", "lin"), ("paid", "finance")]
        fresh = scene.packets.payouts.retry(failed.number, actor="lin")
        assert (fresh.state, fresh.number != failed.number) == ("due", True)
        assert scene.packets.files.export(actor="lin").payouts == 1
    assert other.payout("a").state == "due" and scene.adds_up() and other.adds_up()


@on_sqlite
def test_what_is_in_a_file_is_not_sent_to_the_gateway_and_the_other_way_round(paying, wechat):
    paying.give(paying.person("ann", openid="o-ann"), "a", 100)
    paying.give(paying.person("ben"), "b", 200)
    paying.pay()
    with paying.brand:
        made = paying.packets.files.export(actor="lin")
    assert (made.payouts, made.amount_minor) == (1, 200)  # ben, who has no openid
    paying.person("ben", openid="o-ben")
    paying.brand.clock.advance(hours=1)
    paying.pay()
    assert wechat.paid == [("o-ann", 100)] and paying.payout("b").state == "sending"
    paying.give(paying.person("cat", openid="o-cat"), "c", 300)
    with paying.brand:
        with pytest.raises(Conflict):
            paying.packets.files.export(actor="lin")
        assert paying.packets.files.export(everything=True, actor="lin").amount_minor == 300
    paying.pay()
    assert wechat.paid == [("o-ann", 100)] and paying.adds_up()


@on_sqlite
def test_one_payout_is_confirmed_by_hand_with_an_actor(scene):
    scene.fund(1_000)
    number = scene.give(scene.person("ann"), "a", 100)["payout"]
    with scene.brand:
        payouts = scene.packets.payouts
        for said, actor, field in (
            (Confirmation(number, "paid"), "", "actor"),
            (Confirmation(number, "done"), "lin", "result"),
            (Confirmation(number, "failed"), "lin", "reason"),
        ):
            with pytest.raises(Invalid) as refused:
                payouts.confirm(said, actor=actor)
            assert refused.value.field == field
        with pytest.raises(Conflict):  # nobody has tried yet
            payouts.confirm(Confirmation(number, "failed", reason="x"), actor="lin")
        paid = payouts.confirm(Confirmation(number, "paid", "cash 7"), actor="lin")
        assert (paid.state, paid.via, paid.reference) == ("paid", "hand", "cash 7")
        assert payouts.confirm(Confirmation(number, "paid"), actor="lin") == paid
        with pytest.raises(Conflict):
            payouts.retry(number, actor="lin")


@on_sqlite
def test_the_report_and_the_metrics_tell_issued_paid_waiting_and_returned(scene, clock):
    scene.fund(5_000)
    with scene.brand:
        scene.packets.packets.prepare("rain", 900, 3, actor="lin")
    ann = scene.person("ann")
    share = scene.give(ann, "share", item="rain")["amount_minor"]
    for key, amount in (("a", 100), ("b", 200), ("c", 400)):
        scene.give(ann, key, amount)
    with scene.brand:
        scene.packets.files.confirm_rows([{"number": scene.payout("a").number, "result": "paid"}], actor="lin")
        scene.brand.rewards.reverse("b", reason="mistake", actor="boss")

    def rows():
        with scene.brand:
            return {
                row["what"].split()[0]: (row["packets"], row["amount"])
                for row in scene.brand.reports.run("red-packet").rows
            }

    told = rows()
    assert told["Issued"] == (4, share + 700) and told["Paid"] == (1, 100) and told["Canceled"] == (1, 200)
    assert told["Waiting"] == (2, share + 400) and told["Unclaimed"] == (2, 900 - share)
    assert told["Returned"] == (1, 200) and told["Budget"] == (None, 5_000)
    clock.advance(hours=24)
    scene.pay()
    told = rows()
    assert told["Unclaimed"] == (0, 0) and told["Returned"] == (2, 200 + 900 - share)
    assert told["Left"] == (None, 5_000 - share - 500)
    with scene.brand:
        today = scene.brand.day(clock.now())
        values = scene.brand.plugins["red-packet"].collect_metrics(MetricsQuery(today - 1, today))
        assert {(v.metric, v.value) for v in values} == {("issued", share + 700), ("paid", 100)}


@on_sqlite
def test_over_http_each_route_needs_its_permission_and_does_its_work(scene):
    scene.fund(5_000)
    ann = scene.person("ann")
    client = create_app(scene.brand.installation).test_client()
    with scene.brand:
        uid = scene.brand.contacts.get_by_id(ann).uid
        scopes = ("red-packet:read", "red-packet:prepare", "red-packet:fund", "red-packet:pay")
        keys = {scope: scene.brand.keys.create(scope, (scope,))[1] for scope in scopes}

    def call(method, path, body=None, scope="read"):
        headers = {"Authorization": f"Bearer {keys['red-packet:' + scope]}"}
        return client.open(f"/api/v1/acme/plugins/red-packet{path}", method=method, json=body, headers=headers)

    packet = {"code": "rain", "total_minor": 500, "people": 2}
    for path, body in (
        ("/packets", packet),
        ("/packets/rain/close", {}),
        ("/budget/funds", {"amount_minor": 1, "key": "k", "reason": "r"}),
        ("/payouts/files", {}),
        ("/payouts/confirmations", {"rows": [{"number": "x", "result": "paid"}]}),
        ("/payouts/x/confirm", {"result": "paid"}),
        ("/payouts/x/retry", {}),
        ("/payouts/x/cancel", {"reason": "r"}),
    ):
        assert call("POST", path, body).status_code == 403, path
    assert call("GET", "/payouts/files/x").status_code == 403  # names and phones are not for every reader
    funded = call("POST", "/budget/funds", {"amount_minor": 1_000, "key": "may", "reason": "campaign"}, "fund")
    assert (funded.status_code, funded.json["actor"].startswith("key:")) == (201, True)
    assert call("POST", "/packets", packet, "prepare").status_code == 201
    assert call("POST", "/packets", {**packet, "people": 3}, "prepare").json["code"] == "code_used"
    assert call("POST", "/packets", {**packet, "people": 1.5}, "prepare").json["field"] == "people"
    assert call("POST", "/packets", {**packet, "left": 3}, "prepare").json["field"] == "left"
    assert call("GET", "/packets/rain").json["handed"] == 0
    assert [p["code"] for p in call("GET", "/packets").json["packets"]] == ["rain"]
    share = scene.give(ann, "share", item="rain")
    scene.give(ann, "fixed", 100)
    scene.give(ann, "third", 50)
    assert call("POST", "/packets/rain/close", {}, "prepare").json["returned_minor"] == 500 - share["amount_minor"]
    page = call("GET", f"/payouts?state=due&contact={uid}&limit=2").json
    assert [p["number"] for p in page["payouts"]] == [share["payout"], scene.payout("fixed").number]
    rest = call("GET", f"/payouts?after={page['next']}&limit=2").json
    assert ([p["amount_minor"] for p in rest["payouts"]], rest["next"]) == ([50], None)
    assert call("GET", "/payouts?state=lost").json["field"] == "state"
    number = scene.payout("third").number
    canceled = call("POST", f"/payouts/{number}/cancel", {"reason": "mistake"}, "pay")
    assert (canceled.status_code, canceled.json["state"]) == (200, "canceled")
    made = call("POST", "/payouts/files", {}, "pay")
    assert (made.status_code, made.json["payouts"]) == (201, 2)
    file = call("GET", f"/payouts/files/{made.json['code']}", scope="pay")
    assert file.mimetype == "text/csv" and file.headers["Cache-Control"] == "no-store"
    lines = table(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [line["contact"] for line in lines] == [uid, uid]
    told = call(
        "POST", "/payouts/confirmations",
        {"rows": [{"number": share["payout"], "result": "paid"}, {"number": "nosuch", "result": "paid"}]}, "pay",
    ).json["rows"]  # fmt: skip
    assert [row["state"] for row in told] == ["paid", ""] and "nosuch" in told[1]["error"]
    fixed = scene.payout("fixed").number
    refused = {"result": "failed", "reason": "no account"}
    assert call("POST", f"/payouts/{fixed}/confirm", refused, "pay").json["state"] == "failed"
    again = call("POST", f"/payouts/{fixed}/retry", None, "pay").json
    assert again["state"] == "due" and again["number"] != fixed
    shown = call("GET", f"/payouts/{again['number']}").json
    assert [step["state"] for step in shown["steps"]] == ["due", "sending", "failed", "due"]
    assert call("GET", f"/payouts/{fixed}").status_code == 404
    used = share["amount_minor"] + 100
    assert call("GET", "/budget").json == {"total_minor": 6_000, "used_minor": used, "left_minor": 6_000 - used}
    assert [e["kind"] for e in call("GET", "/budget/entries?limit=3").json["entries"]] == ["fund", "fund", "take"]
    assert call("GET", "/check").json == {"differences": []}
    assert call("GET", "/report").json["rows"][0]["amount"] == used + 50


@on_sqlite
def test_on_the_command_line_packets_are_funded_prepared_exported_and_confirmed(scene, tmp_path):
    def run(*arguments):
        session = Session(scene.brand.installation.config.root, clock=scene.brand.clock)
        try:
            return CliRunner().invoke(root, ["red-packet", *arguments], obj=session)
        finally:
            session.close()

    def told(*arguments):
        answer = run(*arguments, "--json")
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    by = ("--as", "lin")
    funded = told("fund", "acme", "2000", "--key", "may", "--reason", "campaign", *by)
    assert funded == {"total_minor": 2_000, "used_minor": 0, "left_minor": 2_000}
    assert told("prepare", "acme", "rain", "500", "2", "--hours", "2", *by)["people"] == 2
    scene.give(scene.person("ann"), "a", item="rain")
    scene.give(scene.person("ben"), "b", 100)
    assert told("packet", "acme", "rain")["handed"] == 1
    assert told("close", "acme", "rain", *by)["state"] == "closed"
    assert [packet["code"] for packet in told("packets", "acme")] == ["rain"]
    assert {payout["reason"] for payout in told("payouts", "list", "acme", "--state", "due")} == {"no_gateway"}
    assert "asked for" in run("pay", "acme").stdout
    out = tmp_path / "out.csv"
    out.write_text("of last month")
    out.chmod(0o644)
    assert run("payouts", "export", "acme", "-o", str(out)).exit_code != 0  # nobody says who exports
    assert run("payouts", "export", "acme", "-o", str(out), *by).exit_code == 0
    assert out.stat().st_mode & 0o077 == 0  # phones in clear
    lines = table(csv.reader(io.StringIO(out.read_text("utf-8-sig"))))
    code = scene.payout("a").file
    once_more = run("payouts", "export", "acme", "--file", code)
    assert table(csv.reader(io.StringIO(once_more.stdout))) == lines
    one, two = (line["number"] for line in lines)
    done = tmp_path / "done.csv"
    done.write_text(f"number,result,reference\n{one},paid,b1\nnosuch,paid,\n", encoding="utf-8")
    partly = run("payouts", "confirm", "acme", "--from", str(done), *by)
    assert (partly.exit_code, "nosuch" in partly.stdout) == (1, True)
    assert told("payouts", "confirm", "acme", two, "--failed", "--reason", "closed", *by)[0]["state"] == "failed"
    fresh = told("payouts", "retry", "acme", two, *by)["number"]
    assert told("payouts", "cancel", "acme", fresh, "--reason", "mistake", *by)["state"] == "canceled"
    steps = told("payouts", "show", "acme", fresh)["steps"]
    assert [step["state"] for step in steps] == ["due", "sending", "failed", "due", "canceled"]
    assert told("budget", "acme")["used_minor"] == scene.payout("a").amount_minor
    assert told("entries", "acme")[0]["actor"] == "lin"
    assert told("report", "acme")[0]["packets"] == 2
    assert run("check", "acme").exit_code == 0
    with scene.brand:
        execute("UPDATE red_packet_budget SET used_minor = used_minor + 1")
    off = run("check", "acme")
    assert (off.exit_code, "used" in off.stdout) == (1, True)


def test_the_readme_names_every_route_setting_and_command():
    readme = README.read_text("utf-8")
    app = flask.Flask("routes")
    app.register_blueprint(RedPacket.blueprint)
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            assert rule.rule in readme, rule.rule
    for schema in (RedPacket.Settings, WechatTable):
        for name, field in schema().fields.items():
            assert field.metadata["description"] and f"`{name}`" in readme, name

    assert WechatTable().fields["private_key"].metadata["secret"] is True

    def named(commands: click.Group, path: str) -> None:
        for name, command in commands.commands.items():
            if isinstance(command, click.Group):
                named(command, f"{path} {name}")
            else:
                assert f"{path} {name} " in readme, f"{path} {name}"

    named(group, "scrm red-packet")
    for permission in RedPacket.permissions:
        assert f"`{permission}`" in readme


def test_the_migration_makes_the_tables_that_the_models_describe(scene):
    with scene.brand:
        for model in RedPacket.models:
            meta = model._meta
            made = {column.name: column for column in meta.database.get_columns(meta.table_name)}
            assert set(made) == {field.column_name for field in meta.sorted_fields}, meta.table_name
            for field in meta.sorted_fields:
                assert made[field.column_name].null == field.null or field.primary_key, field
            keys = {(key.column, key.dest_table) for key in meta.database.get_foreign_keys(meta.table_name)}
            assert keys == {
                (field.column_name, field.rel_model._meta.table_name)
                for field in meta.sorted_fields
                if isinstance(field, peewee.ForeignKeyField)
            }
