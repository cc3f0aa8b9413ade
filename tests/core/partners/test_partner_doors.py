"""Partners in the brand's file, ``scrm partner`` and what ``scrm doctor`` says of messages given up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from partner_scene import WRITTEN

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.config import load_brand
from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_core.limits import LIMITS

pytestmark = pytest.mark.usefixtures("doctor_of_data")

HEAD = '[brand]\nid = "acme"\nname = "Acme"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
THERE = 'url = "https://star.example"\nkey = "acme-star-1"\nsecret = "env:PAIR"\n'


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[partners.star]\nurl = "https://star.example"\n', "needs `key` and `secret`"),
        ('[partners.star]\nkey = "acme-star-1"\n', "for partners with a url"),
        ("[partners.acme]\n", "no partner of itself"),
        (f"[partners.star]\n{THERE}".replace("env:PAIR", WRITTEN), "no secret stands in the file"),
        (f"[partners.star]\n{THERE}".replace("env:PAIR", "env:SHORT"), "24 to 64 random bytes"),
        (f"[partners.star]\n{THERE}".replace("env:PAIR", "env:ABSENT"), "'ABSENT' is not set"),
        (f"[partners.star]\n{THERE}".replace("https", "http"), "must be https"),
        (f"[partners.star]\n{THERE}".replace("star.example", "user@star.example"), "without query or user"),
        (f"[partners.star]\n{THERE}".replace("acme-star-1", "A!"), "lower case letters"),
        (f"[partners.star]\n{THERE}[partners.moon]\n{THERE}", "same key"),
        (f"[partners.star]\n{THERE}[partners.moon]\n{THERE}".replace("acme-star-1", "acme-moon-1", 1), "same secret"),
        ('[partners.star]\nbrand = "moonco"\n[partners.moonco]\n', "same brand"),
        ("[partners.Star]\n", "name must match"),
        ("[partners.star]\nurls = 1\n", "unknown key"),
    ],
)
def test_a_partner_that_cannot_be_is_refused_with_the_reason_and_no_secret_is_shown(tmp_path: Path, tables, said):
    path = tmp_path / "acme.toml"
    path.write_text(HEAD + tables, "utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        load_brand(path, {"PAIR": WRITTEN, "SHORT": "whsec_c2hvcnQ="})
    assert WRITTEN not in str(caught.value) and "c2hvcnQ" not in str(caught.value)


def test_a_good_partner_shows_no_secret(tmp_path: Path):
    path = tmp_path / "acme.toml"
    path.write_text(f"{HEAD}[partners.star]\n{THERE}", "utf-8")
    partner = load_brand(path, {"PAIR": WRITTEN}).partners["star"]
    assert (partner.brand, partner.url, partner.key) == ("star", "https://star.example", "acme-star-1")
    assert "secret" not in repr(partner)


def scrm(two, clock, *arguments: str, code: int = 0) -> str:
    session = Session(two.installation.config.root, clock)
    try:
        done = CliRunner().invoke(root, arguments, obj=session, prog_name="scrm")
    finally:
        session.close()
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def bare(pair):
    """A function that makes the pair without the test's plugin, which the command line does not know."""

    def make(**files):
        two = pair(**files)
        for name in ("acme", "moonco"):
            path = two.installation.config.brands_dir / f"{name}.toml"
            path.write_text(path.read_text("utf-8").replace("[plugins.hearing]\n", ""), "utf-8")
        two.acme, two.moonco = (two.installation.brand(name) for name in ("acme", "moonco"))
        return two

    return make


def test_a_worker_that_runs_once_posts_what_is_due_and_says_what_still_waits(bare, clock):
    two = bare()
    two.send({"quota": 1}, key="offer-1")
    two.send({"quota": 2}, key="offer-2")
    with two.moonco:
        two.moonco.partners.send("acme", "swap.answer", {}, key="answer-1")
    told = scrm(two, clock, "worker", "--once").splitlines()
    assert told == [
        "brand acme: 0 events handed out, 0 parked; partners called 2 times",  # no plugin listens
        "brand moonco: 0 events handed out, 0 parked; partners called 1 times",
    ]
    for brand, heard in ((two.acme, 1), (two.moonco, 2)):
        with brand:
            assert execute("SELECT count(*) FROM event WHERE type = 'partner.message'").fetchone() == (heard,)
    assert two.states() == {("moonco", "delivered"): 2}


def test_why_a_message_waits_is_told_where_one_looks(bare, clock):
    two = bare(moonco="")
    two.send({"quota": 1}, key="offer-1")
    told = scrm(two, clock, "worker", "--once").splitlines()
    assert told[0].endswith("1 messages to partners wait, see `scrm partner list acme`")
    (row,) = json.loads(scrm(two, clock, "partner", "list", "acme", "--json"))
    assert (row["waiting"], row["last_error"]) == (1, "the partner answered 401")
    found = [f["found"] for f in json.loads(scrm(two, clock, "doctor", "--json")) if "partner moonco" in f["place"]]
    assert found == ["1 messages wait; the last try ended: the partner answered 401"]
    clock.advance(hours=1)
    path = two.installation.config.brands_dir / "moonco.toml"
    path.write_text(path.read_text("utf-8") + "[partners.acme]\n", "utf-8")
    scrm(two, clock, "worker", "--once")
    (row,) = json.loads(scrm(two, clock, "partner", "list", "acme", "--json"))
    assert (row["delivered"], row["last_error"]) == (1, None)


