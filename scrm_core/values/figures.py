"""Figures as people read them."""

from __future__ import annotations


def show_figure(number: float | None) -> str:
    """A number with separators between thousands: 12345 is ``12,345``, None is ``–``."""
    return "–" if number is None else f"{number:,}"
