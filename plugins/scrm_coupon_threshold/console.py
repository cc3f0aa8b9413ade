"""Coupons in the console: batches and how they stand, one coupon found by its code; each act is the service's own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

from scrm_core.api import (
    Column,
    Conflict,
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    ReportTable,
    current_actor,
    current_brand,
    cut_page,
    execute,
    show_minor,
)

from .batches.service import Batch
from .batches.standing import standing
from .claims.views import CouponView
from .claims.voiding import lock_batch
from .console_forms import Forms
from .console_words import STATES
from .requests import MANAGE, READ, WRITE
from .rules import describe, read_rule
from .rules.codes import shown_code
from .service import Coupons, coupons_of

ROWS = 30
MOST_DRAWN = 50_000
"""So many codes are drawn by one press; more by command, which shows how far it is."""
MOST_FILE = 1_000_000


class Pages(Forms):
    """What coupons show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "batches": ConsolePart(
            "show_batches", {"en": "Coupons: batches", "zh": "优惠券批次"}, READ,
            acts={"find": ConsoleAct("find", READ)},
        ),
        "batch": ConsolePart(
            "show_batch", {"en": "Coupons: a batch", "zh": "优惠券批次详情"}, READ,
            acts={
                "open": ConsoleAct("open_batch", WRITE), "pause": ConsoleAct("pause_batch", WRITE),
                "stop": ConsoleAct("stop_batch", WRITE), "stock": ConsoleAct("raise_stock", WRITE),
                "draw": ConsoleAct("draw_codes", WRITE), "upload": ConsoleAct("upload_codes", WRITE),
            },
            menu=False,
        ),
        "new": ConsolePart(
            "show_new", {"en": "Coupons: a new batch", "zh": "新建优惠券批次"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_batch", WRITE), "row": ConsoleAct("another_row", WRITE),
                "create": ConsoleAct("create_batch", WRITE),
            },
            menu=False,
        ),
        "change": ConsolePart(
            "show_change", {"en": "Coupons: change a batch", "zh": "修改优惠券批次"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_change", WRITE), "row": ConsoleAct("another_row", WRITE),
                "change": ConsoleAct("change_batch", WRITE),
            },
            menu=False,
        ),
        "coupon": ConsolePart(
            "show_coupon", {"en": "Coupons: a coupon", "zh": "优惠券详情"}, READ,
            acts={"void": ConsoleAct("void_coupon", MANAGE), "again": ConsoleAct("give_again", MANAGE)}, menu=False,
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "coupons": ConsolePart("show_totals", {"en": "Coupons", "zh": "优惠券"}, "reports:read"),
    }

    def show_batches(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Batches, newest first, with stock and money; a coupon is found by its code."""
        before = query.position("before")
        shown, older = cut_page(_here().batches.latest(before=before, limit=ROWS + 1), ROWS)
        return ConsoleTemplate("console_batches.html", {"batches": shown, "before": before, "older": older}, STATES)

    def find(self, query: ConsoleQuery) -> ConsoleDone:
        """The coupon with the code that was typed; a form, so that no code stands in an address."""
        return ConsoleDone("coupon", {"uid": _here().claims.by_code(query.text("code")).uid})

    def show_batch(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One batch: its coupons by state, stock, money, and the coupons one by one."""
        here = _here()
        batch, after = here.batches.get(query.asked("code")), query.position("after")
        shown, older = cut_page(here.claims.page(batch.id, after=after, limit=ROWS + 1), ROWS)
        context = {
            "batch": batch,
            "standing": standing(batch),
            "rule": _rule(batch, query.language),
            "version": version(batch),
            "coupons": shown,
            "names": here.brand.contacts.names(each.contact_id for each in shown),
            "after": after,
            "older": older,
            "most_drawn": MOST_DRAWN,
        }
        return ConsoleTemplate("console_batch.html", context, STATES)

    def open_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Let claims begin, or go on."""
        batch = _unchanged(query)
        _here().batches.open(batch.code, actor=current_actor())
        return _done(batch, "opened")

    def pause_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Stop claims for now."""
        batch = _unchanged(query)
        _here().batches.pause(batch.code, actor=current_actor())
        return _done(batch, "paused")

    def stop_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Stop claims for good."""
        batch = _unchanged(query)
        _here().batches.close(batch.code, actor=current_actor())
        return _done(batch, "stopped")

    def raise_stock(self, query: ConsoleQuery) -> ConsoleDone:
        """Raise the stock to a total."""
        batch, total = _unchanged(query), query.whole("total")
        if total == batch.stock_total:
            raise Invalid(f"total: stock is only added; there are {total} already", field="total")
        _here().batches.raise_stock(batch.code, total, actor=current_actor())
        return _done(batch, "stocked")

    def draw_codes(self, query: ConsoleQuery) -> ConsoleDone:
        """Draw codes until the pool has had so many ever."""
        batch, total = _unchanged(query), query.whole("draw")
        there = batch.stock_total or 0
        if total - there > MOST_DRAWN:
            words = f"draw: {MOST_DRAWN} at once; more by scrm coupon-threshold draw, which goes on where it stopped"
            raise Invalid(words, field="draw")
        if total <= there:
            raise Invalid(f"draw: there were {there} already; say how many there are to be", field="draw")
        _here().pools.draw(batch.code, total)
        return _done(batch, "stocked")

    def upload_codes(self, query: ConsoleQuery) -> ConsoleDone:
        """Add the codes of a CSV file; one with lines that cannot be taken adds nothing, unless that was ticked."""
        batch = _unchanged(query)
        given = query.files.get("file")
        content = b"" if given is None else given.stream.read(MOST_FILE + 1)
        if not content or len(content) > MOST_FILE:
            words = f"file: a CSV file with the column code, of at most {MOST_FILE:,} bytes; more by command"
            raise Invalid(words, field="file")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "codes.csv"
            path.write_bytes(content)
            outcome = _here().pools.import_file(batch.code, path)
        if outcome.rejected and "partly" not in query.form:
            lines = "; ".join(f"{line}: {reason}" for line, reason in outcome.rejects[:10])
            words = f"file: {outcome.rejected} lines cannot be taken, and nothing was added: {lines}"
            raise Invalid(words, field="file")
        counts = {"added": outcome.added, "there": outcome.unchanged, "rejected": outcome.rejected}
        told = {name: str(count) for name, count in counts.items()}
        return ConsoleDone(args={"code": batch.code, "done": "uploaded", **told})

    def show_coupon(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One coupon with its owner, times and what became of it."""
        here = _here()
        coupon = here.claims.get(query.asked("uid"))
        context = {
            "coupon": coupon,
            "batch": here.batches.by_id(coupon.batch_id),
            "shown": shown_code(coupon.code),
            "names": here.brand.contacts.names([coupon.contact_id]),
            "again": _again(here, coupon),
        }
        return ConsoleTemplate("console_coupon.html", context, STATES)

    def void_coupon(self, query: ConsoleQuery) -> ConsoleDone:
        """Void an unused coupon, with the reason."""
        here, coupon = _here(), _coupon(query)
        here.voiding.void(coupon.uid, reason=query.reason(), actor=current_actor())
        return ConsoleDone(args={"uid": coupon.uid, "done": "voided"})

    def give_again(self, query: ConsoleQuery) -> ConsoleDone:
        """Give the owner of a void or expired coupon another one of the batch, once."""
        here, coupon = _here(), _coupon(query)
        if coupon.state not in ("void", "expired") or coupon.contact_id is None:
            words = f"the coupon is {coupon.state}; only a void or expired one is given again"
            raise Conflict(words, code=coupon.state)
        made = here.claims.claim(
            coupon.batch, coupon.contact_id, key=f"again-{coupon.uid}", source="staff", actor=current_actor(),
            reason=query.reason(), sku=coupon.sku,
        )  # fmt: skip
        return ConsoleDone(args={"uid": made.uid, "done": "given"})

    def show_totals(self) -> ReportTable:
        """Batches that run, that are paused, that are nearly out of stock, and what was claimed today."""
        brand = current_brand()
        row = execute(
            "SELECT coalesce(sum(CASE WHEN state = 'open' THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN state = 'paused' THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN state = 'open' AND stock_left * 10 < stock_total THEN 1 ELSE 0 END), 0), "
            "coalesce(sum((SELECT d.issued FROM coupon_threshold_day d WHERE d.batch_id = b.id AND d.day = ?)), 0) "
            "FROM coupon_threshold_batch b WHERE state <> 'closed'",
            (brand.day(brand.now()),),
        ).fetchone()
        columns = (
            Column("open", "Batches open 进行中批次", "count"),
            Column("paused", "paused 已暂停", "count"),
            Column("low", "nearly out of stock 即将领完", "count"),
            Column("claimed", "Claimed today 今日领取", "count"),
        )
        return ReportTable(columns, [dict(zip(("open", "paused", "low", "claimed"), map(int, row), strict=True))])


def _here() -> Coupons:
    return coupons_of(current_brand())


def _rule(batch: Batch, language: str) -> str:
    brand = current_brand()
    return describe(read_rule(batch.rule), lambda minor: show_minor(minor, brand.currency), language)


def version(batch: Batch) -> str:
    """What two people may change of a batch, as text: a form carries it."""
    return f"{batch.state}|{batch.stock_total}"


def _unchanged(query: ConsoleQuery) -> Batch:
    """The batch of a form, locked, as whoever sent the form saw it; raises Conflict when somebody changed it since."""
    batches = _here().batches
    code = query.asked("code")
    lock_batch(batches.get(code).id)
    batch = batches.get(code)
    query.expect(version(batch), "somebody changed the batch since you opened the page 已有人修改了这个批次")
    return batch


def _coupon(query: ConsoleQuery) -> CouponView:
    """The coupon of a form, its batch locked, in the state in which whoever sent the form saw it."""
    claims = _here().claims
    uid = query.asked("uid")
    lock_batch(claims.get(uid).batch_id)
    coupon = claims.get(uid)
    query.expect(coupon.state, f"the coupon is {coupon.state} meanwhile 已有人处理: {STATES[coupon.state][1]}")
    return coupon


def _again(here: Coupons, coupon: CouponView) -> str | None:
    """The uid of the coupon that was given instead of this one, or None."""
    row = execute(
        "SELECT uid FROM coupon_threshold_coupon WHERE grant_key = ?", (f"staff:again-{coupon.uid}",)
    ).fetchone()
    return None if row is None else str(row[0])


def _done(batch: Batch, what: str) -> ConsoleDone:
    return ConsoleDone(args={"code": batch.code, "done": what})
