"""JSON as this framework accepts it: RFC 8259 without the parts that lose or hide data.

Python's parser takes duplicate keys (the last wins), NaN, numbers no database
holds, lone surrogates and 200,000 opening brackets (RecursionError). All of
these are refused here with the reason. A small body costs about 10 us because
each check first asks a question that C code answers over the whole body.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from scrm_core.errors import Malformed, TooLarge
from scrm_core.limits import LIMITS

_SHAPE_ONLY = bytes(code for code in range(256) if code not in b'[]{}"\\')
_DIGITS = bytes(ord("0") if code in b"0123456789" else ord("e") if code in b"eE" else code for code in range(256))
_LONG_RUN = b"0" * 16  # 15 digits are always below 2**53
# A string (also one that never ends, so that a hostile body is scanned once) or a bracket.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def loads(body: bytes, *, max_bytes: int = LIMITS.body_bytes, max_depth: int = LIMITS.json_depth) -> Any:
    """The value of a JSON document.

    Raises TooLarge above ``max_bytes`` and Malformed (an Invalid) for: an empty
    body, a byte order mark, bad UTF-8, bad syntax, more than ``max_depth`` nested
    arrays and objects, a key twice in one object, NaN or Infinity, a number
    beyond ±2**53, a lone surrogate or a NUL character.
    """
    if len(body) > max_bytes:
        raise TooLarge(f"the body has {len(body)} bytes; at most {max_bytes} are accepted")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Malformed("JSON must not start with a byte order mark", code="json_bom")
    if not body or body.isspace():
        raise Malformed("the body is empty; JSON is expected", code="json_empty")
    _check_depth(body, max_depth)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: bad byte at position {error.start + 1}", code="json_encoding") from None
    digits = body.translate(_DIGITS)
    decoder = _CAREFUL if _LONG_RUN in digits or b"0e" in digits else _PLAIN
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", code="json_syntax"
        ) from None
    if b"\\u" in body:
        _check_characters(value)
    return value


def _check_depth(body: bytes, max_depth: int) -> None:
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    # Peel innermost pairs, one level a pass. Only trusted when no quote or backslash
    # is left over, because then no bracket stands inside a string.
    shape = body.translate(None, _SHAPE_ONLY).replace(b'""', b"")
    if b'"' not in shape and b"\\" not in shape:
        for _ in range(max_depth):
            peeled = shape.replace(b"{}", b"").replace(b"[]", b"")
            if not peeled:
                return
            if len(peeled) == len(shape):
                break
            shape = peeled
    depth = 0
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if depth > max_depth:
                raise Malformed(f"nested deeper than {max_depth} levels at byte {match.start() + 1}", code="json_depth")
        elif token in (b"]", b"}"):
            depth -= 1


def _check_characters(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is str:
            if "\0" in item:
                raise Malformed("a NUL character (\\u0000) is not accepted", code="json_nul")
            try:
                item.encode()
            except UnicodeEncodeError as error:
                code = ord(item[error.start])
                raise Malformed(f"a lone surrogate (\\u{code:04x}) is not text", code="json_surrogate") from None
        elif type(item) is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Malformed(f"the key {_shown(key)} occurs twice in one object", code="json_duplicate_key")
            seen.add(key)
    return value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "...")


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number", code="json_number")


def _int(digits: str) -> int:
    if len(digits) > 17 or abs(value := int(digits)) > LIMITS.integer:
        raise Malformed(f"the number {_shown(digits)} is beyond ±2**53", code="json_number")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not -LIMITS.integer <= value <= LIMITS.integer:
        raise Malformed(f"the number {_shown(digits)} is beyond ±2**53", code="json_number")
    return value


_PLAIN = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_int, parse_float=_float)
