"""Printed cards are judged from the picture: PDFs are rendered by poppler and every QR code is read back."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import pikepdf
import pytest
import zxingcpp
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont
from PIL import Image

from scrm_package_card.printing import (
    Bilingual,
    CardFace,
    CardSpec,
    CardText,
    Fonts,
    PrintFacts,
    PrintSummary,
    Sheet,
    impose,
    write_production,
    write_proof,
)

DPI, SHEET_DPI = 300, 200
BASE = "https://go.acme.example/l/"
FACTS = PrintFacts("SPRING97", "B01", date(2025, 2, 1).toordinal(), 1_767_225_600_000)  # 2026-01-01T00:00:00Z
BACKGROUND, ACCENT = "#FFE9D6", "#B00020"


@pytest.fixture(scope="module", autouse=True)
def printing_tools():
    absent = [tool for tool in ("pdftoppm", "pdftotext") if shutil.which(tool) is None]
    absent += [str(font) for font in (Fonts().regular, Fonts().bold) if not font.is_file()]
    if absent:
        words = f"missing: {', '.join(absent)}; install Debian's poppler-utils and fonts-noto-cjk"
        pytest.fail(words) if os.environ.get("SCRM_TEST_REQUIRE") == "all" else pytest.skip(words)


def card_text(benefit="扫码领 5 元现金红包"):
    return CardText(
        Bilingual("感谢您的信任与支持", "Thank you for shopping with us"),
        Bilingual(benefit, "Scan for a ¥5 red packet"),
        Bilingual("添加专属顾问，到账后可直接提现。", "Add your personal adviser; paid out at once."),
        Bilingual("微信扫一扫，立即领取", "Scan with WeChat"),
    )


def whole_card(width=90, height=54, **more):
    """A card in the whole font, as installed."""
    values = {"background": BACKGROUND, "accent": ACCENT, "brand": "Acme 母婴", "kind": "marketing", "qr_mm": 24.0}
    return CardSpec(width, height, card_text(), BASE, **(values | more))


@pytest.fixture(scope="module")
def card(printing_tools, tmp_path_factory):
    """A function like :func:`whole_card` whose cards are set in that font with this file's characters only.

    Opening the whole font takes most of the time of printing a card.
    """
    folder, faces = tmp_path_factory.mktemp("fonts"), {}
    for weight in ("regular", "bold"):
        path = getattr(Fonts(), weight)
        names = [font["name"].getBestFamilyName() for font in TTCollection(path, lazy=True).fonts]
        faces[weight] = folder / f"{weight}.otf"
        with TTFont(path, fontNumber=names.index("Noto Sans CJK SC")) as font:
            subsetter = Subsetter(Options(name_IDs=["*"]))
            subsetter.populate(text=Path(__file__).read_text("utf-8") + "".join(map(chr, range(32, 127))))
            subsetter.subset(font)
            font.save(faces[weight])

    def make(width=90, height=54, **more):
        return whole_card(width, height, **({"fonts": Fonts(**faces)} | more))

    return make


def numbered(count, arms=("",)):
    return [CardFace(f"SPRING97-{n:06d}", f"{BASE}kX{n:08d}", arms[n % len(arms)]) for n in range(count)]


def pictures(pdf, dpi=DPI, *, grey=False):
    """Each page as a picture."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["pdftoppm", "-r", str(dpi), *["-gray"] * grey, pdf, f"{folder}/page"], check=True, timeout=120)
        return [Image.open(page).copy() for page in sorted(Path(folder).iterdir())]


@dataclasses.dataclass
class Printed:
    """A file of cards and what its pages look like."""

    pdf: Path
    summary: PrintSummary
    faces: list[CardFace]
    pages: list[Image.Image]


@pytest.fixture(scope="module")
def singles(printing_tools, tmp_path_factory):
    """Four cards, one on each page."""
    out, faces = tmp_path_factory.mktemp("singles") / "cards.pdf", numbered(4, arms=("A", "B"))
    summary = write_production(whole_card(), Sheet.named("card"), faces, out, facts=FACTS)
    return Printed(out, summary, faces, pictures(out))


