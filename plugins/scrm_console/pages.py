"""The console's pages: each module adds its rules to the one blueprint."""

from __future__ import annotations

from . import (
    acts,
    consents,
    entry,
    events,
    experiments,
    frame,
    imports,
    jobs,
    keys,
    links,
    orders,
    overview,
    parts,
    people,
    person,
    reports,
    rewards,
    segments,
    settings,
    users,
)

pages = frame.pages

__all__ = [
    "acts",
    "consents",
    "entry",
    "events",
    "experiments",
    "imports",
    "jobs",
    "keys",
    "links",
    "orders",
    "overview",
    "pages",
    "parts",
    "people",
    "person",
    "reports",
    "rewards",
    "segments",
    "settings",
    "users",
]
