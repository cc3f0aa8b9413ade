"""Rewards (奖励): granted once per grant key, issued by whichever plugin issues their kind.

The ledger is append-only: a reversal is a row of its own with the amounts
negated, linked to the grant that it takes back, and there is one at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clock import iso
from ..db import brand_db, transactional
from ..db.bulk import execute, fetch_in
from ..db.faults import is_fault
from ..errors import Conflict, Invalid, NotFound, PluginError, Veto
from ..facts import RewardItem, RewardOrder
from ..limits import LIMITS
from ..models import Reward
from ..values.money import exponent_of, format_minor
from ..values.text import clean_text, csv_cell
from ..values.uids import new_uid
from . import audit
from .order_checks import whole
from .survivors import begin_writing, survivor

if TYPE_CHECKING:
    from ..brands import Brand
    from ..plugin import Plugin

_REVERSAL = "reversal:"
_INSERT = (
    "INSERT INTO reward (uid, kind, item, contact_id, quantity, cost_minor, grant_key, issuer, reason, actor, at, "
    "reverses_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
)


class _Row(NamedTuple):
    """What is written of a grant or a reversal, in the order of the table's columns."""

    kind: str
    item: str
    contact_id: int
    quantity: int
    cost_minor: int
    grant_key: str
    issuer: str
    reason: str
    actor: str


_VIEW = (
    "SELECT r.id, r.uid, r.kind, r.contact_id, r.quantity, r.cost_minor, r.grant_key, r.issuer, r.issued, r.reason, "
    "r.actor, r.at, origin.uid, back.uid, r.item FROM reward r LEFT JOIN reward origin ON origin.id = r.reverses_id "
    "LEFT JOIN reward back ON back.reverses_id = r.id "
)


@dataclass(frozen=True, slots=True)
class RewardWanted:
    """A reward that somebody plans to grant ``times`` times; None where nobody limits that: at least once."""

    kind: str
    item: str
    quantity: int
    times: int | None

    @property
    def least(self) -> int:
        """How often it is granted at least."""
        return 1 if self.times is None else self.times


@dataclass(frozen=True, slots=True)
class RewardView:
    """A row of the ledger. ``cost_minor`` is the cost of all of ``quantity``, in minor units.

    ``item`` says which one of its kind it is (a coupon's batch, a SKU), or is empty.
    ``issued`` is what the issuing plugin answered (a code, an entry id).
    ``reverses`` is the uid of the grant that this row takes back, ``reversed_by``
    the uid of the row that took this one back.
    """

    id: int
    uid: str
    kind: str
    contact_id: int
    quantity: int
    cost_minor: int
    grant_key: str
    issuer: str
    issued: dict[str, Any] | None
    reason: str
    actor: str
    at: int
    reverses: str | None
    reversed_by: str | None
    item: str


STATES = ("given", "reversed", "reversal")
"""What a row of the ledger is: a grant that stands, one that was taken back, or the taking back of one."""

REWARD_COLUMNS = (
    "at", "uid", "kind", "item", "contact", "quantity", "cost", "issuer", "reason", "actor", "reverses", "reversed_by",
)  # fmt: skip
"""The columns of an exported ledger."""


@dataclass(frozen=True, slots=True)
class RewardFilter:
    """Which rows are meant: all that is given holds. ``state`` is one of :data:`STATES`, ``issuer`` a plugin."""

    kind: str = ""
    issuer: str = ""
    state: str = ""
    contact_id: int | None = None