@pytest.fixture(scope="module")
def sheets(card, tmp_path_factory):
    """A function that gives the sheets of a name, two of them full and three cards more; grey pictures."""
    folder = tmp_path_factory.mktemp("sheets")

    @cache
    def printed(name):
        sheet, out = Sheet.named(name), folder / f"{name}.pdf"
        faces = numbered(2 * len(impose(card(), sheet).slots) + 3)
        summary = write_production(card(), sheet, faces, out, facts=FACTS)
        return Printed(out, summary, faces, pictures(out, SHEET_DPI, grey=True))

    return printed


def read(picture):
    """The QR codes of a picture as text -> code."""
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert len({code.text for code in found}) == len(found)
    return {code.text: code for code in found}


def words(pdf):
    return subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout


def pixel(picture, x_mm, y_mm):
    return picture.getpixel((round(x_mm / 25.4 * DPI), round(y_mm / 25.4 * DPI)))


def dark(picture, x_mm, y_mm):
    """Whether a hairline runs through a point, give or take a pixel."""
    return any(max(pixel(picture, x_mm + dx, y_mm + dy)) < 130 for dx in (-0.08, 0, 0.08) for dy in (-0.08, 0, 0.08))


def near(colour, wanted):
    """Whether a pixel is a ``#RRGGBB`` as far as the way through process inks keeps it."""
    return all(abs(a - int(wanted[p : p + 2], 16)) <= 24 for a, p in zip(colour, (1, 3, 5), strict=True))


def box_mm(page, name):
    return [round(float(value) * 25.4 / 72, 2) for value in page[name]]


def corner(code, dpi=DPI):
    return code.position.top_left.x / dpi * 25.4, code.position.top_left.y / dpi * 25.4


# The codes --------------------------------------------------------------------


def test_every_code_of_single_cards_is_read_from_the_picture(singles):
    found = [read(picture) for picture in singles.pages]
    assert [list(codes) for codes in found] == [[face.url] for face in singles.faces]
    summary = singles.summary
    assert (summary.cards, summary.pages, summary.cards_per_page) == (4, 4, 1)
    assert (summary.arms, summary.size) == ({"A": 2, "B": 2}, singles.pdf.stat().st_size)


@pytest.mark.parametrize("name", ["A4", "A3", "SRA3", "330x480"])
def test_every_code_of_imposed_sheets_is_read_from_the_picture(sheets, name):
    printed = sheets(name)
    count = printed.summary.cards_per_page
    assert [set(read(page)) for page in printed.pages] == [
        {face.url for face in printed.faces[first : first + count]} for first in (0, count, 2 * count)
    ]


def test_as_many_cards_as_fit_are_imposed(card):
    # 96 x 60 mm with bleed; 5 mm of margin and 5 mm of crop marks on each side of the sheet.
    assert len(impose(card(), Sheet.named("A4")).slots) == 6  # 190 x 277: 1 x 4; turned, 277 x 190: 2 x 3
    assert len(impose(card(), Sheet.named("SRA3")).slots) == 21  # 300 x 430: 3 x 7


def test_a_scan_names_the_serial_that_stands_on_the_same_card(sheets, card):
    a3 = sheets("A3")
    slots = impose(card(), Sheet.named("A3")).slots

    def slot_of(x, y):
        return next(n for n, slot in enumerate(slots) if slot.x <= x <= slot.right and slot.y <= y <= slot.bottom)

    scanned = {slot_of(*corner(code, SHEET_DPI)): url for url, code in read(a3.pages[0]).items()}
    command = ["pdftotext", "-bbox", "-l", "1", a3.pdf, "-"]
    boxes = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    printed = {
        slot_of(float(x) / 72 * 25.4, float(y) / 72 * 25.4): serial
        for x, y, serial in re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>(SPRING97-\d{6})<', boxes)
    }
    first_page = a3.faces[: len(slots)]
    assert {printed[slot]: url for slot, url in scanned.items()} == {face.serial: face.url for face in first_page}


