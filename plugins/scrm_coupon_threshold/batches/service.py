"""Batches of coupons: created as drafts, opened, frozen with the first coupon, paused and closed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, transactional

from ..claims.voiding import lock_batch
from ..gates.definition import Gate, read_gate
from ..models import Batch as BatchModel
from .codes import HANDED_OUT
from .definition import BRAKES, Definition, read_definition, read_validity
from .validity import ABSOLUTE, Validity
from .views import definition_view
from .worst import worst

if TYPE_CHECKING:
    from scrm_core.api import Brand

JSON_COLUMNS = ("rule", "scope", "channels", "stores", "gate")
FREE_AFTER_FIRST = ("title", "brakes", "validity")
"""Members of a definition that may still change once coupons are out: the name, the brakes and a longer validity."""

_COLUMNS = tuple(field.column_name for field in BatchModel._meta.sorted_fields)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM coupon_threshold_batch"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it stands now; fields as in the table, JSON as Python values."""

    id: int
    code: str
    title: str
    terms: str
    rule: dict[str, Any]
    scope: dict[str, Any]
    step: str
    stack_group: str
    exclusive: int
    basis: str
    payer: str
    channels: list[str]
    stores: list[str]
    gate: dict[str, Any] | None
    state: str
    validity: str
    valid_from: int | None
    valid_to: int | None
    valid_days: int | None
    claim_from: int | None
    claim_to: int | None
    stock_total: int | None
    stock_left: int | None
    codes: int
    per_person: int | None
    per_person_day: int | None
    per_day: int | None
    per_device: int | None
    per_network_day: int | None
    per_minute: int | None
    speed_bp: int | None
    speed_from_minor: int | None
    pause_reason: str
    budget_minor: int | None
    budget_used_minor: int
    promise: int
    promise_minor: int
    return_policy: str
    extend_days: int
    issued: int
    created_at: int
    opened_at: int | None
    closed_at: int | None

    @property
    def validity_rule(self) -> Validity:
        """How its coupons are valid."""
        return Validity(self.validity, self.valid_from, self.valid_to, self.valid_days)

    @property
    def gate_rule(self) -> Gate | None:
        """Its claim gate, or None."""
        return None if self.gate is None else read_gate(self.gate)


