"""The values that tags are spoken of in: references, views and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..errors import Invalid

ORIGINS = ("synced", "manual", "auto")
KINDS = ("business", "channel", "system")
HOW_TO_DEFINE = "make it first: scrm tag define, or POST /tags:define"
"""What whoever names a tag that there is not should do."""

TagRef = int | tuple[str, str]
"""A tag by id, or by (group name, tag name)."""


@dataclass(frozen=True, slots=True)
class TagView:
    """A tag that a contact has; ``at`` is the instant since when."""

    tag_id: int
    group: str
    name: str
    origin: str
    actor: str
    at: int
    s_level: bool


@dataclass(frozen=True, slots=True)
class TagInfo:
    """A tag itself. ``contacts`` counts who has it; ``retired`` says it is out of use."""

    tag_id: int
    group: str
    name: str
    kind: str
    plan: str
    created_at: int
    last_used_at: int | None
    contacts: int
    retired: bool


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A tag group; ``default`` is the name of the value that new contacts get in an S-level group."""

    group_id: int
    name: str
    s_level: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the active contacts a group reaches; ``missing`` holds ids of some without a tag of it."""

    group: str
    s_level: bool
    contacts: int
    covered: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync changed: ids of the tags it set and of those it took away."""

    added: tuple[int, ...]
    removed: tuple[int, ...]


class TagDef(NamedTuple):
    """A tag as it is set: its id, names, and the id of its group when that is S-level."""

    tag_id: int
    group: str
    name: str
    s_group_id: int | None


class Source(NamedTuple):
    """Who sets or removes tags, when, and whether it is history (1) or now (0)."""

    origin: str
    actor: str
    at: int
    history: int = 0


def check_origin(origin: str) -> None:
    """Raise Invalid for anything but the three origins."""
    if origin not in ORIGINS:
        raise Invalid(f"unknown origin of a tag {origin!r}; known are {', '.join(ORIGINS)}", field="origin")
