"""The libraries of the extra ``cards``, imported when something is printed and not before."""

from __future__ import annotations

import importlib
from typing import Any

from scrm_core.api import Invalid


def library(name: str) -> Any:
    """The module of this name; raises Invalid with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        top = name.partition(".")[0]
        raise Invalid(
            f"printing cards needs the library {top}, which is not installed; run: pip install 'scrm[cards]'",
            code="library_missing",
        ) from exc
