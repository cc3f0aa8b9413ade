"""The console's pages: each module adds its rules to the one blueprint."""

from __future__ import annotations

from . import entry, events, frame, imports, orders, overview, parts, people, segments

pages = frame.pages

__all__ = ["entry", "events", "imports", "orders", "overview", "pages", "parts", "people", "segments"]
