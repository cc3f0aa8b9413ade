"""Channels (渠道): the real ways by which people come, one code each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..db import transactional
from ..db.bulk import execute, insert_returning
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..models import Channel
from ..values.text import clean_text
from . import audit
from .survivors import begin_writing
from .tag_types import HOW_TO_DEFINE

if TYPE_CHECKING:
    from ..brands import Brand
    from .tags import TagRef

_COLUMNS = ("code", "name", "kind", "tags", "created_at")
_VIEW = "SELECT id, code, name, kind, tags, created_at FROM channel "


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. ``tags`` are the ids of tags that people who come through it get."""

    id: int
    code: str
    name: str
    kind: str
    tags: tuple[int, ...]
    created_at: int


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Who arrived first through a channel: ``people``, how many of them bought by now, and their net money."""

    people: int = 0
    buyers: int = 0
    money: int = 0


class Source(NamedTuple):
    """What a state or code leads to: ids and codes of channel and link; None and empty where unknown."""

    channel_id: int | None
    link_id: int | None
    channel_code: str
    link_code: str


UNKNOWN = Source(None, None, "", "")


class Channels:
    """A brand's channels; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def create(
        self, code: str, name: str = "", kind: str = "", *, tags: Sequence[TagRef] = (), actor: str = ""
    ) -> ChannelView:
        """Create a channel; ``tags`` (ids or group and name) are given to everybody who comes through it.

        With ``actor`` the audit log names who did.
        Raises Conflict when the code is taken, Invalid for a bad text, and
        NotFound for an unknown tag.
        """
        view = self._insert(code, name, kind, tags)
        if view is None:
            raise Conflict(f"the channel code {code!r} is taken", code="channel_exists")
        if actor:
            audit.record(self.brand, actor, "channel.create", f"channel:{view.code}")
        return view

    @transactional
    def ensure(self, code: str, name: str = "", kind: str = "", *, tags: Sequence[TagRef] = ()) -> ChannelView:
        """The channel with this code, created when there is none; one that exists stays as it is."""
        return self._insert(code, name, kind, tags) or self.get(clean_text(code, field="code"))

    def _insert(self, code: str, name: str, kind: str, tags: Sequence[TagRef]) -> ChannelView | None:
        code = clean_text(code, field="code", max_length=LIMITS.name)
        if not code:
            raise Invalid("a channel needs a code", field="code")
        name = clean_text(name, field="name", max_length=LIMITS.name)
        kind = clean_text(kind, field="kind", max_length=LIMITS.name)
        begin_writing()
        ids = tuple(dict.fromkeys(self._tag_id(tag) for tag in tags))
        row = (code, name, kind, list(ids) or None, self.brand.now())
        made = insert_returning(
            Channel, _COLUMNS, [row], returning=("id",), on_conflict="ON CONFLICT (code) DO NOTHING"
        )
        return ChannelView(made[0][0], code, name, kind, ids, row[4]) if made else None

    def _tag_id(self, tag: TagRef) -> int:
        if isinstance(tag, int):
            found = execute("SELECT id FROM tag WHERE id = ? AND retirement_id IS NULL", (tag,)).fetchone()
            tag_id = found[0] if found is not None else None
        else:
            tag_id = self.brand.tags.find(*tag)
        if tag_id is None:
            raise NotFound(f"no tag {tag if isinstance(tag, int) else '/'.join(tag)} in use; {HOW_TO_DEFINE}")
        return int(tag_id)

    def get(self, code: str) -> ChannelView:
        """The channel with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no channel {code!r}")
        return _view(row)

    def page(self, *, after: int | None = None, limit: int = 50) -> list[ChannelView]:
        """Channels with ids above ``after``, ascending, at most ``limit``."""
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        rows = execute(_VIEW + "WHERE id > ? ORDER BY id LIMIT ?", (after or 0, limit)).fetchall()
        return [_view(row) for row in rows]

    def figures(self, since: int) -> dict[int, ChannelFigures]:
        """What channels (by id) brought of the people who arrived since an instant; others brought nobody."""
        rows = execute(
            "SELECT lead_channel_id, count(*), count(CASE WHEN orders > 0 THEN 1 END), sum(money) FROM contact "
            "WHERE lead_at >= ? AND lead_channel_id IS NOT NULL AND state = 'active' GROUP BY lead_channel_id",
            (since,),
        ).fetchall()
        return {row[0]: ChannelFigures(row[1], row[2], int(row[3])) for row in rows}

    def resolve_state(self, state: str) -> Source:
        """What the state that came with a person leads to: a short link's code first, else a channel's.

        A link that has expired or was disabled still says where the person came from.
        """
        if not state or len(state) > LIMITS.name:
            return UNKNOWN
        row = execute(
            "SELECT c.id, l.id, c.code, l.code FROM link l JOIN channel c ON c.id = l.channel_id WHERE l.code = ?",
            (state,),
        ).fetchone()
        if row is not None:
            return Source(*row)
        row = execute("SELECT id, code FROM channel WHERE code = ?", (state,)).fetchone()
        return Source(row[0], None, row[1], "") if row is not None else UNKNOWN


def _view(row: tuple[Any, ...]) -> ChannelView:
    tags = Channel.tags.python_value(row[4]) or ()
    return ChannelView(*row[:4], tuple(tags), row[5])
