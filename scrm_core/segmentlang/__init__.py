"""The segment language: who belongs to an audience, in one line of text.

The same text works in the command line, the HTTP API, the console and in
plugins::

    tag = vip and r_days between 30 and 90
    platform in (douyin, tmall) and not (category = "baby/shoes" or has unionid)
    order_value >= 199.00 and last_order < 2026-01-01 and lead_at >= 30d ago
    attribute.size in ("39", "40") and tag.lifecycle = sleeping and package-card.scans >= 2

Grammar (case of the keywords does not matter, line breaks are spaces)::

    expression : term ("or" term)*
    term       : factor ("and" factor)*
    factor     : "not" factor | "(" expression ")" | condition
    condition  : "has" field
               | field ("=" | "!=" | "<" | "<=" | ">" | ">=") value
               | field ["not"] "in" "(" value ("," value)* ")"
               | field ["not"] "between" value "and" value
    field      : name ["." (name | text)]
    value      : name | text | number | date | duration "ago" | "today"
    name       : a letter or _, then letters, digits, _ or single - (any script)
    text       : "in double quotes", with \\" and \\\\ for a quote and a backslash
    number     : 12, -3, 199.00
    date       : 2026-01-31           a day in the brand's zone
    duration   : 30d (days), 2w (weeks)

``and`` binds closer than ``or``, ``not`` closest. A bare name as a value is a
text. ``between`` includes both ends.

Meaning. Each condition is either true or false of a contact, never "unknown":
a contact without a value (no order yet, no such identity) fails every
condition on it, ``!=`` is exactly ``not =``, ``not in`` exactly ``not ... in``.
A field of which a contact has many (tags, platforms, categories, order values)
fulfils a condition when *one* of them does; ``tag != vip`` therefore means
"does not carry vip". Amounts are written in the currency's major unit
(``199.00``) and compared exactly in minor units. Dates compare calendar days
in the brand's zone; ``30d ago`` counts back from the brand's today.

:func:`parse` turns text into a tree of frozen dataclasses (:mod:`.tree`),
:func:`to_text` turns a tree into text that parses to an equal tree, and
:func:`check` compares the names and the kinds of values with the fields that a
brand has (:mod:`.fields`). Every error is a :class:`SegmentError`, which points
at the character. Length, nesting and the number of conditions are limited by
:data:`scrm_core.limits.LIMITS`; parsing takes time linear in the length.
"""

from scrm_core.segmentlang.errors import SegmentError
from scrm_core.segmentlang.fields import CORE_FIELDS, Catalogue, FieldKind, FieldSpec, check
from scrm_core.segmentlang.grammar import parse
from scrm_core.segmentlang.tree import Expr, to_text

__all__ = [
    "CORE_FIELDS",
    "Catalogue",
    "Expr",
    "FieldKind",
    "FieldSpec",
    "SegmentError",
    "check",
    "parse",
    "to_text",
]
