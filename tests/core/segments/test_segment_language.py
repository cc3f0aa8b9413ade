"""The segment language as text: what it reads, what it refuses and how it says so."""

import contextlib
import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrm_core.limits import LIMITS
from scrm_core.segmentlang import CORE_FIELDS, Catalogue, FieldKind, FieldSpec, SegmentError, check, parse, to_text
from scrm_core.segmentlang.tree import (
    COMPARISONS,
    And,
    Between,
    Compare,
    Day,
    DaysAgo,
    Field,
    Has,
    In,
    Not,
    Number,
    Or,
    Text,
)

PLUGIN = {"package-card": {"scans": FieldSpec("package-card.scans", FieldKind.NUMBER, "scans of cards")}}
CATALOGUE = Catalogue(CORE_FIELDS, PLUGIN)


def refused(text: str) -> SegmentError:
    with pytest.raises(SegmentError) as caught:
        check(parse(text), CATALOGUE, text)
    return caught.value


# Reading -------------------------------------------------------------------------


def test_and_binds_closer_than_or_and_not_closest():
    assert parse("has tag or has phone and not has member") == Or(
        (Has(Field("tag")), And((Has(Field("phone")), Not(Has(Field("member"))))))
    )


def test_brackets_group():
    assert parse("(has tag or has phone) and has member") == And(
        (Or((Has(Field("tag")), Has(Field("phone")))), Has(Field("member")))
    )


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("tag = vip", Compare(Field("tag"), "=", Text("vip"))),
        ("tag.等级 != 金卡", Compare(Field("tag", "等级"), "!=", Text("金卡"))),
        ('attribute."shoe size" in ("39", "40")', In(Field("attribute", "shoe size"), (Text("39"), Text("40")))),
        ("money >= 199.00", Compare(Field("money"), ">=", Number(Decimal("199.00")))),
        ("last_order < 2026-01-31", Compare(Field("last_order"), "<", Day(date(2026, 1, 31)))),
        ("lead_at >= 2w ago", Compare(Field("lead_at"), ">=", DaysAgo(14))),
        ("lead_at = today", Compare(Field("lead_at"), "=", DaysAgo(0))),
        ("r_days not between 30 and 90", Not(Between(Field("r_days"), Number(Decimal(30)), Number(Decimal(90))))),
        ("tag not in (a, b)", Not(In(Field("tag"), (Text("a"), Text("b"))))),
        ('tag = "say \\"hi\\" \\\\ there"', Compare(Field("tag"), "=", Text('say "hi" \\ there'))),
        ("HAS tag AND\n\tnot\u3000has phone", And((Has(Field("tag")), Not(Has(Field("phone")))))),
        ("has android", Has(Field("android"))),
        ('tag = "and"', Compare(Field("tag"), "=", Text("and"))),
    ],
)
def test_an_expression_reads_as_this_tree(text, tree):
    assert parse(text) == tree


def test_a_field_remembers_where_it_stood():
    tree = parse("  tag =   vip")
    assert (tree.field.at, tree.value.at) == (2, 10)


