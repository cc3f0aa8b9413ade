"""``scrm contact``, ``segment``, ``rfm``, ``report`` and ``key``."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from scrm_core.cli.codes import MISSING, REFUSED
from scrm_core.cli.session import Session

ORDERS = (
    "source,number,status,paid_minor,paid_at,buyer\n"
    "shop,A1,completed,1999,2026-01-02,0007\n"
    "shop,A2,completed,2001,2026-01-05,0007\n"
    "shop,A3,completed,500,2026-01-05,0008\n"
    "shop,A4,completed,0,2026-01-05,0009\n"
)
LEADS = "source,key,phone,name,at\nform,k1,+8613800138000,王小明,2026-01-01T12:00:00+08:00\n"


@pytest.fixture
def people(cli, write):
    """acme has four people; moonco has one with the same buyer id."""
    cli("import", "orders", "acme", write("orders.csv", ORDERS))
    cli("import", "leads", "acme", write("leads.csv", LEADS))
    cli("import", "orders", "moonco", write("one.csv", "\n".join(ORDERS.splitlines()[:2])))
    return cli


def test_a_contact_is_shown_masked_and_in_clear_only_with_a_reason_that_is_noted(people, installation):
    from scrm_core.services import audit

    masked = people.json("contact", "show", "acme", "phone=13800138000")
    text = json.dumps(masked, ensure_ascii=False)
    assert "13800138000" not in text
    assert "王小明" not in text
    assert masked["identities"][0]["value"] == "+86 138****8000"
    clear = people.json("contact", "show", "acme", "phone=13800138000", "--unmask", "called in")
    assert clear["identities"][0]["value"] == "+8613800138000"
    assert clear["name"] == "王小明"
    with installation.brand("acme"):
        noted = [entry for entry in audit.page() if entry.action == "contact.unmask"]
    assert [entry.detail for entry in noted] == [{"reason": "called in"}]
    shown = people("contact", "show", "acme", "phone=13800138000").stdout
    assert "王**" in shown
    assert "王小明" not in shown


def test_a_number_without_its_kind_is_answered_with_how_to_write_one(people):
    refused = people("contact", "show", "acme", "13800138000", code=3)
    assert "phone=NUMBER" in refused.output
    assert "phone=NUMBER" not in people("contact", "show", "acme", "nobody", code=3).output


def test_a_one_person_link_leads_to_a_page_of_the_brand_and_is_noted(people, installation):
    from scrm_core.services import audit

    address = people("contact", "link", "acme", "phone=13800138000", "interaction-games/g/spring").stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/p/acme/-/\S+", address)
    with installation.brand("acme") as brand:
        token = address.rpartition("/")[2]
        assert brand.consumers.look_at_link(token).state == "open"
        noted = [entry.detail for entry in audit.page() if entry.action == "contact.link"]
    assert noted == [{"path": "interaction-games/g/spring", "hours": 72}]
    people("contact", "link", "acme", "phone=13800138000", "https://elsewhere.example/", code=REFUSED)
    people("contact", "link", "moonco", "phone=+8613800138000", "coupon-threshold/mine", code=MISSING)


def test_a_person_of_another_brand_is_nobody(people):
    uid = people.json("contact", "show", "acme", "phone=13800138000")["uid"]
    for who in (uid, "phone=+8613800138000"):
        people("contact", "show", "moonco", who, code=MISSING)
    assert people.json("contact", "show", "moonco", "buyer=0007", "--source", "shop")["orders"] == 1


def test_an_identity_needs_the_source_it_belongs_to(people):
    assert "--source" in people("contact", "show", "acme", "buyer=0007", code=MISSING).stderr
    people("contact", "show", "acme", "phone=1.38E+10", code=REFUSED)


def test_a_merge_adds_up_and_its_undo_gives_back(people):
    source = ("--source", "shop")
    merged = people.json("contact", "merge", "acme", "buyer=0007", "buyer=0008", *source, "--reason", "same address")
    both = people.json("contact", "show", "acme", "buyer=0008", *source)
    assert (both["uid"], both["orders"], both["money_minor"]) == (merged["winner"], 3, 4500)
    assert both["merges"][0]["reason"] == "same address"
    people("contact", "undo-merge", "acme", merged["merge"])
    assert people.json("contact", "show", "acme", "buyer=0007", *source)["money_minor"] == 4000
    assert people.json("contact", "show", "acme", "buyer=0008", *source)["uid"] == merged["loser"]
    people("contact", "undo-merge", "acme", merged["merge"], code=REFUSED)


def test_a_consent_is_recorded_by_hand_and_noted(people, installation):
    told = ("--told", "call", "--reason", "rang us")
    people("contact", "consent", "acme", "phone=13800138000", "marketing_sms", "--give", *told)
    said = people("contact", "consent", "acme", "phone=13800138000", "marketing_sms", "--withdraw", *told).stdout
    assert "marketing_sms is withdrawn" in said
    people("contact", "consent", "acme", "phone=13800138000", "marketing_sms", *told, code=REFUSED)
    people("contact", "consent", "moonco", "phone=+8613800138000", "marketing_sms", "--give", *told, code=MISSING)
    from scrm_core.services import audit

    with installation.brand("acme"):
        acts = [(entry.actor, entry.detail["after"]) for entry in audit.page() if entry.action == "contact.consent"]
    assert acts == [("operator", False), ("operator", True)]


def test_a_persons_data_is_exported_then_erased_and_asked_again_gives_the_same_receipt(people, tmp_path, write):
    out = tmp_path / "person.json"
    people("contact", "export", "acme", "phone=13800138000", "--output", out)
    assert "+8613800138000" in out.read_text("utf-8")
    uid = people.json("contact", "show", "acme", "phone=13800138000")["uid"]
    people("contact", "erase", "acme", uid, text="n\n", code=1)
    assert people.json("contact", "show", "acme", uid)["uid"] == uid
    receipt = json.loads(people("contact", "erase", "acme", uid, "--yes").stdout)
    assert json.loads(people("contact", "erase", "acme", uid, "--yes").stdout) == receipt
    people("contact", "show", "acme", uid, code=MISSING)
    # Another import does not bring the person back.
    counts = people.counts("import", "leads", "acme", write("l.csv", LEADS.replace("k1", "k2")), code=4)
    assert counts["rejected"] == 1
    assert "+8613800138000" not in people("export", "contacts", "acme").stdout


def test_a_segment_is_kept_renamed_and_forgotten_by_command(people, installation):
    from scrm_core.services import audit

    assert people("segment", "save", "acme", "buyers", "orders >= 1").stdout == "buyers: 2 contacts at present\n"
    people("segment", "save", "acme", "buyers", "ordres >= 1", code=REFUSED)
    people("segment", "rename", "acme", "buyers", "买家")
    (saved,) = people.json("segment", "saved", "acme")
    assert (saved["name"], saved["expression"]) == ("买家", "orders >= 1")
    assert people.json("segment", "saved", "moonco") == []
    people("segment", "delete", "acme", "买家")
    people("segment", "delete", "acme", "买家", code=MISSING)
    with installation.brand("acme"):
        acts = [(entry.actor, entry.action) for entry in audit.page() if entry.action.startswith("segment.")]
    assert acts == [("operator", "segment.delete"), ("operator", "segment.rename"), ("operator", "segment.save")]


def test_segments_count_and_page(people):
    assert people("segment", "count", "acme", "orders >= 1").stdout == "2\n"
    first = people.json("segment", "list", "acme", "orders >= 0", "--limit", "3")
    assert len(first["contacts"]) == 3
    rest = people.json("segment", "list", "acme", "orders >= 0", "--limit", "3", "--after", str(first["next"]))
    assert rest["next"] is None
    uids = {contact["uid"] for contact in first["contacts"] + rest["contacts"]}
    assert len(uids) == people.json("segment", "count", "acme", "orders >= 0")["count"] == 4


def test_a_faulty_expression_is_shown_where_it_is_wrong(people):
    error = people("segment", "count", "acme", "orders >= 1 and oders < 2", code=REFUSED).stderr
    assert "did you mean orders" in error
    lines = error.splitlines()
    (caret,) = [line for line in lines if line.strip() == "^"]
    assert lines[lines.index(caret) - 1].index("oders") == caret.index("^")


def test_rfm_counts_zero_orders_only_where_the_brand_says_so(cli_with, write):
    cli = cli_with(moonco="[rfm]\ncount_zero_orders = true\n")
    for brand in ("acme", "moonco"):
        cli("import", "orders", brand, write("orders.csv", ORDERS))
    answers = {brand: cli.json("rfm", brand, "--as-of", "2026-01-31") for brand in ("acme", "moonco")}
    assert {b: (a["customers"], a["repeats"], a["without_repeat"]) for b, a in answers.items()} == {
        "acme": (2, 1, 1),
        "moonco": (3, 1, 2),
    }
    assert answers["acme"]["money"] == 4500
    assert answers["acme"]["as_of"] == "2026-01-31"
    assert "¥45.00" in cli("rfm", "acme", "--as-of", "2026-01-31").stdout
    assert cli.json("rfm", "acme", "--as-of", "2026-01-03")["customers"] == 1
    assert cli.json("rfm", "acme", "--as-of", "2026-01-05", "--window", "1")["customers"] == 2


def test_reports_are_those_of_the_plugins_that_are_on(cli_with):
    cli = cli_with(acme="[plugins.package-card]\n")
    of_the_core = ["goals", "channels", "contributions", "buyer-cohorts", "contact-cohorts", "rfm-map"]
    assert [row["name"] for row in cli.json("report", "acme")] == [*of_the_core, "package-card"]
    assert [row["name"] for row in cli.json("report", "moonco")] == of_the_core
    cli("package-card", "create", "acme", "C1", "--source", "shop")
    (row,) = cli.json("report", "acme", "package-card")["rows"]
    assert (row["shipped"], row["recall"], row["contribution_per_card_minor"]) == (0, None, None)
    assert cli("report", "acme", "package-card").stdout.splitlines()[1].split()[:2] == ["C1", "0"]
    cli("report", "moonco", "package-card", code=MISSING)
    cli("package-card", "create", "moonco", "C1", "--source", "shop", code=MISSING)


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(cli, installation):
    made = cli.json("key", "create", "acme", "--name", "till", "--scope", "orders:write")
    assert re.fullmatch(r"scrm_acme\.\w+", made["key"])
    listed = cli("key", "list", "acme", "--json").stdout
    assert made["key"] not in listed
    assert [(k["name"], k["scopes"], k["revoked_at"]) for k in json.loads(listed)] == [("till", ["orders:write"], None)]
    cli("key", "revoke", "acme", made["key_id"])
    assert cli.json("key", "list", "acme")[0]["revoked_at"] is not None
    assert cli.json("key", "list", "moonco") == []
    cli("key", "revoke", "moonco", made["key_id"], code=MISSING)
    assert "did you mean 'orders:write'" in cli("key", "create", "acme", "--scope", "order:write", code=REFUSED).stderr


def test_members_that_are_objects_are_printed_as_compact_json():
    from click.testing import CliRunner

    from scrm_core.cli import output

    with CliRunner().isolation() as (out, *_):
        output.show_record(
            {"terms": {"unit": "add", "open": True, "until": None}, "ladder": [{"at": 1}, {"at": 2, "name": "王\x1b[31m"}],
             "names": ["a", "b"], "none": []},
            as_json=False,
        )  # fmt: skip
        output.print_table(["terms"], [[{"day": date(2026, 3, 1)}]])
        printed = out.getvalue().decode()
    assert printed.splitlines() == [
        'terms   {"unit":"add","open":true,"until":null}',
        'ladder  [{"at":1},{"at":2,"name":"王\\u001b[31m"}]',
        "names   a, b",
        "none    -",
        "terms",
        '{"day":"2026-03-01"}',
    ]


def test_names_from_outside_cannot_steer_the_terminal():
    from click.testing import CliRunner

    from scrm_core.cli import output

    with CliRunner().isolation() as (out, *_):
        output.print_table(["name"], [["\x1b[31mred\u202eevil"], ["王小明"]])
        printed = out.getvalue().decode()
    assert "\x1b[31m" not in printed
    assert "\u202e" not in printed
    assert "王小明" in printed


TWICE_A_DAY = """
from scrm_core.api import Metric, MetricValue, Plugin, hookimpl

