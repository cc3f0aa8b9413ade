"""The balanced ledger of a deal: who came, what counts, and when a direction stops by itself.

What comes is counted by whoever receives it, by one conditional update: never
beyond the quota, and never more than the deal's limit above what was given. The
partner is told totals, never a person.
"""

from __future__ import annotations

import json
from typing import Any

from scrm_core.api import (
    Conflict,
    ContactMerged,
    Invalid,
    LeadCaptured,
    LinkVisited,
    NotFound,
    OrderPaid,
    PartnerMessage,
    RefundMade,
    clean_text,
    execute,
    transactional,
)

from .book import MS_PER_DAY, SELECT, Book, Deal, Refuse
from .statement import COLUMNS
from .terms import written

_OPEN = "received < quota AND received - given < imbalance"
_MOST = 10**9


class Ledger(Book):
    """What each direction of a brand's deals brought."""

    # People that come ------------------------------------------------------------

    def take_visit(self, event: LinkVisited) -> None:
        """A person opened the deal's link: one click, however often; none while the direction stands still."""
        deal = self._by_link(event.code, event.at)
        if deal is None or self._opened_before(deal, event):
            return
        done = execute(
            "UPDATE cross_brand_swap_deal SET clicks = clicks + 1 WHERE id = ? AND open_in = 1", (deal.id,)
        )
        if done.rowcount == 1 and deal.unit == "click":
            self.count(deal, None)

    def take_lead(self, event: LeadCaptured) -> None:
        """A person came by the deal's link: an arrival, if new to this brand and the direction is not stopped."""
        deal = self._by_link(event.link, event.at) if event.link else None
        if deal is None or event.contact_id is None or not event.is_new or not self._new(event.contact_id, event.at):
            return
        if not self.lock(deal).open_in:
            return  # in no unit: or more would stay, and buy, than are told to have come
        made = execute(
            "INSERT INTO cross_brand_swap_arrival (deal_id, contact_id, key, at, counted, void_counted) "
            "VALUES (?, ?, ?, ?, 0, 0) ON CONFLICT (deal_id, key) DO NOTHING RETURNING id",
            (deal.id, event.contact_id, f"contact:{event.contact_id}", event.at),
        ).fetchone()
        if made is None:
            return
        if deal.unit == "add":
            self.count(deal, made[0])
        # Shops and chats are not told in step: the order may have been there before the friend.
        order = execute(
            "SELECT id, paid_at FROM orders WHERE contact_id = ? AND valid = 1 AND paid_minor > 0 AND paid_at >= ? "
            "ORDER BY paid_at, id LIMIT 1",
            (event.contact_id, event.at),
        ).fetchone()
        if order is not None:
            self._ordered(deal, made[0], event.at, *order)

    def take_order(self, event: OrderPaid) -> None:
        """The first order of a person that came, within the window."""
        if event.contact_id is None or event.paid_minor <= 0:
            return
        for arrival_id, deal, at in self._arrivals("a.contact_id = ? AND a.void_by IS NULL", event.contact_id):
            self._ordered(deal, arrival_id, at, event.order_id, event.at)

    def take_refund(self, event: RefundMade) -> None:
        """A first order that was wholly refunded within the days it must last is none."""
        if event.full:
            for arrival_id, deal, _ in self._arrivals("a.order_id = ?", event.order_id):
                self._unordered(deal, arrival_id, event.at)

    def take_back_closed(self) -> None:
        """First orders that were closed without a refund within the days they must last are none; the job looks."""
        for deal in self.deals(state="agreed"):
            rows = execute(
                "SELECT a.id FROM cross_brand_swap_arrival a JOIN orders o ON o.id = a.order_id "
                "WHERE a.deal_id = ? AND o.valid = 0 AND a.ordered_at >= ?",
                (deal.id, self.brand.now() - deal.terms["keep_days"] * MS_PER_DAY),
            ).fetchall()
            for (arrival_id,) in rows:
                with self.brand.transaction():
                    self._unordered(deal, arrival_id, self.brand.now())

    def take_merge(self, event: ContactMerged) -> None:
        """A person that came turned out to be known: one who was a customer before, or the same one twice.

        An undone merge gives back what it took.
        """
        if event.undone:
            for arrival_id, deal, _ in self._arrivals("a.void_by = ?", event.merge_id):
                self._unvoid(deal, arrival_id)
            return
        kept: dict[int, tuple[int, int]] = {}
        for arrival_id, deal, at in self._arrivals("a.contact_id = ? AND a.void_by IS NULL", event.winner_id):
            if not self._new(event.winner_id, at):
                self._void(deal, arrival_id, event.merge_id)
            elif deal.id in kept:
                self._void(deal, arrival_id, event.merge_id)
                self._take_order_over(deal, *kept[deal.id], arrival_id)
            else:
                kept[deal.id] = arrival_id, at

    @transactional
    def lost(self, code: str, contact_id: int, *, actor: str) -> None:
        """Somebody that came has left again (deleted the friend). Within the days to keep it counts no more."""
        deal = self.lock(self.deal(code))
        if deal.state != "agreed":
            raise Conflict(f"deal {code!r} is {deal.state}: its totals stand", code="deal_state")
        row = execute(
            "SELECT id, at FROM cross_brand_swap_arrival WHERE deal_id = ? AND contact_id = ? AND lost_at IS NULL "
            "AND void_by IS NULL",
            (deal.id, contact_id),
        ).fetchone()
        if row is None:
            raise NotFound(f"this person did not come by deal {code!r}, or was lost already")
        if self.brand.now() > row[1] + deal.terms["keep_days"] * MS_PER_DAY:
            raise Conflict(f"they stayed the {deal.terms['keep_days']} days of the deal, and count", code="kept")
        execute("UPDATE cross_brand_swap_arrival SET lost_at = ? WHERE id = ?", (self.brand.now(), row[0]))
        if deal.unit != "first_order":
            self._uncount(deal, row[0])
        self.note(code, deal.partner, "us", "lost", actor=actor)

    @transactional
    def show(self, code: str) -> dict[str, Any]:
        """What to show of the partner's now. Raises Conflict while the deal does not run or this direction stopped."""
        deal = self.deal(code)
        now = self.brand.now()
        if not self.names(deal):
            raise Conflict(f"the brand's file names no partner {deal.partner!r}", code="no_partner")
        if deal.state != "agreed" or not deal.from_at <= now < deal.until_at:
            why = f"it is {deal.state}, for the time {self.period(deal)}"
            raise Conflict(f"deal {code!r} does not run now: {why}", code="deal_not_running")
        if not deal.show_url:
            raise Conflict(
                f"deal {code!r} does not run now: the partner has told no link that was taken", code="deal_not_running"
            )
        if not deal.open_out:
            raise Conflict(f"deal {code!r} is stopped: the partner owes, or has its quota", code="deal_stopped")
        return {"url": deal.show_url, "words": deal.show_words}

    @transactional
    def add_shown(self, code: str, quantity: int, *, key: str, actor: str) -> int:
        """Write exposures down that this brand gave, once per key; returns the total."""
        deal = self.deal(code)
        key = clean_text(key, field="key", max_length=200)
        if type(quantity) is not int or not 0 < quantity <= _MOST or not key:
            raise Invalid("a key, and a whole number above 0", field="quantity" if key else "key")
        # Under the row's lock: what was told last when the deal closed stands.
        running = execute(
            "UPDATE cross_brand_swap_deal SET shown = shown WHERE id = ? AND state = 'agreed'", (deal.id,)
        )
        if running.rowcount != 1:
            raise Conflict(f"deal {code!r} does not run", code="deal_state")
        made = execute(
            "INSERT INTO cross_brand_swap_shown (deal_id, key, quantity, actor, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (deal_id, key) DO NOTHING",
            (deal.id, key, quantity, actor, self.brand.now()),
        )
        if made.rowcount == 1:
            execute("UPDATE cross_brand_swap_deal SET shown = shown + ? WHERE id = ?", (quantity, deal.id))
        else:
            (before,) = execute(
                "SELECT quantity FROM cross_brand_swap_shown WHERE deal_id = ? AND key = ?", (deal.id, key)
            ).fetchone()
            if before != quantity:
                raise Conflict(f"the key {key!r} was used for {before} exposures", code="key_used")
        return self.deal(code).shown

    # Counting ----------------------------------------------------------------------

    def count(self, deal: Deal, arrival_id: int | None) -> bool:
        """Count one, if quota and balance allow it; False when they do not, and the direction is stopped.

        An arrival is counted once, and not when it was lost meanwhile.
        """
        self.lock(deal)
        if arrival_id is not None:
            claimed = execute(
                "UPDATE cross_brand_swap_arrival SET counted = 1 WHERE id = ? AND counted = 0 AND void_by IS NULL "
                "AND (lost_at IS NULL OR ? = 'first_order')",
                (arrival_id, deal.unit),
            )
            if claimed.rowcount != 1:
                return False
        done = execute(
            f"UPDATE cross_brand_swap_deal SET received = received + 1 WHERE id = ? AND state = 'agreed' AND {_OPEN}",
            (deal.id,),
        )
        if done.rowcount != 1 and arrival_id is not None:
            execute("UPDATE cross_brand_swap_arrival SET counted = 0 WHERE id = ?", (arrival_id,))
        self._balance(deal)
        return bool(done.rowcount == 1)

    def count_kept(self) -> int:
        """Count people who stayed the days of their deal (unit ``retained_add``); returns how many were counted."""
        counted = 0
        for deal in self.deals(state="agreed"):
            if deal.unit != "retained_add" or not deal.open_in:
                continue
            due = self.brand.now() - deal.terms["keep_days"] * MS_PER_DAY
            rows = execute(
                "SELECT id FROM cross_brand_swap_arrival WHERE deal_id = ? AND counted = 0 AND lost_at IS NULL "
                "AND void_by IS NULL AND at <= ? ORDER BY at, id LIMIT 1000",
                (deal.id, due),
            ).fetchall()
            for (arrival_id,) in rows:
                with self.brand.transaction():
                    counted += self.count(deal, arrival_id)
                    stopped = not self.deal(deal.code).open_in
                if stopped:
                    break
        return counted

    def _uncount(self, deal: Deal, arrival_id: int) -> None:
        done = execute(
            "UPDATE cross_brand_swap_arrival SET counted = 0 WHERE id = ? AND counted = 1", (arrival_id,)
        )
        if done.rowcount == 1:
            execute(
                "UPDATE cross_brand_swap_deal SET received = received - 1 WHERE id = ? AND state = 'agreed'", (deal.id,)
            )
            self._balance(deal)

    def _balance(self, deal: Deal) -> None:
        """Stop the direction, or let it go on, as the books say; the partner is told at once when that changes."""
        for open_in, holds, act in ((0, f"NOT ({_OPEN})", "stop"), (1, _OPEN, "go on")):
            moved = execute(
                "UPDATE cross_brand_swap_deal SET open_in = ? "
                f"WHERE id = ? AND open_in <> ? AND state = 'agreed' AND {holds}",
                (open_in, deal.id, open_in),
            )
            if moved.rowcount == 1:
                self.note(deal.code, deal.partner, "us", act)
                self.tell(deal.code)

    def _ordered(self, deal: Deal, arrival_id: int, came: int, order_id: int, at: int) -> None:
        """An order of a person that came: the first one within the window is kept, and counts where orders do."""
        if not came <= at <= came + deal.terms["window_days"] * MS_PER_DAY:
            return
        done = execute(
            "UPDATE cross_brand_swap_arrival SET ordered_at = ?, order_id = ? WHERE id = ? AND ordered_at IS NULL",
            (at, order_id, arrival_id),
        )
        if done.rowcount == 1 and deal.unit == "first_order":
            self.count(deal, arrival_id)

    def _unordered(self, deal: Deal, arrival_id: int, at: int) -> None:
        done = execute(
            "UPDATE cross_brand_swap_arrival SET ordered_at = NULL, order_id = NULL, void_counted = 0 "
            "WHERE id = ? AND ordered_at >= ?",
            (arrival_id, at - deal.terms["keep_days"] * MS_PER_DAY),
        )
        if done.rowcount == 1 and deal.unit == "first_order":
            self._uncount(deal, arrival_id)

    def _void(self, deal: Deal, arrival_id: int, merge_id: int) -> None:
        execute("UPDATE cross_brand_swap_arrival SET void_counted = counted WHERE id = ?", (arrival_id,))
        self._uncount(deal, arrival_id)
        execute("UPDATE cross_brand_swap_arrival SET void_by = ? WHERE id = ?", (merge_id, arrival_id))

    def _take_order_over(self, deal: Deal, arrival_id: int, came: int, twin_id: int) -> None:
        """The arrival that stays has the first order of the one that goes, if it has none of its own."""
        order_id, at = execute(
            "SELECT order_id, ordered_at FROM cross_brand_swap_arrival WHERE id = ?", (twin_id,)
        ).fetchone()
        if order_id is not None:
            self._ordered(deal, arrival_id, came, order_id, at)

    def _unvoid(self, deal: Deal, arrival_id: int) -> None:
        order_id, counted = execute(
            "SELECT order_id, void_counted FROM cross_brand_swap_arrival WHERE id = ?", (arrival_id,)
        ).fetchone()
        lent = execute(  # the arrival that had taken this one's order over
            "UPDATE cross_brand_swap_arrival SET ordered_at = NULL, order_id = NULL "
            "WHERE deal_id = ? AND id <> ? AND order_id = ? RETURNING id",
            (deal.id, arrival_id, order_id),
        ).fetchone()
        if lent is not None and deal.unit == "first_order":
            self._uncount(deal, lent[0])
        execute("UPDATE cross_brand_swap_arrival SET void_by = NULL, void_counted = 0 WHERE id = ?", (arrival_id,))
        if counted:
            self.count(deal, arrival_id)

    # Totals ---------------------------------------------------------------------------

    def brought(self, deal: Deal) -> dict[str, int]:
        """What came to this brand by a deal, per unit; the deal's own unit is what was counted.

        Where adds are what counts, one that does not count has not stayed or ordered either; where first orders
        are, whoever counts was added, also if they left since. So nobody stays or orders who is no add.
        """
        kept = self.brand.now() - deal.terms["keep_days"] * MS_PER_DAY
        adds, retained, orders = execute(
            "SELECT sum(CASE WHEN lost_at IS NULL OR (counted = 1 AND ? = 'first_order') THEN 1 ELSE 0 END), "
            "sum(CASE WHEN lost_at IS NULL AND at <= ? AND (counted = 1 OR ? <> 'add') THEN 1 ELSE 0 END), "
            "sum(CASE WHEN ordered_at IS NOT NULL AND lost_at IS NULL AND (counted = 1 OR ? <> 'add') "
            "THEN 1 ELSE 0 END) "
            "FROM cross_brand_swap_arrival WHERE deal_id = ? AND void_by IS NULL",
            (deal.unit, kept, deal.unit, deal.unit, deal.id),
        ).fetchone()
        totals = {"click": deal.clicks, "add": adds, "retained_add": retained, "first_order": orders}
        return {unit: int(total or 0) for unit, total in totals.items()} | {deal.unit: deal.received}

    def tell(self, code: str, *, final: bool = False) -> bool:
        """Tell the partner the totals of what came, if they changed or a day went by; False when not.

        What is told again repairs what was lost on the way.
        Call it in a transaction: the row is locked first, so that a later number never carries older totals.
        """
        deal = self.lock(self.deal(code))
        totals = {"shown": deal.shown, **self.brought(deal)}
        body = {"totals": totals, "counted": deal.received, "open": deal.open_in, "final": int(final)}
        text = written(body)
        now = self.brand.now()
        if not self.names(deal) or (text == deal.sent and now < deal.sent_at + MS_PER_DAY):
            return False
        self._tell(deal, text)
        return True

    def tell_again(self, deal: Deal) -> None:
        """Tell the last totals once more, as they were."""
        self._tell(deal, deal.sent)

    def _tell(self, deal: Deal, text: str) -> None:
        # By the clock, so that books restored from a backup are not older than what the partner has heard.
        seq = max(deal.seq + 1, self.brand.now())
        execute(
            "UPDATE cross_brand_swap_deal SET seq = ?, sent = ?, sent_at = ? WHERE id = ?",
            (seq, text, self.brand.now(), deal.id),
        )
        self.send(deal, "counts", {"seq": seq, **json.loads(text)}, f"{deal.code}:{seq}")

    def take_counts(self, event: PartnerMessage) -> None:
        """The partner tells what came to it: what this brand gave."""
        deal = self.deal_of(event)
        body = event.body
        totals, seq, counted = body.get("totals"), body.get("seq"), body.get("counted")
        if deal.told.get("final") and body.get("final") == 1 and totals == deal.told["totals"]:
            return  # told again, and known
        if deal.state not in ("agreed", "settling"):
            raise Refuse(f"out of order: the deal is {deal.state}")
        if type(seq) is not int or seq <= deal.told_seq or deal.told.get("final"):
            raise Refuse("out of order: later totals were told already")
        numbers = [*totals.values(), counted] if isinstance(totals, dict) and set(totals) == set(COLUMNS) else [None]
        numbers.append(body.get("open") if body.get("open") in (0, 1) else None)
        if any(type(each) is not int or not 0 <= each <= _MOST for each in numbers):
            raise Refuse("totals are whole numbers of every unit")
        if max(totals["retained_add"], totals["first_order"]) > totals["add"]:  # type: ignore[index]
            raise Refuse("totals cannot be: more people stayed, or ordered, than were added")
        if counted != totals[deal.unit] or counted > deal.quota:  # type: ignore[index,operator]
            raise Refuse("what counts is more than the quota, or not the total of the deal's unit")
        told = {"totals": totals, "final": 1 if body.get("final") == 1 else 0}
        execute(
            "UPDATE cross_brand_swap_deal SET given = ?, open_out = ?, told_seq = ?, told = ? WHERE id = ?",
            (counted, body["open"], seq, written(told), deal.id),
        )
        if body["open"] != deal.open_out:
            self.note(deal.code, deal.partner, "them", "go on" if body["open"] else "stop", message=event.id)
        if told["final"]:
            self.note(deal.code, deal.partner, "them", "close", message=event.id)
        self._balance(deal)

    # Reading ---------------------------------------------------------------------------

    def _opened_before(self, deal: Deal, event: LinkVisited) -> bool:
        """Whether this visitor has an earlier visit: of all, the one with the smallest number counts."""
        row = execute(
            "SELECT 1 FROM visit WHERE visitor = ? AND visitor <> '' AND link_id = ? AND bot = 0 AND at >= ? "
            "AND id < ? LIMIT 1",
            (event.visitor, event.link_id, deal.from_at, event.visit_id),
        ).fetchone()
        return row is not None

    def _by_link(self, code: str, at: int) -> Deal | None:
        row = execute(SELECT + "WHERE link = ? AND link <> '' AND state = 'agreed'", (code,)).fetchone()
        if row is None:
            return None
        deal = Deal(*row)
        return deal if deal.from_at <= at < deal.until_at + deal.terms["window_days"] * MS_PER_DAY else None

    def _arrivals(self, where: str, value: int) -> list[tuple[int, Deal, int]]:
        rows = execute(
            "SELECT a.id, d.code, a.at FROM cross_brand_swap_arrival a "
            "JOIN cross_brand_swap_deal d ON d.id = a.deal_id "
            f"WHERE d.state = 'agreed' AND {where} ORDER BY a.at, a.id",
            (value,),
        ).fetchall()
        return [(arrival_id, self.lock(self.deal(code)), at) for arrival_id, code, at in rows]

    def _new(self, contact_id: int, at: int) -> bool:
        """Whether the person was unknown before: no earlier lead, order or membership."""
        row = execute("SELECT lead_at, first_order_at FROM contact WHERE id = ?", (contact_id,)).fetchone()
        if row is None or any(before is not None and before < at for before in row):
            return False
        return all(stay.joined_at >= at for stay in self.brand.membership.history(contact_id))