@pytest.mark.parametrize(
    ("qr_mm", "level", "modules"),
    # ISO 18004, table 7: 36 bytes need version 5 at H, 4 at Q, 3 at M; with the quiet zone 45, 41 and 37 modules.
    [(14.9, "H", 37), (13.6, "Q", 33), (12.3, "M", 29)],
)
def test_the_strongest_correction_whose_modules_can_be_printed_is_taken(tmp_path, qr_mm, level, modules, card):
    out = tmp_path / "card.pdf"
    summary = write_production(card(qr_mm=qr_mm), Sheet.named("card"), numbered(1), out, facts=FACTS)
    (code,) = read(pictures(out, 600)[0]).values()
    assert code.ec_level == level
    assert summary.levels == {level: 1}
    across = (code.position.top_right.x - code.position.top_left.x) / 600 * 25.4
    assert across / modules == pytest.approx(qr_mm / (modules + 8), rel=0.03)
    assert across / modules >= 0.33 * 0.99


def test_four_modules_of_white_surround_the_code(tmp_path, card):
    out = tmp_path / "card.pdf"
    summary = write_production(card(background="#101010", ink="#FFFFFF", accent="#FFD27A"), Sheet.named("card"),
                               numbered(1), out, facts=FACTS)
    picture = pictures(out)[0]
    (code,) = read(picture).values()
    left, top = corner(code)
    quiet = 4 * summary.module_mm
    side = 37 * summary.module_mm
    # The reader tells corners to the nearest pixel or two, hence the 0.3 mm.
    for step in range(40):
        along = -quiet + 0.3 + (side + 2 * quiet - 0.6) * step / 39
        for off in (-quiet + 0.3, -quiet / 2, -0.4, side + 0.4, side + quiet / 2, side + quiet - 0.3):
            assert pixel(picture, left + along, top + off) == (255, 255, 255), (along, off)
            assert pixel(picture, left + off, top + along) == (255, 255, 255), (along, off)


def run_of(white, picture, x, y, dx, dy):
    """How many pixels from a point in one direction are white, or are not; and the first that is otherwise."""
    count = 0
    while (picture.getpixel((x, y)) == (255, 255, 255)) == white:
        x, y, count = x + dx, y + dy, count + 1
    return count, (x, y)


def quiet_pixels(picture, code, module):
    """The fewest white pixels between symbol and next ink on the left, top, right and bottom, counted in the picture."""
    position = code.position
    sides = ((-1, 0, position.top_left), (0, -1, position.top_left), (1, 0, position.top_right), (0, 1, position.bottom_left))
    middle = (position.top_left.x + position.bottom_right.x) // 2, (position.top_left.y + position.bottom_right.y) // 2
    found = []
    for dx, dy, near_corner in sides:
        # From the heart of a finder pattern outwards: its core, a white ring, a black ring, then the quiet zone.
        x, y = near_corner.x, near_corner.y
        place = x + round(3.5 * module * (1 if x < middle[0] else -1)), y + round(3.5 * module * (1 if y < middle[1] else -1))
        for white in (False, True, False):
            _, place = run_of(white, picture, *place, dx, dy)
        # From there along the whole side of the symbol.
        first, last = (position.top_left.y, position.bottom_left.y) if dx else (position.top_left.x, position.top_right.x)
        lines = [(place[0], along) if dx else (along, place[1]) for along in range(first + 3, last - 3)]
        found.append(min(run_of(True, picture, *line, dx, dy)[0] for line in lines))
    return found


@pytest.mark.parametrize(
    "more", [{}, {"width": 54, "height": 90}, {"width": 105, "height": 148, "qr_mm": 34}, {"qr_mm": 12.3}, {"quiet_modules": 6}]
)
def test_the_quiet_zone_measures_four_modules_or_more_on_each_side_in_the_picture(tmp_path, more, card):
    out = tmp_path / "card.pdf"
    dark_paper = {"background": "#101010", "ink": "#FFFFFF", "accent": "#FFD27A", "brand": "Acme"}
    summary = write_production(card(**dark_paper, **more), Sheet.named("card"), numbered(1), out, facts=FACTS)
    picture = pictures(out, 600)[0]
    (code,) = read(picture).values()
    module = summary.module_mm / 25.4 * 600
    sides = quiet_pixels(picture, code, module)
    # Where an edge falls between two pixels, one of them is neither white nor black.
    assert min(sides) >= max(4, more.get("quiet_modules", 4)) * module - 2, [side / module for side in sides]
    left, _, right, _ = sides  # below, the hint may stand as near as the quiet zone ends
    assert abs(left - right) <= 3, "the code stands off the centre of its field"