class Batches:
    """The batches of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def create(self, value: Any, *, actor: str = "operator") -> Batch:
        """Create a batch as a draft from its definition (JSON); the same one again answers the first.

        Raises Invalid naming the field at fault, and Conflict when the code is taken by another definition.
        """
        definition = read_definition(value, self.brand.zone)
        columns = {**_stored(definition), "created_at": self.brand.now(), "state": "draft", "pause_reason": ""}
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        row = execute(
            f"INSERT INTO coupon_threshold_batch (code, {names}, budget_used_minor, issued) "
            f"VALUES (?, {marks}, 0, 0) ON CONFLICT (code) DO NOTHING RETURNING id",
            (definition.code, *columns.values()),
        ).fetchone()
        if row is not None:
            _stock_gift(row[0], definition)
            self.brand.audit.note(actor, "coupon_batch.create", _target(definition.code))
        batch = self.get(definition.code)
        if row is None and definition_view(batch, self.brand.zone) != self._written(definition):
            raise Conflict(f"the batch {definition.code!r} exists with another definition", code="batch_exists")
        return batch

    def dry_run(self, value: Any) -> dict[str, Any]:
        """What the batch of a definition would cost at worst, see :func:`~.worst.worst`; writes nothing.

        Raises Invalid as :meth:`create` does; ``taken`` says that the code is another batch's.
        """
        definition = read_definition(value, self.brand.zone)
        row = execute(f"{_SELECT} WHERE code = ?", (definition.code,)).fetchone()
        taken = row is not None and definition_view(batch_of(row), self.brand.zone) != self._written(definition)
        return {"code": definition.code, "taken": taken, **worst(self.brand, definition)}

    @transactional
    def update(self, code: str, changes: Any, *, actor: str = "operator") -> Batch:
        """Change members of a batch's definition; what is not named stays.

        Everything may change until the first coupon is out, or the first cart
        has used the promotion; after that the title, the brakes, and a validity
        that takes nothing from anybody. Raises Conflict (``frozen``) for other
        changes, and Invalid.
        """
        if not isinstance(changes, dict) or not changes:
            raise Invalid("name at least one member of the definition to change")
        # Locked before it is read: whoever changes other members right now has written them by then.
        lock_batch(self.get(code).id)
        batch = self.get(code)
        if "code" in changes:
            raise Invalid("code: a batch keeps its code", field="code")
        before = definition_view(batch, self.brand.zone)
        definition = read_definition({**before, **changes}, self.brand.zone)
        wanted = self._written(definition)
        changed = {name for name in wanted if wanted[name] != before.get(name)}
        if changed <= set(FREE_AFTER_FIRST):
            self._amend(batch, definition)
            if "validity" in changed:
                self._lengthen(batch, changes["validity"])
        else:
            self._rewrite(batch, definition)
        if changed:
            self.brand.audit.note(actor, "coupon_batch.change", _target(code), {"changed": sorted(changed)})
        return self.get(code)

    @staticmethod
    def _amend(batch: Batch, definition: Definition) -> None:
        execute(
            "UPDATE coupon_threshold_batch SET title = ?, per_minute = ?, speed_bp = ?, speed_from_minor = ? "
            "WHERE id = ?",
            (*(definition.columns[name] for name in ("title", *BRAKES)), batch.id),
        )

    def _lengthen(self, batch: Batch, value: Any) -> None:
        validity = read_validity(value, self.brand.zone)
        if not validity.lengthens(batch.validity_rule):
            # Shortening is a change like others: only before the first coupon.
            self._when_unissued(
                batch,
                "validity = ?, valid_from = ?, valid_to = ?, valid_days = ?",
                (validity.kind, validity.since, validity.until, validity.days),
            )
            return
        execute(
            "UPDATE coupon_threshold_batch SET valid_to = ?, valid_days = ? WHERE id = ?",
            (validity.until, validity.days, batch.id),
        )
        if validity.kind == ABSOLUTE:
            # Used ones too, for they may come back; one that came back for some days more loses none of them.
            execute(
                "UPDATE coupon_threshold_coupon SET valid_to = CAST(? AS BIGINT) "
                "WHERE batch_id = ? AND state IN ('claimed', 'held', 'used') AND source <> 'promotion' "
                "AND (CAST(? AS BIGINT) IS NULL OR valid_to < ?)",
                (validity.until, batch.id, validity.until, validity.until),
            )

    def _rewrite(self, batch: Batch, definition: Definition) -> None:
        columns = _stored(definition)
        if batch.codes:
            if not columns["codes"]:
                raise Invalid("codes: a batch with a pool keeps it; create another batch", field="codes")
            del columns["stock_total"], columns["stock_left"]
        self._when_unissued(batch, ", ".join(f"{name} = ?" for name in columns), tuple(columns.values()))
        execute("DELETE FROM coupon_threshold_gift WHERE batch_id = ?", (batch.id,))
        _stock_gift(batch.id, definition)

    def _when_unissued(self, batch: Batch, assignments: str, values: tuple[Any, ...]) -> None:
        changed = execute(
            f"UPDATE coupon_threshold_batch SET {assignments} WHERE id = ? AND issued = 0 AND state <> 'closed' "
            # A promotion counts no claims: each use of it is a coupon.
            "AND NOT EXISTS (SELECT 1 FROM coupon_threshold_coupon c WHERE c.batch_id = coupon_threshold_batch.id)",
            (*values, batch.id),
        ).rowcount
        if not changed:
            raise Conflict(
                f"the batch {batch.code!r} is frozen: coupons are out or it is closed. The title and brakes may "
                "change, stock be added and the validity be lengthened; for another rule create another batch",
                code="frozen",
            )

    @transactional
    def raise_stock(self, code: str, total: int, *, actor: str = "operator") -> Batch:
        """Raise a batch's stock to ``total`` coupons ever; the same total again changes nothing.

        Raises Invalid for fewer than there are, for a code pool and for a batch without a limit.
        """
        if type(total) is not int or not 0 <= total <= 2**53:
            raise Invalid("total: a whole number of coupons of at least 0", field="total")
        changed = execute(
            "UPDATE coupon_threshold_batch SET stock_left = stock_left + (CAST(? AS BIGINT) - stock_total), "
            "stock_total = ? WHERE code = ? AND codes = 0 AND stock_total <= ? AND state <> 'closed'",
            (total, total, code, total),
        ).rowcount
        batch = self.get(code)
        if changed:
            self.brand.audit.note(actor, "coupon_batch.stock", _target(code), {"total": total})
            return batch
        if batch.state == "closed":
            raise Conflict(f"the batch {code!r} is closed", code="closed")
        if batch.codes:
            raise Invalid("total: a code pool grows by importing or drawing codes", field="total")
        if batch.stock_total is None:
            raise Invalid(f"total: the batch {code!r} has no stock limit", field="total")
        raise Invalid(f"total: stock is only added; there are {batch.stock_total} already", field="total")

    def open(self, code: str, *, actor: str = "operator") -> Batch:
        """Let claims begin (draft or paused -> open); an open batch stays open. Raises Conflict for a closed one."""
        batch = self.get(code)
        if batch.codes and not batch.stock_total:
            raise Conflict(f"the batch {code!r} has no codes yet; import or draw some", code="no_codes")
        return self._move(code, "open", ("draft", "paused"), actor)

    def pause(self, code: str, *, actor: str = "operator") -> Batch:
        """Stop claims for now (open -> paused); coupons that are out stay good."""
        return self._move(code, "paused", ("open",), actor)

    def close(self, code: str, *, actor: str = "operator") -> Batch:
        """Stop claims for good; coupons that are out stay good."""
        return self._move(code, "closed", ("draft", "open", "paused"), actor)

    @transactional
    def _move(self, code: str, state: str, allowed: tuple[str, ...], actor: str) -> Batch:
        now = self.brand.now()
        stamp = {"open": "opened_at = coalesce(opened_at, ?)", "closed": "closed_at = ?"}.get(state)
        values = (state, now) if stamp else (state,)
        moved = execute(
            f"UPDATE coupon_threshold_batch SET state = ?, pause_reason = ''{', ' + stamp if stamp else ''} "
            f"WHERE code = ? AND state IN ({', '.join('?' * len(allowed))})",
            (*values, code, *allowed),
        ).rowcount
        batch = self.get(code)
        if batch.state != state:
            raise Conflict(f"the batch {code!r} is {batch.state} and cannot become {state}", code=f"is_{batch.state}")
        if moved:
            self.brand.audit.note(actor, f"coupon_batch.{state}", _target(code))
        return batch

    def get(self, code: str) -> Batch:
        """A batch by its code; raises NotFound."""
        row = execute(f"{_SELECT} WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no coupon batch {code[:60]!r}")
        return batch_of(row)

    def by_id(self, batch_id: int) -> Batch:
        """A batch by its id; raises NotFound."""
        row = execute(f"{_SELECT} WHERE id = ?", (batch_id,)).fetchone()
        if row is None:
            raise NotFound(f"no coupon batch {batch_id}")
        return batch_of(row)

    def any_by_code(self) -> bool:
        """Whether some batch takes codes that were handed out, so that people need a place to enter one."""
        sql = "SELECT 1 FROM coupon_threshold_batch WHERE codes = ? AND state IN ('open', 'paused')"
        return execute(sql, (HANDED_OUT,)).fetchone() is not None

    def page(self, *, state: str | None = None, after: int = 0, limit: int = 200) -> list[Batch]:
        """Batches, oldest first, with ids above ``after``, of one state or all."""
        where, values = ("", ()) if state is None else (" AND state = ?", (state,))
        rows = execute(f"{_SELECT} WHERE id > ?{where} ORDER BY id LIMIT ?", (after, *values, limit)).fetchall()
        return [batch_of(row) for row in rows]

    def latest(self, *, before: int = 0, limit: int = 50) -> list[Batch]:
        """Batches, newest first; ``before`` is the last id of the page before."""
        where, values = ("WHERE id < ? ", (before,)) if before else ("", ())
        rows = execute(f"{_SELECT} {where}ORDER BY id DESC LIMIT ?", (*values, limit)).fetchall()
        return [batch_of(row) for row in rows]

    def _written(self, definition: Definition) -> dict[str, Any]:
        """The definition as its view would show it: what two definitions are compared by."""
        columns = {
            "stock_left": None, "budget_used_minor": 0, "issued": 0, "created_at": 0, "opened_at": None,
            "closed_at": None, "state": "draft", "pause_reason": "", **definition.columns,
        }  # fmt: skip
        return definition_view(Batch(id=0, code=definition.code, **columns), self.brand.zone)


def _target(code: str) -> str:
    """A batch as the audit log names it."""
    return f"coupon_batch:{code}"


def batch_of(row: tuple[Any, ...]) -> Batch:
    """A row of the batch table, in the order of its columns."""
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in JSON_COLUMNS:
        if values[name] is not None:
            values[name] = json.loads(values[name])
    return Batch(**values)


def _stock_gift(batch_id: int, definition: Definition) -> None:
    """Put the gift that a rule limits on the shelf."""
    rule = definition.columns["rule"]
    if rule.get("stock") is not None:
        execute(
            "INSERT INTO coupon_threshold_gift (batch_id, sku, stock_total, stock_left) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (batch_id, sku) DO NOTHING",
            (batch_id, rule["gift_sku"], rule["stock"], rule["stock"]),
        )


def _stored(definition: Definition) -> dict[str, Any]:
    """Columns and values as they are written."""
    columns = dict(definition.columns)
    for name in JSON_COLUMNS:
        columns[name] = getattr(BatchModel, name).db_value(columns[name])
    columns["stock_left"] = columns["stock_total"]
    return columns
