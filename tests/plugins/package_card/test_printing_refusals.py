"""What cannot be printed is refused before a file exists, with the thing, the arithmetic and the way out."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.api import Invalid
from scrm_package_card.printing import (
    Bilingual,
    CardFace,
    CardSpec,
    CardText,
    Fonts,
    PrintFacts,
    Sheet,
    impose,
    plan_qr,
    write_production,
    write_proof,
)
from scrm_package_card.printing.fonts import Typeface
from scrm_package_card.printing.typeset import break_lines

BASE = "https://go.acme.example/l/"
FACTS = PrintFacts("SPRING97", "B01", 739_282, 1_767_225_600_000)
TEXT = CardText(Bilingual("感谢您", "Thank you"), Bilingual("扫码领红包", "Scan for a red packet"))
FACE = CardFace("S-1", BASE + "kX00000001")
needs_noto = pytest.mark.skipif(
    not Fonts().regular.is_file() and os.environ.get("SCRM_TEST_REQUIRE") != "all",
    reason="Debian's fonts-noto-cjk is missing",
)
LATIN = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def card(width=90, height=54, **more):
    return CardSpec(**{"width_mm": width, "height_mm": height, "text": TEXT, "link_base": BASE} | more)


def refused(spec, tmp_path, *, sheet="card", faces=(FACE,)):
    """The error of printing; there must be no file, not even a part of one."""
    with pytest.raises(Invalid) as caught:
        write_production(spec, Sheet.named(sheet), faces, tmp_path / "cards.pdf", facts=FACTS)
    assert not list(tmp_path.glob("*.pdf")) and not list(tmp_path.glob(".*"))
    return caught.value


# Sizes ------------------------------------------------------------------------


def test_a_card_larger_than_the_sheet_is_refused_with_both_sizes(tmp_path):
    error = refused(card(210, 297), tmp_path, sheet="A4")
    assert error.field == "sheet"
    assert "210 x 297 mm does not fit the sheet A4 of 210 x 297 mm" in error.message
    assert "needs 236 x 323 mm" in error.message  # 3 bleed, 5 marks and 5 margin on each side


def test_a_card_that_exactly_fills_the_sheet_fits():
    assert len(impose(card(184, 271), Sheet.named("A4")).slots) == 1
    assert len(impose(card(271, 184), Sheet.named("A4")).slots) == 1
    with pytest.raises(Invalid):
        impose(card(184.1, 271), Sheet.named("A4"))


@pytest.mark.parametrize("name", ["", "A9", "0x0", "10x10", "9999x1", "1e3x200", "210x297x3", "card "])
def test_a_sheet_that_is_no_size_is_refused(name):
    with pytest.raises(Invalid):
        Sheet.named(name)


def test_a_link_too_long_for_the_code_is_refused_with_the_arithmetic(tmp_path):
    # ISO 18004, table 7: 92 bytes at L need version 5 (37 modules, capacity 106); 37 + 8 = 45; 14 / 45 = 0.311.
    face = CardFace("", BASE + "x" * (92 - len(BASE)))
    error = refused(card(qr_mm=14), tmp_path, faces=[face])
    assert error.field == "qr_mm"
    for part in ("92 characters", "14 mm", "version 5", "37 modules", "37 + 2 x 4 quiet = 45", "0.311 mm", "0.33 mm"):
        assert part in error.message
    assert "at least 14.9 mm" in error.message  # 45 x 0.33 = 14.85
    assert plan_qr(card(qr_mm=14.9), face.url).level == "L"


def test_a_link_over_the_cap_is_refused(tmp_path):
    error = refused(card(), tmp_path, faces=[CardFace("", BASE + "x" * 200)])
    assert error.field == "url" and "226 characters" in error.message


def test_a_code_that_leaves_no_room_for_words_is_refused(tmp_path):
    assert refused(card(qr_mm=45), tmp_path).field == "qr_mm"
    assert refused(card(54, 90, qr_mm=80), tmp_path).field == "qr_mm"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width_mm", 0), ("width_mm", float("nan")), ("height_mm", float("inf")), ("height_mm", True),
        ("width_mm", "90"), ("bleed_mm", -1), ("safe_mm", 0), ("qr_mm", 0), ("module_mm", 0.05), ("quiet_modules", 3),
        ("quiet_modules", 4.5), ("background", "red"), ("ink", "#FFF"), ("accent", "#GGGGGG"), ("ink", "#FEFEFE"),
        ("accent", "#F0F0F0"), ("kind", "cash-for-reviews"), ("layout", "round"), ("colours", "pantone"),
        ("link_base", "https://go.acme.example"), ("link_base", "ftp://go.acme.example/"), ("link_base", ""),
        ("link_base", "javascript:alert(1)/"), ("link_base", "https://user:pw@go.acme.example/"),
        ("brand", "Acme\u202e"), ("brand", "x" * 41), ("label", Bilingual("长" * 21)),
        ("text", CardText(Bilingual("题"), Bilingual())), ("text", CardText(Bilingual("题\n目"), Bilingual("利"))),
        ("arm_texts", {"B": CardText(Bilingual(), Bilingual("利", "x" * 121))}),
    ],
)  # fmt: skip
def test_a_design_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(Invalid) as caught:
        card(**{field: value})
    assert caught.value.field is not None and (caught.value.field.startswith(field) or field in ("text", "arm_texts", "label"))


@pytest.mark.parametrize(("serial", "arm"), [("序号", ""), ("a\nb", ""), ("x" * 41, ""), ("", "方案"), ("", "x" * 41)])
def test_a_face_that_cannot_be_set_is_refused(serial, arm):
    with pytest.raises(Invalid):
        CardFace(serial, FACE.url, arm)


# Links ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/l/kX0000", "https://go.acme.example.evil.example/l/kX0000", "http://go.acme.example/l/kX0000",
        BASE, BASE + "kX?next=https://evil.example", BASE + "../admin", BASE + "张三", BASE + "a b", BASE + "kX\n",
        BASE + "@evil.example", BASE + "%2e%2e", "javascript:alert(1)", "", BASE.upper() + "kX0000",
    ],
)  # fmt: skip
def test_only_our_own_short_link_goes_into_a_code(url):
    with pytest.raises(Invalid) as caught:
        plan_qr(card(), url)
    assert caught.value.field == "url"


@pytest.mark.parametrize("rest", ["kX00000001", "kX/S-1", "kX?s=SPRING97-1", "a-b_c"])
def test_a_code_with_its_serial_is_a_link_of_ours(rest):
    assert plan_qr(card(), BASE + rest).level in "HQML"


@needs_noto
def test_a_foreign_link_in_the_middle_of_a_run_leaves_no_file(tmp_path):
    faces = [FACE, FACE, CardFace("S-3", "https://evil.example/l/x")]
    assert refused(card(), tmp_path, faces=faces).field == "url"


# Fonts and words --------------------------------------------------------------


@needs_noto
def test_a_missing_font_is_named_with_the_package_that_has_it(tmp_path):
    error = refused(card(fonts=Fonts(regular=Path("/nowhere/Some.ttc"))), tmp_path)
    assert error.field == "fonts.regular"
    assert "/nowhere/Some.ttc is missing" in error.message and "fonts-noto-cjk" in error.message
    assert refused(card(fonts=Fonts(bold=tmp_path)), tmp_path).field == "fonts.bold"


@needs_noto
@pytest.mark.parametrize("content", [b"", b"no font at all" * 100, b"ttcf" + b"\xff" * 64, b"OTTO" + b"\0" * 200])
def test_a_file_that_is_no_font_is_refused(tmp_path, content):
    path = tmp_path / "fake.otf"
    path.write_bytes(content)
    error = refused(card(fonts=Fonts(bold=path)), tmp_path)
    assert error.field == "fonts.bold" and str(path) in error.message


@needs_noto
def test_half_a_font_is_refused(tmp_path):
    path = tmp_path / "half.ttc"
    path.write_bytes(Fonts().regular.read_bytes()[:2_000_000])
    assert refused(card(fonts=Fonts(regular=path)), tmp_path).field == "fonts.regular"


@needs_noto
def test_characters_that_the_font_lacks_are_named(tmp_path):
    spec = card(text=dataclasses.replace(TEXT, benefit=Bilingual("扫码领红包🧧")))
    error = refused(spec, tmp_path)
    assert error.field == "benefit.zh"
    assert "🧧 (U+1F9E7)" in error.message and "Noto Sans CJK SC Bold" in error.message


@needs_noto
@pytest.mark.skipif(not LATIN.is_file(), reason="the Latin font DejaVu is missing")
def test_a_latin_font_prints_english_and_refuses_chinese(tmp_path):
    fonts = Fonts(LATIN, LATIN)
    assert refused(card(fonts=fonts), tmp_path).field is not None
    english = CardText(Bilingual("", "Thank you"), Bilingual("", "Scan and win"), hint=Bilingual("", "Scan me"))
    spec = card(fonts=fonts, text=english, label=Bilingual("", "NEWS"))
    assert write_production(spec, Sheet.named("card"), [FACE], tmp_path / "ok.pdf", facts=FACTS).cards == 1
    with pytest.raises(Invalid, match="lacks"):
        write_proof(spec, {"A": FACE}, tmp_path / "proof.pdf", sheet=Sheet.named("A4"), facts=FACTS)
    assert not (tmp_path / "proof.pdf").exists()


@needs_noto
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("title.zh", CardText(Bilingual("长" * 60), Bilingual("利" * 12), Bilingual("文" * 60))),
        ("benefit.zh", CardText(Bilingual("题" * 12), Bilingual("长" * 60), Bilingual("文" * 60))),
        ("copy.zh", CardText(Bilingual("题"), Bilingual("利"), Bilingual("长" * 300))),
        ("copy.en", CardText(Bilingual("题"), Bilingual("利"), Bilingual("", "word " * 110))),
        ("hint.zh", CardText(Bilingual("题"), Bilingual("利"), hint=Bilingual("扫" * 40))),
        ("benefit.en", CardText(Bilingual("题"), Bilingual("利", "W" * 60))),
    ],
)  # fmt: skip
def test_words_that_do_not_fit_are_refused_by_name(tmp_path, name, text):
    error = refused(card(72, 45, qr_mm=20, text=text), tmp_path)
    assert error.field == name
    assert "smallest type size" in error.message


@needs_noto
def test_a_serial_wider_than_its_place_is_refused(tmp_path):
    error = refused(card(72, 45, qr_mm=20), tmp_path, faces=[CardFace("W" * 40, FACE.url)])
    assert error.field == "serial"


# The file ---------------------------------------------------------------------


@needs_noto
def test_no_faces_is_an_error_and_no_file(tmp_path):
    assert refused(card(), tmp_path, faces=[]).field == "faces"
    with pytest.raises(Invalid):
        write_proof(card(), {}, tmp_path / "proof.pdf", sheet=Sheet.named("A4"), facts=FACTS)


@needs_noto
def test_a_proof_of_too_many_arms_is_refused(tmp_path):
    faces = {f"arm{n}": FACE for n in range(30)}
    with pytest.raises(Invalid, match="30 cards of 90 x 54 mm do not fit an A3 proof of 297 x 420 mm"):
        write_proof(card(), faces, tmp_path / "proof.pdf", sheet=Sheet.named("A4"), facts=FACTS)
    assert not list(tmp_path.iterdir())


@needs_noto
def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(Invalid, match="nowhere") as caught:
        write_production(card(), Sheet.named("card"), [FACE], tmp_path / "nowhere" / "x.pdf", facts=FACTS)
    assert caught.value.field == "out"


@needs_noto
def test_a_disk_that_fills_up_leaves_no_file(tmp_path):
    source = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "from pathlib import Path\n"
        "from scrm_package_card.printing import *\n"
        "text, base = CardText(Bilingual('题'), Bilingual('利')), 'http://a.cn/'\n"
        "faces = (CardFace('', f'{base}{n:06d}') for n in range(1_000))\n"
        "try:\n"
        "    write_production(CardSpec(90, 54, text, base), Sheet.named('card'), faces, Path(sys.argv[1]),\n"
        "        facts=PrintFacts('S', 'B', 739282, 0))\n"
        "except Exception as exc:\n"
        "    print(type(exc).__name__, exc)\n"
    )
    out = tmp_path / "x.pdf"
    said = subprocess.run([sys.executable, "-c", source, str(out)], check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"Invalid {out} cannot be written: File too large")
    assert not list(tmp_path.iterdir())


@needs_noto
def test_a_printed_file_is_readable_like_any_other(tmp_path):
    out = tmp_path / "x.pdf"
    write_production(card(), Sheet.named("card"), [FACE], out, facts=FACTS)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@needs_noto
def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path):
    source = (
        "import sys\n"
        "from pathlib import Path\n"
        "import scrm_package_card\n"
        "from scrm_package_card.printing import *\n"
        "text = CardText(Bilingual('题'), Bilingual('利'))\n"
        "for name in sys.argv[2:]:\n"
        "    sys.modules[name] = None\n"
        "    try:\n"
        "        write_production(CardSpec(90, 54, text, 'http://a.cn/'), Sheet.named('card'),\n"
        "            [CardFace('', 'http://a.cn/x')], Path(sys.argv[1]), facts=PrintFacts('S', 'B', 739282, 0))\n"
        "    except Exception as exc:\n"
        "        print(type(exc).__name__, exc)\n"
        "    del sys.modules[name]\n"
    )
    # In this order each is missing while those before it are there again.
    names = ["segno", "pikepdf", "fpdf", "fontTools.ttLib"]
    command = [sys.executable, "-c", source, str(tmp_path / "x.pdf"), *names]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()
    assert len(said) == len(names)
    for name, line in zip(names, said, strict=True):
        assert line.startswith("Invalid") and f"needs the library {name.partition('.')[0]}," in line
        assert "pip install 'scrm[cards]'" in line
    assert not list(tmp_path.iterdir())


# Lines ------------------------------------------------------------------------

_WIDE = Typeface(Path("x"), 0, "x", {code: 0.5 if code < 0x100 else 1.0 for code in (*range(0x20, 0x100), *map(ord, "中文字扫码领红包，。！？（）《》“”"))})
_SENTENCES = st.text(st.sampled_from("中文字扫码领红包，。！？（）《》 abc12.,"), min_size=1, max_size=60)


@given(_SENTENCES, st.integers(6, 30))
def test_lines_keep_every_character_and_the_width(text, width):
    lines = break_lines(text, _WIDE, width)
    if lines:
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(_WIDE.width(line) <= width for line in lines)


@given(_SENTENCES, st.integers(6, 30))
def test_no_line_begins_with_closing_or_ends_with_opening_punctuation(text, width):
    lines = break_lines(text, _WIDE, width)
    assert not [line for line in lines[1:] if line[0] in "，。！？）》”,."]
    assert not [line for line in lines[:-1] if line[-1] in "（《“"]


def test_chinese_breaks_anywhere_and_latin_words_stay_whole():
    assert break_lines("扫码领红包", _WIDE, 3) == ["扫码领", "红包"]
    assert break_lines("abcd efgh", _WIDE, 3) == ["abcd", "efgh"]
    assert break_lines("领红包，扫码", _WIDE, 3) == ["领红", "包，扫", "码"]
    assert break_lines("abcdefgh", _WIDE, 3) == []
