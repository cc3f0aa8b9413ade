"""Invite posters: the code on them is the person's own, and what is missing is said with the remedy."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from scrm_core.api import Invalid, Poster, draw_poster
from scrm_core.values import posters

POSTER = Poster(
    url="http://127.0.0.1:8000/p/acme/interaction-games/g/spring?by=kbyvfwhdywjd",
    brand="Acme 母婴",
    title="和我一起来 Acme 母婴",
    line="新朋友首单有礼",
    person="李*",
    scan="微信扫一扫",
    colour="#0b6e4f",
    extra="games",
)


def read(png: bytes) -> tuple[Image.Image, list[str]]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return image, [found.text for found in zxingcpp.read_barcodes(image)]


def test_the_code_on_the_poster_leads_to_the_persons_own_page():
    png = draw_poster(POSTER)
    image, codes = read(png)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert codes == [POSTER.url]
    assert image.size == (900, 1_350)
    assert len(png) < 60_000
    # Read again as small as a phone shows it in a chat.
    assert read_small(image) == [POSTER.url]


def read_small(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image.resize((450, 675)))]


def test_words_and_colour_are_on_it():
    image, _ = read(draw_poster(POSTER))
    assert image.getpixel((5, 5)) == (0x0B, 0x6E, 0x4F)
    other, codes = read(draw_poster(replace(POSTER, colour="#ffd35c", title="另一个标题")))
    assert codes == [POSTER.url]
    box = (72, 140, 828, 420)
    assert image.crop(box).tobytes() != other.crop(box).tobytes()
    # Dark words on a light colour, light words on a dark one.
    assert min(sum(pixel) for _, pixel in other.crop(box).getcolors(10**6)) < 120
    assert max(sum(pixel) for _, pixel in image.crop(box).getcolors(10**6)) > 700


def test_long_texts_are_cut_inside_the_sheet():
    image, codes = read(draw_poster(replace(POSTER, title="很长的标题" * 20, person="x" * 80, brand="A very long brand " * 9)))
    assert codes == [POSTER.url]
    edge = image.crop((0, 0, 40, 1_350))
    assert len(edge.getcolors()) == 1


def test_a_missing_font_or_library_and_a_long_address_are_named(tmp_path, monkeypatch):
    with pytest.raises(Invalid, match="fonts-noto-cjk") as missing:
        draw_poster(POSTER, regular=tmp_path / "none.ttc")
    assert missing.value.code == "font_missing"
    with pytest.raises(Invalid) as long:
        draw_poster(replace(POSTER, url="https://x.example/" + "a" * 300))
    assert long.value.field == "url"

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(posters.importlib, "import_module", absent)
    with pytest.raises(Invalid, match=r"pip install 'scrm\[games\]'"):
        draw_poster(POSTER)


def test_the_fonts_it_stands_on_are_debians():
    assert {posters.FONT, posters.BOLD} == {
        Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
        Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"),
    }