def test_codes_are_pure_black_paths_and_not_pictures(singles):
    with pikepdf.open(singles.pdf) as pdf:
        operators = [str(operator) for _, operator in pikepdf.parse_content_stream(pdf.pages[0])]
        inks = [list(map(float, ops)) for ops, op in pikepdf.parse_content_stream(pdf.pages[0]) if str(op) == "k"]
        images = [o for o in pdf.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Image"]
    assert operators.count("re") > 200
    assert inks[0] == [0, 0, 0, 1]
    assert not images and "INLINE IMAGE" not in operators


# Paper ------------------------------------------------------------------------


def test_the_boxes_name_trim_and_bleed_in_millimetres(singles):
    with pikepdf.open(singles.pdf) as pdf:
        page = pdf.pages[0].obj
        # 5 mm of margin and 5 mm for the marks around a card of 96 x 60 mm.
        assert box_mm(page, "/MediaBox") == [0, 0, 116, 80]
        assert box_mm(page, "/BleedBox") == [10, 10, 106, 70]
        assert box_mm(page, "/TrimBox") == [13, 13, 103, 67]


def test_a_sheet_has_the_paper_s_size_and_the_boxes_of_the_block(sheets):
    with pikepdf.open(sheets("A4").pdf) as pdf:
        page = pdf.pages[0].obj
        assert box_mm(page, "/MediaBox") == [0, 0, 297, 210]
        assert box_mm(page, "/BleedBox") == [52.5, 15, 244.5, 195]
        assert box_mm(page, "/TrimBox") == [55.5, 18, 241.5, 192]


def test_the_background_runs_into_the_bleed_and_marks_stand_outside_it(singles):
    picture = singles.pages[0]
    for x, y in ((50, 10.4), (50, 12.7), (105.6, 40), (103.4, 40), (60, 69.6), (60, 67.4)):
        assert near(pixel(picture, x, y), BACKGROUND), (x, y)
    for y in (10.4, 40, 69.6):
        assert near(pixel(picture, 10.4, y), ACCENT)
    for x, y in ((50, 9.6), (106.4, 40), (60, 70.4), (9.6, 40)):
        assert pixel(picture, x, y) == (255, 255, 255), (x, y)
    for x in (13, 103):
        for y in (6, 8.5, 71.5, 74):
            assert dark(picture, x, y), (x, y)
        for y in (9.5, 70.5):
            assert pixel(picture, x, y) == (255, 255, 255)
    for y in (13, 67):
        for x in (6, 8.5, 107.5, 110):
            assert dark(picture, x, y), (x, y)
    # Where the cut is there is no line on the card itself.
    assert near(pixel(picture, 103, 40), BACKGROUND) and near(pixel(picture, 60, 13), BACKGROUND)


def test_nothing_readable_stands_between_cut_and_safe_area(tmp_path, card):
    for number, spec in enumerate((card(), card(54, 90, brand="Acme"), card(105, 148, qr_mm=34), card(100, 100))):
        out = tmp_path / f"card{number}.pdf"
        write_production(spec, Sheet.named("card"), numbered(1), out, facts=FACTS)
        picture = pictures(out)[0]
        width, height = spec.width_mm, spec.height_mm
        # The accent's band lies on the left of a landscape card and on top of a portrait one.
        left = 4 if width >= height else 0.5
        top = 0.5 if width >= height else 4
        for step in range(200):
            x, y = 13 + left + (width - left - 0.5) * step / 200, 13 + top + (height - top - 0.5) * step / 200
            strips = [(x, 13 + height - 1), (x, 13 + height - 3.8), (13 + width - 1, y), (13 + width - 3.8, y)]
            strips += [(x, 13 + 1), (x, 13 + 3.8)] if width >= height else [(13 + 1, y), (13 + 3.8, y)]
            for place in strips:
                assert near(pixel(picture, *place), BACKGROUND), (number, place)


def test_the_fonts_are_embedded_subsets_and_the_text_can_be_copied(singles):
    with pikepdf.open(singles.pdf) as pdf:
        assert not pdf.check_pdf_syntax()
        fonts = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get("/Type") == "/Font"]
        whole = [font for font in fonts if font.Subtype == "/Type0"]
        descriptors = [font.FontDescriptor for font in fonts if "/FontDescriptor" in font]
        assert len(whole) == len(descriptors) == 2
        for descriptor in descriptors:
            assert re.match(r"/[A-Z]{6}\+NotoSansCJKSC", str(descriptor.FontName))
            assert 500 < len(descriptor.FontFile3.read_bytes()) < 60_000
    text = words(singles.pdf)
    for expected in ("扫码领 5 元现金红包", "感谢您的信任与支持", "Scan for a ¥5 red packet", "No. SPRING97-000000"):
        assert expected in text
    assert "SPRING97 / B01 / 1 / 2025-02-01" in text


