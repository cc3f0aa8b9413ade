"""Masks show what the table promises; log lines hold no phone, card or secret."""

import pytest

from scrm_core.values.masking import mask, scrub


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "13812341234", "138****1234"),
        ("phone", "+8613812341234", "+86 138****1234"),
        ("phone", "+85251234589", "+852 51****89"),
        ("phone", "+12125550123", "+1 212****0123"),
        ("landline", "021-61234589", "021-6****89"),
        ("name", "王明", "王*"),
        ("name", "王小明", "王**"),
        ("name", "王", "*"),
        ("id_card", "11010519491231002X", "110**************X"),
        ("address", "上海市浦东新区张江路1号", "上海市浦东新区****"),
        ("address", "somewhere", "****"),
        ("email", "alice@example.com", "a***@example.com"),
        ("email", "nothing", "***"),
        ("bank_card", "6222021234561234", "************1234"),
        ("unionid", "oWgGz1G0PqXXXXyz12", "oWgG...yz12"),
        ("order", "1234567890", "...7890"),
        ("phone", None, None),
        ("unheard-of", "secret", "****"),
    ],
)
def test_masks(kind, value, shown):
    assert mask(kind, value) == shown


@pytest.mark.parametrize("kind", ["phone", "name", "email", "id_card", "address", "bank_card", "landline", "unionid"])
@pytest.mark.parametrize("value", ["", "a", "ab", "1234567"])
def test_short_values_do_not_raise_and_do_not_show_everything(kind, value):
    shown = mask(kind, value)
    assert not value or shown != value


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("lead 13800138000 came", "13800138000"),
        ("phone=+8613800138000,", "13800138000"),
        ("138 0013 8000", "0013"),
        ("tel:8613800138000", "13800138000"),
        ("to +12125550123", "2125550"),
        ("id 11010519491231002X here", "19491231"),
        ("GET /x?access_token=abc.DEF-123&y=1", "abc.DEF-123"),
        ('{"corpsecret": "s3cr3t-value"}', "s3cr3t-value"),
        ("msg_signature=0f1e2d", "0f1e2d"),
        ("Authorization: Bearer k1.s2cr3tt", "s2cr3tt"),
        ("Cookie: session=abc; other=def", "def"),
        ("password: hunter2", "hunter2"),
    ],
)
def test_log_lines_lose_what_is_personal_or_secret(line, gone):
    assert gone in line
    assert gone not in scrub(line)


@pytest.mark.parametrize(
    "line",
    [
        "order 4200001234138001380 paid",  # 19 digits with a phone inside
        "order 110105194912310021 paid",  # 18 digits, wrong checksum
        "order 250901-100000000314187",
        "at 1767225600000 ms",
        "rows=12000 source=cdnow number=L00001",
    ],
)
def test_order_numbers_and_instants_stay_readable(line):
    assert scrub(line) == line
