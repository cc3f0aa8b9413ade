"""The one error of the segment language: it points at the character."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

from scrm_core.errors import Invalid

_SHOWN = 72
"""Columns of the offending line that an error shows around the caret."""


class SegmentError(Invalid):
    """A segment expression that cannot be used.

    ``offset`` counts characters from 0; ``line`` and ``column`` count from 1.
    ``expected`` lists what could have stood there, ``nearest`` is the valid
    name closest to the one found (or None). ``str(error)`` has three lines:
    what is wrong, the line of the expression, and a caret below the character.
    """

    code = "segment"

    def __init__(
        self,
        problem: str,
        source: str,
        offset: int,
        *,
        expected: Iterable[str] = (),
        nearest: str | None = None,
    ) -> None:
        self.problem = problem
        self.offset = offset
        self.expected = tuple(expected)
        self.nearest = nearest
        before = source[:offset]
        self.line = before.count("\n") + 1
        start = before.rfind("\n") + 1
        self.column = offset - start + 1
        end = source.find("\n", offset)
        line = source[start : end if end >= 0 else len(source)]
        says = [f"line {self.line}, column {self.column}: {problem}"]
        if self.expected:
            says.append("expected " + _either(self.expected))
        if nearest is not None:
            says.append(f"did you mean {nearest}?")
        super().__init__(
            "\n".join(["; ".join(says), *_pointing(line, self.column - 1)]),
            field="expression",
            line=self.line,
            column=self.column,
            offset=offset,
            expected=list(self.expected),
            nearest=nearest,
        )


def nearest_name(found: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to ``found``, or None when nothing is close."""
    close = get_close_matches(found[:64].lower(), list(valid), n=1, cutoff=0.6)
    return close[0] if close else None


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def _pointing(line: str, index: int) -> tuple[str, str]:
    """The line (cut around ``index``) and a caret line of the same width.

    A wide character takes two columns of a terminal, so the caret is moved
    with ideographic spaces below wide characters.
    """
    start = max(0, index - _SHOWN // 2) if len(line) > _SHOWN else 0
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[start : start + _SHOWN])
    before = shown[: index - start]
    pad = "".join("\N{IDEOGRAPHIC SPACE}" if unicodedata.east_asian_width(c) in "WF" else " " for c in before)
    return f"  {shown}", f"  {pad}^"
