"""Parts of a message: every row of the table of lengths, and what holds for every text."""

import gsm0338  # noqa: F401 (registers the codec that the counting reads)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_sms.copywriting.segments import is_gsm, size_of, split

HAN = "国"
EMOJI = "😀"


@pytest.mark.parametrize(
    ("text", "units", "on_air", "billed"),
    [
        (HAN * 70, 70, 1, 1),
        (HAN * 71, 71, 2, 2),
        (HAN * 134, 134, 2, 2),
        (HAN * 135, 135, 3, 3),
        (HAN * 201, 201, 3, 3),
        (HAN * 202, 202, 4, 4),
        (HAN * 66 + EMOJI + HAN * 66, 134, 3, 2),
        ("【品牌】" + "a" * 66, 70, 1, 1),
        ("【品牌】" + "a" * 67, 71, 2, 2),
        ("【示例旗舰店】亲爱的会员，您有一张30元券3天后到期，点击 https://s.example.cn/aB3dE 查看，拒收请回复R", 66, 1, 1),
    ],
)
def test_chinese_texts_are_counted_as_billed_and_as_sent(text, units, on_air, billed):
    china, gsm = size_of(text, "china"), size_of(text, "gsm")
    assert (china.encoding, china.units, china.on_air, china.billed, china.parts) == (
        "ucs2",
        units,
        on_air,
        billed,
        billed,
    )
    assert (gsm.encoding, gsm.units, gsm.on_air, gsm.billed, gsm.parts) == ("ucs2", units, on_air, on_air, on_air)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 153, "gsm7", 306, 3),
        ("a" * 70 + "’", "ucs2", 71, 2),
    ],
)
def test_other_texts_are_counted_by_the_gsm_alphabet(text, encoding, units, parts):
    size = size_of(text, "gsm")
    assert (size.encoding, size.units, size.parts) == (encoding, units, parts)


def test_mainland_platforms_bill_latin_letters_like_any_other_character():
    assert (size_of("a" * 71).units, size_of("a" * 71).parts) == (71, 2)


@pytest.mark.parametrize(
    ("text", "mode", "left"),
    [
        ("", "china", 70),
        (HAN * 66, "china", 4),
        (HAN * 71, "china", 63),
        (HAN * 66 + EMOJI + HAN * 66, "china", 0),
        # On the air the third part holds the one Han that the second has no room for.
        (HAN * 66 + EMOJI + HAN * 66, "gsm", 66),
        ("a" * 161, "gsm", 145),
        ("€" * 153, "gsm", 151),
    ],
)
def test_the_room_left_in_the_last_part(text, mode, left):
    assert size_of(text, mode).left == left


# 3GPP TS 23.038 section 6.2.1 and 6.2.1.1, typed from the standard.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"


def test_the_alphabet_is_that_of_the_standard():
    assert len(BASIC) == 127
    assert all(size_of(character, "gsm").units == 1 and is_gsm(character) for character in BASIC)
    assert all(size_of(character, "gsm").units == 2 and is_gsm(character) for character in EXTENSION)
    inside = set(BASIC + EXTENSION)
    assert [chr(code) for code in range(0x3000) if is_gsm(chr(code)) and chr(code) not in inside] == []


texts = st.text(st.sampled_from(HAN + EMOJI + "a€[é’") | st.characters(exclude_categories=["Cs"]), max_size=400)


@given(texts, st.sampled_from(["china", "gsm"]))
def test_parts_join_to_the_text_fit_and_cut_no_character(text, mode):
    parts = split(text, mode)
    size = size_of(text, mode)
    assert "".join(parts) == text
    assert len(parts) == size.on_air
    # The yardstick is the encoder itself: bytes of UTF-16, septets of the codec.
    gsm = size.encoding == "gsm7"
    units = [len(part.encode("gsm03.38")) if gsm else len(part.encode("utf-16-be")) // 2 for part in parts]
    assert sum(units) == size.units
    single, several = (160, 153) if gsm else (70, 67)
    assert max(units) <= (single if len(parts) == 1 else several)
    if len(parts) > 1:
        assert size.units > single
        # Greedy: the first character of a part had no room in the part before.
        for used, following in zip(units, parts[1:]):
            first = following[0]
            assert used + (len(first.encode("gsm03.38")) if gsm else len(first.encode("utf-16-be")) // 2) > several


@given(texts)
def test_the_billed_count_is_never_above_the_count_on_air(text):
    size = size_of(text, "china")
    assert size.billed <= size.on_air
    assert size.billed == (1 if size.units <= 70 else -(-size.units // 67))
