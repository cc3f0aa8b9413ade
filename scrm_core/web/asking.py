"""What a plugin's route is asked in its address."""

from __future__ import annotations

import flask

from ..errors import Invalid


def query_number(name: str, default: int) -> int:
    """A whole number from 0 on of the query, such as ``after`` and ``limit``; raises Invalid for anything else."""
    text = flask.request.args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Invalid(f"{name} is a whole number", field=name)
    return int(text)