@pytest.mark.parametrize(("space", "kept", "absent"), [("cmyk", {"k", "SC"}, {"rg", "RG"}), ("rgb", {"rg"}, {"k", "K"})])
def test_one_file_has_one_kind_of_colour(tmp_path, space, kept, absent, card):
    out = tmp_path / "card.pdf"
    write_production(card(colours=space), Sheet.named("card"), numbered(1), out, facts=FACTS)
    with pikepdf.open(out) as pdf:
        forms = [o for o in pdf.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Form"]
        operators = {str(op) for part in (pdf.pages[0], *forms) for _, op in pikepdf.parse_content_stream(part)}
        assert all("/Group" not in form for form in forms)
    assert kept <= operators and not absent & operators


def test_each_arm_is_printed_with_its_own_words(tmp_path, card):
    spec = card(arm_texts={"B": card_text("扫码抽母婴礼盒")})
    out = tmp_path / "cards.pdf"
    write_production(spec, Sheet.named("card"), numbered(3, arms=("A", "B")), out, facts=FACTS)
    pages = words(out).split("\f")[:3]
    assert [("现金红包" in page, "母婴礼盒" in page) for page in pages] == [(True, False), (False, True), (True, False)]


@pytest.mark.parametrize("kind", ["notice", "brand", "marketing", "hot-topic"])
def test_each_kind_is_named_in_both_languages(tmp_path, kind, card):
    out = tmp_path / "card.pdf"
    write_production(card(kind=kind), Sheet.named("card"), numbered(1), out, facts=FACTS)
    named = {"notice": "通知 NOTICE", "brand": "品牌 BRAND", "marketing": "营销 MARKETING", "hot-topic": "热点 HOT TOPIC"}
    assert [name for name in named.values() if name in words(out)] == [named[kind]]


# The proof --------------------------------------------------------------------


def test_the_proof_shows_all_arms_at_full_size_with_their_facts(tmp_path):
    spec = whole_card(arm_texts={"B": card_text("扫码抽母婴礼盒")})
    faces = {"A": CardFace("SPRING97-1", BASE + "aaaaaaaaaa"), "B": CardFace("SPRING97-2", BASE + "bbbbbbbbbb")}
    out = tmp_path / "proof.pdf"
    write_proof(spec, faces, out, sheet=Sheet.named("SRA3"), facts=FACTS)
    (picture,) = pictures(out)
    codes = read(picture)
    assert set(codes) == {face.url for face in faces.values()}
    # 37 modules of 24 mm / 45 at full size, and the two cards stand side by side.
    for code in codes.values():
        side = (code.position.top_right.x - code.position.top_left.x) / DPI * 25.4
        assert side == pytest.approx(37 * 24 / 45, abs=0.3)
    (left, top), (right, other) = (corner(codes[face.url]) for face in faces.values())
    assert right - left > 96 and other == pytest.approx(top, abs=0.2)
    text = words(out)
    for expected in (
        "印前校样", "校样签字", "SPRING97 · B01", "2025-02-01", "方案 A", "方案 B", "90 mm", "54 mm", "bleed 3 mm",
        "safe area 4 mm", "Noto Sans CJK SC", ACCENT, "C0 M100 Y82 K31", "version 5, level H (30%), 37 modules of 0.533 mm",
        "SRA3, 320 × 450 mm, 3 × 7 a page", BASE + "aaaaaaaaaa", "扫码抽母婴礼盒", "No. SPRING97-2",
    ):  # fmt: skip
        assert expected in text, expected


def test_a_proof_that_does_not_fit_a4_takes_a3(tmp_path):
    out = tmp_path / "proof.pdf"
    spec = whole_card(148, 210, qr_mm=40)
    write_proof(spec, {"": numbered(1)[0]}, out, sheet=Sheet.named("SRA3"), facts=FACTS)
    with pikepdf.open(out) as pdf:
        assert len(pdf.pages) == 1
        assert box_mm(pdf.pages[0].obj, "/MediaBox") == [0, 0, 297, 420]
    assert set(read(pictures(out)[0])) == {numbered(1)[0].url}


# The file ---------------------------------------------------------------------


def test_the_same_cards_are_the_same_bytes(tmp_path, card):
    one, two, later = (tmp_path / name for name in ("one.pdf", "two.pdf", "later.pdf"))
    first = write_production(card(), Sheet.named("A4"), numbered(3), one, facts=FACTS)
    second = write_production(card(), Sheet.named("A4"), numbered(3), two, facts=FACTS)
    after = dataclasses.replace(FACTS, made_at=FACTS.made_at + 1_000)
    write_production(card(), Sheet.named("A4"), numbered(3), later, facts=after)
    assert one.read_bytes() == two.read_bytes() != later.read_bytes()
    assert first.sha256 == second.sha256
    printed = subprocess.run(["sha256sum", one], check=True, capture_output=True, text=True).stdout.split()[0]
    assert first.sha256 == printed
    with pikepdf.open(one) as pdf:
        assert str(pdf.docinfo["/CreationDate"]) == "D:20260101000000Z"


def test_a_run_that_breaks_leaves_no_file_and_keeps_the_old_one(tmp_path, card):
    out = tmp_path / "cards.pdf"
    out.write_bytes(b"the file of yesterday")

    def breaking():
        yield from numbered(3)
        raise RuntimeError("the list of cards broke")

    with pytest.raises(RuntimeError, match="broke"):
        write_production(card(), Sheet.named("card"), breaking(), out, facts=FACTS)
    assert out.read_bytes() == b"the file of yesterday"
    assert list(tmp_path.iterdir()) == [out]


def test_progress_counts_the_cards_of_finished_pages(tmp_path, card):
    seen = []
    write_production(card(), Sheet.named("A4"), iter(numbered(10)), tmp_path / "x.pdf", facts=FACTS, progress=seen.append)
    assert seen == [6, 10]


_MEASURED = """
import json, resource, sys
from pathlib import Path
from scrm_package_card.printing import *

def memory():
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return {"now": now, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}

count, out = int(sys.argv[1]), Path(sys.argv[2])
base = "http://a.cn/"
text = CardText(Bilingual(), Bilingual("扫码领红包", "Scan"))
seen = {}
def progress(done):
    if done in (500, count):
        seen[done] = memory()
# Forty links in turn: codes are drawn once each, so that many pages are quick to make.
faces = (CardFace(f"S-{n:06d}", f"{base}{n % 40:06d}") for n in range(count))
write_production(CardSpec(90, 54, text, base), Sheet.named("card"), faces, out,
                 facts=PrintFacts("S", "B", 739282, 0), progress=progress)
print(json.dumps([seen[500], seen[count]]))
"""


def test_twenty_times_the_cards_need_no_more_memory(tmp_path):
    out = tmp_path / "cards.pdf"
    command = [sys.executable, "-c", _MEASURED, "10000", str(out)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=280)
    with pikepdf.open(out) as pdf:
        assert len(pdf.pages) == 10_000
    few, many = json.loads(answer.stdout)
    assert many["peak"] <= 1.1 * few["peak"]
    # Pages that were kept would be about 2 kB each, 20 MB in all.
    assert many["now"] - few["now"] < 5_000_000


def test_all_cards_of_a_run_are_different(sheets):
    printed = sheets("SRA3")
    found = Counter(url for page in printed.pages for url in read(page))
    assert found == Counter(face.url for face in printed.faces)
    assert len(found) == 45  # two sheets of 21 cards and three more
