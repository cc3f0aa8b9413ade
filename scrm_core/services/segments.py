"""Segments (人群): audiences named by an expression of the segment language.

An expression becomes one SQL statement; members are read in keyset pages, so
the ten-thousandth page costs what the first one does. The language is
described in :mod:`scrm_core.segmentlang`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound, PluginError
from ..limits import LIMITS
from ..models import Segment
from ..segmentlang import CORE_FIELDS, Catalogue, FieldKind, FieldSpec, parse, to_text
from ..segmentlang.fields import Stored
from ..segmentlang.sql import Context, Sql, compile_condition
from ..segmentlang.tree import conditions
from ..values.masking import scrub
from ..values.money import exponent_of
from ..values.text import clean_text
from . import audit
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand

PAGE_ROWS = 10_000
"""The most contacts that one page of a segment holds."""

_PLUGIN_KINDS = {"number": FieldKind.NUMBER, "text": FieldKind.TEXT, "instant": FieldKind.DATE}


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A saved segment; instants are epoch milliseconds."""

    name: str
    expression: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class SegmentMember:
    """A contact in a segment: its id inside, its unguessable ``uid`` outside, its name."""

    contact_id: int
    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an expression means: its canonical text, its fields and the SQL it becomes."""

    expression: str
    fields: tuple[tuple[str, str], ...]
    sql: str
    params: tuple[int | str, ...]


class Segments:
    """The segments of one brand. Every method raises SegmentError for a faulty expression."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def catalogue(self) -> Catalogue:
        """Every field that an expression of this brand may name."""
        plugins: dict[str, dict[str, FieldSpec]] = {}
        for name, plugin in self.brand.plugins.items():
            if plugin.segment_fields:
                plugins[name] = {field: self._plugin_field(name, field) for field in plugin.segment_fields}
        return Catalogue(CORE_FIELDS, plugins, exponent_of(self.brand.currency))

    def _plugin_field(self, plugin_name: str, name: str) -> FieldSpec:
        plugin = self.brand.plugins[plugin_name]
        declared = plugin.segment_fields[name]
        kind = _PLUGIN_KINDS.get(declared.kind)
        if kind is None:
            raise PluginError(
                f"plugin {plugin_name!r}: segment field {name!r} has kind {declared.kind!r}; "
                f"kinds are {', '.join(_PLUGIN_KINDS)}"
            )
        select, params = getattr(plugin, declared.contacts)()
        if "%" in select:
            raise PluginError(
                f"plugin {plugin_name!r}: the SQL of segment field {name!r} contains a %; pass it as a parameter"
            )
        return FieldSpec(f"{plugin_name}.{name}", kind, declared.title, stored=Stored(select, tuple(params)))

    @transactional
    def save(self, name: str, expression: str, *, actor: str = "operator", seen: str | None = None) -> SegmentView:
        """Create the segment ``name`` or replace its expression; the audit has both texts, phones masked.

        ``seen`` is the expression that the caller looked at, empty for a name that
        should be new: raises Conflict (``segment_changed``) when somebody else has
        changed it, or taken the name, since.
        """
        name = _name(name)
        self._compile(expression)
        begin_writing()
        held = "" if self.brand.handle.engine == "sqlite" else " FOR UPDATE"
        row = execute(f"SELECT expression FROM segment WHERE name = ?{held}", (name,)).fetchone()
        before = "" if row is None else str(row[0])
        if seen is not None and seen != before:
            raise _changed(name)
        now = self.brand.now()
        written = execute(
            "INSERT INTO segment (name, expression, created_at, updated_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET expression = excluded.expression, updated_at = excluded.updated_at "
            # Two that make one name at a time: the second would not see the first's text.
            "WHERE ? = 1 RETURNING id",
            (name, expression, now, now, int(seen != "")),
        ).fetchone()
        if written is None:
            raise _changed(name)
        told = {"name": name, "before": scrub(before) or None, "after": scrub(expression)}
        if before != expression:
            audit.record(self.brand, actor, "segment.save", f"segment:{written[0]}", told)
        return self.get(name)

    @transactional
    def rename(self, name: str, to: str, *, actor: str = "operator") -> SegmentView:
        """Call a segment otherwise; raises NotFound, Conflict (``segment_exists``) where the new name is taken.

        What names it elsewhere, such as a plan, does not follow.
        """
        to = _name(to)
        begin_writing()
        if to != name and execute("SELECT 1 FROM segment WHERE name = ?", (to,)).fetchone() is not None:
            raise Conflict(f"there is a segment {to!r} already", code="segment_exists")
        row = execute(
            "UPDATE segment SET name = ?, updated_at = ? WHERE name = ? RETURNING id", (to, self.brand.now(), name)
        ).fetchone()
        if row is None:
            raise NotFound(f"no segment {name!r}")
        audit.record(self.brand, actor, "segment.rename", f"segment:{row[0]}", {"before": name, "after": to})
        return self.get(to)

    def get(self, name: str) -> SegmentView:
        """The saved segment ``name``; raises NotFound."""
        row = Segment.select().where(Segment.name == name).first()
        if row is None:
            raise NotFound(f"no segment {name!r}")
        return _view(row)

    @transactional
    def delete(self, name: str, *, actor: str = "operator") -> None:
        """Forget a saved segment; raises NotFound. The audit keeps its expression, phones masked."""
        begin_writing()
        row = execute("DELETE FROM segment WHERE name = ? RETURNING id, expression", (name,)).fetchone()
        if row is None:
            raise NotFound(f"no segment {name!r}")
        told = {"name": name, "before": scrub(row[1]), "after": None}
        audit.record(self.brand, actor, "segment.delete", f"segment:{row[0]}", told)

    def count(self, expression: str) -> int:
        """How many active contacts fulfil the expression."""
        where = self._compile(expression, whole=True)
        sql = f"SELECT count(*) FROM contact c WHERE c.state = 'active' AND {where.text}"
        return int(execute(sql, where.params).fetchone()[0])

    def page(self, expression: str, after: int = 0, limit: int = LIMITS.page_rows) -> list[int]:
        """Ids of the next ``limit`` contacts with an id above ``after``, in ascending order.

        The last id of a page is the ``after`` of the next; a page shorter than
        ``limit`` is the last one. Raises Invalid for a limit outside
        1 to :data:`PAGE_ROWS`.
        """
        sql = self._page_sql("c.id", expression, after, limit)
        return [row[0] for row in execute(sql.text, sql.params).fetchall()]

    def members(self, expression: str, after: int = 0, limit: int = LIMITS.page_rows) -> list[SegmentMember]:
        """Like :meth:`page`, with what is shown of each contact."""
        sql = self._page_sql("c.id, c.uid, c.name", expression, after, limit)
        return [SegmentMember(*row) for row in execute(sql.text, sql.params).fetchall()]

    def condition(self, expression: str) -> Sql:
        """The expression as SQL to put into a query: a condition on ``contact c`` with ``?`` marks and ``params``."""
        return self._compile(expression)

    def explain(self, expression: str) -> Explanation:
        """What the expression means, without running it."""
        tree = parse(expression)
        where = self._compile(expression)
        catalogue = self.catalogue()
        named = {str(each.field): catalogue.find(each.field, expression).summary for each in conditions(tree)}
        return Explanation(to_text(tree), tuple(named.items()), where.text, where.params)

    def _page_sql(self, columns: str, expression: str, after: int, limit: int) -> Sql:
        if not 1 <= limit <= PAGE_ROWS:
            raise Invalid(f"a page has 1 to {PAGE_ROWS} contacts, not {limit}", field="limit")
        where = self._compile(expression)
        return Sql(
            f"SELECT {columns} FROM contact c WHERE c.id > ? AND c.state = 'active' AND {where.text} "
            "ORDER BY c.id LIMIT ?",
            (after, *where.params, limit),
        )

    def _compile(self, expression: str, *, whole: bool = False) -> Sql:
        context = Context(
            self.catalogue(),
            self.brand.day(self.brand.now()),
            self.brand.zone,
            self.brand.config.phone_region,
            whole=whole,
            sets=whole and self.brand.handle.engine == "sqlite",
        )
        return compile_condition(parse(expression), context, expression)

    def list(self) -> list[SegmentView]:
        """All saved segments by name."""
        return [_view(row) for row in Segment.select().order_by(Segment.name)]


def _name(name: str) -> str:
    name = clean_text(name, field="name", max_length=LIMITS.name)
    if not name:
        raise Invalid("a segment needs a name", field="name")
    return name


def _changed(name: str) -> Conflict:
    told = f"somebody else has changed the segment {name!r} meanwhile; look at it again"
    return Conflict(told, code="segment_changed")


def _view(row: Segment) -> SegmentView:
    return SegmentView(row.name, row.expression, row.created_at, row.updated_at)