class Scans(Plugin):
    name, version, summary, requires_core = "scans", "1", "opened twice a day", ">=0"
    metrics = {"opened": Metric("Opened")}

    @hookimpl
    def collect_metrics(self, query):
        if query.first_day == 730_000:
            raise RuntimeError("a day of which nothing is known")
        return [MetricValue("opened", day, 2) for day in range(query.first_day, query.last_day + 1)]
"""


def test_metrics_of_past_days_are_counted_anew_for_the_brand_that_is_named(cli):
    folder = cli.folder / "plugins" / "scrm_scans"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(TWICE_A_DAY)
    (cli.folder / "scrm.toml").write_text((cli.folder / "scrm.toml").read_text() + 'plugins_dir = "plugins"\n')
    for brand in ("acme", "moonco"):
        file = cli.folder / "brands" / f"{brand}.toml"
        file.write_text(file.read_text() + "[plugins.scans]\n")
    asked = ("recount", "acme", "--since", "1998-06-01", "--until", "1998-06-30")
    assert cli.json(*asked) == [{"plugin": "scans", "values": 30, "problem": ""}]
    broken = date.fromordinal(730_000).isoformat()
    (told,) = cli.json("recount", "acme", "--since", broken, "--until", broken, code=1)
    assert (told["values"], told["problem"]) == (None, "RuntimeError: a day of which nothing is known")
    cli(*asked, "--plugin", "points", code=MISSING)
    for brand, days in (("acme", 30), ("moonco", 0)):
        with Session(cli.folder, cli.clock).brand(brand) as opened:
            assert len(opened.metrics.read("scans", "opened", 729_000, 731_000)) == days
