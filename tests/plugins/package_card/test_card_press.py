"""From a batch to the printer's files, through the command line, with every code read from the picture."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from steps_campaign import one_database

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_package_card import PackageCard
from scrm_package_card.printing import Fonts

CARD = "\n[plugins.package-card]\n"
DESIGN = """
width_mm = 90
height_mm = 54
[text]
title = { zh = "谢谢惠顾", en = "Thank you" }
benefit = { zh = "扫码领礼品", en = "Scan for a gift" }
"""
needs_press = pytest.mark.skipif(
    not Fonts().regular.exists() or shutil.which("pdftoppm") is None, reason="needs fonts-noto-cjk and poppler-utils"
)


@pytest.fixture
def installed(new_installation):
    return new_installation(plugins=(PackageCard,), acme=CARD)


@pytest.fixture
def scrm(installed):
    def run(*arguments):
        session = Session(installed.config.root, clock=installed.clock)
        try:
            return CliRunner().invoke(root, ["package-card", *arguments], obj=session)
        finally:
            session.close()

    return run


@pytest.fixture
def design(tmp_path):
    file = tmp_path / "card.toml"
    file.write_text(DESIGN, encoding="utf-8")
    return file


UNIQUE = ("--kind", "marketing", "--printed", "12", "--unit-cost", "12", "--channel", "wecom", "--unique")


def enter(scrm, *more):
    scrm("create", "acme", "MAY", "--source", "shop")
    done = scrm("batch", "acme", "MAY", "CARD-U", *UNIQUE, "--target", "https://example.com/", *more)
    assert done.exit_code == 0, done.output


@needs_press
def test_each_card_of_a_batch_is_printed_with_its_own_link(scrm, design, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp")
    from PIL import Image

    enter(scrm)
    cards = tmp_path / "cards.csv"
    assert scrm("cards", "acme", "CARD-U", "--output", str(cards)).exit_code == 0
    wanted = {line.split(",")[2] for line in cards.read_text("utf-8").splitlines()[1:]}
    out = tmp_path / "cards.pdf"
    done = scrm("print", "acme", "CARD-U", "--design", str(design), "--sheet", "A3", "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert (told["cards"], told["cost_minor"]) == (12, 144)
    subprocess.run(["pdftoppm", "-r", "200", "-gray", "-png", str(out), str(tmp_path / "page")], check=True)
    found = set()
    for page in sorted(tmp_path.glob("page*.png")):
        with Image.open(page) as picture:
            found |= {code.text for code in zxingcpp.read_barcodes(picture)}
    assert len(wanted) == 12
    assert found == wanted


def test_a_dry_run_tells_pages_and_cost_and_writes_no_file(scrm, design, tmp_path):
    pytest.importorskip("segno")
    enter(scrm)
    before = sorted(tmp_path.iterdir())
    done = scrm("print", "acme", "CARD-U", "--design", str(design), "--sheet", "A4", "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout[: done.stdout.rindex("}") + 1])
    assert (told["cards"], told["cost_minor"]) == (12, 144)
    assert told["pages"] == -(-12 // told["cards_per_page"])
    assert sorted(tmp_path.iterdir()) == before
    assert scrm("print", "acme", "CARD-U", "--design", str(design)).exit_code == 2


@one_database
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("width_mm = 90", "height_mm"),
        ("width_mm = 'a'\nheight_mm = 54\n[text.benefit]\nzh = 'x'", "width_mm"),
        ("colour = 1", "colour"),
        ("not toml", "TOML"),
        ("width_mm = 90\nheight_mm = 54\n[text]\nbenefit = 'x'", "table"),
        ("width_mm = 90\nheight_mm = 54\n[text]\nslogan = { zh = 'x' }", "slogan"),
        ("arms = 1\nwidth_mm = 90\nheight_mm = 54\n[text.benefit]\nzh = 'x'", "arms"),
    ],
)
def test_a_design_file_that_makes_no_sense_is_refused_with_its_key(scrm, tmp_path, text, words):
    enter(scrm)
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    out = tmp_path / "cards.pdf"
    done = scrm("print", "acme", "CARD-U", "--design", str(file), "--out", str(out))
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code != 0
    assert words in done.output
    assert not out.exists()


def test_no_card_of_a_campaign_with_steps_is_entered_before_its_proof(scrm):
    scrm("create", "acme", "MAY", "--source", "shop", "--warehouse")
    assert scrm("step", "begin", "acme", "MAY", "--by", "anna").exit_code == 0
    refused = scrm("batch", "acme", "MAY", "CARD-U", *UNIQUE, "--target", "https://example.com/")
    assert refused.exit_code != 0
    assert "missing are a proof and its approval" in refused.output
    assert json.loads(scrm("stock", "acme", "--json").stdout) == []


def test_a_proof_needs_a_link_that_can_be_scanned(scrm, design, tmp_path):
    scrm("create", "acme", "MAY", "--source", "shop")
    out = tmp_path / "proof.pdf"
    refused = scrm("proof", "acme", "MAY", "--design", str(design), "--kind", "notice", "--out", str(out))
    assert refused.exit_code != 0
    assert "has no link" in refused.output
    assert not out.exists()