class Rewards:
    """A brand's rewards; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def grant(
        self,
        kind: str,
        contact_id: int,
        *,
        grant_key: str,
        item: str = "",
        quantity: int = 1,
        cost_minor: int = 0,
        reason: str = "",
        actor: str = "",
    ) -> RewardView:
        """Grant a reward once per ``grant_key``; the same grant again answers the first one.

        The plugin that issues the kind is called inside the transaction; its Veto
        and its Invalid (an item or a quantity that cannot be) pass through and
        nothing is granted. Raises Conflict when no enabled plugin issues the kind
        or the key was used for something else, NotFound for an unknown or erased
        contact, Invalid for bad content, and PluginError when the plugin fails.
        """
        kind = clean_text(kind, field="kind", max_length=LIMITS.name)
        item = clean_text(item, field="item", max_length=LIMITS.name)
        key = clean_text(grant_key, field="grant_key", max_length=LIMITS.name)
        if not key or key.startswith(_REVERSAL):
            raise Invalid(f"a grant needs a key, which does not begin with {_REVERSAL!r}", field="grant_key")
        whole(quantity, "quantity", 1)
        whole(cost_minor, "cost_minor")
        reason = clean_text(reason, field="reason")
        actor = clean_text(actor, field="actor", max_length=LIMITS.name)
        begin_writing()
        contact_id = survivor(contact_id)
        issuer = self._issues(kind)
        if issuer is not None:
            row = _Row(kind, item, contact_id, quantity, cost_minor, key, issuer.name, reason, actor)
            # A savepoint: what the plugin wrote before its veto goes with the row.
            with brand_db.atomic():
                made = self._append(row, None, "(grant_key)")
                if made is not None:
                    return self._issue(issuer, made, row)
        # Granted before, which stands whoever issues the kind today.
        found = self._find("r.grant_key = ?", key)
        if found is None:
            raise self._no_issuer(kind)
        same = (found.kind, found.item, found.quantity) == (kind, item, quantity)
        if not same or survivor(found.contact_id) != contact_id:
            raise Conflict(f"the grant key {key!r} was used for another reward", code="grant_key_used")
        return found

    def _issue(self, issuer: Plugin, made: tuple[int, str, int], row: _Row) -> RewardView:
        reward_id, uid, at = made
        order = RewardOrder(
            reward_id, row.kind, row.contact_id, row.quantity, row.grant_key, row.reason, at, item=row.item
        )
        issued = _call(issuer, "issue_reward", order)
        if not isinstance(issued, dict):
            raise PluginError(f"plugin {issuer.name!r}: issue_reward() returned {type(issued).__name__}, not a dict")
        try:
            text = Reward.issued.db_value(issued)
        except (TypeError, ValueError) as exc:
            raise PluginError(f"plugin {issuer.name!r}: issue_reward() returned what JSON cannot hold: {exc}") from exc
        execute("UPDATE reward SET issued = ? WHERE id = ?", (text, reward_id))
        return RewardView(
            reward_id, uid, row.kind, row.contact_id, row.quantity, row.cost_minor, row.grant_key, row.issuer,
            Reward.issued.python_value(text), row.reason, row.actor, at, None, None, row.item,
        )  # fmt: skip

    @transactional
    def reverse(self, reward: str, *, reason: str, actor: str = "") -> RewardView:
        """Take a grant back, named by its uid or grant key; a second call answers the first reversal.

        Raises NotFound for an unknown reward, Conflict for a reversal itself or
        when the plugin that issued it is switched off; a plugin's Veto passes through.
        """
        reason = clean_text(reason, field="reason")
        actor = clean_text(actor, field="actor", max_length=LIMITS.name)
        begin_writing()
        granted = self._find("r.uid = ?", reward) or self._known("r.grant_key = ?", reward)
        if granted.reverses is not None:
            raise Conflict("a reversal cannot be reversed; grant anew", code="reversal")
        if granted.reversed_by is not None:
            return self.get(granted.reversed_by)
        issuer = self.brand.plugins.get(granted.issuer)
        if issuer is None:
            raise Conflict(f"plugin {granted.issuer!r}, which issued the reward, is switched off", code="no_issuer")
        row = _Row(
            granted.kind, granted.item, granted.contact_id, -granted.quantity, -granted.cost_minor,
            _REVERSAL + granted.uid, granted.issuer, reason, actor,
        )  # fmt: skip
        with brand_db.atomic():
            if self._append(row, granted.id) is not None:
                order = RewardOrder(
                    granted.id, granted.kind, granted.contact_id, granted.quantity, granted.grant_key, reason,
                    self.brand.now(), granted.issued, granted.item,
                )  # fmt: skip
                _call(issuer, "reverse_reward", order)
        return self._known("r.reverses_id = ?", granted.id)

    def take_back(self, reward: str, *, reason: str, actor: str) -> RewardView:
        """Like :meth:`reverse`, by somebody of the house: with a reason, and the audit log names who did it."""
        if not clean_text(reason, field="reason"):
            raise Invalid("say why the reward is taken back", field="reason")
        with brand_db.atomic():
            before = self._find("r.uid = ?", reward) or self._known("r.grant_key = ?", reward)
            made = self.reverse(reward, reason=reason, actor=actor)
            if before.reversed_by is None and made.actor == actor:
                detail = {"kind": made.kind, "quantity": made.quantity, "reversal": made.uid}
                audit.record(self.brand, actor, "reward.reverse", f"reward:{before.uid}", detail)
        return made

    def _append(
        self, row: _Row, reverses_id: int | None, known: str = ""
    ) -> tuple[int, str, int] | None:
        """Write a row, nothing issued yet: (id, uid, instant); None when its key (``known``) is there already."""
        now = self.brand.now()
        uid = new_uid(now)
        made = execute(f"{_INSERT}ON CONFLICT {known} DO NOTHING RETURNING id", (uid, *row, now, reverses_id))
        found = made.fetchone()
        return None if found is None else (int(found[0]), uid, now)

    def _issues(self, kind: str) -> Plugin | None:
        return next((plugin for plugin in self.brand.plugins.values() if kind in plugin.reward_kinds), None)

    def _no_issuer(self, kind: str) -> Conflict:
        name = kind if kind in self.brand.installation.loader.candidates() else "NAME"
        known = ", ".join(sorted(self.kinds())) or "none"
        return Conflict(
            f"no enabled plugin issues rewards of kind {kind!r}; add [plugins.{name}], the plugin that does, to the "
            f"file of brand {self.brand.id!r}, or choose a kind that is issued there ({known})",
            code="no_issuer",
        )

    def check(self, kind: str, item: str = "") -> None:
        """Whether a reward could be granted: raises Conflict (``no_issuer``) when no enabled plugin issues the kind.

        Raises Invalid (``item``) for an item that the issuing plugin does not know.
        """
        issuer = self._issues(kind)
        if issuer is None:
            raise self._no_issuer(kind)
        issuer.verify_reward_item(kind, item)

    def item(self, kind: str, item: str) -> RewardItem | None:
        """What is known of an item, whoever hands it out; None when the issuer has none of that name.

        Unlike :meth:`check` it also knows what is given by hand and never granted, such as
        codes that were handed out. Raises Conflict (``no_issuer``) when no enabled plugin issues the kind.
        """
        issuer = self._issues(kind)
        if issuer is None:
            raise self._no_issuer(kind)
        return issuer.reward_item(kind, item)

    def worth(self, kind: str, item: str = "", quantity: int = 1) -> int | None:
        """What a reward is worth at most, in minor units, as its issuer says; None when it cannot.

        Raises Conflict (``no_issuer``) when no enabled plugin issues the kind.
        """
        issuer = self._issues(kind)
        if issuer is None:
            raise self._no_issuer(kind)
        return issuer.reward_worth(kind, item, quantity)

    def shortages(self, wanted: Sequence[RewardWanted], *, most_minor: int | None = None) -> list[str]:
        """Why not all of these rewards could be granted now, a sentence of each issuer that lacks something.

        ``most_minor``: they are planned within a budget, and cost no more in all.
        Raises Conflict (``no_issuer``) when no enabled plugin issues a kind.
        """
        by_issuer: dict[str, list[RewardWanted]] = {}
        for each in wanted:
            issuer = self._issues(each.kind)
            if issuer is None:
                raise self._no_issuer(each.kind)
            by_issuer.setdefault(issuer.name, []).append(each)
        found = (self.brand.plugins[name].reward_shortage(each, most_minor) for name, each in by_issuer.items())
        return [told for told in found if told]

    # Reading -----------------------------------------------------------------

    def get(self, uid: str) -> RewardView:
        """The row with this uid; raises NotFound."""
        return self._known("r.uid = ?", uid)

    def page(
        self, *, contact_id: int | None = None, after: int | None = None, limit: int = 50
    ) -> list[RewardView]:
        """Rows with ids above ``after``, ascending, at most ``limit``; of one contact when given."""
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        where, params = ["r.id > ?"], [after or 0]
        if contact_id is not None:
            where.append("r.contact_id = ?")
            params.append(contact_id)
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY r.id LIMIT ?", [*params, limit]).fetchall()
        return [_view(row) for row in rows]

    def newest(
        self, *, matching: RewardFilter | None = None, before: int | None = None, limit: int = 50
    ) -> list[RewardView]:
        """Rows of a filter, the newest first, at most ``limit``; ``before`` is the id of a row to page on from."""
        matching = matching or RewardFilter()
        where, params = [], []
        for column, value in (("kind", matching.kind), ("issuer", matching.issuer)):
            if value:
                where.append(f"r.{column} = ?")
                params.append(value)
        if matching.contact_id is not None:
            where.append("r.contact_id = ?")
            params.append(matching.contact_id)
        # Of grants that were taken back the index of the reversals knows the order.
        place = "back.reverses_id" if matching.state == "reversed" else "r.id"
        if matching.state == "given":
            where.append("r.reverses_id IS NULL AND back.id IS NULL")
        elif matching.state == "reversal":
            where.append("r.reverses_id IS NOT NULL")
        elif matching.state not in ("", "reversed"):
            raise Invalid(f"unknown state {matching.state!r:.60}; known are {', '.join(STATES)}", field="state")
        where.append(f"{place} < ?")
        rows = execute(
            f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY {place} DESC LIMIT ?", [*params, before or 2**62, limit]
        ).fetchall()
        return [_view(row) for row in rows]

    def export(self, *, by: str, matching: RewardFilter) -> Iterator[tuple[object, ...]]:
        """Rows of a filter as cells of a CSV file, newest first, ``LIMITS.export_rows`` at most; people by their uid.

        The export is an act of its own (of ``by``) and noted before it begins. No cell starts a formula.
        """
        asked = {name: value for name, value in asdict(matching).items() if value}
        audit.record(self.brand, by, "reward.export", detail=asked or None)
        return self._cells(matching)

    def _cells(self, matching: RewardFilter) -> Iterator[tuple[object, ...]]:
        before: int | None = None
        left = LIMITS.export_rows
        while left and (found := self.newest(matching=matching, before=before, limit=min(left, 1_000))):
            uids = dict(fetch_in("SELECT id, uid FROM contact WHERE id IN ({in})", [each.contact_id for each in found]))
            for each in found:
                yield (
                    str(iso(each.at, self.brand.zone)), each.uid, csv_cell(each.kind), csv_cell(each.item),
                    uids.get(each.contact_id, ""), each.quantity,
                    format_minor(each.cost_minor, exponent_of(self.brand.currency)), each.issuer,
                    csv_cell(each.reason), csv_cell(each.actor), each.reverses or "", each.reversed_by or "",
                )  # fmt: skip
            before, left = found[-1].id, left - len(found)

    def of_contact(self, contact_id: int, limit: int = LIMITS.page_rows) -> list[RewardView]:
        """Rows of one contact, newest first, at most ``limit``."""
        rows = execute(f"{_VIEW}WHERE r.contact_id = ? ORDER BY r.id DESC LIMIT ?", (contact_id, limit)).fetchall()
        return [_view(row) for row in rows]

    def kinds(self) -> dict[str, str]:
        """Every reward kind that an enabled plugin issues, with its description."""
        return {
            kind: text for plugin in reversed(self.brand.plugins.values()) for kind, text in plugin.reward_kinds.items()
        }

    def _find(self, where: str, value: Any) -> RewardView | None:
        row = execute(f"{_VIEW}WHERE {where}", (value,)).fetchone()
        return _view(row) if row is not None else None

    def _known(self, where: str, value: Any) -> RewardView:
        found = self._find(where, value)
        if found is None:
            raise NotFound("no such reward")
        return found


def _call(plugin: Plugin, method: str, order: RewardOrder) -> Any:
    try:
        return getattr(plugin, method)(order)
    except (Veto, Invalid):
        raise
    except Exception as exc:
        if is_fault(exc):
            raise
        raise PluginError(
            f"plugin {plugin.name!r} failed in {method}: {type(exc).__name__}: {exc}", plugin=plugin.name
        ) from exc


def _view(row: tuple[Any, ...]) -> RewardView:
    return RewardView(*row[:8], Reward.issued.python_value(row[8]), *row[9:])