names = st.from_regex(r"[a-zA-Z_等级\u00e9][a-zA-Z0-9_等]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
field_names = names.filter(lambda n: n.lower() not in {"and", "or", "not", "in", "between", "has", "ago", "today"})
texts = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), max_size=20)
fields = st.builds(Field, field_names, st.none() | names | texts)
values = st.one_of(
    st.builds(Text, texts | names),
    st.builds(Number, st.decimals(-(10**12), 10**12, places=2) | st.integers(-(10**12), 10**12).map(Decimal)),
    st.builds(Day, st.dates(date(1900, 1, 1), date(2199, 12, 31))),
    st.builds(DaysAgo, st.integers(0, 36_500)),
)
leaves = st.one_of(
    st.builds(Compare, fields, st.sampled_from(COMPARISONS), values),
    st.builds(In, fields, st.lists(values, min_size=1, max_size=4).map(tuple)),
    st.builds(Between, fields, values, values),
    st.builds(Has, fields),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("examples", [100, pytest.param(300, marks=pytest.mark.soak)])
def test_the_text_of_a_tree_parses_to_an_equal_tree(examples):
    @settings(max_examples=examples)
    @given(trees)
    def is_equal(tree):
        text = to_text(tree)
        assert parse(text) == tree
        assert to_text(parse(text)) == text

    is_equal()


# Refusing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "expected a condition"),
        ("tag", 3, "expected = != < <= > >=, between, in or not"),
        ("tag =", 5, "expected a value"),
        ("tag = vip adn has phone", 10, "did you mean and?"),
        ("tag = vip)", 9, "closes no bracket"),
        ("(tag = vip", 10, "expected )"),
        ("tag in ()", 8, "expected a value"),
        ("tag in (a b)", 10, "expected ) or a comma"),
        ("tag == vip", 4, "expected ="),
        ("tag <> vip", 4, "expected !="),
        ("orders => 3", 7, "expected >="),
        ("标签＝vip", 2, "expected ="),
        ("（has tag）", 0, "expected ("),
        ("tag = “vip”", 6, 'expected "'),
        ("tag = 'vip'", 6, 'expected "'),
        ('tag = "vip', 6, "no closing quote"),
        ('tag = "a\\n"', 8, "backslash"),
        ('tag = "a\x00b"', 8, "U+0000"),
        ('tag = "a\ud800b"', 8, "U+D800"),
        ("tag = 3a", 6, "needs quotes"),
        ("tag = 40", 6, 'expected "40"'),
        ("last_order > 2026-02-30", 13, "no day 2026-02-30"),
        ("last_order > 0001-01-01", 13, "1900 to 2199"),
        ("last_order > 30d", 16, "expected ago"),
        ("last_order > 99999d ago", 13, "at most"),
        ("platfrom = douyin", 0, "did you mean platform?"),
        ("has tag and\n  r_dys > 3", 14, "did you mean r_days?"),
        ("package-crad.scans > 3", 0, "did you mean package-card?"),
        ("package-card.scan > 3", 0, "did you mean scans?"),
        ("package-card > 3", 0, "expected package-card.scans"),
        ("phone.home = x", 0, "takes no name after a dot"),
        ('attribute = "40"', 0, "expected attribute.name"),
        ("orders = 1.5", 9, "no decimals"),
        ("money > 1.005", 8, "2 decimals"),
        ('r_days > "3"', 9, "a whole number"),
        ("r_days > today", 9, "a whole number"),
        ("first_order = 3", 14, "a date"),
        ("tag < vip", 0, "cannot be compared with <"),
        ("tag between a and b", 0, "cannot be compared with between"),
        ("orders > 9007199254740993", 9, "too large"),
    ],
)
def test_an_error_points_at_the_character(text, offset, says):
    error = refused(text)
    assert error.offset == offset
    assert says in str(error)


def test_an_error_shows_the_line_with_a_caret_below_wide_characters():
    error = refused('tag = "金卡" or\ntag.等级 == 金')
    assert (error.line, error.column, error.offset) == (2, 8, 21)
    _, shown, caret = str(error).split("\n")
    assert shown == "  tag.等级 == 金"
    assert caret == "      \u3000\u3000 ^"
    assert error.extra["column"] == 8
    assert error.status == 422


def test_a_long_line_is_shown_around_the_caret():
    text = "has tag and " * 20 + "has tagg or" + " or has tag" * 20
    _, shown, caret = str(refused(text)).split("\n")
    assert len(shown) <= 80
    assert shown[len(caret) - 1 :].startswith("or has tag")


@pytest.mark.parametrize(
    "hostile",
    [
        "(" * 50_000,
        "not " * 12_500,
        '"' * 50_000,
        "a-" * 25_000,
        "9" * 50_000,
        "tag = vip and " * 4_000,
        " " * 50_000,
        "\\" * 50_000,
        '"\\' * 25_000,
    ],
)
def test_hostile_text_is_refused_quickly(hostile):
    def spent() -> float:
        began = time.process_time()
        with pytest.raises(SegmentError):
            parse(hostile)
        with contextlib.suppress(SegmentError):
            parse(hostile[: LIMITS.segment_text])
        return time.process_time() - began

    assert min(spent() for _ in range(3)) < 0.1


def test_more_conditions_than_the_limit_are_refused_at_the_first_too_many():
    limit = LIMITS.segment_conditions
    check(parse(" and ".join(["has tag"] * limit)), CATALOGUE)
    assert refused(" and ".join(["has tag"] * (limit + 1))).offset == 12 * limit + 4


def test_nesting_up_to_the_limit_is_read_and_one_more_is_refused():
    limit = LIMITS.segment_depth
    assert parse("(" * limit + "has tag" + ")" * limit) == Has(Field("tag"))
    assert refused("(" * (limit + 1) + "has tag" + ")" * (limit + 1)).offset == limit
    assert refused("not " * (limit + 1) + "has tag").offset == 4 * limit


@given(st.text(max_size=60) | st.text(alphabet="()=<>!\"'.,- 0aot\\", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_either_read_or_refused_inside_the_text(text):
    try:
        check(parse(text), CATALOGUE, text)
    except SegmentError as error:
        assert 0 <= error.offset <= len(text)
