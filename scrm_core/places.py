"""Where in somebody's own files an error came from, in words for the one who wrote them."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

_FRAME = re.compile(r'^ +File "(.+)", line (\d+)', re.MULTILINE)


def raised_at(exc: BaseException, folder: Path) -> str:
    """``FILE:LINE`` of the last step inside a folder (or of a single file) that led to an error; empty if none did."""
    return place_in("".join(traceback.format_exception(exc)), folder)


def place_in(trace: str, folder: Path) -> str:
    """Like :func:`raised_at`, for a traceback that is a text already."""
    places = [f"{file}:{line}" for file, line in _FRAME.findall(trace) if Path(file).is_relative_to(folder)]
    return places[-1] if places else ""


def said(exc: BaseException) -> str:
    """An error's type and words in one line."""
    words = exc.msg if isinstance(exc, SyntaxError) else str(exc)
    return f"{type(exc).__name__}: {' '.join(words.split())}".removesuffix(": ")
