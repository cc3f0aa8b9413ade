"""JSON: what loses or hides data is refused, fast and with its reason."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Malformed, TooLarge
from scrm_core.values.strictjson import loads


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"{", "line 1, column 2"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'{"x": {"b": 1, "c": 2, "b": 1}}', "'b' occurs twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e400]", "1e400"),
        (b"[-1E400]", "1E400"),
        (b"[1e17]", "1e17"),
        (b"[9007199254740993]", "9007199254740993"),
        (b"[-9007199254740993]", "9007199254740993"),
        (b"[12345678901234567890]", "12345678901234567890"),
        (b"[" + b"9" * 5000 + b"]", "2\\*\\*53"),
        (b"[" + b"9" * 400 + b".0]", "2\\*\\*53"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00x": 1}', "surrogate"),
        (b'["a\\u0000b"]', "NUL"),
        (b'["a\x00b"]', "not JSON"),
        (b"[1]\x00", "not JSON"),
    ],
)
def test_refused_with_the_reason(body, names):
    with pytest.raises(Malformed, match=names):
        loads(body)


def test_good_values_pass():
    body = '{"a": [1, -2.5, 9007199254740992, true, null], "名": "\\ud83d\\ude00 \\u4e2d", "n": "12345678901234567890"}'
    assert loads(body.encode()) == {
        "a": [1, -2.5, 2**53, True, None],
        "名": "😀 中",
        "n": "12345678901234567890",
    }
    assert loads(b"1e3") == 1000.0


def test_a_large_body_is_refused_before_it_is_read():
    with pytest.raises(TooLarge):
        loads(b"[" * 11, max_bytes=10)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["x\\"",[', b'["]",', b'["\\"]",{"b":'])
@pytest.mark.parametrize("times", [65, 200_000])
def test_too_deep_is_refused_fast_and_without_recursion(opening, times):
    started = time.perf_counter()
    with pytest.raises(Malformed, match="deeper than 64"):
        loads(opening * times, max_bytes=10_000_000)
    assert time.perf_counter() - started < 2


def test_depth_counts_levels_not_brackets():
    body = b"[" * 64 + b"]" * 64
    assert loads(body)
    wide = json.dumps([{"a": [{"b": "]["}] * 3}] * 200).encode()
    assert len(loads(wide)) == 200
    assert loads(json.dumps(["[" * 1000, '"{' * 1000, "\\" * 99 + "["]).encode())[0] == "[" * 1000
    mixed = b'["' + b"]" * 70 + b'",' + b"[" * 63 + b"]" * 64
    assert loads(mixed)


def test_an_unclosed_string_of_escapes_is_scanned_once():
    body = b"[" * 65 + b'"' + b'\\"' * 200_000
    started = time.perf_counter()
    with pytest.raises(Malformed):
        loads(b"{" * 3 + b'"' + b'\\"' * 200_000 + b"[" * 65, max_bytes=10_000_000)
    with pytest.raises(Malformed):
        loads(body, max_bytes=10_000_000)
    assert time.perf_counter() - started < 2


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=40,
)


@given(values, st.booleans())
def test_whatever_python_writes_reads_back(value, escape):
    text = json.dumps(value, ensure_ascii=escape)
    if "\\u0000" not in text:
        assert loads(text.encode()) == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0d8a1eE.-\n', max_size=60).map(str.encode))
def test_any_bytes_give_a_value_or_malformed(body):
    try:
        loads(body)
    except Malformed:
        return
    json.loads(body)
