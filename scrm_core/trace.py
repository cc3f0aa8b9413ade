"""``SCRM_TRACE=1``: each call of a hook as a line on standard error, as it ends.

Whether it is on is decided when a brand is made: without it the functions that
are called are the plugins' own, and nothing is asked at a call. A line names
ids, never values: no text of a person, of an error or of a message is in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from .errors import ScrmError, Veto

VARIABLE = "SCRM_TRACE"
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,40}\Z")


def wanted() -> bool:
    """Whether the environment asks for it."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def traced(brand: str, plugin: str, hook: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function, telling of each call: brand, event, plugin, hook, outcome, milliseconds."""

    def call(argument: Any) -> Any:
        outcome = "ok"
        begun = time.perf_counter()
        try:
            return function(argument)
        except BaseException as exc:  # told and raised on: SystemExit too
            outcome = _outcome(exc)
            raise
        finally:
            took = (time.perf_counter() - begun) * 1_000
            event = getattr(argument, "event_id", None)
            what = type(argument).__name__ if event is None else f"event {event}"
            # Who reads them may have gone: that is no failure of the plugin, whose event would be parked.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"trace: {brand}  {what}  {plugin}  {hook}  {outcome}  {took:.1f} ms\n")

    return call


def _outcome(exc: BaseException) -> str:
    """An error by its type and the code that programs know it by; its words may name somebody."""
    if isinstance(exc, Veto):
        return f"veto{_code(exc)}"
    return f"raised {type(exc).__name__}{_code(exc) if isinstance(exc, ScrmError) else ''}"


def _code(exc: ScrmError) -> str:
    return f" ({exc.code})" if _CODE.match(exc.code) else ""