def test_a_partner_that_is_no_brand_here_and_a_job_that_fails_are_findings(bare, clock):
    two = bare(acme="[partners.nobody]\n")
    with two.acme:
        execute(
            "INSERT INTO job_run (plugin, job, slot, state, attempts, lease_until, started_at, finished_at, error) "
            "VALUES ('core', 'retire', 1, 'failed', 1, 0, 1, 2, 'RuntimeError: no'), "
            "('core', 'sweep', 1, 'failed', 1, 0, 1, 2, 'RuntimeError: no'), "
            "('core', 'sweep', 2, 'done', 1, 0, 3, 4, ''), ('gone', 'x', 1, 'failed', 1, 0, 1, 2, 'old')"
        )
    findings = json.loads(scrm(two, clock, "doctor", "--json", code=1))
    wrong = {f["place"]: f["found"] for f in findings if f["state"] != "ok" and f["place"] != "base_url"}
    assert wrong == {
        "brand acme, partner nobody": "there is no brand 'nobody' here",
        "brand acme, core": "the job retire failed: RuntimeError: no",
    }


STAR = '[partners.star]\nurl = "https://star.example"\nkey = "{}"\nsecret = "env:{}"\n'
ENDS = '[partners.{0}]\nurl = "https://here.example"\nkey = "acme-moonco-1"\nsecret = "env:PAIR"\n'


@pytest.mark.parametrize(
    ("acme", "moonco", "shared"),
    [
        (STAR.format("acme-star-1", "PAIR"), STAR.format("moonco-star-1", "PAIR"), True),
        (STAR.format("acme-star-1", "PAIR"), STAR.format("acme-star-1", "PAIR"), True),  # two brands as if they were one
        (STAR.format("acme-star-1", "PAIR"), STAR.format("moonco-star-1", "OTHER"), False),
        (ENDS.format("moonco"), ENDS.format("acme"), False),  # the two ends of one pair
    ],
)
def test_a_secret_that_two_brands_pairs_share_is_told_by_check_and_doctor(bare, clock, monkeypatch, acme, moonco, shared):
    monkeypatch.setenv("PAIR", WRITTEN)
    monkeypatch.setenv("OTHER", "whsec_" + "B" * 40)
    two = bare(acme=acme, moonco=moonco)
    said = "its secret is also that of [partners.star] of brand 'acme'"
    checked = scrm(two, clock, "brand", "check")
    (row,) = [row for row in json.loads(scrm(two, clock, "brand", "check", "--json")) if row["brand"] == "moonco"]
    found = [f for f in json.loads(scrm(two, clock, "doctor", "--json")) if "also that of" in f["found"]]
    assert (said in checked, len(row["warnings"]), len(found)) == ((True, 1, 1) if shared else (False, 0, 0))
    if shared:
        assert (found[0]["place"], found[0]["state"]) == ("brand moonco, partner star", "warning")
        assert row["problems"] == [] and WRITTEN not in checked


def test_dead_messages_are_listed_told_by_the_doctor_and_sent_again(bare, clock):
    two = bare(moonco="")
    uid = two.send({"quota": 1}, key="offer-1")
    for _ in range(LIMITS.partner_attempts):
        two.post()
        clock.advance(hours=6)
    (shown,) = json.loads(scrm(two, clock, "partner", "dead", "acme", "--json"))
    assert (shown["message"], shown["partner"], shown["attempts"]) == (uid, "moonco", LIMITS.partner_attempts)
    assert shown["error"] == "the partner answered 401"
    findings = json.loads(scrm(two, clock, "doctor", "--json"))
    assert [(f["state"], f["found"]) for f in findings if f["place"] == "brand acme, partner moonco"] == [
        ("warning", "1 messages were given up")
    ]
    scrm(two, clock, "partner", "replay", "acme", code=2)
    scrm(two, clock, "partner", "replay", "acme", "none-such", code=3)
    assert scrm(two, clock, "partner", "replay", "acme", "--all") == "1 messages are due now\n"
    assert json.loads(scrm(two, clock, "partner", "list", "acme", "--json")) == [
        {"partner": "moonco", "brand": "moonco", "place": "here", "waiting": 1, "sending": 0, "delivered": 0, "dead": 0,
         "last_error": "the partner answered 401"}
    ]  # fmt: skip
    # A brand that knows of no messages shows none of another's.
    assert json.loads(scrm(two, clock, "partner", "dead", "moonco", "--json")) == []
    path = two.installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[partners.moonco]\n", ""), "utf-8")
    findings = json.loads(scrm(two, clock, "doctor", "--json"))
    assert any("wait for a partner that the file does not name" in f["found"] for f in findings)
