"""The console's pages: each module adds its rules to the one blueprint."""

from __future__ import annotations

from . import acts, entry, events, frame, imports, jobs, orders, overview, parts, people, segments

pages = frame.pages

__all__ = ["acts", "entry", "events", "imports", "jobs", "orders", "overview", "pages", "parts", "people", "segments"]
